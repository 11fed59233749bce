"""Contradictions that one NetworkPolicy shows by itself: it is valid, and does not do what its writer meant."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from functools import lru_cache

import re2

from skills.core.enforce.kube_objects import mapping_of
from skills.core.enforce.kube_policy import Direction, NetworkPolicy, Peer, PolicyRule
from skills.core.enforce.spans import EVERY_V4, covers
from skills.core.model import Finding, Place, Ports, finding, unique
from skills.core.yaml_text import Document

_MOST_REMARKS = 20
_LINES_ABOVE = 4
_LINES_OF_RULE = 40

# Words by which people say that a rule is meant for the Internet.
_INTERNET = re2.compile(
    r"(?i)\b(internet|external|outside|public|mirrors?|downloads?|saas|cloudflare|github|pypi|npm|maven|amazonaws"
    r"|azure|googleapis|docker\.io|https?://[a-z0-9]|www\.)"
)
_HOST = re2.compile(r"(?i)\b[a-z0-9][-a-z0-9]*(\.[a-z0-9][-a-z0-9]*)*\.([a-z]{2,24})\b")
_NOT_HOSTS = frozenset(
    {"yaml", "yml", "json", "sh", "md", "txt", "local", "svc", "name", "namespace", "conf", "py", "go"}
)
_TUNNEL_PORT = 7844  # Cloudflare Tunnel's edge: nothing inside a cluster listens on it
_DNS_PORT = 53


def remarks(document: Document, policy: NetworkPolicy) -> tuple[Finding, ...]:
    return unique(_all(document, policy), _MOST_REMARKS)


def _all(document: Document, policy: NetworkPolicy) -> Iterator[Finding]:
    yield from _types(document, policy)
    yield from _host_bits(policy)
    for rule in policy.egress:
        if not rule.peers and not rule.ports and "Egress" in policy.directions:
            yield finding("EGR338", rule.place, policy=policy.name)
        yield from _egress_rule(document, policy, rule)
    for rule in (*policy.egress, *policy.ingress):
        yield from _any_rule(policy, rule)


def _types(document: Document, policy: NetworkPolicy) -> Iterator[Finding]:
    spec = mapping_of(document.at("spec"))
    written = bool(spec.get("policyTypes"))
    directions: tuple[tuple[Direction, tuple[PolicyRule, ...]], ...] = (
        ("Egress", policy.egress),
        ("Ingress", policy.ingress),
    )
    for direction, rules in directions:
        if rules and written and direction not in policy.directions:
            yield finding("EGR943", rules[0].place, policy=policy.name, direction=direction)
    if policy.egress and not written and "ingress" not in spec:
        yield finding("EGR944", policy.place, policy=policy.name)


def _host_bits(policy: NetworkPolicy) -> Iterator[Finding]:
    """`10.1.2.3/16` means 10.1.0.0/16; whoever wrote it may have meant one address."""
    for peer in _peers(policy):
        if peer.block is None:
            continue
        written = _cidr_on(peer.place)
        if written and written != peer.block.cidr and _has_host_bits(written):
            yield finding("EGR952", peer.place, written=written, cidr=peer.block.cidr)


@lru_cache(maxsize=8192)
def _has_host_bits(written: str) -> bool:
    """The same text reads as a network only when its host bits are ignored."""
    try:
        ipaddress.ip_network(written, strict=False)
    except ValueError:
        return False
    try:
        ipaddress.ip_network(written)
    except ValueError:
        return True
    return False


def _cidr_on(place: Place) -> str:
    _, _, value = place.text.partition("cidr:")
    words = value.replace('"', " ").replace("'", " ").replace(",", " ").replace("}", " ").split()
    return words[0] if words else ""


def _peers(policy: NetworkPolicy) -> list[Peer]:
    return [peer for rule in (*policy.egress, *policy.ingress) for peer in rule.peers]


def _egress_rule(document: Document, policy: NetworkPolicy, rule: PolicyRule) -> Iterator[Finding]:
    for peer in rule.peers:
        if _every_pod(peer) and not (rule.ports and _only_dns(rule)) and _speaks_of_internet(document, policy, rule):
            yield finding("EGR940", peer.place, policy=policy.name)
        if _is_api_server(peer):
            yield finding("EGR337", peer.place, policy=policy.name)
        if peer.block is not None and not rule.ports and not _one_address(peer):
            yield finding("EGR339", peer.place, policy=policy.name, cidr=peer.block.cidr)
        if peer.block is not None and not peer.block.excepts and covers(peer.block.spans, EVERY_V4):
            yield finding("EGR947", peer.place, policy=policy.name, cidr=peer.block.cidr)
    if not rule.peers and rule.ports and not _only_dns(rule):
        ports = ", ".join(map(str, rule.ports[:8]))
        yield finding("EGR950", rule.place, policy=policy.name, ports=ports)
    if _tunnel_without_udp(rule):
        yield finding("EGR344", rule.place, policy=policy.name)
    if _dns_over_tcp_only(rule):
        yield finding("EGR946", rule.place, policy=policy.name)


def _any_rule(policy: NetworkPolicy, rule: PolicyRule) -> Iterator[Finding]:
    for first, second in zip(rule.peers, rule.peers[1:], strict=False):
        if (_namespace_only(first) and _pods_only(second)) or _split(first, second):
            yield finding("EGR942", second.place, policy=policy.name)
    named = next((port for port in rule.ports if port.name), None)
    if named is not None and any(peer.block is not None for peer in rule.peers):
        yield finding("EGR951", named.place, policy=policy.name, port=named.name)


def _one_address(peer: Peer) -> bool:
    return peer.block is not None and all(first == last for first, last in peer.block.spans)


def _is_api_server(peer: Peer) -> bool:
    """`component: kube-apiserver` is on the API server's own pods, which run on the host network."""
    return peer.pods is not None and "kube-apiserver" in peer.pods.labels.values()


