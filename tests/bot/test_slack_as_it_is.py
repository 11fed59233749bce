"""What people and Slack do besides asking: edits, deletions, broadcasts, strangers, bots, mentions of others."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

pytest.importorskip("slack_bolt")

from tests.apps import app_on_sample
from tests.bot.test_slack import POLICY, Workspace
from tests.fakes.slack_api import slack_api
from tests.fakes.slack_says import click, event, send

pytestmark = pytest.mark.asyncio
ASKS = "payment-gateway must reach hooks.slack.com"


class Room(Workspace):
    async def hears(self, body: dict[str, Any]) -> list[str]:
        """What is said because of it."""
        before = len(self.posted)
        assert (await send(self.slack.bolt, body)).status == 200
        self.now += 100.0
        await self.slack.drained()
        return [each["text"] for each in self.posted[before:]]


@pytest_asyncio.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    async with slack_api() as api:
        made = Room(app_on_sample(tmp_path, policy=POLICY), api)
        yield made
        made.slack.close()


def edited(now: str, before: str, **more: Any) -> dict[str, Any]:
    message = {"type": "message", "user": "UDANA", "text": now, "ts": "1.0", **more}
    previous = {**message, "text": before}
    return event("", kind="message", subtype="message_changed", ts="7.0", message=message, previous_message=previous)


async def test_an_edit_of_what_was_answered_is_no_new_ask(room: Room) -> None:
    assert "Yes: payment-gateway" in (await room.hears(event(f"<@UBOT> {ASKS}")))[0]
    (said,) = await room.hears(edited(f"<@UBOT> {ASKS} and api.twilio.com", f"<@UBOT> {ASKS}"))
    assert "my answer is to its first wording" in said


async def test_an_edit_elsewhere_a_preview_and_a_deletion_say_nothing(room: Room) -> None:
    assert await room.hears(edited("lunch at one?", "lunch?")) == []
    await room.hears(event(f"<@UBOT> {ASKS}"))
    assert await room.hears(edited(f"<@UBOT> {ASKS}", f"<@UBOT> {ASKS}", attachments=[{"title": "a preview"}])) == []
    gone = {"ts": "1.0", "user": "UDANA", "text": f"<@UBOT> {ASKS}"}
    deleted = event("", kind="message", subtype="message_deleted", ts="8.0", deleted_ts="1.0", previous_message=gone)
    assert await room.hears(deleted) == []


async def test_a_reply_that_is_shown_to_the_channel_too_is_a_reply(room: Room) -> None:
    await room.hears(event(f"<@UBOT> {ASKS}"))
    also = event("and api.twilio.com?", kind="message", ts="1.5", thread_ts="1.0", subtype="thread_broadcast")
    (said,) = await room.hears(also)
    assert "api.twilio.com" in said
    assert room.posted[-1]["thread_ts"] == "1.0"


async def test_somebody_of_another_workspace_is_told_whom_to_ask(room: Room) -> None:
    stranger: dict[str, Any] = {"user": "UEVE", "user_team": "T9", "is_ext_shared_channel": True}
    (said,) = await room.hears(event(f"<@UBOT> {ASKS}", **stranger))
    assert said.startswith("I answer only people of the workspace")
    await room.hears(event(f"<@UBOT> {ASKS}", ts="2.0"))
    assert await room.hears(event("approve", kind="message", ts="2.1", thread_ts="2.0", **stranger)) == []


async def test_somebody_of_ours_in_a_shared_channel_is_answered(room: Room) -> None:
    (said,) = await room.hears(event(f"<@UBOT> {ASKS}", user_team="T1", is_ext_shared_channel=True))
    assert "Yes: payment-gateway" in said


async def test_the_person_who_presses_is_of_their_own_workspace(room: Room) -> None:
    """Nobody becomes an approver of ours by having the same user id in another workspace."""
    seen: list[str] = []
    room.slack.inbox.on("action:postern_step_status", _noting(seen))
    pressed = click("postern_step_status", user="USAM")
    pressed["user"]["team_id"] = "T9"
    await room.hears(pressed)
    assert seen == ["T9:USAM"]


def _noting(seen: list[str]) -> Any:
    from bot.slack.envelopes import user_of

    async def handle(taken: Any) -> tuple[()]:
        seen.append(":".join(user_of(taken.body)))
        return ()

    return handle


@pytest.mark.parametrize(
    "more",
    [
        {"bot_id": "B7", "app_id": "A7"},  # another app
        {"bot_id": "B8", "subtype": "bot_message", "user": None, "username": "a workflow"},
        {"user": None, "subtype": "channel_topic"},
    ],
    ids=["app", "workflow", "topic"],
)
async def test_what_no_person_wrote_is_no_ask(room: Room, more: dict[str, Any]) -> None:
    await room.hears(event(f"<@UBOT> {ASKS}"))
    for kind in ("app_mention", "message"):
        assert await room.hears(event(f"<@UBOT> {ASKS}", kind=kind, ts="1.7", thread_ts="1.0", **more)) == []


async def test_words_to_somebody_else_in_our_thread_are_not_ours(room: Room) -> None:
    await room.hears(event(f"<@UBOT> {ASKS}"))
    assert await room.hears(event("<@UINES> can you look?", kind="message", ts="1.8", thread_ts="1.0")) == []


async def test_what_people_say_to_one_another_in_our_thread_gets_no_answer(room: Room) -> None:
    async def says(text: str, user: str, ts: str) -> list[str]:
        return await room.hears(event(text, kind="message", user=user, ts=ts, thread_ts="1.0"))

    await room.hears(event(f"<@UBOT> {ASKS}"))
    assert "neither an error nor a host" in (await says("hm, the thing with the other cluster", "UDANA", "1.1"))[0]
    for number, text in enumerate(("ok", "thanks Ines!", "can <@UINES> look at that?", ":+1:"), 2):
        assert await says(text, "UDANA", f"1.{number}") == []
    assert await says("let me look at this tomorrow", "UINES", "1.6") == []
    assert await says("it is for the quarterly report", "UDANA", "1.7") == [], "she answers Ines, not us"
    edit: dict[str, Any] = {"subtype": "message_changed", "previous_message": {"text": "let me look"}}
    message = {"user": "UINES", "text": "let me look now", "ts": "1.6", "thread_ts": "1.0"}
    assert await room.hears(event("", kind="message", ts="7.1", message=message, **edit)) == []
    assert "decided nothing" in (await says("LGTM, approve it", "UINES", "1.8"))[0]
    assert "api.twilio.com" in (await says("and api.twilio.com?", "UINES", "1.9"))[0]
    assert await room.hears(event("<@UBOT> thanks!", ts="2.0", thread_ts="1.0")) == ["You are welcome."]


async def test_the_words_of_the_command_line_are_understood_where_one_is_spoken_to(room: Room) -> None:
    said = "<@UBOT> check --for data-platform/ingest --to db.example.com --ip 10.0.0.7"
    (answer,) = await room.hears(event(said))
    assert answer.startswith("No: data-platform/ingest can't reach db.example.com:443")
    assert "10.0.0.7:443" not in answer, "the address is that of the host, not one more destination"


async def test_a_step_that_no_answer_follows_is_taken_away(room: Room) -> None:
    app, now = room.app, room.app.clock()
    for sent in (True, False):
        with app.memory.transaction() as tx:
            tx.show(f"turn:{sent}:0", "slack:T1:C1:1.0", {"message": {"text": "Reading …", "blocks": []}}, now)
        if sent:
            await room.slack.drained()
        with app.memory.transaction() as tx:
            assert tx.take_away(f"turn:{sent}:0", now)
            assert not tx.take_away("turn:none:0", now)
        room.now += 100.0
        await room.slack.drained()
    assert room.posted == []
    assert app.memory.posts_todo() == ()


@pytest.mark.parametrize("order", [("app_mention", "message"), ("message", "app_mention")], ids="-".join)
@pytest.mark.parametrize("named", [True, False], ids=["we are named", "we are not named"])
async def test_one_text_that_comes_as_two_events_is_one_ask(room: Room, order: tuple[str, str], named: bool) -> None:
    await room.hears(event(f"<@UBOT> {ASKS}"))
    said = []
    for kind in order:
        body = event("and <@UBOT> what of api.twilio.com?", kind=kind, ts="3.0", thread_ts="1.0")
        said += await room.hears(body if named else {**body, "authorizations": []})
    assert len(said) == 1
    assert "api.twilio.com" in said[0]
