"""Writes what an answer changes: rows, decisions and intents, all in one transaction."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from bot.gather import Where
from bot.world import wire
from bot.world.memory import IntentRow, Memory, Transaction
from skills.contract import Answer, Ask, World
from skills.core.errors import Outdated
from skills.core.messages import say
from skills.core.model import (
    CLOSED_BY_US,
    OPEN_STATES,
    STANDING_STATES,
    ApproveDrawn,
    AskAsker,
    CloseMergeRequest,
    DiagramTask,
    Effect,
    Extend,
    Finding,
    KeepAnswers,
    KeepReview,
    LeaveNote,
    LeftTo,
    MoveRequest,
    OpenDiagram,
    OpenIssue,
    OpenMergeRequest,
    OpenRequest,
    Person,
    Record,
    Relabel,
    Request,
    Settle,
    Tell,
    TickDiagram,
    WatchRequest,
)
from skills.core.secrets import mask

BESIDE: Mapping[str, str] = {
    OpenDiagram.__name__: "the diagram",
    OpenIssue.__name__: "the ticket",
    LeaveNote.__name__: "a note at it",
    Settle.__name__: "the end of what was opened beside it",
}
"""What is done beside a merge request, by the kind of its intent; it never keeps the request itself back."""
OWED = "owed"
"""The fact of a request that names the intents of which somebody heard that they are still under way."""
_WORDS_KEPT, _MOST_KEPT = 200, 20
_MOMENTS = (0.2, 0.5, 1.0, 2.0)  # seconds
_OPENS: Mapping[type, str] = {OpenMergeRequest: "open", OpenDiagram: "diagram", OpenIssue: "ticket"}


def record(memory: Memory, name: str, answer: Answer, world: World, where: Where) -> None:
    """All of it or none: a request never stands without the intent that carries it out, nor the reverse.

    A merge or an opening that is under way at this moment is waited for a little: then it is clear who was first.
    """
    for pause in (*_MOMENTS, 0.0):
        try:
            _recorded(memory, name, answer, world, where)
            return
        except Outdated as busy:
            if busy.code != "EGR077" or not pause:
                raise
            time.sleep(pause)


def _recorded(memory: Memory, name: str, answer: Answer, world: World, where: Where) -> None:
    with memory.transaction() as tx:
        for item in answer.records:
            _record(tx, item, world, where)
        for effect in (*answer.effects, *_left_behind(tx, answer.effects, world.now)):
            intend(tx, effect, world.now)
        keys = {"keys": [e.request_key for e in answer.effects]}
        facts = {**audited(answer.findings, answer.data, world), **keys}
        tx.add_log(world.person.id, where.thread or where.surface, name, facts, world.now)


def _left_behind(tx: Transaction, effects: Collection[Effect], now: datetime) -> list[Settle]:
    """Diagrams in repositories where a new drawing keeps none any more: their merge requests would wait for ever."""
    kept = {each.repository for each in effects if isinstance(each, OpenDiagram)}
    found = []
    for drawing in (each for each in effects if isinstance(each, OpenMergeRequest)):
        last: dict[str, bool] = {}  # whether the last thing that was meant for a repository is a diagram in it
        for intent in tx.intents_of(drawing.request_key):
            if intent.kind == OpenDiagram.__name__:
                last[intent.payload["repository"]] = True
                if intent.state == "todo" and intent.payload["repository"] not in kept:
                    _retire(tx, intent, now)
            elif intent.payload.get("left"):
                last[intent.payload["where"]] = False
        gone = [where for where, stands in last.items() if stands and where not in kept]
        found += [Settle(drawing.request_key, drawing.digest, "diagram", where, left=True) for where in gone]
    return found


def _retire(tx: Transaction, intent: IntentRow, now: datetime) -> None:
    """What was never carried out and is not meant any more, unless somebody carries it out at this moment."""
    claimed = tx.claim(intent.key, now)
    if claimed:
        tx.fail(claimed, {"code": "EGR412", "facts": {"key": intent.request}}, now)


def audited(findings: Sequence[Finding], data: Mapping[str, Any], world: World | None) -> dict[str, Any]:
    """What the audit log keeps of an answer: what was said, of which digest, by which policy, on which commit."""
    told = {name: data[name] for name in ("key", "decision", "state", "digest", "by") if data.get(name)}
    read = {"policy": world.policy_id, "commit": world.allowlist.commit or ""} if world else {}
    return {"codes": [finding.code for finding in findings], **told, **read}


def note(
    memory: Memory, name: str, ask: Ask, who: Person, where: Where, facts: Mapping[str, Any], now: datetime
) -> None:
    """An ask that changed nothing, or was refused, with its own words cut short."""
    words = {key: _cut(value) for key, value in ask.model_dump(by_alias=True, exclude_defaults=True).items()}
    with memory.transaction() as tx:
        tx.add_log(who.id, where.thread or where.surface, name, {**facts, "ask": words}, now)


def _cut(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_cut(each) for each in value[:_MOST_KEPT]]
    text = mask(str(value)).text
    return text if len(text) <= _WORDS_KEPT else f"{text[:_WORDS_KEPT]} … ({len(text)} characters)"


def settle(memory: Memory, keys: Collection[str], now: datetime) -> list[str]:
    """What was opened beside these requests follows those that are over; gives the ones for which there is work."""
    found = []
    for key in keys:
        with memory.transaction() as tx:
            row = tx.request(key)
            if row is not None and row.request.links and row.request.state not in (*OPEN_STATES, "failed"):
                new = [intent for intent in tx.intents_of(key) if _settled(tx, row.request, intent, now)]
                found += [key] if new else []
    return found


def _settled(tx: Transaction, request: Request, opened: IntentRow, now: datetime) -> bool:
    """Once for each end: what was reopened may end once more."""
    named = {OpenDiagram.__name__: ("diagram", "repository"), OpenIssue.__name__: ("ticket", "project")}
    if opened.kind not in named or opened.state != "done":
        return False
    what, field = named[opened.kind]
    effect = Settle(request.key, request.digest, what, opened.payload[field])  # type: ignore[arg-type]
    end = "merged" if request.state in (*STANDING_STATES, "removed") else request.state
    name = f"settle:{request.key}:{what}:{end}"
    return tx.add_intent(name, Settle.__name__, wire.dump(effect), request.key, now)


def intend(tx: Transaction, effect: Effect, now: datetime) -> None:
    """One intent for each drawing of a request and for each decision; what failed for good is intended anew.

    A drawing that was never carried out is retired when another one takes its place.
    """
    same_kind = [item for item in tx.intents_of(effect.request_key) if item.kind == type(effect).__name__]
    if isinstance(effect, OpenMergeRequest | OpenDiagram | OpenIssue):
        last = same_kind[-1] if same_kind else None
        if last and last.state != "failed" and last.payload["digest"] == effect.digest:
            return
        for older in (item for item in same_kind if item.state == "todo"):
            _retire(tx, older, now)
        name = f"{_OPENS[type(effect)]}:{effect.request_key}:{len(same_kind) + 1}"
    elif isinstance(effect, CloseMergeRequest):
        name = f"close:{effect.request_key}:{effect.digest}"
    elif isinstance(effect, LeaveNote):
        name = f"note:{effect.request_key}:{effect.key}"
    elif isinstance(effect, Settle):
        name = f"settle:{effect.request_key}:{effect.what}:{len(same_kind) + 1}"
    elif isinstance(effect, Relabel):
        name = f"label:{effect.request_key}:{len(same_kind) + 1}"
    else:
        name = f"{effect.verb}:{effect.request_key}:{effect.by}:{len(same_kind) + 1}"
    tx.add_intent(name, type(effect).__name__, wire.dump(effect), effect.request_key, now)


def _record(tx: Transaction, item: Record, world: World, where: Where) -> None:
    match item:
        case OpenRequest():
            _open(tx, item, world)
        case KeepAnswers():
            for question, answer in item.answers.items():
                values = {"answer": answer, "request": item.key, "by_whom": world.person.id}
                tx.keep_answer(world.repository, item.app, question, values, world.now)
        case WatchRequest():
            _watch(tx, item.key, item.watcher, item.thread, world.now)
        case MoveRequest():
            _move(tx, item, world)
        case ApproveDrawn():
            row = tx.request(item.key)
            assert row is not None
            tx.add_decision(item.key, item.decided, item.head, row.request.version, world.now)
            _left_to(tx, item.key, item.left_to, world.now)
        case AskAsker():
            tx.set_fact(item.key, "question", wire.dump(item.question) if item.question else {}, world.now)
        case KeepReview():
            tx.set_fact(item.key, "review", wire.dump(item.review), world.now)
        case TickDiagram():
            task = DiagramTask(open=False, by=item.by, at=item.at)
            tx.set_fact(item.key, "diagram", wire.dump(task), world.now)
        case Extend():
            row = tx.request(item.key)
            state = row.request.state if row else item.to
            if not tx.move_request(item.key, state, item.to, item.version, world.now, until=item.until):
                raise Outdated("EGR407", key=item.key)
        case Tell():
            row = tx.request(item.key)
            if row:
                mark = f"{item.key}:{item.mark}"
                tx.tell(row.request, mark, item.finding, world.now, to=item.to, here=where.thread)


def _open(tx: Transaction, item: OpenRequest, world: World) -> None:
    request = item.request
    row = tx.request(request.key)
    if row is None:
        tx.create_request(request, world.repository, world.now, _facts(request))
        return
    if row.request.digest == request.digest:
        # Asked at the same moment, perhaps by somebody else: whoever was second hears of it too.
        if request.asked_by.casefold() != row.request.asked_by.casefold():
            _watch(tx, request.key, request.asked_by, request.thread, world.now)
        return
    moved = tx.move_request(
        request.key,
        row.request.state,
        "drafted",
        request.version,
        world.now,
        destinations=request.destinations,
        digest=request.digest,
        base=request.base,
        paths=request.paths,
        waits_for=request.waits_for,
        reason=request.reason,
        until=request.until,
        facts={**row.facts, **_facts(request)},
    )
    if not moved:
        raise Outdated("EGR407", key=request.key)


def _watch(tx: Transaction, key: str, watcher: str, thread: str, now: datetime) -> None:
    """The news go to the thread in which they asked last, too."""
    tx.add_watcher(key, watcher, now)
    row = tx.request(key)
    if row and thread:
        tx.set_fact(key, "threads", {**row.facts.get("threads", {}), watcher: thread}, now)


def _facts(request: Request) -> dict[str, Any]:
    task = {"diagram": wire.dump(request.diagram) if request.diagram else None}
    linked = {name: key for name, key in (("ends", request.ends), ("renews", request.renews)) if key}
    kept = {"drawn": request.drawn, "weighed": request.weighed}
    return {**linked, **task, **{name: wire.dump(value) for name, value in kept.items() if value}}


def _move(tx: Transaction, item: MoveRequest, world: World) -> None:
    row = tx.request(item.key)
    if row and row.request.state in STANDING_STATES:
        raise Outdated("EGR1655", key=item.key, commit=(row.request.commit or "")[:12])
    if item.to in CLOSED_BY_US:
        _nothing_opens(tx, item.key, world)
    if row and row.request.state == "decided":
        take_back(tx, item.key, item.to, world.now)
    if row is None or not tx.move_request(item.key, row.request.state, item.to, item.version, world.now):
        raise Outdated("EGR407", key=item.key)
    if item.decision:
        tx.add_decision(item.key, item.decision, row.request.commit, item.version, world.now)
    if item.to == "decided":
        _left_to(tx, item.key, item.left_to, world.now)


def take_back(tx: Transaction, key: str, to: str, now: datetime) -> None:
    """What waits to be merged is not merged any more: its intent is claimed, so that nobody else carries it out.

    Raises Outdated EGR077 while it is being merged at this moment.
    """
    for intent in tx.intents_of(key):
        if not intent.payload.get("merge") or intent.state not in ("todo", "doing"):
            continue
        claimed = tx.claim(intent.key, now)
        if claimed is None:
            raise Outdated("EGR077", key=key, what="merged")
        tx.fail(claimed, {"code": "EGR055", "facts": {"key": key, "state": to}}, now)


def _left_to(tx: Transaction, key: str, left: LeftTo | None, now: datetime) -> None:
    tx.set_fact(key, "left_to", wire.dump(left) if left else {}, now)


def _nothing_opens(tx: Transaction, key: str, world: World) -> None:
    """What is over is not opened afterwards. Raises Outdated EGR077 while it is being opened at this moment."""
    for intent in tx.intents_of(key):
        if intent.kind not in {kind.__name__ for kind in _OPENS} or intent.state not in ("todo", "doing"):
            continue
        claimed = tx.claim(intent.key, world.now)
        if claimed is None:
            raise Outdated("EGR077", key=key, what="opened")
        tx.fail(claimed, {"code": "EGR055", "facts": {"key": key, "state": "over"}}, world.now)


def owe(memory: Memory, keys: Collection[str], now: datetime) -> bool:
    """Somebody is about to hear that these are still under way: what comes of it is news then. False when nothing is
    under way any more, so that it would not be true."""
    owed = False
    for key in keys:
        with memory.transaction() as tx:
            tx.hold(key)
            live = [intent.key for intent in tx.intents_of(key) if intent.state in ("todo", "doing")]
            owed = (bool(live) and tx.set_fact(key, OWED, {"intents": live}, now)) or owed
    return owed


def unfinished(memory: Memory, key: str) -> tuple[Finding, ...]:
    """What is not done yet, or could not be opened beside the merge request; the runner goes on with it."""
    found: dict[str, Finding | None] = {}
    for intent in memory.intents_of(key):
        if intent.kind not in BESIDE and intent.state in ("todo", "doing"):
            found["itself"] = Finding("EGR071", {"key": key})
        if intent.kind in BESIDE:
            error = intent.error if intent.state in ("todo", "failed") else None
            what = BESIDE[intent.kind]
            says = say(Finding(str(error["code"]), error["facts"])).says if error else ""
            found[what] = Finding("EGR035", {"key": key, "what": what, "says": says}) if error else None
    return tuple(finding for finding in found.values() if finding)
