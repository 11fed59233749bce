"""The memory: one class that is opened by URL, and the transaction in which everything is written."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any, Unpack

from sqlalchemy import Engine, RowMapping, Select, and_, func, insert, select
from sqlalchemy.exc import DBAPIError

from bot.world import wire
from bot.world.memory import tables
from bot.world.memory.arrivals import Arrivals, startable
from bot.world.memory.chain import Chained
from bot.world.memory.chat import Chat
from bot.world.memory.engine import file_of, open_engine, place_of
from bot.world.memory.failures import is_broken, reachable
from bot.world.memory.messages import Messages
from bot.world.memory.reads import Reads
from bot.world.memory.rows import InboxRow, Json, RequestFields, RequestRow
from bot.world.memory.work import Work
from skills.core.errors import Outdated, Unreachable
from skills.core.model import (
    Decided,
    Edit,
    Need,
    Request,
    RequestState,
)

SAID_LIMIT = 8_000  # characters
ANSWER_LIMIT = 262_144  # characters of JSON


class Transaction(Arrivals, Chained, Messages, Work, Chat):
    """One unit of work. All of it becomes visible when the block ends, or none of it.

    What must be written once has a natural key; writing it again returns False and changes nothing.
    """

    # --- conversations

    def save_thread(self, thread: str, state: Json, expected_version: int, now: datetime) -> int:
        """Replaces the state and returns the new version. Raises Outdated EGR469 when the thread moved on."""
        table = tables.threads
        values = {"state": dict(state), "version": expected_version + 1, "updated_at": now}
        if expected_version == 0:
            saved = self._once(table, table.c.id == thread, {"id": thread, **values})
        else:
            saved = self._set(table, (table.c.id == thread) & (table.c.version == expected_version), values)
        if not saved:
            raise Outdated("EGR469")
        return expected_version + 1

    def add_turn(self, thread: str, who: str, said: str, answer: Json, now: datetime) -> int:
        """Appends a turn to a saved thread and returns its number. `said` must be masked already.

        Longer text is cut; an answer that is too long leaves `{"cut": LENGTH}` behind.
        """
        table = tables.turns
        last = self._connection.execute(select(func.max(table.c.seq)).where(table.c.thread == thread)).scalar()
        length = len(json.dumps(dict(answer)))
        kept = dict(answer) if length <= ANSWER_LIMIT else {"cut": length}
        values = {"seq": (last or 0) + 1, "who": who, "at": now, "said": _cut(said), "answer": kept}
        self._connection.execute(insert(table).values(thread=thread, **values))
        return (last or 0) + 1

    def keep_draft(
        self,
        digest: str,
        thread: str,
        repository: str,
        base: str | None,
        need: Need,
        edits: tuple[Edit, ...],
        now: datetime,
    ) -> None:
        """Remembers what was shown. The same change for another reason has the same digest: the last need counts."""
        table = tables.drafts
        values = {"thread": thread, "need": wire.dump(need), "created_at": now}
        fixed = {"repository": repository, "base": base, "edits": [wire.dump(edit) for edit in edits]}
        if not self._once(table, table.c.digest == digest, {"digest": digest, **fixed, **values}):
            self._set(table, table.c.digest == digest, values)

    # --- requests

    def create_request(self, request: Request, repository: str, now: datetime, facts: Json | None = None) -> bool:
        """A new row at version 1; `request.since` and `request.decisions` are not read."""
        table = tables.requests
        values = {
            "key": request.key,
            "repository": repository,
            "state": request.state,
            "version": 1,
            "workload": request.workload,
            "environment": request.environment,
            "destinations": request.destinations,
            "remove": request.remove,
            "digest": request.digest,
            "base": request.base,
            "branch": request.branch,
            "commit_id": request.commit,
            "number": request.number,
            "url": request.url,
            "asked_by": request.asked_by,
            "reason": request.reason,
            "until": request.until,
            "paths": request.paths,
            "watchers": request.watchers,
            "waits_for": request.waits_for,
            "thread": request.thread,
            "facts": dict(facts or {}),
            "created_at": now,
            "updated_at": now,
        }
        return self._once(table, table.c.key == request.key, values)

    def move_request(
        self,
        key: str,
        from_state: RequestState,
        to_state: RequestState,
        expected_version: int,
        now: datetime,
        **fields: Unpack[RequestFields],
    ) -> bool:
        """Compare-and-set: False, and nothing changed, when the row is not what the caller saw."""
        table = tables.requests
        values: dict[str, Any] = dict(fields)
        if "commit" in values:
            values["commit_id"] = values.pop("commit")
        values |= {name: dict(values[name]) for name in ("facts", "forge") if name in values}
        seen = (table.c.key == key) & (table.c.state == from_state) & (table.c.version == expected_version)
        return self._set(table, seen, {**values, "state": to_state, "version": expected_version + 1, "updated_at": now})

    def mirror_request(
        self,
        row: RequestRow,
        shown: Json,
        now: datetime,
        to_state: RequestState | None = None,
        *,
        new_round: bool = False,
        **fields: Unpack[RequestFields],
    ) -> bool:
        """Keeps what the forge shows now. False, and nothing changed, when the row moved or was mirrored since `row`.

        The version moves only with the state or with what an approver would have to know: an approver does not lose
        a click to a pipeline. `new_round` voids every approval so far.
        """
        table, request = tables.requests, row.request
        values: dict[str, Any] = {**fields, "forge": dict(shown), "seen": row.seen + 1, "updated_at": now}
        if "commit" in values:
            values["commit_id"] = values.pop("commit")
        if to_state or new_round or "pushed" in values:
            values |= {"state": to_state or request.state, "version": request.version + 1}
        if new_round:
            values["round"] = table.c.round + 1
        same = (table.c.key == request.key) & (table.c.version == request.version) & (table.c.seen == row.seen)
        return self._set(table, same, values)

    def hold(self, key: str) -> None:
        """Nobody else changes the request's row before this transaction ends. On SQLite whoever writes is alone."""
        self._rows(select(tables.requests.c.key).where(tables.requests.c.key == key).with_for_update())

    def add_watcher(self, key: str, watcher: str, now: datetime) -> bool:
        """Somebody else wants to hear of it. The version stays: what was shown to an approver still stands."""
        table = tables.requests
        watchers = self._connection.execute(select(table.c.watchers).where(table.c.key == key).with_for_update())
        known = watchers.scalar()
        if known is None or watcher.casefold() in {name.casefold() for name in known}:
            return False
        return self._set(table, table.c.key == key, {"watchers": [*known, watcher], "updated_at": now})

    def set_fact(self, key: str, name: str, value: Json, now: datetime) -> bool:
        """One of a request's facts, as it is now. The version stays: what was shown to an approver still stands."""
        table = tables.requests
        facts = self._connection.execute(select(table.c.facts).where(table.c.key == key).with_for_update()).scalar()
        if facts is None:
            return False
        return self._set(table, table.c.key == key, {"facts": {**facts, name: dict(value)}, "updated_at": now})

    def add_decision(self, key: str, decided: Decided, head: str | None, version: int, now: datetime) -> bool:
        """Appends a decision, at `now`; what somebody said last of the same change in the same round is not said again.

        Whoever decided otherwise in between decides anew.
        """
        table, asked = tables.decisions, tables.requests
        rounds = self._rows(select(asked.c.round).where(asked.c.key == key))
        now_in = rounds[0]["round"] if rounds else 0
        named: dict[str, Any] = {"request": key, "decided_by": decided.by, "digest": decided.digest}
        theirs = and_(*(table.c[column] == value for column, value in named.items()))
        before = select(table.c.verb).where(theirs & (table.c.round == now_in)).order_by(table.c.seq.desc()).limit(1)
        if [row["verb"] for row in self._rows(before)] == [decided.verb]:
            return False
        same = theirs & (table.c.verb == decided.verb) & (table.c.version == version)
        rest = {"reason": decided.reason, "head": head, "at": now, "round": now_in, "there": decided.there or None}
        return self._once(table, same, {**named, "verb": decided.verb, "version": version, **rest})

    def add_model_call(self, values: Json, now: datetime) -> None:
        """What one call of a language model took; `values` are the other columns of its row."""
        self._connection.execute(insert(tables.model_calls).values({"at": now, **values}))


