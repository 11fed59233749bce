"""Carries intents out in the calling process, one after the other: the command line, the demo and the chat.

Where a service carries intents of the same repository out, rows are all that is written here, and looked at until the
service is done.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from bot.desk import Problem
from bot.intents import BESIDE
from bot.lifecycle.steps import PATIENCE, STALE, Steps, problem_of, reopen
from bot.world.memory import IntentRow, Memory


class InlineRunner:
    """`is_served` says whether a service carries out what is recorded here."""

    def __init__(
        self,
        memory: Memory,
        steps: Steps,
        clock: Callable[[], datetime],
        *,
        repository: str,
        is_served: Callable[[], bool] = lambda: False,
    ) -> None:
        self._memory = memory
        self._steps = steps
        self._clock = clock
        self._repository = repository
        self._is_served = is_served
        self.ready = steps.ready

    def run(self, keys: Sequence[str]) -> Mapping[str, Problem]:
        """Carries out what is to do for these requests; gives what could not be done, by request key."""
        if self._is_served():
            return hastened(self._memory, keys, self._clock(), PATIENCE)
        # Somebody asks for it now: what another process claimed and perhaps died over is not waited for, whatever the
        # clocks of both say. Both may perform it, since effects have natural keys; only the later claim is recorded.
        return self._in_order(keys, lambda _claimed: True)

    def retry(self, key: str) -> Mapping[str, Problem]:
        """What failed for good is tried once more, but only what the request still waits for: never an old approval."""
        reopen(self._memory, key, self._clock())
        return self.run([key])

    def finish_what_was_left(self) -> Mapping[str, Problem]:
        """At start: whatever a crash left undone, of any request of the repository, if its time has come.

        Whoever only begins has watched no claim stand, so that its age by our clock must do. Where the claimer's clock
        is another one that may take too early, which does no harm (see `run`), and it never keeps anything waiting.
        """
        if self._is_served():
            return {}
        now = self._clock()

        def is_left(intent: IntentRow) -> bool:
            return abs(now - intent.updated_at) > STALE

        left = [*filter(is_left, self._memory.claimed(self._repository)), *self._memory.due(self._repository, now)]
        return self._in_order([intent.request for intent in left if intent.request], is_left)

    def ready_to_stop(self) -> None:
        """Nothing goes on here beside whoever called."""

    def _in_order(self, keys: Sequence[str], is_left: Callable[[IntentRow], bool]) -> Mapping[str, Problem]:
        """One intent of a request after the other: what comes after one that could not be done waits for it.

        What is opened beside a request never keeps it back, and comes after it.
        """
        problems: dict[str, Problem] = {}
        for key in dict.fromkeys(keys):
            for intent in filter(_is_live, self._memory.intents_of(key)):
                problem = self._run(intent, is_left)
                if problem and intent.kind not in BESIDE:
                    problems[key] = problem
                    break
        return problems

    def _run(self, waiting: IntentRow, is_left: Callable[[IntentRow], bool]) -> Problem | None:
        """`is_left` says which claims may be taken over: each only as it was seen, so what goes on may go on."""
        intent = self._claim(waiting, is_left)
        if intent is None and (seen := self._memory.intent(waiting.key)) and seen.state == "doing":
            intent = self._claim(seen, is_left)  # somebody was quicker since it was looked at
        if intent is None:
            return None
        return self._steps.record(intent.key, intent.attempts, self._steps.perform(intent.key))

    def _claim(self, seen: IntentRow, is_left: Callable[[IntentRow], bool]) -> IntentRow | None:
        return self._steps.claim(seen.key, seen if seen.state == "doing" and is_left(seen) else None)


def hastened(
    memory: Memory,
    keys: Sequence[str],
    now: datetime,
    seconds: float,
    nudge: Callable[[], None] = lambda: None,
    over: Callable[[], bool] = lambda: False,
) -> Mapping[str, Problem]:
    """Others carry it out: asks them to begin now, and looks at the rows until they are done, or for some seconds.

    Gives what could not be done, by request key. `nudge` wakes the others, `over` ends the wait early.
    """
    waiting = {intent.key: intent.tries for key in keys for intent in memory.intents_of(key) if _is_live(intent)}
    with memory.transaction() as tx:
        tx.hasten(keys, now)
    nudge()
    until, began = time.monotonic() + seconds, time.monotonic()
    problems: dict[str, Problem] = {}
    while waiting and time.monotonic() < until and not over():
        time.sleep(0.02 if time.monotonic() - began < 1 else 0.1)
        for intent in [row for key in waiting if (row := memory.intent(key))]:
            if _is_live(intent) and intent.tries == waiting[intent.key]:
                continue
            del waiting[intent.key]
            if intent.error and intent.state != "done" and intent.kind not in BESIDE:
                problems[intent.request or intent.key] = problem_of(intent.error)
    return problems


def _is_live(intent: IntentRow) -> bool:
    return intent.state in ("todo", "doing")
