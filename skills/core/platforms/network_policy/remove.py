"""Takes away what only serves a need: a port, a peer, a rule, a policy; or says why it must stay."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from skills.core.enforce.kube_decide import evaluate
from skills.core.enforce.kube_flow import Flow, isolates, rule_openings
from skills.core.enforce.kube_policy import Direction, Outside, Peer, Pods, PolicyRule, labels_match
from skills.core.enforce.peers import peers, pods_of
from skills.core.enforce.selectors import LabelSelector, Match
from skills.core.enforce.spans import meets
from skills.core.model import Destination, Finding, Need, Place, Role, finding
from skills.core.platforms.network_policy.decide import NAME
from skills.core.platforms.network_policy.entries import PolicyEntry
from skills.core.platforms.network_policy.purpose import Purpose
from skills.core.platforms.network_policy.wish import labels_for, peer_key, pods_peer, strays
from skills.core.platforms.network_policy.workspace import Path, Workspace
from skills.core.yaml_text import CannotEdit

_MOST_STEPS = 50


@dataclass(frozen=True, slots=True)
class _Hit:
    """A rule that lets the flow through, with the numbers of its peers and ports that do."""

    entry: PolicyEntry
    direction: Direction
    number: int
    rule: PolicyRule
    peers: tuple[int, ...]
    ports: tuple[int, ...]

    @property
    def section(self) -> str:
        return "egress" if self.direction == "Egress" else "ingress"

    @property
    def path(self) -> Path:
        return ("spec", self.section, self.number)


class Remover:
    """Takes destinations of one need away, one after the other."""

    def __init__(self, workspace: Workspace, need: Need) -> None:
        self._workspace = workspace
        self._need = need
        self.findings: list[Finding] = []

    def remove(self, destination: Destination) -> None:
        cluster, workload = self._workspace.index.cluster, self._need.workload
        far = peers(cluster, workload, destination)
        near = pods_of(cluster, workload)
        flows = [Flow("Egress", near, pods, destination.protocol, pods.ports) for pods in far.pods]
        flows += [
            Flow("Egress", near, there, destination.protocol, there.ports or destination.ports) for there in far.outside
        ]
        asked = {"workload": workload.name, "destination": str(destination)}
        removed = self._sweep(flows, near, destination, "allowlist")
        for pods in far.pods:
            back = Flow("Ingress", pods, near, destination.protocol, pods.ports)
            removed = self._sweep([back], pods, destination, "counterpart") or removed
        index = self._workspace.index
        views = evaluate(index.policies, index.cluster, workload, destination, NAME)
        if all(view.allows or (view.default == "allow" and not view.unknown) for view in views):
            rules = [hit.place for view in views for hit in view.allows]
            self.findings.append(finding("EGR961", *rules[:3], **asked))
        elif not removed:
            self.findings.append(finding("EGR962", **asked))

    def _sweep(self, flows: Sequence[Flow], near: Pods, destination: Destination, role: Role) -> bool:
        """Removes until no rule that only serves the need is left; numbers shift, so one at a time."""
        removed = False
        kept: dict[Place, None] = {}
        for _ in range(_MOST_STEPS):
            found = list(self._hits(flows))
            done = next((hit for hit in found if self._take(hit, flows, near, destination, role)), None)
            if done is None:
                kept = dict.fromkeys(hit.rule.place for hit in found)
                break
            removed = True
        self.findings += [finding("EGR960", place, destination=str(destination), place=str(place)) for place in kept]
        return removed

    def _hits(self, flows: Sequence[Flow]) -> Iterator[_Hit]:
        for flow in flows[:1]:
            for entry in self._workspace.index.entries_of(flow.near.namespace):
                policy = entry.policy
                if policy.faults or isolates(policy, flow.direction, flow.near) is Match.NO:
                    continue
                for number, rule in enumerate(policy.rules(flow.direction)):
                    hit = _hit(entry, number, rule, flows)
                    if hit is not None:
                        yield hit

    def _take(self, hit: _Hit, flows: Sequence[Flow], near: Pods, destination: Destination, role: Role) -> bool:
        """Removes what of this rule only serves the need; whether anything went."""
        all_peers, all_ports = len(hit.peers) == len(hit.rule.peers), len(hit.ports) == len(hit.rule.ports)
        key = "to" if hit.direction == "Egress" else "from"
        try:
            if not self._workspace.is_own(hit.entry, near) or not self._serves_only(hit, flows, destination):
                return False
            if all_peers and all_ports:
                return self._take_rule(hit, near, role)
            if all_ports:
                self._workspace.remove(hit.entry, (*hit.path, key, hit.peers[-1]), role)
            elif all_peers:
                self._workspace.remove(hit.entry, (*hit.path, "ports", hit.ports[-1]), role)
            else:
                return False  # one of several peers on one of several ports: the rule would have to be split
        except CannotEdit:
            return False
        return True

    def _take_rule(self, hit: _Hit, near: Pods, role: Role) -> bool:
        """The whole rule; with the last one the policy, unless its pods would no longer be isolated."""
        policy = hit.entry.policy
        if len(policy.rules(hit.direction)) > 1:
            self._workspace.remove(hit.entry, hit.path, role)
            return True
        others = [other for other in self._workspace.index.policies.about(near.namespace) if other.name != policy.name]
        still_isolated = any(isolates(other, hit.direction, near) is Match.YES for other in others)
        if policy.directions == {hit.direction} and still_isolated:
            self._workspace.remove_policy(hit.entry, role)
            return True
        return self._workspace.empty_section(hit.entry, hit.section, role)

    def _serves_only(self, hit: _Hit, flows: Sequence[Flow], destination: Destination) -> bool:
        """Whether the peers and ports in question lead to this destination and nowhere else."""
        if not hit.peers or (hit.rule.ports and not hit.ports):
            return False
        if not hit.rule.ports and destination.ports is not None:
            return False  # the rule opens every port, the need was one
        wanted = {flow.ports for flow in flows}
        listed = [hit.rule.ports[number] for number in hit.ports]
        if any(port.name is None and port.ports not in wanted for port in listed):
            return False
        if all(self._is_exact(hit.rule.peers[number], hit, flows) for number in hit.peers):
            return True
        document, prefix = self._workspace.find(hit.entry)
        purpose = Purpose(document, (*prefix, *hit.path), hit.entry.policy.name)
        return bool(destination.host) and purpose.is_only(destination.host or "", hit.ports)

    def _is_exact(self, peer: Peer, hit: _Hit, flows: Sequence[Flow]) -> bool:
        return any(self._means(peer, hit.entry.policy.namespace, flow.far) for flow in flows)

    def _means(self, peer: Peer, home: str | None, far: Pods | Outside) -> bool:
        if isinstance(far, Outside):
            block = peer.block
            return block is not None and not far.named and (block.version, block.spans) == (far.version, far.spans)
        if peer.pods is None or peer.pods.empty or not far.labels:
            return False
        index = self._workspace.index
        usual = labels_for(index.cluster, index.policies.about(far.namespace), far)
        if peer_key(peer, home) in [peer_key(pods_peer(far.namespace, each), home) for each in (usual, far.labels)]:
            return True
        alone = peer_key(Peer(peer.place, pods=LabelSelector(), namespaces=peer.namespaces), home)
        here = peer_key(pods_peer(far.namespace, None), home)
        fits = labels_match(peer.pods, far) is Match.YES
        return alone == here and fits and not strays(index.cluster, far, peer.pods)


def _hit(entry: PolicyEntry, number: int, rule: PolicyRule, flows: Sequence[Flow]) -> _Hit | None:
    if not any(_opens(rule, entry, flow) for flow in flows):
        return None
    by_peer = [rule._replace(peers=(peer,)) for peer in rule.peers]
    by_port = [rule._replace(ports=(port,)) for port in rule.ports]
    return _Hit(
        entry,
        flows[0].direction,
        number,
        rule,
        tuple(n for n, part in enumerate(by_peer) if any(_opens(part, entry, flow) for flow in flows)),
        tuple(n for n, part in enumerate(by_port) if any(_opens(part, entry, flow) for flow in flows)),
    )


def _opens(rule: PolicyRule, entry: PolicyEntry, flow: Flow) -> bool:
    wanted = flow.wanted
    return any(
        meets(opening.region.ports, wanted.ports) and meets(opening.region.addresses, wanted.addresses)
        for opening in rule_openings(rule, entry.policy.namespace, flow)
    )
