"""The same service before a Slack that nobody here wrote: `emulate` signs and delivers, keeps state and checks scopes.

It has no slash commands, clicks or submissions: those are signed by Slack's own signer and sent over HTTP.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

pytest.importorskip("slack_bolt")

from aiohttp import web
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.serve import slack_person
from bot.slack.refusals import token_findings
from bot.slack.service import Slack
from skills.core.messages import say
from tests.apps import app_on_sample
from tests.fakes.emulated_slack import BOT, BOT_TOKEN, DANA_TOKEN, POOR_TOKEN, Emulated, emulated
from tests.fakes.slack_says import SECRET, click, command, signed, written

pytestmark = [pytest.mark.asyncio, pytest.mark.needs("emulate")]
TIMEOUT = "curl: (28) Failed to connect to api.twilio.com port 443 after 30001 ms: Timeout was reached"


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulated]:
    with emulated(tmp_path_factory.mktemp("emulate")) as made:
        yield made


@dataclass
class Town:
    there: Emulated
    slack: Slack
    channel: str

    async def dana_says(self, text: str, thread: str | None = None) -> str:
        """In the emulator, which delivers it to us. Gives what it calls the message."""
        client = self.there.client(DANA_TOKEN)
        said = await asyncio.to_thread(client.chat_postMessage, channel=self.channel, text=text, thread_ts=thread)
        await self.slack.drained()
        return str(said["ts"])

    async def thread(self, ts: str) -> list[dict[str, Any]]:
        """What the bot said in a thread, as the emulator has it."""
        client = self.there.client(DANA_TOKEN)
        found = await asyncio.to_thread(client.conversations_replies, channel=self.channel, ts=ts)
        return [dict(each) for each in found["messages"] if each["user"] == BOT]

    async def sent(self, body: Mapping[str, Any], *, secret: str = SECRET, age: int = 0) -> int:
        text, kind = written(body)
        url = f"http://127.0.0.1:{self.there.our_port}/slack/events"
        headers = signed(text, kind, secret=secret, age=age)
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, data=text.encode(), headers=headers) as answer,
        ):
            await self.slack.drained()
            return answer.status


def _together(there: Emulated, channel: str) -> None:
    """Dana joins and invites us, once for all tests."""
    client = there.client(DANA_TOKEN)
    client.conversations_join(channel=channel)
    with suppress(SlackApiError):  # already there
        client.conversations_invite(channel=channel, users=BOT)


@pytest_asyncio.fixture
async def town(there: Emulated, tmp_path: Path) -> AsyncIterator[Town]:
    app = app_on_sample(tmp_path)
    client = AsyncWebClient(token=BOT_TOKEN, base_url=there.api, retry_handlers=[])
    given = (app.memory, app.repository, app.clock, app.conversation, slack_person)
    ticks = iter(range(0, 10**9, 100))  # nobody waits for a bucket here
    slack = Slack(*given, secret=SECRET, token=BOT_TOKEN, client=client, ticks=lambda: float(next(ticks)))
    runner = web.AppRunner(slack.bolt.web_app(path="/slack/events"))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", there.our_port).start()
    found = await asyncio.to_thread(there.client(BOT_TOKEN).conversations_list)
    channels: list[dict[str, Any]] = found["channels"]
    channel = next(str(each["id"]) for each in channels if each["name"] == "egress-help")
    await asyncio.to_thread(_together, there, channel)
    yield Town(there, slack, channel)
    await runner.cleanup()
    slack.close()


async def test_a_mention_is_answered_in_its_thread_once(town: Town) -> None:
    ts = await town.dana_says(f"<@{BOT}> payment-gateway gets {TIMEOUT}")
    (answer,) = await town.thread(ts)
    assert "No: payment-gateway (production) can't reach api.twilio.com:443" in answer["text"]
    assert answer["blocks"][0]["type"] == "section"
    await town.dana_says("and hooks.slack.com?", thread=ts)
    assert "Yes: payment-gateway" in (await town.thread(ts))[-1]["text"]


async def test_a_draft_by_a_signed_click(town: Town) -> None:
    ts = await town.dana_says(f"<@{BOT}> payment-gateway gets {TIMEOUT}")
    team = (await town.slack.client.auth_test())["team_id"]
    pressed = click("postern_step_draft", thread=ts)
    pressed |= {"team": {"id": team}, "channel": {"id": town.channel}}
    assert await town.sent(pressed) == 200
    assert "api.twilio.com" in json.dumps((await town.thread(ts))[-1]["blocks"])


async def test_a_signed_command_and_one_that_is_not(town: Town) -> None:
    asked = command("is hooks.slack.com allowed for payment-gateway?", channel_id=town.channel)
    assert await town.sent(asked, secret="another") == 401
    assert await town.sent(asked, age=600) == 401
    assert await town.sent(asked) == 200
    assert [post.state for post in town.slack.inbox.memory.posts_todo()] == []


async def test_an_answer_that_changes_stands_in_one_message(town: Town) -> None:
    ts = await town.dana_says("<@U0NOBODY> hello")
    for text, final in (("Reading …", False), ("No: denied.", True)):
        with town.slack.inbox.memory.transaction() as tx:
            message = {"text": text, "blocks": []}
            tx.show(
                "turn:x:0", f"slack:T:{town.channel}:{ts}", {"message": message}, town.slack.inbox.clock(), final=final
            )
        await town.slack.outbox.drain()
    assert [each["text"] for each in await town.thread(ts)] == ["No: denied."]


async def test_a_scope_that_lacks_is_named(town: Town, there: Emulated) -> None:
    ts = await town.dana_says("<@U0NOBODY> hello")
    town.slack.client.token = POOR_TOKEN
    with town.slack.inbox.memory.transaction() as tx:
        message = {"text": "hello", "blocks": []}
        tx.show("turn:y:0", f"slack:T:{town.channel}:{ts}", {"message": message}, town.slack.inbox.clock(), final=True)
    await town.slack.outbox.drain()
    assert [say(found).says for found in town.slack.outbox.troubles()] == ["The Slack app lacks a scope: chat:write."]


# --- a second opinion on errors


@pytest.mark.slow
@pytest.mark.needs("backlot")
async def test_errors_as_backlot_measured_them() -> None:
    backlot: Any = import_module("backlot")
    with backlot.serve(telemetry=False) as served:
        url = f"{served.base_url}/slack/api/"
        fine = AsyncWebClient(token=served.token, base_url=url, retry_handlers=[])
        assert await token_findings(fine) == []
        (found,) = await token_findings(AsyncWebClient(token="xoxb-wrong", base_url=url, retry_handlers=[]))
    assert say(found).says == "Slack takes Postern's token no more (invalid_auth), so nobody can be answered."
