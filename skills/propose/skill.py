"""propose: the drafted change becomes a merge request, once per need."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from typing import Any

from pydantic import Field

from skills.contract import Answer, World
from skills.core import change, diagram, risk
from skills.core.change import Draft
from skills.core.errors import AskUnclear, NotAllowed, Outdated
from skills.core.messages import say
from skills.core.model import Finding, Need
from skills.core.model.effects import OpenMergeRequest
from skills.core.model.requests import ISOLATION, OPEN_STATES, OpenRequest, Request, WatchRequest
from skills.core.rendering import render
from skills.core.rights import may_ask
from skills.draft import skill as draft

NAME = "propose"
_REASON_LENGTH = 2000


class Ask(draft.Ask):
    """As draft; `reason` is required, and `digest` binds the merge request to what was shown."""

    digest: str | None = Field(None, description="the digest of the draft that was shown; another draft is refused")
    drafted_by: str | None = Field(None, description="who drew it, if somebody else; they can't approve it either")
    comment: str | None = Field(None, description="the reason as the draft noted it in the file, if it was another one")


def run(ask: Ask, world: World) -> Answer:
    may_ask(world.person)
    if not ask.reason.strip():
        raise AskUnclear("EGR306")
    if len(ask.reason) > _REASON_LENGTH:
        raise AskUnclear("EGR307", most=_REASON_LENGTH, given=len(ask.reason))
    if world.allowlist.commit is None:
        raise AskUnclear("EGR308")
    need, unresolved = draft.need_of(ask, world)
    if need is None:
        return unresolved
    # What was shown is what is done: a reason that came after the draft stands in the merge request, not in the file.
    noted = need if ask.comment is None else replace(need, reason=ask.comment)
    drafted = draft.answered(change.draft(world.allowlist, noted), ask.answer)
    if ask.digest and ask.digest != drafted.change.digest:
        raise Outdated("EGR406", shown=ask.digest[:12], now=drafted.change.digest[:12])
    if not drafted.change.edits:
        return _nothing_to_do(drafted, need, world)
    draft.refuse_unproved(drafted, need)
    return _open(drafted, need, world, ask.drafted_by or world.person.id)


def request_key(repository: str, need: Need, number: int = 0) -> str:
    """The same need in the same repository has the same key, whoever asks. `number` counts re-openings."""
    words = [repository, need.workload.kind, need.workload.scope, str(need.workload), "-" if need.remove else "+"]
    words += ["default deny"] if need.isolate else []
    words += sorted(f"{destination.protocol} {destination}" for destination in need.destinations)
    raw = hashlib.sha256("\n".join(words).encode()).digest()
    key = f"EG-{base64.b32encode(raw).decode()[:7]}"
    return f"{key}-{number + 1}" if number else key


def _open(drafted: Draft, need: Need, world: World, drafted_by: str) -> Answer:
    known = {request.key: request for request in world.requests}
    number = 0
    while (old := known.get(request_key(world.repository, need, number))) and old.state not in OPEN_STATES:
        number += 1
    key = request_key(world.repository, need, number)
    if old:
        _refuse_redrawing(old)
    if old and not world.person.is_same(old.asked_by):
        return _watch(old, world)
    request = replace(_request(key, drafted, need, world), watchers=_others(world, drafted_by))
    if old:
        same = old.digest == drafted.change.digest
        kept = replace(request, asked_by=old.asked_by, since=old.since, version=old.version, watchers=old.watchers)
        request = replace(kept, reason=old.reason, until=old.until) if same else kept
    records = (OpenRequest(request, drafted.change.edits, old.digest if old else None),)
    effect = _effect(request, drafted, replace(need, reason=request.reason, until=request.until), world)
    return Answer(
        _data(request, created=old is None),
        findings=(_lead(request, old, world), *drafted.change.proof.wider_than_asked, *drafted.change.proof.lost),
        next_steps=("status",),
        records=records,
        effects=(effect,),
        detail={"request": request, "draft": drafted},
    )


def _refuse_redrawing(old: Request) -> None:
    if old.state == "decided":
        raise Outdated("EGR416", key=old.key)
    holds = [past.by for past in old.decisions if past.verb == "hold"]
    if old.state == "held" and holds:
        raise NotAllowed("EGR415", key=old.key, by=holds[-1])


def _watch(old: Request, world: World) -> Answer:
    """Somebody else asked for it: what they asked stays as they drew it, and whoever asks as well can't approve it."""
    return Answer(
        _data(old, created=False),
        findings=(_lead(old, old, world),),
        next_steps=("status",),
        records=(WatchRequest(old.key, world.person.id),),
        detail={"request": old},
    )


