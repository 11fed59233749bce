"""What happens next to a request: runs recorded intents and moves the row on by compare-and-set.

The row is the truth of a request. An intent that was left half done by a crash is found here and
finished; every effect has a natural key, so finishing twice does nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from bot.desk import Problem, attempt
from bot.ledger import BESIDE
from bot.perform import Elsewhere, nowhere, perform
from bot.world import wire
from bot.world.forge import Forge, Linked, MergeRequest
from bot.world.memory import IntentRow, Memory, RequestFields, RequestRow
from skills.core import following
from skills.core.errors import Outdated, Unreachable
from skills.core.model import (
    OPEN_STATES,
    CloseMergeRequest,
    Effect,
    MergeRequestDecision,
    OpenMergeRequest,
    Request,
    RequestState,
)

STALE = timedelta(seconds=60)


class InlineRunner:
    """Runs intents in the calling process, one after the other: the embedded default and the command line."""

    def __init__(
        self,
        memory: Memory,
        forge: Callable[[], Forge],
        clock: Callable[[], datetime],
        elsewhere: Elsewhere = nowhere,
    ) -> None:
        """`elsewhere` gives the forges of other repositories, where diagrams are kept."""
        self._memory = memory
        self._forge = forge
        self._clock = clock
        self._elsewhere = elsewhere

    def ready(self) -> None:
        """Before anything is recorded: without a forge a request could never go on."""
        self._forge()

    def run(self, keys: Sequence[str]) -> Mapping[str, Problem]:
        """Carries out what is to do for these requests; gives what could not be done, by request key."""
        problems: dict[str, Problem] = {}
        # Somebody asks for it now: what another process claimed and perhaps died over is not waited for. Both may
        # perform it, since effects have natural keys, and only the later claim is recorded.
        at_once = self._clock() + STALE
        for key in keys:
            for intent in self._memory.intents_of(key):
                problem = self._run(intent, at_once) if intent.state in ("todo", "doing") else None
                # What is opened beside a request never keeps it back, and comes after it.
                if problem and intent.kind not in BESIDE:
                    problems[key] = problem
                    break
        return problems

    def retry(self, key: str) -> Mapping[str, Problem]:
        """What failed for good is tried once more, but only what the request still waits for: never an old approval."""
        with self._memory.transaction() as tx:
            row = tx.request(key)
            failed = [intent for intent in tx.intents_of(key) if intent.state == "failed"]
            for intent in failed if row else ():
                if row and _still_meant(wire.load_effect(intent.payload), row.request):
                    tx.reopen_intent(intent, self._clock())
        return self.run([key])

    def finish_what_was_left(self) -> Mapping[str, Problem]:
        """At start: whatever a crash left undone, of any request."""
        stale = self._clock() - STALE
        left = self._memory.todo(stale_before=stale)
        problems = {intent.request or intent.key: self._run(intent, stale_before=stale) for intent in left}
        return {key: problem for key, problem in problems.items() if problem}

    def _run(self, waiting: IntentRow, stale_before: datetime | None = None) -> Problem | None:
        with self._memory.transaction() as tx:
            intent = tx.claim(waiting.key, self._clock(), stale_before)
        if intent is None:
            return None
        effect = wire.load_effect(intent.payload)
        merge_request, problem = attempt(lambda: perform(effect, self._forge(), self._elsewhere))
        if merge_request is not None:
            self._finish(intent, effect, merge_request)
        if problem is not None:
            self._fail(intent, effect, problem)
        return problem

    def _finish(self, intent: IntentRow, effect: Effect, merge_request: MergeRequest | Linked) -> None:
        now = self._clock()
        receipt: dict[str, Any] = {"number": merge_request.number, "url": merge_request.url}
        if isinstance(merge_request, MergeRequest):
            receipt["head"] = merge_request.head
        with self._memory.transaction() as tx:
            row = tx.request(effect.request_key)
            mine = tx.finish(intent, receipt, now)
            if isinstance(merge_request, Linked) or not mine or row is None or not _still_meant(effect, row.request):
                return
            state, fields = _after(effect, merge_request, row)
            if state:
                tx.move_request(effect.request_key, row.request.state, state, row.request.version, now, **fields)

    def _fail(self, intent: IntentRow, effect: Effect, problem: Problem) -> None:
        """What is unreachable is tried again; an approval that could not be carried out is void."""
        early = intent.kind in BESIDE and problem.finding.code == "EGR475"  # the merge request itself is still to come
        again = problem.exit_status == Unreachable.exit_status or early
        error = {"code": problem.finding.code, "facts": dict(problem.finding.facts)}
        now = self._clock()
        with self._memory.transaction() as tx:
            row = tx.request(effect.request_key)
            tx.fail(intent, error, now, again=again)
            back = _back(effect, problem)
            if row and back and row.request.state == "decided":
                tx.move_request(effect.request_key, row.request.state, back, row.request.version, now)


def _after(effect: Effect, merge_request: MergeRequest, row: RequestRow) -> tuple[RequestState | None, RequestFields]:
    """The state that the row moves to when the effect is done, and what the row learns."""
    if isinstance(effect, OpenMergeRequest):
        named: RequestFields = {"number": merge_request.number, "url": merge_request.url, "commit": merge_request.head}
        # What stands now is our doing. A mirror from before stays as it is: approvals that our own push drops are news.
        mirror = row.forge or following.opened(merge_request.head, merge_request.labels)
        return "waiting", {**named, "forge": mirror, "pushed": None}
    if isinstance(effect, MergeRequestDecision) and effect.merge:
        facts = {**row.facts, "commands": list(merge_request.commands)}
        return "merged", {"commit": merge_request.merged_commit or merge_request.head, "facts": facts}
    return None, {}


def _still_meant(effect: Effect, request: Request) -> bool:
    """Whether the row still waits for exactly this; a redrawn or decided request is not moved by an older effect."""
    if request.digest != effect.digest:
        return False
    if isinstance(effect, OpenMergeRequest):
        return request.state in ("drafted", "proposed")
    if isinstance(effect, CloseMergeRequest):
        return request.state == "superseded"
    if isinstance(effect, MergeRequestDecision):
        return request.state == {"reject": "rejected", "hold": "held"}.get(effect.verb, "decided")
    return request.state in OPEN_STATES


def _back(effect: Effect, problem: Problem) -> RequestState | None:
    merging = isinstance(effect, MergeRequestDecision) and effect.merge
    return "waiting" if merging and problem.exit_status == Outdated.exit_status else None
