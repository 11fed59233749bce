"""What was drawn before, on another commit: whether it comes out the same, and whether it is done there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from skills.contract import World
from skills.core import change
from skills.core.model import Drawn, Request
from skills.draft import skill as draft

_OF_DRAFT = {field.alias or name for name, field in draft.Ask.model_fields.items()}


def stands(request: Request, world: World) -> bool | None:
    """Whether the world's commit does what a request asked for; None where that can't be told any more."""
    if request.drawn is None:
        return None
    # Its last day may be over; that says nothing about what stands.
    asked = {**_of_draft(json.loads(request.drawn.asked)), "until": None}
    need, _ = draft.need_of(draft.Ask.model_validate(asked), world)
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


def _of_draft(asked: Mapping[str, Any]) -> dict[str, Any]:
    """What `draft` takes of an ask of `propose`."""
    return {name: value for name, value in asked.items() if name in _OF_DRAFT}


def still_the_same(drawn: Drawn, world: World) -> bool:
    """Draws it once more on the world's commit. What is refused or can't be looked up any more is not the same."""
    asked = json.loads(drawn.asked)
    ask = draft.Ask.model_validate(_of_draft(asked))
    need, _ = draft.need_of(ask, world)
    if need is None:
        return False
    return change.effect(draft.drawn(ask, need, world, asked.get("comment")).change) == drawn.effect
