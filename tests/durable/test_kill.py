"""kill -9 before and after every step of a workflow, on both databases; then another process goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.lifecycle import InlineRunner
from tests.bot import test_crash
from tests.durable.services import Orders, Service, app_in, one_of_everything, passed, the_request, until

POINTS = ("begin", "claim", "claimed", "perform", "performed", "record", "recorded")
"""In the order in which a workflow passes them; what a step gave is kept between `claimed` and `perform`, and so on."""
STATES = {"propose": "waiting", "decide": "merged"}
PERFORMED_ALREADY = ("record", "recorded")


def killed_and_taken_over(folder: Path, url: str, act: str, point: str) -> None:
    app = app_in(folder, url)
    if act == "decide":
        assert isinstance(app.runner, InlineRunner)
        assert test_crash.propose(app).problem is None
    first = Service(folder, url, Orders("first", act=act, die_at=point))
    assert first.died() == -9
    second = Service(folder, url, Orders("second"))
    until(lambda: the_request(app).state == STATES[act], STATES[act])
    until(lambda: all(each.state == "done" for each in app.memory.intents_of(the_request(app).key)), "settled")
    second.kill()
    one_of_everything(app, STATES[act])
    again = passed(folder, "perform").count("second")
    assert again == (0 if point in PERFORMED_ALREADY else 1), "a step whose result is kept is not repeated"


@pytest.mark.parametrize("point", POINTS)
def test_propose(tmp_path: Path, point: str) -> None:
    killed_and_taken_over(tmp_path, f"sqlite:///{tmp_path / 'home' / 'postern.db'}", "propose", point)


@pytest.mark.parametrize(
    "point", [each if each == "claimed" else pytest.param(each, marks=pytest.mark.slow) for each in POINTS]
)
def test_propose_on_either(tmp_path: Path, database: str, point: str) -> None:
    killed_and_taken_over(tmp_path, database, "propose", point)


@pytest.mark.parametrize(
    "point", [each if each == "performed" else pytest.param(each, marks=pytest.mark.slow) for each in POINTS]
)
def test_decide(tmp_path: Path, database: str, point: str) -> None:
    killed_and_taken_over(tmp_path, database, "decide", point)
