"""What a service runs: Slack by Socket Mode when an app token is set, else over HTTP, with a health page beside it.

Beside the conversations go GitLab's webhooks, the poll that heals what they lost, and the writer of news.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Any

from aiohttp import web

from bot import logs
from bot.app import App
from bot.deliveries import Deliveries
from bot.desk import attempt
from bot.doctor import SERVING
from bot.settings import Settings
from bot.slack.connect import listen_by_socket
from bot.slack.gate import Gate
from bot.slack.outbox import Outbox
from bot.slack.service import Slack
from bot.web.health import Look, Part, add_health
from bot.web.webhooks import Refusal, Source, add_webhooks, note_refusals
from skills.core.errors import Mendable
from skills.core.messages import say
from skills.core.model import Finding, Person

log = logging.getLogger("postern")

_LINGER = 1.5  # seconds that each part gets to end what it does when the service stops
_LOOK_AGAIN = 5.0  # seconds between looks for what another process wrote, or what must be tried again


def slack_person(team: str, user: str) -> Person:
    """The person of a signed Slack identity, as policies write it: `slack:TEAM:USER`."""
    return Person(f"slack:{team}:{user}")


async def run(
    app: App, settings: Settings, port: int, host: str, people: Callable[[str, str], Person] = slack_person
) -> bool:
    """Until SIGTERM or SIGINT, or Slack closes the socket for good. False when something did not end in time."""
    assert settings.slack_bot_token is not None
    secret = settings.slack_signing_secret.reveal() if settings.slack_signing_secret else ""
    token = settings.slack_bot_token.reveal()
    given = (app.memory, app.repository, app.clock, app.conversation, people)
    slack = Slack(*given, secret=secret, token=token, approvers=settings.slack_approvers_channel)
    slack.bolt.client.base_url = settings.slack_api
    slack.users.client.base_url = settings.slack_api
    app.desk.directory, app.desk.by_email = slack.users, settings.slack_match_email
    following = Following(app, Gate(), slack.outbox, float(settings.poll_seconds), slack.cards.draw)
    slack.told = following.tell
    served = slack.bolt.web_app(path="/slack/events") if secret else web.Application()
    parts = parts_of(app, slack.findings)
    add_health(served, parts, logs.masker(settings))
    following.listen(served)
    note_refusals(served, following.refused)
    runner = web.AppRunner(served, shutdown_timeout=_LINGER)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    following.start()
    slack.start()
    app_token = settings.slack_app_token
    try:
        listening = listen_by_socket(slack.bolt, app_token.reveal()) if app_token else None
        await _until_stopped(slack.refused(), listening)
    finally:
        app.runner.ready_to_stop()
        ended = await _in_time(slack.stop()) and await _in_time(following.stop())
        await runner.cleanup()
        slack.close()
    return ended and not any(part.busy for part in parts)


def parts_of(app: App, slack: Look) -> list[Part]:
    """What the service needs. While the forge is away the mirror answers people, and what is recorded waits."""
    gate = Gate(len(SERVING))

    def of(name: str) -> Look:
        async def look() -> Sequence[Finding]:
            found, problem = await gate.run(attempt, lambda: list(SERVING[name](app)))
            return [problem.finding] if problem else found or []

        return look

    return [
        Part("database", of("database"), 2.0),
        Part("repository", of("repository"), 10.0),
        Part("forge", of("forge"), 30.0, vital=False),
        Part("work", of("work"), 5.0, vital=False),
        Part("slack", slack, 60.0),
    ]


async def _until_stopped(*endless: Coroutine[Any, Any, None] | None) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    tasks = [asyncio.create_task(each) for each in (stopped.wait(), *endless) if each]
    done, waiting = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    for task in done:
        task.result()


async def _in_time(work: Awaitable[None]) -> bool:
    try:
        async with asyncio.timeout(_LINGER):
            await work
    except TimeoutError:
        return False
    return True


class Following:
    """What goes on beside the conversations: webhooks are taken and worked off, the poll runs, news are sent.

    `gate` is not the one of the conversations, so that a slow forge keeps no answer in a thread back.
    """

    def __init__(
        self,
        app: App,
        gate: Gate,
        outbox: Outbox,
        poll_seconds: float,
        draw_cards: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        self._app = app
        self._gate = gate
        self._outbox = outbox
        self._draw_cards = draw_cards
        self._poll_seconds = poll_seconds
        self.polls = 0
        self._deliveries: Deliveries = app.deliveries
        self._heard, self._told = asyncio.Event(), asyncio.Event()
        self._looking: dict[str, asyncio.Task[None]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._telling: asyncio.Task[None] | None = None
        outbox.freed = self.tell

    def listen(self, served: web.Application) -> None:
        source = Source(self._app.settings.gitlab_webhook_secret, self._app.forges.project, self._app.clock)
        add_webhooks(served, source, self._keep)

    async def refused(self, path: str, status: int, times: int) -> None:
        """Best effort: a database that is away keeps nobody waiting who has no business here."""

        def kept() -> None:
            with self._app.memory.transaction() as tx:
                facts = {"path": path, "status": status, "times": times}
                tx.add_log("", path, "refused", facts, self._app.clock())

        await self._gate.run(attempt, kept)

    def start(self) -> None:
        loops = (self._work_off(), self._poll(), self._tell())
        self._tasks = [asyncio.create_task(each) for each in loops]

    async def stop(self) -> None:
        """What is being looked at comes to its end; what waits stands in rows."""
        for task in self._tasks:
            task.cancel()
        under_way = [*self._looking.values(), *([self._telling] if self._telling else [])]
        await asyncio.gather(*self._tasks, *under_way, return_exceptions=True)
        await self._outbox.ended()
        await self._gate.drained()

    async def _keep(self, key: str, kind: str, hint: Mapping[str, Any]) -> bool:
        new, problem = await self._gate.run(attempt, lambda: self._deliveries.keep(key, kind, hint))
        if problem:
            raise Refusal(503, problem.finding)
        if new:
            self._heard.set()
        return bool(new)

    async def _work_off(self) -> None:
        """Each request is looked at by one task at a time; a slow one keeps no other waiting."""
        while True:
            due = await self._guarded(self._deliveries.due)
            for key, rows in (due or {}).items():
                if key not in self._looking:
                    self._looking[key] = asyncio.create_task(self._look(key, rows))
            await _woken(self._heard, _LOOK_AGAIN)

    async def _look(self, key: str, rows: Any) -> None:
        done = await self._guarded(lambda: self._deliveries.work(key, rows))
        del self._looking[key]
        self._told.set()
        if done:  # more may have come about it meanwhile; what failed waits for the next look
            self._heard.set()

    async def _poll(self) -> None:
        while True:
            await self.poll_now()
            await asyncio.sleep(self._poll_seconds)

    async def poll_now(self) -> None:
        """Looks at every request that something may have happened to."""
        await self._guarded(self._app.reconcile)
        self.polls += 1
        self._told.set()

    @property
    def busy(self) -> bool:
        """Whether a request is being looked at."""
        return bool(self._looking)

    def tell(self) -> None:
        """A message waits."""
        self._told.set()

    async def _tell(self) -> None:
        """Each channel is written to by one task at a time; a slow one keeps no other waiting."""
        while True:
            self._telling = asyncio.create_task(self._send())
            await asyncio.wait({self._telling})
            failure = self._telling.exception()
            if isinstance(failure, Mendable):
                log.warning("%s", say(failure.finding).says)
            elif failure:
                log.error("messages could not be sent", exc_info=failure)
            await _woken(self._told, min(_LOOK_AGAIN, self._outbox.next_in))

    async def _send(self) -> None:
        await self._outbox.begin()
        if self._draw_cards and await self._draw_cards():
            self.tell()

    async def _guarded(self, work: Callable[[], Any]) -> Any:
        made, problem = await self._gate.run(attempt, work)
        if problem:
            log.warning("%s", say(problem.finding).says)
        return made


async def _woken(event: asyncio.Event, seconds: float) -> None:
    """When the event comes, or after so many seconds."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):  # `wait_for` loses a cancellation that comes with the event
            await event.wait()
    event.clear()
