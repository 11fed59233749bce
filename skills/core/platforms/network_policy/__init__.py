"""Kubernetes NetworkPolicy (networking.k8s.io/v1): the adapter of the dialect.

Policies live in any YAML or JSON of the repository. They only allow; a pod that some policy selects is isolated,
and then the union of all rules that select it is what remains. There is no host in this language, only addresses.
"""

from __future__ import annotations

from collections.abc import Sequence

from skills.core.model import Workload, WorkloadRef
from skills.core.platforms.network_policy.audit import audit
from skills.core.platforms.network_policy.decide import NAME, decide, governs
from skills.core.platforms.network_policy.edit import edit
from skills.core.platforms.network_policy.grants import grants, isolations, wider
from skills.core.platforms.network_policy.index import Index
from skills.core.platforms.network_policy.index import compile_index as compile
from skills.core.platforms.network_policy.index import update_index as update
from skills.core.platforms.network_policy.read import read

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
MARKS = ("NetworkPolicy", "EgressFirewall")


def resolve(index: Index, ref: WorkloadRef) -> Sequence[Workload]:  # noqa: ARG001
    """The cluster resolves Kubernetes workloads for all dialects."""
    return ()


def names(index: Index) -> Sequence[str]:  # noqa: ARG001
    """The cluster names Kubernetes workloads for all dialects."""
    return ()
