"""One short function an effect. Each is safe to repeat: its natural key makes twice the same as once."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from bot.world.forge import Forge, Linked, MergeRequest
from skills.core.diagram.block import placed
from skills.core.errors import AskUnclear, NotAllowed, Outdated
from skills.core.messages import say
from skills.core.model import (
    APPROVED,
    NEEDS_APPROVAL,
    REJECTED,
    CloseMergeRequest,
    Edit,
    Effect,
    Finding,
    LeaveNote,
    MergeRequestDecision,
    NameBeside,
    OpenDiagram,
    OpenIssue,
    OpenMergeRequest,
    Relabel,
    Settle,
)

POSTERN = "Postern"
NOTHING = Linked(0, "")
_VERBS = {
    "approve": "approved it",
    "reject": "rejected it",
    "hold": "put it on hold",
    "resume": "took it off hold",
    "changes": "asked for changes",
    "veto": "vetoed it",
    "break-glass": "broke the glass for it",
}
Elsewhere = Callable[[str], Forge]
"""Gives the forge of another repository, as a policy names it."""


def nowhere(repository: str) -> Forge:
    """Where there is only one repository."""
    raise AskUnclear("EGR044", repository=repository)


def perform(effect: Effect, forge: Forge, elsewhere: Elsewhere) -> MergeRequest | Linked:
    """Carries the effect out and gives the merge request as it is afterwards, or what was opened beside it."""
    match effect:
        case OpenMergeRequest():
            return forge.open_or_update(effect).merge_request
        case MergeRequestDecision():
            return _decide(effect, forge)
        case CloseMergeRequest():
            return _close(effect, forge)
        case OpenDiagram():
            return _diagram(effect, forge, elsewhere)
        case OpenIssue():
            return _issue(effect, forge)
        case LeaveNote():
            return _note(effect, forge)
        case NameBeside():
            there = _of(effect.request_key, forge)
            forge.note(there.number, POSTERN, effect.text, key=effect.key, url=effect.url)
            return Linked(there.number, there.url)
        case Settle():
            return _settle(effect, forge, elsewhere)
        case Relabel():
            number = _of(effect.request_key, forge).number
            return forge.label(number, add=effect.add, remove=effect.remove)


def _of(key: str, forge: Forge) -> MergeRequest:
    merge_request = forge.find(key)
    if merge_request is None:
        raise Outdated("EGR475", key=key)
    return merge_request


def _diagram(effect: OpenDiagram, forge: Forge, elsewhere: Elsewhere) -> Linked:
    """The diagram's merge request on the newest commit there; each of the two names the other."""
    first = _of(effect.request_key, forge)
    if first.state == "closed":
        return NOTHING
    there = elsewhere(effect.repository)
    read = there.source(lambda path: path == effect.path, None)()
    raw = read.files.get(effect.path)
    try:
        old = None if raw is None else raw.decode("utf-8")
    except UnicodeDecodeError:
        raise AskUnclear("EGR033", path=effect.path) from None
    new = placed(old, effect.block, effect.path)
    if new == old:
        done = there.find(effect.request_key)
        return Linked(done.number, done.url) if done else NOTHING
    second = there.open_or_update(
        OpenMergeRequest(
            request_key=effect.request_key,
            base=read.commit or "",
            branch=effect.branch,
            target=read.branch or "main",
            edits=(Edit(effect.path, old, new, "architecture"),),
            digest=effect.digest,
            title=effect.title,
            body=f"{effect.body.rstrip()}\n\n{first.url}\n",
            labels=effect.labels,
            reviewers=(),
            author=effect.author,
            created_at=effect.created_at,
        )
    ).merge_request
    forge.note(first.number, POSTERN, "The architecture diagram", key=f"diagram:{effect.request_key}", url=second.url)
    return Linked(second.number, second.url)


def _issue(effect: OpenIssue, forge: Forge) -> Linked:
    first = _of(effect.request_key, forge)
    if first.state == "closed":
        return NOTHING
    made = forge.open_issue(replace(effect, body=f"{effect.body.rstrip()}\n\n{first.url}\n"))
    forge.note(first.number, POSTERN, "The help desk's ticket", key=f"ticket:{effect.request_key}", url=made.url)
    return made


