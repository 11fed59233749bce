"""All NetworkPolicies of a repository, found by namespace and by label."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from skills.core.enforce.kube_policy import NetworkPolicy, PolicyRule


@dataclass(frozen=True, slots=True)
class PolicyIndex:
    """Policies by namespace; `floating` are those whose namespace a template decides.

    `by_label` finds policies that hold rules by one label of their selector; None is for the rest.
    """

    by_namespace: Mapping[str, tuple[NetworkPolicy, ...]]
    floating: tuple[NetworkPolicy, ...] = ()
    by_label: Mapping[tuple[str, str] | None, tuple[NetworkPolicy, ...]] = field(default_factory=dict)

    def about(self, namespace: str) -> tuple[NetworkPolicy, ...]:
        return self.by_namespace.get(namespace, ()) + self.floating

    def matching(self, labels: Mapping[str, str]) -> Iterator[NetworkPolicy]:
        """Policies of any namespace whose selector could fit these labels."""
        for key in (*labels.items(), None):
            yield from self.by_label.get(key, ())

    def __iter__(self) -> Iterator[NetworkPolicy]:
        for policies in self.by_namespace.values():
            yield from policies
        yield from self.floating


def index_policies(policies: Iterable[NetworkPolicy]) -> PolicyIndex:
    """Policies of one namespace and name are one: the last of a file wins; between files nobody knows which."""
    named: dict[tuple[str, str], dict[str, NetworkPolicy]] = {}
    floating: list[NetworkPolicy] = []
    for policy in policies:
        if policy.namespace is None:
            floating.append(policy)
        else:
            named.setdefault((policy.namespace, policy.name), {})[policy.place.path] = policy
    by_namespace: dict[str, list[NetworkPolicy]] = {}
    for (namespace, _), texts in named.items():
        first, *others = texts.values()
        differing = tuple(other for other in others if content(other) != content(first))
        by_namespace.setdefault(namespace, []).append(replace(first, variants=differing))
    known = [policy for group in by_namespace.values() for policy in group]
    grouped = {name: tuple(group) for name, group in by_namespace.items()}
    return PolicyIndex(grouped, tuple(floating), _by_label(known))


def _by_label(policies: Iterable[NetworkPolicy]) -> dict[tuple[str, str] | None, tuple[NetworkPolicy, ...]]:
    found: dict[tuple[str, str] | None, list[NetworkPolicy]] = {}
    for policy in policies:
        if policy.egress or policy.ingress:
            labels = policy.selector.labels if policy.selector else {}
            found.setdefault(next(iter(labels.items()), None), []).append(policy)
    return {label: tuple(group) for label, group in found.items()}


def content(policy: NetworkPolicy) -> object:
    """What a policy says, without where it says so."""
    return (policy.selector, policy.directions, bool(policy.faults), _rules(policy.egress), _rules(policy.ingress))


def _rules(rules: Sequence[PolicyRule]) -> object:
    return [
        (
            [(peer.block, peer.pods, peer.namespaces, peer.unsure) for peer in rule.peers],
            [(port.protocol, port.ports, port.name) for port in rule.ports],
        )
        for rule in rules
    ]
