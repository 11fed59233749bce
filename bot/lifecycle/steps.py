"""The three steps that an intent is carried out by: claim its row, perform its effect, record what came of it.

Each may be repeated after a crash: a claim is given again to whoever holds it, an effect has a natural key, and of
several claims only the last is recorded. What passes from one step to the next is JSON, so that it can be kept.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from bot import joint, logs
from bot.desk import Problem, attempt
from bot.intents import BESIDE, intend
from bot.ledger import OWED
from bot.perform import Elsewhere, nowhere, perform
from bot.world import wire
from bot.world.forge import Forge
from bot.world.memory import IntentRow, Memory, RequestFields, RequestRow, Transaction
from skills.core import following, permit
from skills.core.errors import Outdated, Unreachable
from skills.core.model import (
    CLOSED_BY_US,
    OPEN_STATES,
    STANDING_STATES,
    CloseMergeRequest,
    Effect,
    Finding,
    MergeRequestDecision,
    OpenMergeRequest,
    Relabel,
    Request,
    RequestState,
)
from skills.core.policy import Policy
from skills.core.rights import POSTERN

Json = Mapping[str, Any]
log = logging.getLogger("postern")
STALE = timedelta(seconds=60)
"""How long a claim of a process that nobody knows is honoured."""
PATIENCE = 15.0
"""Seconds that whoever asked waits for what others carry out; what takes longer is told in the thread."""
_FIRST, _LONGEST = 4.0, 600.0  # seconds between tries of what is unreachable
_PIPELINE = 60.0  # seconds at most, of a merge that waits for its pipeline: GitLab may not have told us
_RACES = 5
_TOLD_LATE = "EGR072"
_ENDS: Mapping[str, RequestState] = {
    "reject": "rejected",
    "veto": "rejected",
    "hold": "held",
    "resume": "waiting",
    "changes": "returned",
}
_NOT_OURS = "EGR443"  # the branch stands at a commit of somebody else


class _Moved(Exception):
    """The request's row moved while its intent was settled: both together or neither, so it is done over."""


