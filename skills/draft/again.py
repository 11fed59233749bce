"""What was drawn before, on another commit: whether it comes out the same, and whether it is done there."""

from __future__ import annotations

import json
from dataclasses import replace

from skills.contract import World
from skills.core import change
from skills.core.model import Drawn, Request
from skills.draft import skill as draft

_OF_DRAFT = {field.alias or name for name, field in draft.Ask.model_fields.items()}


def stands(request: Request, world: World) -> bool | None:
    """Whether the world's commit does what a request asked for; None where that can't be told any more."""
    if request.drawn is None:
        return None
    asked = {name: value for name, value in json.loads(request.drawn.asked).items() if name in _OF_DRAFT}
    # Its last day may be over; that says nothing about what stands.
    need, _ = draft.need_of(draft.Ask.model_validate({**asked, "until": None}), world)
    if need is None:
        return None
    if need.isolate:
        decisions = [change.draft(world.allowlist, need).change.proof.before]
    else:
        each = [(workload, to) for workload in (need.workload, *need.others) for to in need.destinations]
        decisions = [world.allowlist.check(*flow).decision for flow in each]
    wanted, other = ("denied", "allowed") if need.remove or need.isolate else ("allowed", "denied")
    if all(decision == wanted for decision in decisions):
        return True
    return False if other in decisions else None


def still_the_same(drawn: Drawn, world: World) -> bool:
    """Draws it once more on the world's commit. What is refused or can't be looked up any more is not the same."""
    asked = json.loads(drawn.asked)
    ask = draft.Ask.model_validate({name: value for name, value in asked.items() if name in _OF_DRAFT})
    need, _ = draft.need_of(ask, world)
    if need is None:
        return False
    noted = asked.get("comment")
    drafted = draft.drawn(ask, need if noted is None else replace(need, reason=noted), world)
    return change.effect(drafted.change) == drawn.effect