def _note(effect: LeaveNote, forge: Forge) -> Linked:
    there = _of(effect.request_key, forge)
    forge.note(there.number, effect.by, effect.text, key=effect.key)
    return Linked(there.number, there.url)


def _settle(effect: Settle, forge: Forge, elsewhere: Elsewhere) -> Linked:
    """The second merge request is left to be merged, or closed; the ticket of what is merged is the help desk's."""
    first = _of(effect.request_key, forge)
    if first.state == "opened" and not effect.left:
        return NOTHING
    merged = first.state == "merged" and not effect.left
    code = "EGR418" if effect.left else "EGR067" if merged else "EGR068"
    said = say(Finding(code, {"key": effect.request_key}))
    if effect.what == "ticket":
        return forge.settle_issue(effect.where, effect.request_key, said.says, close=not merged)
    there = elsewhere(effect.where)
    second = there.find(effect.request_key)
    if second is None or second.state != "opened":
        return NOTHING
    if merged:
        there.note(second.number, POSTERN, f"{said.says} {said.do}", key="first:merged", url=first.url)
    else:
        there.close(second.number, POSTERN, said.says)
    return Linked(second.number, second.url)


def _close(effect: CloseMergeRequest, forge: Forge) -> MergeRequest:
    merge_request = _of(effect.request_key, forge)
    if merge_request.state != "opened":
        return merge_request
    return forge.close(merge_request.number, POSTERN, effect.reason)


def _decide(effect: MergeRequestDecision, forge: Forge) -> MergeRequest:
    merge_request = _of(effect.request_key, forge)
    if effect.merge and merge_request.target_branch != effect.target:
        raise Outdated("EGR479", key=effect.request_key, branch=merge_request.target_branch, read=effect.target)
    said = effect.reason.rstrip(".") or "no reason given"
    facts = {"by": effect.by, "verb": _VERBS.get(effect.verb, effect.verb), "reason": said, "head": effect.head[:12]}
    words = say(Finding("EGR1612", {**facts, "digest": effect.digest[:12], "from": effect.origin or "Postern"})).says
    forge.note(merge_request.number, effect.by, words, key=f"{effect.verb}:{effect.by}:{effect.digest}")
    if effect.verb in ("reject", "veto"):
        closed = forge.close(merge_request.number, effect.by, effect.reason)
        return _labelled(closed, forge, REJECTED, NEEDS_APPROVAL)
    if effect.verb == "approve" and merge_request.state == "opened":
        merge_request = forge.approve(merge_request.number, effect.head, effect.by)
    if effect.merge and effect.bot_approves and merge_request.state == "opened":
        _endorse(merge_request, effect.head, forge)
    if effect.merge and effect.left_to:
        return _labelled(merge_request, forge, APPROVED, NEEDS_APPROVAL)
    return _merge(merge_request, effect.head, effect.by, forge) if effect.merge else merge_request


def _endorse(merge_request: MergeRequest, head: str, forge: Forge) -> None:
    """Where GitLab lets no author approve, its own rules hold the merge up, and its state says so."""
    with suppress(NotAllowed):
        forge.endorse(merge_request.number, head)


def _merge(merge_request: MergeRequest, head: str, by: str, forge: Forge) -> MergeRequest:
    """It says that it is approved while it waits for its pipeline; an approval that is void is taken off again."""
    labelled = _labelled(merge_request, forge, APPROVED, NEEDS_APPROVAL)
    try:
        return forge.merge(merge_request.number, head, by)
    except Outdated:
        _labelled(labelled, forge, NEEDS_APPROVAL, APPROVED)
        raise


def _labelled(merge_request: MergeRequest, forge: Forge, on: str, off: str) -> MergeRequest:
    """A label that GitLab refuses holds no decision up: labels help to find, the row decides."""
    if on in merge_request.labels and off not in merge_request.labels:
        return merge_request
    try:
        return forge.label(merge_request.number, add=(on,), remove=(off,))
    except NotAllowed:
        return merge_request
