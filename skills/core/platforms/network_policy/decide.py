"""From the index to the views of one flow."""

from __future__ import annotations

from collections.abc import Sequence

from skills.core.enforce.kube_decide import evaluate
from skills.core.enforce.peers import peers, pods_of
from skills.core.model import Destination, Finding, LayerView, Workload, finding
from skills.core.platforms.network_policy.foreign import with_foreign
from skills.core.platforms.network_policy.index import Index

NAME = "network_policy"


def governs(index: Index, workload: Workload) -> bool:
    """Whether any NetworkPolicy could be about the workload's namespace."""
    return workload.kind == "k8s" and bool(index.policies.about(workload.namespace or workload.scope))


def decide(index: Index, workload: Workload, destination: Destination) -> Sequence[LayerView]:
    """Nothing where the repository holds no NetworkPolicy at all: then this layer is not kept in it."""
    if index.empty:
        return ()
    egress, *ingress = evaluate(index.policies, index.cluster, workload, destination, NAME)
    namespace = workload.namespace or workload.scope
    if said := _remarks(index, namespace):
        egress = egress._replace(findings=(*egress.findings, *said))
    if not index.foreign:
        return (egress, *ingress)
    near, far = pods_of(index.cluster, workload), peers(index.cluster, workload, destination)
    if not far.loopback:
        about = [entry for entry in index.foreign if entry.make != "firewall" or far.outside]
        egress = with_foreign(about, index.cluster, egress, [near], "Egress")
    return (egress, *(with_foreign(index.foreign, index.cluster, view, far.pods, "Ingress") for view in ingress))


def _remarks(index: Index, namespace: str) -> list[Finding]:
    if not index.policies.about(namespace):
        return [finding("EGR928", namespace=namespace)]
    homes = index.cluster.homes
    entries = [entry for entry in index.entries_of(namespace) if entry.path not in homes]
    assumed = next((entry for entry in entries if entry.assumed_namespace), None)
    if assumed is None:
        return []
    return [finding("EGR953", assumed.policy.place, policy=assumed.policy.name, namespace=namespace)]
