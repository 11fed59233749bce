"""status: what became of requests, and whom each one waits for."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pydantic import Field

from skills import contract
from skills.contract import Answer, World
from skills.core import life, waits
from skills.core.model import OPEN_STATES, Finding, Request

NAME = "status"
_HOUR = timedelta(hours=1)


class Ask(contract.Ask):
    """Which request; without a key all that are open."""

    key: str | None = Field(None, description="one request's key", json_schema_extra={"positional": True})


def run(ask: Ask, world: World) -> Answer:
    if ask.key:
        shown = [world.request(ask.key)]
    else:
        shown = [request for request in world.requests if request.state in OPEN_STATES]
    lead = Finding("EGR440", {"count": len(shown)}) if shown else Finding("EGR439")
    wait = waits.usual_wait(world.requests)
    told = [Finding("EGR093", {"wait": waits.in_words(wait)})] if wait and any(map(life.waits_for, shown)) else []
    data = {"requests": [_row(request) for request in shown], "usual_wait": wait and round(wait / _HOUR, 1)}
    return Answer(data, (lead, *told), detail={"requests": shown, "waits_for": life.waits_for})


def _row(request: Request) -> dict[str, Any]:
    return {
        "key": request.key,
        "state": request.state,
        "for": request.workload,
        "to": list(request.destinations),
        "url": request.url,
        "digest": request.digest,
        "asked_by": request.asked_by,
        "since": request.since,
        "diagram": None if request.diagram is None else "open" if request.diagram.open else "done",
        "links": [{"what": link.what, "url": link.url} for link in request.links],
        "waits_for": list(life.waits_for(request)),
        "until": request.until,
        "ends": request.ends,
        "renews": request.renews,
    }
