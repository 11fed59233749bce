"""What a team may keep from a language model: by the policy in Git, by the settings, and the stricter of both counts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

pytest.importorskip("langchain")

from bot.ai import setup
from bot.app import App
from bot.gather import Where
from bot.turns import Replies
from skills.core.model import Person
from skills.core.policy import faults_in
from tests.apps import app_on_sample, set_to
from tests.fakes.models import Played, calling, played

POLICY = """
version: 1
groups: {security: [sam@fincorp.example]}
teams:
  claims:
    workloads: ["claims/*", claims]
    channels: ["slack:T1:CCLAIMS"]
    model: none
  kyc: {workloads: ["kyc/*"], model: strict}
  retail: {workloads: [payment-gateway]}
approval: [{paths: ["**"], groups: [security]}]
"""
ELSE = "hmm, that thing which takes the card payments fails on the way to api.twilio.com"
Hear = Callable[..., Played]


@pytest.fixture(scope="module")
def apps() -> dict[str, App]:
    return {}


@pytest.fixture
def hear(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, apps: dict[str, App]) -> Hear:
    """Says something in a thread of its own, and gives the model that may have been asked."""

    def said(
        words: str, *, policy: str = POLICY, where: Where | None = None, calls: Any = (), **settings: Any
    ) -> Played:
        app = apps.get(policy) or app_on_sample(tmp_path / uuid4().hex, policy=policy)
        apps[policy] = app
        model = played(calling(*calls))
        set_to(app, monkeypatch.setattr, model="some:model", **settings)
        monkeypatch.setattr(setup, "models", lambda _settings: [model])
        there = where or Where("terminal", f"t:{uuid4()}")
        for each in words.split("\n"):
            replies: Replies = app.conversation.hear(each, Person("dana@fincorp.example"), there)
            if replies.later:
                replies.later()
        return model

    return said


@pytest.mark.parametrize(
    "words",
    [
        "warum ist claims/claims-api nicht mit httpbin.org verbunden, was ist mit der Verbindung",
        "warum ist claims-api nicht mit httpbin.org verbunden, was ist mit der Verbindung",
        "warum ist CLAIMS-API nicht mit httpbin.org verbunden, was ist mit der Verbindung",
        "hmm, I mean that claims-worker thing over there which is somehow not the same",
        "warum ist production:claims/claims-api nicht mit httpbin.org verbunden, und was ist da",
        "payment-gateway needs api.twilio.com and claims-api needs httpbin.org",
        "claims-api must reach httpbin.org\nhmm, and that other thing over there, is it somehow the same",
        "claims-api muss httpbin.org erreichen, warum geht das nicht mit der Verbindung",
    ],
)
def test_a_team_that_wants_none_is_never_spoken_of(hear: Hear, words: str) -> None:
    assert not hear(words).seen
    assert hear(
        words, policy=POLICY.replace("model: none", "model: full")
    ).seen  # so that it is that key, and nothing else


def test_its_channel_speaks_for_it(hear: Hear) -> None:
    assert not hear(ELSE, where=Where("slack", "slack:T1:CCLAIMS:1.0")).seen
    assert hear(ELSE, where=Where("slack", "slack:T1:C2:1.0")).seen


def test_its_names_do_not_leave_in_somebody_elses_turn(hear: Hear) -> None:
    """Not in the list of workloads, not through a tool that is asked for them, not in a path of a result."""
    calls = [
        ("check", {"for": "claims-api", "to": ["api.twilio.com"]}),
        ("why", {"to": ["api.twilio.com"]}),
        ("status", {}),
    ]
    model = hear(ELSE, calls=calls)
    assert model.seen
    assert "payment-gateway" in model.sent
    for name in ("claims-api", "claims-worker", "kyc-crawler", "kyc-screening"):
        assert name not in model.sent


def test_a_team_of_structure_alone_sends_no_name(hear: Hear) -> None:
    model = hear("warum ist kyc/kyc-screening nicht mit api.twilio.com verbunden, was ist mit der Verbindung")
    assert model.seen
    sent = "\n".join(str(message.content) for messages in model.seen for message in messages[1:])
    for name in ("kyc", "screening", "twilio", "payment-gateway", "claims"):
        assert name not in sent


def test_the_stricter_of_policy_and_setting_counts(hear: Hear) -> None:
    assert "api.twilio.com" in hear(ELSE).sent
    assert "twilio" not in hear(ELSE, model_strict="yes").sent.split("purpose:")[1]
    assert not hear(ELSE, model_off_for=frozenset({"dana@*"})).seen
    kyc = "warum ist kyc/kyc-screening nicht mit api.twilio.com verbunden, was ist mit der Verbindung"
    assert not hear(kyc, model_off_for=frozenset({"kyc/*"})).seen


@pytest.mark.parametrize("whole", ["none", "strict"])
def test_a_team_may_ask_for_more_than_the_file_gives_to_all(hear: Hear, whole: str) -> None:
    policy = POLICY.replace("version: 1", f"version: 1\nmodel: {whole}").replace("gateway]", "gateway], model: full")
    named = "warum ist payment-gateway nicht mit api.twilio.com verbunden, was ist mit der Verbindung"
    assert "api.twilio.com" in hear(named, policy=policy).sent
    others = hear("warum ist ledger nicht mit api.twilio.com verbunden, was ist mit der Verbindung", policy=policy)
    assert "api.twilio.com" not in others.sent
    assert bool(others.seen) is (whole == "strict")


def test_a_policy_that_can_not_be_read_sends_nothing(hear: Hear) -> None:
    assert not hear(ELSE, policy="version: 1\nmodel: som\n").seen
    assert not hear(ELSE, policy="version: [").seen
    assert hear(ELSE, policy="version: 1\n").seen


def test_a_word_that_is_none_of_the_three_is_named(hear: Hear) -> None:
    found = faults_in("version: 1\nteams:\n  a: {workloads: [b], model: stric}\n")
    assert [(fault.line, fault.what) for fault in found] == [
        (3, "`stric` is no value of `model`; known are full, strict, none; did you mean `strict`?")
    ]
    assert faults_in("version: 1\nmodel: none\nteams:\n  a: {workloads: [b], model: full}\n") == ()
