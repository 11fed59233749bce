"""One replica of the service in a process of its own, which can be killed: everything that `postern serve` runs, but
with people who talk to it through a pipe instead of Slack's events.
"""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

# What a process would import late is imported once, by the server that forks: a kill then meets only our work.
import dbos
import git
import gitlab
import sqlalchemy
from aiohttp import web
from slack_sdk.web.async_client import AsyncWebClient

from bot.app import App
from bot.desk import Handled, attempt
from bot.gather import Where
from bot.lifecycle import steps
from bot.lifecycle.durable import DurableRunner
from bot.lifecycle.rounds import Pace
from bot.serve import Following
from bot.settings import Settings
from bot.slack.gate import Gate
from bot.slack.outbox import Outbox
from bot.world.config_repo import ConfigRepo
from bot.world.gitlab import Calls, GitLabForge, Project, authorization
from skills.all_skills import by_name
from skills.core.messages import say
from skills.core.model import Person
from tests.fakes.gitlab_guard import guarded
from tests.fakes.gitlab_hooks import SECRET
from tests.fakes.gitlab_server import PROJECT, TOKEN

LOADED = (dbos, git, gitlab, sqlalchemy)
PACE = Pace(look=0.05, watch=0.1, mend=0.5, beat=0.2, timeout=1.5)
PATIENCE = 60.0
_GITLAB = 2.0  # seconds without a byte after which a call is given up


@dataclass(frozen=True)
class Office:
    """Where a replica works. `home` is its own folder, all else is shared."""

    gitlab: str
    ca: str
    home: Path
    database: str
    slack: str


@dataclass(frozen=True)
class Told:
    """What a person heard: the state after what they did, or the code of what was in the way, with its facts."""

    state: str | None = None
    code: str | None = None
    key: str | None = None
    facts: dict[str, Any] | None = None


