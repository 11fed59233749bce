"""What a service runs: Slack by Socket Mode when an app token is set, else over HTTP, with a health page beside it.

Beside the conversations go GitLab's webhooks, the poll that heals what they lost, and the writer of news.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from aiohttp import web

from bot import logs
from bot.desk import attempt
from bot.doctor import SERVING
from bot.served import App, Served
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
    served: Served, settings: Settings, port: int, host: str, people: Callable[[str, str], Person] = slack_person
) -> bool:
    """Until SIGTERM or SIGINT, or Slack closes the socket for good. False when something did not end in time."""
    assert settings.slack_bot_token is not None
    secret = settings.slack_signing_secret.reveal() if settings.slack_signing_secret else ""
    token = settings.slack_bot_token.reveal()
    shared = served.shared
    given = (shared.memory, served.repository, shared.clock, served.conversation, people)
    slack = Slack(*given, secret=secret, token=token, approvers=approvers_of(served, settings))
    slack.bolt.client.base_url = slack.users.client.base_url = settings.slack_api
    for app in served.apps:
        app.desk.directory, app.desk.by_email = slack.users, settings.slack_match_email
    slack.cards.in_chat = served.in_chat
    slack.cards.past_approval = served.past_approval
    slack.cards.called = served.conversation.called
    following = Following(served.apps, Gate(), slack.outbox, float(settings.poll_seconds), slack.cards.draw)
    slack.told = following.tell
    site = slack.bolt.web_app(path="/slack/events") if secret else web.Application()
    parts = parts_of(served.apps, slack.findings)
    add_health(site, parts, logs.masker(settings))
    following.listen(site)
    note_refusals(site, following.refused)
    runner = web.AppRunner(site, shutdown_timeout=_LINGER)
    await runner.setup()
    answer_promptly()
    stopped = _told_to_stop()
    await web.TCPSite(runner, host, port).start()
    following.start()
    slack.start()
    app_token = settings.slack_app_token
    try:
        listening = listen_by_socket(slack.bolt, app_token.reveal()) if app_token else None
        await _until_one_ends(stopped.wait(), slack.refused(), listening)
    finally:
        served.first.runner.ready_to_stop()
        ended = await _in_time(slack.stop()) and await _in_time(following.stop())
        await runner.cleanup()
        slack.close()
    return ended and not any(part.busy for part in parts)


def answer_promptly() -> None:
    """Nobody waits for an acknowledgement because the collector looks at what stays anyway: a full search of all
    modules takes it 90 ms."""
    gc.collect()
    gc.freeze()
    gc.enable()


def approvers_of(served: Served, settings: Settings) -> str | Mapping[str, str | None] | None:
    """The channel in which approvers look; of several repositories each may have its own."""
    if len(served.apps) == 1:
        return settings.slack_approvers_channel
    return {app.repository: app.settings.slack_approvers_channel for app in served.apps}


def parts_of(apps: Sequence[App], slack: Look) -> list[Part]:
    """What the service needs. While the forge is away the mirror answers people, and what is recorded waits. Among
    several repositories one that can't be read takes the service from nobody who asks about another."""
    gate = Gate(len(SERVING))

    def of(app: App, name: str) -> Look:
        async def look() -> Sequence[Finding]:
            found, problem = await gate.run(attempt, lambda: list(SERVING[name](app)))
            return [problem.finding] if problem else found or []

        return look

    first, alone = apps[0], len(apps) == 1
    parts = [Part("database", of(first, "database"), 2.0)]
    for app in apps:
        named = f" {app.called}" if app.called else ""
        parts.append(Part(f"repository{named}", of(app, "repository"), 10.0, vital=alone))
        parts.append(Part(f"forge{named}", of(app, "forge"), 30.0, vital=False))
    return [*parts, Part("work", of(first, "work"), 5.0, vital=False), Part("slack", slack, 60.0)]


def _told_to_stop() -> asyncio.Event:
    """Heard before anybody can see that the service runs: whoever stops it at once finds it in order too."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    return stopped


async def _until_one_ends(*endless: Coroutine[Any, Any, object] | None) -> None:
    tasks = [asyncio.create_task(each) for each in endless if each]
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
        apps: Sequence[App],
        gate: Gate,
        outbox: Outbox,
        poll_seconds: float,
        draw_cards: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        self._apps = tuple(apps)
        self._first = self._apps[0]
        self._gate = gate
        self._outbox = outbox
        self._draw_cards = draw_cards
        self._poll_seconds = poll_seconds
        self.polls = 0
        self._heard, self._told = asyncio.Event(), asyncio.Event()
        self._looking: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._telling: asyncio.Task[None] | None = None
        outbox.freed = self.tell

    def listen(self, served: web.Application) -> None:
        sources = [
            Source(app.settings.gitlab_webhook_secret, app.forges.project, app.clock, partial(self._keep, app))
            for app in self._apps
        ]
        add_webhooks(served, sources)

    async def refused(self, path: str, status: int, times: int) -> None:
        """Best effort: a database that is away keeps nobody waiting who has no business here."""

        def kept() -> None:
            with self._first.memory.transaction() as tx:
                facts = {"path": path, "status": status, "times": times}
                tx.add_log("", path, "refused", facts, self._first.clock())

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

    async def _keep(self, app: App, key: str, kind: str, hint: Mapping[str, Any]) -> bool:
        new, problem = await self._gate.run(attempt, lambda: app.deliveries.keep(key, kind, hint))
        if problem:
            raise Refusal(503, problem.finding)
        if new:
            self._heard.set()
        return bool(new)

    async def _work_off(self) -> None:
        """Each request is looked at by one task at a time; a slow one keeps no other waiting."""
        while True:
            for app in self._apps:
                due = await self._guarded(app.deliveries.due)
                for key, rows in (due or {}).items():
                    if (app.repository, key) not in self._looking:
                        self._looking[app.repository, key] = asyncio.create_task(self._look(app, key, rows))
            await _woken(self._heard, _LOOK_AGAIN)

    async def _look(self, app: App, key: str, rows: Any) -> None:
        done = await self._guarded(lambda: app.deliveries.work(key, rows))
        del self._looking[app.repository, key]
        self._told.set()
        if done:  # more may have come about it meanwhile; what failed waits for the next look
            self._heard.set()

    async def _poll(self) -> None:
        while True:
            await self.poll_now()
            await asyncio.sleep(self._poll_seconds)

    async def poll_now(self) -> None:
        """Looks at every request that something may have happened to; a slow forge keeps no other repository back."""
        await asyncio.gather(*(self._guarded(app.reconcile) for app in self._apps))
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
