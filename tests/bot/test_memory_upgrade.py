"""A database that the first Postern wrote is read by this one; what came since then works in it."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from bot.world.memory import Memory, sqlite_url
from skills.core.model.requests import Decided
from tests.bot.test_memory import LATER, NOW, a_request, found, put

OLD = Path(__file__).with_name("schema_1.sql")
"""A database as schema 1 made it, rows and all; it is history and never written again."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "postern.db"
    with sqlite3.connect(made) as raw:
        raw.executescript(OLD.read_text(encoding="utf-8"))
    return made


def test_every_row_is_there_and_new_ones_can_be_written(path: Path) -> None:
    memory = Memory(sqlite_url(path))
    request = found(memory)
    assert request == replace(
        a_request(),
        state="waiting",
        version=2,
        number=1,
        url="https://forge.example/1",
        commit="c1",
        decisions=(
            Decided("approve", "sam@fincorp.example", "d1", "", "2026-03-01T12:00:00+00:00"),
            Decided("hold", "ines@fincorp.example", "d1", "wait for the audit", "2026-03-01T12:05:00+00:00"),
        ),
    )
    assert memory.thread("terminal:default").state == {"a": 1}
    assert [post.key for post in memory.posts_todo()] == ["p1"]
    assert [intent.key for intent in memory.todo()] == ["open:EG-1:1"]
    with memory.transaction() as tx:
        assert tx.add_post("news", "slack", None, {}, LATER, request="EG-1")
        assert tx.add_delivery("allowlist", "d", "note", {"number": 1}, LATER)
        assert not tx.add_decision("EG-1", Decided("approve", "sam@fincorp.example", "d1"), "c1", 2, LATER)
    assert [post.key for post in memory.news("EG-1")] == ["news"]


def test_an_upgrade_that_breaks_leaves_the_old_database(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with sqlite3.connect(path) as raw:
        raw.execute("CREATE TABLE deliveries (here INTEGER)")  # so that the last step but one can't be done
        before = list(raw.iterdump())
    with pytest.raises(Exception, match="already exists"):
        Memory(sqlite_url(path)).request("EG-1")
    with sqlite3.connect(path) as raw:
        assert list(raw.iterdump()) == before


class TestRounds:
    """An approval counts in the round that it was given in."""

    def test_a_new_round_voids_approvals_and_they_can_be_given_again(self, tmp_path: Path) -> None:
        memory = Memory(sqlite_url(tmp_path / "new.db"))
        put(memory, a_request())
        approved, held = Decided("approve", "sam", "d1"), Decided("hold", "ines", "d1")
        with memory.transaction() as tx:
            tx.add_decision("EG-1", approved, "c1", 1, NOW)
            tx.add_decision("EG-1", held, "c1", 1, NOW)
            row = tx.request("EG-1")
            assert row
            assert tx.mirror_request(row, {"head": "c2"}, LATER, new_round=True, pushed="c2")
        request = found(memory)
        assert ([one.verb for one in request.decisions], request.pushed, request.version) == (["hold"], "c2", 2)
        with memory.transaction() as tx:
            assert tx.add_decision("EG-1", approved, "c1", 2, LATER)
            assert not tx.add_decision("EG-1", approved, "c1", 2, LATER)
        assert [one.verb for one in found(memory).decisions] == ["hold", "approve"]
        assert [one.verb for one in memory.decisions("EG-1")] == ["approve", "hold", "approve"]

    def test_a_mirror_of_what_moved_meanwhile_changes_nothing(self, tmp_path: Path) -> None:
        memory = Memory(sqlite_url(tmp_path / "new.db"))
        put(memory, a_request())
        row = memory.request("EG-1")
        assert row
        with memory.transaction() as tx:
            assert tx.mirror_request(row, {"pipeline": 1}, NOW)
            assert not tx.mirror_request(row, {"pipeline": 2}, NOW)
            again = tx.request("EG-1")
            assert again
            assert again.request.version == row.request.version
            assert tx.move_request("EG-1", "drafted", "waiting", 1, NOW)
            assert not tx.mirror_request(again, {"pipeline": 2}, NOW)
        shown = memory.request("EG-1")
        assert shown
        assert (shown.forge, shown.seen) == ({"pipeline": 1}, 1)


def test_a_delivery_is_kept_once_worked_off_and_forgotten_when_it_is_old(tmp_path: Path) -> None:
    memory = Memory(sqlite_url(tmp_path / "new.db"))
    with memory.transaction() as tx:
        assert tx.add_delivery("allowlist", "k", "note", {"number": 1}, NOW)
        assert not tx.add_delivery("allowlist", "k", "note", {"number": 2}, LATER)
        claimed = tx.claim_delivery("k", NOW)
        assert claimed
        assert claimed.payload == {"number": 1}
        assert tx.claim_delivery("k", NOW) is None
    (left,) = memory.deliveries_todo("allowlist")
    with memory.transaction() as tx:
        taken = tx.claim_delivery(left.key, LATER, left=left)
        assert taken
        assert not tx.finish_delivery(claimed, LATER)
        assert tx.forget_deliveries(LATER) == 0
        assert tx.finish_delivery(taken, LATER)
        assert tx.forget_deliveries(NOW) == 0
        assert tx.forget_deliveries(LATER) == 1
