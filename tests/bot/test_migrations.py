"""Layouts of the database: every older one is brought up with all its rows, once, whole, on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import JSON, Boolean, Connection, MetaData, create_engine, insert, inspect, select

from bot.world.memory import Memory, migrations
from bot.world.memory.tables import SCHEMA, alembic_version, metadata, schema_version
from skills.core.model import RequestState
from tests.bot.test_memory import ROOT, go, run, wait_ready

OLD = Path(__file__).with_name("schema_1.sql")
Rows = dict[str, list[dict[str, Any]]]


@contextmanager
def opened(url: str) -> Iterator[Connection]:
    """A transaction past all of ours, as an administrator would have it."""
    if url.startswith("sqlite"):
        Path(url.removeprefix("sqlite:///")).parent.mkdir(exist_ok=True)
    engine = create_engine(url)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def laid(url: str, number: int) -> None:
    """An empty database in the layout of that number."""
    with opened(url) as connection:
        migrations.upgrade(connection, 0, number)
        connection.execute(insert(schema_version).values(version=number))


def rows_of_before() -> Rows:
    """What a database of layout 1 held, and then a request, an intent and a message in each of their states."""
    raw = sqlite3.connect(":memory:")
    raw.row_factory = sqlite3.Row
    raw.executescript(OLD.read_text(encoding="utf-8"))
    tables = ("threads", "turns", "drafts", "requests", "decisions", "intents", "outbox", "log")
    found = {table: [dict(row) for row in raw.execute(f"SELECT * FROM {table}")] for table in tables}
    (request,), (intent,), (post,) = found["requests"], found["intents"], found["outbox"]
    for state in get_args(RequestState):
        found["requests"].append({**request, "key": f"EG-{state}", "state": state})
        decided = {**found["decisions"][0], "request": f"EG-{state}"}
        found["decisions"].append({**decided, "seq": len(found["decisions"]) + 1})
    for state in ("doing", "done", "failed"):
        number = len(found["intents"]) + 1
        found["intents"].append({**intent, "id": number, "key": f"i-{state}", "state": state, "receipt": '{"n":1}'})
        found["outbox"].append({**post, "id": number, "key": f"p-{state}", "state": state, "ts": "17.4"})
    thread = found["threads"][0]["id"]
    found["turns"] = [
        {"thread": thread, "seq": 1, "who": "dana", "at": "2026", "said": "naïve \u2028 ok", "answer": "{}"}
    ]
    draft = {"digest": "d1", "thread": thread, "repository": "r", "base": None, "need": "{}", "edits": "[]"}
    found["drafts"] = [{**draft, "created_at": "2026"}]
    return found


def fill(connection: Connection, rows: Rows) -> None:
    """As they would have come there: what the database numbers itself, it numbers."""
    reflected = MetaData()
    reflected.reflect(connection)
    for name, each in rows.items():
        table = reflected.tables[name]
        kinds = {column.name: column.type for column in table.columns}
        for row in each:
            given = {key: _typed(kinds[key], value) for key, value in row.items() if not _numbered(name, key)}
            connection.execute(insert(table).values(given))


def _numbered(table: str, column: str) -> bool:
    return (column == "id" and table != "threads") or (column == "seq" and table != "turns")


def _typed(kind: Any, value: Any) -> Any:
    if isinstance(kind, JSON) and value is not None:
        return json.loads(value)
    return bool(value) if isinstance(kind, Boolean) else value


def kept(connection: Connection, rows: Rows) -> Rows:
    """The columns of before, of every row that stands now."""
    reflected = MetaData()
    reflected.reflect(connection)
    found: Rows = {}
    for name, each in rows.items():
        columns = [reflected.tables[name].c[key] for key in each[0]]
        ordered = select(*columns).order_by(*reflected.tables[name].primary_key.columns)
        found[name] = [dict(row) for row in connection.execute(ordered).mappings()]
    return found


def expected(connection: Connection, rows: Rows) -> Rows:
    kinds = {table: {c["name"]: c["type"] for c in inspect(connection).get_columns(table)} for table in rows}
    typed = {n: [{k: _typed(kinds[n][k], v) for k, v in row.items()} for row in each] for n, each in rows.items()}
    return {name: sorted(each, key=_place(connection, name)) for name, each in typed.items()}


def _place(connection: Connection, table: str) -> Any:
    keys = inspect(connection).get_pk_constraint(table)["constrained_columns"]
    return lambda row: [row[key] for key in keys]


@pytest.fixture
def old(database: str) -> str:
    """A database of layout 1 with rows in every state."""
    laid(database, 1)
    with opened(database) as connection:
        fill(connection, rows_of_before())
    return database


# --- the layout itself


@pytest.mark.parametrize("made", ["at once", "by all revisions"])
def test_the_tables_are_what_the_program_thinks_they_are(database: str, made: str) -> None:
    if made == "at once":
        Memory(database).log()
    else:
        laid(database, SCHEMA)
    with opened(database) as connection:
        options = {
            "compare_type": True,
            "compare_server_default": True,
            "include_object": lambda _item, name, *_rest: name != alembic_version.name,
        }
        assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []


def test_made_at_once_or_by_all_revisions_is_the_same(database: str) -> None:
    laid(database, SCHEMA)
    with opened(database) as connection:
        by_revisions = shape(connection)
        for table in reversed(metadata.sorted_tables):
            table.drop(connection)
    Memory(database).log()
    with opened(database) as connection:
        assert shape(connection) == by_revisions


def shape(connection: Connection) -> dict[str, object]:
    seen = inspect(connection)
    return {
        table: (
            {column["name"]: (str(column["type"]), column["nullable"]) for column in seen.get_columns(table)},
            sorted((index["name"] or "", tuple(index["column_names"])) for index in seen.get_indexes(table)),
            sorted(tuple(each["column_names"]) for each in seen.get_unique_constraints(table)),
            sorted(tuple(each["constrained_columns"]) for each in seen.get_foreign_keys(table)),
        )
        for table in seen.get_table_names()
    }


def test_revisions_are_numbered_one_after_the_other_up_to_the_layout() -> None:
    folder = Path(migrations.__file__).parent
    script = ScriptDirectory(folder, version_locations=[folder])
    assert [each.revision for each in script.walk_revisions()][::-1] == [f"{n:04}" for n in range(1, SCHEMA + 1)]


def test_the_first_revision_is_what_was_shipped(tmp_path: Path) -> None:
    shipped, made = (f"sqlite:///{tmp_path / name}.db" for name in ("shipped", "made"))
    with sqlite3.connect(tmp_path / "shipped.db") as raw:
        raw.executescript(OLD.read_text(encoding="utf-8"))
    laid(made, 1)
    with opened(made) as connection:
        alembic_version.drop(connection)
        by_revision = shape(connection)
    with opened(shipped) as connection:
        assert shape(connection) == by_revision


# --- bringing one up


@pytest.mark.parametrize("number", range(1, SCHEMA))
def test_every_row_of_every_state_is_there_afterwards(database: str, number: int) -> None:
    laid(database, number)
    rows = rows_of_before()
    with opened(database) as connection:
        fill(connection, rows)
    memory = Memory(database)
    assert {row.request.state for row in memory.requests("allowlist")} == set(get_args(RequestState))
    with opened(database) as connection:
        assert kept(connection, rows) == expected(connection, rows)
        assert connection.execute(select(schema_version.c.version)).scalars().all() == [SCHEMA]
        assert connection.execute(select(alembic_version.c.version_num)).scalars().all() == [f"{SCHEMA:04}"]


def test_whose_a_delivery_is_is_read_from_where_it_stood_before(database: str) -> None:
    laid(database, 9)
    rest = {"kind": "note", "state": "todo", "attempts": 0, "created_at": "2026", "updated_at": "2026"}
    hints = {"a": {"number": 1, "repository": "billing"}, "b": {"number": 1}}
    rows = [{"key": key, "payload": json.dumps(hint), **rest} for key, hint in hints.items()]
    with opened(database) as connection:
        fill(connection, {"deliveries": rows})
    Memory(database).log()
    with opened(database) as connection:
        found = connection.exec_driver_sql("SELECT key, repository FROM deliveries ORDER BY key").all()
    assert [tuple(each) for each in found] == [("a", "billing"), ("b", None)]


def test_several_processes_that_open_it_at_once_bring_it_up_once(old: str) -> None:
    memory = Memory(old)
    processes = [run("ready()\nprint(len(memory.requests('allowlist')))", memory) for _ in range(3)]
    for process in processes:
        wait_ready(process)
    for process in processes:
        go(process)
    said = [process.communicate(timeout=60)[0].strip() for process in processes]
    assert said == [str(len(rows_of_before()["requests"]))] * 3
    with opened(old) as connection:
        assert connection.execute(select(schema_version.c.version)).scalars().all() == [SCHEMA]


def test_a_process_that_is_killed_while_it_brings_it_up_leaves_it_as_it_was(old: str) -> None:
    with opened(old) as connection:
        before, rows = shape(connection), kept(connection, rows_of_before())
    body = """
from bot.world.memory import schema
schema.update = lambda _table: ready()
memory.log()
"""
    process = run(body, Memory(old))
    wait_ready(process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    with opened(old) as connection:
        assert (shape(connection), kept(connection, rows_of_before())) == (before, rows)
    assert len(Memory(old).requests("allowlist")) == len(rows["requests"])


@pytest.mark.parametrize("number", [1, SCHEMA])
def test_alembic_is_loaded_only_where_the_database_is_older(database: str, number: int) -> None:
    laid(database, number)
    code = "import sys; from bot.world.memory import Memory; Memory(sys.argv[1]).log(); print('alembic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, database], cwd=ROOT, capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == (str(number < SCHEMA), "")
