"""Names reach Cilium only through its DNS proxy: which names do an endpoint's DNS rules let it learn?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from skills.core.enforce.selectors import Match, any_of
from skills.core.model import Finding, Place, finding
from skills.core.platforms.cilium.endpoints import Endpoint
from skills.core.platforms.cilium.entries import CiliumPolicy, Port, PortRule, Rule, Spec
from skills.core.platforms.cilium.match import selection
from skills.core.platforms.cilium.pattern import Name

# Upstream resolvers listen on 53, those of OpenShift on 5353.
_DNS_PORTS = (53, 5353)
_HOMES = frozenset({"kube-system", "openshift-dns"})


@dataclass(frozen=True, slots=True)
class DnsRule:
    """A rule that opens port 53. `names` None: no `rules.dns`, so the proxy sees nothing of it."""

    policy: CiliumPolicy
    spec: Spec
    rule: Rule
    place: Place
    names: tuple[Name, ...] | None
    udp: bool = True

    def covers(self, host: str) -> Match:
        return any_of(name.matches(host) for name in self.names or ())


@dataclass(frozen=True, slots=True)
class Lookups:
    """The DNS rules of one endpoint, each with whether it is about it; `tcp` are places of those over TCP alone."""

    rules: tuple[tuple[Match, DnsRule], ...] = ()
    tcp: tuple[Place, ...] = ()

    @property
    def open(self) -> bool:
        """Whether anything may let the endpoint ask a resolver."""
        return bool(self.rules)

    @property
    def proxied(self) -> list[DnsRule]:
        return [rule for _, rule in self.rules if rule.names is not None]

    @property
    def plain(self) -> list[DnsRule]:
        return [rule for _, rule in self.rules if rule.names is None]

    def learned(self, host: str) -> Match:
        """Whether the proxy gets to see this name. A plain rule beside a narrow one may widen it."""
        best = any_of(min(match, rule.covers(host)) for match, rule in self.rules if rule.names is not None)
        return max(best, Match.UNKNOWN) if self.proxied and self.plain else best

    def why(self, host: str) -> Finding:
        return finding("EGR866", *(rule.place for _, rule in self.rules[:3]), host=host)


def dns_rules(policy: CiliumPolicy, spec: Spec) -> Iterable[DnsRule]:
    """Rules of the spec that open port 53, wherever they lead."""
    for rule in spec.egress.allow:
        if rule.family == "toFQDNs" or (rule.family and not rule.peers):
            continue
        if rule.to_ports is None:
            if not rule.only_icmp and rule.family:
                yield from _wide(policy, spec, rule)
            continue
        for port_rule in rule.to_ports:
            if _is_dns(port_rule) and (port_rule.dns is not None or _leads_to_dns(port_rule, rule)):
                udp = any(port.speaks("udp") for port in port_rule.ports if _dns(port))
                yield DnsRule(policy, spec, rule, port_rule.place, port_rule.dns, udp)


def _wide(policy: CiliumPolicy, spec: Spec, rule: Rule) -> Iterable[DnsRule]:
    """A rule for every port of peers that may be resolvers."""
    if any(_may_resolve(rule, position) for position in range(len(rule.peers))):
        yield DnsRule(policy, spec, rule, rule.place, None)


def _may_resolve(rule: Rule, position: int) -> bool:
    peer = rule.peers[position]
    if peer.kind == "entity":
        return peer.text in {"all", "cluster", "host", "remote-node"}
    if peer.kind != "endpoints" or peer.selector is None:
        return False
    namespaces = peer.selector.namespaces
    return not peer.selector.own_namespace and (not namespaces or not _HOMES.isdisjoint(namespaces))


def _leads_to_dns(port_rule: PortRule, rule: Rule) -> bool:
    """A rule that lists port 53 itself means DNS; a range or port 0 must lead to where resolvers are."""
    exact = any(p.name or (p.ports is not None and p.ports.first == p.ports.last) for p in port_rule.ports if _dns(p))
    return exact or not rule.family or any(_may_resolve(rule, position) for position in range(len(rule.peers)))


def _is_dns(rule: PortRule) -> bool:
    return any(map(_dns, rule.ports))


def _dns(port: Port) -> bool:
    if not port.speaks("udp") and not port.speaks("tcp"):
        return False
    if port.name is not None:
        return "dns" in port.name
    return port.ports is None or any(port.ports.first <= number <= port.ports.last for number in _DNS_PORTS)


def lookups(concerned: Sequence[tuple[CiliumPolicy, Spec]], near: Endpoint) -> Lookups:
    found = []
    for policy, spec in concerned:
        match = selection(policy, spec, near)
        if match is not Match.NO:
            found += [(match, rule) for rule in dns_rules(policy, spec)]
    # Programs look names up over UDP, and over TCP only what did not fit.
    tcp = tuple(rule.place for _, rule in found if not rule.udp)
    return Lookups(tuple((match, rule) for match, rule in found if rule.udp), tcp)
