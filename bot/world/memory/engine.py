"""Opens the database: engine, schema, and the one place where a database's failure becomes a sentence."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from bot.world.memory.schema import ensure_schema
from skills.core.errors import Unreachable

# https://www.sqlite.org/rescode.html, primary codes. Every other one is our mistake (a wrong statement, a broken key).
_SQLITE = {
    sqlite3.SQLITE_BUSY: "EGR461",
    sqlite3.SQLITE_LOCKED: "EGR461",
    sqlite3.SQLITE_FULL: "EGR462",
    sqlite3.SQLITE_READONLY: "EGR463",
    sqlite3.SQLITE_CORRUPT: "EGR464",
    sqlite3.SQLITE_NOTADB: "EGR465",
    sqlite3.SQLITE_CANTOPEN: "EGR467",
    sqlite3.SQLITE_PERM: "EGR467",
    sqlite3.SQLITE_IOERR: "EGR468",
}


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
    return parsed.render_as_string(hide_password=True)


def open_engine(url: str, busy_seconds: float) -> Engine:
    """An engine whose database has our schema. Raises Unreachable EGR461-EGR468."""
    where = place_of(url)
    with reachable(where):
        try:
            engine = create_engine(url, json_serializer=_to_json, pool_pre_ping=not url.startswith("sqlite"))
        except (NoSuchModuleError, ModuleNotFoundError) as error:
            raise Unreachable("EGR467", where=where, why=f"its driver is not installed ({error})") from None
        if engine.dialect.name == "sqlite":
            _prepare_sqlite(engine, where, busy_seconds)
        ensure_schema(engine, where)
    return engine


def _to_json(value: Any) -> str:
    """NaN is no JSON and PostgreSQL refuses it; escaped ASCII also carries lone surrogates."""
    return json.dumps(value, allow_nan=False, separators=(",", ":"))


def _prepare_sqlite(engine: Engine, where: str, busy_seconds: float) -> None:
    """All that is particular to SQLite.

    The driver's own transactions begin too late (at the first write) and deferred, so it is told to
    begin none and we do. An ask writes, so it takes the write lock at once: it then waits for others
    at its start, where nothing is lost, and never fails in the middle.
    """
    if not where.startswith((":memory:", "file:")):
        _create_private(Path(where))

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


@contextmanager
def reachable(where: str) -> Iterator[None]:
    """Turns the failures of a database that a person can mend into Unreachable; lets every other one pass."""
    try:
        yield
    except DBAPIError as error:
        code = _code(error)
        if code is None:
            raise
        raise Unreachable(code, where=where, why=_first_line(error.orig)) from error
    except PoolTimeout as error:
        raise Unreachable("EGR468", where=where, why="no connection became free") from error


def _code(error: DBAPIError) -> str | None:
    number = getattr(error.orig, "sqlite_errorcode", None)
    if number is not None:
        return _SQLITE.get(number & 0xFF)
    return "EGR468" if isinstance(error, OperationalError) or error.connection_invalidated else None


def _first_line(error: BaseException | None) -> str:
    return (str(error).strip().splitlines() or ["no reason given"])[0][:200]
