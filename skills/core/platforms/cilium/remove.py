"""Takes away what only serves a need: an item of a list, or the rule that holds nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from skills.core.enforce.kube_policy import Direction, Pods
from skills.core.enforce.peers import Peers, peers, pods_of
from skills.core.enforce.selectors import Match
from skills.core.model import Destination, Finding, Need, Place, Role, finding
from skills.core.platforms.cilium.decide import decide
from skills.core.platforms.cilium.endpoints import Endpoint, endpoint
from skills.core.platforms.cilium.entries import CiliumPolicy, Peer, Rule
from skills.core.platforms.cilium.match import selection
from skills.core.platforms.cilium.pattern import plain
from skills.core.platforms.cilium.wish import port_number, ports_for, same_ports, strays
from skills.core.platforms.cilium.workspace import Path, Workspace
from skills.core.yaml_text import CannotEdit

_MOST_STEPS = 50
_MOST_SAID = 3

_Found = tuple[CiliumPolicy, Rule, Path]


class Remover:
    """Takes destinations of one need away, one after the other. DNS rules stay: others may need them."""

    def __init__(self, workspace: Workspace, need: Need) -> None:
        self._workspace = workspace
        self._need = need
        self.findings: list[Finding] = []

    def remove(self, destination: Destination) -> None:
        index, workload = self._workspace.index, self._need.workload
        far = peers(index.cluster, workload, destination)
        near = pods_of(index.cluster, workload)
        removed = self._all(destination, far, "Egress", near, far.pods)
        for pods in far.pods:
            removed += self._all(destination, far, "Ingress", pods, [near])
        facts = {"workload": workload.name, "destination": str(destination)}
        views = decide(self._workspace.index, workload, destination)
        if views and all(view.allows or view.default == "allow" for view in views):
            for place in [hit.place for view in views for hit in view.allows][:_MOST_SAID]:
                self._stays(place, destination)
            self.findings += [Finding("EGR961", facts)] if removed else []
        if not removed:
            self.findings.append(Finding("EGR962", facts))

    def _all(self, destination: Destination, far: Peers, direction: Direction, near: Pods, ends: Sequence[Pods]) -> int:
        """How many items were removed. Each removal is read again before the next."""
        role: Role = "allowlist" if direction == "Egress" else "counterpart"
        for count in range(_MOST_STEPS):
            found = self._first(destination, far, direction, near, ends)
            if found is None:
                return count
            try:
                self._cut(*found, role)
            except CannotEdit as error:
                self.findings.append(error.finding)
                return count
        return _MOST_STEPS

    def _first(
        self, destination: Destination, far: Peers, direction: Direction, near: Pods, ends: Sequence[Pods]
    ) -> _Found | None:
        index = self._workspace.index
        end = endpoint(index.cluster, near)
        wanted = ports_for(destination, far.pods)
        for policy, spec in index.about(near.namespace):
            if policy.clusterwide or selection(policy, spec, end) is not Match.YES:
                continue
            for rule in spec.side(direction).allow:
                for number, peer in enumerate(rule.peers):
                    if not self._is_it(policy, peer, destination, ends):
                        continue
                    path = _path(rule, number, wanted) if self._workspace.is_own(policy, spec, near) else None
                    if path is not None:
                        return policy, rule, path
                    self._stays(peer.place, destination)
        return None

    def _stays(self, place: Place, destination: Destination) -> None:
        item = finding("EGR960", place, destination=str(destination), place=str(place))
        if item not in self.findings:
            self.findings.append(item)

    def _is_it(self, policy: CiliumPolicy, peer: Peer, destination: Destination, ends: Sequence[Pods]) -> bool:
        """Whether the peer means exactly this destination."""
        if peer.name is not None:
            return bool(destination.host) and plain(peer.name.text) == destination.host
        if peer.block is not None:
            return peer.block.cidr == destination.network and not peer.block.excepts
        if peer.selector is None or not peer.selector.labels or not ends:
            return False
        index = self._workspace.index
        return all(
            peer.selector.matches(_end(self._workspace, pods), policy.namespace) is Match.YES
            and not strays(index.cluster, pods, peer.selector.labels)
            for pods in ends
        )

    def _cut(self, policy: CiliumPolicy, rule: Rule, path: Path, role: Role) -> None:
        """A section whose only rule goes keeps an empty one, so that the pods stay isolated."""
        section = rule.path[:-1]
        rules = [other for spec in policy.specs for side in (spec.egress, spec.ingress) for other in side.allow]
        if path == rule.path and sum(other.path[:-1] == section for other in rules) == 1:
            self._workspace.append(policy, section, {}, "", role)
            policy = self._workspace.again(policy)
        self._workspace.remove(policy, path, role)


def _path(rule: Rule, number: int, wanted: Sequence[dict[str, Any]]) -> Path | None:
    """What can go without touching another destination: the item, its whole rule, or one port of it."""
    if same_ports(rule.to_ports, wanted, exactly=True):
        return rule.path if len(rule.peers) == 1 else (*rule.path, rule.family, number)
    port = port_number(rule.to_ports, wanted) if len(rule.peers) == 1 else None
    return None if port is None else (*rule.path, "toPorts", 0, "ports", port)


def _end(workspace: Workspace, pods: Pods) -> Endpoint:
    return endpoint(workspace.index.cluster, pods)
