"""Whether what was drawn before comes out the same now: the same change of the same files, with the same effect."""

from __future__ import annotations

import json
from dataclasses import replace

from skills.contract import World
from skills.core import change
from skills.core.model import Drawn
from skills.draft import skill as draft

_OF_DRAFT = {field.alias or name for name, field in draft.Ask.model_fields.items()}


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
