"""Carries intents out for `postern serve`: each by a short durable workflow that any replica finishes.

    runner = DurableRunner(memory, forge, clock, url=..., repository=...)
    runner.start()        takes the lock on SQLite, beats, starts the engine; from now on it works
    runner.run(keys)      asks for what is to do for these requests now, and waits a little for it
    runner.stop(8)        finishes or hands over what runs

A workflow is named after its intent and the try, so that it runs once wherever it is started. Waiting, for a person or
for the next try, is a row; no workflow ever sleeps.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from bot.desk import Problem, attempt
from bot.lifecycle.engine import VERSION, Engine
from bot.lifecycle.inline import hastened
from bot.lifecycle.lock import DatabaseLock
from bot.lifecycle.replicas import Watch, named
from bot.lifecycle.rounds import Pace, Rounds
from bot.lifecycle.steps import PATIENCE, Steps, reopen
from bot.world.memory import Memory, ReplicaRow
from skills.core.errors import Unreachable
from skills.core.messages import say

T = TypeVar("T")
log = logging.getLogger("postern")

_DATABASE_AWAY = 60.0  # seconds that a step waits for its own database before it gives up and is tried anew


class _Journal:
    """The steps as the engine keeps them. `step` is called at every point where a process may die."""

    def __init__(self, steps: Steps, step: Callable[[str], None], stopping: threading.Event) -> None:
        self._steps = steps
        self._step = step
        self._stopping = stopping

    def claim(self, key: str, holder: str) -> int | None:
        self._step("claim")
        intent = self._insist(lambda: self._steps.claim(key, holder=holder))
        self._step("claimed")
        return intent.attempts if intent else None

    def perform(self, key: str) -> Mapping[str, Any]:
        self._step("perform")
        outcome = self._insist(lambda: self._steps.perform(key))
        self._step("performed")
        return outcome

    def record(self, key: str, attempts: int, outcome: Mapping[str, Any]) -> None:
        self._step("record")
        self._insist(lambda: self._steps.record(key, attempts, outcome))
        self._step("recorded")

    def _insist(self, work: Callable[[], T]) -> T:
        """Our database may be away for a moment. The engine waits for it in the same way."""
        until = time.monotonic() + _DATABASE_AWAY
        while True:
            try:
                return work()
            except Unreachable:
                if time.monotonic() > until or self._stopping.wait(0.5):
                    raise


class DurableRunner:
    """`step` is called with the name of every point where a process may die, for tests that kill it there."""

    def __init__(
        self,
        memory: Memory,
        steps: Steps,
        clock: Callable[[], datetime],
        *,
        url: str,
        repository: str,
        version: str = VERSION,
        pace: Pace | None = None,
        step: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._memory, self._clock = memory, clock
        self.ready = steps.ready
        self._pace = pace or Pace()
        self._stopping, self._wake = threading.Event(), threading.Event()
        self._threads: list[threading.Thread] = []
        self._lock = DatabaseLock(memory.file)
        journal = _Journal(steps, step, self._stopping)
        self._engine = Engine(url, repository, named(), journal, version=version)
        now = clock()
        self._me = ReplicaRow(self._engine.executor, repository, self._engine.version, now, now, 0)
        watch = Watch(self._me.id, alone=memory.file is not None, timeout=self._pace.timeout)
        self._rounds = Rounds(memory, self._engine, watch, self._me, clock, pace=self._pace, step=step)

    # --- what the desk asks

    def run(self, keys: Sequence[str]) -> Mapping[str, Problem]:
        """Has it begun now and waits a little; gives what could not be done, by request key."""
        return hastened(self._memory, keys, self._clock(), PATIENCE, self._wake.set, self._stopping.is_set)

    def retry(self, key: str) -> Mapping[str, Problem]:
        """As `InlineRunner.retry`."""
        reopen(self._memory, key, self._clock())
        return self.run([key])

    def finish_what_was_left(self) -> Mapping[str, Problem]:
        """The loop does that."""
        self._wake.set()
        return {}

    # --- from start to stop

    def start(self) -> None:
        """Raises Unreachable EGR070 when another process runs workflows on this SQLite database."""
        self._lock.take()
        self._beat()
        self._engine.ended = self._wake.set
        self._engine.launch()
        looking = (self._rounds.look, self._wake, self._pace.look)
        beating = (self._beat, self._stopping, self._pace.beat)
        self._threads = [threading.Thread(target=self._loop, args=each, daemon=True) for each in (looking, beating)]
        for thread in self._threads:
            thread.start()

    def ready_to_stop(self) -> None:
        """Begins nothing more, and whoever waits for something looks at its row instead."""
        self._stopping.set()
        self._wake.set()

    def stop(self, seconds: float = 4.0) -> bool:
        """Waits for what runs. False when something did not end: others take it over now."""
        self.ready_to_stop()
        until = time.monotonic() + seconds
        while self._engine.running and time.monotonic() < until:
            time.sleep(0.05)
        left = self._engine.running
        for thread in self._threads:
            thread.join(2)
        attempt(self._engine.close)
        attempt(self._leave)
        self._lock.release()
        return not left

    def _leave(self) -> None:
        with self._memory.transaction() as tx:
            tx.forget_replica(self._me.id)

    def _loop(self, work: Callable[[], None], pause: threading.Event, seconds: float) -> None:
        """Whatever goes wrong in a round, the next one comes; what is wrong is said once, not with every round."""
        told = ""
        while not self._stopping.is_set():
            _, problem = attempt(work)
            said = say(problem.finding).says if problem else ""
            if said and said != told:
                log.warning("%s", said)
            told = said
            if pause.wait(seconds) and pause is self._wake:
                pause.clear()

    def _beat(self) -> None:
        with self._memory.transaction() as tx:
            tx.beat(self._me, self._clock())
