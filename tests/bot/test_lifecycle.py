"""Who is dead, who holds the lock, when something is tried again, and what waits for what."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bot.lifecycle.lock import DatabaseLock
from bot.lifecycle.replicas import Watch, ghost, served
from bot.lifecycle.rounds import intent_of, workflow_of
from bot.lifecycle.steps import next_try
from bot.world.memory import IntentRow, Memory, ReplicaRow
from skills.core.errors import Unreachable
from tests.bot.test_memory import NOW, a_request

REPOSITORY = "/repository"


class Clock:
    """A monotonic clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def replica(name: str, beats: int = 1, *, taken_by: str | None = None) -> ReplicaRow:
    return ReplicaRow(name, REPOSITORY, "1", NOW, NOW, beats, taken_by)


class TestWatch:
    def watching(self, *, alone: bool = False) -> tuple[Watch, Clock]:
        clock = Clock()
        return Watch("me", alone=alone, timeout=4, clock=clock), clock

    def dead(self, watch: Watch, clock: Clock, *rounds: tuple[ReplicaRow, ...]) -> list[str]:
        """Who is dead at the end of these rounds, one a second."""
        found: list[str] = []
        for rows in rounds:
            clock.now += 1
            found = [row.id for row in watch.dead(rows)]
        return found

    def test_whose_beats_stand_still_is_dead(self) -> None:
        watch, clock = self.watching()
        still = (replica("me", 7), replica("a", 3))
        assert self.dead(watch, clock, *[still] * 4) == []
        assert self.dead(watch, clock, still) == ["a"]

    def test_whose_beats_go_on_lives(self) -> None:
        watch, clock = self.watching()
        assert self.dead(watch, clock, *[(replica("a", beats),) for beats in range(20)]) == []

    def test_who_stood_still_itself_judges_nobody_by_it(self) -> None:
        watch, clock = self.watching()
        still = (replica("a", 3),)
        self.dead(watch, clock, *[still] * 4)
        clock.now += 3600
        assert self.dead(watch, clock, *[still] * 4) == []
        assert self.dead(watch, clock, still) == ["a"]

    def test_what_a_living_one_is_taking_is_left_to_it(self) -> None:
        watch, clock = self.watching()
        rounds = [(replica("a", 3, taken_by="b"), replica("b", beats)) for beats in range(5)]
        assert self.dead(watch, clock, *rounds) == []

    def test_what_a_dead_one_was_taking_is_taken(self) -> None:
        watch, clock = self.watching()
        assert self.dead(watch, clock, *[(replica("a", 3, taken_by="b"), replica("b", 9))] * 5) == ["a", "b"]

    def test_whoever_is_alone_takes_at_once(self) -> None:
        watch, clock = self.watching(alone=True)
        assert self.dead(watch, clock, (replica("me"), replica("a"))) == ["a"]

    def test_who_left_in_order_is_dead_at_once(self) -> None:
        watch, clock = self.watching()
        assert self.dead(watch, clock, (ghost("a", REPOSITORY, NOW),)) == ["a"]


class TestTakingOver:
    @pytest.fixture
    def memory(self, database: str) -> Memory:
        return Memory(database)

    def test_one_survivor_wins(self, memory: Memory) -> None:
        with memory.transaction() as tx:
            tx.beat(replica("dead"), NOW)
        (dead,) = memory.replicas(REPOSITORY)
        with memory.transaction() as tx:
            assert tx.take_over(dead, "b")
            assert not tx.take_over(dead, "c")
            tx.forget_replica("dead", taken_by="c")
            assert tx.replicas(REPOSITORY)
            tx.forget_replica("dead", taken_by="b")
            assert not tx.replicas(REPOSITORY)

    def test_one_that_beats_again_is_not_taken(self, memory: Memory) -> None:
        with memory.transaction() as tx:
            tx.beat(replica("a"), NOW)
        (seen,) = memory.replicas(REPOSITORY)
        with memory.transaction() as tx:
            tx.beat(replica("a"), NOW)
            assert not tx.take_over(seen, "b")

    def test_one_that_was_taken_and_beats_is_its_own_again(self, memory: Memory) -> None:
        with memory.transaction() as tx:
            tx.beat(replica("a"), NOW)
            assert tx.take_over(tx.replicas(REPOSITORY)[0], "b")
            tx.beat(replica("a"), NOW)
            assert tx.replicas(REPOSITORY)[0].taken_by is None


class TestLock:
    def test_one_at_a_time_and_released_with_the_process(self, tmp_path: Path) -> None:
        database = tmp_path / "postern.db"
        code = f"""
from pathlib import Path
from bot.lifecycle.lock import DatabaseLock
DatabaseLock(Path({str(database)!r})).take()
print("held", flush=True)
input()
"""
        holder = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        mine = DatabaseLock(database)
        assert mine.is_held()
        with pytest.raises(Unreachable) as refused:
            mine.take()
        assert refused.value.code == "EGR070"
        assert refused.value.finding.facts == {"where": str(database), "process": f" (process {holder.pid})"}
        holder.kill()
        holder.communicate()
        assert not mine.is_held()
        mine.take()
        assert mine.is_held()
        mine.release()
        assert not mine.is_held()

    def test_a_server_needs_none(self) -> None:
        lock = DatabaseLock(None)
        lock.take()
        assert not lock.is_held()


