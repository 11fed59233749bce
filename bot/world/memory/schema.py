"""The layout of the database: made where it is empty, brought up where older, refused where newer or foreign."""

from __future__ import annotations

from sqlalchemy import Connection, Engine, insert, inspect, select, update

from bot.world.memory.tables import SCHEMA, alembic_version, log_head, metadata, schema_version
from skills.core.errors import Unreachable


def ensure_schema(engine: Engine, where: str) -> None:
    """Raises Unreachable EGR465 for somebody else's tables, EGR466 for a newer layout."""
    with engine.connect() as connection:
        found = _version(connection)
    if found is None or found < SCHEMA:
        found = _bring_up(engine, where)
    if found > SCHEMA:
        raise Unreachable("EGR466", where=where, found=found, known=SCHEMA)


def _bring_up(engine: Engine, where: str) -> int:
    """In one transaction of the one writer: a process that is killed in it leaves the database as it was."""
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        found = _version(connection)  # somebody else may have been quicker
        if found is None:
            _make(connection, where)
        elif found < SCHEMA:
            from bot.world.memory.migrations import upgrade  # noqa: PLC0415 - it costs as much as all else together

            upgrade(connection, found, SCHEMA)
            connection.execute(update(schema_version).values(version=SCHEMA))
        return max(found or 0, SCHEMA)


def _make(connection: Connection, where: str) -> None:
    there = set(inspect(connection).get_table_names())
    if connection.dialect.name == "postgresql":
        there &= set(metadata.tables)  # a server's database may be shared
    if there:
        raise Unreachable("EGR465", where=where)
    metadata.create_all(connection)
    connection.execute(insert(schema_version).values(version=SCHEMA))
    connection.execute(insert(log_head).values(id=1, lines=0, hash="0" * 64))
    connection.execute(insert(alembic_version).values(version_num=f"{SCHEMA:04}"))


def _version(connection: Connection) -> int | None:
    if not inspect(connection).has_table(schema_version.name):
        return None
    version: int | None = connection.execute(select(schema_version.c.version)).scalar()
    return version
