"""What the policy would make of an ask, without asking anybody: for `postern policy explain` and `test`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from skills.contract import World
from skills.core import permit, wire
from skills.core.errors import AskUnclear, NotAllowed
from skills.core.messages import say
from skills.core.model import Finding, Need, Question
from skills.core.policy import PATH, Answered, Demand, environments_of, frozen, levels
from skills.draft import asking, weighing
from skills.draft import skill as draft
from skills.propose import drawing


@dataclass(frozen=True, slots=True)
class Outcome:
    """`refused` is empty where it may be proposed (`stopped` aside). `verdict` is what the allowlist says before, and
    `touches` the files that change: none where nothing is to do."""

    level: levels.Owner
    verdict: str = "undecided"
    touches: tuple[str, ...] = ()
    refused: tuple[Finding, ...] = ()
    frozen: Finding | None = None
    stopped: Finding | None = None
    answers: tuple[Answered, ...] = ()
    questions: tuple[Question, ...] = ()
    demands: tuple[Demand, ...] = ()
    uncovered: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    risk: str = ""
    score: int = 0
    reasons: tuple[Finding, ...] = ()

    @property
    def needed(self) -> int:
        """Distinct people at least; where entries overlap one person may count for several of them."""
        return max((each.needed for each in self.demands), default=0)

    def may_propose(self) -> bool:
        return not self.refused and not self.stopped and self.level.level in ("propose", "decide")


def outcome(ask: draft.Ask, world: World) -> Outcome:
    """Raises AskUnclear for an ask that names nothing."""
    need, answer = draft.need_of(ask, world)
    if need is None:
        raise AskUnclear(answer.findings[0].code, **answer.findings[0].facts)
    policy = world.policy
    owner = _owner(need, world)
    drafted = draft.drawn(ask, need, world)
    change = drafted.change
    refused = list(permit.breaches(policy, need, change, world.allowlist, world.now))
    try:
        permit.refuse_denied(policy, need, change)
    except NotAllowed as denial:
        refused.insert(0, denial.finding)
    request = drawing.request("EG-0000000", drafted, need, world, json.dumps({"answer": list(ask.answer)}), "")
    answers = tuple(asking.answers(ask.answer, need, world))
    assessed = weighing.assess(need, change.proof, ask.answer, world)
    return Outcome(
        owner,
        change.proof.before,
        change.governed,
        tuple(refused),
        frozen(policy, environments_of(need), world.now),
        policy.fault or levels.stopped(policy),
        answers,
        (*change.questions, *asking.open_questions(answers)),
        policy.demands(request),
        policy.uncovered(request),
        request.waits_for,
        assessed.band,
        assessed.score,
        assessed.reasons,
    )


def _owner(need: Need, world: World) -> levels.Owner:
    names = [name for each in (need.workload, *need.others) for name in levels.names_of(each)]
    return levels.level_for(world.policy, names, environments_of(need))


def as_json(found: Outcome, world: World) -> dict[str, Any]:
    """The JSON object of `postern policy explain` (docs/schema/policy.json)."""
    return {
        "level": {"level": found.level.level, "team": found.level.team or None, "path": PATH, "line": found.level.line},
        "verdict": found.verdict,
        "files": list(found.touches),
        "may_propose": found.may_propose(),
        "refused": wire.findings(found.refused),
        "frozen": wire.finding(found.frozen) if found.frozen else None,
        "stopped": wire.finding(found.stopped) if found.stopped else None,
        "answers": [_answer(each) for each in found.answers],
        "risk": {"band": found.risk, "score": found.score, "reasons": [say(each).says for each in found.reasons]},
        "approvals": [_demand(each, world) for each in found.demands],
        "uncovered": list(found.uncovered),
        "asked": list(found.asked),
        "merged_by": world.policy.merger,
    }


def _answer(each: Answered) -> Mapping[str, Any]:
    return {
        "id": each.id,
        "asks": say(each.asks).says,
        "answer": each.answer or None,
        "how": each.how,
        "source": each.source or None,
    }


def _demand(each: Demand, world: World) -> Mapping[str, Any]:
    at = world.policy.approval.index(each.rule)
    line = world.policy.line("approval", at)
    return {
        "needed": each.needed,
        "groups": list(each.rule.groups),
        "people": sorted(each.people),
        "files": list(each.paths),
        "path": PATH,
        "line": line,
    }
