"""Rules of NetworkPolicies that stand in values as Kubernetes writes them (`literal`, definitions, whole specs)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any

from skills.core.enforce.kube_objects import mapping_of, sequence_of, templated, text_of
from skills.core.enforce.kube_policy import (
    Direction,
    IpBlock,
    NetworkPolicy,
    Peer,
    PolicyPort,
    PolicyRule,
    default_directions,
    ip_block,
)
from skills.core.enforce.selectors import parse
from skills.core.model import Place, Ports, finding

_MOST = 2_000
_Net = ipaddress.IPv4Network | ipaddress.IPv6Network


def block_of(cidr: str, excluded: list[str]) -> IpBlock | None:
    """A range without what is cut out of it. An exception counts only where it lies inside the range."""
    try:
        whole = ipaddress.ip_network(cidr, strict=False)
        inside = [text for text in excluded if _smaller(ipaddress.ip_network(text, strict=False), whole)]
        return ip_block(cidr, inside)
    except ValueError:
        return None


def _smaller(one: _Net, whole: _Net) -> bool:
    if isinstance(one, ipaddress.IPv4Network):
        return isinstance(whole, ipaddress.IPv4Network) and one != whole and one.subnet_of(whole)
    return isinstance(whole, ipaddress.IPv6Network) and one != whole and one.subnet_of(whole)


def raw_rule(item: Mapping[str, Any], key: str, place: Place) -> PolicyRule:
    """One rule; `key` is `to` or `from`. A peer that has no sound form makes nobody the peer, never everybody."""
    written = sequence_of(item.get(key))[:_MOST]
    peers = [peer for each in map(mapping_of, written) for peer in _peers(each, place)]
    if written and not peers:
        peers = [Peer(place, block=IpBlock("0.0.0.0/32", (), 4, ()))]
    return PolicyRule(place, tuple(peers), tuple(_ports(item, place)))


def _peers(each: Mapping[str, Any], place: Place) -> Iterator[Peer]:
    block = mapping_of(each.get("ipBlock"))
    if block:
        excluded = [text_of(text) for text in sequence_of(block.get("except"))]
        made = block_of(text_of(block.get("cidr")), excluded)
        if made is not None:
            yield Peer(place, block=made)
    elif each:
        halves = [parse(each[key]) if key in each else None for key in ("podSelector", "namespaceSelector")]
        yield Peer(place, pods=halves[0], namespaces=halves[1])


def _ports(item: Mapping[str, Any], place: Place) -> Iterator[PolicyPort]:
    for each in map(mapping_of, sequence_of(item.get("ports"))[:_MOST]):
        first, protocol = each.get("port"), (text_of(each.get("protocol")) or "TCP").lower()
        last = each.get("endPort", first)
        if isinstance(first, int) and isinstance(last, int):
            yield PolicyPort(place, protocol, Ports(first, last))
        else:
            yield PolicyPort(place, protocol, name=text_of(first) or None)


def from_spec(name: str, namespace: str | None, place: Place, spec: Mapping[str, Any]) -> NetworkPolicy:
    """A whole NetworkPolicy. One that a template completes has no selector that anybody could know."""
    written = sequence_of(spec.get("policyTypes"))
    types = {text_of(item) for item in written} or default_directions(spec)
    directions: list[Direction] = [side for side in ("Egress", "Ingress") if side in types]
    unclear = _filled_in(spec)
    faults = () if spec else (finding("EGR533", place, name=name),)
    return NetworkPolicy(
        name,
        namespace,
        place,
        None if unclear else parse(spec.get("podSelector") or {}),
        frozenset(directions),
        tuple(raw_rule(mapping_of(item), "to", place) for item in sequence_of(spec.get("egress"))[:_MOST]),
        tuple(raw_rule(mapping_of(item), "from", place) for item in sequence_of(spec.get("ingress"))[:_MOST]),
        faults,
    )


def _filled_in(data: Any, depth: int = 0) -> bool:
    """Whether a template still fills something in; deeper than any policy goes, nobody looks."""
    if isinstance(data, Mapping):
        return depth > 12 or any(
            _filled_in(key, depth + 1) or _filled_in(value, depth + 1) for key, value in data.items()
        )
    if isinstance(data, list):
        return depth > 12 or any(_filled_in(item, depth + 1) for item in data[:_MOST])
    return isinstance(data, str) and templated(data)
