"""The form that a platform's help desk wants filled in, as far as it is known; the rest is marked as open.

Source: Party Bus, Egress Allowlist: internal or external to P1 environments, an ATC for external ones, other impact
levels, and the three questions for connections into the NIPR boundary with its ports-and-protocols form.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from skills.contract import World
from skills.core.model import Destination, Need, Request

_CLUSTER = (".svc", ".svc.cluster.local")
INSIDE, NOT_NEEDED = "inside", "not needed"
NIPR_ONLY = ("nipr_fqdn", "nipr_environments", "nipr_cloud")
IDS = ("boundary", "atc", "impact_level", "nipr", *NIPR_ONLY)


@dataclass(frozen=True, slots=True)
class Line:
    """One question of the form. `known` is what follows from the request itself (`inside`, `not needed`); `answer` is
    what somebody said. Where both are empty somebody must be asked."""

    id: str
    answer: str = ""
    known: str = ""

    @property
    def asked(self) -> bool:
        return not self.answer and not self.known


def is_wanted(need: Need, world: World) -> bool:
    """Whether the policy sends requests of this workload's platforms to a help desk. What only closes needs none."""
    desk = world.policy.help_desk
    if desk is None or need.remove or need.isolate:
        return False
    governing = {platform.NAME for platform in world.allowlist.governing(need.workload)}
    return bool({*governing, need.workload.platform} & set(desk.platforms))


def answers_of(request: Request) -> tuple[str, ...]:
    """The answers that the request was opened with."""
    asked = json.loads(request.drawn.asked) if request.drawn else {}
    return tuple(asked.get("answer", ()))


def lines(need: Need, answers: tuple[str, ...]) -> list[Line]:
    """Every question of the form, in its order."""
    given = {name: value.strip() for name, _, value in (each.partition("=") for each in answers)}
    inside = all(_in_cluster(each) for each in need.destinations)
    boundary, nipr = given.get("boundary", "").casefold(), given.get("nipr", "").casefold()
    known = {"boundary": INSIDE, "nipr": NOT_NEEDED} if inside else {}
    if inside or boundary.startswith("internal"):
        known["atc"] = NOT_NEEDED
    if inside or nipr == "no":
        known |= dict.fromkeys(NIPR_ONLY, NOT_NEEDED)
    return [Line(id, given.get(id, ""), known.get(id, "")) for id in IDS]


def _in_cluster(destination: Destination) -> bool:
    return bool(destination.workload) or (destination.host or "").endswith(_CLUSTER)
