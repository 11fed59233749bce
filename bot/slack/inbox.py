"""The durable inbox: what Slack says is a row before it is acknowledged, and is worked off from its row.

    inbox = Inbox(memory, repository, clock)
    inbox.on("event:app_mention", mentioned)        # durable: after the acknowledgement, from the row, in its lane
    inbox.at_once("shortcut:diagnose", open_modal)  # within the three seconds, beside the row

Slack waits three seconds for an acknowledgement, and repeats what got none. Bolt acknowledges first and works then, so
that a process which dies in between has lost it. https://docs.slack.dev/apis/events-api (retries).
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from slack_bolt.async_app import AsyncBoltRequest
from slack_bolt.middleware.async_middleware import AsyncMiddleware
from slack_bolt.response import BoltResponse

from bot.desk import attempt
from bot.slack.envelopes import Body, arrival, kind_of
from bot.slack.refusals import FAILURES
from bot.world.memory import Arrival, InboxRow, Memory, Transaction
from skills.core.errors import Outdated
from skills.core.messages import say

log = logging.getLogger("postern.slack")

_PATIENCE = 2.0  # seconds for a row to stand, and for an answer at once
_AT_ONCE = 500  # rows in one commit
_PREFIX = "turn:"


class Post(NamedTuple):
    """One message to send. `channel` is `slack:TEAM:CHANNEL:TS`, or `slack:TEAM:direct:USER`.

    With `user` only that person sees it: by `url`, Slack's response address, else by chat.postEphemeral; `within` the
    thread where one is open, for Slack shows such a message in no thread that has no replies yet.
    """

    channel: str
    message: Mapping[str, Any]
    user: str = ""
    url: str = ""
    within: bool = False

    @property
    def payload(self) -> dict[str, Any]:
        return {"message": dict(self.message), **self._alone}

    @property
    def _alone(self) -> dict[str, Any]:
        return {"user": self.user, "url": self.url, "within": self.within} if self.user else {}


class Now(NamedTuple):
    """What an `at_once` handler answers: the body of the acknowledgement, and whether the row is still to be worked."""

    body: Mapping[str, Any] | None = None
    go_on: bool = False


@dataclass(frozen=True, slots=True)
class Taken:
    """A row that is being worked. `body` is Slack's payload: its team and users are signed, its texts are foreign."""

    row: InboxRow
    body: dict[str, Any]
    clock: Callable[[], datetime]

    @property
    def live(self) -> str:
        """The key of the first message that comes of it: it may be shown with other words before the answer."""
        return f"{_PREFIX}{self.row.id}:0"

    def settle(self, tx: Transaction, posts: Sequence[Post]) -> bool:
        """The row is over and its answers wait, in the transaction of whatever else came of it.

        False when it was settled already; then nothing is written.
        """
        now = self.clock()
        if not tx.finish_arrival(self.row, now):
            return False
        self._say(tx, posts, now)
        return True

    def settle_or_leave(self, tx: Transaction, posts: Sequence[Post]) -> None:
        """As `settle`. Raises Outdated EGR469 when somebody took the row over: then nothing of this attempt counts."""
        if not self.settle(tx, posts):
            raise Outdated("EGR469")

    def give_up(self, tx: Transaction, posts: Sequence[Post]) -> bool:
        """The row is set aside: it is not tried again."""
        now = self.clock()
        if not tx.fail_arrival(self.row, now, None):
            return False
        self._say(tx, posts, now)
        return True

    def _say(self, tx: Transaction, posts: Sequence[Post], now: datetime) -> None:
        if not posts:
            tx.take_away(self.live, now)  # no step stands there for ever without its answer
        for number, post in enumerate(posts):
            key = f"{_PREFIX}{self.row.id}:{number}"
            tx.show(key, post.channel, post.payload, now, final=True, repository=self.row.repository)


Answered = Sequence[Post] | None
"""What came of a row; None when it was settled already, in the transaction of whatever else came of it."""
Handler = Callable[[Taken], Awaitable[Answered]]
AtOnce = Callable[[Body], Awaitable[Now]]