class Steps:
    """`elsewhere` gives the forges of other repositories, where diagrams are kept."""

    def __init__(
        self,
        memory: Memory,
        forge: Callable[[], Forge],
        clock: Callable[[], datetime],
        elsewhere: Elsewhere = nowhere,
        stopped: Callable[[Request | None], Finding | None] = lambda _merging: None,
        policy: Callable[[], Policy | None] = lambda: None,
    ) -> None:
        """`stopped` says why nothing may be carried out now, or why this request may not be merged now; what is
        recorded waits until it says nothing. `policy` is the target branch's of now: a merge may have waited for hours.
        """
        self._stopped = stopped
        self._policy = policy
        self._memory = memory
        self._forge = forge
        self._clock = clock
        self._elsewhere = elsewhere

    def ready(self) -> None:
        """Before anything is recorded: without a forge a request could never go on."""
        self._forge()

    def claim(self, key: str, left: IntentRow | None = None, holder: str | None = None) -> IntentRow | None:
        """The intent, now ours; None when somebody else has it, it is over, or an older one of its request is not."""
        with self._memory.transaction() as tx:
            return tx.claim(key, self._clock(), left, holder)

    def perform(self, key: str) -> Json:
        """Carries the effect out. `{"receipt": {...}}`, or `{"problem": {...}}` as `problem_of` reads it."""
        intent = self._memory.intent(key)
        assert intent is not None
        effect = wire.load_effect(intent.payload)
        with logs.about(request=effect.request_key):
            done, problem = attempt(lambda: self._perform(effect))
        if problem or done is None:
            return {"problem": _dumped(problem) if problem else {}}
        names = ("number", "url", "head", "state", "labels", "merged_commit", "commands")
        return {"receipt": {name: getattr(done, name) for name in names if hasattr(done, name)}}

    def _headed(self, effect: Effect) -> Effect:
        """A decision that was taken together with its drawing is about the commit which that drawing came to."""
        if not isinstance(effect, MergeRequestDecision) or effect.head:
            return effect
        for intent in reversed(self._memory.intents_of(effect.request_key)):
            drew = intent.kind == OpenMergeRequest.__name__ and intent.payload["digest"] == effect.digest
            if drew and intent.state == "done" and intent.receipt:
                return replace(effect, head=str(intent.receipt["head"]))
        raise Outdated("EGR407", key=effect.request_key)

    def _perform(self, effect: Effect) -> Any:
        stopped = self._stopped(self._merging(effect))
        if stopped is not None:
            raise Unreachable(stopped.code, **stopped.facts)
        if isinstance(effect, MergeRequestDecision) and effect.merge:
            self._refuse_void(effect)
        return perform(self._headed(effect), self._forge(), self._elsewhere)

    def _merging(self, effect: Effect) -> Request | None:
        """The request that this merges. A freeze is glass: it holds up no merge for which somebody broke it."""
        if not isinstance(effect, MergeRequestDecision) or not effect.merge or effect.left_to:
            return None
        if effect.verb == "break-glass":
            return None
        return self._memory.asked_for(effect.request_key)

    def _refuse_void(self, effect: MergeRequestDecision) -> None:
        """What is merged already is only read; what the row does not wait for any more is never merged."""
        row, policy = self._memory.request(effect.request_key), self._policy()
        if row is None or policy is None or row.request.state in STANDING_STATES:
            return
        if not still_meant(effect, row.request):
            raise Outdated("EGR407", key=effect.request_key)
        request = self._as_approved_now(row.request)
        permit.refuse_merge(policy, request, self._clock(), effect.by if effect.verb == "break-glass" else "")

    def _as_approved_now(self, request: Request) -> Request:
        """What rests on approvals in the forge is asked there once more: they may have been taken back just now."""
        if request.number is None or not any(past.there for past in request.decisions):
            return request
        now = self._forge().look(request.number).approvals or ()
        return replace(request, approved_there=tuple(name for name in request.approved_there if name in now))

    def record(self, key: str, attempts: int, outcome: Json) -> Problem | None:
        """Settles the claim with this number and moves the request's row, in one transaction; gives the problem."""
        for _ in range(_RACES):
            with suppress(_Moved), self._memory.transaction() as tx:
                intent = tx.intent(key)
                assert intent is not None
                self._settle(tx, replace(intent, attempts=attempts), outcome)
                return problem_of(outcome["problem"]) if "problem" in outcome else None
        raise Unreachable("EGR461", where=self._memory.where, why="others moved the request again and again")

    def _settle(self, tx: Transaction, intent: IntentRow, outcome: Json) -> None:
        effect = wire.load_effect(intent.payload)
        tx.hold(effect.request_key)
        row = tx.request(effect.request_key)
        move = self._settled(tx, intent, effect, row, outcome)
        if move is None or row is None:
            self._note(tx, intent)
            return
        (state, fields), seen = move, row.request
        if not tx.move_request(seen.key, seen.state, state, seen.version, self._clock(), **fields):
            raise _Moved
        done = any(post.key == f"{intent.key}:done" for post in tx.news(seen.key, last=3))
        told = {"intent": intent.key, "digest": effect.digest, "codes": [_TOLD_LATE] if done else []}
        facts = {"key": seen.key, "from": seen.state, "to": state, **told}
        tx.add_log(POSTERN.id, "runner", "carry_out", facts, self._clock())
        with logs.about(request=seen.key):
            log.info("%s: %s is carried out, %s is now %s", intent.key, intent.kind, seen.state, state)

    def _note(self, tx: Transaction, intent: IntentRow) -> None:
        """What was done, or given up for good, stands in the audit log too where it moves no request."""
        after = tx.intent(intent.key)
        if after and intent.state == "doing" and after.state in ("done", "failed"):
            told = {"codes": [str(after.error["code"])] if after.error else [], "digest": after.payload["digest"]}
            facts = {**told, "key": after.request or "", "intent": after.key, "effect": after.kind}
            facts["outcome"] = after.state
            tx.add_log(POSTERN.id, "runner", "effect", facts, self._clock())

    def _settled(
        self, tx: Transaction, intent: IntentRow, effect: Effect, row: RequestRow | None, outcome: Json
    ) -> tuple[RequestState, RequestFields] | None:
        now = self._clock()
        if "receipt" in outcome:
            mine = tx.finish(intent, outcome["receipt"], now)
            if not mine or intent.kind in BESIDE or row is None or not still_meant(effect, row.request):
                return None
            move = _after(effect, outcome["receipt"], row)
            if move and isinstance(effect, OpenMergeRequest) and _is_decided_already(tx, effect):
                move = ("decided", move[1])
            if move:
                self._tell(tx, intent, row, outcome["receipt"])
                if isinstance(effect, OpenMergeRequest):
                    joint.link(tx, row.request, outcome["receipt"]["url"], now)
                elif move[0] == "merged":
                    joint.tell(tx, row.request, now)
            return move
        problem = problem_of(outcome["problem"])
        early = intent.kind in BESIDE and problem.finding.code == "EGR475"  # the merge request itself is still to come
        again = problem.exit_status == Unreachable.exit_status or early
        longest = _PIPELINE if problem.finding.code == "EGR495" else _LONGEST
        due = next_try(now, intent.tries, longest=longest) if again else None
        if not tx.fail(intent, outcome["problem"], now, due=due):
            return None
        move = _back(effect, problem, row) if row else None
        if move and row and isinstance(effect, MergeRequestDecision):
            self._tell_void(tx, intent, row.request, problem)
        return move

    def _tell_void(self, tx: Transaction, intent: IntentRow, request: Request, problem: Problem) -> None:
        """Whoever decided hears it at once; later nobody waits for an answer, and the label says what is not so."""
        if intent.tries:
            tx.tell(request, f"{intent.key}:void", problem.finding, self._clock())
            intend(tx, Relabel.unapproved(request.key, request.digest), self._clock())

    def _tell(self, tx: Transaction, intent: IntentRow, row: RequestRow, receipt: Json) -> None:
        """Opened or merged, and somebody heard that it was not yet, or nobody can have waited for it any more."""
        now, owed = self._clock(), intent.key in row.facts.get(OWED, {}).get("intents", ())
        if not owed and intent.tries == 0 and now - intent.created_at < timedelta(seconds=PATIENCE):
            return
        facts = {"key": row.request.key, "state": receipt["state"], "url": receipt["url"]}
        tx.tell(row.request, f"{intent.key}:done", Finding(_TOLD_LATE, facts), now)


