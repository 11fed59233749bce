"""All that is particular to PostgreSQL: how it is reached, and one writer at a time, as SQLite has it.

Whoever writes holds an advisory lock of the database until its transaction ends. What a transaction read so stands
until it commits, on both databases alike: two approvals at the same moment see one another, none of our transactions
can deadlock with another one or fail to be serialized, and the numbers of the log are in the order of its commits.
A process that is frozen in a transaction keeps the others waiting for some seconds only: then the server ends it.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import URL, Connection, Engine, event

_WRITER = 7_380_461_220_095
"""Our number among the advisory locks of the database."""

_CONNECTIONS = 10
_CONNECT_WITHIN = 5  # seconds
_FROZEN = 5.0  # seconds without a statement after which the server ends a transaction that writes
_FREE_WITHIN = 5.0  # seconds that a thread waits for one of the connections

# A server that vanished (a failover, a pulled cable) is noticed within some ten seconds.
# https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
_CONNECTION = {
    "application_name": "postern",
    "connect_timeout": _CONNECT_WITHIN,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
    # Statements prepared by the server don't outlive a pooler, nor a column that another version adds meanwhile.
    "prepare_threshold": None,
}


def with_driver(url: URL) -> URL:
    """`postgres://` and `postgresql://` mean the driver that the extra `postgres` installs."""
    return url.set(drivername="postgresql+psycopg") if url.drivername in ("postgres", "postgresql") else url


def engine_options() -> dict[str, Any]:
    return {
        "pool_size": _CONNECTIONS // 2,
        "max_overflow": _CONNECTIONS - _CONNECTIONS // 2,
        "pool_timeout": _FREE_WITHIN,
        "pool_pre_ping": True,
        # Each statement sees what was committed before it, so what a writer reads after it got the lock is the latest.
        "isolation_level": "READ COMMITTED",
        "connect_args": _CONNECTION,
    }


def prepare_postgres(engine: Engine, wait_seconds: float) -> None:
    idle = f"{round(_FROZEN * 1000)}ms"
    patience = f"{round(wait_seconds * 2000)}ms"  # with the usual wait, longer than anybody can be frozen
    begin = (
        "WITH set AS MATERIALIZED (SELECT"
        f" set_config('lock_timeout', '{patience}', true),"
        f" set_config('idle_in_transaction_session_timeout', '{idle}', true))"
        f" SELECT pg_advisory_xact_lock({_WRITER}) FROM set"
    )

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        if connection.get_execution_options().get("writes", False):
            connection.exec_driver_sql(begin)