def _others(world: World, drafted_by: str) -> tuple[str, ...]:
    return () if world.person.is_same(drafted_by) else (drafted_by,)


def _lead(request: Request, old: Request | None, world: World) -> Finding:
    facts = {"key": request.key, "approvers": ", ".join(request.waits_for), "asked_by": request.asked_by}
    if old and not world.person.is_same(old.asked_by):
        return Finding("EGR411", facts)
    if old:
        return Finding("EGR412" if old.digest != request.digest else "EGR413", facts)
    return Finding("EGR410" if request.waits_for else "EGR414", facts)


def _request(key: str, drafted: Draft, need: Need, world: World) -> Request:
    paths = tuple(edit.path for edit in drafted.change.edits)
    approvers = world.policy.approvers(paths) - {world.person.id.casefold()}
    return Request(
        key=key,
        state="drafted",
        version=0,
        workload=str(need.workload),
        destinations=ISOLATION if need.isolate else tuple(map(str, need.destinations)),
        digest=drafted.change.digest,
        base=drafted.change.base or "",
        branch=f"egress/{key}",
        asked_by=world.person.id,
        reason=need.reason,
        until=need.until,
        since=world.now.isoformat(timespec="seconds"),
        paths=paths,
        environment=need.workload.environment,
        thread=world.thread,
        remove=need.remove,
        waits_for=tuple(sorted(approvers)),
    )


def _effect(request: Request, drafted: Draft, need: Need, world: World) -> OpenMergeRequest:
    assessed = risk.assess(need, drafted.change.proof)
    code = "EGR373" if need.isolate else "EGR331" if need.remove else "EGR330"
    title = say(Finding(code, _title_facts(request, need))).says
    environment = (f"environment::{need.workload.environment}",) if need.workload.environment else ()
    return OpenMergeRequest(
        request_key=request.key,
        base=request.base,
        branch=request.branch,
        target=world.target,
        edits=drafted.change.edits,
        digest=request.digest,
        title=title,
        body=body(request, drafted, need, assessed, world),
        labels=("egress::needs-approval", f"egress::{need.workload.platform}", *environment),
        reviewers=request.waits_for,
        author=request.asked_by,
        created_at=request.since,
    )


def _title_facts(request: Request, need: Need) -> dict[str, str]:
    more = len(request.destinations) - 1
    destinations = request.destinations[0] + (f" and {more} more" if more else "")
    return {"workload": str(need.workload), "destinations": destinations, "namespace": str(need.workload)}


def body(request: Request, drafted: Draft, need: Need, assessed: risk.Risk, world: World) -> str:
    """The merge request's text: everything in it that people or manifests wrote is escaped in the template."""
    note = diagram.note(diagram.connections(need), removed=need.remove or need.isolate)
    return render(
        "merge_request.md.j2",
        request=request,
        need=need,
        draft=drafted,
        proof=drafted.change.proof,
        wider=[say(finding).says for finding in drafted.change.proof.wider_than_asked],
        lost=[say(finding).says for finding in drafted.change.proof.lost],
        risk=assessed,
        reasons=[say(reason).says for reason in assessed.reasons],
        groups=world.policy.groups_for(request.paths),
        note=note.markdown,
        commands=drafted.change.commands,
    )


def _nothing_to_do(drafted: Draft, need: Need, world: World) -> Answer:
    if need.remove or drafted.change.proof.before != ("denied" if need.isolate else "allowed"):
        raise AskUnclear("EGR309", workload=str(need.workload))
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
