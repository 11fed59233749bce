"""decide: a typed decision by an authorised person, bound to the digest that was shown."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

from pydantic import Field

from skills import contract
from skills.contract import Answer, World
from skills.core import permit
from skills.core.errors import AskUnclear, NotAllowed, Outdated
from skills.core.messages import say
from skills.core.model import (
    AskAsker,
    Decided,
    Finding,
    LeaveNote,
    MoveRequest,
    OpenQuestion,
    Record,
    Relabel,
    Request,
    RequestState,
    Tell,
)
from skills.core.rights import POSTERN, approvals, complete, may_break_glass, may_decide, may_review, may_veto
from skills.decide import glass, part
from skills.decide import there as written
from skills.decide.merging import decision, ended

NAME = "decide"
_CAN_BE_DECIDED = ("waiting", "held", "returned")
_STOPS = ("hold", "veto")
"""What still stops a request that is approved and waits to be merged."""
_TOLD = ("returned", "rejected", "held")
"""What whoever asked is told of where they asked: a card that changes wakes nobody."""
_NEED_A_REASON = {
    "reject": "EGR431",
    "veto": "EGR431",
    "changes": "EGR1601",
    "ask": "EGR1602",
    "break-glass": "EGR1640",
    "review": "EGR1640",
}
_MAY = {"veto": may_veto, "break-glass": may_break_glass, "review": may_review}
_MOVES: dict[str, tuple[RequestState, str]] = {
    "reject": ("rejected", "EGR435"),
    "veto": ("rejected", "EGR1639"),
    "hold": ("held", "EGR436"),
    "resume": ("waiting", "EGR1480"),
    "changes": ("returned", "EGR1603"),
}


class Ask(contract.Ask):
    """Which request, and what is decided."""

    key: str = Field(description="the request's key, as EG-4F7K2M", json_schema_extra={"positional": True})
    verb: Literal["approve", "reject", "hold", "resume", "changes", "ask", "part", "veto", "break-glass", "review"] = (
        Field(
            description="what you decide: approve, reject, hold, resume (take your hold back), changes (back to the "
            "requester), ask (a question, no decision), part (approve only a part), veto, break-glass (alone in an "
            "emergency) or review (of that)",
            json_schema_extra={"positional": True},
        )
    )
    reason: contract.Words = Field("", description="why, or your question; the requester reads it")
    digest: str | None = Field(None, description="the digest that was shown to you; if it moved, nothing happens")
    to: tuple[str, ...] = Field((), description="with part: the destinations that you approve, as asked or narrower")
    environment: tuple[str, ...] = Field((), description="with part: the environments that you approve")
    until: str | None = Field(None, description="with part: an earlier last day, as 2027-01-31")
    confirm: bool = Field(False, description="with break-glass: that you mean it")


def run(ask: Ask, world: World) -> Answer:
    request = world.request(ask.key)
    return ended(_run(ask, request, world), request, world)


def _run(ask: Ask, request: Request, world: World) -> Answer:
    if ask.verb == "approve" and world.person.is_same(POSTERN.id) and written.ready(request, world):
        return written.run(request, world)  # by those who approved it there: Postern writes it down and decides nothing
    _MAY.get(ask.verb, may_decide)(world.person, request, world.policy)
    if ask.verb != "review":
        _refuse_unseen(ask, request, world)
    reason = " ".join(ask.reason.split())
    if ask.verb in _NEED_A_REASON and not reason:
        raise AskUnclear(_NEED_A_REASON[ask.verb], key=request.key, verb=ask.verb)
    decided = Decided("approve", world.person.id, request.digest, reason, world.now.isoformat())
    made: dict[str, Callable[[], Answer]] = {
        "ask": lambda: _question(request, reason, world),
        "approve": lambda: _approve(request, decided, world),
        "break-glass": lambda: glass.run(request, decided, world, confirmed=ask.confirm),
        "review": lambda: glass.review(request, reason, world),
        "part": lambda: part.run(part.Choice(ask.to, ask.environment, ask.until), request, decided, world),
    }
    if ask.verb in made:
        return made[ask.verb]()
    to, code = _MOVES[ask.verb]
    return _answer(request, replace(decided, verb=ask.verb), to, code, world)  # type: ignore[arg-type]


def _refuse_unseen(ask: Ask, request: Request, world: World) -> None:
    """Whoever decides saw what stands now. Only the command line shows nothing by itself: what is typed there counts
    for what stands at that moment."""
    if request.state not in _CAN_BE_DECIDED and not (request.state == "decided" and ask.verb in _STOPS):
        raise Outdated("EGR430", key=request.key, state=request.state, by=_decider(request))
    if ask.verb not in ("ask", "veto"):
        _respect_hold(request, world)
    if ask.digest is None and world.thread:
        raise Outdated("EGR1600", key=request.key)
    if ask.digest is not None and ask.digest != request.digest:
        raise Outdated("EGR407", key=request.key)
    if ask.verb == "resume" and request.state != "held":
        raise Outdated("EGR1481", key=request.key)


def _approve(request: Request, decided: Decided, world: World) -> Answer:
    """Only approvals of the very digest that stands now count, and each person once."""
    permit.refuse_approval(world.policy, request, world.now)
    again = glass.proved(request, world)
    here, there = approvals(request, world.policy)
    enough = complete(request, world.policy, here | there | {decided.by})
    to: tuple[RequestState, str] = ("decided", "EGR433") if enough else ("waiting", "EGR434")
    answer = _answer(request, decided, *to, world, merge=enough)
    beside = there - here - {decided.by}
    told = [Finding("EGR1646", {"key": request.key, "names": ", ".join(sorted(beside))})] if beside else []
    return replace(answer, findings=(*answer.findings, *told, *again))


def _respect_hold(request: Request, world: World) -> None:
    """Whoever put a request on hold, or gave it back, decides further; nobody else decides past them, as long as they
    may still decide."""
    approvers = world.policy.approvers(request)
    for state, verb, code in (("held", "hold", "EGR415"), ("returned", "changes", "EGR1607")):
        by = [past.by for past in request.decisions if past.verb == verb and past.digest == request.digest]
        if request.state != state or not by or world.policy.canon(by[-1]) not in approvers:
            continue
        if not world.person.is_same(by[-1]):
            raise NotAllowed(code, key=request.key, by=by[-1], asked_by=request.asked_by)


def _answer(
    request: Request, decided: Decided, to: RequestState, code: str, world: World, *, merge: bool = False
) -> Answer:
    facts = {"key": request.key, "by": decided.by, "reason": decided.reason or "no reason given"}
    facts["why"] = f": {decided.reason.rstrip('.')}." if decided.reason else "."
    lead = Finding(code, {**facts, "asked_by": request.asked_by})
    told = Tell(request.key, f"{to}:{request.version}", lead, _concerned(request))
    moved: Record = MoveRequest(request.key, request.version, to, decided)
    data: dict[str, Any] = {"key": request.key, "state": to, "by": decided.by, "digest": request.digest}
    return Answer(
        data,
        findings=(lead,),
        next_steps=("status",),
        records=(moved, told) if to in _TOLD or decided.verb == "resume" else (moved,),
        effects=(decision(request, decided, world, merge=merge), *_not_approved(request, to)),
        detail={"request": request, "decided": decided},
    )


def _concerned(request: Request) -> tuple[str, ...]:
    """Whoever asked; of what was approved already also those who approved it and those who would have merged it."""
    if request.state != "decided":
        return (request.asked_by,)
    approved = [past.by for past in request.decisions if past.digest == request.digest]
    left = request.left_to.people if request.left_to else ()
    return tuple(dict.fromkeys((request.asked_by, *approved, *left)))


def _not_approved(request: Request, to: RequestState) -> tuple[Relabel, ...]:
    """What is held after it was approved does not look approved in the forge meanwhile."""
    held = request.state == "decided" and to == "held"
    return (Relabel.unapproved(request.key, request.digest),) if held else ()


def _question(request: Request, text: str, world: World) -> Answer:
    """A question decides nothing and moves nothing: it goes to the asker's thread and to the merge request."""
    lead = Finding(
        "EGR1608", {"key": request.key, "by": world.person.shown, "text": text, "asked_by": request.asked_by}
    )
    mark = hashlib.sha256(f"{world.person.id} {text}".encode()).hexdigest()[:12]
    note = LeaveNote(request.key, request.digest, world.person.id, say(lead).says, f"question:{mark}")
    question = OpenQuestion(world.person.id, text, world.now.isoformat())
    return Answer(
        {"key": request.key, "state": request.state, "by": world.person.id, "digest": request.digest},
        findings=(lead,),
        next_steps=("status",),
        records=(
            AskAsker(request.key, question),
            Tell(request.key, f"question:{request.version}:{mark}", lead, (request.asked_by,)),
        ),
        effects=(note,) if request.number else (),
        detail={"request": request},
    )


def _decider(request: Request) -> str:
    return request.decisions[-1].by if request.decisions else "somebody else"
