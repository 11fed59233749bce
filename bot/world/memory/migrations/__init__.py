"""Brings the tables of an older Postern up to those of tables.py, in the transaction that it is given.

One revision a number, in a file of its own: what it does is history and never changes, so it names its columns itself
instead of taking them from tables.py. It demands nothing of rows that stand, and what a version before wrote stays as
it is. SQLite can't change most of a table in place: Alembic's batch operations make it anew there.
https://alembic.sqlalchemy.org/en/latest/batch.html
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

_HERE = Path(__file__).parent


def upgrade(connection: Connection, found: int, wanted: int) -> None:
    """From number `found` to `wanted`; 0 is an empty database."""
    script = ScriptDirectory(_HERE, version_locations=[_HERE])

    def steps(_heads: Any, context: MigrationContext) -> Any:
        context.stamp(script, revision(found) if found else "base")
        return script._upgrade_revs(revision(wanted), revision(found) if found else "base")

    with EnvironmentContext(Config(), script, fn=steps) as environment:
        environment.configure(connection=connection)
        environment.run_migrations()


def revision(number: int) -> str:
    """What Alembic calls it."""
    return f"{number:04}"
