"""Everything that can be asked of the memory, inside a transaction or outside of one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Select, func, or_, select

from bot.world import wire
from bot.world.memory import tables
from bot.world.memory.asked import iso, request_of
from bot.world.memory.rows import (
    CardRow,
    DecisionRow,
    DeliveryRow,
    DraftRow,
    IntentRow,
    LogRow,
    PostRow,
    ReplicaRow,
    RequestRow,
    ThreadRow,
    TurnRow,
)
from skills.core.errors import Unreachable
from skills.core.model import (
    OPEN_STATES,
    Decided,
    Edit,
    Finding,
    Link,
    Need,
    Request,
)
from skills.core.policy import Remembered

_KEYS_AT_ONCE = 500  # a statement has room for about a thousand values on an old SQLite


class Reads(ABC):
    """The questions. Whoever inherits says how a statement is run."""

    @abstractmethod
    def _rows(self, statement: Select[Any]) -> Sequence[RowMapping]: ...

    def thread(self, thread: str) -> ThreadRow:
        """The thread as it was saved last; a new one (version 0) when it never was."""
        table = tables.threads
        for row in self._rows(select(table).where(table.c.id == thread)):
            return ThreadRow(**row)
        return ThreadRow(thread)

    def turns(self, thread: str, last: int = 20) -> tuple[TurnRow, ...]:
        """The `last` turns of a thread, oldest first."""
        table = tables.turns
        statement = select(table).where(table.c.thread == thread).order_by(table.c.seq.desc()).limit(last)
        return tuple(TurnRow(**row) for row in reversed(self._rows(statement)))

    def draft(self, digest: str) -> DraftRow | None:
        """A change that was shown before. Raises Unreachable EGR580 when its row can't be understood."""
        table = tables.drafts
        for row in self._rows(select(table).where(table.c.digest == digest)):
            if not isinstance(row["edits"], list):
                raise Unreachable("EGR580", at="draft.edits", what="not a list")
            need = wire.load(Need, row["need"])
            edits = tuple(wire.load(Edit, edit) for edit in row["edits"])
            return DraftRow(**{**row, "need": need, "edits": edits})
        return None

    def request(self, key: str) -> RequestRow | None:
        found = self._requests(tables.requests.c.key == key)
        return found[0] if found else None

    def asked_for(self, key: str) -> Request | None:
        """The request of this key, without what stands beside it in its row."""
        row = self.request(key)
        return row.request if row else None

    def requests(self, repository: str, open_only: bool = False) -> tuple[RequestRow, ...]:
        """The requests of one repository, oldest first."""
        where = tables.of(tables.requests.c.repository, repository)
        return self._requests(where & tables.requests.c.state.in_(OPEN_STATES) if open_only else where)

    def requests_of_thread(self, thread: str) -> tuple[RequestRow, ...]:
        """The requests that were opened in a thread, oldest first."""
        return self._requests(tables.requests.c.thread == thread)

    def keys_at(self, repository: str, *, number: int | None = None, branch: str | None = None) -> list[str]:
        """The newest request, if any, that has this merge request, else this branch."""
        table = tables.requests
        for column, value in ((table.c.number, number), (table.c.branch, branch)):
            if value is not None:
                where = (table.c.repository == repository) & (column == value)
                rows = self._rows(select(table.c.key).where(where).order_by(table.c.created_at.desc()).limit(1))
                if rows:
                    return [row["key"] for row in rows]
        return []

    def decisions(self, request: str) -> tuple[DecisionRow, ...]:
        """All decisions on a request in the order in which they came."""
        table = tables.decisions
        rows = self._rows(select(table).where(table.c.request == request).order_by(table.c.seq))
        return tuple(_decision(row) for row in rows)

    def intent(self, key: str) -> IntentRow | None:
        table = tables.intents
        return next((IntentRow(**row) for row in self._rows(select(table).where(table.c.key == key))), None)

    def intents_of(self, request: str) -> tuple[IntentRow, ...]:
        """All intents of a request, oldest first."""
        table = tables.intents
        rows = self._rows(select(table).where(table.c.request == request).order_by(table.c.id))
        return tuple(IntentRow(**row) for row in rows)

    def todo(self, limit: int = 100) -> tuple[IntentRow, ...]:
        """Intents that wait, oldest first."""
        table = tables.intents
        statement = select(table).where(table.c.state == "todo").order_by(table.c.id).limit(limit)
        return tuple(IntentRow(**row) for row in self._rows(statement))

    def due(self, repository: str, now: datetime, limit: int = 100) -> tuple[IntentRow, ...]:
        """What a replica of this repository may begin now: of each request only the oldest intent that is not over."""
        table, asked = tables.intents, tables.requests
        in_time = or_(table.c.due.is_(None), table.c.due <= now)
        ours = table.c.request.in_(select(asked.c.key).where(tables.of(asked.c.repository, repository)))
        statement = select(table).where((table.c.state == "todo") & in_time & ours & first_of_its_request(table))
        return tuple(IntentRow(**row) for row in self._rows(statement.order_by(table.c.id).limit(limit)))

    def claimed(self, repository: str) -> tuple[IntentRow, ...]:
        """The intents of a repository that somebody claimed and did not settle yet, oldest first."""
        table, asked = tables.intents, tables.requests
        ours = table.c.request.in_(select(asked.c.key).where(tables.of(asked.c.repository, repository)))
        rows = self._rows(select(table).where((table.c.state == "doing") & ours).order_by(table.c.id))
        return tuple(IntentRow(**row) for row in rows)

    def replicas(self, repository: str) -> tuple[ReplicaRow, ...]:
        """The replicas of a repository, alone or among several, the one that started first before the others."""
        table, ours = tables.replicas, set(repository.splitlines())
        rows = self._rows(select(table).order_by(table.c.started, table.c.id))
        return tuple(ReplicaRow(**row) for row in rows if ours & set(row["repository"].splitlines()))

    def posts_todo(
        self, limit: int = 500, repository: str | None = None, *, claimed: bool = False
    ) -> tuple[PostRow, ...]:
        """Chat messages that wait, oldest first; with `claimed` also those that somebody is sending.

        With `repository` only what its service sends: where two share a database, each has a voice of its own.
        """
        table, asked = tables.outbox, tables.requests
        where: ColumnElement[bool] = table.c.state.in_(("todo", "doing") if claimed else ("todo",))
        if repository is not None:
            request = select(asked.c.repository).where(asked.c.key == table.c.request).scalar_subquery()
            stands = func.coalesce(table.c.repository, request, repository.partition("\n")[0])
            where &= stands.in_(repository.splitlines())
        rows = self._rows(select(table).where(where).order_by(table.c.id).limit(limit))
        return tuple(PostRow(**row) for row in rows)

    def deliveries_todo(self, repository: str, limit: int = 100) -> tuple[DeliveryRow, ...]:
        """Deliveries about a repository that are not over, oldest first, and those that say of none whose they are."""
        table = tables.deliveries
        whose = table.c.repository.is_(None) | (table.c.repository == repository)
        where = table.c.state.in_(("todo", "doing")) & whose
        statement = select(table).where(where).order_by(table.c.id).limit(limit)
        return tuple(DeliveryRow(**row) for row in self._rows(statement))

    def news(self, request: str, last: int = 20) -> tuple[PostRow, ...]:
        """The `last` things that people were told about a request, oldest first."""
        table = tables.outbox
        statement = select(table).where(table.c.request == request).order_by(table.c.id.desc()).limit(last)
        return tuple(PostRow(**row) for row in reversed(self._rows(statement)))

    def cards(self, request: str | None = None, *, repository: str | None = None) -> tuple[CardRow, ...]:
        """The copies of a request's card, or of all cards of which something may still change, of this repository."""
        table, asked = tables.cards, tables.requests
        where = table.c.request == request if request else table.c.over.is_(False)
        if repository is not None:
            where &= table.c.request.in_(select(asked.c.key).where(tables.of(asked.c.repository, repository)))
        return tuple(CardRow(**row) for row in self._rows(select(table).where(where).order_by(table.c.key)))

    def card_shown(self, thread: str) -> tuple[str, str] | None:
        """The request whose card a thread of a chat begins with, and the digest that it showed first."""
        place, _, ts = thread.rpartition(":")
        copies, sent = tables.cards, tables.outbox
        there = (copies.c.channel == f"{place}:{place.rpartition(':')[2]}") & copies.c.over.is_(False)
        keys = [f"card:{row['key']}" for row in self._rows(select(copies.c.key).where(there))]
        found = self._rows(select(sent.c.payload).where(sent.c.key.in_(keys) & (sent.c.ts == ts))) if keys else ()
        return next(((str(row["payload"]["shown"][0]), str(row["payload"]["shown"][1])) for row in found), None)

    def channel(self, channel: str) -> dict[str, Any]:
        """What a channel speaks of; nothing where nobody said so."""
        table = tables.channels
        rows = self._rows(select(table.c.speaks_of).where(table.c.id == channel))
        return dict(rows[0]["speaks_of"]) if rows else {}

    def answers(self, repository: str, app: str) -> dict[str, Remembered]:
        """What was answered about an app, by question."""
        table = tables.app_answers
        rows = self._rows(select(table).where(table.c.repository == repository, table.c.app == app))
        return {row["question"]: Remembered(row["answer"], row["request"], f"{row['at']:%Y-%m-%d}") for row in rows}

    def said(self, requests: Sequence[str]) -> dict[str, dict[str, datetime]]:
        """When people were told what of each request: its marks, which are the keys of messages without the request."""
        table, found = tables.outbox, dict[str, dict[str, datetime]]()
        for start in range(0, len(requests), _KEYS_AT_ONCE):
            some = table.c.request.in_(requests[start : start + _KEYS_AT_ONCE])
            for row in self._rows(select(table.c.request, table.c.key, table.c.created_at).where(some)):
                mark = row["key"].removeprefix(f"{row['request']}:")
                found.setdefault(row["request"], {})[mark] = row["created_at"]
        return found

    def log(self, after: int = 0, limit: int = 1000) -> tuple[LogRow, ...]:
        """The audit log after line `after`, oldest first."""
        table = tables.log
        rows = self._rows(select(table).where(table.c.seq > after).order_by(table.c.seq).limit(limit))
        return tuple(
            LogRow(row["seq"], row["at"], row["who"], row["where_from"], row["kind"], row["facts"], row["hash"] or "")
            for row in rows
        )

    def head(self) -> tuple[int, str]:
        """How many lines the log has by its own account, and the hash of the last one."""
        rows = self._rows(select(tables.log_head))
        return (rows[0]["lines"], rows[0]["hash"]) if rows else (0, "")

    def model_use(self, team: str, since: datetime) -> tuple[int, int]:
        """Tokens, and money in millionths, that language models took for a team since then."""
        table = tables.model_calls
        sums = (func.sum(table.c.read + table.c.written), func.sum(table.c.money))
        statement = select(*(func.coalesce(each, 0) for each in sums)).where(table.c.team == team, table.c.at >= since)
        tokens, money = (int(str(each)) for each in self._rows(statement)[0].values())
        return tokens, money

    def model_calls(self, since: datetime) -> list[dict[str, Any]]:
        """The calls since then, oldest first."""
        table = tables.model_calls
        return [dict(row) for row in self._rows(select(table).where(table.c.at >= since).order_by(table.c.id))]

    def _requests(self, where: ColumnElement[bool]) -> tuple[RequestRow, ...]:
        table = tables.requests
        # Sorted here, since each database sorts text by rules of its own.
        rows = sorted(self._rows(select(table).where(where)), key=lambda row: (row["created_at"], row["key"]))
        decided_in = {row["key"]: row["round"] for row in rows}
        decided = self._decided(decided_in)
        latest = self._latest(list(decided_in))
        linked = self._linked(list(decided_in))
        return tuple(
            request_of(row, decided.get(row["key"], ()), latest.get(row["key"]), linked.get(row["key"], {}))
            for row in rows
        )

    def _latest(self, keys: list[str]) -> dict[str, Finding]:
        """The last thing that people were told about each request."""
        table = tables.outbox
        last = select(func.max(table.c.id)).where(table.c.request.in_(keys)).group_by(table.c.request)
        rows = self._rows(select(table.c.request, table.c.payload).where(table.c.id.in_(last)))
        found: dict[str, Finding] = {}
        for row in rows:
            with suppress(Unreachable):  # one that another version wrote keeps nobody from reading the request
                found[row["request"]] = wire.load(Finding, row["payload"])
        return found

    def _linked(self, keys: list[str]) -> dict[str, dict[str, Link]]:
        """What was opened beside each request's merge request: the newest of each sort."""
        table = tables.intents
        done = table.c.request.in_(keys) & table.c.kind.in_(_BESIDE) & (table.c.state == "done")
        found: dict[str, dict[str, Link]] = {}
        for row in self._rows(select(table).where(done).order_by(table.c.id)):
            if row["receipt"].get("url"):
                found.setdefault(row["request"], {})[row["kind"]] = Link(_BESIDE[row["kind"]], row["receipt"]["url"])
        return found

    def _decided(self, rounds: Mapping[str, int]) -> dict[str, tuple[Decided, ...]]:
        """The decisions that stand, by request: an approval of an earlier round does not."""
        table = tables.decisions
        found: dict[str, tuple[Decided, ...]] = {}
        for row in self._rows(select(table).where(table.c.request.in_(list(rounds))).order_by(table.c.seq)):
            if row["verb"] == "approve" and row["round"] < rounds[row["request"]]:
                continue
            one = Decided(
                row["verb"], row["decided_by"], row["digest"], row["reason"], iso(row["at"]), row["there"] or ""
            )
            found[row["request"]] = (*found.get(row["request"], ()), one)
        return found


def first_of_its_request(table: Any) -> ColumnElement[bool]:
    """Intents of a request are carried out in the order in which they were recorded, each after the one before.

    What is opened beside a request comes after it and keeps nothing back.
    """
    older = table.alias("older")
    before = (older.c.request == table.c.request) & (older.c.id < table.c.id) & older.c.state.in_(("todo", "doing"))
    before &= older.c.kind.not_in((*_BESIDE, "LeaveNote", "NameBeside", "Settle"))
    return ~select(older.c.id).where(before).exists()


def _decision(row: RowMapping) -> DecisionRow:
    values = dict(row)
    return DecisionRow(by=values.pop("decided_by"), **values)


_BESIDE = {"OpenDiagram": "diagram", "OpenIssue": "ticket"}
