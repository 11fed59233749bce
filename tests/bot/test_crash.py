"""Killed anywhere and repeated: one request, one merge request, one commit; nothing half done stays half done."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.app import App
from bot.gather import Where
from bot.lifecycle import steps
from bot.world.forge_local import LocalForge
from skills.all_skills import by_name
from skills.core.model import Person
from tests.apps import app_on_sample, head_of
from tests.fakes.git_repos import git
from tests.shared import ROOT
from tests.worlds import NOW

NEED = {"for": "payment-gateway", "to": ("api.twilio.com",), "reason": "SMS"}
WHERE = Where("cli", "")
DANA, SAM = Person("dana@fincorp.example"), Person("sam@fincorp.example")

CHILD = """
import os, sys
from pathlib import Path
import bot.lifecycle.steps as lifecycle
from bot.world.forge_local import LocalForge
from tests.apps import app_on_sample
from tests.bot.test_crash import decide, propose

point, what, folder = sys.argv[1:]
app = app_on_sample(Path(folder))
if point == "before":
    lifecycle.perform = lambda *_: os._exit(9)
elif point == "after":
    real = lifecycle.perform
    lifecycle.perform = lambda *given: (real(*given), os._exit(9))
else:
    app.__dict__["forge"] = LocalForge(
        app.repo, home=app.settings.home, now=lambda: app.clock().isoformat(), step=lambda name: name == point and os._exit(9)
    )
propose(app) if what == "propose" else decide(app)
os._exit(0)
"""


def propose(app: App) -> Any:
    return app.desk.handle("propose", by_name("propose").Ask.model_validate(NEED), DANA, WHERE)


def decide(app: App) -> Any:
    ask = by_name("decide").Ask.model_validate({"key": app.requests()[0].key, "verb": "approve"})
    return app.desk.handle("decide", ask, SAM, WHERE)


def killed(point: str, what: str, folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHILD, point, what, str(folder)], cwd=ROOT, capture_output=True, check=False
    )
    assert done.returncode == 9, f"{point} was never reached: {done.stderr.decode()}"


@pytest.mark.parametrize("point", ["before", "committed", "planned", "branch moved", "opened", "after"])
def test_propose_killed_and_repeated(tmp_path: Path, point: str) -> None:
    killed(point, "propose", tmp_path)
    app = app_on_sample(tmp_path)
    first, second = propose(app), propose(app)
    for handled in (first, second):
        assert handled.problem is None, handled.problem
        assert handled.answer.data["state"] == "waiting"
    (request,) = app.requests()
    assert request.number == 1
    assert app.repo.path is not None
    branches = git(app.repo.path, "for-each-ref", "--format=%(refname)", "refs/heads/egress").splitlines()
    assert branches == [f"refs/heads/{request.branch}"]
    assert git(app.repo.path, "rev-list", "--count", f"main..{request.branch}") == "1"


@pytest.mark.parametrize("point", ["before", "merge committed", "target moved", "merged", "branch deleted", "after"])
def test_approval_killed_and_found_at_the_next_start(tmp_path: Path, point: str) -> None:
    app = app_on_sample(tmp_path)
    propose(app)
    before = head_of(app)
    killed(point, "decide", tmp_path)
    again = app_on_sample(tmp_path)
    problems = again.runner.run([again.requests()[0].key])
    assert not problems
    (request,) = again.requests()
    assert request.state == "merged"
    assert [decision.by for decision in request.decisions] == ["sam@fincorp.example"]
    assert again.repo.path is not None
    assert git(again.repo.path, "rev-list", "--count", "--first-parent", f"{before}..main") == "1"


@pytest.mark.parametrize(("hours", "asked"), [(-1, True), (-1, False), (1, False)])
def test_what_was_claimed_is_taken_over_whatever_the_clocks_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hours: int, asked: bool
) -> None:
    """It died with the claim, and the clock was set back since; asked for it is done, and so it is at the next start."""
    with monkeypatch.context() as dying, pytest.raises(KeyboardInterrupt):
        dying.setattr(steps, "perform", _dies)
        propose(app_on_sample(tmp_path))
    app = app_on_sample(tmp_path)
    app.runner.finish_what_was_left()
    (request,) = app.requests()
    assert [intent.state for intent in app.memory.intents_of(request.key)] == ["doing"], "so young it may be at work"
    app = app_on_sample(tmp_path, clock=lambda: NOW + timedelta(hours=hours))
    problems = app.runner.run([request.key]) if asked else app.runner.finish_what_was_left()
    assert not problems
    assert app.requests()[0].state == "waiting"


def _dies(*_given: object) -> None:
    raise KeyboardInterrupt


def test_the_same_step_names_stand_in_the_forge() -> None:
    """The points above are the forge's own; a renamed step would make a kill test pass for nothing."""
    source = Path(sys.modules[LocalForge.__module__].__file__ or "").read_text()
    for point in ("committed", "planned", "branch moved", "opened", "merge committed", "target moved", "merged"):
        assert f'self._step("{point}")' in source