class Replica:
    """The driver's side: `ask` gives a future; it holds None when the replica died before it answered."""

    def __init__(self, name: str, office: Office) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["tests.reliability.replica"])
        self.name = name
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_live, args=(office, theirs), daemon=True)
        self._process.start()
        theirs.close()
        self._numbers = itertools.count()
        self._waiting: dict[int, Future[Any]] = {}
        self._lock = threading.Lock()
        self.died = threading.Event()
        self.port: int = self._said_first()
        threading.Thread(target=self._listen, daemon=True).start()

    def _said_first(self) -> int:
        assert self._pipe.poll(PATIENCE), f"{self.name} does not come up"
        said = self._pipe.recv()
        assert isinstance(said, int), said
        return said

    @property
    def pid(self) -> int:
        return self._process.pid or 0

    def ask(self, what: str, *given: Any) -> Future[Any]:
        future: Future[Any] = Future()
        with self._lock:
            if self.died.is_set():
                future.set_result(None)
                return future
            number = next(self._numbers)
            self._waiting[number] = future
            with suppress(OSError):
                self._pipe.send((number, what, given))
        return future

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self.gone()

    def stop(self) -> bool:
        """In order, as by SIGTERM. False when it had to be killed."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
        ended = self.died.wait(20)
        self.kill()
        return ended

    def gone(self) -> None:
        self._process.join(PATIENCE)
        self.died.wait(PATIENCE)

    def _listen(self) -> None:
        with suppress(EOFError, OSError):
            while True:
                number, said = self._pipe.recv()
                with self._lock:
                    future = self._waiting.pop(number)
                future.set_result(said)
        with self._lock:
            self.died.set()
            left, self._waiting = self._waiting, {}
        for future in left.values():
            future.set_result(None)


# --- the replica's side


class _Life:
    def __init__(self, office: Office) -> None:
        self._later = timedelta()
        self._die_at = ""
        env = {
            "POSTERN_HOME": str(office.home),
            "POSTERN_DATABASE": office.database,
            "POSTERN_GITLAB_TOKEN": TOKEN,
            "POSTERN_GITLAB_CA": office.ca,
            "POSTERN_GITLAB_WEBHOOK_SECRET": SECRET,
            "HOME": str(office.home),
        }
        settings = Settings.from_env(env)
        repo = ConfigRepo.open(
            f"{office.gitlab}/{PROJECT}.git", home=office.home, authorization=authorization(TOKEN), ca=office.ca
        )
        self.app = App(settings, repo, clock=lambda: datetime.now(UTC) + self._later)
        soon: Callable[[float], None] = lambda seconds: time.sleep(min(seconds, 0.05))  # noqa: E731
        calls = Calls(Project(office.gitlab, PROJECT, TOKEN, ca=office.ca), guarded(), soon, _GITLAB)
        self.app.__dict__["forge"] = GitLabForge(repo, calls, pause=soon)
        self.runner = DurableRunner(
            self.app.memory,
            self.app.steps(),
            self.app.clock,
            url=office.database,
            repository=self.app.repository,
            pace=PACE,
            step=self._step,
        )

    def _step(self, point: str) -> None:
        if point == self._die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def die_at(self, point: str) -> None:
        self._die_at = point

    def clock(self, seconds: float) -> None:
        self._later += timedelta(seconds=seconds)

    def desk(self, name: str, fields: dict[str, Any], who: str, thread: str) -> Told:
        ask = by_name(name).Ask.model_validate(fields)
        return _told(self.app.desk.handle(name, ask, Person(who), Where("slack", thread)))


def _told(handled: Handled) -> Told:
    if handled.problem:
        return Told(code=handled.problem.finding.code, facts=dict(handled.problem.finding.facts))
    assert handled.answer
    return Told(state=handled.answer.data.get("state"), key=handled.answer.data.get("key"))


def _live(office: Office, pipe: Connection) -> None:
    steps._FIRST = 0.5  # seconds before the second try, in this process only; tests of it are elsewhere
    office.home.mkdir(parents=True, exist_ok=True)
    life = _Life(office)
    _, problem = attempt(life.runner.start)
    if problem:
        pipe.send(say(problem.finding).says)
        return
    life.app.__dict__["runner"] = life.runner
    asyncio.run(_served(life, office, pipe))


async def _served(life: _Life, office: Office, pipe: Connection) -> None:
    gate = Gate()
    client = AsyncWebClient(token="xoxb-not-real", base_url=office.slack, retry_handlers=[], timeout=2)
    following = Following([life.app], gate, Outbox(client, life.app.memory, gate, life.app.clock), 3600)
    served = web.Application()
    following.listen(served)
    runner = web.AppRunner(served, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    following.start()
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    threading.Thread(target=_obey, args=(life, following, loop, pipe), daemon=True).start()
    pipe.send(runner.addresses[0][1])
    await stopped.wait()
    life.runner.ready_to_stop()
    with suppress(TimeoutError):
        await asyncio.wait_for(following.stop(), 2)
    await runner.cleanup()
    life.runner.stop()
    os._exit(0)


def _obey(life: _Life, following: Following, loop: asyncio.AbstractEventLoop, pipe: Connection) -> None:
    """Each order in a thread of its own, so that people who act at the same moment do."""
    pool, lock = ThreadPoolExecutor(16), threading.Lock()
    orders: dict[str, Callable[..., Any]] = {
        "desk": life.desk,
        "die": life.die_at,
        "clock": life.clock,
        "poll": lambda: asyncio.run_coroutine_threadsafe(following.poll_now(), loop).result(PATIENCE),
    }

    def carry_out(number: int, what: str, given: tuple[Any, ...]) -> None:
        said, problem = attempt(lambda: orders[what](*given))
        if problem:
            said = Told(code=problem.finding.code, facts=dict(problem.finding.facts))
        with lock:
            pipe.send((number, said))

    with suppress(EOFError, OSError):
        while True:
            pool.submit(carry_out, *pipe.recv())
    os._exit(1)  # whoever drove is gone
