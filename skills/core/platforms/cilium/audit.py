"""Contradictions in the policies of a repository, said without being asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from skills.core.enforce.selectors import Match
from skills.core.model import Finding, finding
from skills.core.platforms.cilium.contradictions import contradictions, holds_ports
from skills.core.platforms.cilium.endpoints import Endpoint, pod_end
from skills.core.platforms.cilium.entries import CiliumPolicy, Peer, Spec
from skills.core.platforms.cilium.index import Index
from skills.core.platforms.cilium.names import DnsRule, dns_rules
from skills.core.platforms.cilium.pattern import Name

_RESOLVER_LABELS = frozenset({"kube-dns", "coredns", "node-local-dns"})
_DNS_HOME = "kube-system"
_MOST_NAMES = 200


def audit(index: Index) -> Sequence[Finding]:
    found: list[Finding] = []
    found += [mode.doubt for mode in index.modes]
    for policy in index.policies:
        found += policy.faults
        if policy.doubt is not None and policy.doubt.code == "EGR909":
            found.append(policy.doubt)
        for spec in policy.specs:
            found += [*_of(index, policy, spec), *contradictions(index, policy, spec)]
    return list({(item.code, str(item.facts), item.evidence): item for item in found}.values())


def _of(index: Index, policy: CiliumPolicy, spec: Spec) -> Iterator[Finding]:
    if policy.faults or spec.nodes:
        return
    yield from _unlearned(index, policy, spec)
    yield from _covered_names(policy, spec)
    for rule in spec.egress.allow:
        for peer in rule.peers:
            yield from _misleading(policy, peer)
    yield from _selecting_nothing(index, policy, spec)


def _unlearned(index: Index, policy: CiliumPolicy, spec: Spec) -> Iterator[Finding]:
    """G-F01: names without any DNS rule for the same endpoints; G-F06: a DNS rule that leaves a name out."""
    listed = [peer for rule in spec.egress.allow for peer in rule.peers if peer.name is not None][:_MOST_NAMES]
    if not listed:
        return
    rules = [
        rule
        for other, near in index.around(policy)
        if spec.may_share(near)
        for rule in dns_rules(other, near)
        if rule.udp
    ]
    seen = [rule for rule in rules if rule.names is not None]
    if not seen:
        names = ", ".join(peer.text for peer in listed[:3])
        yield finding("EGR869", listed[0].place, policy=policy.name, names=names)
        return
    if len(seen) < len(rules):
        return  # a plain rule beside it may let the proxy see every name
    for peer in listed:
        if peer.name is not None and not _seen(peer.name, seen):
            patterns = ", ".join(str(name) for rule in seen for name in rule.names or ())[:200]
            yield finding("EGR871", peer.place, policy=policy.name, name=peer.text, patterns=patterns)


def _seen(name: Name, rules: Sequence[DnsRule]) -> bool:
    return any(known.covers(name) or "{" in known.text + name.text for rule in rules for known in rule.names or ())


def _covered_names(policy: CiliumPolicy, spec: Spec) -> Iterator[Finding]:
    """A name that a wider pattern holds already, in its own list or in another rule for all of its ports."""
    listed = [(rule, peer) for rule in spec.egress.allow for peer in rule.peers if peer.name is not None][:_MOST_NAMES]
    patterns = [(rule, peer) for rule, peer in listed if peer.name is not None and peer.name.wild and "*" in peer.text]
    for rule, peer in listed:
        for other, wide in patterns:
            if peer.name is None or wide.name is None or wide.text == peer.text:
                continue
            if wide.name.covers(peer.name) and (other is rule or holds_ports(other, rule)):
                yield finding("EGR872", peer.place, wide.place, policy=policy.name, name=peer.text, wide=wide.text)
                break


def _misleading(policy: CiliumPolicy, peer: Peer) -> Iterator[Finding]:
    """G-F05: a CIDR of everything holds no pod; and kube-dns is looked for in the policy's own namespace."""
    if peer.block is not None and peer.block.whole[0] == 0 and peer.block.cidr.endswith("/0"):
        yield finding("EGR870", peer.place, policy=policy.name, cidr=peer.block.cidr)
    selector = peer.selector
    if selector is None or not selector.own_namespace or policy.namespace in {None, _DNS_HOME}:
        return
    wanted = [term.requirement for term in selector.terms if term.requirement.key == "k8s-app"]
    if any(_RESOLVER_LABELS & set(item.values) and item.operator == "In" for item in wanted):
        yield finding("EGR873", peer.place, policy=policy.name, namespace=policy.namespace)


def _selecting_nothing(index: Index, policy: CiliumPolicy, spec: Spec) -> Iterator[Finding]:
    """Only where the repository knows the namespace's workloads, for else the pods may stand elsewhere."""
    pods = index.cluster.pods.get(policy.namespace or "", ())
    if not pods or spec.selector.empty:
        return
    ends: list[Endpoint] = [pod_end(index.cluster, pod) for pod in pods]
    if all(spec.selector.matches(end, policy.namespace) is Match.NO for end in ends):
        selector = str(spec.selector)
        yield finding("EGR949", spec.place, policy=policy.name, selector=selector, namespace=policy.namespace)
