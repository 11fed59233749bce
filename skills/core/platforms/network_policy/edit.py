"""The smallest change that satisfies a need: add what is missing at each end, or take away what only serves it.

A NetworkPolicy can't name hosts. For an outside host the draft opens the given addresses, else the public
Internet on that port without private ranges, and asks which of both was meant.
"""

from __future__ import annotations

from collections.abc import Mapping

from skills.core.enforce.cluster import names
from skills.core.enforce.kube_decide import evaluate
from skills.core.enforce.kube_policy import Peer, Pods
from skills.core.enforce.peers import Peers, peers, pods_of
from skills.core.enforce.spans import EVERY_V4
from skills.core.model import Destination, Finding, LayerView, Need, Plan, Question
from skills.core.platform_base import Sources
from skills.core.platforms.network_policy.decide import NAME, Index
from skills.core.platforms.network_policy.faults import refused_label, shown
from skills.core.platforms.network_policy.manifest import comment_for
from skills.core.platforms.network_policy.placing import Placer
from skills.core.platforms.network_policy.remove import Remover
from skills.core.platforms.network_policy.wish import (
    Wish,
    block_peer,
    internet_peer,
    labels_for,
    pods_peer,
    ports_for,
)
from skills.core.platforms.network_policy.workspace import Workspace

_MOST_CHOICES = 8


def edit(index: Index, sources: Sources, need: Need) -> Plan:
    """Edits for every destination of the need; or none, and why."""
    workspace = Workspace(index, sources)
    if need.remove:
        remover = Remover(workspace, need)
        for destination in need.destinations:
            remover.remove(destination)
        return Plan(workspace.edits(), (), tuple(remover.findings))
    adder = _Adder(workspace, need)
    for destination in need.destinations:
        adder.add(destination)
    return Plan(workspace.edits(), (), tuple(adder.findings), tuple(adder.questions))


class _Adder:
    """Adds what one need lacks, destination by destination."""

    def __init__(self, workspace: Workspace, need: Need) -> None:
        self._workspace = workspace
        self._need = need
        self._placer = Placer(workspace)
        self._near = pods_of(workspace.index.cluster, need.workload)
        self.findings: list[Finding] = []
        self.questions: list[Question] = []

    def add(self, destination: Destination) -> None:
        index, workload = self._workspace.index, self._need.workload
        views = evaluate(index.policies, index.cluster, workload, destination, NAME)
        if all(allowed(view) for view in views):
            self._say("EGR954", workload=workload.name, destination=str(destination))
            return
        far = peers(index.cluster, workload, destination)
        if far.unknown:
            self.findings += far.unknown
            return
        if not allowed(views[0]):
            self._add_egress(destination, far, views[0])
        for view in views[1:]:
            if not allowed(view):
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
            self._say("EGR935", text=shown(refused))
            return
        wanted = self._pods_peers(destination, far) if far.pods else self._outside_peers(destination, far)
        if not wanted:
            return
        ports = ports_for(destination, far.pods)
        who, what = _who(self._near, labels), _what(destination, far)
        comment = comment_for(self._need, destination)
        wish = Wish("Egress", self._near.namespace, labels, tuple(wanted), ports, who, what, comment)
        if view.default != "deny":
            # Nothing isolates these pods for certain: the new rule may be what first does.
            self._say("EGR920", workload=self._need.workload.name, namespace=self._near.namespace)
        self.findings += self._placer.place(wish, self._near, "allowlist")

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
            who, what = _who(self._near, source), _what(destination, far)
            comment = comment_for(self._need, destination)
            ports = ports_for(destination, [pods])
            wish = Wish("Ingress", pods.namespace, labels, (peer,), ports, who, what, comment)
            self.findings += self._placer.place(wish, pods, "counterpart")

    def _labels(self, pods: Pods) -> dict[str, str] | None:
        index = self._workspace.index
        return labels_for(index.cluster, index.policies.about(pods.namespace), pods)

    def _pods_peers(self, destination: Destination, far: Peers) -> list[Peer]:
        """One peer for all pods of a Service, else one for each kind of pods."""
        if any(pods.host_network for pods in far.pods):
            self._say("EGR964", name=far.pods[0].name)
            return []
        service = far.service
        if service is not None and service.selector:
            return [pods_peer(service.namespace, service.selector)]
        found: list[Peer] = []
        for pods in far.pods:
            labels = self._labels(pods)
            if labels is None:
                self.questions.append(Question("pods", "EGR956", {"destination": destination.name}))
            peer = pods_peer(pods.namespace, labels)
            if peer not in found:
                found.append(peer)
        return found

    def _outside_peers(self, destination: Destination, far: Peers) -> list[Peer]:
        """The addresses where they are known; for a name without any, the Internet and a question."""
        if not any(there.named for there in far.outside):
            if destination.host:
                self._say("EGR936", host=destination.host)
            return [
                block_peer(text) for text in ([destination.network] if destination.network else destination.addresses)
            ]
        host = far.outside[0].name
        facts = {"host": host, "ports": str(destination.ports or "")}
        if far.outside[0].expected == EVERY_V4:
            # A private name: public addresses would not help, and which private ones, only the asker knows.
            self.questions.append(Question(self._question(host), "EGR957", facts))
            return []
        choices = ("addresses", "public")
        self.questions.append(Question(self._question(host), "EGR917", facts, choices))
        return [internet_peer()]

    def _question(self, host: str) -> str:
        return "addresses" if len(self._need.destinations) == 1 else f"addresses:{host}"

    def _known_workloads(self) -> tuple[str, ...]:
        known = names(self._workspace.index.cluster)
        return tuple(name for name in known if name.startswith(f"{self._near.namespace}/"))[:_MOST_CHOICES]


def allowed(view: LayerView) -> bool:
    return bool(view.allows) or (view.default == "allow" and not view.unknown)


def _who(pods: Pods, labels: Mapping[str, str]) -> str:
    """The short name of a workload: its own, else what its labels say."""
    _, slash, name = pods.name.partition("/")
    return name if slash else "-".join(labels.values())


def _what(destination: Destination, far: Peers) -> str:
    if far.service is not None:
        return far.service.name
    if far.pods:
        return far.pods[0].name.partition("/")[2]
    return destination.name