class Inbox(AsyncMiddleware):
    """Bolt's middleware, after the signature was verified and before anything else."""

    def __init__(self, memory: Memory, repository: str, clock: Callable[[], datetime]) -> None:
        self.repository = repository
        self.memory = memory
        self.clock = clock
        self.arrived = asyncio.Event()
        self._handlers: dict[str, Handler] = {}
        self._at_once: dict[str, AtOnce] = {}
        self._writer = Writer(memory, repository, clock)

    def on(self, kind: str, handler: Handler) -> None:
        """Works rows of a kind (see envelopes.kind_of). It may be called again for the same row after a crash."""
        self._handlers[kind] = handler

    def at_once(self, kind: str, handler: AtOnce) -> None:
        """Answers within the request: modals by their trigger, faults of a submission, options. It must be fast."""
        self._at_once[kind] = handler

    def kinds(self) -> set[str]:
        """Everything that is heard."""
        return {*self._handlers, *self._at_once}

    def handler(self, kind: str) -> Handler | None:
        return self._handlers.get(kind)

    async def async_process(
        self, *, req: AsyncBoltRequest, resp: BoltResponse, next: Callable[[], Awaitable[BoltResponse]]
    ) -> BoltResponse | None:
        """Keeps and acknowledges. 503 when it can't be kept: Slack sends it again."""
        body = req.body
        kind = kind_of(body)
        if not kind:
            await next()
            return resp
        now = Now(go_on=True)
        if kind in self._at_once:
            now = await self._answered(self._at_once[kind], body)
        if now.go_on:
            found = arrival(body)
            if found is not None and found.kind in self._handlers and not await self._writer.keep(found):
                return BoltResponse(status=503, body="")
            self.arrived.set()
        return BoltResponse(status=200, body=dict(now.body) if now.body is not None else "")

    async def _answered(self, handler: AtOnce, body: Body) -> Now:
        """A trigger that is over, or a Slack that is slow, must not lose what somebody said: the row goes on."""
        try:
            async with asyncio.timeout(_PATIENCE):
                return await handler(body)
        except FAILURES as failure:
            log.warning("an answer at once was not possible: %s", type(failure).__name__)
            return Now(go_on=True)

    def close(self) -> None:
        self._writer.close()


_Waiting = tuple[Arrival, asyncio.Future[bool]]


class Writer:
    """A thread that commits all that came meanwhile at once: one flush to the disk for many acknowledgements."""

    def __init__(self, memory: Memory, repository: str, clock: Callable[[], datetime]) -> None:
        self._memory = memory
        self._repository = repository
        self._clock = clock
        self._new: list[_Waiting] = []
        self._waiting: queue.SimpleQueue[list[_Waiting] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="postern-inbox", daemon=True)
        self._thread.start()

    async def keep(self, found: Arrival) -> bool:
        """Whether it stands now, or stood already. False when it can't be kept, or not in time."""
        loop = asyncio.get_running_loop()
        kept: asyncio.Future[bool] = loop.create_future()
        if not self._new:
            loop.call_soon(self._hand_over)
        self._new.append((found, kept))
        late = loop.call_later(_PATIENCE, _answer, (kept,), False)
        try:
            return await kept
        finally:
            late.cancel()

    def close(self) -> None:
        """What waits is still committed."""
        self._hand_over()
        self._waiting.put(None)
        self._thread.join(timeout=_PATIENCE)

    def _hand_over(self) -> None:
        """All that came in one turn of the loop, at its end: the thread is woken once, when the loop has time."""
        new, self._new = self._new, []
        self._waiting.put(new)

    def _run(self) -> None:
        while (first := self._waiting.get()) is not None:
            batch = [*first]
            over = False
            while len(batch) < _AT_ONCE and not self._waiting.empty():
                more = self._waiting.get()
                over = more is None
                if more is None:
                    break
                batch += more
            if batch:
                self._commit(batch)
            if over:
                return

    def _commit(self, batch: Sequence[_Waiting]) -> None:
        _, problem = attempt(lambda: self._write([found for found, _ in batch]))
        if problem:
            log.warning("%s", say(problem.finding).says)
        loop = batch[0][1].get_loop()
        if not loop.is_closed():
            loop.call_soon_threadsafe(_answer, [kept for _, kept in batch], problem is None)

    def _write(self, found: Sequence[Arrival]) -> None:
        with self._memory.transaction() as tx:
            tx.keep_arrivals(self._repository, found, self._clock())


def _answer(waiting: Sequence[asyncio.Future[bool]], kept: bool) -> None:
    for each in waiting:
        if not each.done():
            each.set_result(kept)
