"""renew: the last day of what a merged request opened is moved, where the file notes it by a merge request."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pydantic import Field

from skills import contract
from skills.contract import Answer, World
from skills.core import change, life, permit
from skills.core.change import Draft
from skills.core.errors import AskUnclear, Outdated
from skills.core.messages import say
from skills.core.model import (
    OPEN_STATES,
    STANDING_STATES,
    Change,
    Edit,
    Extend,
    Finding,
    Need,
    OpenRequest,
    Proof,
    Request,
    Tell,
)
from skills.core.rights import only_asker
from skills.core.until import read_until
from skills.draft import skill as draft
from skills.propose import drawing

NAME = "renew"
_REASON_LENGTH = 2000


class Ask(contract.Ask):
    """Which request, and its new last day."""

    key: str = Field(description="the request's key, as EG-4F7K2M", json_schema_extra={"positional": True})
    until: str = Field(description="the new last day, as 2027-01-31")
    reason: contract.Words = Field("", description="why it is needed longer; approvers and watchers read it")


def run(ask: Ask, world: World) -> Answer:
    request = world.request(ask.key)
    only_asker(world.person, request, "renew it")
    reason = " ".join(ask.reason.split())
    if not reason:
        raise AskUnclear("EGR306")
    if len(reason) > _REASON_LENGTH:
        raise AskUnclear("EGR307", most=_REASON_LENGTH, given=len(reason))
    if request.state not in STANDING_STATES or request.remove or request.renews:
        raise Outdated("EGR092", key=request.key, state=request.state)
    until = read_until(ask.until, world.now.date())
    permit.refuse_what_stands(world.policy, request, until, world.now)
    edits = tuple(_dated(request, until, world))
    if edits:
        return _drawn(request, edits, until, reason, world)
    told = life.renewed(request, world.person.id, until, reason)
    to = "in_force" if request.state == "expiring" else request.state
    return Answer(
        {**_data(request), "until": until},
        findings=(told.finding,),
        next_steps=("status",),
        records=(
            Extend(request.key, request.version, to, until),
            Tell(request.key, told.mark, told.finding, (*told.to, *request.waits_for)),
        ),
        detail={"request": request},
    )


def _dated(request: Request, until: str, world: World) -> Iterator[Edit]:
    """The files with the new day in the comments that note the old one, and no other byte changed."""
    if not request.until or until == request.until:
        return
    old = say(Finding("EGR963", {"until": request.until})).says
    name = request.workload.partition(" (")[0].rpartition("/")[2]
    for path in request.paths:
        text = world.allowlist.texts.get(path)
        lines = (text or "").splitlines(keepends=True)
        for first, last in _comments(lines):
            words = " ".join(" ".join(line.strip().lstrip("#").split()) for line in lines[first:last])
            if old in words and name in words and any(to.partition(":")[0] in words for to in request.destinations):
                for number in range(first, last):
                    lines[number] = lines[number].replace(request.until, until)
        new = "".join(lines)
        if text is not None and new != text:
            yield Edit(path, text, new)


def _comments(lines: list[str]) -> Iterator[tuple[int, int]]:
    """Blocks of lines that are nothing but comment."""
    first = None
    for number, line in enumerate([*lines, ""]):
        if line.strip().startswith("#"):
            first = number if first is None else first
        elif first is not None:
            yield first, number
            first = None


def _drawn(request: Request, edits: tuple[Edit, ...], until: str, reason: str, world: World) -> Answer:
    """A request of its own, which changes comments and nothing that is allowed."""
    need = _need(request, until, reason, world)
    commit = world.allowlist.commit
    made = Change(commit, change.digest(commit, edits), edits, (), Proof("allowed", "allowed"))
    key, old = _key(request, until, world)
    new = drawing.request(key, Draft(made, (), ()), need, world, "{}", "")
    new = replace(new, drawn=None, renews=request.key, thread=request.thread, watchers=request.watchers)
    if old:
        new = replace(new, version=old.version, since=old.since)
    effect, said = drawing.effect(new, Draft(made, (), ()), need, world)
    told = life.renewed(request, world.person.id, until, reason)
    code = "EGR410" if new.waits_for else "EGR414"
    if old:
        code = "EGR413" if old.digest == new.digest else "EGR412"
    lead = Finding(code, {"key": key, "approvers": ", ".join(new.waits_for)})
    return Answer(
        {**_data(replace(new, state="drafted")), "until": until},
        findings=(lead, *said),
        next_steps=("status",),
        records=(OpenRequest(new, edits, old.digest if old else None),),
        effects=(replace(effect, title=say(told.finding).says),),
        detail={"request": new},
    )


def _need(request: Request, until: str, reason: str, world: World) -> Need:
    if request.drawn is None:
        raise Outdated("EGR058", key=request.key, asked_by=request.asked_by)
    asked = draft.Ask.model_validate_json(request.drawn.asked, extra="ignore")
    need, _ = draft.need_of(asked.model_copy(update={"until": None}), world)
    if need is None:
        raise Outdated("EGR061", key=request.key, workload=request.workload)
    return replace(need, until=until, reason=reason)


def _key(request: Request, until: str, world: World) -> tuple[str, Request | None]:
    """The same renewal has the same key as long as it is open."""
    known = {each.key: each for each in world.requests}
    number = 0
    while (taken := known.get(key := drawing.key_of([world.repository, "renew", request.key, until], number))) and (
        taken.state not in OPEN_STATES
    ):
        number += 1
    return key, taken


def _data(request: Request) -> dict[str, Any]:
    return {"key": request.key, "state": request.state, "url": request.url}
