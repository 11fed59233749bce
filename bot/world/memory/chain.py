"""The audit log as a chain: each line's hash is over the hash before it and over all that the line says.

    hash = sha256(hash before + "\\n" + canonical JSON of the line), in hex; before the first line stand 64 zeros

Canonical: keys sorted, no blanks, ASCII. So whoever changes, removes or moves a line, or puts one between others, has
to make every later hash anew; against that helps only a hash that was kept elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, insert, select

from bot.world.memory import tables
from bot.world.memory.rows import Json
from bot.world.memory.statements import Statements
from skills.core.secrets import mask

GENESIS = "0" * 64


class Chained(Statements):
    """What a transaction adds to the log."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._lines: list[tuple[datetime, str, str, str, Any]] = []

    def add_log(self, who: str, where: str, kind: str, facts: Json, now: datetime) -> None:
        """Appends a line, masked, when the block ends. There is no way to change or remove one."""
        self._lines.append((now, plain(who), plain(where), plain(kind), plain_facts(facts)))

    def chain_lines(self) -> None:
        """Writes the lines of this block as the last thing of it, since from then on everybody else who adds one waits:
        whoever held anything else as well could wait for them in turn."""
        if not self._lines:
            return
        head = self._rows(select(tables.log_head).with_for_update())
        lines, last = (head[0]["lines"], head[0]["hash"]) if head else (0, GENESIS)
        for at, who, where, kind, facts in self._lines:
            lines, last = lines + 1, linked(last, at, who, where, kind, facts)
            values = {"at": at, "who": who, "where_from": where, "kind": kind, "facts": facts, "hash": last}
            self._connection.execute(insert(tables.log).values(values))
        if not self._set(tables.log_head, tables.log_head.c.id == 1, {"lines": lines, "hash": last}):
            self._connection.execute(insert(tables.log_head).values(id=1, lines=lines, hash=last))
        self._lines = []


def linked(before: str, at: datetime, who: str, where: str, kind: str, facts: Mapping[str, Any]) -> str:
    """The hash of a line that comes after the line with the hash `before`."""
    line = {
        "at": at.astimezone(UTC).isoformat(timespec="microseconds"),
        "who": who,
        "where": where,
        "kind": kind,
        "facts": facts,
    }
    text = json.dumps(line, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return sha256(f"{before}\n{text}".encode()).hexdigest()


def plain(text: str) -> str:
    """Masked, and as every database gives it back."""
    return tables.storable(mask(text).text)


def plain_facts(value: Any) -> Any:
    """Facts as JSON gives them back, with every text in them masked."""
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, Mapping):
        return {plain(str(key)): plain_facts(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain_facts(each) for each in (sorted(value, key=str) if isinstance(value, set | frozenset) else value)]
    return value if value is None or isinstance(value, bool | int | float) else plain(str(value))
