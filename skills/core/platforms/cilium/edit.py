"""The smallest change that satisfies a need: names by toFQDNs, addresses by toCIDR, pods by toEndpoints."""

from __future__ import annotations

from typing import Any

from skills.core.enforce.kube_policy import LAYER
from skills.core.enforce.peers import Peers, far_name, peers, pods_of, short_name
from skills.core.model import Destination, Finding, LayerView, Need, Plan, Question
from skills.core.platform_base import Sources
from skills.core.platforms.cilium.decide import decide
from skills.core.platforms.cilium.index import NAME, Index
from skills.core.platforms.cilium.placing import Placer
from skills.core.platforms.cilium.remove import Remover
from skills.core.platforms.cilium.wish import Wish, comment_for, endpoint_item, labels_for, ports_for
from skills.core.platforms.cilium.workspace import Workspace


def edit(index: Index, sources: Sources, need: Need) -> Plan:
    """Edits for every destination of the need; or none, and why."""
    workspace = Workspace(index, sources, need.workload.environment)
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
        views = decide(index, workload, destination)
        chosen = self._need.choice == NAME and not any(view.allows for view in views if view.half == "egress")
        if all(passes(view) for view in views) and not chosen:
            self._say("EGR876", workload=workload.name, destination=str(destination))
            return
        far = peers(index.cluster, workload, destination)
        denied = [hit.place for view in views for hit in view.denies]
        if denied:
            self._say("EGR879", workload=workload.name, destination=str(destination), place=str(denied[0]))
        elif far.unknown:
            self.findings += far.unknown
        elif chosen and not far.pods:
            # Other policies deny the host, and cannot name it. The asker chose a rule by name, so it is written here.
            self._add_egress(destination, far, LayerView(LAYER, NAME, "deny"))
        else:
            for view in views:
                if not passes(view):
                    self._half(destination, far, view)

    def _say(self, code: str, **facts: str) -> None:
        self.findings.append(Finding(code, facts))

    def _half(self, destination: Destination, far: Peers, view: LayerView) -> None:
        if any(pods.host_network for pods in far.pods):
            self._say("EGR880", name=far.pods[0].name)
        elif view.half == "egress":
            self._add_egress(destination, far, view)
        else:
            self._add_ingress(destination, far)

    def _add_egress(self, destination: Destination, far: Peers, view: LayerView) -> None:
        cluster, near = self._workspace.index.cluster, self._near
        labels = labels_for(cluster, near)
        if labels is None:
            facts = {"workload": self._need.workload.name, "namespace": near.namespace}
            self.questions.append(Question("labels", "EGR930", facts))
            return
        if view.default != "deny":
            self._say("EGR920", workload=self._need.workload.name, namespace=near.namespace)
        ports = () if far.api_server else ports_for(destination, far.pods)
        who, what = short_name(near, labels), far_name(destination, far)
        comment = comment_for(self._need, destination)
        for family, item in self._items(destination, far):
            wish = Wish("Egress", near.namespace, labels, family, item, ports, who, what, comment)
            host = (destination.host or "") if family == "toFQDNs" else ""
            self.findings += self._placer.place(wish, near, "allowlist", host)
            if "*" in host:
                self._say("EGR1213", pattern=host)

    def _items(self, destination: Destination, far: Peers) -> list[tuple[str, Any]]:
        """The peers that the destination needs, each with the key below which it stands."""
        if far.api_server:
            return [("toEntities", "kube-apiserver")]
        if not far.pods:
            if destination.host:
                key = "matchPattern" if "*" in destination.host else "matchName"
                return [("toFQDNs", {key: destination.host})]
            return [("toCIDR", destination.network)] if destination.network else []
        service = far.service
        if service is not None and service.selector:
            return [("toEndpoints", endpoint_item(service.namespace, service.selector, self._near.namespace))]
        found: list[tuple[str, Any]] = []
        for pods in far.pods:
            labels = labels_for(self._workspace.index.cluster, pods)
            if labels is None:
                self.questions.append(Question("pods", "EGR956", {"destination": destination.name}))
                continue
            item = ("toEndpoints", endpoint_item(pods.namespace, labels, self._near.namespace))
            found += [item] if item not in found else []
        return found

    def _add_ingress(self, destination: Destination, far: Peers) -> None:
        """The receiver's half, for each kind of pods behind the destination."""
        cluster, near = self._workspace.index.cluster, self._near
        source = labels_for(cluster, near)
        for pods in far.pods:
            labels = labels_for(cluster, pods)
            if labels is None or source is None:
                self._say("EGR955", destination=pods.name, namespace=pods.namespace)
                continue
            item = endpoint_item(near.namespace, source, pods.namespace)
            who, what = short_name(near, source), far_name(destination, far)
            comment = comment_for(self._need, destination)
            ports = ports_for(destination, [pods])
            wish = Wish("Ingress", pods.namespace, labels, "fromEndpoints", item, ports, who, what, comment)
            self.findings += self._placer.place(wish, pods, "counterpart")


def passes(view: LayerView) -> bool:
    return not view.denies and (bool(view.allows) or (view.default == "allow" and not view.unknown))
