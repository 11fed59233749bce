"""decide: a typed decision by an authorised person, bound to the digest that was shown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from pydantic import Field

from skills import contract
from skills.contract import Answer, World
from skills.core.errors import AskUnclear, NotAllowed, Outdated
from skills.core.model import (
    Decided,
    Finding,
    MergeRequestDecision,
    MoveRequest,
    Request,
    RequestState,
)
from skills.core.rights import complete, may_decide
from skills.draft.again import still_the_same

NAME = "decide"


class Ask(contract.Ask):
    """Which request, and what is decided."""

    key: str = Field(description="the request's key, as EG-4F7K2M", json_schema_extra={"positional": True})
    verb: Literal["approve", "reject", "hold"] = Field(
        description="what you decide", json_schema_extra={"positional": True}
    )
    reason: str = Field("", description="why; the requester reads it")
    digest: str | None = Field(None, description="the digest that was shown to you; if it moved, nothing happens")


def run(ask: Ask, world: World) -> Answer:
    request = world.request(ask.key)
    may_decide(world.person, request, world.policy)
    if request.state not in ("waiting", "held"):
        raise Outdated("EGR430", key=request.key, state=request.state, by=_decider(request))
    _respect_hold(request, world)
    if ask.digest is not None and ask.digest != request.digest:
        raise Outdated("EGR407", key=request.key)
    if ask.verb == "reject" and not ask.reason.strip():
        raise AskUnclear("EGR431", key=request.key)
    decided = Decided(ask.verb, world.person.id, request.digest, " ".join(ask.reason.split()), world.now.isoformat())
    if ask.verb == "approve":
        _refuse_pushed(request)
        again = _proved_again(request, world)
        answer = _approve(request, decided, world)
        return replace(answer, findings=(*answer.findings, *again))
    return _answer(request, decided, "rejected" if ask.verb == "reject" else "held", world.target, merge=False)


def _refuse_pushed(request: Request) -> None:
    """On another commit than ours nobody has seen what the change does, and whoever approves would think they had."""
    if request.pushed:
        shown = (request.commit or "")[:12]
        raise Outdated("EGR019", key=request.key, head=request.pushed[:12], shown=shown)


def _proved_again(request: Request, world: World) -> tuple[Finding, ...]:
    """The proof was made on the base. On a newer commit it is made once more: an approval stands only where the same
    change of the same files has the same effect there, for anything else nobody has seen."""
    tip = world.allowlist.commit or ""
    if request.base == tip:
        return ()
    facts = {"key": request.key, "base": request.base[:12], "now": tip[:12]}
    if request.drawn is None or not still_the_same(request.drawn, world):
        raise Outdated("EGR408", **facts)
    return (Finding("EGR064", facts),)


def _approve(request: Request, decided: Decided, world: World) -> Answer:
    """Only approvals of the very digest that stands now count, and each person once."""
    latest = {past.by: past.verb for past in request.decisions if past.digest == request.digest}
    approvals = {by for by, verb in latest.items() if verb == "approve"}
    enough = complete(request, world.policy, approvals | {decided.by})
    return _answer(request, decided, "decided" if enough else "waiting", world.target, merge=enough)


def _respect_hold(request: Request, world: World) -> None:
    """Whoever put a request on hold lifts it, by deciding; nobody else decides past them."""
    holds = [past.by for past in request.decisions if past.verb == "hold" and past.digest == request.digest]
    if request.state == "held" and holds and not world.person.is_same(holds[-1]):
        raise NotAllowed("EGR415", key=request.key, by=holds[-1])


def _answer(request: Request, decided: Decided, to: RequestState, target: str, *, merge: bool) -> Answer:
    codes = {"decided": "EGR433", "waiting": "EGR434", "rejected": "EGR435", "held": "EGR436"}
    facts = {"key": request.key, "by": decided.by, "reason": decided.reason or "no reason given"}
    lead = Finding(codes[to], {**facts, "asked_by": request.asked_by})
    effect = MergeRequestDecision(
        request.key, decided.verb, decided.by, decided.reason, request.commit or "", request.digest, merge, target
    )
    data: dict[str, Any] = {"key": request.key, "state": to, "by": decided.by, "digest": request.digest}
    return Answer(
        data,
        findings=(lead,),
        next_steps=("status",),
        records=(MoveRequest(request.key, request.version, to, decided),),
        effects=(effect,),
        detail={"request": request, "decided": decided},
    )


def _decider(request: Request) -> str:
    return request.decisions[-1].by if request.decisions else "somebody else"
