"""Backup and restore as docs/OPERATING.md tells them: the very lines from there, on a database that is being written to."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bot.requests import run_requests
from bot.served import Served
from bot.world.memory import Memory, sqlite_url
from skills.core.errors import Outdated
from tests.bot.test_memory import go, run, wait_ready
from tests.fakes.gitlab_people import INES
from tests.shared import ROOT
from tests.shops import NEED, SAMS, Shop

if TYPE_CHECKING:
    from tests.fakes.postgres import Postgres

GUIDE = (ROOT / "docs" / "OPERATING.md").read_text(encoding="utf-8")
WRITES = """
ready()
number = 0
while True:
    with memory.transaction() as tx:
        tx.save_thread(f't{number}', {}, 0, NOW)
        tx.add_turn(f't{number}', 'dana', 'x' * 500, {}, NOW)
        tx.add_intent(f'i{number}', 'kind', {}, None, NOW)
        tx.add_log('dana', 'terminal', 'said', {'n': number}, NOW)
    number += 1
    if number == 20:
        print('ready', flush=True)
"""


def told(word: str) -> str:
    """The one shell block of the guide in which this word stands."""
    block: str
    (block,) = [each for each in re.findall(r"(?s)```sh\n(.*?)```", GUIDE) if word in each]
    return block


def does(word: str, **env: str) -> None:
    done = subprocess.run(["sh", "-euc", told(word)], env={**os.environ, **env}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@contextmanager
def written_to(memory: Memory) -> Iterator[None]:
    """Another process writes as fast as it can, all the while."""
    writer = run(WRITES, memory)
    wait_ready(writer)
    go(writer)
    wait_ready(writer)
    try:
        yield
        assert writer.poll() is None
    finally:
        writer.kill()
        writer.communicate()


def is_consistent(copy: Memory) -> None:
    """What one transaction wrote is there as a whole, in one unbroken row, and the copy can be worked with."""
    numbers = [line.facts["n"] for line in copy.log(limit=100_000)]
    assert len(numbers) >= 20
    assert numbers == list(range(len(numbers)))
    assert [intent.key for intent in copy.todo(limit=100_000)] == [f"i{number}" for number in numbers]
    assert copy.turns(f"t{numbers[-1]}")
    assert copy.thread(f"t{len(numbers)}").version == 0
    with copy.transaction() as tx:
        assert tx.add_intent("after", "kind", {}, None, copy.log()[0].at)


@pytest.mark.parametrize("word", [".backup", "VACUUM INTO"])
def test_a_copy_of_a_file_that_is_being_written_to(tmp_path: Path, word: str) -> None:
    if word == ".backup" and not shutil.which("sqlite3"):
        pytest.skip("needs sqlite3")
    memory, copy = Memory(sqlite_url(tmp_path / "postern.db"), busy_seconds=10), tmp_path / "a copy.db"
    memory.log()
    with written_to(memory):
        does(word, POSTERN_HOME=str(tmp_path), COPY=str(copy))
    is_consistent(Memory(sqlite_url(copy)))


def test_a_dump_of_a_server_that_is_being_written_to(postgres: Postgres, tmp_path: Path) -> None:
    url, empty, copy = postgres.new(), postgres.new(), str(tmp_path / "copy")
    path = f"{Path(postgres.program('pg_dump')).parent}:{os.environ['PATH']}"
    memory = Memory(url, busy_seconds=10)
    memory.log()
    with written_to(memory):
        does("pg_dump", DATABASE=postgres.dsn(url), COPY=copy, PATH=path)
    does("pg_restore", RESTORED=postgres.dsn(empty), COPY=copy, PATH=path)
    is_consistent(Memory(empty))


# --- an older database is put in place


@pytest.mark.needs("openssl")
class TestOlder:
    """The world went on after the backup; what the forge knows is found again, and nothing is done twice."""

    def backup(self, shop: Shop) -> Path:
        """As it is now."""
        copy = shop.app.settings.home / "backup.db"
        does("VACUUM INTO", POSTERN_HOME=str(shop.app.settings.home), COPY=str(copy))
        return copy

    def restore(self, shop: Shop, copy: Path) -> None:
        shop.app.memory.close()
        home = shop.app.settings.home
        for name in ("postern.db", "postern.db-wal", "postern.db-shm"):
            (home / name).unlink(missing_ok=True)
        shutil.copy(copy, home / "postern.db")

    @pytest.mark.parametrize("happens", ["merged by us", "merged by hand", "closed"])
    def test_what_was_decided_meanwhile_is_read_from_gitlab(self, shop: Shop, happens: str) -> None:
        copy = self.backup(shop)
        if happens == "merged by us":
            assert shop.decide("approve", SAMS) == "merged"
        elif happens == "merged by hand":
            shop.gitlab.merge_by(1, INES)
        else:
            shop.gitlab.close_by(1)
        self.restore(shop, copy)
        assert shop.row.state == "waiting"
        shop.app.reconcile()
        assert shop.row.state == ("closed" if happens == "closed" else "merged")
        assert len(shop.gitlab.merge_requests) == 1
        said = shop.news
        shop.app.reconcile()
        assert shop.news == said, "and it is said once"

    def test_a_request_that_the_copy_does_not_know_is_taken_again(
        self, shop: Shop, capsys: pytest.CaptureFixture[str]
    ) -> None:
        key, head = shop.key, shop.row.commit
        empty = shop.app.settings.home / "empty.db"
        Memory(sqlite_url(empty)).log()
        self.restore(shop, empty)
        assert shop.app.requests() == ()
        (orphan,) = shop.app.follower.unknown()
        assert (orphan.key, orphan.number) == (key, 1)
        assert run_requests(Served([shop.app]), "sync", None, as_json=False) == Outdated.exit_status
        said = capsys.readouterr()
        assert f"no row knows its request {key}" in said.out + said.err
        assert shop.ask("propose", **NEED) == "waiting"
        assert (shop.key, shop.row.commit, shop.row.number) == (key, head, 1)
        assert shop.app.follower.unknown() == ()
        assert len(shop.gitlab.merge_requests) == 1

    def test_a_request_whose_opening_the_copy_did_not_see_finds_what_it_opened(self, shop: Shop) -> None:
        head = shop.row.commit
        with shop.app.memory.transaction() as tx:  # as it stood before the merge request was opened
            tx._connection.exec_driver_sql("UPDATE requests SET state='drafted', number=NULL, url=NULL, commit_id=NULL")
            tx._connection.exec_driver_sql("UPDATE intents SET state='todo', receipt=NULL, attempts=0")
        shop.app.reconcile()
        assert (shop.row.state, shop.row.number, shop.row.commit) == ("waiting", 1, head)
        assert len(shop.gitlab.merge_requests) == 1
