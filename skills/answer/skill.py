"""answer: whoever asked for it answers an approver's question, or gives back what was returned for changes."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from pydantic import Field

from skills import contract
from skills.contract import Answer, World
from skills.core.errors import AskUnclear, Outdated
from skills.core.messages import say
from skills.core.model import (
    OPEN_STATES,
    AskAsker,
    Finding,
    LeaveNote,
    MoveRequest,
    OpenQuestion,
    Record,
    Request,
    Tell,
)
from skills.core.rights import only_asker

NAME = "answer"
_LONGEST = 2000


class Ask(contract.Ask):
    """Which request, and what there is to say."""

    key: str = Field(description="the request's key, as EG-4F7K2M", json_schema_extra={"positional": True})
    text: contract.Words = Field(
        "", description="your answer; whoever asked, and everybody at the merge request, reads it"
    )


def run(ask: Ask, world: World) -> Answer:
    request = world.request(ask.key)
    only_asker(world.person, request, "answer for it")
    if request.state not in OPEN_STATES:
        raise Outdated("EGR055", key=request.key, state=request.state)
    text = " ".join(ask.text.split())
    if not text:
        raise AskUnclear("EGR1604", key=request.key)
    if len(text) > _LONGEST:
        raise AskUnclear("EGR307", most=_LONGEST, given=len(text))
    returned = request.state == "returned"
    asked = _asked(request)
    if asked is None:
        raise Outdated("EGR1605", key=request.key)
    asked_by = [past.by for past in request.decisions if past.verb == "changes"][-1:] if returned else []
    to = tuple(dict.fromkeys((*asked_by, asked.by)))
    lead = Finding("EGR1606", {"key": request.key, "by": world.person.shown, "text": text})
    mark = hashlib.sha256(f"{request.version} {text}".encode()).hexdigest()[:12]
    records: list[Record] = [Tell(request.key, f"answered:{mark}", lead, to)]
    records.append(AskAsker(request.key, replace(asked, answer=text, answered_at=world.now.isoformat())))
    if returned:
        records.append(MoveRequest(request.key, request.version, "waiting"))
    note = LeaveNote(request.key, request.digest, world.person.id, say(lead).says, f"answered:{mark}")
    state = "waiting" if returned else request.state
    return Answer(
        {"key": request.key, "state": state, "url": request.url},
        findings=(lead,),
        next_steps=("status",),
        records=tuple(records),
        effects=(note,) if request.number else (),
        detail={"request": request},
    )


def _asked(request: Request) -> OpenQuestion | None:
    """What there is to answer: an open question, else what somebody wants to be changed."""
    if request.question and not request.question.answer:
        return request.question
    past = [each for each in request.decisions if each.verb == "changes"] if request.state == "returned" else []
    return OpenQuestion(past[-1].by, past[-1].reason, past[-1].at) if past else None
