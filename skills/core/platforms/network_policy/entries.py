"""What one document contributes to this dialect: plain values, kept by blob."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from skills.core.enforce.kube_policy import NetworkPolicy
from skills.core.enforce.selectors import LabelSelector
from skills.core.model import Finding, Place


class PolicyEntry(NamedTuple):
    """One NetworkPolicy. `line` is where its document (or list item) begins, by which an edit finds it again.

    `remarks` are the contradictions that this one document shows by itself.
    """

    policy: NetworkPolicy
    line: int
    assumed_namespace: bool = False
    remarks: tuple[Finding, ...] = ()

    @property
    def path(self) -> str:
        return self.policy.place.path


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a policy of another make is about: Calico's expressions, or label selectors (`namespaces` is then set).

    `accounts`: it depends on service accounts as well.
    """

    selector: str = ""
    namespace_selector: str = ""
    namespaces: LabelSelector | None = None
    pods: LabelSelector | None = None
    accounts: bool = False


@dataclass(frozen=True, slots=True)
class ForeignEntry:
    """A policy of another make (`calico`, `admin`, `baseline`, `firewall`, or one by which NetworkPolicies are
    `generated`): it can turn a verdict, and its rules are not read here.

    `namespace` None means the whole cluster, or that a template decides it. `egress` and `ingress` are the actions
    of its rules; None where it has no say in that direction. `default_tier` is Calico's, where NetworkPolicies are.
    """

    kind: str
    name: str
    namespace: str | None
    place: Place
    make: str
    subject: Subject = field(default_factory=Subject)
    egress: frozenset[str] | None = None
    ingress: frozenset[str] | None = None
    default_tier: bool = False
    remarks: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class CiliumEntry:
    """A sign that the cluster runs Cilium, whose policies can name hosts. Another platform reads it."""

    place: Place


Entry = PolicyEntry | ForeignEntry | CiliumEntry
