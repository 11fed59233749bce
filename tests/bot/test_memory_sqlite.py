"""The memory in a SQLite file: who may read it, and what can befall a file."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest

from bot.world.memory import Memory, sqlite_url
from skills.core.errors import Unreachable
from tests.bot.test_memory import NOW, a_request, failing, found, put, says


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "postern.db"


@pytest.fixture
def memory(path: Path) -> Memory:
    return Memory(sqlite_url(path), busy_seconds=0.2)


def test_the_file_is_durable_shared_and_private(memory: Memory, path: Path) -> None:
    with memory.transaction() as tx:
        asked = {name: tx._connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in PRAGMAS}
    assert asked == PRAGMAS
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.with_name("postern.db-wal").stat().st_mode) == 0o600


PRAGMAS = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 200}


def test_the_connection_that_was_used_last_is_used_next(memory: Memory) -> None:
    """It has the pages that it wrote; taken in turns, each connection would read anew what the one before it wrote."""
    memory.todo()
    with memory._engine().connect() as one, memory._engine().connect() as other, memory.transaction() as tx:
        assert len({id(each.connection.dbapi_connection) for each in (one, other, tx._connection)}) == 3
    used = set()
    for _ in range(3):
        with memory.transaction() as tx:
            used.add(id(tx._connection.connection.dbapi_connection))
    assert len(used) == 1


def test_importing_and_making_a_memory_opens_nothing(path: Path) -> None:
    Memory(sqlite_url(path))
    assert not path.exists()


def test_a_locked_database_can_still_be_read(memory: Memory, path: Path) -> None:
    put(memory, a_request())
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    assert "in use by another process" in says(failing(memory), "EGR461")
    assert found(memory).key == "EG-1"
    holder.execute("ROLLBACK")
    holder.close()
    with memory.transaction() as tx:
        assert tx.add_watcher("EG-1", "ola", NOW)


def test_a_full_disk_loses_nothing_that_stood(memory: Memory) -> None:
    put(memory, a_request())
    with pytest.raises(Unreachable) as refused, memory.transaction() as tx:
        pages = tx._connection.exec_driver_sql("PRAGMA page_count").scalar()
        tx._connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
        tx.move_request("EG-1", "drafted", "waiting", 1, NOW)
        tx.add_log("dana", "terminal", "x", {"words": "x" * 300_000}, NOW)
    assert str(memory.where) in says(refused.value, "EGR462")
    memory.close()
    assert found(memory) == a_request(version=1)
    with memory.transaction() as tx:
        assert tx.move_request("EG-1", "drafted", "waiting", 1, NOW)


def test_a_database_that_may_only_be_read(memory: Memory, path: Path) -> None:
    put(memory, a_request())
    memory.close()
    reader = Memory(f"sqlite:///file:{path}?mode=ro&uri=true")
    assert "not write to it" in says(failing(reader), "EGR463")
    assert found(reader).key == "EG-1"
    assert not list(Path().glob("file:*"))


def test_a_damaged_database(memory: Memory, path: Path) -> None:
    with memory.transaction() as tx:
        for number in range(50):
            tx.add_log("dana", "terminal", "x", {"words": f"{number} " * 2_000}, NOW)
    memory.close()
    content = bytearray(path.read_bytes())
    content[4096 * 2 :] = b"\xde\xad\xbe\xef" * ((len(content) - 4096 * 2) // 4)
    path.write_bytes(content)
    with pytest.raises(Unreachable) as refused:
        memory.log()
    assert "damaged" in says(refused.value, "EGR464")


@pytest.mark.parametrize("content", [b"# notes\n" * 200, b"\x00\x01" * 2048])
def test_a_file_that_is_no_database(memory: Memory, path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    assert "not a database of Postern" in says(failing(memory), "EGR465")
    assert path.read_bytes() == content


def test_a_database_of_somebody_else_is_not_touched(memory: Memory, path: Path) -> None:
    path.parent.mkdir()
    with sqlite3.connect(path) as raw:
        raw.execute("CREATE TABLE customers (id)")
    raw.close()
    assert "not a database of Postern" in says(failing(memory), "EGR465")
    with sqlite3.connect(path) as raw:
        assert raw.execute("SELECT name FROM sqlite_master").fetchall() == [("customers",)]
    raw.close()


def test_an_empty_file_becomes_a_database(memory: Memory, path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    put(memory, a_request())
    assert found(memory).key == "EG-1"


def test_a_place_where_no_file_can_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    memory = Memory(sqlite_url(tmp_path / "file" / "postern.db"))
    assert "can't open its database" in says(failing(memory), "EGR467")


@pytest.mark.parametrize("name", ["with space", "what?&x=1", "100%", "ünï", "a#b"])
def test_a_path_may_have_any_characters(tmp_path: Path, name: str) -> None:
    path = tmp_path / name / "postern.db"
    memory = Memory(sqlite_url(path))
    put(memory, a_request())
    assert path.exists()
    assert memory.where == str(path)
