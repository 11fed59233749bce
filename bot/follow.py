"""Follows merge requests: reads the truth from the forge and brings our rows along, with what people must hear of it.

    follower.follow("EG-4F7K2M")     one request, however it came to be looked at: webhook, poll or command line
    follower.sync(repository)        all that something may still happen to

The row is read before the forge and changed by compare-and-set after it: if anybody moved or mirrored it meanwhile,
what was read may be older than what they read, so it is read again. News stand in the same transaction as the change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot import joint
from bot.desk import Problem, attempt
from bot.intents import intend
from bot.world.forge import Forge, MergeRequest
from bot.world.memory import IntentRow, Memory, RequestFields, RequestRow
from skills.core import following
from skills.core.errors import AskUnclear, Unreachable
from skills.core.model import OPEN_STATES, Finding, Seen

_RACES = 5
_RECENT = timedelta(days=7)
"""How long a request that is over is still followed: reopened, or merged after all."""


@dataclass(frozen=True, slots=True)
class Synced:
    """What a pass over all requests came to: how many were looked at, the news of each, and what was in the way."""

    looked_at: int
    news: Mapping[str, Sequence[Finding]]
    problems: Mapping[str, Problem]


class Follower:
    def __init__(self, memory: Memory, forge: Callable[[], Forge], clock: Callable[[], datetime]) -> None:
        self._memory = memory
        self._forge = forge
        self._clock = clock

    def follow(self, key: str) -> tuple[Finding, ...]:
        """Brings one request's row in line with its merge request; gives what is new, which stands as news already.

        Raises what `Forge.look` does; Unreachable EGR461 and others of the memory.
        """
        for _ in range(_RACES):
            row = self._memory.request(key)
            if row is None or row.request.number is None:
                return ()
            done = self._once(row, row.request.number)
            if done is not None:
                return done
        raise Unreachable("EGR461", where=self._memory.where, why="others moved the request again and again")

    def sync(self, repository: str, only: str | None = None) -> Synced:
        """Follows every request of a repository that is open, or was until lately. One that fails keeps none back."""
        since = self._clock() - _RECENT
        rows = [row for row in self._memory.requests(repository) if only is None or row.request.key == only]
        rows = [row for row in rows if only or _may_move(row, since)]
        news, problems = {}, {}
        for key in (row.request.key for row in rows):
            found, problem = attempt(lambda key=key: self.follow(key))  # type: ignore[misc]
            if problem:
                problems[key] = problem
            elif found:
                news[key] = found
        return Synced(len(rows), news, problems)

    def unknown(self) -> tuple[MergeRequest, ...]:
        """What Postern opened at the forge and no row knows any more: the database is older than they are.

        Whoever asks for the same again gets the same key, and so takes it back (`Forge.open_or_update`). It is not
        taken by itself: who asked, and for whom, stands there only in words that others may have changed.
        """
        return tuple(each for each in self._forge().ours() if self._memory.request(each.key) is None)

    def _once(self, row: RequestRow, number: int) -> tuple[Finding, ...] | None:
        """None when the row is not what it was any more."""
        own = _own(row, self._memory.intents_of(row.request.key))
        now = self._look(number)
        if now is None:
            return ()
        if following.by_hand(row.request, row.forge, now, own):
            now = replace(now, labelled=self._forge().labelled(number))
        jobs = self._forge().failed_jobs(now.pipeline.id) if now.pipeline and _wants_jobs(row, now) else ()
        step = following.step(row.request, row.forge, now, own, jobs)
        if not _changes(row, step):
            return ()
        return self._record(row, now, step)

    def _look(self, number: int) -> Seen | None:
        """None for a merge request that is gone altogether, as after a restore: there is nothing to follow."""
        try:
            return self._forge().look(number)
        except AskUnclear as gone:
            if gone.code != "EGR449":
                raise
            return None

    def _record(self, row: RequestRow, now: Seen, step: following.Step) -> tuple[Finding, ...] | None:
        request, at = row.request, self._clock()
        fields: RequestFields = {}
        if step.pushed != request.pushed:
            fields["pushed"] = step.pushed
        if step.to == "merged":
            fields["commit"] = now.merged_commit or now.head
            fields["facts"] = {**row.facts, "commands": list(now.commands)}
        said = []
        with self._memory.transaction() as tx:
            if not tx.mirror_request(row, step.mirror, at, step.to, new_round=step.void, **fields):
                return None
            for item in step.news:
                key = f"{request.key}:{item.kind}:{item.mark}"
                if tx.tell(request, key, item.finding, at):
                    said.append(item.finding)
            if step.to == "merged":
                joint.tell(tx, request, at)
            if step.relabel:
                intend(tx, step.relabel, at)
            if request.state == "decided" and _may_go_on(row, step):
                tx.hasten([request.key], at)
            if step.to or step.news:
                facts = {"key": request.key, "from": request.state, "to": step.to or request.state}
                codes = [item.finding.code for item in step.news]
                tx.add_log(now.by or "the forge", self._forge().where, "follow", {**facts, "codes": codes}, at)
        return tuple(said)


def _wants_jobs(row: RequestRow, now: Seen) -> bool:
    return row.request.state in OPEN_STATES and following.wants_jobs(row.forge, now)


def _changes(row: RequestRow, step: following.Step) -> bool:
    same = step.to is None and step.pushed == row.request.pushed and not step.void and not step.news
    return not same or step.mirror != (row.forge or {})


def _may_go_on(row: RequestRow, step: following.Step) -> bool:
    """Whether what the merge waits for has moved in the forge, so that it need not wait for its next try."""
    before = row.forge or {}
    return any(step.mirror.get(name) != before.get(name) for name in ("pipeline", "approvals", "state"))


def _may_move(row: RequestRow, since: datetime) -> bool:
    if row.request.number is None:
        return False
    return row.request.state in OPEN_STATES or row.updated_at > since


def _own(row: RequestRow, intents: Sequence[IntentRow]) -> following.Own:
    """What Postern did and does by itself, as its intents tell."""
    live = [intent for intent in intents if intent.state in ("todo", "doing")]
    opening = [intent for intent in intents if intent.kind == "OpenMergeRequest"]
    heads = {str(intent.receipt["head"]) for intent in opening if intent.receipt}
    return following.Own({_doing(intent) for intent in live}, heads | {row.request.commit or ""}, _labels(intents))


def _labels(intents: Sequence[IntentRow]) -> set[str]:
    """The labels that the last drawing put on and that Postern did not take off itself since."""
    labels: set[str] = set()
    for intent in intents:
        if intent.kind == "OpenMergeRequest" and intent.state == "done":
            labels = set(intent.payload.get("labels", ()))
        elif intent.kind == "Relabel":
            labels = (labels | set(intent.payload.get("add", ()))) - set(intent.payload.get("remove", ()))
    return labels


def _doing(intent: IntentRow) -> str:
    if intent.kind == "OpenMergeRequest":
        return "open"
    if intent.kind == "CloseMergeRequest" or intent.payload.get("verb") in ("reject", "veto"):
        return "close"
    return "merge" if intent.payload.get("merge") and not intent.payload.get("left_to") else "note"
