"""One flow against NetworkPolicies: which policies isolate, which rules open what part of it.

Everything is three-valued: what the repository does not say stays unknown and carries the finding that says
what is missing. The ports compared are always pod ports at the receiving end.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from skills.core.enforce.kube_policy import (
    Direction,
    IpBlock,
    NetworkPolicy,
    Outside,
    Peer,
    Pods,
    PolicyPort,
    PolicyRule,
    could_select,
    labels_match,
    namespace_match,
    selects,
    unsaid_labels,
)
from skills.core.enforce.selectors import Match, sure
from skills.core.enforce.spans import (
    EVERY_PORT,
    PRIVATE_V4,
    RFC1918,
    Region,
    Span,
    Spans,
    covers,
    meets,
    network_span,
    region_covered,
)
from skills.core.model import Finding, Place, Ports, finding

_ANY_ADDRESS: Spans = ((0, 0),)  # pods have no address dimension: one point stands for all of them
_ALL_PORTS: Spans = (EVERY_PORT,)
_UNKNOWN_FIELDS = frozenset({"EGR945", "EGR1203"})
_FILLED_IN = "EGR929"


@dataclass(frozen=True)
class Flow:
    """One connection at one end. `near` is the end whose policies count: the sender for Egress, the receiver
    for Ingress. `ports` are pod ports of the receiver; None where the repository does not say them."""

    direction: Direction
    near: Pods
    far: Pods | Outside
    protocol: str
    ports: Ports | None

    @property
    def receiver(self) -> Pods | None:
        if self.direction == "Ingress":
            return self.near
        return self.far if isinstance(self.far, Pods) else None

    @cached_property
    def wanted(self) -> Region:
        ports = _ALL_PORTS if self.ports is None else ((self.ports.first, self.ports.last),)
        if isinstance(self.far, Pods):
            return Region(ports, _ANY_ADDRESS)
        return Region(ports, self.far.spans or self.far.expected)


class Opening(NamedTuple):
    """What one peer of one rule opens. `by_block`: an ipBlock may match a pod's address, as the CNI likes it."""

    match: Match
    region: Region
    place: Place
    by_block: bool = False
    why: Finding | None = None


def isolates(policy: NetworkPolicy, direction: Direction, pods: Pods) -> Match:
    """Whether the policy makes these pods isolated in this direction; nobody knows where its texts disagree."""
    match = _isolates(policy, direction, pods)
    if not policy.variants:
        return match
    return match if all(_isolates(text, direction, pods) is match for text in policy.variants) else Match.UNKNOWN


def _isolates(text: NetworkPolicy, direction: Direction, pods: Pods) -> Match:
    """What one text of a policy says of it, whatever others there are."""
    match = selects(text, pods) if direction in text.directions else Match.NO
    unsure = text.faults if match is not Match.NO else _perhaps(text, direction, pods)
    return Match.UNKNOWN if unsure else match


def _perhaps(policy: NetworkPolicy, direction: Direction, pods: Pods) -> bool:
    """Whether a label that the asker of these pods did not name would have them isolated."""
    here = policy.namespace in (None, pods.namespace) and direction in policy.directions
    return here and could_select(policy.selector, pods)


def openings(
    policy: NetworkPolicy,
    flow: Flow,
    *,
    selection: Match | None = None,
    assume_selected: bool = False,
    touching: bool = False,
) -> list[Opening]:
    """What the policy opens of the flow for pods that it selects; `selection` is what `isolates` said, where known.

    `assume_selected` asks what it would open if it did select them, for pods whose labels nobody knows.
    `touching`: only what is about the ports of the flow, which is all that can cover it.
    """
    if policy.variants:
        return _of_variants(policy, flow, assume_selected)
    if selection is None:
        selection = isolates(policy, flow.direction, flow.near)
    unsaid = flow.near.asserted and not assume_selected
    if (isolates(policy, flow.direction, flow.near.as_said) if unsaid else selection) is Match.NO:
        return []
    if policy.faults:
        return [Opening(Match.UNKNOWN, flow.wanted, policy.place, why=_faulty(policy))]
    if assume_selected:
        selection = Match.YES
    doubt = selection_doubt(policy, flow.near) if selection is Match.UNKNOWN else None
    found: list[Opening] = []
    for rule in policy.rules(flow.direction):
        opened = rule_openings(rule, policy.namespace, flow, touching=touching)
        found += opened if selection is Match.YES else [limited(each, selection, doubt) for each in opened]
    return found


def limited(opening: Opening, selection: Match, doubt: Finding | None) -> Opening:
    """An opening is no surer than that its policy is about these pods at all."""
    if selection is Match.YES:
        return opening
    return opening._replace(match=min(selection, opening.match), why=opening.why or doubt)


