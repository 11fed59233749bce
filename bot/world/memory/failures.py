"""The one place where a database's failure becomes a sentence."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

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

# https://www.postgresql.org/docs/current/errcodes-appendix.html, whole codes, else their first two characters.
_POSTGRES = {
    "40001": "EGR461",  # serialization failure
    "40P01": "EGR461",  # deadlock
    "55P03": "EGR461",  # lock timeout
    "53100": "EGR462",  # disk full
    "25006": "EGR463",  # a standby, or set to read only
    "XX001": "EGR464",  # a damaged page
    "XX002": "EGR464",  # a damaged index
    "57P01": "EGR095",  # shut down
    "57P02": "EGR095",  # crashed
    "25P03": "EGR095",  # idle for too long in a transaction, so the server ended it
    "08": "EGR095",
    "28": "EGR096",  # user or password
    "3D000": "EGR096",  # no such database
    "3F000": "EGR096",  # no schema in which this user may do anything
    "42501": "EGR096",  # rights
    "53": "EGR468",  # out of connections or memory
    "57": "EGR468",  # starting up, cancelled
    "58": "EGR468",  # the system below it
}

_SOON = ("the database system is", "too many", "remaining connection slots")
"""A server that says so starts, stops, recovers or is full, and takes us later."""


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


def is_broken(error: DBAPIError) -> bool:
    """Whether the connection is gone, so that a new one may do better."""
    return error.connection_invalidated or _code(error) == "EGR095"


def _code(error: DBAPIError) -> str | None:
    number = getattr(error.orig, "sqlite_errorcode", None)
    if number is not None:
        return _SQLITE.get(number & 0xFF)
    state = getattr(error.orig, "sqlstate", None)
    if state is not None:
        return _POSTGRES.get(state) or _POSTGRES.get(state[:2])
    if error.connection_invalidated:
        return "EGR095"
    if not isinstance(error, OperationalError):
        return None
    # While it connects, PostgreSQL's library gives words only: FATAL is what the server itself said.
    said = str(error.orig)
    return "EGR096" if "FATAL:" in said and not any(words in said for words in _SOON) else "EGR468"


def _first_line(error: BaseException | None) -> str:
    return (str(error).strip().splitlines() or ["no reason given"])[0][:200]
