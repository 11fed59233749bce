"""All NetworkPolicies of a repository, found by namespace and by label."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from skills.core.enforce.kube_policy import NetworkPolicy, PolicyRule
from skills.core.shelves import changed

Label = tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class PolicyIndex:
    """Policies by namespace; `floating` are those whose namespace a template decides.

    `by_label` finds policies that hold rules by one label of their selector and then by namespace; None is for the
    rest.
    """

    by_namespace: Mapping[str, tuple[NetworkPolicy, ...]]
    floating: tuple[NetworkPolicy, ...] = ()
    by_label: Mapping[Label, Mapping[str, tuple[NetworkPolicy, ...]]] = field(default_factory=dict)

    def about(self, namespace: str) -> tuple[NetworkPolicy, ...]:
        return self.by_namespace.get(namespace, ()) + self.floating

    def matching(self, labels: Mapping[str, str]) -> Iterator[NetworkPolicy]:
        """Policies of any namespace whose selector could fit these labels."""
        for key in (*labels.items(), None):
            for policies in self.by_label.get(key, {}).values():
                yield from policies

    def __iter__(self) -> Iterator[NetworkPolicy]:
        for policies in self.by_namespace.values():
            yield from policies
        yield from self.floating

    def after(self, touched: Mapping[str | None, Sequence[NetworkPolicy]]) -> PolicyIndex:
        """The index once these namespaces (None: the floating) hold these policies and no others."""
        now: dict[str, tuple[NetworkPolicy, ...] | None] = {}
        shelves: dict[Label, Mapping[str, tuple[NetworkPolicy, ...]] | None] = {}
        for namespace, policies in touched.items():
            if namespace is None:
                continue
            now[namespace] = _united(policies) or None
            come = _by_label(now[namespace] or ())
            for label in {**_by_label(self.by_namespace.get(namespace, ())), **come}:
                shelf = shelves.get(label) or self.by_label.get(label, {})
                if label in come and namespace not in shelf:
                    shelves[label] = dict(sorted({**shelf, namespace: come[label]}.items()))
                else:
                    shelves[label] = changed(shelf, {namespace: come.get(label)})
        return PolicyIndex(
            changed(self.by_namespace, now), tuple(touched.get(None, self.floating)), changed(self.by_label, shelves)
        )


def index_policies(policies: Iterable[NetworkPolicy]) -> PolicyIndex:
    """All policies, in order of their files."""
    every: dict[str | None, list[NetworkPolicy]] = {}
    for policy in policies:
        every.setdefault(policy.namespace, []).append(policy)
    floating = tuple(every.pop(None, ()))
    by_namespace = {name: _united(group) for name, group in every.items() if name is not None}
    by_label: dict[Label, dict[str, tuple[NetworkPolicy, ...]]] = {}
    for namespace in sorted(by_namespace):
        for label, group in _by_label(by_namespace[namespace]).items():
            by_label.setdefault(label, {})[namespace] = group
    return PolicyIndex(by_namespace, floating, by_label)


def _united(policies: Iterable[NetworkPolicy]) -> tuple[NetworkPolicy, ...]:
    """Policies of one namespace and name are one: the last of a file wins; between files nobody knows which."""
    named: dict[str, dict[str, NetworkPolicy]] = {}
    for policy in policies:
        named.setdefault(policy.name, {})[policy.place.path] = policy
    united = []
    for first, *others in (tuple(texts.values()) for texts in named.values()):
        differing = tuple(other for other in others if content(other) != content(first))
        united.append(first._replace(variants=differing) if differing or first.variants else first)
    return tuple(united)


def _by_label(policies: Iterable[NetworkPolicy]) -> dict[Label, tuple[NetworkPolicy, ...]]:
    found: dict[Label, list[NetworkPolicy]] = {}
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
