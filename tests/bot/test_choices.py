"""A question with choices has a button or a menu: what is pressed is what could be typed, and only while it is asked."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytest.importorskip("slack_bolt")

from bot.gather import Where
from bot.slack.blocks import CHOICE, chosen, message
from bot.turns import mark_of
from skills.replies import Reply
from tests.bot.test_slack import TIMEOUT
from tests.bot.test_surfaces import Office, office
from tests.fakes.block_kit import check_message

__all__ = ["office"]

HERE = "slack:T1:C1:1.0"


def asked(office: Office) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The newest message with choices, and its elements."""
    sent = next(each for each in reversed(office.api.posted) if f'"{CHOICE}"' in json.dumps(each.get("blocks")))
    return sent, next(each["elements"] for each in sent["blocks"] if each.get("block_id") == CHOICE)


async def choose(office: Office, sent: dict[str, Any], button: dict[str, Any], user: str = "UDANA") -> None:
    shown = {"ts": sent["ts"], "thread_ts": "1.0"}
    picked = {"text": button["text"]}
    await office.press(button["action_id"], button["value"], user=user, message=shown, picked=picked)


async def ask_which(office: Office) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    await office.say(f"<@UBOT> payments gets {TIMEOUT}")
    return asked(office)


@pytest.mark.asyncio
async def test_a_choice_is_pressed_as_its_number_is_typed(office: Office) -> None:
    sent, buttons = await ask_which(office)
    assert [each["text"]["text"] for each in buttons][:2] == ["1) payment-api", "2) payment-gateway"]
    assert buttons[1]["accessibility_label"] == "Answer 2) payment-gateway"
    assert "1) payment-api" in sent["text"]
    await choose(office, sent, buttons[1])
    assert "payment-gateway (production) can't reach api.twilio.com:443" in office.last
    now = json.dumps(next(each for each in office.api.posted if each["ts"] == sent["ts"])["blocks"])
    assert "Chosen: 2) payment-gateway, by <@UDANA>." in now
    assert f"{CHOICE}_1" not in now


@pytest.mark.asyncio
async def test_somebody_else_in_the_thread_may_answer_for_themselves(office: Office) -> None:
    sent, buttons = await ask_which(office)
    await choose(office, sent, buttons[1], user="UEVE")
    assert "payment-gateway (production) can't reach" in office.last
    assert "by <@UEVE>." in json.dumps(office.api.posted[0]["blocks"])


@pytest.mark.asyncio
@pytest.mark.parametrize("meanwhile", ["2", "payment-api must reach api.example.com", "pressed"])
async def test_a_choice_that_was_superseded_says_so_and_does_nothing(office: Office, meanwhile: str) -> None:
    sent, buttons = await ask_which(office)
    if meanwhile == "pressed":
        await choose(office, sent, buttons[1])
    else:
        await office.say(meanwhile, ts="1.1", thread_ts="1.0", type="message", channel_type="channel")
    before = office.app.conversation.state(Where("slack", HERE))
    await choose(office, sent, buttons[0], user="UEVE")
    assert "not open any more" in office.last
    assert office.api.posted[-1]["user"] == "UEVE"
    assert office.app.conversation.state(Where("slack", HERE)) == before
    now = json.dumps(next(each for each in office.api.posted if each["ts"] == sent["ts"])["blocks"])
    assert f"{CHOICE}_1" not in now


@pytest.mark.asyncio
async def test_a_value_that_somebody_made_up_answers_nothing(office: Office) -> None:
    sent, buttons = await ask_which(office)
    before = office.app.conversation.state(Where("slack", HERE))
    for value in ("", ":2", "2", "0123456789abcdef:2", "x:y", "x:-1", "x:99999999999999999999"):
        await choose(office, sent, {**buttons[1], "value": value})
        assert office.app.conversation.state(Where("slack", HERE)).get("asking") == before["asking"]


def test_more_than_five_are_a_menu_and_every_length_is_taken() -> None:
    for count in (1, 5, 6, 100, 130):
        made = message(Reply(("Which?",), choices=tuple("c" * n for n in range(1, count + 1))), mark="m" * 16)
        check_message(made)
        [row] = [each["elements"] for each in made["blocks"] if each.get("block_id") == CHOICE]
        assert (row[0]["type"] == "static_select") is (count > 5)
    assert chosen({"selected_option": {"value": "m:7"}}) == ("m", 7)


def test_without_an_open_question_nothing_can_be_pressed() -> None:
    assert CHOICE not in json.dumps(message(Reply(("Which?",), choices=("a", "b"))))


def test_the_mark_is_of_the_question_and_of_what_it_is_about() -> None:
    state = {"asking": {"id": "environment", "choices": ["staging", "production"]}, "for": "a", "to": ["h:443"]}
    assert mark_of(state)
    others = ({"for": "b"}, {"to": ["x:443"]}, {"asking": {"id": "environment", "choices": ["production", "staging"]}})
    assert len({mark_of(state), *(mark_of({**state, **other}) for other in others)}) == 4
    assert mark_of({}) == mark_of({"asking": {"id": "workload", "choices": []}}) == ""


@pytest.mark.asyncio
async def test_a_choice_with_a_name_to_fill_in_asks_for_the_name(office: Office) -> None:
    said: dict[str, Any] = {"thread_ts": "1.0", "type": "message", "channel_type": "channel"}
    await office.say("<@UBOT> bonds-prod must reach s3.us-gov-west-1.amazonaws.com")
    await office.say("draft", ts="1.1", **said)
    sent, buttons = asked(office)
    await choose(office, sent, buttons[1])
    assert office.last.startswith("Which name stands for BUCKET")
    await office.say("Not A Bucket", ts="1.2", **said)
    assert office.last.startswith("Which name stands for BUCKET")
    await office.say("reports-2026", ts="1.3", **said)
    assert "reach reports-2026.vpce-" in office.last


@pytest.mark.asyncio
async def test_a_choice_that_only_one_person_sees_is_answered_to_them_alone(office: Office) -> None:
    await office.slash("payments must reach api.twilio.com")
    sent, buttons = asked(office)
    assert sent["user"] == "UDANA"
    response = f"{office.api.url.removesuffix('api/')}respond"
    alone: dict[str, Any] = {"message": None, "container": {"type": "message", "is_ephemeral": True}}
    alone |= {"response_url": response}
    picked = {"text": buttons[1]["text"]}
    await office.press(buttons[1]["action_id"], buttons[1]["value"], picked=picked, **alone)
    assert "payment-gateway (production) can't reach api.twilio.com:443" in office.last
    assert office.api.calls[-1] == "respond"
    await office.press(buttons[1]["action_id"], buttons[1]["value"], user="UEVE", picked=picked, **alone)
    assert "not open any more" in office.last
    assert office.api.calls[-1] == "respond"
