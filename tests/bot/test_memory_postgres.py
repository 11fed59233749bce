"""The memory on PostgreSQL: servers that go away, writers that freeze, rights that are missing, several at once."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

import psycopg
import pytest

from bot.world.memory import Memory, postgres
from bot.world.memory.engine import place_of
from skills.core.errors import Unreachable
from skills.core.model import Decided
from tests.bot.test_memory import LATER, NOW, a_request, failing, found, go, put, raw, run, says, wait_ready

if TYPE_CHECKING:
    from tests.fakes.postgres import Postgres


@pytest.fixture
def server(postgres: Postgres) -> Postgres:
    return postgres


@pytest.fixture
def url(server: Postgres) -> Iterator[str]:
    made = server.fresh()
    yield made
    server.give_back(made)


@pytest.fixture
def memory(url: str) -> Memory:
    made = Memory(url, busy_seconds=0.3)
    put(made, a_request())
    return made


def write(memory: Memory, watcher: str = "ola") -> None:
    with memory.transaction() as tx:
        assert tx.add_watcher("EG-1", watcher, LATER)


# --- the server goes away


@pytest.mark.parametrize("question", ["read", "write"])
def test_after_a_crash_of_the_server_the_next_call_works_and_nothing_is_lost(
    memory: Memory, server: Postgres, question: str
) -> None:
    write(memory, "before")
    server.restart("immediate")
    if question == "write":
        write(memory, "after")
    assert found(memory).watchers == ("before", "after")[: 2 if question == "write" else 1]


def test_what_was_being_written_when_the_server_crashed_is_not_there(memory: Memory, server: Postgres) -> None:
    with pytest.raises(Unreachable) as refused, memory.transaction() as tx:
        tx.add_watcher("EG-1", "lost", LATER)
        server.restart("immediate")
        tx.add_log("dana", "terminal", "x", {}, NOW)
    assert "broke while it was in use" in says(refused.value, "EGR095")
    assert found(memory).watchers == ()
    write(memory)


def test_a_server_that_is_down_is_named_and_is_used_again_once_it_is_up(memory: Memory, server: Postgres) -> None:
    server.stop("fast")
    try:
        assert "does not answer" in says(failing(memory), "EGR468")
        assert "does not answer" in says(failing(Memory(memory._url)), "EGR468")
    finally:
        server.start()
    write(memory)


def test_a_question_whose_connection_is_cut_is_asked_again(memory: Memory, server: Postgres, url: str) -> None:
    memory._engine().pool._pre_ping = False  # it breaks after it was looked at
    server.break_connections(url)
    assert found(memory).key == "EG-1"
    write(memory)


# --- one writer at a time


def test_a_writer_that_does_not_finish_is_waited_for_and_then_named(memory: Memory, url: str) -> None:
    process = run("with memory.transaction() as tx:\n    ready()", Memory(url))
    wait_ready(process)
    assert "in use by another process" in says(failing(memory), "EGR461")
    assert found(memory).key == "EG-1", "reading does not wait"
    go(process)
    assert process.wait(30) == 0
    write(memory)


def test_a_frozen_writer_keeps_nobody_waiting_for_long(memory: Memory, url: str) -> None:
    body = """
from bot.world.memory import postgres
postgres._FROZEN = 0.5
with memory.transaction() as tx:
    tx.add_log('a', 'b', 'c', {}, NOW)
    ready()
