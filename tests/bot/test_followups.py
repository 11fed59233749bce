"""Small parts of follow-ups: what stands above a mention, the other workload, a correction as a case."""

from __future__ import annotations

from typing import Any

import pytest

from bot.followups import take_space, which_phase
from bot.gather import Where
from bot.slack.above import words_of
from bot.turns import Turn, other_one
from skills.core.commands import Heard
from skills.core.corrections import correction
from skills.core.model import Person
from skills.core.scoring import case
from skills.core.understand import hear

READ = {"symptom": "connect_timeout", "client": "curl", "destinations": [], "egress_block": "yes"}
TEXT = "curl: (28) Failed to connect to api.example.com port 443: Timeout was reached"


def test_every_text_of_an_alert_is_read_once_and_no_button() -> None:
    message: dict[str, Any] = {
        "text": "FIRING",
        "blocks": [
            {"type": "header", "text": {"type": "plain_text", "text": "payments"}},
            {"type": "section", "fields": [{"type": "mrkdwn", "text": "*host* api.example.com"}]},
            {"type": "context", "elements": [{"type": "mrkdwn", "text": "since 08:00"}]},
            {"type": "actions", "elements": [{"type": "button", "text": {"type": "plain_text", "text": "Silence"}}]},
            {
                "type": "rich_text",
                "elements": [
                    {
                        "type": "rich_text_preformatted",
                        "elements": [
                            {"type": "text", "text": "GET "},
                            {"type": "link", "url": "https://api.example.com"},
                            {"type": "text", "text": " timed out"},
                        ],
                    }
                ],
            },
        ],
        "attachments": [{"title": "payments", "text": "dial tcp", "fields": [{"title": "pod", "value": "web-1"}]}],
    }
    assert words_of(message).splitlines() == [
        "FIRING", "payments", "*host* api.example.com", "since 08:00", "GET https://api.example.com timed out",
        "dial tcp", "pod", "web-1",
    ]  # fmt: skip


def test_an_alert_that_nests_without_end_is_read_in_part() -> None:
    message: dict[str, Any] = {"text": "end"}
    for _ in range(200):
        message = {"text": "more", "attachments": [message]}
    assert words_of(message) == "more"


@pytest.mark.parametrize(
    ("state", "names", "wanted"),
    [
        ({"for": "a/web", "choices": ["a/web", "b/web"]}, [], "b/web"),
        ({"for": "a/web"}, ["a/web", "b/web", "a/api"], "b/web"),
        ({"for": "a/web"}, ["a/web", "b/web", "c/web"], None),
        ({}, ["a/web"], None),
    ],
)
def test_the_other_one_is_the_only_one_left(state: dict[str, Any], names: list[str], wanted: str | None) -> None:
    assert other_one(state, names)[0] == wanted


@pytest.mark.parametrize(
    ("said", "verb"),
    [
        ("and 8443?", "port"),
        ("what about port 8443?", "port"),
        ("8443", "port"),
        ("no, the other project", "other"),
        ("the other one", "other"),
        ("same for sendgrid", "same"),
        ("same for api.sendgrid.com", "check"),
        ("why?", "why"),
        ("not right", "wrong"),
        ("that's wrong.", "wrong"),
        ("merged an hour ago, still fails", "fails"),
        ("merged an hour ago, still 502", "diagnose"),
        ("approve all of it, the other one too", "unclear"),
    ],
)
def test_a_few_words_are_heard_as_what_they_are(said: str, verb: str) -> None:
    assert hear(said).verb == verb


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("it was an expired certificate", {"symptom": "tls_expired"}),
        ("tls_handshake", {"symptom": "tls_handshake"}),
        ("not blocked", {"symptom": "connect_timeout", "egress_block_plausible": "no"}),
        ("it was blocked", {"egress_block_plausible": "yes"}),
    ],
)
def test_a_correction_is_a_case_that_eval_reads(said: str, wanted: dict[str, Any]) -> None:
    row = correction(TEXT, READ, said)
    assert wanted.items() <= row.items()
    assert case(row, 1).text == TEXT


def test_a_corrected_host_is_a_label_and_secrets_are_masked() -> None:
    row = correction(f"{TEXT}\npassword=hunter2", READ, "the host was db.example.com:5432, password=hunter2")
    assert [(item["host"], item["port"], item["stated"]) for item in row["destination"]] == [
        ("db.example.com", 5432, False)
    ]
    assert "hunter2" not in str(row)


def spoken(platform: str) -> Turn:
    state = {"platform": platform, "for": "acme/prod/shop"}
    return Turn("and from staging?", Person("dana@acme.example"), Where("terminal", "t"), state)


def test_staging_on_cloud_foundry_is_asked_once() -> None:
    turn = spoken("cloud_foundry")
    assert which_phase(turn, hear("and from staging?")) is not None
    assert take_space(turn, Heard("answer", reason=turn.state["asking"]["choices"][1]))
    assert turn.state["for"] == "acme/staging/shop"
    assert "asking" not in turn.state
    assert which_phase(turn, hear("and from staging?")) is None


def test_the_build_phase_leaves_the_space_alone() -> None:
    turn = spoken("cloud_foundry")
    which_phase(turn, hear("and from staging?"))
    assert not take_space(turn, Heard("answer", reason=turn.state["asking"]["choices"][0]))
    assert turn.state["for"] == "acme/prod/shop"


def test_staging_elsewhere_is_an_environment() -> None:
    assert which_phase(spoken("istio"), hear("and from staging?")) is None
