"""A verdict in layers: each layer in force must allow a flow, and each entry names its rule.

What a verdict is made of are tuples: it takes dozens, and a frozen dataclass is made at a third of their pace.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from skills.core.model.findings import Finding, Question
from skills.core.model.flows import Destination, Workload
from skills.core.model.places import Place

Decision = Literal["allowed", "denied", "undecided"]
Default = Literal["deny", "allow"]

LAYERS = ("mesh", "network_policy", "firewall", "security_group")


class RuleHit(NamedTuple):
    """A rule that decides this flow, with its place."""

    effect: Literal["allow", "deny"]
    place: Place


class NearMiss(NamedTuple):
    """A rule that almost matched. `finding.code` says in which way (apex, port, selector ...)."""

    finding: Finding
    place: Place
    distance: int = 5  # smaller is nearer: the nearest is shown first


class LayerView(NamedTuple):
    """What one platform says about one flow at one layer, before views are joined.

    `default` is what happens when no rule matches: `deny` when this platform isolates the workload
    here (then `isolators` are the places that do so), else `allow`. `unknown` is what would have to
    be known; it makes the layer undecided unless something allows or denies for certain.
    `doubts` could deny whatever is allowed here (rules of a kind that we can't read), so nothing is
    allowed for certain.
    `detour` is where the packets of this flow go first (a waypoint, a gateway), which happens only to what is no pod:
    whoever else judges the network judges the way there.
    `half` is `ingress` for the far side of an internal connection; both halves must allow.
    """

    layer: str
    platform: str
    default: Default
    allows: tuple[RuleHit, ...] = ()
    denies: tuple[RuleHit, ...] = ()
    isolators: tuple[Place, ...] = ()
    near: tuple[NearMiss, ...] = ()
    unknown: tuple[Finding, ...] = ()
    findings: tuple[Finding, ...] = ()
    half: Literal["egress", "ingress"] = "egress"
    doubts: tuple[Finding, ...] = ()
    detour: Destination | None = None


class LayerVerdict(NamedTuple):
    """The joined decision of one layer."""

    layer: str
    decision: Decision
    default: Default
    rules: tuple[RuleHit, ...] = ()
    isolators: tuple[Place, ...] = ()
    near_misses: tuple[NearMiss, ...] = ()
    unknown: tuple[Finding, ...] = ()
    platforms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to one need, for one destination. `workload` is None when nothing names it."""

    decision: Decision
    workload: Workload | None
    destination: Destination
    layers: tuple[LayerVerdict, ...] = ()
    findings: tuple[Finding, ...] = ()
    questions: tuple[Question, ...] = ()

    @property
    def allowed(self) -> bool:
        return self.decision == "allowed"

    def denying(self) -> tuple[LayerVerdict, ...]:
        return tuple(layer for layer in self.layers if layer.decision == "denied")
