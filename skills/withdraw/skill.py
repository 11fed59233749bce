"""withdraw: whoever asked takes an open request back; its merge request is closed, and who watches it hears so."""

from __future__ import annotations

from pydantic import Field

from skills import contract
from skills.contract import Answer, World
from skills.core.errors import Outdated
from skills.core.messages import say
from skills.core.model import OPEN_STATES, CloseMergeRequest, Finding, MoveRequest, Tell
from skills.core.rights import only_asker

NAME = "withdraw"


class Ask(contract.Ask):
    """Which request is taken back."""

    key: str = Field(description="the request's key, as EG-4F7K2M", json_schema_extra={"positional": True})
    reason: contract.Words = Field("", description="why it is not needed; approvers and watchers read it")


def run(ask: Ask, world: World) -> Answer:
    request = world.request(ask.key)
    only_asker(world.person, request, "withdraw it")
    data = {"key": request.key, "state": "withdrawn", "url": request.url, "by": world.person.id}
    if request.state == "withdrawn":
        return Answer(data, (Finding("EGR075", _facts(request.key, world, ask.reason)),))
    if request.state not in OPEN_STATES:
        raise Outdated("EGR055", key=request.key, state=request.state)
    lead = Finding("EGR075", _facts(request.key, world, ask.reason))
    return Answer(
        data,
        findings=(lead,),
        next_steps=("status",),
        records=(
            MoveRequest(request.key, request.version, "withdrawn"),
            Tell(request.key, f"withdrawn:{request.version}", lead),
        ),
        effects=(CloseMergeRequest(request.key, request.digest, say(lead).says),) if request.number else (),
        detail={"request": request},
    )


def _facts(key: str, world: World, reason: str) -> dict[str, str]:
    why = " ".join(reason.split())[:300]
    return {"key": key, "by": world.person.shown, "why": f": {why}" if why else "."}
