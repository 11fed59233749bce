"""Questions that a policy asks: derived, asked, remembered, and printed in the merge request."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bot.app import App
from bot.desk import Handled
from bot.gather import Where
from bot.sample import files
from skills.all_skills import by_name
from skills.core.model import OpenMergeRequest, Person
from skills.core.policy import PATH, read_policy
from skills.core.rendering import hidden
from skills.draft import asking
from skills.draft import skill as draft
from tests.apps import app_on_sample
from tests.worlds import world

DANA = Person("dana@fincorp.example")
ASKS = """
inside: ["*.dsop.example"]
questions:
  - {platforms: [istio], ask: [boundary, atc, impact_level, nipr, diagram]}
  - {environments: [production], ask: [data_class, {id: dpo, asks: "Which ticket of the data protection officer?"}]}
"""
SAMPLE = files()[PATH].decode() + ASKS
FLOW: dict[str, Any] = {
    "for": "production:mission-tracker/tracker-api",
    "to": ("udl.provider.example",),
    "reason": "the catalogue",
}
ANSWERS = ("atc=ATC-2026-7", "impact_level=same", "data_class=internal", "dpo=DPO-12")


def do(app: App, name: str, **ask: Any) -> Handled:
    return app.desk.handle(name, by_name(name).Ask.model_validate(ask), DANA, Where("cli"))


def body_of(app: App, host: str = "udl") -> str:
    key = next(each.key for each in app.requests() if each.destinations[0].startswith(host))
    opened = [each for each in app.memory.intents_of(key) if each.kind == OpenMergeRequest.__name__]
    return str(opened[-1].payload["body"])


def test_nothing_is_proposed_while_a_question_is_open(tmp_path: Path) -> None:
    app = app_on_sample(tmp_path, policy=SAMPLE)
    drafted = do(app, "draft", **FLOW).answer
    assert drafted is not None
    assert [each.id for each in drafted.questions] == ["atc", "impact_level", "data_class"], "three at most"
    assert "open" not in drafted.next_steps
    assert drafted.exit_status == 4
    problem = do(app, "propose", **FLOW).problem
    assert problem is not None
    assert problem.finding.code == "EGR1545"
    assert problem.exit_status == 2
    assert not app.requests()


def test_answers_are_printed_and_what_holds_for_the_app_is_remembered_and_shown_so(tmp_path: Path) -> None:
    app = app_on_sample(tmp_path, policy=SAMPLE)
    assert do(app, "propose", **FLOW, answer=ANSWERS).problem is None
    body = body_of(app)
    assert "| Which ATC covers this external data provider" in body
    assert "ATC-2026-7" in body
    assert "external (follows from the request)" in body
    assert "drawn anew by this very change (follows from the request)" in body
    assert 'answer.atc: "ATC-2026-7"\n' in body[body.rindex("<!-- postern") :]
    first = app.requests()[0].key

    again = {**FLOW, "to": ("other.provider.example",)}
    drafted = do(app, "draft", **again).answer
    assert drafted is not None
    assert [each.id for each in drafted.questions] == ["impact_level"], "what is about the far end is asked anew"
    told = [each.facts for each in drafted.findings if each.code == "EGR1546"]
    assert {each["id"] for each in told} == {"atc", "data_class", "dpo"}
    assert all(str(each["source"]).startswith(first) for each in told)
    assert do(app, "propose", **again, answer=("impact_level=same", "atc=ATC-2027-1")).problem is None
    body = body_of(app, "other")
    assert "ATC-2027-1" in body
    assert f"internal (remembered from {first}, 2026-11-21)" in body
    assert app.memory.answers(app.repository, "mission-tracker/tracker-api")["atc"].answer == "ATC-2027-1"


def test_what_is_remembered_is_of_that_app_and_repository_alone(tmp_path: Path) -> None:
    app = app_on_sample(tmp_path, policy=SAMPLE)
    assert do(app, "propose", **FLOW, answer=ANSWERS).problem is None
    assert app.memory.answers(app.repository, "another/app") == {}
    assert app.memory.answers("elsewhere", "mission-tracker/tracker-api") == {}


def test_without_questions_in_the_policy_nothing_is_asked_or_printed(tmp_path: Path) -> None:
    app = app_on_sample(tmp_path)
    assert do(app, "propose", **FLOW).problem is None
    assert "answer." not in body_of(app)


def test_a_reason_and_a_last_day_can_be_answers(tmp_path: Path) -> None:
    app = app_on_sample(tmp_path, policy=files()[PATH].decode() + "questions: [{ask: [justification, expiry]}]\n")
    flow = {"for": FLOW["for"], "to": FLOW["to"]}
    assert [each.id for each in do(app, "draft", **flow).answer.questions] == ["expiry"]  # type: ignore[union-attr]
    assert do(app, "propose", **flow, answer=("justification=the catalogue", "expiry=2027-01-31")).problem is None
    assert (app.requests()[0].reason, app.requests()[0].until) == ("the catalogue", "2027-01-31")


def test_the_conversation_asks_one_after_the_other_and_takes_free_text(tmp_path: Path) -> None:
    app = app_on_sample(tmp_path, policy=SAMPLE)
    where = Where("slack", "slack:T1:C1:1700000000.000100")

    def say(words: str, who: Person = DANA) -> str:
        return "\n".join(reply.text for reply in app.conversation.hear(words, who, where))

    say("production:mission-tracker/tracker-api needs udl.provider.example")
    assert "Which ATC covers" in say("draft")
    say("we will see tomorrow", Person("noor@fincorp.example"))
    assert "impact level" in say("ATC-2026-7")
    assert "Which class of data" in say("1")
    assert "data protection officer" in say("2")
    assert "Which" not in say("DPO-12")
    say("open")
    say("the catalogue of parts")
    body = body_of(app)
    assert "ATC-2026-7" in body
    assert "DPO-12" in body
    assert "tomorrow" not in body


@pytest.mark.parametrize("text", ["-->", "--\n-->", "</x>", "a--b", '"', "\u2028", "\u202e", "ü", "<!-- postern"])
def test_nothing_ends_the_comment_that_holds_answers(text: str) -> None:
    written = hidden(text)
    assert "--" not in written
    assert not set(written) & set("<>\n\u2028\u202e")
    assert json.loads(written) == text


def test_cloud_gov_says_who_may_change_the_space() -> None:
    from dataclasses import replace

    made = replace(world(files()), policy=read_policy("questions: [{platforms: [cloud_foundry], ask: [role]}]\n"))
    ask = draft.Ask.model_validate({"for": "treasury-direct/bonds-dev", "to": ("api.partner.example",)})
    need, _ = draft.need_of(ask, made)
    assert need is not None
    (role,) = asking.answers((), need, made)
    assert (role.how, role.answer) == (
        "derived",
        "SpaceManager of treasury-direct/bonds-dev, or OrgManager of treasury-direct",
    )
