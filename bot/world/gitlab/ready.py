"""Whether a merge request can go in now, and what it waits for.

GitLab's own word is not enough for pipelines: a project that does not demand them calls a merge request mergeable while
its pipeline runs, and after it failed. What nobody has seen pass is not merged.

States: https://docs.gitlab.com/api/merge_requests/#merge-status, https://docs.gitlab.com/api/pipelines/.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skills.core.errors import Outdated

# `detailed_merge_status`: GitLab is still finding out; somebody else must act first; the change itself can't go in.
_SETTLING = frozenset({"preparing", "unchecked", "checking", "approvals_syncing", "cannot_be_merged_rechecking"})
_READY = frozenset({"mergeable", "can_be_merged"})
_BLOCKED = {
    "conflict": "it conflicts with its target",
    "need_rebase": "it must be rebased",
    "broken_status": "GitLab can't merge it",
    "commits_status": "its branch has no commits",
}
_WAITS = {
    "ci_must_pass": "its pipeline must pass first",
    "ci_still_running": "its pipeline is still running",
    "not_approved": "GitLab's own approval rules are not met",
    "requested_changes": "a reviewer requested changes",
    "discussions_not_resolved": "its discussions are not resolved",
    "draft_status": "it is a draft",
    "external_status_checks": "an external status check has not passed",
    "merge_request_blocked": "another merge request must go first",
    "policies_denied": "a security policy denies it",
    "jira_association_missing": "it names no Jira issue",
    "locked_paths": "a file of it is locked",
    "title_regex": "its title does not fit the project's rule",
    "merge_time": "it may be merged only later",
}
_MERGING = "locked"
_PASSED = frozenset({"success", "skipped"})  # skipped: by whoever pushed, so there is nothing that could pass
_ENDED = {"failed": "its pipeline failed", "canceled": "its pipeline was called off"}


def is_settling(found: Mapping[str, Any]) -> bool:
    """Whether GitLab does not know yet."""
    return found["state"] == _MERGING or (found["state"] != "merged" and _status(found) in _SETTLING)


def refuse_what_can_not_go_in(found: Mapping[str, Any]) -> None:
    """Raises Outdated EGR496 for what can't be merged as it is."""
    if found["state"] != "merged" and _status(found) in _BLOCKED:
        raise Outdated("EGR496", number=found["iid"], says=_BLOCKED[_status(found)])


def present(commit: str | None, found: Mapping[str, Any]) -> str:
    """The commit of a merge request as the repository holds it; Outdated EGR496 where it went with its branch."""
    if commit is None:
        raise Outdated("EGR496", number=found["iid"], says="its branch was deleted")
    return commit


def waits_for(found: Mapping[str, Any]) -> str:
    """What must happen first, in words; empty for what can go in now, or has gone in."""
    status = _status(found)
    if found["state"] == "merged":
        return ""
    if status not in _READY:
        return _WAITS.get(status) or f"its state is “{status[:40]}”"
    pipeline = (found.get("head_pipeline") or {}).get("status")
    if pipeline is None or pipeline in _PASSED:
        return ""
    return _ENDED.get(pipeline) or "its pipeline has not passed yet"


def _status(found: Mapping[str, Any]) -> str:
    return str(found.get("detailed_merge_status") or found.get("merge_status") or "")