def _of_variants(policy: NetworkPolicy, flow: Flow, assume_selected: bool) -> list[Opening]:
    """Several texts claim to be this policy: sure is only what each of them gives in full."""
    texts = (policy._replace(variants=()), *policy.variants)
    alone = [coverage(openings(text, flow, assume_selected=assume_selected), flow) for text in texts]
    if max(alone) is Match.NO:
        return []
    paths = ", ".join(dict.fromkeys(text.place.path for text in texts))
    why = finding("EGR909", *(text.place for text in texts), policy=policy.name, paths=paths)
    match = Match.YES if min(alone) is Match.YES else Match.UNKNOWN
    return [Opening(match, flow.wanted, policy.place, why=why)]


def coverage(found: Sequence[Opening], flow: Flow) -> Match:
    """Whether the openings together hold all of the flow."""
    sure = [opening.region for opening in found if opening.match is Match.YES]
    if region_covered(sure, flow.wanted):
        return Match.YES
    possible = [opening.region for opening in found if opening.match is not Match.NO]
    if len(possible) == len(sure):
        return Match.NO
    return Match.UNKNOWN if region_covered(possible, flow.wanted) else Match.NO


def rule_openings(rule: PolicyRule, namespace: str | None, flow: Flow, *, touching: bool = False) -> list[Opening]:
    """What the rule opens, one opening for each pair of a peer and a port that may match.

    `touching`: only where the port is one that the flow is about.
    """
    ports = _port_openings(rule, flow, touching)
    if not ports:
        return []
    found = []
    for match, addresses, place, by_block, why in _peer_openings(rule, namespace, flow):
        for port_match, spans, port_why in ports:
            region = Region(spans, addresses)
            found.append(
                Opening(
                    match if port_match is Match.YES else min(match, port_match),
                    region,
                    place,
                    by_block,
                    why or port_why,
                )
            )
    return found


def meets_ports(rule: PolicyRule, flow: Flow) -> bool:
    """Whether the rule is about any port of the flow at all, whatever its peers are: soon told, and seldom so."""
    return bool(_port_openings(rule, flow, touching=True))


def reached(rule: PolicyRule, namespace: str | None, flow: Flow) -> list[Span]:
    """The addresses at which the far end may be by the rule's peers, whatever its ports are."""
    return [span for _, addresses, *_ in _peer_openings(rule, namespace, flow) for span in addresses]


_PeerOpening = tuple[Match, Spans, Place, bool, Finding | None]


def _peer_openings(rule: PolicyRule, namespace: str | None, flow: Flow) -> list[_PeerOpening]:
    if not rule.peers:
        return [(Match.YES, flow.wanted.addresses, rule.place, False, None)]
    found: list[_PeerOpening] = []
    for peer in rule.peers:
        if isinstance(flow.far, Outside):
            found += _outside_openings(peer, flow.far, flow)
            continue
        match = _pod_match(peer, namespace, flow.far)
        if match is not Match.NO:
            why = _pod_doubt(peer, namespace, flow.far) if match is Match.UNKNOWN else None
            found.append((match, _ANY_ADDRESS, peer.place, peer.block is not None, why))
    return found


def _outside_openings(peer: Peer, far: Outside, flow: Flow) -> list[_PeerOpening]:
    """Selectors never match what is no pod."""
    if peer.unsure is not None:
        return [(Match.UNKNOWN, flow.wanted.addresses, peer.place, False, peer.unsure)]
    block = peer.block
    if block is None or not block.spans:
        return []
    found: list[_PeerOpening] = []
    if block.version == far.version:
        found.append((Match.YES, block.spans, peer.place, False, None))
    if far.named and not (block.version == far.version and covers(block.spans, far.expected)):
        why = finding("EGR906", peer.place, host=far.name, block=str(block))
        found.append((Match.UNKNOWN, flow.wanted.addresses, peer.place, False, why))
    return found


def _pod_doubt(peer: Peer, namespace: str | None, far: Pods) -> Finding:
    return _block_doubt(peer, far) if peer.block is not None else _peer_doubt(peer, namespace, far)


def _pod_match(peer: Peer, namespace: str | None, far: Pods) -> Match:
    if peer.block is not None:
        return _block_on_pod(peer.block, far)
    return peer_match(peer, namespace, far) if peer.selects_pods else Match.NO


def _peer_doubt(peer: Peer, namespace: str | None, far: Pods) -> Finding:
    """What the repository would have to say for the selectors to be decided."""
    facts = {"destination": far.name, "peer": peer_words(peer, namespace)}
    keys = unsaid_labels(peer.namespaces, far) if peer.namespaces is not None else []
    if keys:
        return finding("EGR1207", peer.place, **facts, namespace=far.namespace, keys=", ".join(keys))
    return finding("EGR907", peer.place, **facts)


def _block_on_pod(block: IpBlock, far: Pods) -> Match:
    """Whether an ipBlock holds a pod's address is up to the CNI. A block of everything mostly does; one that
    spares the private ranges does not, because pods live there. Under Cilium no block ever holds a pod."""
    known = [parsed for parsed in map(ipaddress.ip_network, far.addresses) if parsed.version == block.version]
    usual = [network_span(parsed) for parsed in known] or RFC1918
    if (block.version != 4 and not known) or not meets(block.spans, usual):
        return Match.NO
    if far.plugin is not None:
        return Match.NO if far.plugin.sure and not far.host_network else Match.UNKNOWN
    return Match.YES if far.namespace and covers(block.spans, usual if known else PRIVATE_V4) else Match.UNKNOWN


