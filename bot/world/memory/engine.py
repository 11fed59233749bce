"""Opens the database, and what is particular to SQLite."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from bot.world.memory.failures import reachable
from bot.world.memory.postgres import engine_options, prepare_postgres, with_driver
from bot.world.memory.schema import ensure_schema
from skills.core.errors import Unreachable

_PAUSE = 0.02  # seconds


def sqlite_url(path: Path) -> str:
    """The URL of a database file, whatever characters its path has."""
    return URL.create("sqlite", database=str(path)).render_as_string(hide_password=False)


def place_of(url: str) -> str:
    """The database as a person may read it: the file, or the URL without its password."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        # The text may hold a password in a place that can't be told, so it is not repeated.
        raise Unreachable("EGR467", where="the database", why="its address is not a database URL") from None
    if parsed.get_backend_name() == "sqlite":
        return parsed.database or ":memory:"
    # Passwords may stand among the options too; of those only where the server is may be shown.
    shown = {name: value for name, value in parsed.query.items() if name in ("host", "port")}
    return parsed.set(query=shown).render_as_string(hide_password=True)


def file_of(url: str) -> Path | None:
    """The file of a SQLite database; None for a server, or for a database in memory."""
    where = place_of(url)
    is_file = url.startswith("sqlite") and not where.startswith((":memory:", "file:"))
    return Path(where) if is_file else None


def open_engine(url: str, busy_seconds: float) -> Engine:
    """An engine whose database has our schema. Raises Unreachable EGR095-EGR097, EGR461-EGR468."""
    where = place_of(url)
    with reachable(where):
        engine = _engine(with_driver(make_url(url)), where)
        if engine.dialect.name == "sqlite":
            _prepare_sqlite(engine, file_of(url), busy_seconds)
        else:
            prepare_postgres(engine, busy_seconds)
        ensure_schema(engine, where)
    return engine


def _engine(url: URL, where: str) -> Engine:
    backend = url.get_backend_name()
    if backend not in ("sqlite", "postgresql"):
        raise Unreachable("EGR467", where=where, why="it is neither SQLite nor PostgreSQL")
    options = engine_options() if backend == "postgresql" else _file_options(url)
    try:
        return create_engine(url, json_serializer=_to_json, **options)
    except NoSuchModuleError:
        raise Unreachable("EGR467", where=where, why=f"there is no driver {url.get_driver_name()}") from None
    except ImportError as error:
        raise Unreachable("EGR097", where=where, why=str(error)) from None


def _file_options(url: URL) -> dict[str, Any]:
    """The connection that was used last has in its cache what it wrote; one that others wrote past reads it anew."""
    return {"pool_use_lifo": True} if file_of(str(url)) else {}


def _to_json(value: Any) -> str:
    """NaN is no JSON and PostgreSQL refuses it; escaped ASCII also carries lone surrogates."""
    return json.dumps(value, allow_nan=False, separators=(",", ":"))


def _prepare_sqlite(engine: Engine, path: Path | None, busy_seconds: float) -> None:
    """All that is particular to SQLite.

    The driver's own transactions begin too late (at the first write) and deferred, so it is told to
    begin none and we do. An ask writes, so it takes the write lock at once: it then waits for others
    at its start, where nothing is lost, and never fails in the middle.
    """
    if path:
        _create_private(path)

    @event.listens_for(engine, "connect")
    def _connected(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout={round(busy_seconds * 1000)}")
        _use_wal(connection, busy_seconds)
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _use_wal(connection: sqlite3.Connection, busy_seconds: float) -> None:
    """Readers and the writer then don't wait for each other. The file remembers it, so it is done once.

    SQLite does not wait here as it does elsewhere: two processes that make the file at the same
    moment would each stand in the other's way, so the busy timeout is ours to keep.
    """
    tries = max(1, round(busy_seconds / _PAUSE))
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            tries -= 1
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or tries <= 0:
                raise
            time.sleep(_PAUSE)
        else:
            return  # also where the file system can't do it and SQLite keeps another journal


def _create_private(path: Path) -> None:
    """What people pasted is nobody else's business: the file (and so its journal) is for its owner alone."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except OSError as error:
        raise Unreachable("EGR467", where=str(path), why=error.strerror or str(error)) from None
