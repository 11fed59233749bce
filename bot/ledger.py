"""Writes what an answer changes: rows, decisions and intents, all in one transaction."""

from __future__ import annotations

from bot.gather import Where
from bot.world import wire
from bot.world.memory import Memory, Transaction
from skills.contract import Answer, World
from skills.core.errors import Outdated
from skills.core.model.effects import Effect, OpenMergeRequest
from skills.core.model.requests import MoveRequest, OpenRequest, Record, WatchRequest


def record(memory: Memory, name: str, answer: Answer, world: World, where: Where) -> None:
    """All of it or none: a request never stands without the intent that carries it out, nor the reverse."""
    with memory.transaction() as tx:
        for item in answer.records:
            _record(tx, item, world)
        for effect in answer.effects:
            key = _free_key(tx, natural_key(effect))
            tx.add_intent(key, type(effect).__name__, wire.dump(effect), effect.request_key, world.now)
        facts = {
            "codes": [finding.code for finding in answer.findings],
            "keys": [e.request_key for e in answer.effects],
        }
        tx.add_log(world.person.id, where.thread or where.surface, name, facts, world.now)


def natural_key(effect: Effect) -> str:
    if isinstance(effect, OpenMergeRequest):
        return f"open:{effect.request_key}:{effect.digest}"
    return f"{effect.verb}:{effect.request_key}:{effect.digest}:{effect.by}"


def _free_key(tx: Transaction, key: str) -> str:
    """An intent that failed for good stays as it was; trying again is a new one."""
    attempt, free = 1, key
    while (intent := tx.intent(free)) is not None and intent.state == "failed":
        attempt += 1
        free = f"{key}#{attempt}"
    return free


def _record(tx: Transaction, item: Record, world: World) -> None:
    match item:
        case OpenRequest():
            _open(tx, item, world)
        case WatchRequest():
            tx.add_watcher(item.key, item.watcher, world.now)
        case MoveRequest():
            _move(tx, item, world)


def _open(tx: Transaction, item: OpenRequest, world: World) -> None:
    request = item.request
    row = tx.request(request.key)
    if row is None:
        tx.create_request(request, world.repository, world.now)
        return
    if row.request.digest == request.digest:
        return
    moved = tx.move_request(
        request.key,
        row.request.state,
        "drafted",
        request.version,
        world.now,
        digest=request.digest,
        base=request.base,
        paths=request.paths,
        waits_for=request.waits_for,
        reason=request.reason,
        until=request.until,
    )
    if not moved:
        raise Outdated("EGR407", key=request.key)


def _move(tx: Transaction, item: MoveRequest, world: World) -> None:
    row = tx.request(item.key)
    if row is None or not tx.move_request(item.key, row.request.state, item.to, item.version, world.now):
        raise Outdated("EGR407", key=item.key)
    if item.decision:
        tx.add_decision(item.key, item.decision, row.request.commit, item.version, world.now)