"""
    process = run(body, memory)
    wait_ready(process)
    process.send_signal(signal.SIGSTOP)
    patient = Memory(url, busy_seconds=10)
    write(patient)
    process.send_signal(signal.SIGCONT)
    go(process)
    process.communicate(timeout=30)
    assert process.returncode == 1, "what it began was undone, and it hears of it"
    assert memory.log() == ()


def test_a_row_that_somebody_else_holds_is_no_deadlock(memory: Memory, server: Postgres, url: str) -> None:
    with psycopg.connect(server.dsn(url)) as other:
        other.execute("UPDATE requests SET reason = 'held'")
        with pytest.raises(Unreachable) as refused:
            write(memory)
    assert refused.value.code == "EGR461"


def test_two_approvals_at_once_see_one_another(memory: Memory, url: str) -> None:
    """Each writes its own and then counts: exactly one of them is the second."""
    counted: list[int] = []
    start = threading.Barrier(2)
    memories = [Memory(url), Memory(url)]

    def approve(number: int) -> None:
        start.wait()
        with memories[number].transaction() as tx:
            tx.add_decision("EG-1", Decided("approve", f"person-{number}", "d1"), "c1", 1, NOW)
            row = tx.request("EG-1")
            assert row
            counted.append(len(row.request.decisions))

    threads = [threading.Thread(target=approve, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(counted) == [1, 2]


def test_connections_are_bounded_and_a_shortage_is_said(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "_FREE_WITHIN", 0.05)
    memory = Memory(url)
    held = [memory._engine().connect() for _ in range(postgres._CONNECTIONS)]
    with pytest.raises(Unreachable) as refused:
        memory.log()
    assert "no connection became free" in says(refused.value, "EGR468")
    for connection in held:
        connection.close()
    assert memory.log() == ()


# --- what the server refuses


def test_a_user_or_a_database_that_the_server_does_not_know(url: str) -> None:
    for wrong in (url.replace("postgres@", "nobody@"), url.replace("/postern_", "/nosuch_")):
        assert "refuses Postern: " in says(failing(Memory(wrong)), "EGR096")


def test_a_server_that_is_full_does_not_refuse_us(server: Postgres) -> None:
    url = server.new()
    with psycopg.connect(server.dsn(url), autocommit=True) as admin:
        admin.execute("DO $$ BEGIN CREATE ROLE writer LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
        admin.execute("ALTER ROLE writer CONNECTION LIMIT 0")
    assert "too many connections" in says(failing(Memory(url.replace("postgres@", "writer@"))), "EGR468")


@pytest.mark.parametrize("right", ["CREATE", "USAGE"])
def test_a_user_that_may_not_create_tables(url: str, server: Postgres, right: str) -> None:
    with psycopg.connect(server.dsn(url), autocommit=True) as admin:
        admin.execute("DO $$ BEGIN CREATE ROLE reader LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
        admin.execute(f"REVOKE {right} ON SCHEMA public FROM PUBLIC".encode())
    assert "refuses Postern: " in says(failing(Memory(url.replace("postgres@", "reader@"))), "EGR096")


def test_a_standby_may_be_read_and_is_not_written_to(memory: Memory) -> None:
    engine = memory._engine()
    raw(memory, f"ALTER DATABASE {engine.url.database} SET default_transaction_read_only = on")
    memory.close()
    try:
        assert found(memory).key == "EG-1"
        assert "not write to it" in says(failing(memory), "EGR463")
    finally:
        with memory._engine().connect() as connection:
            connection.exec_driver_sql("SET transaction_read_only = off")
            connection.exec_driver_sql(f"ALTER DATABASE {engine.url.database} RESET default_transaction_read_only")
            connection.commit()


def test_tables_of_somebody_else_are_not_touched(url: str, server: Postgres) -> None:
    with psycopg.connect(server.dsn(url), autocommit=True) as other:
        other.execute("CREATE TABLE requests (mine text)")
        other.execute("CREATE TABLE orders (mine text)")
        assert "not a database of Postern" in says(failing(Memory(url)), "EGR465")
        other.execute("DROP TABLE requests")
        put(Memory(url), a_request())
        assert other.execute("SELECT count(*) FROM orders").fetchone() == (0,), "a database may be shared"


# --- addresses

HIDDEN = "hunter2"


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://postern:{HIDDEN}@127.0.0.1:1/postern",
        f"postgres://postern:{HIDDEN}@127.0.0.1:1/postern?sslmode=disable",
        f"postgresql+psycopg://postern@127.0.0.1:1/postern?password={HIDDEN}&sslpassword={HIDDEN}",
        f"postgresql://postern:{HIDDEN}@/postern?host=127.0.0.1&port=1",
        f"mysql://postern:{HIDDEN}@127.0.0.1/postern",
        f"postgresql+psycopg9://postern:{HIDDEN}@127.0.0.1/postern",
    ],
)
def test_the_password_is_never_shown(url: str) -> None:
    with pytest.raises(Unreachable) as refused:
        Memory(url).log()
    assert HIDDEN not in says(refused.value, refused.value.code) + repr(refused.value) + str(refused.value.__cause__)
    assert "127.0.0.1" in place_of(url)
    assert HIDDEN not in place_of(url)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_a_missing_driver_is_one_sentence(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(Unreachable) as refused:
        Memory(f"{scheme}://postern:{HIDDEN}@db.example/postern").log()
    said = says(refused.value, "EGR097")
    assert "db.example" in said
    assert HIDDEN not in said
