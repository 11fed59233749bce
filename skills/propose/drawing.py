"""How a drafted change looks as a request: its row, its merge request and the text of it."""

from __future__ import annotations

from skills.contract import World
from skills.core import change, diagram, risk
from skills.core.change import Draft
from skills.core.messages import say
from skills.core.model import Finding, Need
from skills.core.model.effects import OpenMergeRequest
from skills.core.model.requests import ISOLATION, Drawn, Request
from skills.core.rendering import render

_DIFF_KEPT = 60_000  # characters


def request(key: str, drafted: Draft, need: Need, world: World, asked: str, need_key: str) -> Request:
    """A new request. `asked` is the ask as JSON; with it the same can be drawn anew on another commit."""
    paths = tuple(edit.path for edit in drafted.change.edits)
    approvers = world.policy.approvers(paths) - {world.person.id.casefold()}
    diff = "".join(change.unified_diff(edit) for edit in drafted.change.edits)
    return Request(
        key=key,
        state="drafted",
        version=0,
        workload=str(need.workload),
        destinations=ISOLATION if need.isolate else tuple(map(str, need.destinations)),
        digest=drafted.change.digest,
        base=drafted.change.base or "",
        branch=f"egress/{key}",
        asked_by=world.person.id,
        reason=need.reason,
        until=need.until,
        since=world.now.isoformat(timespec="seconds"),
        paths=paths,
        environment=need.workload.environment,
        thread=world.thread,
        remove=need.remove,
        waits_for=tuple(sorted(approvers)),
        drawn=Drawn(asked, need_key, change.effect(drafted.change), diff[:_DIFF_KEPT]),
    )


def effect(request: Request, drafted: Draft, need: Need, world: World) -> OpenMergeRequest:
    assessed = risk.assess(need, drafted.change.proof)
    code = "EGR373" if need.isolate else "EGR331" if need.remove else "EGR330"
    title = say(Finding(code, _title_facts(request, need))).says
    environment = (f"environment::{need.workload.environment}",) if need.workload.environment else ()
    return OpenMergeRequest(
        request_key=request.key,
        base=request.base,
        branch=request.branch,
        target=world.target,
        edits=drafted.change.edits,
        digest=request.digest,
        title=title,
        body=body(request, drafted, need, assessed, world),
        labels=("egress::needs-approval", f"egress::{need.workload.platform}", *environment),
        reviewers=request.waits_for,
        author=request.asked_by,
        created_at=request.since,
    )


def _title_facts(request: Request, need: Need) -> dict[str, str]:
    more = len(request.destinations) - 1
    destinations = request.destinations[0] + (f" and {more} more" if more else "")
    return {"workload": str(need.workload), "destinations": destinations, "namespace": str(need.workload)}


def body(request: Request, drafted: Draft, need: Need, assessed: risk.Risk, world: World) -> str:
    """The merge request's text: everything in it that people or manifests wrote is escaped in the template."""
    note = diagram.note(diagram.connections(need), removed=need.remove or need.isolate)
    return render(
        "merge_request.md.j2",
        request=request,
        need=need,
        draft=drafted,
        proof=drafted.change.proof,
        wider=[say(finding).says for finding in drafted.change.proof.wider_than_asked],
        lost=[say(finding).says for finding in drafted.change.proof.lost],
        risk=assessed,
        reasons=[say(reason).says for reason in assessed.reasons],
        groups=world.policy.groups_for(request.paths),
        note=note.markdown,
        commands=drafted.change.commands,
    )
