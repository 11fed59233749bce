"""What simulated teams do and what breaks meanwhile, drawn from a seed: the same seed gives the same schedule.

A request lives by one of STORIES; each of its steps is a few acts that begin at the same moment. A round plays the next
step of several requests at once, under one trouble or none.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

TEAMS = 10
AT_ONCE = 6
"""Requests whose steps one round plays."""
ALIVE = 10
"""Requests that are under way at a time."""

Step = tuple[tuple[str, str], ...]
"""Acts that begin at the same moment: what, and who does it."""

_ASK: Step = (("propose", "dana"),)
_YES: Step = (("approve", "sam"),)

STORIES: dict[str, tuple[Step, ...]] = {
    "approved": (_ASK, _YES),
    "nobody decides": (_ASK,),
    "asked for by two at once": ((("propose", "dana"), ("propose", "erin")), _YES),
    "asked for again": (_ASK, (("propose", "dana"),), (("propose", "erin"),), _YES),
    "clicked three times": (_ASK, (("approve", "sam"), ("approve", "sam"), ("approve", "sam"))),
    "two approvers at once": (_ASK, (("approve", "sam"), ("approve", "ines"))),
    "yes and no at once": (_ASK, (("approve", "sam"), ("reject", "ines"))),
    "rejected": (_ASK, (("reject", "ines"),), _YES),
    "held, then approved": (_ASK, (("hold", "ines"),), (("approve", "ines"),)),
    "an approver's own": ((("propose", "sam"),), _YES, (("approve", "ines"),)),
    "approved by an outsider": (_ASK, (("approve", "dana"),), (("approve", "noor"),), _YES),
    "pushed to": (_ASK, (("push", "sam"),), _YES),
    "pushed to while it is approved": (_ASK, (("push", "ines"), ("approve", "sam"))),
    "pushed to and put back": (_ASK, (("push", "sam"),), (("put_back", "sam"),), (("approve", "ines"),)),
    "closed outside": (_ASK, (("close", "sam"),), _YES),
    "closed while it is approved": (_ASK, (("close", "ines"), ("approve", "sam"))),
    "closed and reopened": (_ASK, (("close", "sam"),), (("reopen", "sam"),), (("approve", "ines"),)),
    "merged outside": (_ASK, (("merge", "sam"),)),
    "talked about": (_ASK, (("comment", "sam"), ("comment", "ines")), _YES),
    "its branch is cut": (_ASK, (("cut", "sam"),), _YES),
}
# Most requests are plain ones: they are what the others must not break.
_WEIGHTS = [5 if name in ("approved", "two approvers at once") else 1 for name in STORIES]
IN_GITLAB = ("push", "put_back", "close", "reopen", "merge", "comment", "cut")
"""Acts that people do in GitLab, beside Postern."""


@dataclass(frozen=True)
class Act:
    """`hook` says what becomes of GitLab's delivery about it: once, twice, late (after others) or lost."""

    request: int
    what: str
    who: str
    replica: int
    hook: str = ""


@dataclass(frozen=True)
class Trouble:
    """What breaks in a round. `at` says where, in the words of its kind; `replica` whom it hits."""

    kind: str
    at: str = ""
    replica: int = 0
    number: int = 0


@dataclass(frozen=True)
class Round:
    acts: tuple[Act, ...]
    trouble: Trouble | None = None


@dataclass(frozen=True)
class Need:
    """What a request is about: `team` asks that its workload may reach `host`."""

    team: int
    host: str
    story: str


@dataclass(frozen=True)
class Schedule:
    needs: tuple[Need, ...]
    rounds: tuple[Round, ...]


POINTS = ("begin", "claim", "claimed", "perform", "performed", "record", "recorded")
_BREAKS = ("429", "500", "502 after the work", "503", "reset", "reset after the work", "no answer", "late answer")
_CALLS = (".*", "merge_requests", "/notes", "/merge$", "git-receive-pack$", "info/refs$")
_SLACK = ("429", "500 after the work", "reset after the work", "reset")


def troubles(database: str) -> list[str]:
    """The kinds that can happen on this database. Only one process runs workflows on SQLite."""
    everywhere = ["kill at a step", "kill at a step", "kill at a call", "gitlab", "gitlab", "gitlab", "slack", "clock"]
    everywhere += ["restart", "target moves", "webhooks out of nowhere"]
    return everywhere if database == "sqlite" else [*everywhere, "database restarts", "connections break", "standstill"]


def drawn(requests: int, seed: int, database: str, replicas: int) -> Schedule:
    chance = random.Random(f"{seed} {requests} {database}")
    needs = tuple(
        Need(chance.randrange(TEAMS), f"h{number}.example", chance.choices(list(STORIES), _WEIGHTS)[0])
        for number in range(requests)
    )
    return Schedule(needs, tuple(_rounds(needs, chance, troubles(database), replicas)))


def _rounds(needs: Sequence[Need], chance: random.Random, kinds: Sequence[str], replicas: int) -> Iterator[Round]:
    waiting = count()
    under_way: dict[int, list[Step]] = {}
    started = 0
    while under_way or started < len(needs):
        while len(under_way) < ALIVE and started < len(needs):
            number = next(waiting)
            under_way[number], started = list(STORIES[needs[number].story]), started + 1
        now = chance.sample(sorted(under_way), min(AT_ONCE, len(under_way)))
        acts = [_act(number, each, chance, replicas) for number in now for each in under_way[number].pop(0)]
        under_way = {number: steps for number, steps in under_way.items() if steps}
        trouble = _trouble(chance, kinds, replicas) if chance.random() < 0.6 else None
        yield Round(tuple(acts), trouble)


def _act(number: int, step: tuple[str, str], chance: random.Random, replicas: int) -> Act:
    what, who = step
    replica = chance.randrange(replicas)
    hook = chance.choice(("once", "once", "twice", "late", "lost")) if what in IN_GITLAB else ""
    return Act(number, what, who, replica, hook)


def _trouble(chance: random.Random, kinds: Sequence[str], replicas: int) -> Trouble:
    kind, replica, number = chance.choice(kinds), chance.randrange(replicas), chance.randrange(12)
    words: dict[str, Sequence[str]] = {
        "kill at a step": POINTS,
        "kill at a call": ("before the work", "after the work"),
        "gitlab": [f"{what} at {path}" for what in _BREAKS for path in _CALLS],
        "slack": _SLACK,
        "clock": ("-600", "600", "-3600", "3600"),
    }
    at = chance.choice(words.get(kind, ("",)))
    return Trouble(kind, at, replica, number)
