"""CiliumNetworkPolicy and CiliumClusterwideNetworkPolicy (`cilium.io/v2`).

Policies isolate and allow like NetworkPolicies and join with them; besides, they deny, know host names through
Cilium's DNS proxy, and decide by identity, so that a CIDR never matches a pod.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from skills.core.enforce.cluster import Cluster
from skills.core.model import Workload, WorkloadRef
from skills.core.platform_base import Touched
from skills.core.platforms.cilium.audit import audit
from skills.core.platforms.cilium.decide import decide, governs
from skills.core.platforms.cilium.edit import edit
from skills.core.platforms.cilium.entries import Entry
from skills.core.platforms.cilium.grants import grants, isolations
from skills.core.platforms.cilium.index import NAME, Index, compile_index
from skills.core.platforms.cilium.read import read
from skills.core.platforms.cilium.wider import wider

__all__ = [
    "KIND",
    "LAYERS",
    "MARKS",
    "NAME",
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
LAYERS = ("network_policy",)
MARKS: tuple[str, ...] = ("cilium.io/",)


def compile(entries: Sequence[Entry], cluster: Cluster) -> Index:
    return compile_index(entries, cluster)


def update(index: Index, touched: Touched, entries: Callable[[], Sequence[Entry]], cluster: Cluster) -> Index:  # noqa: ARG001
    return compile_index(entries(), cluster)


def resolve(index: Index, ref: WorkloadRef) -> Sequence[Workload]:  # noqa: ARG001
    """The cluster resolves Kubernetes workloads for all dialects."""
    return ()


def names(index: Index) -> Sequence[str]:  # noqa: ARG001
    """The cluster names Kubernetes workloads for all dialects."""
    return ()
