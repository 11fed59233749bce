"""A secret that somebody pastes with a reason, an answer or an address is in no file, no merge request and no row."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot.app import App
from bot.gather import Where
from bot.turns import ask_for
from skills.core.model import Person
from tests.apps import app_on_sample

SECRET = "glpat-" + "Zq9" * 7  # made up
DANA, SAM = Person("dana@fincorp.example"), Person("sam@fincorp.example")
HERE = Where("terminal", "terminal:paste")
NEED: dict[str, Any] = {"for": "payment-gateway", "to": ("api.twilio.com",), "reason": "SMS"}
Door = Callable[[App], None]


def do(app: App, skill: str, who: Person = DANA, **fields: Any) -> None:
    handled = app.desk.handle(skill, ask_for(skill, fields), who, HERE)
    assert handled.problem is None, handled.problem


def proposed(app: App, **changed: Any) -> None:
    do(app, "propose", **{**NEED, **changed})


def withdrawn(app: App) -> None:
    proposed(app)
    do(app, "withdraw", key=app.requests()[-1].key, reason=f"not with {SECRET}")


def renewed(app: App) -> None:
    proposed(app, until="2027-01-31")
    request = app.requests()[-1]
    do(app, "decide", SAM, key=request.key, verb="approve", digest=request.digest, reason=f"seen {SECRET}")
    do(app, "renew", key=request.key, until="2027-03-31", reason=f"longer, {SECRET}")


def asked_and_answered(app: App) -> None:
    proposed(app)
    request = app.requests()[-1]
    do(app, "decide", SAM, key=request.key, verb="ask", digest=request.digest, reason=f"what is {SECRET}?")
    do(app, "answer", key=request.key, text=f"the token {SECRET}")


def spoken(app: App) -> None:
    said = ("payment-gateway must reach api.twilio.com", f"draft because of {SECRET}", f"open because {SECRET}")
    for words in said:
        app.conversation.hear(words, DANA, HERE)
    assert app.requests()[-1].state == "waiting"


DOORS: dict[str, Door] = {
    "a reason": lambda app: proposed(app, reason=f"SMS with {SECRET}"),
    "the reason of the file": lambda app: proposed(app, comment=f"SMS with {SECRET}"),
    "an error": lambda app: proposed(app, error=f"curl -H 'PRIVATE-TOKEN: {SECRET}'"),
    "an answer": lambda app: proposed(app, answer=(f"justification={SECRET}",)),
    "who drew it": lambda app: proposed(app, drafted_by=SECRET),
    "an address": lambda app: proposed(app, to=(f"https://me:{SECRET}@api.twilio.com/{SECRET}?token={SECRET}",)),
    "taking it back": withdrawn,
    "a renewal": renewed,
    "a question and its answer": asked_and_answered,
    "a conversation": spoken,
}


def holders(app: App, folder: Path, words: str) -> list[str]:
    """Every file below, and every object of the repository, in which the words stand."""
    files = [path for path in folder.rglob("*") if path.is_file() and words.encode() in path.read_bytes()]
    listed = "git cat-file --batch-all-objects --batch-check='%(objectname)' | git cat-file --batch"
    objects = subprocess.run(listed, shell=True, cwd=app.repo.path, capture_output=True, check=True).stdout
    return [str(path.relative_to(folder)) for path in files] + ["Git"] * (words.encode() in objects)


@pytest.mark.parametrize("door", list(DOORS))
def test_it_is_kept_nowhere(door: str, tmp_path: Path) -> None:
    app = app_on_sample(tmp_path)
    DOORS[door](app)
    assert holders(app, tmp_path, SECRET) == []


def test_a_reason_without_one_stands_as_it_was_written(tmp_path: Path) -> None:
    app = app_on_sample(tmp_path)
    proposed(app, reason="SMS for 2-factor tokens (ticket PAY-17)")
    assert app.requests()[-1].reason == "SMS for 2-factor tokens (ticket PAY-17)"
    assert "Git" in holders(app, tmp_path, "SMS for 2-factor tokens (ticket PAY-17)")
