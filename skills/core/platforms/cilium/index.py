"""All policies of a commit, found by the namespace that they are about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from skills.core.enforce.cluster import Cluster
from skills.core.model import finding
from skills.core.platforms.cilium.entries import CidrGroup, CiliumPolicy, Entry, Mode, Rule, Spec
from skills.core.platforms.cilium.groups import with_groups

NAME = "cilium"


@dataclass(frozen=True, slots=True)
class Index:
    """`policies` are at home in their namespaces; `read` is what the files said, before Kustomize.

    `by_namespace` holds the pairs of policy and spec that can only be about one namespace, `anywhere` the rest.
    """

    cluster: Cluster
    policies: tuple[CiliumPolicy, ...] = ()
    read: tuple[Entry, ...] = ()
    by_namespace: Mapping[str, tuple[tuple[CiliumPolicy, Spec], ...]] = field(default_factory=dict)
    anywhere: tuple[tuple[CiliumPolicy, Spec], ...] = ()
    modes: tuple[Mode, ...] = ()

    def about(self, namespace: str) -> tuple[tuple[CiliumPolicy, Spec], ...]:
        return (*self.by_namespace.get(namespace, ()), *self.anywhere)

    def around(self, policy: CiliumPolicy) -> Sequence[tuple[CiliumPolicy, Spec]]:
        """The specs that may be about the same pods as this policy."""
        if policy.namespace:
            return self.about(policy.namespace)
        return [(other, spec) for other in self.policies for spec in other.specs]

    @property
    def hosts(self) -> list[tuple[CiliumPolicy, Spec]]:
        """Specs about nodes that limit what leaves them."""
        pairs = [(policy, spec) for policy, spec in self.anywhere if spec.nodes]
        return [pair for pair in pairs if pair[1].egress.isolates or pair[1].egress.deny]

    def of(self, namespace: str) -> list[CiliumPolicy]:
        return [policy for policy in self.policies if policy.namespace == namespace]


def compile_index(entries: Sequence[Entry], cluster: Cluster) -> Index:
    groups = [entry for entry in entries if isinstance(entry, CidrGroup)]
    modes = tuple(entry for entry in entries if isinstance(entry, Mode))
    written = [with_groups(entry, groups) for entry in entries if isinstance(entry, CiliumPolicy)]
    if modes:
        written = [replace(policy, doubt=policy.doubt or modes[0].doubt) for policy in written]
    policies = _distinct([home for entry in written for home in _at_home(entry, cluster)])
    by_namespace: dict[str, list[tuple[CiliumPolicy, Spec]]] = {}
    anywhere = []
    for policy in policies:
        for spec in policy.specs:
            names = _namespaces(policy, spec)
            for name in names:
                by_namespace.setdefault(name, []).append((policy, spec))
            if not names:
                anywhere.append((policy, spec))
    grouped = {name: tuple(pairs) for name, pairs in by_namespace.items()}
    return Index(cluster, tuple(policies), tuple(entries), grouped, tuple(anywhere), modes)


def _namespaces(policy: CiliumPolicy, spec: Spec) -> tuple[str, ...]:
    """The namespaces that a spec can be about; none if it can be any."""
    if policy.namespace is not None:
        return (policy.namespace,)
    wanted = spec.selector.namespaces if policy.clusterwide else ()
    return () if any("{{" in name or "${" in name for name in wanted) else wanted


def _at_home(entry: CiliumPolicy, cluster: Cluster) -> list[CiliumPolicy]:
    """The policy in each namespace that Kustomize gives to its file."""
    homes = cluster.homes.get(entry.place.path)
    if homes is None or entry.clusterwide:
        return [entry]
    doubt = None if entry.doubt is not None and entry.doubt.code == "EGR910" else entry.doubt
    return [replace(entry, namespace=home, doubt=doubt, assumed_namespace=False) for home in homes]


def _distinct(policies: Sequence[CiliumPolicy]) -> list[CiliumPolicy]:
    """Policies of one kind, namespace and name are one: the last of a file wins; between files nobody knows which."""
    named: dict[tuple[str, str | None, str], dict[str, CiliumPolicy]] = {}
    found: list[CiliumPolicy] = []
    for policy in policies:
        if (policy.namespace is None and not policy.clusterwide) or not policy.name or "{{" in policy.name:
            found.append(policy)
        else:
            named.setdefault((policy.kind, policy.namespace, policy.name), {})[policy.place.path] = policy
    for texts in named.values():
        first, *others = texts.values()
        if all(content(other) == content(first) for other in others):
            found.append(first)
            continue
        paths = ", ".join(texts)
        doubt = finding("EGR909", *(text.place for text in texts.values()), policy=first.name, paths=paths)
        found += [replace(text, doubt=text.doubt or doubt) for text in texts.values()]
    return found


def content(policy: CiliumPolicy) -> object:
    """What a policy says, without where it says so."""
    return [
        (str(spec.selector), spec.nodes, [(_rules(side.allow), _rules(side.deny), side.isolates) for side in sides])
        for spec in policy.specs
        for sides in [(spec.egress, spec.ingress)]
    ]


def _rules(rules: Sequence[Rule]) -> object:
    return [
        (
            rule.family,
            [(peer.kind, peer.text, str(peer.selector)) for peer in rule.peers],
            None
            if rule.to_ports is None
            else [([(str(p), p.protocol) for p in r.ports], r.dns, r.http, r.server_names) for r in rule.to_ports],
        )
        for rule in rules
    ]
