"""The one writer of cards: brings every copy of a request's card in line with its row, and each copy stands once.

What was drawn last is kept as a mark, so that nothing is drawn that did not change. Several replicas claim a copy
before they draw it. When nobody can tell whether a copy was posted, its place is looked through first.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from aiohttp import ClientError
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.card_blocks import card_message
from bot.slack.gate import Gate
from bot.slack.outbox import address
from bot.world.memory import CardRow, Memory, RequestRow
from skills.cards import card
from skills.core.messages import say
from skills.core.model import OPEN_STATES, Finding

log = logging.getLogger("postern.slack")

_EVENT = "postern_card"
_LAYOUT = "1"  # raised when cards look different, so that those that stand are drawn anew
_STALE = timedelta(seconds=60)
_MOST_DIRECT = 10
_PAGE, _PAGES = 100, 20
_GONE = frozenset(
    {"message_not_found", "channel_not_found", "is_archived", "cant_update_message", "edit_window_closed"}
)
_HIDDEN = ("drafted", "proposed")


class CardWriter:
    """`approvers` is the channel in which approvers look, if there is one; else they are written to by themselves where
    the request has no thread of its own."""

    def __init__(
        self,
        client: AsyncWebClient,
        memory: Memory,
        gate: Gate,
        clock: Callable[[], datetime],
        repository: str,
        approvers: str | None = None,
    ) -> None:
        self._client = client
        self._memory = memory
        self._gate = gate
        self._clock = clock
        self._repository = repository
        self._approvers = approvers

    async def draw(self) -> None:
        """One pass over what may have changed."""
        for row, copy, mark in await self._gate.run(self._due):
            claimed = self._clock()
            if not await self._gate.run(self._claim, copy, claimed):
                continue
            made = await self._gate.run(self._made, row)
            ts = await self._put(copy, made)
            over = ts is not None and row.request.state not in OPEN_STATES
            await self._gate.run(
                self._settle, copy, claimed, ts or copy.ts, mark if ts is not None else copy.mark, over
            )

    def _due(self) -> list[tuple[RequestRow, CardRow, str]]:
        """Copies that don't show what their row says; those that are missing are added first."""
        live = self._memory.cards()
        rows = {row.request.key: row for row in self._memory.requests(self._repository, open_only=True)}
        known = {(copy.request, copy.channel) for copy in live}
        new = [(key, place) for key, row in rows.items() for place in self.places(row) if (key, place) not in known]
        if new:
            with self._memory.transaction() as tx:
                for key, place in new:
                    tx.add_card(key, place, self._clock())
            live = self._memory.cards()
        ended = {copy.request for copy in live} - set(rows)
        rows |= {key: row for key in ended if (row := self._memory.request(key)) and row.repository == self._repository}
        due = [(rows[copy.request], copy, _mark(rows[copy.request])) for copy in live if copy.request in rows]
        return [(row, copy, mark) for row, copy, mark in due if copy.mark != mark]

    def places(self, row: RequestRow) -> Sequence[str]:
        """Where copies stand, as the outbox addresses them. None before the merge request does."""
        request = row.request
        if request.state in _HIDDEN or request.number is None:
            return ()
        surface, *parts = request.thread.split(":")
        team = parts[0] if surface == "slack" and parts else ""
        thread = [request.thread] if team and parts[-1].replace(".", "", 1).isdecimal() else []
        if self._approvers:
            return [*thread, f"slack:{team}:{self._approvers}:{self._approvers}"]
        if thread:
            return thread
        people = [name.upper().split(":") for name in request.waits_for if name.casefold().startswith("slack:")]
        return [f"slack:{name[1]}:direct:{name[-1]}" for name in people][:_MOST_DIRECT]

    def _made(self, row: RequestRow) -> dict[str, Any]:
        others = [each.request for each in self._memory.requests(self._repository)]
        return card_message(card(row.request, others, _pipeline(row)))

    def _claim(self, copy: CardRow, now: datetime) -> bool:
        with self._memory.transaction() as tx:
            return tx.claim_card(copy, now, now - _STALE)

    def _settle(self, copy: CardRow, claimed: datetime, ts: str | None, mark: str, over: bool) -> None:
        with self._memory.transaction() as tx:
            tx.settle_card(copy.key, claimed, ts, mark, over=over)

    async def _put(self, copy: CardRow, made: dict[str, Any]) -> str | None:
        """What the chat calls the copy now; None when it does not show what it should. Empty: nothing can be shown."""
        channel, thread = address(copy.channel)
        try:
            ts = copy.ts or (await self._found(copy, channel, thread) if copy.tries else None)
            if ts:
                await self._client.chat_update(channel=channel, ts=ts, **made)
                return ts
            metadata = {"event_type": _EVENT, "event_payload": {"key": copy.key}}
            answer = await self._client.chat_postMessage(
                channel=channel, thread_ts=thread, unfurl_links=False, unfurl_media=False, metadata=metadata, **made
            )
            return str(answer["ts"])
        except SlackApiError as error:
            return await self._refused(copy, made, str(error.response.get("error", "")))
        except (TimeoutError, ClientError, OSError) as error:
            log.warning("%s", say(Finding("EGR1411", {"key": copy.key, "why": type(error).__name__})).says)
            return None

    async def _refused(self, copy: CardRow, made: dict[str, Any], why: str) -> str | None:
        """Blocks that Slack does not take are no reason to tell nobody: the text alone is sent. What is gone stays."""
        log.warning("%s", say(Finding("EGR1411", {"key": copy.key, "why": why})).says)
        if why in _GONE and copy.ts:
            return copy.ts
        if not why.startswith("invalid_blocks") or copy.ts:
            return None
        channel, thread = address(copy.channel)
        try:
            answer = await self._client.chat_postMessage(channel=channel, thread_ts=thread, text=made["text"])
            return str(answer["ts"])
        except (SlackApiError, TimeoutError, ClientError, OSError):
            return None

    async def _found(self, copy: CardRow, channel: str, thread: str | None) -> str | None:
        """A copy that was posted by somebody who did not live to keep it."""
        if thread is None and channel[:1] in "UW":
            return None
        ask: dict[str, Any] = {"channel": channel, "include_all_metadata": True, "limit": _PAGE}
        ask |= {"ts": thread} if thread else {}
        method: Any = self._client.conversations_replies if thread else self._client.conversations_history
        for _ in range(_PAGES):
            page: Any = await method(**ask)
            for each in page.get("messages") or ():
                if each.get("metadata", {}).get("event_payload", {}).get("key") == copy.key:
                    return str(each["ts"])
            ask["cursor"] = (page.get("response_metadata") or {}).get("next_cursor")
            if not ask["cursor"]:
                break
        return None


def _mark(row: RequestRow) -> str:
    """What a card is drawn from, in short: its row with decisions and news, and what was seen at the forge."""
    request = row.request
    shown = [
        _LAYOUT,
        request.state,
        request.version,
        request.digest,
        request.pushed,
        request.until,
        row.seen,
        [[each.verb, each.by, each.at] for each in request.decisions],
        request.latest.code if request.latest else None,
    ]
    return hashlib.sha256(json.dumps(shown).encode()).hexdigest()[:24]


def _pipeline(row: RequestRow) -> tuple[str, str] | None:
    seen = (row.forge or {}).get("pipeline")
    return (str(seen[1]), str((row.forge or {}).get("pipeline_url") or "")) if seen else None
