"""What is done to a request with more than one word has a form: it says what could be typed, and rights are checked when
it comes back."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("slack_bolt")

from bot.slack import views
from bot.slack.blocks import MORE_STEPS
from bot.slack.deeds import DEEDS, deed_form, said_in
from tests.apps import head_of
from tests.bot.test_card_blocks import TEXT
from tests.bot.test_slack import POLICY
from tests.bot.test_surfaces import Office, office_open
from tests.core.test_cards import REQUEST
from tests.fakes.block_kit import check_view
from tests.fakes.slack_api import Break

RIGHTS = f"{POLICY}veto: [security]\nbreak_glass: {{groups: [security]}}\n"
WHY = {"reason": {"given": {"value": "because it must be so"}}}
SURE = {"confirm": {"given": {"selected_options": [{"value": "yes"}]}}}
DAY = {"until": {"given": {"selected_date": "2027-01-31"}}}


@pytest_asyncio.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with office_open(tmp_path, RIGHTS) as made:
        yield made


async def pick(office: Office, step: str, user: str) -> None:
    """Of the menu on the card, as it stands there."""
    [card] = office.cards()
    row = next(each for each in card["blocks"] if each["type"] == "actions")
    menu = next(each for each in row["elements"] if each["action_id"] == MORE_STEPS)
    option = next(each for each in menu["options"] if each["value"].startswith(f"{step}:"))
    picked = {"type": "overflow", "selected_option": option}
    await office.press(MORE_STEPS, user=user, picked=picked)


async def fill(office: Office, values: dict[str, Any], user: str, team: str = "T1") -> dict[str, Any]:
    """Sent by whoever it is, also another one than who opened it."""
    return await office.submit(office.form, values, user, team)


@pytest.mark.asyncio
async def test_a_veto_ends_it_and_no_button_is_left(office: Office) -> None:
    await office.opened()
    await pick(office, "veto", "USAM")
    await fill(office, WHY, "USAM")
    assert office.request().state == "rejected"
    await office.draw()
    [card] = office.cards()
    assert MORE_STEPS not in json.dumps(card)
    assert "postern_step_approve" not in json.dumps(card)


@pytest.mark.asyncio
async def test_the_glass_is_broken_with_a_reason_and_a_tick_and_then_reviewed(office: Office) -> None:
    await office.opened()
    before = head_of(office.app)
    await pick(office, "break-glass", "USAM")
    await fill(office, WHY, "USAM")
    assert head_of(office.app) == before
    await fill(office, {**WHY, **SURE}, "USAM")
    assert head_of(office.app) != before
    assert office.request().review
    asked = next(each for each in office.api.posted if "postern_step_review" in json.dumps(each.get("blocks")))
    button = asked["blocks"][-1]["elements"][0]
    await office.press("postern_step_review", button["value"], user="USAM")
    await fill(office, WHY, "USAM")
    assert "you broke the glass" in office.last.casefold() or office.api.posted[-1]["user"] == "USAM"


@pytest.mark.asyncio
async def test_a_part_is_approved_and_the_whole_is_not(office: Office) -> None:
    said: dict[str, Any] = {"thread_ts": "1.0", "type": "message", "channel_type": "channel"}
    await office.say("<@UBOT> payment-gateway must reach one.example.com:443 and two.example.com:443")
    await office.say("draft", ts="1.1", **said)
    await office.say("open because of orders", ts="1.2", **said)
    await office.draw()
    await pick(office, "part", "USAM")
    assert "narrower" in (await fill(office, {}, "USAM"))["errors"]
    assert "until" in (await fill(office, {"until": {"given": {"selected_date": "2020-01-01"}}}, "USAM"))["errors"]
    one = next(block for block in office.form["blocks"] if block.get("block_id") == "hosts")["element"]["options"][0]
    await fill(office, {"hosts": {"given": {"selected_options": [one]}}}, "USAM")
    assert office.request().destinations == ("one.example.com:443",)
    assert [past.verb for past in office.request().decisions] == ["approve"]


@pytest.mark.asyncio
async def test_a_part_that_is_more_than_was_asked_is_refused(office: Office) -> None:
    await office.opened()
    await pick(office, "part", "USAM")
    await fill(office, {"narrower": {"given": {"value": "evil.example.com:443"}}}, "USAM")
    assert office.request().destinations == ("api.twilio.com:443",)
    assert not office.request().decisions


@pytest.mark.asyncio
async def test_whoever_asked_takes_it_back(office: Office) -> None:
    await office.opened()
    await pick(office, "withdraw", "UDANA")
    assert office.request().state == "waiting"
    await fill(office, {}, "UDANA")
    assert office.request().state == "withdrawn"


@pytest.mark.asyncio
async def test_it_is_taken_back_from_the_home_page_too_and_the_answer_comes_directly(office: Office) -> None:
    request = await office.opened()
    event = {"type": "app_home_opened", "user": "UDANA", "tab": "home"}
    await office.send({"type": "event_callback", "team_id": "T1", "event_id": "Eh", "event": event})
    buttons = [each["accessory"] for each in office.form["blocks"] if each.get("accessory")]
    assert [each["accessibility_label"] for each in buttons] == [f"Withdraw … {request.key}"]
    nowhere: dict[str, Any] = {"message": None, "channel": None}
    await office.press(buttons[0]["action_id"], buttons[0]["value"], **nowhere)
    await fill(office, WHY, "UEVE")
    assert office.request().state == "waiting"
    await fill(office, WHY, "UDANA")
    assert office.request().state == "withdrawn"
    assert any(sent["channel"] == "UDANA" and request.key in sent["text"] for sent in office.api.posted)


@pytest.mark.asyncio
async def test_whoever_asked_renews_what_is_merged(office: Office) -> None:
    request = await office.opened()
    await office.press("postern_step_approve", f"{request.key}:{request.digest}", user="USAM")
    await office.press("postern_step_renew", f"{request.key}:", user="UDANA")
    assert "reason" in (await fill(office, DAY, "UDANA"))["errors"]
    await fill(office, {**WHY, **DAY}, "UEVE")
    assert office.api.posted[-1]["user"] == "UEVE"
    assert office.app.memory.request(request.key).request.until is None  # type: ignore[union-attr]
    await fill(office, {**WHY, **DAY}, "UDANA")
    assert "2027-01-31" in office.last or office.app.memory.request(request.key).request.until == "2027-01-31"  # type: ignore[union-attr]


@pytest.mark.asyncio
async def test_the_wrong_person_does_none_of_it_whoever_opened_the_form(office: Office) -> None:
    request, before = await office.opened(), head_of(office.app)
    wrong = {
        "part": [("UDANA", "T1"), ("UEVE", "T1"), ("USAM", "T2")],
        "veto": [("UDANA", "T1"), ("UEVE", "T1"), ("USAM", "T2")],
        "break-glass": [("UDANA", "T1"), ("UEVE", "T1"), ("USAM", "T2")],
        "withdraw": [("USAM", "T1"), ("UEVE", "T1"), ("UDANA", "T2")],
    }
    for step, people in wrong.items():
        for user, team in people:
            await pick(office, step, "UDANA" if step == "withdraw" else "USAM")
            await fill(office, {**WHY, **SURE, **DAY}, user, team)
            assert office.request() == replace(request, latest=office.request().latest)
            assert head_of(office.app) == before
            assert office.api.posted[-1]["user"] == user


@pytest.mark.asyncio
async def test_the_wrong_person_is_told_at_the_click_and_no_form_opens(office: Office) -> None:
    """Before they have written anything; each refusal is noted once."""
    request = await office.opened()
    value, opened = f"{request.key}:{request.digest}", len(office.api.shown)
    buttons = {"reject": "UEVE", "changes": "UEVE", "ask": "UEVE", "answer": "USAM", "review": "UEVE", "renew": "UEVE"}
    for step, user in buttons.items():
        await office.press(f"postern_step_{step}", value, user=user)
        assert (office.api.posted[-1]["user"], len(office.api.shown)) == (user, opened), step
    for step, user in {"part": "UEVE", "veto": "UDANA", "break-glass": "UDANA", "withdraw": "USAM"}.items():
        await pick(office, step, user)
        assert (office.api.posted[-1]["user"], len(office.api.shown)) == (user, opened), step
    assert office.request() == replace(request, latest=office.request().latest)
    noted = [row for row in office.app.memory.log() if "refused" in row.facts]
    assert len(noted) == len(buttons) + 4
    await office.press("postern_step_reject", value, user="USAM")
    assert len(office.api.shown) == opened + 1


@pytest.mark.asyncio
async def test_a_form_of_a_request_that_changed_meanwhile_does_nothing(office: Office) -> None:
    await office.opened()
    for step in ("part", "veto", "break-glass"):
        await pick(office, step, "USAM")
        meta = json.dumps({**views.meta_of(office.form), "digest": "0" * 64})
        office.api.shown[-1]["private_metadata"] = meta
        await fill(office, {**WHY, **SURE, **DAY}, "USAM")
        assert office.request().state == "waiting"
        assert not office.request().decisions


@pytest.mark.asyncio
async def test_a_form_that_opens_too_late_does_nothing_and_says_what_to_type(office: Office) -> None:
    await office.opened()
    typed = {
        "part": "Typed: approve",
        "veto": "veto because",
        "break-glass": "Add: because",
        "withdraw": "withdraw EG-",
    }
    for step, says in typed.items():
        office.api.breaks.append(Break("views.open", error="expired_trigger_id"))
        await pick(office, step, "UDANA" if step == "withdraw" else "USAM")
        assert office.request().state == "waiting"
        assert says in office.last


@given(st.sampled_from(DEEDS), TEXT, st.lists(TEXT, min_size=1, max_size=12))
def test_every_form_is_one_that_slack_takes(step: str, environments: str, hosts: list[str]) -> None:
    asked = replace(REQUEST, environment=environments, destinations=tuple(hosts))
    meta = {"thread": "slack:T1:C1:1.0", "key": "EG-AAAAAAA", "digest": "d" * 64}
    for request in (asked, None):
        check_view(deed_form(step, meta, request))


def test_what_is_left_open_is_no_choice() -> None:
    assert (
        said_in("part", {"hosts": [], "environments": [], "narrower": " ", "until": "", "confirm": [], "reason": "x"})
        == {}
    )
    assert said_in("part", {"hosts": ["a", "b"], "narrower": "c"}) == {"to": ("c",)}
