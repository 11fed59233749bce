"""Modals and the home page keep Slack's limits whatever stands in them, and give back what was filled in."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("slack_bolt")

from bot.slack import views
from bot.slack.home import FILTERS, belongs, home_view
from skills.cards import Line
from skills.core.model import Decided, Person, Question
from tests.bot.test_card_blocks import TEXT
from tests.core.test_cards import REQUEST
from tests.fakes.block_kit import check_view

META = {"thread": "slack:T1:C1:UDANA", "digest": "d" * 64, "key": "EG-AAAAAAA"}
STEPS = ("reject", "changes", "ask", "open", "answer")


@given(TEXT, st.lists(TEXT, max_size=20), TEXT)
def test_the_request_form(workload: str, hosts: list[str], reason: str) -> None:
    check_view(views.request_form(META, workload, hosts, reason))


@given(st.lists(TEXT, min_size=1, max_size=8), TEXT, st.lists(TEXT, max_size=130), TEXT)
def test_the_change_and_its_questions(lines: list[str], diff: str, choices: list[str], text: str) -> None:
    asked = [Question("way:x", "EGR1414", {}, tuple(choices)), Question("free", "EGR1414")]
    past = [Line(text, text, (text,), text)] * 5
    for questions in ([], asked):
        made = views.change_view(META, lines, diff, questions, past)
        check_view(made)
        assert made["callback_id"] == (views.ANSWERS if questions else views.OPEN)


@given(st.sampled_from(STEPS), TEXT)
def test_reasons(step: str, hint: str) -> None:
    made = views.reason_form(step, META, hint)
    check_view(made)
    assert views.meta_of(made) == {**META, "step": step}


@given(st.lists(TEXT, min_size=1, max_size=5))
def test_long_texts(bodies: list[str]) -> None:
    if any(body.strip() for body in bodies):
        check_view(views.long_text("more", bodies))


def test_a_long_diff_is_all_there() -> None:
    diff = "\n".join(f"+ line {number} <{'&' * 20}" for number in range(2000))
    said = json.dumps(views.long_text("diff", [diff]))
    assert said.count("+ line ") == 2000


@pytest.mark.parametrize("metadata", ["", "{}", "[]", "nonsense", '{"thread": {"a": 1}}', "null"])
def test_metadata_that_somebody_made_up_breaks_nothing(metadata: str) -> None:
    assert isinstance(views.meta_of({"private_metadata": metadata}), dict)


def test_what_was_filled_in_comes_back() -> None:
    values: dict[str, Any] = {
        "workload": {views.WORKLOAD: {"type": "external_select", "selected_option": {"value": "payments"}}},
        "hosts": {views.HOSTS: {"selected_options": [{"value": "a.example:443"}, {"value": "b.example"}]}},
        "reason": {"given": {"type": "plain_text_input", "value": "orders"}},
        "until": {"given": {"type": "datepicker", "selected_date": None}},
        "q:way:x": {"given": {"type": "static_select", "selected_option": {"value": "1"}}},
    }
    assert views.given({"state": {"values": values}}) == {
        "workload": "payments",
        "hosts": ["a.example:443", "b.example"],
        "reason": "orders",
        "until": "",
        "q:way:x": "1",
    }


DANA, SAM = Person("slack:T1:UDANA"), Person("slack:T1:USAM")
TODAY = date(2027, 3, 10)


def test_home_shows_what_is_ones_own_and_what_waits_for_one() -> None:
    merged = replace(REQUEST, key="EG-BBBBBBB", state="merged")
    assert [belongs(name, REQUEST, DANA, TODAY) for name in FILTERS] == [True, False, False, True]
    assert [belongs(name, REQUEST, SAM, TODAY) for name in FILTERS] == [False, True, False, True]
    assert [belongs(name, merged, DANA, TODAY) for name in FILTERS] == [True, False, True, False]
    assert [belongs(name, merged, SAM, TODAY) for name in FILTERS] == [False, False, False, False]


def test_the_queue_is_whom_it_waits_for_as_the_card_says() -> None:
    held = replace(REQUEST, state="held", decisions=(Decided("hold", SAM.id, REQUEST.digest),))
    assert belongs("queue", held, SAM, TODAY), "nobody else can go on with it"
    assert not belongs("queue", held, Person("slack:T1:UINES"), TODAY)
    approved = replace(REQUEST, decisions=(Decided("approve", SAM.id, REQUEST.digest),))
    assert not belongs("queue", approved, SAM, TODAY)


def test_what_waits_for_one_leads_to_its_card() -> None:
    for thread, found in (("slack:T1:C1:1700000000.000100", True), ("slack:T1:C1:UDANA", False), ("cli", False)):
        view = home_view(SAM, [replace(REQUEST, thread=thread)], TODAY, "queue")
        urls = [block["accessory"]["url"] for block in view["blocks"] if "accessory" in block]
        assert urls == (["https://app.slack.com/client/T1/C1/thread/C1-1700000000.000100"] if found else [])


def test_home_knows_somebody_by_all_of_their_names() -> None:
    canon = {"slack:T1:USAM": "sam@fincorp.example", "slack:t1:usam": "sam@fincorp.example"}
    asked = replace(REQUEST, waits_for=("sam@fincorp.example",))
    assert not belongs("queue", asked, SAM, TODAY)
    assert belongs("queue", asked, SAM, TODAY, lambda name: canon.get(name, name))


@given(TEXT, st.sampled_from(["", *FILTERS]), st.integers(0, 60))
def test_home_within_its_limits(text: str, shown: str, count: int) -> None:
    asked = replace(REQUEST, workload=text, destinations=(text,), url=f"https://x.example/{text}")
    made = home_view(SAM, [replace(asked, key=f"EG-{number}") for number in range(count)], TODAY, shown)
    check_view(made)
