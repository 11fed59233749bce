"""diagram: ticks the open task that a team's architecture diagram must be brought up to date. Never a decision."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from skills import contract
from skills.contract import Answer, World
from skills.core.errors import Outdated
from skills.core.model import DIAGRAM_OPEN, Finding, Relabel, TickDiagram
from skills.core.rights import may_tick

NAME = "diagram"


class Ask(contract.Ask):
    """Which request's diagram is done."""

    verb: Literal["done"] = Field(description="`done`", json_schema_extra={"positional": True})
    key: str = Field(description="the request's key, as EG-4F7K2M", json_schema_extra={"positional": True})


def run(ask: Ask, world: World) -> Answer:
    request = world.request(ask.key)
    may_tick(world.person, request, world.policy)
    task = request.diagram
    data = {"key": request.key, "diagram": "done"}
    if task is None:
        raise Outdated("EGR036", key=request.key)
    if not task.open:
        facts = {"key": request.key, "by": task.by, "at": task.at[:10]}
        return Answer({**data, "by": task.by, "at": task.at}, (Finding("EGR038", facts),))
    at = world.now.isoformat(timespec="seconds")
    label = (Relabel(request.key, request.digest, remove=(DIAGRAM_OPEN,)),) if request.number else ()
    return Answer(
        {**data, "by": world.person.id, "at": at},
        (Finding("EGR037", {"key": request.key, "by": world.person.shown}),),
        next_steps=("status",),
        records=(TickDiagram(request.key, world.person.id, at),),
        effects=label,
    )
