"""The one writer of news: takes messages from the outbox in their order and posts them to their threads, each once.

Slack has no key that makes a post safe to repeat. So a post carries its row's key as metadata, and when nobody can tell
whether it was done (the connection broke, the process was killed), the thread is looked through before it is repeated.
Sources: https://docs.slack.dev/apis/web-api/rate-limits, https://docs.slack.dev/messaging/message-metadata.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from aiohttp import ClientError
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.blocks import message
from bot.slack.gate import Gate
from bot.world import wire
from bot.world.memory import Memory, PostRow
from skills.core.errors import Mendable
from skills.core.messages import say
from skills.core.model import Finding, finding
from skills.replies import Reply

log = logging.getLogger("postern.slack")

_EVENT = "postern_news"
_STALE = timedelta(seconds=120)
_LONGEST_WAIT = 300.0
_RETRY = 5.0
_PAGE = 200
# Whether Slack did it is not known after these: https://docs.slack.dev/reference/methods/chat.postMessage (errors).
_UNSURE = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout"})


class Unsent(Exception):
    """Why a message was not posted. `again` says that it may be tried, `surely` that Slack did not do it."""

    def __init__(self, why: str, *, again: bool = False, surely: bool = True, wait: float = 0.0) -> None:
        super().__init__(why)
        self.why = why
        self.again = again
        self.surely = surely
        self.wait = wait


class Outbox:
    def __init__(
        self,
        client: AsyncWebClient,
        memory: Memory,
        gate: Gate,
        clock: Callable[[], datetime],
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._memory = memory
        self._gate = gate
        self._clock = clock
        self._ticks = ticks
        self._not_before: dict[str, float] = {}

    async def drain(self) -> None:
        """Sends what waits. A channel that must wait keeps its later messages back, and no other channel's."""
        waiting = await self._gate.run(self._memory.posts_todo, self._clock() - _STALE)
        held: set[str] = set()
        for each in waiting:
            team_channel = each.channel.rpartition(":")[0]
            if team_channel in held or self._not_before.get(team_channel, 0.0) > self._ticks():
                held.add(team_channel)
                continue
            post = await self._gate.run(self._claim, each)
            if post and not await self._settle(post, team_channel):
                held.add(team_channel)

    async def _settle(self, post: PostRow, channel: str) -> bool:
        """Whether later messages of the channel may go on."""
        try:
            ts = await self._send(post)
        except Unsent as unsent:
            if unsent.again:
                self._not_before[channel] = self._ticks() + min(unsent.wait, _LONGEST_WAIT)
            else:
                says = say(finding("EGR029", key=post.request or post.key, why=unsent.why)).says
                log.warning("%s", says)
            await self._gate.run(self._failed, post, unsent)
            return not unsent.again
        await self._gate.run(self._finished, post, ts)
        return True

    async def _send(self, post: PostRow) -> str:
        channel, thread = address(post.channel)
        words = _words(post)
        if post.attempts > 1:  # it was tried, and nobody knows what came of it
            ts = await self._found(post, channel, thread)
            if ts:
                return ts
        metadata = {"event_type": _EVENT, "event_payload": {"key": post.key}}
        try:
            answer = await self._client.chat_postMessage(
                channel=channel,
                thread_ts=thread,
                unfurl_links=False,
                unfurl_media=False,
                metadata=metadata,
                **words,
            )
        except SlackApiError as error:
            raise _why(error) from None
        except (TimeoutError, ClientError, OSError) as error:
            raise Unsent(type(error).__name__, again=True, surely=False, wait=_RETRY) from None
        return str(answer["ts"])

    async def _found(self, post: PostRow, channel: str, thread: str | None) -> str | None:
        """What Slack calls the message, if it stands in its thread. Raises Unsent where that can't be looked up."""
        if thread is None:
            raise Unsent("a direct message can't be looked up", surely=False)
        cursor = ""
        try:
            while True:
                page: Any = await self._client.conversations_replies(
                    channel=channel, ts=thread, include_all_metadata=True, limit=_PAGE, cursor=cursor or None
                )
                for each in page.get("messages") or ():
                    if each.get("metadata", {}).get("event_payload", {}).get("key") == post.key:
                        return str(each["ts"])
                cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
                if not cursor:
                    return None
        except SlackApiError as error:
            why = _why(error)
            raise Unsent(why.why, again=why.again, surely=False, wait=why.wait) from None
        except (TimeoutError, ClientError, OSError) as error:
            raise Unsent(type(error).__name__, again=True, surely=False, wait=_RETRY) from None

    def _claim(self, post: PostRow) -> PostRow | None:
        now = self._clock()
        with self._memory.transaction() as tx:
            return tx.claim_post(post.key, now, now - _STALE)

    def _finished(self, post: PostRow, ts: str) -> None:
        with self._memory.transaction() as tx:
            tx.finish_post(post, ts, self._clock())

    def _failed(self, post: PostRow, unsent: Unsent) -> None:
        with self._memory.transaction() as tx:
            tx.fail_post(post, self._clock(), again=unsent.again, surely=unsent.surely and unsent.again)


def address(thread: str) -> tuple[str, str | None]:
    """Channel and thread of a conversation as requests have it: `slack:TEAM:CHANNEL:TS`.

    After a slash command a user stands where the thread would: nobody else saw it, so that person is written to.
    """
    _, _, channel, last = thread.split(":", 3)
    return (channel, last) if last.replace(".", "", 1).isdecimal() else (last, None)


def _words(post: PostRow) -> dict[str, Any]:
    try:
        found = wire.load(Finding, post.payload)
    except Mendable as error:  # written by another version: it must not keep the others back
        raise Unsent(say(error.finding).says) from None
    said = say(found)
    quotes = "\n".join(piece.quote for piece in found.evidence if piece.quote)
    return message(Reply((f"{said.says} {said.do}".rstrip(),), diff=quotes))


def _why(error: SlackApiError) -> Unsent:
    status, word = getattr(error.response, "status_code", 0), str(error.response.get("error", ""))
    if status == 429 or word in ("ratelimited", "rate_limited"):
        asked = str(error.response.headers.get("Retry-After", ""))
        return Unsent("too many requests", again=True, wait=float(asked) if asked.isdecimal() else _RETRY)
    if status >= 500 or word in _UNSURE:
        return Unsent(word or f"status {status}", again=True, surely=False, wait=_RETRY)
    return Unsent(word or f"status {status}")
