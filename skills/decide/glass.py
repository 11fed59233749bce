"""What every approval rests on, and the one that breaks the glass: alone, with a reason, heard by all, reviewed."""

from __future__ import annotations

from dataclasses import replace

from skills.contract import Answer, World
from skills.core import permit
from skills.core.errors import AskUnclear, Outdated
from skills.core.model import (
    Decided,
    Finding,
    KeepReview,
    LeaveNote,
    MoveRequest,
    Request,
    Review,
    Tell,
)
from skills.decide.merging import decision
from skills.draft.again import still_the_same


def proved(request: Request, world: World) -> tuple[Finding, ...]:
    """The proof was made on the base. On a newer commit it is made once more: an approval stands only where the same
    change of the same files has the same effect there, for anything else nobody has seen.

    On another commit than ours nobody has seen what the change does either, and whoever approves would think they had.
    """
    if request.pushed:
        shown = (request.commit or "")[:12]
        raise Outdated("EGR019", key=request.key, head=request.pushed[:12], shown=shown)
    tip = world.allowlist.commit or ""
    if request.base == tip:
        return ()
    facts = {"key": request.key, "base": request.base[:12], "now": tip[:12]}
    if request.drawn is None or not still_the_same(request.drawn, world):
        raise Outdated("EGR408", **facts)
    return (Finding("EGR064", facts),)


def run(request: Request, decided: Decided, world: World, *, confirmed: bool) -> Answer:
    """It is merged as any approved change is; everybody who may approve hears of it, and it stays to be reviewed."""
    if not confirmed:
        raise AskUnclear("EGR1641", key=request.key)
    permit.refuse_what_stands(
        world.policy, request, request.until, world.now
    )  # a freeze is glass, the deny list is not
    again = proved(request, world)
    decided = replace(decided, verb="break-glass")
    facts = {"key": request.key, "by": world.person.shown, "reason": decided.reason}
    lead = Finding("EGR1642", {**facts, "workload": request.workload, "destinations": ", ".join(request.destinations)})
    everybody = tuple(sorted(world.policy.approvers(request) | {request.asked_by, *request.watchers}))
    return Answer(
        {"key": request.key, "state": "decided", "by": decided.by, "digest": request.digest},
        findings=(lead, *again),
        next_steps=("status",),
        records=(
            MoveRequest(request.key, request.version, "decided", decided),
            KeepReview(request.key, Review(decided.by, decided.reason, world.now.isoformat())),
            Tell(request.key, f"glass:{request.digest[:12]}", lead, everybody),
        ),
        effects=(decision(request, decided, world, merge=True),),
        detail={"request": request, "decided": decided},
    )


def review(request: Request, said: str, world: World) -> Answer:
    """Somebody else looked at it. Whatever they say of it, the review is over; what is wrong is taken away by its own
    request."""
    if request.review is None or request.review.by:
        raise Outdated("EGR1643", key=request.key)
    done = replace(request.review, by=world.person.id, said=said)
    lead = Finding("EGR1644", {"key": request.key, "by": world.person.shown, "broke": done.broke, "said": said})
    note = LeaveNote(request.key, request.digest, world.person.id, f"reviewed: {said}", "glass:reviewed")
    return Answer(
        {"key": request.key, "state": request.state, "by": world.person.id, "digest": request.digest},
        findings=(lead,),
        next_steps=("status",),
        records=(KeepReview(request.key, done), Tell(request.key, "glass:reviewed", lead, (done.broke,))),
        effects=(note,) if request.number else (),
        detail={"request": request},
    )
