"""The one writer of messages: takes them from the outbox in their order and brings each to its place, once.

Slack has no key that makes a post safe to repeat. So a post carries its row's key as metadata, and when nobody can tell
whether it was done (the connection broke, the process was killed), the thread is looked through before it is repeated.
A message that gets other words is changed in its place. What only one person sees can't be looked up: after a doubt it
is sent once more. Sources: https://docs.slack.dev/apis/web-api/rate-limits,
https://docs.slack.dev/messaging/message-metadata, https://docs.slack.dev/reference/methods/chat.update.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any

from aiohttp import ClientError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bot.slack.blocks import message
from bot.slack.envelopes import address
from bot.slack.gate import Gate
from bot.slack.pace import Pace
from bot.slack.refusals import CARD, ELSEWHERE, FAILURES, FATAL, Unsent, meaning, unsent
from bot.world import wire
from bot.world.memory import Claims, Memory, PostRow
from skills.core.errors import Mendable
from skills.core.messages import say
from skills.core.model import Finding, finding
from skills.replies import Reply

log = logging.getLogger("postern.slack")

_EVENT = "postern_news"
_STALE = 60.0  # seconds: longer than one message can take, with all that is tried for it
_PAGE = 200
_AT_ONCE = 8  # channels
_QUIET = {"unfurl_links": False, "unfurl_media": False}

# News that can be answered with a button.
_ANSWERED_BY = {
    "EGR437": ("works now", "still fails"),
    **dict.fromkeys(("EGR1603", "EGR1608"), ("answer",)),
    **dict.fromkeys(("EGR087", "EGR088", "EGR089"), ("renew",)),
    **dict.fromkeys(("EGR1642", "EGR1654"), ("review",)),
}


class Outbox:
    """`repository` is whose service this is: where two share a database, each sends its own."""

    def __init__(
        self,
        client: AsyncWebClient,
        memory: Memory,
        gate: Gate,
        clock: Callable[[], datetime],
        ticks: Callable[[], float] = time.monotonic,
        repository: str | None = None,
    ) -> None:
        self._client = client
        self._memory = memory
        self._gate = gate
        self._clock = clock
        self._pace = Pace(ticks)
        self._claims = Claims(_STALE, ticks)
        self._repository = repository
        self._lanes: dict[str, asyncio.Task[None]] = {}
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._troubles: dict[str, Finding] = {}
        self.freed: Callable[[], object] = lambda: None
        """Called whenever a channel may be written to again."""
        self.fatal = asyncio.Event()
        """Set when Slack takes our token no more, for the reason `why_fatal`."""
        self.why_fatal = ""

    async def drain(self) -> None:
        """Sends what may be sent now, and waits for it. Raises what a channel's turn raised."""
        await self.begin()
        ended = await asyncio.gather(*self._lanes.values(), return_exceptions=True)
        for failure in ended:
            if isinstance(failure, BaseException):
                raise failure

    async def begin(self) -> None:
        """Begins with every channel that may be written to and is not at it already: a slow one holds no other up."""
        found = await self._gate.run(self._memory.posts_todo, repository=self._repository, claimed=True)
        left = self._claims.left(post for post in found if post.state == "doing")
        channels: dict[str, list[PostRow]] = {}
        for each in found:
            if each.state == "todo" or each in left:
                channels.setdefault(each.channel.rpartition(":")[0], []).append(each)
        for channel, posts in channels.items():
            if channel not in self._lanes and not self._pace.wait(channel):
                self._lanes[channel] = task = asyncio.create_task(self._lane(channel, posts))
                task.add_done_callback(partial(self._over, channel))

    def _over(self, channel: str, task: asyncio.Task[None]) -> None:
        self._lanes.pop(channel, None)
        failure = None if task.cancelled() else task.exception()
        if isinstance(failure, Mendable):
            log.warning("%s", say(failure.finding).says)
        elif failure:
            log.error("messages could not be sent", exc_info=failure)
        self.freed()

    async def ended(self) -> None:
        """Waits for what is being sent."""
        await asyncio.gather(*self._lanes.values(), return_exceptions=True)

    @property
    def next_in(self) -> float:
        """Seconds after which a channel that must wait may be written to."""
        return self._pace.next()

    def troubles(self) -> list[Finding]:
        """What kept messages from their places lately, each once."""
        return list(self._troubles.values())

    # --- one channel

    async def _lane(self, channel: str, posts: list[PostRow]) -> None:
        """A channel that must wait keeps its later messages back, and no other channel's."""
        async with self._room:
            for waiting in posts:
                if self._pace.wait(channel):
                    return
                post = await self._gate.run(self._claim, waiting)
                if post and not await self._settle(post, channel):
                    return

    async def _settle(self, post: PostRow, channel: str) -> bool:
        """Whether later messages of the channel may go on."""
        try:
            ts = await self._send(post)
        except Unsent as failed:
            self._note(failed, post)
            if failed.again:
                self._pace.hold(channel, failed.wait)
            else:
                says = say(finding("EGR029", key=post.request or post.key, why=failed.why)).says
                log.warning("%s", says)
            await self._gate.run(self._failed, post, failed)
            return not failed.again
        self._pace.spend(channel)
        self._troubles.pop(channel, None)
        await self._gate.run(self._finished, post, ts)
        return True

    def _note(self, failed: Unsent, post: PostRow) -> None:
        channel = address(post.channel)[0]
        if failed.why in FATAL:
            self._troubles["token"] = meaning(failed.why)
            self.why_fatal = failed.why
            self.fatal.set()
        elif failed.why == "missing_scope" or failed.why in ELSEWHERE:
            self._troubles[post.channel.rpartition(":")[0]] = meaning(failed.why, channel=channel, needed=failed.needed)

    # --- one message

    async def _send(self, post: PostRow) -> str:
        """What Slack calls it. Raises Unsent."""
        channel, thread = address(post.channel)
        gone = bool(post.payload.get("gone"))
        words = {} if gone else _words(post)
        if post.payload.get("user"):
            return await self._whisper(post, words)
        ts = post.ts
        if ts is None and post.attempts > 1:  # it was tried, and nobody knows what came of it
            ts = await self._found(post, channel, thread)
            if ts is not None and post.version == 1:
                return ts
        if gone:
            return await self._taken_away(channel, ts)
        metadata = {"event_type": _EVENT, "event_payload": {"key": post.key}}
        if ts is not None:
            await self._in_form(self._client.chat_update, words, channel=channel, ts=ts, metadata=metadata)
            return ts
        answer = await self._in_form(
            self._client.chat_postMessage, words, channel=channel, thread_ts=thread, metadata=metadata, **_QUIET
        )
        return str(answer["ts"])

    async def _taken_away(self, channel: str, ts: str | None) -> str:
        if ts:
            with suppress(*FAILURES):
                await self._client.chat_delete(channel=channel, ts=ts)
        return ts or ""

    async def _in_form(self, method: Callable[..., Any], words: dict[str, Any], **place: Any) -> Any:
        """As blocks; where Slack refuses those, as plain words: nobody loses an answer to its form."""
        try:
            return await self._call(method, **place, **words)
        except Unsent as failed:
            if failed.why not in CARD:
                raise
            log.warning("%s", say(finding("EGR1452", why=failed.why)).says)
        return await self._call(method, **place, text=words["text"], **({"blocks": []} if "ts" in place else {}))

    async def _call(self, method: Callable[..., Any], **given: Any) -> Any:
        """Posts are limited by channel; every other method is limited for the whole workspace. Raises Unsent."""
        name = getattr(method, "__name__", "")
        if wait := self._pace.wait(name):
            raise Unsent("too many requests", again=True, wait=wait)
        try:
            return await method(**given)
        except FAILURES as error:
            failed = unsent(error)
        if failed.limited and name != "chat_postMessage":
            self._pace.hold(name, failed.wait)
        raise failed

    async def _whisper(self, post: PostRow, words: dict[str, Any]) -> str:
        """To one person: where they asked, else in a direct message. Nobody can see whether it arrived."""
        user, url, channel = str(post.payload["user"]), str(post.payload.get("url") or ""), post.channel.split(":")[2]
        thread = address(post.channel)[1] if post.payload.get("within") else None
        if post.ts:  # everybody has seen that something was done, and only one person is answered
            await self._taken_away(channel, post.ts)
        if url and await self._responded(url, words):
            return ""
        try:
            await self._in_form(self._client.chat_postEphemeral, words, channel=channel, user=user, thread_ts=thread)
        except Unsent as failed:
            if failed.again:
                raise Unsent(failed.why, again=True, wait=failed.wait, limited=failed.limited) from None
            await self._in_form(self._client.chat_postMessage, words, channel=user, **_QUIET)
        return ""

    async def _responded(self, url: str, words: dict[str, Any]) -> bool:
        """A response address is good for five answers and half an hour; its status says whether it took this one."""
        client = AsyncWebhookClient(url, retry_handlers=[])
        try:
            answer = await client.send_dict(
                {"response_type": "ephemeral", "replace_original": False, **_QUIET, **words}
            )
        except (ClientError, TimeoutError, OSError):
            return False
        return answer.status_code == 200

    async def _found(self, post: PostRow, channel: str, thread: str | None) -> str | None:
        """What Slack calls the message, if it stands in its thread. Raises Unsent where that can't be looked up."""
        if thread is None:
            raise Unsent("a direct message can't be looked up", surely=False)
        cursor = ""
        try:
            while True:
                page: Any = await self._call(
                    self._client.conversations_replies,
                    channel=channel,
                    ts=thread,
                    include_all_metadata=True,
                    limit=_PAGE,
                    cursor=cursor or None,
                )
                for each in page.get("messages") or ():
                    if each.get("metadata", {}).get("event_payload", {}).get("key") == post.key:
                        return str(each["ts"])
                cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
                if not cursor:
                    return None
        except Unsent as why:
            raise Unsent(why.why, again=why.again, surely=False, wait=why.wait) from None

    def _claim(self, seen: PostRow) -> PostRow | None:
        with self._memory.transaction() as tx:
            return tx.claim_post(seen.key, self._clock(), left=seen if seen.state == "doing" else None)

    def _finished(self, post: PostRow, ts: str) -> None:
        with self._memory.transaction() as tx:
            tx.finish_post(post, ts, self._clock())

    def _failed(self, post: PostRow, failed: Unsent) -> None:
        with self._memory.transaction() as tx:
            tx.fail_post(post, self._clock(), again=failed.again, surely=failed.surely and failed.again)


def _words(post: PostRow) -> dict[str, Any]:
    """`text` and `blocks`: a message as it was made, or news that are put into words only now."""
    if "message" in post.payload:
        return dict(post.payload["message"])
    try:
        found = wire.load(Finding, post.payload)
    except Mendable as error:  # written by another version: it must not keep the others back
        raise Unsent(say(error.finding).says) from None
    said = say(found)
    quotes = "\n".join(piece.quote for piece in found.evidence if piece.quote)
    links = (str(found.facts.get("url") or ""),)
    steps = _ANSWERED_BY.get(found.code, ())
    key, team = post.request or str(found.facts.get("key") or ""), post.channel.split(":")[1]
    return message(
        Reply((f"{said.says} {said.do}".rstrip(),), diff=quotes, steps=steps, links=links), key=key, team=team
    )
