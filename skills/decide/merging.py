"""What a decision is at the merge request, and who merges what it completes: Postern, or people who hear of it."""

from __future__ import annotations

from dataclasses import replace

from skills.contract import Answer, World
from skills.core.model import (
    ApproveDrawn,
    Decided,
    Effect,
    Finding,
    LeftTo,
    MergeRequestDecision,
    MoveRequest,
    Record,
    Request,
    Tell,
)


def decision(
    request: Request, decided: Decided, world: World, *, merge: bool, head: str | None = None, origin: str = ""
) -> MergeRequestDecision:
    """The effect of a decision: about the commit that stands, from the surface that the world names, if not said."""
    return MergeRequestDecision(
        request_key=request.key,
        verb=decided.verb,
        by=decided.by,
        reason=decided.reason,
        head=(request.commit or "") if head is None else head,
        digest=decided.digest,
        merge=merge,
        target=world.target,
        origin=origin or _origin(world),
    )


def _origin(world: World) -> str:
    """The surface that a decision came from, for whoever reads it at the merge request."""
    surface = world.thread.partition(":")[0]
    return {"": "the command line", "slack": "Slack"}.get(surface, surface)


def ended(answer: Answer, request: Request, world: World) -> Answer:
    """The same answer; where its decision completes what the policy demands, by the policy's word on who merges."""
    last = next((e for e in answer.effects if isinstance(e, MergeRequestDecision) and e.merge), None)
    if last is None:
        return answer
    left = world.policy.left_to(last.by)
    effects = tuple(_effect(each, left, bot_approves=world.policy.bot_approves) for each in answer.effects)
    if left is None:
        return replace(answer, effects=effects)
    facts = {"key": request.key, "names": ", ".join(left.people) or "nobody is in it", "url": request.url or ""}
    told = Finding("EGR1651" if left.group else "EGR1650", {**facts, "group": left.group})
    news = Tell(request.key, f"merges:{last.digest[:12]}:{request.version}", told, left.people)
    records = (*(_record(each, left) for each in answer.records), news)
    return replace(answer, effects=effects, records=records, findings=(*answer.findings, told))


def _effect(effect: Effect, left: LeftTo | None, *, bot_approves: bool) -> Effect:
    if not isinstance(effect, MergeRequestDecision) or not effect.merge:
        return effect
    return replace(effect, left_to=(left.people or (left.group,)) if left else (), bot_approves=bot_approves)


def _record(record: Record, left: LeftTo) -> Record:
    if isinstance(record, ApproveDrawn) or (isinstance(record, MoveRequest) and record.to == "decided"):
        return replace(record, left_to=left)
    return record
