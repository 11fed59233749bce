"""What a replica looks for, again and again: rows whose time has come, what the dead left, what fell between.

The rows decide. The engine only knows workflows that were started; whatever it lost, forgot or will not go on with, the
row still says, and it is begun anew under the next name.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.lifecycle.engine import Engine, Left
from bot.lifecycle.replicas import Watch, ghost
from bot.lifecycle.steps import STALE
from bot.world.memory import Claims, IntentRow, Memory, ReplicaRow

AT_ONCE = 8
"""Workflows that one replica runs at a time."""
_PATIENCE = 1.0  # seconds after which a workflow that was begun should have claimed its row
_KEPT = timedelta(days=30)
_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds between looks at rows, at the other replicas, and for what fell between; between beats; and how long
    without one until others take over.
    """

    look: float = 0.2
    watch: float = 0.25
    mend: float = 5.0
    beat: float = 1.0
    timeout: float = 4.0


def workflow_of(intent: IntentRow) -> str:
    """The intent's own key; another try, after a recorded failure, is a workflow of its own."""
    return intent.key if intent.tries == 0 else f"{intent.key}#{intent.tries}"


def intent_of(workflow: str) -> str:
    """The key of the intent whose workflow this is."""
    key, _, tries = workflow.rpartition("#")
    return key if key and tries.isdecimal() else workflow


class Rounds:
    """`step` is called before a workflow is started, which is a point where a process may die."""

    def __init__(
        self,
        memory: Memory,
        engine: Engine,
        watch: Watch,
        me: ReplicaRow,
        clock: Callable[[], datetime],
        *,
        pace: Pace,
        step: Callable[[str], None],
    ) -> None:
        self._memory, self._engine, self._watch, self._me = memory, engine, watch, me
        self._clock, self._pace, self._step = clock, pace, step
        self._claims = Claims(STALE.total_seconds())
        self._begun: dict[str, float] = {}
        self._last: dict[str, float] = {}

    def look(self) -> None:
        """One round."""
        self._begin_what_is_due()
        if self._is_time("watch", self._pace.watch):
            self._take_over()
        if self._is_time("mend", self._pace.mend):
            self._mend()
        if self._is_time("forget", _HOUR):
            self._engine.forget(self._clock() - _KEPT)

    def _is_time(self, what: str, seconds: float) -> bool:
        now = time.monotonic()
        if what in self._last and now - self._last[what] < seconds:
            return False
        self._last[what] = now
        return True

    # --- what is due

    def _begin_what_is_due(self) -> None:
        running = self._engine.running
        due = self._memory.due(self._me.repository, self._clock())
        self._begun = {name: self._begun[name] for name in map(workflow_of, due) if name in self._begun}
        for intent in due:
            name = workflow_of(intent)
            if name in running:
                continue
            if name not in self._begun:
                if len(running) + len(self._begun) >= AT_ONCE:
                    return
                self._begun[name] = time.monotonic()
                self._step("begin")
                self._engine.start(name, intent.key)
            elif time.monotonic() - self._begun[name] > _PATIENCE:
                self._begin_anew_if_lost(intent, name)

    def _release(self, intent: IntentRow) -> None:
        with self._memory.transaction() as tx:
            tx.release(intent, self._clock())

    # --- what the dead left

    def _take_over(self) -> None:
        """Each dead replica is taken over by one survivor, who is found by compare-and-set on the dead one's row."""
        left = self._engine.left()
        known = {row.id for row in self._memory.replicas(self._me.repository)}
        for executor in {each.executor for each in left} - known:
            with self._memory.transaction() as tx:
                tx.beat(ghost(executor, self._me.repository, self._clock()), self._clock())
        rows = self._memory.replicas(self._me.repository)
        dead = self._watch.dead(rows)
        versions = {row.version for row in rows} - {row.version for row in dead} | {self._me.version}
        for row in dead:
            with self._memory.transaction() as tx:
                won = tx.take_over(row, self._me.id)
            if won:
                # Looked up anew: what was seen before the row was ours may be resumed already, by whoever had it then.
                self._resume([each for each in self._engine.left() if each.executor == row.id], versions)
                with self._memory.transaction() as tx:
                    tx.forget_replica(row.id, taken_by=self._me.id)

    def _resume(self, left: list[Left], versions: set[str]) -> None:
        """What no living replica knows how to go on with is begun anew from its row."""
        self._engine.resume([each.id for each in left if each.version in versions])
        for each in left:
            if each.version not in versions:
                self._begin_anew(each.id)

    def _begin_anew_if_lost(self, intent: IntentRow, workflow: str) -> None:
        """Nobody will go on with it: it is over or unknown and its row still is not, or no living replica can."""
        found = self._engine.find(workflow)
        if found is None:
            self._release(intent)
        elif found.version not in self._versions():
            self._begin_anew(workflow)

    def _versions(self) -> set[str]:
        return {row.version for row in self._memory.replicas(self._me.repository)} | {self._me.version}

    def _begin_anew(self, workflow: str) -> None:
        self._engine.cancel(workflow)
        intent = self._memory.intent(intent_of(workflow))
        if intent and intent.state in ("todo", "doing") and workflow_of(intent) == workflow:
            self._release(intent)

    # --- what fell between

    def _mend(self) -> None:
        """Claims that nobody will settle: their workflow ended or is unknown, or their process was no service."""
        claimed = self._memory.claimed(self._me.repository)
        for intent in self._claims.left(each for each in claimed if each.holder is None):
            self._release(intent)
        for intent in claimed:
            if intent.holder is not None and intent.holder not in self._engine.running:
                self._begin_anew_if_lost(intent, intent.holder)