def _block_doubt(peer: Peer, far: Pods) -> Finding:
    block = str(peer.block)
    if far.plugin is not None:
        facts = {"destination": far.name, "block": block, "sign": str(far.plugin.place)}
        return finding("EGR888", peer.place, far.plugin.place, **facts)
    return finding("EGR911", peer.place, destination=far.name, block=block)


def peer_match(peer: Peer, namespace: str | None, far: Pods) -> Match:
    """Whether a selector peer of a policy in `namespace` selects these pods. Never those on the host network."""
    if far.host_network:
        return Match.NO
    if peer.namespaces is not None:
        there = namespace_match(peer.namespaces, far)
    else:
        there = sure(namespace == far.namespace) if namespace and far.namespace else Match.UNKNOWN
    if peer.pods is None or there is Match.NO:
        return there
    match = labels_match(peer.pods, far)
    return match if there is Match.YES else min(there, match)


_PortOpening = tuple[Match, Spans, Finding | None]


def _port_openings(rule: PolicyRule, flow: Flow, touching: bool) -> list[_PortOpening]:
    """What each port of the rule may be; `touching`: only what is about the ports of the flow."""
    if not rule.ports:
        return [(Match.YES, _ALL_PORTS, None)]
    asked = flow.ports
    found: list[_PortOpening] = []
    for port in rule.ports:
        numbers = port.ports
        if port.protocol != flow.protocol:
            continue
        if numbers is not None and asked is not None:
            if not touching or (numbers.first <= asked.last and asked.first <= numbers.last):
                found.append((Match.YES, ((numbers.first, numbers.last),), None))
            continue
        opening = _port_opening(port, flow)
        if opening[0] is not Match.NO and (not touching or meets(opening[1], flow.wanted.ports)):
            found.append(opening)
    return found


def _port_opening(port: PolicyPort, flow: Flow) -> _PortOpening:
    """For a port of the rule and one of the flow of which at least one is not known by its number."""
    if port.ports is None and port.name is None:
        return Match.YES, _ALL_PORTS, None
    receiver = flow.receiver
    if port.ports is not None:
        return Match.UNKNOWN, _ALL_PORTS, _unsaid_port(port, receiver)
    if receiver is None:
        return Match.NO, (), None  # a name means a container's port, and outside the cluster there is none
    if receiver.port_name == port.name:
        return Match.YES, _ALL_PORTS, None
    named = receiver.named_ports.get(port.name or "")
    if named is None:
        unsaid = _ports_unsaid(receiver)
        return (Match.UNKNOWN, _ALL_PORTS, _unsaid_port(port, receiver)) if unsaid else (Match.NO, (), None)
    if flow.ports is None:
        return min(Match.UNKNOWN, sure(named[0] == port.protocol)), _ALL_PORTS, _unsaid_port(port, receiver)
    return sure(named[0] == port.protocol), ((named[1], named[1]),), None


def _unsaid_port(port: PolicyPort, receiver: Pods | None) -> Finding:
    return finding("EGR912", port.place, destination=receiver.name if receiver else "", port=str(port))


def _ports_unsaid(pods: Pods) -> bool:
    return pods.labels is None or pods.partial


def _faulty(policy: NetworkPolicy) -> Finding:
    stranger = next((item for item in policy.faults if item.code in _UNKNOWN_FIELDS), None)
    if stranger is not None:
        return stranger
    if all(item.code == _FILLED_IN for item in policy.faults):
        return policy.faults[0]  # nobody rejects it: only what will stand there is not known yet
    return finding("EGR908", policy.place, policy=policy.name, namespace=policy.namespace or "?")


def selection_doubt(policy: NetworkPolicy, near: Pods) -> Finding:
    if policy.namespace is None:
        return finding("EGR910", policy.place, policy=policy.name)
    return finding("EGR905", policy.place, policy=policy.name, workload=near.name, selector=str(policy.selector))


def peer_words(peer: Peer, namespace: str | None) -> str:
    """A peer as people say it: `pods app=web in namespace shop`."""
    if peer.block is not None:
        return str(peer.block)
    if not peer.selects_pods:
        return "addresses that only the cluster knows"
    pods = "all pods" if peer.pods is None or peer.pods.empty else f"pods {peer.pods}"
    if peer.namespaces is None:
        return f"{pods} in namespace {namespace or '?'}"
    if peer.namespaces.empty:
        return f"{pods} in every namespace"
    name = peer.namespaces.labels.get("kubernetes.io/metadata.name")
    if name and len(peer.namespaces.labels) == 1 and not peer.namespaces.requirements:
        return f"{pods} in namespace {name}"
    return f"{pods} in namespaces with {peer.namespaces}"
