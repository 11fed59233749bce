"""Works the inbox off: in order within a lane, several lanes at once, each row to its end whoever dies in between."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from bot import logs
from bot.desk import attempt
from bot.lifecycle.replicas import named
from bot.slack.blocks import message
from bot.slack.envelopes import direct_to, kind_of, user_of
from bot.slack.gate import Gate
from bot.slack.inbox import Inbox, Post, Taken
from bot.world.memory import Claims, InboxRow
from skills.core.messages import say
from skills.core.model import Finding, finding
from skills.replies import problem as as_reply

log = logging.getLogger("postern.slack")

_MOST = 8  # rows at work at the same time in one process
_TRIES = 3
_WAIT = (timedelta(seconds=1), timedelta(seconds=10))
_STALE = 20.0  # seconds
_RENEW = 5.0  # seconds
_LOOK = 1.0  # seconds between looks for what other replicas left, or what is to be tried again
_KEPT = timedelta(days=3)  # longer than Slack repeats anything
_FORGET = 3600.0  # seconds


class Worker:
    """`told` is called whenever an answer waits in the outbox."""

    def __init__(
        self, inbox: Inbox, gate: Gate, told: Callable[[], object], ticks: Callable[[], float] = time.monotonic
    ) -> None:
        self._inbox = inbox
        self._memory = inbox.memory
        self._clock = inbox.clock
        self._gate = gate
        self._told = told
        self._me = named()
        self._ticks, self._looked = ticks, ticks() - _LOOK
        self._claims = Claims(_STALE, ticks)
        self._at_work: set[asyncio.Task[None]] = set()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [asyncio.create_task(each) for each in (self._work(), self._renew(), self._forget())]

    async def stop(self) -> None:
        """What is being worked comes to its end; what waits stands in rows."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, *self._at_work, return_exceptions=True)

    async def drained(self) -> None:
        """Works off all that may be begun now, for tests and for a page that waits for its answer."""
        while await self._begin() or self._at_work:
            await asyncio.gather(*self._at_work)

    def take_back(self) -> None:
        """This process is the only one on its database: what was begun by one that died is begun anew."""
        with self._memory.transaction() as tx:
            tx.release_arrivals(self._inbox.repository, self._clock())
            tx.release_posts(self._clock())

    async def _work(self) -> None:
        if self._memory.file is not None:
            await self._gate.run(attempt, self.take_back)
        while True:
            if not await self._begin():
                with suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK):
                        await self._inbox.arrived.wait()

    async def _begin(self) -> int:
        """Begins as much as there is room for. Gives how many rows that were."""
        self._inbox.arrived.clear()
        room = _MOST - len(self._at_work)
        if room <= 0:
            return 0
        rows, problem = await self._gate.run(attempt, lambda: self._claim(room))
        if problem:
            log.warning("%s", say(problem.finding).says)
        for row in rows or ():
            task = asyncio.create_task(self._one(row))
            self._at_work.add(task)
            task.add_done_callback(self._over)
        return len(rows or ())

    def _over(self, task: asyncio.Task[None]) -> None:
        self._at_work.discard(task)
        self._inbox.arrived.set()
        self._told()

    def _claim(self, room: int) -> tuple[InboxRow, ...]:
        ours, now, left = self._inbox.repository, self._clock(), self._left_behind()
        if not self._memory.arrivals_wait(ours, now, left):
            return ()
        with self._memory.transaction() as tx:
            return tx.claim_arrivals(ours, self._me, now, room, left)

    def _left_behind(self) -> list[InboxRow]:
        """Looked for once a second, however much there is to do."""
        now = self._ticks()
        if now - self._looked < _LOOK:
            return []
        self._looked = now
        return self._claims.left(self._memory.arrivals_claimed(self._inbox.repository))

    async def _one(self, row: InboxRow) -> None:
        """One row to its end. Raises nothing: whatever happens is tried again, or set aside and said."""
        with logs.about(thread=row.lane):
            if row.attempts > _TRIES:  # whoever worked on it died each time
                await self._again(row, "whoever worked on it died")
                return
            task = asyncio.ensure_future(self._handled(row))
            await asyncio.wait({task})
            failure = task.exception()
            if failure is not None:
                log.error("%s could not be worked", row.kind, exc_info=failure)
                await self._again(row, type(failure).__name__)

    async def _handled(self, row: InboxRow) -> None:
        taken = Taken(row, json.loads(row.payload), self._clock)
        handler = self._inbox.handler(row.kind)
        posts = await handler(taken) if handler else ()
        if posts is None:
            return

        def settle() -> None:
            with self._memory.transaction() as tx:
                taken.settle(tx, posts)

        await self._gate.run(settle)

    async def _again(self, row: InboxRow, why: str) -> None:
        """Later, or never: then whoever wrote it is told so in one sentence."""
        last = row.attempts >= _TRIES
        if last:
            log.error("%s", say(finding("EGR1450", what=row.kind, attempts=row.attempts, why=why)).says)

        def settle() -> None:
            with self._memory.transaction() as tx:
                if last:
                    Taken(row, {}, self._clock).give_up(tx, _apology(row))
                else:
                    tx.fail_arrival(row, self._clock(), self._clock() + _WAIT[row.attempts - 1])

        _, problem = await self._gate.run(attempt, settle)
        if problem:  # the database is away: the claim becomes stale, and somebody takes it over
            log.warning("%s", say(problem.finding).says)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(_RENEW)
            if self._at_work:
                await self._gate.run(attempt, self._still_mine)

    def _still_mine(self) -> None:
        with self._memory.transaction() as tx:
            tx.renew_arrivals(self._me, self._clock())

    async def _forget(self) -> None:
        while True:
            await self._gate.run(attempt, self.forget_old)
            await asyncio.sleep(_FORGET)

    def forget_old(self) -> None:
        """Rows that are over, and the answers that came of them."""
        before = self._clock() - _KEPT
        with self._memory.transaction() as tx:
            tx.forget_arrivals(before)
            tx.forget_posts("turn:", before)


def _apology(row: InboxRow) -> list[Post]:
    body = json.loads(row.payload)
    lane = row.lane
    if not lane.startswith("slack:"):
        lane = direct_to(*user_of(body))
    user = user_of(body)[1] if kind_of(body).startswith("command:") else ""
    return [Post(lane, message(as_reply(Finding("EGR1451"))), user, str(body.get("response_url") or ""))]
