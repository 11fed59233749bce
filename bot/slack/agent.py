"""The agent surface in direct messages: that something is being done, and the button that stops it.

Where the workspace or the app has no agents, the first refusal is remembered and nothing more is tried: the answer
comes as a message all the same. https://docs.slack.dev/ai/agent-sessions, .../reference/events/agent_session_stopped
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from slack_sdk.errors import SlackApiError

from bot.slack.envelopes import team_of, thread_of
from bot.slack.inbox import Post, Taken
from bot.slack.parts import FAILURES, Parts
from skills.core.model import Finding

_MOST_STOPPED = 1000


class Agent:
    """Registers its handler with the inbox."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._able = True
        self._at_work: Counter[str] = Counter()
        self._stopped: set[str] = set()
        parts.inbox.on("event:agent_session_stopped", self.stop)

    async def stop(self, taken: Taken) -> Sequence[Post]:
        """Slack changes nothing by itself: we say so, and end the session's work."""
        event = taken.body["event"]
        thread = thread_of(team_of(taken.body), str(event.get("channel") or ""), event)
        if self._at_work[thread] and len(self._stopped) < _MOST_STOPPED:
            self._stopped.add(thread)
        await self._set(thread, "active")
        return self._parts.says(thread, Finding("EGR1430"))

    def can_be_stopped(self, thread: str) -> bool:
        return self._at_work[thread] > 0

    def was_stopped(self, thread: str) -> bool:
        return thread in self._stopped

    @asynccontextmanager
    async def at_work(self, thread: str) -> AsyncIterator[None]:
        """The status is shown beside the work and never before it: an answer waits for no ornament.

        What a model adds is work of its own, after the answer.
        """
        self._at_work[thread] += 1
        begun = asyncio.create_task(self._set(thread, "processing"))
        try:
            yield
        finally:
            self._at_work[thread] -= 1
            if not self._at_work[thread]:
                del self._at_work[thread]
                self._stopped.discard(thread)
            self._parts.gate.later(self._over(begun, thread))

    async def _over(self, begun: asyncio.Task[None], thread: str) -> None:
        await begun
        await self._set(thread, "active")

    async def _set(self, thread: str, status: str) -> None:
        if not self._able:
            return
        _, _, channel, ts = thread.split(":", 3)
        try:
            await self._parts.client.agents_sessions_setStatus(channel_id=channel, thread_ts=ts, status=status)
        except SlackApiError:
            self._able = False
        except FAILURES:
            return
