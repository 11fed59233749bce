"""Approvals that people gave in GitLab and that complete what the policy demands: recorded as theirs, never as ours."""

from __future__ import annotations

from skills.contract import Answer, World
from skills.core import permit
from skills.core.model import (
    ApproveDrawn,
    Decided,
    Finding,
    MoveRequest,
    Request,
    Tell,
)
from skills.core.rights import approvals, is_still_approved, may_count
from skills.decide import glass
from skills.decide.merging import decision

_ORIGIN = "GitLab"


def ready(request: Request, world: World) -> bool:
    """Whether it waits for nothing but that somebody writes down what was approved there. Never in a freeze, and
    never what the policy would let nobody approve by now."""
    if request.state != "waiting" or request.pushed or not _counted(request, world):
        return False
    if not is_still_approved(request, world.policy):
        return False
    return permit.may_be_approved(world.policy, request, world.now)


def run(request: Request, world: World) -> Answer:
    """Each approval becomes a decision of that person, with GitLab as where it came from and the commit that it is
    for. Raises what an approval here does where the proof is out of date."""
    again = glass.proved(request, world)
    there = {key: known.gitlab or "" for key, known in world.policy.people.items()}
    head, names = request.commit or "", _counted(request, world)
    reason, at = f"approved in GitLab at commit {head[:12]}", world.now.isoformat()
    decided = [Decided("approve", name, request.digest, reason, at, there[name]) for name in names]
    effects = tuple(decision(request, each, world, merge=each is decided[-1], origin=_ORIGIN) for each in decided)
    lead = Finding("EGR1653", {"key": request.key, "names": ", ".join(names), "head": head[:12]})
    return Answer(
        {"key": request.key, "state": "decided", "by": ", ".join(names), "digest": request.digest},
        findings=(lead, *again),
        next_steps=("status",),
        records=(
            *(ApproveDrawn(request.key, each, head=head) for each in decided[:-1]),
            MoveRequest(request.key, request.version, "decided", decided[-1]),
            Tell(request.key, f"there:{request.digest[:12]}:{request.version}", lead),
        ),
        effects=effects,
        detail={"request": request, "decided": decided[-1]},
    )


def _counted(request: Request, world: World) -> tuple[str, ...]:
    """Who approved exactly this commit there, may approve it, and decided nothing of it here."""
    here, there = approvals(request, world.policy)
    return tuple(sorted(name for name in there - here if may_count(name, request, world.policy)))
