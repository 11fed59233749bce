"""The Bolt app: mention, thread reply, direct message, `/egress` and buttons, all on the same conversation.

Identity comes from the signed envelope only. Work runs after the acknowledgement, behind one gate.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import re2
from aiohttp import ClientError
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncRespond
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot import logs
from bot.conversation import Conversation
from bot.gather import Where
from bot.slack.above import above
from bot.slack.blocks import STEP_PREFIX, action_id, message
from bot.slack.gate import Gate
from bot.turns import Pressed
from skills.core.model import Finding, Person, finding
from skills.replies import Reply

_MENTION = re2.compile(r"^\s*<@[A-Z0-9]+(?:\|[^>]*)?>\s*")
STEPS = ("draft", "more", "not right", "status", "works now", "still fails", "approve", "hold")
_EVENTS_KEPT = 10_000

People = Callable[[str, str], Person]
"""Gives the person behind a Slack team and user id."""


class Listeners:
    """Registers everything on an `AsyncApp`. `people` maps the signed Slack identity to a person."""

    def __init__(self, app: AsyncApp, conversation: Conversation, people: People, gate: Gate) -> None:
        self._conversation = conversation
        self._people = people
        self._gate = gate
        self._seen: OrderedDict[str, None] = OrderedDict()
        app.event("app_mention")(self.mentioned)
        app.event("message")(self.message)
        app.command("/egress")(self.command)
        for step in STEPS:
            app.action(action_id(step))(self.pressed)

    async def mentioned(self, body: dict[str, Any], event: dict[str, Any], client: AsyncWebClient) -> None:
        if self._is_new(body):
            await self._turn(body, event, client, look_up=True)

    async def message(self, body: dict[str, Any], event: dict[str, Any], client: AsyncWebClient) -> None:
        """Direct messages, and replies in threads that we are part of; never our own or another bot's words."""
        if event.get("bot_id") or event.get("subtype") or _MENTION.match(event.get("text", "")):
            return
        direct = event.get("channel_type") == "im"
        thread = self._where(body, event)
        ours = direct or (event.get("thread_ts") and await self._gate.run(self._conversation.started, thread))
        if ours and self._is_new(body):
            await self._turn(body, event, client)

    async def command(self, ack: AsyncAck, body: dict[str, Any], respond: AsyncRespond) -> None:
        await ack()
        where = Where("slack", f"slack:{body['team_id']}:{body['channel_id']}:{body['user_id']}")
        who = self._people(body["team_id"], body["user_id"])

        async def answer() -> None:
            for made in await self._gate.run(self._conversation.hear, body.get("text", ""), who, where):
                await respond(response_type="ephemeral", **self._payload(made, where))

        self._gate.later(answer())

    async def pressed(self, ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient) -> None:
        await ack()
        action = body["actions"][0]
        channel, origin = body["channel"]["id"], body["message"]
        thread = origin.get("thread_ts") or origin["ts"]
        team = body["team"]["id"]
        where = Where("slack", f"slack:{team}:{channel}:{thread}")
        who = self._people(team, body["user"]["id"])
        key, _, digest = action.get("value", "").partition(":")
        step = action["action_id"].removeprefix(STEP_PREFIX).replace("_", " ")
        pressed = Pressed(step, key or None, digest or None)
        self._gate.later(self._say(client, channel, thread, where, self._conversation.press, pressed, who, where))

    # --- one turn

    async def _turn(
        self, body: dict[str, Any], event: dict[str, Any], client: AsyncWebClient, *, look_up: bool = False
    ) -> None:
        where = self._where(body, event)
        who = self._people(body["team_id"], event["user"])
        words = _MENTION.sub("", event.get("text", ""))
        thread = event.get("thread_ts") or event["ts"]
        text = await self._above(body, event, client, words, where) if look_up else None
        hear = self._conversation.hear
        self._gate.later(self._say(client, event["channel"], thread, where, hear, words, who, where, text))

    async def _above(
        self, body: dict[str, Any], event: dict[str, Any], client: AsyncWebClient, words: str, where: Where
    ) -> str | None:
        """An alert above the first mention in a thread, when the mention itself says nothing."""
        if await self._gate.run(self._conversation.started, where):
            return None
        if not await self._gate.run(self._conversation.wants_what_is_above, words):
            return None
        own = next((item.get("bot_id", "") for item in body.get("authorizations", ()) if item.get("is_bot")), "")
        return await above(client, event, own) or None

    async def _say(
        self,
        client: AsyncWebClient,
        channel: str,
        thread: str,
        where: Where,
        work: Callable[..., list[Reply]],
        *args: Any,
    ) -> None:
        with logs.about(thread=where.thread):
            for made in await self._gate.run(work, *args):
                said = {**self._payload(made, where), "unfurl_links": False, "unfurl_media": False}
                await client.chat_postMessage(channel=channel, thread_ts=thread, **said)

    def _payload(self, made: Reply, where: Where) -> dict[str, Any]:
        key, digest = self._conversation.shown(where)
        return message(made, key=key, digest=digest)

    def _where(self, body: dict[str, Any], event: dict[str, Any]) -> Where:
        thread = event.get("thread_ts") or event["ts"]
        return Where("slack", f"slack:{body['team_id']}:{event['channel']}:{thread}")

    def _is_new(self, body: dict[str, Any]) -> bool:
        """Slack repeats events, also on other connections; one event id is answered once by this process."""
        event_id = body.get("event_id", "")
        if event_id in self._seen:
            return False
        self._seen[event_id] = None
        while len(self._seen) > _EVENTS_KEPT:
            self._seen.popitem(last=False)
        return True


def build(signing_secret: str, bot_token: str, client: AsyncWebClient | None = None) -> AsyncApp:
    """An `AsyncApp` that verifies signatures and answers within the request (`process_before_response`)."""
    return AsyncApp(
        signing_secret=signing_secret,
        client=client or AsyncWebClient(token=bot_token, retry_handlers=[]),
        process_before_response=True,
    )


async def listen_by_socket(app: AsyncApp, app_token: str) -> None:
    """Socket Mode: no inbound port. Returns only when the connection is closed for good."""
    handler: Any = AsyncSocketModeHandler(app, app_token)
    await handler.start_async()


async def token_findings(client: AsyncWebClient) -> list[Finding]:
    """Whether Slack answers and takes our token. https://docs.slack.dev/reference/methods/auth.test"""
    try:
        await client.auth_test()
    except SlackApiError as failure:
        return [finding("EGR098", why=str(failure.response.get("error", "no reason given")))]
    except (ClientError, TimeoutError, OSError) as failure:
        return [finding("EGR098", why=f"it does not answer ({type(failure).__name__})")]
    return []
