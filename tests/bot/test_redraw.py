"""The target moves under an open request: proved once more, drawn anew, or closed because it is done already."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.app import App
from bot.gather import Where
from bot.sample import files
from bot.turns import Pressed
from skills.core.model import Person, Request
from skills.decide import skill as decide
from tests.apps import app_on, head_of
from tests.fakes.git_repos import commit, git

pytestmark = pytest.mark.usefixtures("either_database")

DANA, NOOR, SAM = (Person(f"{name}@fincorp.example") for name in ("dana", "noor", "sam"))
HERE = Where("terminal", "terminal:redraw")


@pytest.fixture
def app(tmp_path: Path) -> App:
    app = app_on(files(), tmp_path)
    for words in ("payment-gateway must reach api.twilio.com", "draft", "open because of SMS"):
        app.conversation.hear(words, DANA, HERE)
    assert request_of(app).state == "waiting"
    return app


def request_of(app: App) -> Request:
    return app.requests()[-1]


def gateway_of(app: App) -> str:
    return next(path for path in request_of(app).paths)


def move(app: App, path: str, text: str | None) -> str:
    """Somebody else's commit on the target."""
    assert app.repo.path is not None
    return commit(app.repo.path, {path: text})


def says(app: App, words: str, who: Person = DANA) -> str:
    return "\n".join(f"{made.text}\n{made.diff}" for made in app.conversation.hear(words, who, HERE))


def test_an_approval_stands_where_the_same_change_has_the_same_effect(app: App) -> None:
    before = request_of(app)
    move(app, "README.md", "Another word.\n")
    ask = decide.Ask.model_validate({"key": before.key, "verb": "approve", "digest": before.digest})
    handled = app.desk.handle("decide", ask, SAM, HERE)
    assert handled.answer is not None
    assert [finding.code for finding in handled.answer.findings] == ["EGR433", "EGR064"]
    assert request_of(app).state == "merged"
    assert "api.twilio.com" in _text(app, gateway_of(app))


def test_an_approval_is_refused_where_the_touched_file_moved(app: App) -> None:
    before, path = request_of(app), gateway_of(app)
    head = move(app, path, "# a note of somebody else\n" + _text(app, path))
    assert f"redraw {before.key}" in says(app, f"approve {before.key}", SAM)
    assert (request_of(app).state, request_of(app).digest) == ("waiting", before.digest)
    assert head_of(app) == head


def test_drawn_anew_it_is_the_same_request_with_the_difference_said(app: App) -> None:
    before, path = request_of(app), gateway_of(app)
    head = move(app, path, "# a note of somebody else\n" + _text(app, path))
    heard = says(app, f"redraw {before.key}", SAM)
    assert "drawn anew" in heard and "only the text around them moved" in heard
    after = request_of(app)
    assert (after.key, after.asked_by, after.since, after.number) == (before.key, DANA.id, before.since, before.number)
    assert (after.base, after.state) == (head, "waiting")
    assert after.digest != before.digest and after.commit != before.commit
    assert len(app.requests()) == 1
    says(app, f"approve {after.key}", SAM)
    assert request_of(app).state == "merged"
    assert _text(app, path).startswith("# a note of somebody else\n")


def test_other_lines_are_named(app: App) -> None:
    """The list is written in another style now, and the new line follows it."""
    path = gateway_of(app)
    move(app, path, _text(app, path).replace('"', "'"))
    heard = says(app, f"redraw {request_of(app).key}")
    assert """No longer in it: - "api.twilio.com". New in it: - 'api.twilio.com'.""" in heard


def test_earlier_approvals_of_another_drawing_do_not_count(app: App) -> None:
    before, path = request_of(app), gateway_of(app)
    move(app, path, "# a note of somebody else\n" + _text(app, path))
    says(app, f"redraw {before.key}")
    assert "has changed since you looked" in _decide(app, before.key, before.digest)
    assert request_of(app).state == "waiting"


def test_done_by_another_change_it_is_closed_and_not_merged(app: App) -> None:
    before, path = request_of(app), gateway_of(app)
    merge_request = app.forge.find(before.key)
    assert merge_request is not None and app.repo.path is not None
    move(app, path, _text(app, path, merge_request.head))
    heard = says(app, f"redraw {before.key}")
    assert "by another change" in heard
    assert request_of(app).state == "superseded"
    closed = app.forge.find(before.key)
    assert closed is not None and closed.state == "closed"


def test_only_whom_it_concerns_may_have_it_drawn_anew(app: App) -> None:
    before, path = request_of(app), gateway_of(app)
    move(app, path, "# a note of somebody else\n" + _text(app, path))
    assert "neither asker, watcher nor approver" in says(app, f"redraw {before.key}", NOOR)
    assert request_of(app).digest == before.digest


def test_nothing_moved_nothing_is_drawn(app: App) -> None:
    before = request_of(app)
    assert "on the newest commit already; nothing changed" in says(app, f"redraw {before.key}")
    assert request_of(app).digest == before.digest and request_of(app).commit == before.commit


def _text(app: App, path: str, at: str = "main") -> str:
    assert app.repo.path is not None
    return git(app.repo.path, "show", f"{at}:{path}") + "\n"


def _decide(app: App, key: str, digest: str) -> str:
    return "\n".join(made.text for made in app.conversation.press(Pressed("approve", key, digest), SAM, HERE))


def test_a_pass_draws_anew_what_would_come_out_otherwise_and_says_it_once(app: App) -> None:
    before, path = request_of(app), gateway_of(app)
    move(app, path, "# a note of somebody else\n" + _text(app, path))
    assert [found.code for found in app.renewal.renew()] == ["EGR059"]
    after = request_of(app)
    assert after.base == head_of(app) and after.digest != before.digest and after.state == "waiting"
    assert app.renewal.renew() == ()
    again = app_on(files(), app.settings.home.parent)
    assert again.renewal.renew() == ()


def test_a_pass_leaves_alone_what_comes_out_the_same(app: App) -> None:
    before = request_of(app)
    move(app, "README.md", "Another word.\n")
    assert app.renewal.renew() == ()
    assert request_of(app) == before


def test_a_pass_closes_what_another_change_did(app: App) -> None:
    merge_request = app.forge.find(request_of(app).key)
    assert merge_request is not None
    move(app, gateway_of(app), _text(app, gateway_of(app), merge_request.head))
    assert [found.code for found in app.renewal.renew()] == ["EGR062"]
    assert request_of(app).state == "superseded"


def test_a_pass_touches_nothing_that_somebody_holds(app: App) -> None:
    says(app, f"hold {request_of(app).key} because of the audit", SAM)
    before = request_of(app)
    move(app, gateway_of(app), "# a note of somebody else\n" + _text(app, gateway_of(app)))
    assert app.renewal.renew() == ()
    assert request_of(app) == before and before.state == "held"


def test_what_can_not_be_drawn_any_more_is_said_once(app: App) -> None:
    before = request_of(app)
    move(app, gateway_of(app), None)
    first = app.renewal.renew()
    assert len(first) == 1 and first[0].code != "EGR059"
    assert request_of(app).digest == before.digest
    assert app.renewal.renew() == ()
