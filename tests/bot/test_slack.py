"""Slack, thin but real: signed requests through a real AsyncApp, answers recorded at a Web API server on loopback."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import pytest_asyncio

pytest.importorskip("slack_bolt")

from slack_bolt.async_app import AsyncBoltRequest

from bot.app import App
from bot.serve import slack_person
from bot.slack.service import Slack
from tests.apps import app_on_sample, head_of
from tests.fakes.slack_api import SlackApi, slack_api
from tests.fakes.slack_says import FORM, JSON, SECRET, Headers, signed

TIMEOUT = "curl: (28) Failed to connect to api.twilio.com port 443 after 30001 ms: Timeout was reached"
POLICY = """
version: 1
groups: {security: ["slack:T1:USAM"]}
approval: [{paths: ["**"], groups: [security]}]
"""


@dataclass
class Workspace:
    """A Web API that remembers what was posted, and the app under test beside it."""

    app: App
    api: SlackApi
    now: float = 0.0

    def __post_init__(self) -> None:
        given = (self.app.memory, self.app.repository, self.app.clock, self.app.conversation, slack_person)
        token = "xoxb-not-real"
        self.slack = Slack(*given, secret=SECRET, token=token, client=self.api.client, ticks=lambda: self.now)

    @property
    def posted(self) -> list[dict[str, Any]]:
        return self.api.posted

    async def event(
        self, text: str, *, user: str = "UDANA", ts: str = "1.0", thread: str | None = None, **more: Any
    ) -> int:
        event = {"type": "app_mention", "user": user, "text": text, "ts": ts, "channel": "C1", **more}
        if thread:
            event["thread_ts"] = thread
        body = {"type": "event_callback", "team_id": "T1", "event_id": f"Ev{ts}{user}", "event": event}
        return await self.send(json.dumps(body), JSON)

    async def press(self, step: str, value: str, *, user: str, thread: str = "1.0") -> int:
        payload = {
            "type": "block_actions",
            "team": {"id": "T1"},
            "user": {"id": user},
            "channel": {"id": "C1"},
            "message": {"ts": "9.9", "thread_ts": thread},
            "actions": [
                {
                    "type": "button",
                    "action_id": f"postern_step_{step}",
                    "block_id": "b",
                    "value": value,
                    "action_ts": f"{self.now}",
                }
            ],
        }
        return await self.send(urlencode({"payload": json.dumps(payload)}), FORM)

    async def send(self, body: str, kind: str, *, secret: str = SECRET, age: int = 0) -> int:
        headers: Headers = {name: [value] for name, value in signed(body, kind, secret=secret, age=age).items()}
        response = await self.slack.bolt.async_dispatch(AsyncBoltRequest(body=body, headers=headers))
        self.now += 100.0
        await self.slack.drained()
        return response.status

    @property
    def last(self) -> str:
        return str(self.posted[-1]["text"])

    def button(self, step: str) -> dict[str, Any]:
        for message in reversed(self.posted):
            for block in message["blocks"]:
                for element in block.get("elements", ()):
                    if element.get("action_id") == f"postern_step_{step}":
                        return dict(element)
        raise AssertionError(f"no button {step}")


@pytest_asyncio.fixture
async def workspace(tmp_path: Path) -> AsyncIterator[Workspace]:
    async with slack_api() as api:
        made = Workspace(app_on_sample(tmp_path, policy=POLICY), api)
        yield made
        made.slack.close()


@pytest.mark.asyncio
async def test_the_main_job_in_a_thread(workspace: Workspace) -> None:
    before = head_of(workspace.app)
    assert await workspace.event(f"<@UBOT> payment-gateway gets {TIMEOUT}") == 200
    assert "No: payment-gateway (production) can't reach api.twilio.com:443" in workspace.last
    assert workspace.posted[-1]["thread_ts"] == "1.0"
    assert await workspace.press("draft", workspace.button("draft")["value"], user="UDANA") == 200
    assert "api.twilio.com" in json.dumps(workspace.posted[-1]["blocks"])
    await workspace.event("open because of SMS", ts="1.2", thread="1.0", type="message", channel_type="channel")
    assert "is open" in workspace.last
    await workspace.event("approve", ts="1.3", thread="1.0", type="message", channel_type="channel")
    assert "somebody else must decide" in workspace.last
    assert head_of(workspace.app) == before
    await workspace.event("approve", user="USAM", ts="1.4", thread="1.0", type="message", channel_type="channel")
    assert "since commit" in workspace.last
    assert head_of(workspace.app) != before


@pytest.mark.asyncio
async def test_a_repeated_event_is_answered_once(workspace: Workspace) -> None:
    for _ in range(3):
        assert await workspace.event("<@UBOT> is hooks.slack.com allowed for payment-gateway?") == 200
    assert len(workspace.posted) == 1


@pytest.mark.asyncio
@pytest.mark.parametrize(("secret", "age"), [("another-secret", 0), (SECRET, 600)], ids=["forged", "too old"])
async def test_unsigned_and_old_requests_are_refused(workspace: Workspace, secret: str, age: int) -> None:
    body = json.dumps({"type": "event_callback", "team_id": "T1", "event_id": "E", "event": {"type": "app_mention"}})
    assert await workspace.send(body, JSON, secret=secret, age=age) == 401
    assert not workspace.posted


@pytest.mark.asyncio
async def test_slash_command_answers_only_to_the_asker(workspace: Workspace) -> None:
    body = urlencode(
        {
            "command": "/egress",
            "text": "is hooks.slack.com allowed for payment-gateway?",
            "team_id": "T1",
            "channel_id": "C1",
            "user_id": "UDANA",
            "response_url": workspace.api.url.replace("/api/", "/respond"),
        }
    )
    assert await workspace.send(body, FORM) == 200
    assert "Yes: payment-gateway" in workspace.last
    assert workspace.posted[-1]["response_type"] == "ephemeral"


@pytest.mark.asyncio
async def test_messages_that_are_not_for_us_are_left_alone(workspace: Workspace) -> None:
    await workspace.event("anybody for lunch?", type="message", channel_type="channel", thread="7.7")
    await workspace.event("api.twilio.com times out", type="message", channel_type="channel", ts="8.0")
    await workspace.event(f"payment-gateway gets {TIMEOUT}", type="message", channel_type="im", ts="8.1", bot_id="B2")
    assert not workspace.posted
    await workspace.event(f"payment-gateway gets {TIMEOUT}", type="message", channel_type="im", ts="8.2")
    assert len(workspace.posted) == 1


@pytest.mark.asyncio
async def test_what_people_say_to_one_another_in_a_thread_is_neither_answered_nor_kept(workspace: Workspace) -> None:
    await workspace.event(f"<@UBOT> payment-gateway gets {TIMEOUT}")
    among = {"thread": "1.0", "type": "message", "channel_type": "channel"}
    talks = ("thanks!", "ok", "hi Sam", "I'll look after lunch", "was it slow yesterday?")
    for number, talk in enumerate((*talks, "payment-gateway is what the two of us look at after lunch")):
        await workspace.event(talk, ts=f"2.{number}", **among)
    assert len(workspace.posted) == 1
    kept = [turn.said for turn in workspace.app.memory.turns("slack:T1:C1:1.0")]
    assert kept and not any("lunch" in words for words in kept)
    assert not any("lunch" in str(row.facts) for row in workspace.app.memory.log())
    await workspace.event("looks good, approved!", ts="3.0", **among)
    assert "That sentence decided nothing" in workspace.last
    await workspace.event("what about ledger?", ts="3.1", **among)
    assert "ledger" in workspace.last
    await workspace.event("<@UBOT> it is odd", ts="3.2", thread="1.0")
    assert "neither an error nor a host" in workspace.last
    await workspace.event("thanks!", ts="3.3", type="message", channel_type="im")
    assert workspace.last == "You are welcome."


@pytest.mark.asyncio
async def test_no_mention_or_link_comes_out_of_pasted_text(workspace: Workspace) -> None:
    await workspace.event(
        "<@UBOT> payment-gateway must reach <!channel> &lt;https://evil.example|good&gt; x.example.com"
    )
    words = json.dumps(workspace.posted[-1])
    assert "<!channel>" not in words
    assert "<https" not in words


@pytest.mark.asyncio
async def test_what_was_typed_is_read_and_shown_as_it_was_typed(workspace: Workspace) -> None:
    """Slack sends three signs as entities and addresses as links; a reason must not reach a manifest like that."""
    sent = "<@UBOT> draft <https://api.twilio.com/a?b=1&amp;c=2> for payment-gateway because R&amp;D tests &lt;SMS&gt;"
    await workspace.event(sent)
    words = json.dumps(workspace.posted[-1]["blocks"])
    assert "# R&amp;D tests &lt;SMS&gt;" in words
    assert "amp;amp;" not in words
    assert "amp;lt;" not in words


@pytest.mark.asyncio
async def test_what_is_long_keeps_to_slacks_limits(workspace: Workspace) -> None:
    """Every payload is judged by the fake, in this test as in all others."""
    await workspace.event("<@UBOT> " + "x" * 9000 + " payment-gateway must reach y.example.com", ts="3.0")
    await workspace.event("<@UBOT> payment-gateway gets " + f"{TIMEOUT}\n" * 300, ts="4.0")
    assert len(workspace.posted) >= 2


@pytest.mark.asyncio
async def test_the_event_loop_is_never_blocked(workspace: Workspace) -> None:
    """While a turn works in the pool, the loop goes on ticking."""
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.001)
            ticks += 1

    ticking = asyncio.create_task(tick())
    await workspace.event(f"<@UBOT> payment-gateway gets {TIMEOUT}")
    ticking.cancel()
    assert ticks > 3


ALERT = {
    "ts": "3.0",
    "bot_id": "B9",
    "text": "",
    "attachments": [
        {
            "fallback": "[FIRING] payment-gateway",
            "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": f"*payment-gateway* `{TIMEOUT}`"}}],
        }
    ],
}


@pytest.mark.asyncio
async def test_an_alert_above_the_mention_is_read(workspace: Workspace) -> None:
    workspace.api.said.append(ALERT)
    await workspace.event("<@UBOT> what is this?", ts="3.1", thread="3.0")
    assert "No: payment-gateway (production) can't reach api.twilio.com:443" in workspace.last


@pytest.mark.asyncio
async def test_an_alert_above_the_mention_is_never_a_command(workspace: Workspace) -> None:
    await workspace.event(f"<@UBOT> payment-gateway gets {TIMEOUT}")
    await workspace.press("draft", workspace.button("draft")["value"], user="UDANA")
    await workspace.event("open because of SMS", ts="1.2", thread="1.0", type="message", channel_type="channel")
    before = head_of(workspace.app)
    workspace.api.said.append({"ts": "4.0", "bot_id": "B9", "text": "approve"})
    await workspace.event("<@UBOT>", user="USAM", ts="4.1", thread="4.0")
    assert head_of(workspace.app) == before
    assert "since commit" not in workspace.last


@pytest.mark.asyncio
async def test_a_picture_above_the_mention_is_said_to_be_unreadable(workspace: Workspace) -> None:
    picture = {"ts": "3.0", "user": "UEVE", "text": "", "files": [{"mimetype": "image/png", "mode": "hosted"}]}
    workspace.api.said.append(picture)
    await workspace.event("<@UBOT> what is this?", ts="3.1", thread="3.0")
    assert "can't read pictures" in workspace.last


@pytest.mark.asyncio
async def test_a_mention_that_says_enough_looks_at_nothing_above(workspace: Workspace) -> None:
    workspace.api.said.append(ALERT)
    await workspace.event("<@UBOT> payment-gateway must reach hooks.slack.com", ts="5.1", thread="3.0")
    assert "Yes: payment-gateway" in workspace.last