def reopen(memory: Memory, key: str, now: datetime) -> None:
    """What failed for good is tried once more, but only what the request still waits for: never an old approval."""
    with memory.transaction() as tx:
        row = tx.request(key)
        failed = [intent for intent in tx.intents_of(key) if intent.state == "failed"]
        for intent in failed if row else ():
            if row and still_meant(wire.load_effect(intent.payload), row.request):
                tx.reopen_intent(intent, now)


def next_try(
    now: datetime, tries: int, chance: Callable[[], float] = random.random, longest: float = _LONGEST
) -> datetime:
    """Longer with every try, up to `longest` seconds; not all at once after a forge was away."""
    seconds = min(longest, _FIRST * 2 ** min(tries, 10))
    return now + timedelta(seconds=seconds * (0.5 + chance() / 2))


def problem_of(kept: Json) -> Problem:
    """The problem as an intent keeps it: code, facts, exit status and reference."""
    finding = Finding(kept["code"], dict(kept.get("facts", {})))
    return Problem(finding, kept.get("exit_status", 1), kept.get("reference"))


def _dumped(problem: Problem) -> dict[str, Any]:
    finding = {"code": problem.finding.code, "facts": dict(problem.finding.facts)}
    return {**finding, "exit_status": problem.exit_status, "reference": problem.reference}


def _after(effect: Effect, receipt: Json, row: RequestRow) -> tuple[RequestState, RequestFields] | None:
    """The state that the row moves to when the effect is done, and what the row learns."""
    if isinstance(effect, OpenMergeRequest):
        named: RequestFields = {"number": receipt["number"], "url": receipt["url"], "commit": receipt["head"]}
        # What stands now is our doing. A mirror from before stays as it is: approvals that our own push drops are news.
        mirror = row.forge or following.opened(receipt["head"], tuple(receipt["labels"]))
        return "waiting", {**named, "forge": mirror, "pushed": None}
    if isinstance(effect, MergeRequestDecision) and effect.merge and not effect.left_to:
        facts = {**row.facts, "commands": list(receipt["commands"])}
        return "merged", {"commit": receipt["merged_commit"] or receipt["head"], "facts": facts}
    return None


def _is_decided_already(tx: Transaction, drawn: OpenMergeRequest) -> bool:
    """Whether the approval that completes what the policy demands was given together with this drawing."""
    waiting = (intent for intent in tx.intents_of(drawn.request_key) if intent.state in ("todo", "doing"))
    decisions = (each.payload for each in waiting if each.kind == MergeRequestDecision.__name__)
    return any(each["merge"] and each["digest"] == drawn.digest for each in decisions)


def still_meant(effect: Effect, request: Request) -> bool:
    """Whether the row still waits for exactly this; a redrawn or decided request is not moved by an older effect."""
    if request.digest != effect.digest:
        return False
    if isinstance(effect, OpenMergeRequest):
        return request.state in ("drafted", "proposed")
    if isinstance(effect, CloseMergeRequest):
        return request.state in CLOSED_BY_US
    if isinstance(effect, MergeRequestDecision):
        return request.state == _ENDS.get(effect.verb, "decided")
    return request.state in OPEN_STATES


def _back(effect: Effect, problem: Problem, row: RequestRow) -> tuple[RequestState, RequestFields] | None:
    """Where a request stands again whose effect could not be carried out.

    An approval that could not be carried out is void. A merge request that could not be drawn anew, because somebody
    pushed to its branch, stands as it was: pushed to, so that nobody can approve it.
    """
    if isinstance(effect, OpenMergeRequest):
        redrawn = row.request.number is not None and still_meant(effect, row.request)
        if redrawn and problem.finding.code == _NOT_OURS:
            return "waiting", {"pushed": str(problem.finding.facts["now"])}
        return None
    merging = isinstance(effect, MergeRequestDecision) and effect.merge and row.request.state == "decided"
    return ("waiting", {}) if merging and problem.exit_status == Outdated.exit_status else None
