"""Permissions and isolations in words that can be compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from skills.core.enforce.grant_words import ALL_PODS, EVERYTHING, INGRESS
from skills.core.enforce.kube_policy import LAYER, Direction
from skills.core.enforce.selectors import Match
from skills.core.model import Grant, Isolation
from skills.core.platforms.cilium.endpoints import pod_end
from skills.core.platforms.cilium.entries import CiliumPolicy, Rule, Spec
from skills.core.platforms.cilium.index import Index
from skills.core.platforms.cilium.match import peer_words, port_words
from skills.core.platforms.cilium.names import DnsRule, dns_rules

_DIRECTIONS: tuple[Direction, ...] = ("Egress", "Ingress")
_MOST_PAIRS = 400


def grants(index: Index) -> Sequence[Grant]:
    """One grant for each pair of a peer and a port; the receiving side of an ingress rule is its target."""
    found: dict[Grant, None] = {}
    known: dict[str | None, list[DnsRule]] = {}
    for policy in index.policies:
        if policy.faults:
            continue
        for spec in policy.specs:
            lookups = _lookups(index, policy, spec, known)
            for direction in _DIRECTIONS:
                for rule in spec.side(direction).allow:
                    found |= dict.fromkeys(_of(policy, spec, rule, direction, lookups))
    return tuple(found)


def _of(
    policy: CiliumPolicy, spec: Spec, rule: Rule, direction: Direction, lookups: Sequence[DnsRule]
) -> Iterator[Grant]:
    ports = [] if rule.only_icmp else port_words(rule.to_ports)
    if len(ports) * len(rule.peers) > _MOST_PAIRS:
        ports = [(", ".join(port for port, _ in ports), "any")]
    for who, peer in _pairs(policy, spec, rule, lookups):
        source, target = (who, peer) if direction == "Egress" else (peer, f"{INGRESS}{who}")
        for number, protocol in ports:
            yield Grant(source, target, number, protocol, LAYER)


def _pairs(policy: CiliumPolicy, spec: Spec, rule: Rule, lookups: Sequence[DnsRule]) -> Iterator[tuple[str, str]]:
    """Who may reach whom; a name only as far as the DNS proxy gets to see it."""
    own = scope(policy, spec)
    if rule.anyone:
        yield own, EVERYTHING
    for peer in rule.peers:
        if peer.name is None:
            yield own, peer_words(peer, policy.namespace)
            continue
        for known in lookups:
            who = own if _about_all(known, policy, spec) else f"{own} that are {scope(known.policy, known.spec)}"
            for name in known.names or ():
                target = peer.name.common(name)
                if target:
                    yield who, target


def _lookups(
    index: Index, policy: CiliumPolicy, spec: Spec, known: dict[str | None, list[DnsRule]]
) -> Sequence[DnsRule]:
    """The DNS rules for pods of this spec through which the proxy sees names."""
    if not any(peer.name for rule in spec.egress.allow for peer in rule.peers):
        return ()
    if policy.namespace not in known:
        found = [rule for other, near in index.around(policy) if not other.faults for rule in dns_rules(other, near)]
        known[policy.namespace] = [rule for rule in found if rule.names is not None]
    return [rule for rule in known[policy.namespace] if spec.may_share(rule.spec)]


def _about_all(known: DnsRule, policy: CiliumPolicy, spec: Spec) -> bool:
    """Whether the DNS rule counts for all pods of the spec, as far as the words show it."""
    at_home = known.policy.namespace == policy.namespace
    same = at_home and str(known.spec.selector) == str(spec.selector)
    return same or (known.spec.selector.empty and (known.policy.clusterwide or at_home))


def scope(policy: CiliumPolicy, spec: Spec) -> str:
    """Who a spec is about: `shop pods app=web`, or `the whole cluster all pods`."""
    where = "the whole cluster" if policy.clusterwide else policy.namespace or "?"
    if spec.nodes:
        return f"{where} nodes"
    return f"{where} {ALL_PODS if spec.selector.empty else f'pods {spec.selector}'}"


def isolations(index: Index) -> Sequence[Isolation]:
    """Every scope that is denied by default, said so that the same state always reads the same.

    Known workloads stand for the selectors that choose them: a second policy for a workload that is isolated
    already isolates nothing new.
    """
    found: dict[Isolation, None] = {}
    for direction in _DIRECTIONS:
        pairs = [
            (policy, spec)
            for policy in index.policies
            for spec in policy.specs
            if spec.side(direction).isolates and policy.doubt is None and not spec.nodes
        ]
        whole = {policy.namespace for policy, spec in pairs if spec.selector.empty}
        for policy, spec in pairs:
            for who in _isolated(index, policy, spec, whole):
                words = f"{INGRESS}{who}" if direction == "Ingress" else who
                found[Isolation(words, LAYER)] = None
    return tuple(found)


def _isolated(index: Index, policy: CiliumPolicy, spec: Spec, whole: set[str | None]) -> Iterator[str]:
    if spec.selector.empty:
        yield scope(policy, spec)
        return
    if policy.namespace in whole or None in whole:
        return
    chosen = [
        pod
        for namespace in ([policy.namespace] if policy.namespace else spec.selector.namespaces or index.cluster.pods)
        for pod in index.cluster.pods.get(namespace, ())
        if spec.selector.matches(pod_end(index.cluster, pod), policy.namespace) is Match.YES
    ]
    for pod in chosen:
        yield f"{pod.namespace}/{pod.owners[0][1] if pod.owners else pod.name}"
    if not chosen:
        yield scope(policy, spec)
