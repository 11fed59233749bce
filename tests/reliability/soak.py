"""One soak from beginning to end: a schedule, a town, and what the invariants say of it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.reliability.history import History
from tests.reliability.invariants import seen, violations
from tests.reliability.play import Player
from tests.reliability.schedule import drawn
from tests.reliability.town import town


@dataclass(frozen=True)
class Outcome:
    violations: list[str]
    states: Counter[str]
    troubles: Counter[str]
    acts: int
    posts: int
    seconds: float
    history: History

    def __str__(self) -> str:
        counted = ", ".join(f"{count} {name}" for name, count in self.states.most_common())
        broke = ", ".join(f"{count} {name}" for name, count in self.troubles.most_common())
        lines = [
            f"{sum(self.states.values())} requests ({counted})",
            f"{self.acts} acts of people, {self.posts} messages in threads, {self.seconds:.0f} s",
            f"troubles: {broke}",
            f"violations: {len(self.violations)}",
        ]
        return "\n".join([*lines, *(f"  {each}" for each in self.violations)])


def soak(
    folder: Path, requests: int, seed: int, database: str, told: Callable[[str], object] = lambda _: None
) -> Outcome:
    replicas = 1 if database == "sqlite" else 2
    schedule, began = drawn(requests, seed, database, replicas), time.monotonic()
    with _ground(database) as ground, town(folder, replicas, ground) as made:
        player = Player(made, schedule, seed)
        player.play(told)
        found = seen(made, schedule, player.logs)
        return Outcome(
            violations=violations(found) if player.rested else [f"I3 it does not come to rest: {player.left()[:20]}"],
            states=Counter(row.request.state for row in found.rows),
            troubles=Counter(str(event.facts["what"]) for event in made.history.of("trouble")),
            acts=len(made.history.of("act")) + len(made.history.of("gitlab")),
            posts=len(made.slack.posted),
            seconds=time.monotonic() - began,
            history=made.history,
        )


@contextmanager
def _ground(database: str) -> Iterator[object]:
    if database == "sqlite":
        yield None
        return
    from tests.fakes.postgres import Postgres

    server = Postgres()
    try:
        yield server
    finally:
        server.close()