def _tunnel_without_udp(rule: PolicyRule) -> bool:
    """The tunnel speaks QUIC (UDP) first, and HTTP/2 over TCP only when that fails."""
    protocols = {port.protocol for port in rule.ports if port.ports == Ports(_TUNNEL_PORT, _TUNNEL_PORT)}
    return protocols == {"tcp"}


def _every_pod(peer: Peer) -> bool:
    namespaces, pods = peer.namespaces, peer.pods
    return namespaces is not None and namespaces.empty and (pods is None or pods.empty)


def _split(first: Peer, second: Peer) -> bool:
    """Pods by label first, then namespaces by label: seldom meant as either. All pods of the own namespace are."""
    pods, namespaces = first.pods, second.namespaces
    named = pods is not None and not pods.empty and namespaces is not None and not namespaces.empty
    return named and _pods_only(first) and _namespace_only(second)


def _namespace_only(peer: Peer) -> bool:
    return peer.namespaces is not None and peer.pods is None


def _pods_only(peer: Peer) -> bool:
    return peer.pods is not None and peer.namespaces is None


def _only_dns(rule: PolicyRule) -> bool:
    return all(port.ports is not None and port.ports.first == port.ports.last == _DNS_PORT for port in rule.ports)


def _dns_over_tcp_only(rule: PolicyRule) -> bool:
    protocols = {port.protocol for port in rule.ports if port.ports is not None and port.ports.first == _DNS_PORT}
    return protocols == {"tcp"}


def _speaks_of_internet(document: Document, policy: NetworkPolicy, rule: PolicyRule) -> bool:
    if any(port.ports is not None and port.ports.first == _TUNNEL_PORT for port in rule.ports):
        return True
    words = " ".join([policy.name.replace("-", " "), *_comments(document, rule)])
    if _INTERNET.search(words):
        return True
    return any(match.group(2).lower() not in _NOT_HOSTS for match in _HOST.finditer(words) if "." in match.group(0))


def _comments(document: Document, rule: PolicyRule) -> list[str]:
    """Comments just above the document and inside the rule."""
    rows = document.rows
    above: list[str] = []
    for row in reversed(rows[max(0, document.line - 1 - _LINES_ABOVE) : document.line - 1]):
        if row.strip() == "---":
            break
        above.append(row)
    start = max(0, rule.place.line - 2)
    inside: list[str] = []
    for row in rows[start : start + _LINES_OF_RULE]:
        if row.strip() == "---":
            break
        inside.append(row)
    return [row.partition("#")[2] for row in (*above, *_one_rule(inside)) if "#" in row]


def _one_rule(rows: list[str]) -> list[str]:
    """The rows of this rule: those up to the next list item at its own depth."""
    if len(rows) < 2:
        return rows
    depth = len(rows[1]) - len(rows[1].lstrip())
    for position, row in enumerate(rows[2:], start=2):
        text = row.strip()
        if text and not text.startswith("#") and len(row) - len(row.lstrip()) <= depth:
            return _without_trailing_comments(rows[:position])
    return rows


def _without_trailing_comments(rows: list[str]) -> list[str]:
    """Comments above the next rule speak of that one."""
    end = len(rows)
    while end and rows[end - 1].strip().startswith("#"):
        end -= 1
    return rows[:end]
