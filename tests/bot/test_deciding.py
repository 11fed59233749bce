"""Decisions beyond yes and no: back to the asker, a question, a part of what was asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.app import App
from bot.gather import Where
from bot.turns import Pressed, ask_for
from skills.cards import card
from skills.core.flow_text import destination
from skills.core.model import Person, Request
from skills.decide.part import is_part
from tests.apps import app_on_sample, head_of

DANA, NOOR, SAM, INES = (Person(f"{name}@fincorp.example") for name in ("dana", "noor", "sam", "ines"))
HERE = Where("terminal", "terminal:deciding")
TWO_OF_TWO = 'version: 1\ngroups: {sec: [sam@fincorp.example, ines@fincorp.example]}\napproval: [{paths: ["**"], groups: [sec], needed: 2}]\n'
TWO = ("api.twilio.com", "api.mailgun.net")


def asked(app: App, *words: str) -> Request:
    for said in words or ("payment-gateway must reach api.twilio.com", "draft", "open because of SMS"):
        app.conversation.hear(said, DANA, HERE)
    made = app.requests()[-1]
    assert made.state == "waiting"
    return made


def asked_for_two(app: App) -> Request:
    given = {"for": "payment-gateway", "to": TWO, "reason": "SMS", "until": "2027-06-30"}
    assert app.desk.handle("propose", ask_for("propose", given), DANA, HERE).problem is None
    return asked_row(app)


def asked_row(app: App) -> Request:
    return app.requests()[-1]


def says(app: App, words: str, who: Person, where: Where = HERE) -> str:
    return "\n".join(made.text for made in app.conversation.hear(words, who, where))


def target_has(app: App, words: str) -> bool:
    return words in str(app.snapshots.read(app.target or app.source).allowlist.texts)


# --- what was not shown is not decided


def test_in_a_thread_that_did_not_show_it_the_first_word_shows_and_the_second_decides(tmp_path: Path) -> None:
    app = app_on_sample(tmp_path)
    key, before, elsewhere = asked(app).key, head_of(app), Where("terminal", "terminal:elsewhere")
    heard = says(app, f"approve {key}", SAM, elsewhere)
    assert "Nothing was decided" in heard and "api.twilio.com" in heard
    assert (asked_row(app).state, head_of(app)) == ("waiting", before)
    says(app, f"approve {key}", SAM, elsewhere)
    assert asked_row(app).state == "merged"


def test_a_button_without_a_digest_decides_nothing(tmp_path: Path) -> None:
    app = app_on_sample(tmp_path)
    key = asked(app).key
    made = app.conversation.press(Pressed("approve", key), SAM, Where("terminal", "terminal:elsewhere"))
    assert "Nothing was decided" in made[0].text
    assert asked_row(app).state == "waiting"


# --- back to the asker


def test_changes_go_back_to_the_asker_and_nobody_else_decides_meanwhile(tmp_path: Path) -> None:
    app = app_on_sample(tmp_path)
    key = asked(app).key
    assert "needs a reason" in says(app, f"request changes {key}", SAM)
    assert "asks for changes" in says(app, f"request changes {key} because staging is enough", SAM)
    assert asked_row(app).state == "returned"
    assert "waits for dana@fincorp.example" in says(app, f"status {key}", DANA)
    assert "asked for changes" in says(app, f"approve {key}", INES)
    assert "so only they answer" in says(app, f"answer {key}: it is not", SAM) and asked_row(app).state == "returned"
    assert "production sends them" in says(app, f"answer {key}: production sends them", DANA)
    assert asked_row(app).state == "waiting"
    facts = {line.label: line.text for line in card(asked_row(app)).lines}
    assert (facts["asked"], facts["answered"]) == ("staging is enough", "production sends them")
    says(app, f"approve {key}", INES)
    assert asked_row(app).state == "merged"


def test_whoever_gave_it_back_may_decide_after_all(tmp_path: Path) -> None:
    app = app_on_sample(tmp_path)
    key = asked(app).key
    says(app, f"request changes {key} because narrower", SAM)
    says(app, f"approve {key}", SAM)
    assert asked_row(app).state == "merged"


# --- a question


def test_a_question_decides_nothing_and_its_answer_goes_back(tmp_path: Path) -> None:
    app = app_on_sample(tmp_path)
    made = asked(app)
    assert "decides nothing" in says(app, f"ask {made.key}: does staging need it too?", SAM)
    now = asked_row(app)
    assert (now.state, now.version, now.digest) == ("waiting", made.version, made.digest)
    assert now.question is not None and now.question.text == "does staging need it too?"
    merge_request = app.forge.find(made.key)
    assert merge_request is not None
    notes = [note.text for note in app.forge.get(merge_request.number).notes]
    assert any("does staging need it too?" in note for note in notes)
    says(app, f"answer {made.key}: yes, token ghp_{'a' * 36}", DANA)
    answered = asked_row(app).question
    assert answered is not None and answered.answer
    assert answered.answer.startswith("yes, token") and "ghp_" not in answered.answer
    facts = {line.label: (line.text, line.people) for line in card(asked_row(app)).lines}
    assert facts["asked"] == ("does staging need it too?", ("sam@fincorp.example",))
    assert facts["answered"] == (answered.answer, ("dana@fincorp.example",))
    assert "question" not in facts
    notes = [note.text for note in app.forge.get(merge_request.number).notes]
    assert any("answers about" in note for note in notes) and not any("ghp_" in note for note in notes)
    assert "nothing to answer" in says(app, f"answer {made.key}: once more", DANA)


def test_only_an_approver_asks_and_yes_is_no_approval(tmp_path: Path) -> None:
    app = app_on_sample(tmp_path)
    key = asked(app).key
    assert "not among the approvers" in says(app, f"ask {key}: why?", NOOR)
    says(app, f"ask {key}: shall I approve it?", SAM)
    says(app, f"answer {key}: yes, approve", DANA)
    says(app, "yes", SAM)
    assert asked_row(app).state == "waiting"


# --- a part


def test_a_part_is_drawn_anew_approved_as_that_and_told(tmp_path: Path) -> None:
    app = app_on_sample(tmp_path)
    before = asked_for_two(app)
    says(app, f"status {before.key}", SAM)
    heard = says(
        app, f"approve {before.key} only to api.twilio.com until 2027-03-31 because the rest is not ready", SAM
    )
    assert "only a part" in heard and "api.twilio.com:443" in heard
    now = asked_row(app)
    assert (now.key, now.state, now.asked_by) == (before.key, "merged", DANA.id)
    assert (now.destinations, now.until) == (("api.twilio.com:443",), "2027-03-31")
    assert now.digest != before.digest
    assert target_has(app, "api.twilio.com") and not target_has(app, "api.mailgun.net")


def test_of_two_that_are_needed_the_chooser_is_one_and_only_for_what_they_chose(tmp_path: Path) -> None:
    app = app_on_sample(tmp_path, policy=TWO_OF_TWO)
    before = asked_for_two(app)
    says(app, f"status {before.key}", INES)
    says(app, f"approve {before.key}", INES)
    says(app, f"approve {before.key} only to api.twilio.com", SAM)
    now = asked_row(app)
    assert (now.state, now.destinations) == ("waiting", ("api.twilio.com:443",))
    assert [(past.by, past.digest) for past in now.decisions if past.digest == now.digest] == [(SAM.id, now.digest)]
    stale = app.conversation.press(Pressed("approve", now.key, before.digest), INES, HERE)
    assert "has changed since you looked" in stale[0].text
    app.conversation.press(Pressed("approve", now.key, now.digest), INES, HERE)
    assert asked_row(app).state == "merged"
    assert not target_has(app, "api.mailgun.net")


@pytest.mark.parametrize(
    ("chosen", "says_so"),
    [
        ("only to api.pagerduty.com", "is no part of"),
        ("only to api.twilio.com:8443", "is no part of"),
        ("only to *.twilio.com", "*."),
        ("until 2027-12-31", "is no part of"),
        ("only for staging", "staging"),
        ("only to api.twilio.com, api.mailgun.net", "no part of"),
    ],
)
def test_a_part_is_never_more_than_was_asked(chosen: str, says_so: str, tmp_path: Path) -> None:
    app = app_on_sample(tmp_path)
    before = asked_for_two(app)
    says(app, f"status {before.key}", SAM)
    assert says_so in says(app, f"approve {before.key} {chosen}", SAM)
    assert asked_row(app).digest == before.digest and asked_row(app).state == "waiting"


def test_the_asker_can_not_approve_a_part(tmp_path: Path) -> None:
    app = app_on_sample(tmp_path)
    before = asked_for_two(app)
    assert "yourself" in says(app, f"approve {before.key} only to api.twilio.com", DANA)
    assert asked_row(app).digest == before.digest


@pytest.mark.parametrize(
    ("one", "whole", "fits"),
    [
        ("a.example", "a.example", True),
        ("a.example:8443", "a.example", False),
        ("tcp://a.example:5000", "tcp://a.example:4000-6000", True),
        ("10.0.0.4/32:443", "10.0.0.0/24:443", True),
        ("10.0.0.0/16:443", "10.0.0.0/24:443", False),
        ("udp://10.0.0.4:53", "10.0.0.0/24:53", False),
        ("cf-service://rds", "cf-service://redis", False),
        ("https://a.example:8443", "https://a.example:8443", True),
        ("tcp://a.example:443", "https://a.example", False),  # plain TCP carries more than TLS does
        ("a.example:8443", "https://a.example:8443", False),
    ],
)
def test_what_is_a_part_of_what(one: str, whole: str, fits: bool) -> None:
    assert is_part(destination(one)[0], destination(whole)[0]) is fits
