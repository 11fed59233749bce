"""What GitLab shows of a merge request, read in few calls: itself, its approvals, its notes, its branch, failed jobs.

Shapes: https://docs.gitlab.com/api/merge_requests/#get-single-mr, https://docs.gitlab.com/api/merge_request_approvals/,
https://docs.gitlab.com/api/notes/#list-all-merge-request-notes, https://docs.gitlab.com/api/jobs/.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Literal

from bot.world.gitlab.calls import Calls
from skills.core.errors import Mendable, NotAllowed
from skills.core.model import Brought, Deployed, Job, Pipeline, Remark, Seen

_CONTROLLERS = ("kustomization/", "helmrelease/", "argocd", "continuous-delivery/")
_MOST_LOGS = 1  # only the first failed job is shown; the others are counted


def seen(calls: Calls, found: Mapping[str, Any]) -> Seen:
    """`found` is the merge request as `Calls.merge_request` gives it."""
    number, state = found["iid"], found["state"]
    named = ("merge_user", "merged_by") if state == "merged" else ("closed_by",)
    who = next((found[name] for name in named if found.get(name)), None)
    merged = found.get("merge_commit_sha") or found.get("squash_commit_sha") or found["sha"]
    return Seen(
        number=number,
        url=found["web_url"],
        state=state if state in ("merged", "closed") else "opened",
        head=str(found["sha"]),
        at=str(found.get("updated_at") or ""),
        by=who["username"] if who else None,
        own=who is not None and who["id"] == calls.me(),
        merged_commit=str(merged) if state == "merged" else None,
        labels=tuple(found["labels"]),
        approvals=calls.approved_by(number),
        pipeline=_pipeline(found.get("head_pipeline")),
        remarks=tuple(_remark(note) for note in calls.remarks(number)),
        branch=state != "opened" or calls.has_branch(found["source_branch"]),
    )


def labelled(calls: Calls, number: int) -> Mapping[str, str]:
    """Who put each label on last: https://docs.gitlab.com/api/resource_label_events/. Nothing where that is hidden."""
    found: dict[str, str] = {}
    with suppress(NotAllowed):
        for each in sorted(calls.label_events(number), key=lambda event: int(event["id"])):
            label, who = each.get("label"), each.get("user")  # null for a label or a user that is gone
            if each["action"] == "add" and label and who:
                found[str(label["name"])] = "" if who["id"] == calls.me() else str(who["username"])
    return found


def brought(calls: Calls, commit: str) -> Brought | None:
    """The merge request by which a commit came in first: https://docs.gitlab.com/api/commits/ (merge requests)."""
    merged = [each for each in calls.brought(commit) if each["state"] == "merged"]
    if not merged:
        return None
    first = min(merged, key=lambda each: str(each.get("merged_at") or ""))
    who = first.get("merge_user") or first.get("merged_by") or {}
    return Brought(str(first["web_url"]), calls.approved_by(first["iid"]) or (), str(who.get("username") or ""))


def failed_jobs(calls: Calls, pipeline: int) -> tuple[Job, ...]:
    """The jobs that made it fail, oldest first. A log that can't be read keeps nobody from hearing which job it was."""
    found = [job for job in calls.failed_jobs(pipeline) if not job.get("allow_failure")]
    jobs = []
    for place, job in enumerate(sorted(found, key=lambda each: int(each["id"]))):
        log = ""
        if place < _MOST_LOGS:
            with suppress(Mendable):
                log = calls.end_of_log(job["id"])
        jobs.append(Job(job["id"], str(job["name"]), str(job.get("stage") or ""), str(job.get("web_url") or ""), log))
    return tuple(jobs)


def rollout(calls: Calls, commit: str) -> tuple[Deployed, ...]:
    """Deployments of the commit, what Flux and Argo CD report at it, and the target's pipeline.

    Shapes: https://docs.gitlab.com/api/deployments/, https://docs.gitlab.com/api/commits/#commit-status; names of Flux:
    https://fluxcd.io/flux/components/notification/providers/ (git commit status), `kustomization/apps/0c9c2e41`.
    What the token may not read is left out.
    """
    found: list[Deployed] = []
    with suppress(NotAllowed):
        for each in calls.deployments(commit):
            name = f"deployment to {(each.get('environment') or {}).get('name') or 'an environment'}"
            found.append(Deployed(name, _state(each.get("status")), deploys=True))
    with suppress(NotAllowed):
        for each in calls.statuses(commit):
            name = str(each.get("name") or "")
            if name.casefold().startswith(_CONTROLLERS):
                found.append(
                    Deployed(name, _state(each.get("status")), str(each.get("target_url") or ""), deploys=True)
                )
    pipeline = calls.last_pipeline(commit)
    if pipeline:
        found.append(Deployed("pipeline", _state(pipeline.get("status")), str(pipeline.get("web_url") or "")))
    return tuple(found)


def _state(status: object) -> Literal["success", "failed", "running"]:
    """What was called off or must be started by hand is not done."""
    return "success" if status == "success" else "failed" if status == "failed" else "running"


def _pipeline(found: Mapping[str, Any] | None) -> Pipeline | None:
    """Null where the project has none, and for a moment after a push."""
    if not found:
        return None
    return Pipeline(found["id"], found["status"], str(found.get("web_url") or ""), str(found.get("updated_at") or ""))


def _remark(note: Mapping[str, Any]) -> Remark:
    return Remark(note["id"], note["author"]["username"], note["body"])