class Memory(Reads):
    """What Postern remembers, in the database at `url`. Opened at first use; safe to share between threads.

    Every function may raise Unreachable: EGR095 the connection broke, EGR096 the server refuses us, EGR097 no driver,
    EGR461 locked, EGR462 disk full, EGR463 read-only, EGR464 damaged, EGR465 not a database of ours, EGR466 written
    by a newer Postern, EGR467 can't be opened, EGR468 anything else that keeps it from answering.
    """

    def __init__(self, url: str, busy_seconds: float = 5.0) -> None:
        """`busy_seconds` is how long to wait for another process that is writing."""
        self._url = url
        self._busy_seconds = busy_seconds
        self._opening, self._writing = Lock(), Lock()
        self._opened: Engine | None = None

    @property
    def where(self) -> str:
        """The database as people may read it: its file, or its URL without the password."""
        return place_of(self._url)

    @property
    def file(self) -> Path | None:
        """The file of a SQLite database; None for a server, or for a database in memory."""
        return file_of(self._url)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """One ask, one transaction: commits when the block ends, rolls back when anything is raised in it.

        Inside the block read through the transaction: the memory itself still shows what stood before.
        """
        with (
            reachable(self.where),
            self._in_turn(),
            self._engine().connect().execution_options(writes=True) as connection,
            connection.begin(),
        ):
            made = Transaction(connection)
            yield made
            made.chain_lines()

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        """Our own threads queue here: SQLite lets whoever polls at the right moment go first, and others starve."""
        if not self._writing.acquire(timeout=2 * self._busy_seconds):
            raise Unreachable("EGR461", where=self.where, why="another thread of this process is writing")
        try:
            yield
        finally:
            self._writing.release()

    def arrivals_wait(self, repository: str, now: datetime, left: Sequence[InboxRow] = ()) -> bool:
        """Whether something that the chat said may be begun; `left` as in `claim_arrivals`."""
        return bool(self._rows(select(tables.inbox.c.id).where(startable(repository, now, left)).limit(1)))

    def arrivals_claimed(self, repository: str) -> tuple[InboxRow, ...]:
        """What the chat said and somebody works on."""
        table = tables.inbox
        rows = self._rows(select(table).where(tables.of(table.c.repository, repository) & (table.c.state == "doing")))
        return tuple(InboxRow(**row) for row in rows)

    def close(self) -> None:
        """Gives all connections back; the next use opens it again."""
        with self._opening:
            if self._opened is not None:
                self._opened.dispose()
                self._opened = None

    def _rows(self, statement: Select[Any]) -> Sequence[RowMapping]:
        with reachable(self.where):
            try:
                return self._read(statement)
            except DBAPIError as error:
                if not is_broken(error):
                    raise
            return self._read(statement)  # a question that is asked twice does no harm

    def _read(self, statement: Select[Any]) -> Sequence[RowMapping]:
        with self._engine().connect() as connection:
            return connection.execute(statement).mappings().all()

    def _engine(self) -> Engine:
        with self._opening:
            if self._opened is None:
                self._opened = open_engine(self._url, self._busy_seconds)
            return self._opened


def _cut(said: str) -> str:
    rest = len(said) - SAID_LIMIT
    return said if rest <= 0 else f"{said[:SAID_LIMIT]} … ({rest} more characters)"
