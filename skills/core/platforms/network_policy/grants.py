"""Permissions and isolations in words that can be compared, and what a permission opens beyond a need."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence

from skills.core.enforce.grant_words import (
    ALL_PODS,
    EVERY_PORT,
    EVERYTHING,
    INGRESS,
    is_everybody,
    sides,
    wider_ports,
    wider_scope,
)
from skills.core.enforce.kube_flow import peer_words
from skills.core.enforce.kube_policy import LAYER, Direction, NetworkPolicy, PolicyPort, PolicyRule
from skills.core.enforce.selectors import LabelSelector, Match
from skills.core.model import Destination, Finding, Grant, Isolation, Need, finding
from skills.core.platforms.network_policy.index import Index

_DIRECTIONS: tuple[Direction, ...] = ("Egress", "Ingress")
_MOST_PAIRS = 400
_DNS_PORTS = ("53", "5353")
_RESOLVERS = ("in namespace kube-system", "in namespace openshift-dns", "169.254.20.10/32")


def grants(index: Index) -> Sequence[Grant]:
    """One grant for each pair of a peer and a port; the receiving side of an ingress rule is its target."""
    found: dict[Grant, None] = {}
    for entry in index.entries:
        policy = entry.policy
        if policy.faults:
            continue
        for direction in _DIRECTIONS:
            if direction in policy.directions:
                for rule in policy.rules(direction):
                    found |= dict.fromkeys(_of(policy, rule, direction))
    return tuple(found)


def _of(policy: NetworkPolicy, rule: PolicyRule, direction: Direction) -> Iterator[Grant]:
    own = _scope(policy)
    peers = [peer_words(peer, policy.namespace) for peer in rule.peers] or [EVERYTHING]
    for peer in peers:
        source, target = (own, peer) if direction == "Egress" else (peer, f"{INGRESS}{own}")
        for ports, protocol in _port_words(rule.ports, len(peers)):
            yield Grant(source, target, ports, protocol, LAYER)


def _port_words(ports: Sequence[PolicyPort], peers: int) -> list[tuple[str, str]]:
    if not ports:
        return [(EVERY_PORT, "any")]
    if len(ports) * peers > _MOST_PAIRS:
        return [(", ".join(map(str, ports)), "any")]
    return [(str(port), port.protocol) for port in ports]


def _scope(policy: NetworkPolicy) -> str:
    return f"{policy.namespace or '?'} {_pods_words(policy.selector)}"


def _pods_words(selector: LabelSelector | None) -> str:
    if selector is None:
        return "pods ?"
    return ALL_PODS if selector.empty else f"pods {selector}"


def isolations(index: Index) -> Sequence[Isolation]:
    """Every scope that is denied by default, said so that the same state always reads the same.

    Known workloads stand for the selectors that choose them: a second policy for a workload that is isolated
    already isolates nothing new.
    """
    found: dict[Isolation, None] = {}
    for direction in _DIRECTIONS:
        by_namespace: dict[str, list[LabelSelector]] = {}
        for policy in index.policies:
            if direction in policy.directions and policy.selector is not None and not policy.faults:
                by_namespace.setdefault(policy.namespace or "?", []).append(policy.selector)
        for namespace, selectors in by_namespace.items():
            for who in _isolated(index, namespace, selectors):
                words = f"{INGRESS}{who}" if direction == "Ingress" else who
                found[Isolation(words, LAYER)] = None
    return tuple(found)


def _isolated(index: Index, namespace: str, selectors: Sequence[LabelSelector]) -> Iterator[str]:
    if any(selector.empty for selector in selectors):
        yield f"{namespace} {ALL_PODS}"
        return
    pods = index.cluster.pods.get(namespace, ())
    for selector in selectors:
        chosen = [pod for pod in pods if selector.matches(pod.labels) is Match.YES]
        for pod in chosen:
            yield f"{namespace}/{pod.owners[0][1] if pod.owners else pod.name}"
        if not chosen and not any(_implies(selector, other) for other in selectors if other is not selector):
            yield f"{namespace} {_pods_words(selector)}"


def _implies(narrow: LabelSelector, wide: LabelSelector) -> bool:
    """Whether all pods of `narrow` are certainly pods of `wide`, and `wide` really is the wider one."""
    inside = all(narrow.labels.get(key) == value for key, value in wide.labels.items())
    required = all(item in narrow.requirements for item in wide.requirements)
    smaller = len(wide.labels) + len(wide.requirements) < len(narrow.labels) + len(narrow.requirements)
    return inside and required and smaller


def wider(grant: Grant, need: Need) -> Sequence[Finding]:
    """What a newly given permission opens beyond the need; none if it is exactly the need.

    A default deny opens nothing, for all was open before. The rule for DNS that a host needs is said by itself.
    """
    if need.isolate or (_is_dns(grant) and any(destination.host for destination in need.destinations)):
        return []
    _, peer, ingress = sides(grant)
    asked = ", ".join(str(destination) for destination in need.destinations)
    found = wider_scope(grant, need)
    found += _wider_peer(grant, need, peer, asked, ingress)
    if wider_ports(grant.ports, need.destinations):
        found.append(finding("EGR904", ports=grant.ports, target=peer, asked=asked))
    return found


def _is_dns(grant: Grant) -> bool:
    return grant.ports in _DNS_PORTS and any(grant.target.endswith(name) for name in _RESOLVERS)


def _wider_peer(grant: Grant, need: Need, peer: str, asked: str, ingress: bool) -> list[Finding]:
    cidr = peer.partition(" except ")[0]
    if "/" in cidr and " " not in cidr:
        return _wider_block(grant, need.destinations, cidr, asked)
    if is_everybody(peer):
        return [finding("EGR903", target=peer, asked=need.workload.name if ingress else asked)]
    return []


def _wider_block(grant: Grant, destinations: Sequence[Destination], cidr: str, asked: str) -> list[Finding]:
    block = ipaddress.ip_network(cidr)
    wanted = [text for d in destinations for text in ((d.network,) if d.network else d.addresses)]
    if any(ipaddress.ip_network(text, strict=False) == block for text in wanted):
        return []
    if block.prefixlen == 0:
        return [finding("EGR901", target=grant.target, ports=grant.ports, asked=asked)]
    return [finding("EGR903", target=grant.target, asked=asked)]
