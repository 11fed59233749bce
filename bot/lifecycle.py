"""What happens next to a request: runs recorded intents and moves the row on by compare-and-set.

The row is the truth of a request. An intent that was left half done by a crash is found here and
finished; every effect has a natural key, so finishing twice does nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from bot.desk import Handled, Problem, guard
from bot.perform import perform
from bot.world.forge import Forge, MergeRequest
from bot.world.memory import Intent, Memory
from skills.core.errors import Outdated
from skills.core.model.effects import MergeRequestDecision, OpenMergeRequest
from skills.core.model.requests import RequestState


class InlineRunner:
    """Runs intents in the calling process, one after the other: the embedded default and the command line."""

    def __init__(self, memory: Memory, forge: Callable[[], Forge], clock: Callable[[], datetime]) -> None:
        self._memory = memory
        self._forge = forge
        self._clock = clock

    def run(self, keys: Sequence[str]) -> Mapping[str, Problem]:
        problems: dict[str, Problem] = {}
        for intent in self._memory.todo(keys):
            problem = self._run(intent)
            if problem:
                problems[intent.request_key] = problem
        return problems

    def finish_what_was_left(self) -> Mapping[str, Problem]:
        """At start: whatever a crash left undone, of any request."""
        return self.run([intent.request_key for intent in self._memory.todo()])

    def _run(self, intent: Intent) -> Problem | None:
        done: list[MergeRequest] = []

        def work() -> Handled:
            done.append(perform(intent.effect, self._forge()))
            return Handled()

        problem = guard(work).problem
        if problem is None:
            state, fields = _after(intent, done[0])
            self._memory.finish(intent, state, fields, at=self._clock())
        else:
            self._memory.fail(intent, problem.finding, back_to=_back(intent, problem), at=self._clock())
        return problem


def _after(intent: Intent, merge_request: MergeRequest) -> tuple[RequestState | None, dict[str, object]]:
    """The state that the row moves to when the effect is done, and what the row learns."""
    effect = intent.effect
    known: dict[str, object] = {"number": merge_request.number, "url": merge_request.url}
    if isinstance(effect, OpenMergeRequest):
        return "waiting", {**known, "commit": merge_request.head}
    if isinstance(effect, MergeRequestDecision) and effect.merge:
        return "merged", {**known, "commit": merge_request.merged_commit or merge_request.head}
    return None, known


def _back(intent: Intent, problem: Problem) -> RequestState | None:
    """An approval that could not be carried out is void; the request waits again."""
    merging = isinstance(intent.effect, MergeRequestDecision) and intent.effect.merge
    return "waiting" if merging and problem.exit_status == Outdated.exit_status else None
