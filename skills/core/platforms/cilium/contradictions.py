"""Rules of one repository that cancel one another: a deny above an allow, a list that limits nothing, an empty list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from skills.core.enforce.kube_policy import Direction
from skills.core.enforce.spans import EVERY_PORT, Spans, covers
from skills.core.model import Finding, finding
from skills.core.platforms.cilium.entries import CiliumPolicy, Peer, Port, PortRule, Rule, Spec
from skills.core.platforms.cilium.index import Index
from skills.core.platforms.cilium.match import peer_words

_DIRECTIONS: tuple[Direction, ...] = ("Egress", "Ingress")
_PROTOCOLS = ("tcp", "udp", "sctp")
_MOST_RULES = 200


def contradictions(index: Index, policy: CiliumPolicy, spec: Spec) -> Iterator[Finding]:
    if policy.faults or spec.nodes:
        return
    for direction in _DIRECTIONS:
        side, section = spec.side(direction), direction.lower()
        if side.empty:
            yield finding("EGR858", spec.place, policy=policy.name, section=section)
        yield from _shadowed(index, policy, spec, direction)
        if side.allow and not side.isolates and not _isolated_elsewhere(index, policy, spec, direction):
            yield finding("EGR884", side.allow[0].place, policy=policy.name, section=section)


def _isolated_elsewhere(index: Index, policy: CiliumPolicy, spec: Spec, direction: Direction) -> bool:
    return any(spec.may_share(other) and other.side(direction).isolates for _, other in index.around(policy))


def _shadowed(index: Index, policy: CiliumPolicy, spec: Spec, direction: Direction) -> Iterator[Finding]:
    """Peers of allow rules that a deny for at least the same pods holds in full."""
    denies = [
        (other, rule)
        for other, near in index.around(policy)
        if not other.faults and _selects_all(other, near, policy, spec)
        for rule in near.side(direction).deny
    ][:_MOST_RULES]
    if not denies:
        return
    for rule in spec.side(direction).allow[:_MOST_RULES]:
        for peer in rule.peers:
            for other, deny in denies:
                if holds_ports(deny, rule) and (deny.anyone or any(_holds(wide, peer) for wide in deny.peers)):
                    facts = {"policy": policy.name, "peer": peer_words(peer, policy.namespace), "deny": other.name}
                    yield finding("EGR883", peer.place, deny.place, **facts)
                    break


def _selects_all(wide: CiliumPolicy, near: Spec, policy: CiliumPolicy, spec: Spec) -> bool:
    """Whether the one spec is evidently about all pods of the other: the same words, or everyone."""
    if near.nodes or not (wide.clusterwide or wide.namespace == policy.namespace):
        return False
    same = wide.clusterwide == policy.clusterwide and str(near.selector) == str(spec.selector)
    return near.selector.empty or same


def _holds(wide: Peer, narrow: Peer) -> bool:
    """Whether all of one peer is in the other, as far as the files alone can say."""
    if wide.kind == "entity":
        if wide.text == "all":
            return True
        outside = narrow.kind in {"name", "block"} and wide.text == "world"
        return outside or (narrow.kind == "entity" and narrow.text == wide.text)
    if wide.blocks and narrow.blocks:
        return all(
            covers([span for block in wide.blocks if block.version == part.version for span in block.spans], part.spans)
            for part in narrow.blocks
        )
    return wide.kind == narrow.kind == "endpoints" and str(wide.selector) == str(narrow.selector)


def holds_ports(wide: Rule, narrow: Rule) -> bool:
    """Whether one rule's ports hold all of the other's. Named ports and limits to requests or names never do."""
    if wide.only_icmp or narrow.only_icmp:
        return False
    if wide.to_ports is None:
        return True
    if any(rule.server_names or rule.http for rule in wide.to_ports):
        return False
    every = (EVERY_PORT,)
    return all(
        covers(_spans(wide.to_ports, word, unknown=()), _spans(narrow.to_ports, word, unknown=every))
        for word in _PROTOCOLS
    )


def _spans(rules: Sequence[PortRule] | None, protocol: str, *, unknown: Spans) -> Spans:
    """The numbers of a protocol; a name, or what a template fills in, counts as `unknown`."""
    if rules is None:
        return (EVERY_PORT,)
    ports = [port for rule in rules for port in rule.ports if port.speaks(protocol)]
    return tuple(span for port in ports for span in _span(port, unknown))


def _span(port: Port, unknown: Spans) -> Spans:
    if port.ports is not None:
        return ((port.ports.first, port.ports.last),)
    return unknown if port.name or port.unsure else (EVERY_PORT,)
