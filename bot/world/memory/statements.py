"""The few statements that all writing is made of: once, compare-and-set, claim, settle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, Table, and_, insert, literal, select, update
from sqlalchemy.exc import IntegrityError

from bot.world.memory.reads import Reads


class Statements(Reads):
    """What must be written once has a natural key; writing it again returns False and changes nothing."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def _rows(self, statement: Select[Any]) -> Sequence[RowMapping]:
        return self._connection.execute(statement).mappings().all()

    def _once(self, table: Table, same: ColumnElement[bool], values: Mapping[str, Any]) -> bool:
        try:
            with self._connection.begin_nested():
                self._connection.execute(insert(table).values(values))
        except IntegrityError:
            # A row with that key, which is fine, or something else (a request that does not exist), which is not.
            if self._rows(select(literal(1)).select_from(table).where(same)):
                return False
            raise
        return True

    def _set(self, table: Table, where: ColumnElement[bool], values: Mapping[str, Any]) -> bool:
        return self._connection.execute(update(table).where(where).values(values)).rowcount == 1

    def _claim(self, table: Table, key: str, now: datetime, left: Any) -> bool:
        values = {"state": "doing", "attempts": table.c.attempts + 1, "updated_at": now}
        free = table.c.state == "todo" if left is None else still(table, left)
        return self._set(table, (table.c.key == key) & free, values)

    def _settle(self, table: Table, claimed: Any, values: Mapping[str, Any], now: datetime) -> bool:
        """`claimed` is a row as it was when it was claimed: whoever claimed it later settles it instead."""
        mine = (table.c.id == claimed.id) & (table.c.state == "doing") & (table.c.attempts == claimed.attempts)
        return self._set(table, mine, {**values, "updated_at": now})


def fresh(now: datetime) -> dict[str, Any]:
    """The columns of something that is to be done, when it is new."""
    return {"state": "todo", "attempts": 0, "created_at": now, "updated_at": now}


def still(table: Table, row: Any) -> ColumnElement[bool]:
    """The claim is the one that was seen, as `Claims` tells them apart, and nobody has renewed it since."""
    same = and_(table.c.id == row.id, table.c.state == "doing", table.c.attempts == row.attempts)
    return and_(same, table.c.updated_at == row.updated_at)
