"""UDS Core: Package custom resources (`uds.dev/v1alpha1`) and the bundles that deploy its egress gateway.

A Package isolates its namespace with generated NetworkPolicies, and its remoteHost rules make Istio the second
layer. Semantics follow the operator's source; what changed between its releases stands in `versions.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from skills.core.enforce.cluster import Cluster
from skills.core.enforce.kube_objects import templated as is_templated
from skills.core.model import Workload, WorkloadRef
from skills.core.platforms.uds.audit import audit
from skills.core.platforms.uds.decide import decide, governs
from skills.core.platforms.uds.edit import edit
from skills.core.platforms.uds.grants import grants, isolations, wider
from skills.core.platforms.uds.index import Index, compile_index
from skills.core.platforms.uds.package import NAME, Entry, Package
from skills.core.platforms.uds.read import read
from skills.core.platforms.uds.updating import update_index as update

__all__ = [
    "KIND",
    "LAYERS",
    "MARKS",
    "NAME",
    "Package",
    "audit",
    "compile",
    "decide",
    "edit",
    "governs",
    "grants",
    "isolations",
    "names",
    "read",
    "resolve",
    "update",
    "wider",
]

KIND = "k8s"
LAYERS = ("mesh", "network_policy")
MARKS: tuple[str, ...] = ("uds.dev/",)


def compile(entries: Sequence[Entry], cluster: Cluster) -> Index:
    return compile_index(entries, cluster)


def resolve(index: Index, ref: WorkloadRef) -> Sequence[Workload]:  # noqa: ARG001 (the cluster resolves pods)
    return ()


def names(index: Index) -> Sequence[str]:
    return sorted(namespace for namespace in index.packages if not is_templated(namespace))
