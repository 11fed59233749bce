"""The engine by itself: what it keeps, what it forgets, what is over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.lifecycle.engine import Engine
from bot.world.memory import Memory
from tests.durable.services import until


class Journal:
    def __init__(self) -> None:
        self.done: list[tuple[str, Any]] = []

    def claim(self, key: str, holder: str) -> int | None:
        self.done.append(("claim", holder))
        return None if key == "taken" else 3

    def perform(self, key: str) -> Mapping[str, Any]:
        if key == "broken":
            raise ZeroDivisionError
        return {"receipt": {"number": 1}}

    def record(self, key: str, attempts: int, outcome: Mapping[str, Any]) -> None:
        self.done.append(("record", (attempts, outcome)))


@pytest.fixture
def journal() -> Journal:
    return Journal()


@pytest.fixture
def engine(database: str, journal: Journal) -> Iterator[Engine]:
    Memory(database).todo()  # our tables are there first
    engine = Engine(database, "/repository", "here:1:a", journal)
    engine.launch()
    yield engine
    engine.close()


def over(engine: Engine, workflow: str) -> None:
    until(lambda: engine.find(workflow) is None and not engine.running, f"{workflow} is over")


def test_steps_one_after_the_other_once_a_name(engine: Engine, journal: Journal) -> None:
    for _ in range(3):
        engine.start("w", "key")
        over(engine, "w")
    assert journal.done == [("claim", "w"), ("record", (3, {"receipt": {"number": 1}}))]


def test_what_is_not_ours_to_do_is_left(engine: Engine, journal: Journal) -> None:
    engine.start("w", "taken")
    over(engine, "w")
    assert journal.done == [("claim", "w")]


def test_a_mistake_in_a_step_ends_the_workflow(engine: Engine, journal: Journal) -> None:
    engine.start("w", "broken")
    over(engine, "w")
    assert journal.done == [("claim", "w")]
    assert not engine.left()


def test_what_ended_long_ago_is_forgotten(engine: Engine) -> None:
    engine.start("w", "key")
    over(engine, "w")
    assert engine.forget(datetime.now(UTC) - timedelta(days=1)) == 0
    assert engine.forget(datetime.now(UTC) + timedelta(days=1)) == 1
    assert engine.forget(datetime.now(UTC) + timedelta(days=1)) == 0
