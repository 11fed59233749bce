"""*Works now* and *still fails* beside the request's own thread: with its key, or where only one can be meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.app import App
from bot.gather import Where
from bot.turns import Pressed, ask_for
from skills.core.model import Person
from tests.apps import app_on_sample

DANA, SAM, EVE = (Person(f"{name}@fincorp.example") for name in ("dana", "sam", "eve"))
OWN, OTHER = Where("slack", "slack:T1:C1:1.0"), Where("slack", "slack:T1:C2:2.0")
COMMAND, DIRECT = Where("slack", "slack:T1:C2:UDANA"), Where("slack", "slack:T1:D1:3.0")


@pytest.fixture
def app(tmp_path: Path) -> App:
    return app_on_sample(tmp_path)


def merged(app: App, host: str = "api.twilio.com", *, approve: bool = True) -> str:
    ask = ask_for("propose", {"for": "payment-gateway", "to": (host,), "reason": "SMS"})
    handled = app.desk.handle("propose", ask, DANA, OWN)
    assert handled.answer is not None
    key = str(handled.answer.data["key"])
    if approve:
        decided = ask_for("decide", {"key": key, "verb": "approve", "digest": handled.answer.data["digest"]})
        assert app.desk.handle("decide", decided, SAM, Where("cli")).problem is None
    return key


def says(app: App, words: str, who: Person = DANA, where: Where = OTHER) -> str:
    return "\n".join(line for made in app.conversation.hear(words, who, where) for line in made.lines)


def state(app: App, key: str) -> str:
    return next(each.state for each in app.requests() if each.key == key)


@pytest.mark.parametrize("where", [OTHER, COMMAND, DIRECT], ids=["another thread", "slash command", "direct message"])
def test_its_key_says_which_is_meant_wherever_it_is_typed(where: Where, app: App) -> None:
    key = merged(app)
    assert "closed as working" in says(app, f"works now {key}", where=where)
    assert state(app, key) == "confirmed"
    assert key in says(app, f"{key.lower()}: still fails", where=where)
    assert state(app, key) == "merged"


def test_without_a_key_the_only_one_that_is_merged_is_meant(app: App) -> None:
    key = merged(app)
    assert "No request of this conversation is merged yet" in says(app, "works now", SAM)
    assert "closed as working" in says(app, "it works now")
    assert state(app, key) == "confirmed"


def test_of_several_it_is_asked_which(app: App) -> None:
    first, second = merged(app), merged(app, "api.example.com")
    said = says(app, "works now")
    assert first in said and second in said and "*works now EG-" in said
    assert (state(app, first), state(app, second)) == ("merged", "merged")


def test_what_waits_still_does_not_work(app: App) -> None:
    key = merged(app, approve=False)
    assert f"{key} is not merged: waits for a decision" in says(app, f"works now {key}")
    assert state(app, key) == "waiting"


def test_the_wrong_person_does_not_close_it(app: App) -> None:
    key = merged(app)
    assert "when they say so" in says(app, f"works now {key}", EVE)
    assert "EG-ABCDEFG" in says(app, "works now EG-ABCDEFG")
    assert state(app, key) == "merged"


def test_a_button_is_about_the_request_that_it_stands_beside(app: App) -> None:
    """The thread has gone on to another one, or is the direct message that brought the news."""
    first = merged(app)
    second = merged(app, "api.example.com")
    for where, key in ((OWN, first), (DIRECT, second)):
        app.conversation.press(Pressed("works now", key, "d" * 64), DANA, where)
        assert state(app, key) == "confirmed"
