"""Istio as at Party Bus: a sidecar lets out only what the mesh's registry holds (`REGISTRY_ONLY`).

Hosts are registered by ServiceEntries, as manifests or as values of Big Bang and bb-common charts, which are read as
what they render. Environments are told apart by path, and a need is for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from skills.core.enforce.cluster import Cluster
from skills.core.platform_base import Touched
from skills.core.platforms.istio.audit import audit
from skills.core.platforms.istio.decide import decide, governs
from skills.core.platforms.istio.edit import edit
from skills.core.platforms.istio.entries import NAME, Entry
from skills.core.platforms.istio.grants import grants, isolations, wider
from skills.core.platforms.istio.index import Index, names, resolve
from skills.core.platforms.istio.index import compile_index as compile
from skills.core.platforms.istio.read import read

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
LAYERS = ("mesh", "network_policy")
MARKS: tuple[str, ...] = ("networking.istio.io/", "outboundTrafficPolicy", "serviceEntries", "customServiceEntries")


def update(index: Index, touched: Touched, entries: Callable[[], Sequence[Entry]], cluster: Cluster) -> Index:  # noqa: ARG001
    return compile(entries(), cluster)
