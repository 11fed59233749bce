"""Infrastream: `spec.allowedEgress` of Project manifests, which a firewall around the Shared VPC enforces."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from skills.core.enforce.cluster import Cluster
from skills.core.model import Workload
from skills.core.platform_base import Touched
from skills.core.platforms.infrastream import manifests
from skills.core.platforms.infrastream.audit import audit, grants, isolations, wider
from skills.core.platforms.infrastream.decide import decide
from skills.core.platforms.infrastream.edit import edit
from skills.core.platforms.infrastream.index import Index, compile_index, environments, names, resolve, update_index
from skills.core.platforms.infrastream.manifests import Entry, read

NAME: str = manifests.NAME
KIND: str = "infra"
LAYERS = ("firewall",)
MARKS: tuple[str, ...] = (manifests.API, "allowedEgress")

__all__ = [
    "KIND",
    "LAYERS",
    "MARKS",
    "NAME",
    "audit",
    "compile",
    "decide",
    "edit",
    "environments",
    "governs",
    "grants",
    "isolations",
    "names",
    "read",
    "resolve",
    "update",
    "wider",
]


def compile(entries: Sequence[Entry], cluster: Cluster) -> Index:  # noqa: ARG001 - projects have no pods
    return compile_index(entries)


def update(index: Index, touched: Touched, entries: Callable[[], Sequence[Entry]], cluster: Cluster) -> Index:  # noqa: ARG001
    return update_index(index, touched, entries) if touched else index


def governs(index: Index, workload: Workload) -> bool:
    return bool(index.of(workload))
