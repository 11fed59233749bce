"""From entries to an index, and from the index to the views of one flow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from skills.core.enforce.cluster import Cluster
from skills.core.enforce.kube_decide import evaluate
from skills.core.enforce.kube_index import PolicyIndex, index_policies
from skills.core.enforce.peers import peers
from skills.core.model import Destination, Finding, LayerView, Workload, finding
from skills.core.platforms.network_policy.entries import CiliumEntry, Entry, ForeignEntry, PolicyEntry

NAME = "network_policy"


@dataclass(frozen=True, slots=True)
class Index:
    """`entries` are at home in their namespaces; `read` is what the files said, before Kustomize.

    `cilium` says that the repository holds Cilium policies.
    """

    policies: PolicyIndex
    cluster: Cluster
    entries: tuple[PolicyEntry, ...] = ()
    foreign: tuple[ForeignEntry, ...] = ()
    cilium: bool = False
    read: tuple[Entry, ...] = ()

    @property
    def empty(self) -> bool:
        return not self.entries and not self.foreign

    def entries_of(self, namespace: str) -> list[PolicyEntry]:
        return [entry for entry in self.entries if entry.policy.namespace == namespace]


def compile_index(entries: Sequence[Entry], cluster: Cluster) -> Index:
    ours = tuple(home for entry in entries if isinstance(entry, PolicyEntry) for home in _at_home(entry, cluster))
    foreign = tuple(entry for entry in entries if isinstance(entry, ForeignEntry))
    cilium = any(isinstance(entry, CiliumEntry) for entry in entries)
    return Index(index_policies(entry.policy for entry in ours), cluster, ours, foreign, cilium, tuple(entries))


def _at_home(entry: PolicyEntry, cluster: Cluster) -> list[PolicyEntry]:
    """The policy in each namespace that Kustomize gives to its file."""
    homes = cluster.homes.get(entry.policy.place.path)
    if homes is None:
        return [entry]
    return [replace(entry, policy=replace(entry.policy, namespace=home)) for home in homes]


def governs(index: Index, workload: Workload) -> bool:
    """Whether any NetworkPolicy could be about the workload's namespace."""
    return workload.kind == "k8s" and bool(index.policies.about(workload.namespace or workload.scope))


def decide(index: Index, workload: Workload, destination: Destination) -> Sequence[LayerView]:
    """Nothing where the repository holds no NetworkPolicy at all: then this layer is not kept in it."""
    if index.empty:
        return ()
    egress, *ingress = evaluate(index.policies, index.cluster, workload, destination, NAME)
    namespace = workload.namespace or workload.scope
    egress = replace(egress, findings=(*egress.findings, *_remarks(index, namespace)))
    egress = _with_foreign(index, egress, {namespace})
    homes = {pods.namespace for pods in peers(index.cluster, workload, destination).pods}
    return (egress, *(_with_foreign(index, view, homes) for view in ingress))


def _remarks(index: Index, namespace: str) -> list[Finding]:
    if not index.policies.about(namespace):
        return [finding("EGR928", namespace=namespace)]
    homes = index.cluster.homes
    entries = [entry for entry in index.entries_of(namespace) if entry.policy.place.path not in homes]
    assumed = next((entry for entry in entries if entry.assumed_namespace), None)
    if assumed is None:
        return []
    return [finding("EGR953", assumed.policy.place, policy=assumed.policy.name, namespace=namespace)]


def _with_foreign(index: Index, view: LayerView, namespaces: set[str]) -> LayerView:
    """Policies of another make can allow, isolate or deny before ours are asked, so nothing is certain beside them."""
    found = [entry for entry in index.foreign if entry.namespace is None or entry.namespace in namespaces]
    unknown = tuple(finding("EGR927", entry.place, kind=entry.kind, policy=entry.name) for entry in found[:3])
    return replace(view, unknown=(*view.unknown, *unknown), doubts=unknown)
