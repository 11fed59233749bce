"""propose: the drafted change becomes a merge request, once per need; an open one is widened or drawn anew."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pydantic import Field

from skills import contract
from skills.contract import Answer, World
from skills.core import permit
from skills.core.change import Draft
from skills.core.errors import AskUnclear, NotAllowed, Outdated
from skills.core.messages import level, say
from skills.core.model import (
    OPEN_STATES,
    STANDING_STATES,
    CloseMergeRequest,
    Finding,
    KeepAnswers,
    LeaveNote,
    MoveRequest,
    Need,
    OpenRequest,
    Person,
    Record,
    Request,
    WatchRequest,
)
from skills.core.policy import Answered, app_of, worth_keeping
from skills.core.rights import POSTERN, may_ask, may_redraw, only_asker
from skills.draft import asking
from skills.draft import skill as draft
from skills.propose import asides, drawing

NAME = "propose"
_REASON_LENGTH = 2000
_ERROR_LENGTH = 4000
_OF_A_REMOVAL = ("for", "to", "ip", "service_account", "choose", "default_deny")


class Ask(draft.Ask):
    """As draft; `reason` is required, and `digest` binds the merge request to what was shown."""

    digest: str | None = Field(None, description="the digest of the draft that was shown; another draft is refused")
    drafted_by: contract.Words | None = Field(
        None, description="who drew it, if somebody else; they can't approve it either"
    )
    comment: contract.Words | None = Field(
        None, description="the reason as the draft noted it in the file, if it was another one"
    )
    error: str = Field("", description="the error that was seen; it is quoted with secrets masked")
    widens: str | None = Field(None, description="your open request that becomes this one, with what was added")
    beside: tuple[str, ...] = Field(
        (), description="a request elsewhere that is a part of the same ask, as KEY|REPOSITORY|WORKLOAD"
    )
    redraw: str | None = Field(None, description="an open request that is drawn anew on the newest commit")
    ends: str | None = Field(None, description="a merged request that is taken away, since its last day is near")


def run(ask: Ask, world: World) -> Answer:
    may_ask(world.person)
    if world.allowlist.commit is None:
        raise AskUnclear("EGR308")
    if ask.redraw:
        return _redraw(world.request(ask.redraw), world)
    if ask.ends:
        return _end(world.request(ask.ends), world)
    if not (ask.reason.strip() or asking.reason_in(ask.answer)):
        raise AskUnclear("EGR306")
    if len(ask.reason) > _REASON_LENGTH:
        raise AskUnclear("EGR307", most=_REASON_LENGTH, given=len(ask.reason))
    need, unresolved = draft.need_of(ask, world)
    if need is None:
        return unresolved
    drafted = draft.drawn(ask, need, world, ask.comment)
    if ask.digest and ask.digest != drafted.change.digest:
        raise Outdated("EGR406", shown=ask.digest[:12], now=drafted.change.digest[:12])
    if not drafted.change.edits:
        return _nothing_to_do(drafted, need, world)
    draft.refuse_unproved(drafted, need)
    permit.refuse_proposal(world.policy, need, drafted.change, world.allowlist, world.now)
    answers = asking.answers(ask.answer, need, world)
    asking.refuse_unanswered(answers)
    return _kept_with(answers, _open(ask, drafted, need, world), need)


def request_key(repository: str, need: Need, number: int = 0) -> str:
    """The same need in the same repository has the same key, whoever asks. `number` counts re-openings."""
    words = [repository, need.workload.kind, need.workload.scope, need.who, "-" if need.remove else "+"]
    words += ["default deny"] if need.isolate else []
    words += sorted(f"{destination.protocol} {destination}" for destination in need.destinations)
    return drawing.key_of(words, number)


def _kept_with(answers: Sequence[Answered], answer: Answer, need: Need) -> Answer:
    """What was said about the app is kept for its next ask."""
    keep, request = worth_keeping(answers), answer.detail.get("request")
    if not keep or request is None:
        return answer
    return replace(answer, records=(*answer.records, KeepAnswers(request.key, app_of(need.workload), keep)))


def _open(ask: Ask, drafted: Draft, need: Need, world: World) -> Answer:
    key, old = _same_need(ask, need, world)
    if old:
        _refuse_redrawing(old)
    if old and not world.person.is_same(old.asked_by):
        return _watch(old, world)
    drafted_by = ask.drafted_by or world.person.id
    request = drawing.request(key, drafted, need, world, _kept(ask, need), request_key(world.repository, need))
    request = replace(request, diagram=asides.diagram_task(drafted, need, world, old))
    request = replace(request, watchers=() if world.person.is_same(drafted_by) else (drafted_by,))
    if old:
        same = old.digest == drafted.change.digest
        if same and need.until not in (None, old.until):
            # Approvals are for a digest: the same one with another last day would take them along.
            raise AskUnclear("EGR1439", key=old.key, until=need.until or "", was=old.until or "-")
        kept = replace(request, asked_by=old.asked_by, since=old.since, version=old.version, watchers=old.watchers)
        request = replace(kept, reason=old.reason, until=old.until, drawn=old.drawn) if same else kept
    answer = opened(request, old, drafted, need, world, shown=ask.digest is not None)
    if old is None or world.person.is_same(drafted_by):
        return answer
    return replace(answer, records=(*answer.records, WatchRequest(key, drafted_by, "")))


def opened(
    request: Request, old: Request | None, drafted: Draft, need: Need, world: World, *, shown: bool = False
) -> Answer:
    """The answer that opens a request or draws it anew.

    `shown`: the asker saw this very draft, with all that it opens or closes beyond the need.
    """
    wanted = replace(need, reason=request.reason, until=request.until)
    beyond = (*drafted.change.proof.wider_than_asked, *drafted.change.proof.lost)
    effect, said = drawing.effect(request, drafted, wanted, world)
    also = (*asides.findings(request, need, world), *permit.freeze_ahead(world.policy, need, world.now))
    return Answer(
        _data(request, created=old is None),
        findings=(_lead(request, old, world), *said, *(_once_more(beyond) if shown else beyond), *also),
        next_steps=("status",),
        records=(OpenRequest(request, drafted.change.edits, old.digest if old else None),),
        effects=(effect, *asides.effects(request, drafted, need, world)),
        detail={"request": request, "draft": drafted, "need": need},
    )


def _once_more(beyond: Sequence[Finding]) -> tuple[Finding, ...]:
    """What the draft said in full a moment ago, in one line; what it folded away is no warning."""
    count = sum(level(finding) != "info" for finding in beyond)
    return (Finding("EGR497", {"count": count}),) if count else ()


def _same_need(ask: Ask, need: Need, world: World) -> tuple[str, Request | None]:
    """The open request of this need, or the one that it widens; else the key of a new one."""
    wanted = request_key(world.repository, need)
    for request in world.requests:
        if request.state in OPEN_STATES and request.drawn and request.drawn.need == wanted:
            return request.key, request
    if ask.widens:
        old = world.request(ask.widens)
        _refuse_widening(old, need, world)
        return old.key, old
    known = {request.key: request for request in world.requests}
    number = 0
    while (taken := known.get(key := request_key(world.repository, need, number))) and not _is_of(taken, wanted):
        number += 1
    return key, taken


def _is_of(request: Request, wanted: str) -> bool:
    """Whether an open request still stands for this need: a widened one has the key of what it was at first."""
    return request.state in OPEN_STATES and (request.drawn is None or request.drawn.need == wanted)


def _refuse_widening(old: Request, need: Need, world: World) -> None:
    if old.state not in OPEN_STATES:
        raise Outdated("EGR055", key=old.key, state=old.state)
    if not world.person.is_same(old.asked_by):
        raise NotAllowed("EGR056", key=old.key, asked_by=old.asked_by)
    if old.workload != need.who or old.remove != need.remove or need.isolate:
        raise AskUnclear("EGR057", key=old.key, workload=old.workload)


def _kept(ask: Ask, need: Need) -> str:
    """The ask without what belongs to this one moment, as it is drawn anew later."""
    error = contract.masked(ask.error[:_ERROR_LENGTH])
    # Labels in braces are no words of a person.
    to = tuple(each if "{" in each else contract.masked(each) for each in ask.to)
    fixed = {"to": to, "on": need.on, "digest": None, "widens": None, "redraw": None, "error": error}
    return ask.model_copy(update=fixed).model_dump_json(by_alias=True, exclude_defaults=True)


def _redraw(old: Request, world: World) -> Answer:
    """The same need on the newest commit: who asked, since when and why stay as they are."""
    may_redraw(world.person, old, world.policy)
    if old.state not in OPEN_STATES:
        raise Outdated("EGR055", key=old.key, state=old.state)
    _refuse_redrawing(old)
    if old.state == "returned" and not world.person.is_same(old.asked_by):
        raise NotAllowed("EGR076", key=old.key, asked_by=old.asked_by, verb="draw it anew now")
    if old.drawn is None:
        raise Outdated("EGR058", key=old.key, asked_by=old.asked_by)
    ask = Ask.model_validate_json(old.drawn.asked)
    need, unresolved = draft.need_of(ask, world)
    if need is None:
        return unresolved
    drafted = draft.drawn(ask, need, world, ask.comment)
    if not drafted.change.edits:
        return _superseded(old, drafted, need, world)
    draft.refuse_unproved(drafted, need)
    permit.refuse_proposal(world.policy, need, drafted.change, world.allowlist, world.now)
    asker = replace(world, person=Person(old.asked_by), thread=old.thread)
    made = redrawn(old, ask, drafted, need, asker)
    now = made.drawn or old.drawn
    made = replace(made, until=old.until, drawn=replace(now, asked=old.drawn.asked, need=old.drawn.need))
    same = old.digest == made.digest
    answer = opened(replace(made, drawn=old.drawn) if same else made, old, drafted, need, asker)
    if same:
        return replace(answer, findings=(Finding("EGR417", {"key": old.key}), *answer.findings[1:]))
    return replace(answer, findings=(drawing.differs(old.key, old.drawn, made.drawn), *answer.findings[1:]))


def redrawn(old: Request, ask: Ask, drafted: Draft, need: Need, asker: World) -> Request:
    """The row of an open request that is drawn anew as `ask` says: who asked, since when and why stay as they are.

    `asker` is the world as whoever asked sees it.
    """
    asked = ask.model_dump_json(by_alias=True, exclude_defaults=True)
    made = drawing.request(old.key, drafted, need, asker, asked, request_key(asker.repository, need))
    made = replace(made, diagram=asides.diagram_task(drafted, need, asker, old))
    return replace(made, reason=old.reason, since=old.since, version=old.version, watchers=old.watchers)


def _end(old: Request, world: World) -> Answer:
    """The removal of what an earlier request opened, as its asker would ask for it: it needs the same approvals."""
    if not world.person.is_same(POSTERN.id):
        only_asker(world.person, old, "end it")
    if old.state not in STANDING_STATES:
        raise Outdated("EGR092", key=old.key, state=old.state)
    if old.drawn is None:
        raise Outdated("EGR058", key=old.key, asked_by=old.asked_by)
    asked = {name: value for name, value in json.loads(old.drawn.asked).items() if name in _OF_A_REMOVAL}
    why = say(Finding("EGR963", {"until": old.until or ""})).says
    ask = Ask.model_validate({**asked, "remove": True, "reason": f"{old.key}: {why}"})
    answer = run(ask, replace(world, person=Person(old.asked_by), thread=old.thread))
    return replace(answer, records=tuple(_linked(item, old) for item in answer.records))


def _linked(item: Record, old: Request) -> Record:
    """Its last day is that of what it ends: once that one moves, the removal is not meant any more."""
    if not isinstance(item, OpenRequest):
        return item
    return replace(item, request=replace(item.request, ends=old.key, until=old.until, watchers=old.watchers))


def _superseded(old: Request, drafted: Draft, need: Need, world: World) -> Answer:
    """Another change did it meanwhile, so this one is closed."""
    done = drafted.change.proof.before == ("denied" if need.remove or need.isolate else "allowed")
    if not done:
        raise Outdated("EGR061", key=old.key, workload=old.workload)
    commit = (world.allowlist.commit or "")[:12]
    lead = Finding("EGR062", {"key": old.key, "commit": commit})
    return Answer(
        {**_data(old, created=False), "state": "superseded"},
        findings=(lead,),
        records=(MoveRequest(old.key, old.version, "superseded"),),
        effects=(CloseMergeRequest(old.key, old.digest, f"The allowlist does this since commit {commit}."),)
        if old.number
        else (),
        detail={"request": old},
    )


def _refuse_redrawing(old: Request) -> None:
    if old.state == "decided" and not old.is_left_to_others:
        raise Outdated("EGR416", key=old.key)
    holds = [past.by for past in old.decisions if past.verb == "hold"]
    if old.state == "held" and holds:
        raise NotAllowed("EGR415", key=old.key, by=holds[-1])


def _watch(old: Request, world: World) -> Answer:
    """Somebody else asked for it: what they asked stays as they drew it, and whoever asks as well can't approve it."""
    known = {name.casefold() for name in old.watchers}
    says = say(Finding("EGR069", {"key": old.key, "watcher": world.person.shown})).says
    note = LeaveNote(old.key, old.digest, world.person.id, says, f"watch:{world.person.id.casefold()}")
    return Answer(
        _data(old, created=False),
        findings=(_lead(old, old, world),),
        next_steps=("status",),
        records=(WatchRequest(old.key, world.person.id, world.thread),),
        effects=(note,) if old.number and world.person.id.casefold() not in known else (),
        detail={"request": old},
    )


def _lead(request: Request, old: Request | None, world: World) -> Finding:
    facts = {"key": request.key, "approvers": ", ".join(request.waits_for), "asked_by": request.asked_by}
    if old and not world.person.is_same(old.asked_by):
        return Finding("EGR411", facts)
    if old:
        return Finding("EGR412" if old.digest != request.digest else "EGR413", facts)
    return Finding("EGR410" if request.waits_for else "EGR414", facts)


def _nothing_to_do(drafted: Draft, need: Need, world: World) -> Answer:
    if need.remove or drafted.change.proof.before != ("denied" if need.isolate else "allowed"):
        raise AskUnclear("EGR309", workload=need.who)
    data = {"key": None, "state": "allowed", "url": None, "branch": None, "commit": world.allowlist.commit}
    return Answer({**data, "digest": drafted.change.digest, "created": False}, draft.leading(drafted, need))


def _data(request: Request, *, created: bool) -> dict[str, Any]:
    return {
        "key": request.key,
        "state": request.state,
        "url": request.url,
        "branch": request.branch,
        "commit": request.commit,
        "digest": request.digest,
        "created": created,
    }
