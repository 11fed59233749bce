"""Brings the tables of an older Postern up to those of tables.py, in the transaction that it is given.

One function a number: what it does is history and never changes. It creates nothing that a row of before needs; rows
stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy import Connection, update

from bot.world.memory.tables import SCHEMA, decisions, deliveries, outbox, schema_version


def upgrade(connection: Connection, found: int) -> int:
    """The number that the database has afterwards. `found` is the one that it has now."""
    for number in range(found, SCHEMA):
        _STEPS[number](connection)
    connection.execute(update(schema_version).values(version=SCHEMA))
    return SCHEMA


def _what_the_forge_shows(connection: Connection) -> None:
    """1 to 2: what was seen of a merge request, rounds of approval, news of a request, deliveries of webhooks."""
    for column in ("forge JSON", "seen INTEGER DEFAULT 0 NOT NULL", "round INTEGER DEFAULT 0 NOT NULL", "pushed TEXT"):
        connection.exec_driver_sql(f"ALTER TABLE requests ADD COLUMN {column}")
    connection.exec_driver_sql("ALTER TABLE outbox ADD COLUMN request TEXT REFERENCES requests (key)")
    next(index for index in outbox.indexes if index.name == "outbox_of_request").create(connection)
    deliveries.create(connection)
    if connection.dialect.name == "sqlite":
        # SQLite can't change a constraint: the table is made anew and its rows are carried over.
        columns = "seq, request, verb, decided_by, digest, reason, head, version, at"
        connection.exec_driver_sql("ALTER TABLE decisions RENAME TO decisions_of_schema_1")
        decisions.create(connection)
        connection.exec_driver_sql(f"INSERT INTO decisions ({columns}) SELECT {columns} FROM decisions_of_schema_1")
        connection.exec_driver_sql("DROP TABLE decisions_of_schema_1")
        return
    connection.exec_driver_sql("ALTER TABLE decisions ADD COLUMN round INTEGER DEFAULT 0 NOT NULL")
    connection.exec_driver_sql("ALTER TABLE decisions DROP CONSTRAINT decision_once")
    connection.exec_driver_sql(
        "ALTER TABLE decisions ADD CONSTRAINT decision_once_a_round UNIQUE (request, decided_by, verb, digest, round)"
    )


_STEPS: Mapping[int, Callable[[Connection], None]] = {1: _what_the_forge_shows}
