"""What one document contributes to this dialect: plain values, kept by blob."""

from __future__ import annotations

from dataclasses import dataclass

from skills.core.enforce.kube_policy import NetworkPolicy
from skills.core.model import Finding, Place


@dataclass(frozen=True, slots=True)
class PolicyEntry:
    """One NetworkPolicy. `line` is where its document (or list item) begins, by which an edit finds it again.

    `remarks` are the contradictions that this one document shows by itself.
    """

    policy: NetworkPolicy
    line: int
    assumed_namespace: bool = False
    remarks: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class ForeignEntry:
    """A policy of another make (Calico, AdminNetworkPolicy): it can turn a verdict and is not read here.

    `namespace` None means the whole cluster.
    """

    kind: str
    name: str
    namespace: str | None
    place: Place


@dataclass(frozen=True, slots=True)
class CiliumEntry:
    """A sign that the cluster runs Cilium, whose policies can name hosts. Another platform reads it."""

    place: Place


Entry = PolicyEntry | ForeignEntry | CiliumEntry
