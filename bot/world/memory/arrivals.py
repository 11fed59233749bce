"""What the chat says to us: kept before it is acknowledged, claimed in order, settled together with its answer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from itertools import chain

from sqlalchemy import ColumnElement, delete, or_, select

from bot.world.memory import tables
from bot.world.memory.rows import Arrival, InboxRow
from bot.world.memory.statements import Statements, still

_OVER = ("done", "failed")
_ROWS = 100  # in one statement
_COLUMNS = ("repository", "key", "kind", "lane", "payload", "state", "attempts", "created_at", "updated_at")


class Arrivals(Statements):
    """Rows of one lane are worked off in the order in which they came; what died is taken over."""

    def keep_arrivals(self, repository: str, arrivals: Sequence[Arrival], now: datetime) -> None:
        """Keeps each whose key is new. What comes again changes nothing, in whatever state the first one is.

        Many rows are one statement of the driver's: put together row by row they would take twice as much of the
        interpreter, which the loop needs meanwhile for whoever is not acknowledged yet.
        """
        dialect = self._connection.dialect
        at = tables.Moment().process_bind_param(now, dialect)
        ours = tables.storable(repository.partition("\n")[0])
        for start in range(0, len(arrivals), _ROWS):
            some = arrivals[start : start + _ROWS]
            given = ((ours, *map(tables.storable, (a.key, a.kind, a.lane, a.payload)), "todo", 0, at, at) for a in some)
            self._connection.exec_driver_sql(_keep(dialect.paramstyle, len(some)), tuple(chain.from_iterable(given)))

    def claim_arrivals(
        self, repository: str, holder: str, now: datetime, limit: int, left: Sequence[InboxRow] = ()
    ) -> tuple[InboxRow, ...]:
        """The oldest that may be begun, now `holder`'s. `left` are claims that nobody has renewed for long enough."""
        table = tables.inbox
        wanted = select(table.c.id).where(startable(repository, now, left)).order_by(table.c.id).limit(limit)
        ids = [row["id"] for row in self._rows(wanted)]
        values = {"state": "doing", "attempts": table.c.attempts + 1, "holder": holder, "updated_at": now}
        self._connection.execute(table.update().where(table.c.id.in_(ids)).values(**values))
        rows = self._rows(select(table).where(table.c.id.in_(ids)).order_by(table.c.id))
        return tuple(InboxRow(**row) for row in rows)

    def renew_arrivals(self, holder: str, now: datetime) -> None:
        """The holder lives: what it has claimed stays its own."""
        table = tables.inbox
        mine = (table.c.holder == holder) & (table.c.state == "doing")
        self._connection.execute(table.update().where(mine).values(updated_at=now))

    def finish_arrival(self, row: InboxRow, now: datetime) -> bool:
        """It is done, and nothing of what was said is kept. False when somebody took it over meanwhile."""
        return self._settle(tables.inbox, row, {"state": "done", "payload": "", "due": None}, now)

    def fail_arrival(self, row: InboxRow, now: datetime, due: datetime | None) -> bool:
        """With `due` it is tried again then, before what came later in its lane; else it is set aside."""
        values = {"state": "todo", "due": due} if due else {"state": "failed", "payload": ""}
        return self._settle(tables.inbox, row, values, now)

    def release_arrivals(self, repository: str, now: datetime) -> None:
        """Nobody else can be at work: what was begun is begun anew."""
        table = tables.inbox
        left = table.update().where(tables.of(table.c.repository, repository) & (table.c.state == "doing"))
        self._connection.execute(left.values(state="todo", holder=None, updated_at=now))

    def forget_arrivals(self, before: datetime) -> int:
        """Those that are over and came before then. Gives how many there were."""
        table = tables.inbox
        over = table.c.state.in_(_OVER) & (table.c.created_at < before)
        return self._connection.execute(delete(table).where(over)).rowcount


@lru_cache(_ROWS)
def _keep(style: str, rows: int) -> str:
    sign = "?" if style == "qmark" else "%s"
    values = ", ".join([f"({', '.join([sign] * len(_COLUMNS))})"] * rows)
    return f"INSERT INTO inbox ({', '.join(_COLUMNS)}) VALUES {values} ON CONFLICT (repository, key) DO NOTHING"


def startable(repository: str, now: datetime, left: Sequence[InboxRow] = ()) -> ColumnElement[bool]:
    """The first of each lane that is not over, when its time has come and nobody holds it."""
    table = tables.inbox
    older = table.alias("older")
    ours = tables.of(table.c.repository, repository)
    before = tables.of(older.c.repository, repository) & (older.c.lane == table.c.lane) & (older.c.id < table.c.id)
    before &= older.c.state.in_(("todo", "doing"))
    free = (table.c.state == "todo") & or_(table.c.due.is_(None), table.c.due <= now)
    return ours & or_(free, *(still(table, row) for row in left)) & ~select(older.c.id).where(before).exists()
