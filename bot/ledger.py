"""Writes what an answer changes: rows, decisions and intents, all in one transaction."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from bot.gather import Where
from bot.intents import intend, left_behind, nothing_opens, take_back
from bot.world import wire
from bot.world.memory import Memory, Transaction
from skills.contract import Answer, Ask, World
from skills.core.errors import Outdated
from skills.core.model import (
    CLOSED_BY_US,
    STANDING_STATES,
    ApproveDrawn,
    AskAsker,
    DiagramTask,
    Extend,
    Finding,
    KeepAnswers,
    KeepReview,
    LeftTo,
    MoveRequest,
    OpenRequest,
    Person,
    Record,
    Request,
    Tell,
    TickDiagram,
    WatchRequest,
)
from skills.core.secrets import mask

OWED = "owed"
"""The fact of a request that names the intents of which somebody heard that they are still under way."""
_WORDS_KEPT, _MOST_KEPT = 200, 20
_MOMENTS = (0.2, 0.5, 1.0, 2.0)  # seconds


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
        for effect in (*answer.effects, *left_behind(tx, answer.effects, world.now)):
            intend(tx, effect, world.now)
        keys = {"keys": [e.request_key for e in answer.effects]}
        facts = {**audited(answer.findings, answer.data, world), **keys}
        tx.add_log(world.person.id, where.thread or where.surface, name, facts, world.now)


def audited(findings: Sequence[Finding], data: Mapping[str, Any], world: World | None) -> dict[str, Any]:
    """What the audit log keeps of an answer: what was said, of which digest, by which policy, on which commit."""
    told = {name: data[name] for name in ("key", "decision", "state", "digest", "by") if data.get(name)}
    read = {"policy": world.policy_id, "commit": world.allowlist.commit or "", **world.standing} if world else {}
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
            tx.set_fact(item.key, "question", wire.dump(item.question), world.now)
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
                to = map(world.policy.in_chat, item.to)
                tx.tell(row.request, mark, item.finding, world.now, to=to, here=where.thread)


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
        nothing_opens(tx, item.key, world.now)
    if row and row.request.state == "decided":
        take_back(tx, item.key, item.to, world.now)
    if row is None or not tx.move_request(item.key, row.request.state, item.to, item.version, world.now):
        raise Outdated("EGR407", key=item.key)
    if item.decision:
        tx.add_decision(item.key, item.decision, row.request.commit, item.version, world.now)
    if item.to == "decided":
        _left_to(tx, item.key, item.left_to, world.now)


def _left_to(tx: Transaction, key: str, left: LeftTo | None, now: datetime) -> None:
    tx.set_fact(key, "left_to", wire.dump(left) if left else {}, now)


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