def test_who_is_served(database: str) -> None:
    memory = Memory(database)
    assert not served(memory, REPOSITORY, NOW)
    with memory.transaction() as tx:
        tx.beat(replica("a"), NOW)
    lock = DatabaseLock(memory.file)
    assert served(memory, REPOSITORY, NOW) == (memory.file is None), "a row without a lock is of a dead one"
    lock.take()
    assert served(memory, REPOSITORY, NOW)
    assert not served(memory, "/other", NOW)
    lock.release()
    assert not served(memory, REPOSITORY, NOW + timedelta(minutes=1))


@pytest.mark.parametrize(
    ("tries", "least", "most"), [(0, 2, 4), (1, 4, 8), (7, 256, 512), (8, 300, 600), (99, 300, 600)]
)
def test_longer_with_every_try_up_to_ten_minutes(tries: int, least: int, most: int) -> None:
    assert next_try(NOW, tries, lambda: 0.0) == NOW + timedelta(seconds=least)
    assert next_try(NOW, tries, lambda: 1.0) == NOW + timedelta(seconds=most)


def test_a_workflow_is_named_after_its_intent_and_the_try() -> None:
    intent = IntentRow(1, "approve:EG-1:a#b:1", "X", {}, "EG-1", "todo", 0, None, None, NOW, NOW)
    assert workflow_of(intent) == intent.key
    assert workflow_of(replace(intent, tries=2)) == f"{intent.key}#2"
    assert {intent_of(workflow_of(replace(intent, tries=tries))) for tries in (0, 1, 12)} == {intent.key}


class TestOrder:
    @pytest.fixture
    def memory(self, database: str) -> Memory:
        memory = Memory(database)
        with memory.transaction() as tx:
            for key in ("EG-1", "EG-2"):
                tx.create_request(replace(a_request(), key=key), REPOSITORY, NOW)
            tx.create_request(replace(a_request(), key="EG-9"), "/other", NOW)
            for number, (key, kind) in enumerate(
                [("EG-1", "OpenMergeRequest"), ("EG-1", "MergeRequestDecision"), ("EG-2", "OpenIssue"), ("EG-9", "X")]
            ):
                tx.add_intent(f"i{number}", kind, {}, key, NOW)
            tx.add_intent("i4", "MergeRequestDecision", {}, "EG-2", NOW)
        return memory

    def due(self, memory: Memory, at: datetime = NOW) -> list[str]:
        return [intent.key for intent in memory.due(REPOSITORY, at)]

    def test_of_each_request_the_oldest_and_what_is_beside_keeps_nothing_back(self, memory: Memory) -> None:
        assert self.due(memory) == ["i0", "i2", "i4"]
        with memory.transaction() as tx:
            assert tx.claim("i1", NOW, holder="w1") is None
            first = tx.claim("i0", NOW, holder="w0")
            assert first is not None
            again = tx.claim("i0", NOW, holder="w0")
            assert again is not None, "whoever holds it gets it again"
            assert tx.claim("i0", NOW, holder="w9") is None
            assert not tx.finish(first, {}, NOW), "only the last claim is recorded"
            assert tx.finish(again, {}, NOW)
        assert self.due(memory) == ["i1", "i2", "i4"]

    def test_what_failed_waits_for_its_time_or_for_somebody_who_asks(self, memory: Memory) -> None:
        with memory.transaction() as tx:
            claimed = tx.claim("i0", NOW, holder="w0")
            assert claimed is not None
            assert tx.fail(claimed, {"code": "EGR453"}, NOW, due=NOW + timedelta(seconds=30))
        assert self.due(memory) == ["i2", "i4"], "and what comes after it waits with it"
        assert self.due(memory, NOW + timedelta(seconds=30)) == ["i0", "i2", "i4"]
        with memory.transaction() as tx:
            tx.hasten(["EG-1"], NOW)
        (intent, *_) = memory.due(REPOSITORY, NOW)
        assert (intent.key, intent.tries) == ("i0", 1)

    def test_a_release_is_another_try_and_happens_once(self, memory: Memory) -> None:
        with memory.transaction() as tx:
            claimed = tx.claim("i0", NOW, holder="w0")
        assert claimed is not None
        assert [intent.key for intent in memory.claimed(REPOSITORY)] == ["i0"]
        with memory.transaction() as tx:
            assert tx.release(claimed, NOW)
            assert not tx.release(claimed, NOW)
            assert not tx.finish(claimed, {}, NOW)
        assert (self.due(memory)[0], memory.due(REPOSITORY, NOW)[0].tries) == ("i0", 1)
