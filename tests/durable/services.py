"""Services in processes of their own that can be killed, stopped and replaced; they live on the sample and its local forge.

    service = Service(folder, url)
    service.ask("propose"); service.kill()

A service tells every point that it passes by a line in `folder/points`: who, which. That is how effects are counted.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

# What a process would import late is imported once, by the server that forks.
import dbos
import git
import sqlalchemy

import bot.perform
from bot.app import App
from bot.desk import Handled, attempt
from bot.lifecycle import steps
from bot.lifecycle.durable import DurableRunner
from bot.lifecycle.rounds import Pace
from bot.settings import Secret
from skills.core.errors import Unreachable
from skills.core.messages import say
from skills.core.model import Request
from tests.apps import app_on_sample
from tests.fakes import git_repos

LOADED = (dbos, git, sqlalchemy)
QUICK = Pace(look=0.05, watch=0.1, mend=0.5, beat=0.2, timeout=1.0)
SAM = "sam@fincorp.example"
PATIENCE = 60.0  # seconds until a test gives up


def app_in(folder: Path, url: str) -> App:
    app = app_on_sample(folder)
    app.settings = app.shared.settings = replace(app.settings, database=Secret(url))
    app.clock = lambda: datetime.now(UTC)
    return app


@dataclass(frozen=True)
class Orders:
    """What a service does: once it is up, `act`; at a point die, stop (SIGSTOP) or hang; else live until SIGTERM.

    `away`: the forge does not answer that many times.
    """

    name: str
    act: str = ""
    die_at: str = ""
    stop_at: str = ""
    hang_at: str = ""
    away: int = 0
    version: str = "1"
    pace: Pace = QUICK


class Service:
    def __init__(self, folder: Path, url: str, orders: Orders) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["tests.durable.services", "tests.bot.test_crash"])
        self._told, theirs = context.Pipe(duplex=False)
        self._process = context.Process(target=live, args=(folder, url, orders, theirs), daemon=True)
        self._process.start()
        theirs.close()

    def says(self) -> object:
        """What it said last: ("up", seconds), ("done", exit status, code), ("refused", words)."""
        assert self._told.poll(PATIENCE), "it says nothing"
        return self._told.recv()

    def signal(self, number: signal.Signals) -> None:
        os.kill(self._process.pid or 0, number)

    def died(self) -> int | None:
        """The exit status once it has ended; negative for a signal."""
        self._process.join(PATIENCE)
        return self._process.exitcode

    def stands(self) -> bool:
        """Whether it is stopped (SIGSTOP)."""
        stat = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="ascii")
        return stat.rpartition(")")[2].split()[0] == "T"

    def kill(self) -> None:
        if self._process.is_alive():
            self.signal(signal.SIGKILL)
        self._process.join(PATIENCE)


def until(true: Callable[[], object], what: str) -> None:
    """Waits for something to become true."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.02)


def passed(folder: Path, point: str) -> list[str]:
    """Who passed a point, in the order in which they did."""
    written = folder / "points"
    lines = written.read_text(encoding="utf-8").splitlines() if written.exists() else []
    return [who for who, _, which in (line.partition(" ") for line in lines) if which == point]


def the_request(app: App) -> Request:
    (request,) = app.requests()
    return request


def one_of_everything(app: App, state: str) -> None:
    """The request stands where it should, and each effect stands once in the repository and at the forge."""
    request = the_request(app)
    assert request.state == state
    assert {intent.state for intent in app.memory.intents_of(request.key)} == {"done"}
    assert app.repo.path is not None
    assert request.number == 1
    if state == "waiting":
        branches = git_repos.git(app.repo.path, "for-each-ref", "--format=%(refname)", "refs/heads/egress").splitlines()
        assert branches == [f"refs/heads/{request.branch}"]
        assert git_repos.git(app.repo.path, "rev-list", "--count", f"main..{request.branch}") == "1"
        return
    assert [each.by for each in request.decisions] == [SAM]
    assert git_repos.git(app.repo.path, "rev-list", "--count", "--merges", "main") == "1"
    merge_request = app.forge.find(request.key)
    assert merge_request is not None
    assert merge_request.approvals == (SAM,)
    keys = [note.key for note in merge_request.notes if note.key]
    assert len(keys) == len(set(keys))


def act(app: App, what: str) -> Handled:
    """Imported late: what only tests need is no part of how long a service takes to start."""
    from tests.bot import test_crash

    handled: Handled = getattr(test_crash, what)(app)
    return handled


def live(folder: Path, url: str, orders: Orders, told: Connection) -> None:
    began = time.monotonic()
    app = app_in(folder, url)

    def step(point: str) -> None:
        with (folder / "points").open("a", encoding="utf-8") as file:
            file.write(f"{orders.name} {point}\n")
        if point == orders.die_at:
            os.kill(os.getpid(), signal.SIGKILL)
        if point == orders.stop_at:
            os.kill(os.getpid(), signal.SIGSTOP)
        if point == orders.hang_at:
            time.sleep(3600)

    answers = itertools.count(1 - orders.away)

    def perform(*given: Any) -> Any:
        if next(answers) <= 0:
            raise Unreachable("EGR453", where="gitlab.example", branch="main")
        return bot.perform.perform(*given)

    steps.__dict__["perform"] = perform
    ended = threading.Event()

    def end(*_: object) -> None:
        runner.ready_to_stop()
        ended.set()

    signal.signal(signal.SIGTERM, end)
    given = {"url": url, "repository": app.repository, "version": orders.version, "pace": orders.pace}
    runner = DurableRunner(app.memory, app.steps(), app.clock, step=step, **given)  # type: ignore[arg-type]
    _, problem = attempt(runner.start)
    if problem:
        told.send(("refused", say(problem.finding).says))
        return
    app.__dict__["runner"] = runner
    told.send(("up", time.monotonic() - began))
    if orders.act:
        done = act(app, orders.act)
        told.send(("done", done.exit_status, done.problem and done.problem.finding.code))
    while not ended.wait(0.05):
        pass
    os._exit(0 if runner.stop(1) else 1)
