"""Adds what a need lacks: the sender's half, the receiver's half, and DNS where a name could not be looked up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from skills.core.enforce.cluster import names
from skills.core.enforce.kube_decide import evaluate
from skills.core.enforce.kube_dns import dns_findings
from skills.core.enforce.kube_policy import Pods
from skills.core.enforce.peers import Peers, far_name, peers, pods_of, short_name
from skills.core.messages import say
from skills.core.model import Destination, Finding, LayerView, Need, Question
from skills.core.platforms.network_policy.decide import NAME
from skills.core.platforms.network_policy.dns_rule import dns_wish
from skills.core.platforms.network_policy.faults import refused_label
from skills.core.platforms.network_policy.manifest import comment_for
from skills.core.platforms.network_policy.placing import Placer
from skills.core.platforms.network_policy.targets import Targets
from skills.core.platforms.network_policy.wish import Wish, labels_for, pods_peer, ports_for
from skills.core.platforms.network_policy.workspace import Workspace

_MOST_CHOICES = 8


class Adder:
    """Adds what one need lacks, destination by destination."""

    def __init__(self, workspace: Workspace, need: Need) -> None:
        self._workspace = workspace
        self._need = need
        self._placer = Placer(workspace)
        self._near = pods_of(workspace.index.cluster, need.workload)
        self._targets = Targets(workspace, need, self._labels)
        self.findings: list[Finding] = []
        self.questions: list[Question] = []

    def add(self, destination: Destination) -> None:
        index, workload = self._workspace.index, self._need.workload
        views = evaluate(index.policies, index.cluster, workload, destination, NAME)
        if all(is_open(view) for view in views):
            self._say("EGR954", workload=workload.name, destination=str(destination))
            return
        far = peers(index.cluster, workload, destination)
        if far.unknown:
            self.findings += far.unknown
            return
        if not is_open(views[0]):
            self._add_egress(destination, far, views[0])
        for view in views[1:]:
            if not is_open(view):
                self._add_ingress(destination, far)

    def _say(self, code: str, **facts: str) -> None:
        self.findings.append(Finding(code, facts))

    def _add_egress(self, destination: Destination, far: Peers, view: LayerView) -> None:
        labels = self._labels(self._near)
        if labels is None:
            facts = {"workload": self._need.workload.name, "namespace": self._near.namespace}
            self.questions.append(Question("labels", "EGR930", facts, self._known_workloads()))
            return
        refused = refused_label(labels)
        if refused is not None:
            self._say("EGR935", text=refused)
            return
        wanted = self._targets.peers(destination, far)
        self.findings += self._targets.findings
        self.questions += self._targets.questions
        if not wanted:
            return
        asked = next((there.ports for there in far.outside if there.ports), destination.ports)
        ports = ports_for(replace(destination, ports=asked), far.pods)
        who, what = short_name(self._near, labels), far_name(destination, far)
        comment = comment_for(self._need, destination)
        wish = Wish("Egress", self._near.namespace, labels, tuple(wanted), ports, who, what, comment)
        if view.default != "deny":
            # Nothing isolates these pods for certain: the new rule may be what first does.
            self._say("EGR920", workload=self._need.workload.name, namespace=self._near.namespace)
        self.findings += self._placer.place(wish, self._near, "allowlist")
        if destination.host:
            self._add_dns(labels, who)

    def _add_dns(self, labels: Mapping[str, str], who: str) -> None:
        """A name must be looked up first. Where nothing opens DNS for these pods, the change would not help."""
        index, workload = self._workspace.index, self._need.workload.name
        if not dns_findings(index.policies.about(self._near.namespace), index.cluster, self._near):
            return
        comment = say(Finding("EGR355", {"workload": workload})).says
        wish = dns_wish(index, self._near.namespace, labels, who, comment)
        faults = self._placer.place(wish, self._near, "allowlist")
        self.findings += faults
        if not any(item.code == "EGR938" for item in faults):
            self._say("EGR356", workload=workload)

    def _add_ingress(self, destination: Destination, far: Peers) -> None:
        """The receiver's half, for each kind of pods behind the destination."""
        if self._near.host_network:
            self._say("EGR964", name=self._near.name)
            return
        source = self._labels(self._near)
        for pods in far.pods:
            labels = self._labels(pods)
            if labels is None or source is None:
                self._say("EGR955", destination=pods.name, namespace=pods.namespace)
                continue
            peer = pods_peer(self._near.namespace, source)
            who, what = short_name(self._near, source), far_name(destination, far)
            comment = comment_for(self._need, destination)
            ports = ports_for(destination, [pods])
            wish = Wish("Ingress", pods.namespace, labels, (peer,), ports, who, what, comment)
            self.findings += self._placer.place(wish, pods, "counterpart")

    def _labels(self, pods: Pods) -> dict[str, str] | None:
        index = self._workspace.index
        return labels_for(index.cluster, index.policies.about(pods.namespace), pods)

    def _known_workloads(self) -> tuple[str, ...]:
        known = names(self._workspace.index.cluster)
        return tuple(name for name in known if name.startswith(f"{self._near.namespace}/"))[:_MOST_CHOICES]


def is_open(view: LayerView) -> bool:
    return bool(view.allows) or (view.default == "allow" and not view.unknown)
