"""All of Slack as one thing: whoever serves it builds this, starts it, and stops it.

    slack = Slack(memory, repository, clock, conversation, people, secret=secret, token=token)
    slack.start(); ...; await slack.stop()

Surfaces add their handlers to `slack.inbox`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from slack_sdk.web.async_client import AsyncWebClient

from bot.conversation import Conversation
from bot.slack.card_writer import CardWriter
from bot.slack.connect import build
from bot.slack.gate import Gate
from bot.slack.inbox import Inbox
from bot.slack.listeners import Listeners
from bot.slack.outbox import Outbox
from bot.slack.parts import Parts, People
from bot.slack.people import SlackUsers
from bot.slack.refusals import token_findings
from bot.slack.surfaces import add_surfaces
from bot.slack.worker import Worker
from bot.world.memory import Memory
from skills.core.errors import Unreachable
from skills.core.model import Finding

_TIMEOUT = 15  # seconds for one call of Slack's


class Slack:
    def __init__(
        self,
        memory: Memory,
        repository: str,
        clock: Callable[[], datetime],
        conversation: Conversation,
        people: People,
        *,
        secret: str,
        token: str,
        approvers: str | Mapping[str, str | None] | None = None,
        client: AsyncWebClient | None = None,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        """`secret` signs requests over HTTP, `token` is the bot's, `approvers` is the channel in which approvers look.

        `client` speaks to another address than Slack's.
        """
        self.client = client or AsyncWebClient(token=token, timeout=_TIMEOUT, retry_handlers=[])
        self.users = SlackUsers(token)
        self.inbox = Inbox(memory, repository, clock)
        self.bolt = build(secret, token, self.inbox, self.client)
        self.gate, aside = Gate(), Gate()
        self.outbox = Outbox(self.client, memory, aside, clock, ticks, repository)
        self.cards = CardWriter(memory, aside, clock, repository, approvers)
        self.told: Callable[[], None] = lambda: None
        """Called whenever a message waits in the outbox."""
        self.worker = Worker(self.inbox, self.gate, self._tell)
        parts = Parts(self.client, self.inbox, conversation, people, self.gate)
        Listeners(parts, self._tell)
        add_surfaces(parts)

    def _tell(self) -> None:
        self.told()

    def start(self) -> None:
        self.worker.start()

    async def stop(self) -> None:
        """What is being worked comes to its end; what waits stands in rows."""
        await self.worker.stop()
        await self.gate.drained()

    def close(self) -> None:
        """Nothing is kept any more."""
        self.inbox.close()

    async def drained(self) -> None:
        """Works off and sends all that may be now, for whoever has no loops running."""
        await self.worker.drained()
        await self.outbox.drain()

    async def findings(self) -> Sequence[Finding]:
        """Whether Slack takes our token, and what kept messages from their places lately."""
        found = [*await token_findings(self.client), *self.outbox.troubles()]
        return list(dict.fromkeys(found))

    async def refused(self) -> None:
        """Ends only by Unreachable EGR1453: Slack takes our token no more, and nothing can be done until it does."""
        for found in await token_findings(self.client):
            if found.code == "EGR1453":
                raise Unreachable(found.code, **found.facts)
        await self.outbox.fatal.wait()
        raise Unreachable("EGR1453", why=self.outbox.why_fatal)
