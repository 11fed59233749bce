"""What people do in GitLab beside Postern: merge, close, push, approve, comment, and pipelines that run.

Part of the GitLab on loopback (gitlab_server.py). Names of fields and of states as in GitLab's documentation:
https://docs.gitlab.com/api/merge_request_approvals/, /api/jobs/, /api/pipelines/, /api/branches/.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import unquote

BOT = {"id": 7, "username": "postern", "name": "Postern"}
SAM = {"id": 8, "username": "sam", "name": "Sam"}
INES = {"id": 9, "username": "ines", "name": "Ines"}
MEMBERS = [BOT, SAM, INES]
Answer = tuple[int, Any]


class People:
    """State that moves without Postern."""

    repository: Path
    url: str
    merge_requests: dict[int, dict[str, Any]]
    notes: dict[int, list[dict[str, Any]]]

    def __init__(self) -> None:
        self.approved: dict[int, list[dict[str, Any]]] = {}
        self.bot_may_approve = True
        self.label_events: dict[int, list[dict[str, Any]]] = {}
        self.label_events_status = 200
        self.jobs: dict[int, list[dict[str, Any]]] = {}
        self.logs: dict[int, bytes] = {}
        self.deployments: list[dict[str, Any]] = []
        self.reported: dict[str, list[dict[str, Any]]] = {}  # statuses, by commit
        self.pipelines_of: dict[str, dict[str, Any]] = {}  # by commit of the target
        self.approvals_status = 200  # 404 where the edition has none
        self.keeps_approvals = False  # the project's own setting: a push drops them unless it says so
        self._moment = 0

    # --- what people do

    def touch(self, number: int) -> None:
        self._moment += 1
        minutes, seconds = divmod(self._moment, 60)
        self.merge_requests[number]["updated_at"] = f"2026-03-01T10:{minutes:02}:{seconds:02}.000Z"

    def merge_by(self, number: int, who: dict[str, Any] = SAM, *, keep_branch: bool = False) -> str:
        found = self.merge_requests[number]
        tip, head = self._ref(found["target_branch"]), self._ref(found["source_branch"])
        merged = self.write(found["target_branch"], tip, head, f"Merge branch '{found['source_branch']}'")
        if not keep_branch:
            self._git("update-ref", "-d", f"refs/heads/{found['source_branch']}")
        found.update(state="merged", sha=head, merge_commit_sha=merged, merge_user=who)
        self.touch(number)
        return merged

    def close_by(self, number: int, who: dict[str, Any] = SAM) -> None:
        self.merge_requests[number].update(state="closed", closed_by=who)
        self.touch(number)

    def reopen_by(self, number: int) -> None:
        self.merge_requests[number].update(state="opened", closed_by=None)
        self.touch(number)

    def approve_by(self, number: int, who: dict[str, Any] = SAM) -> None:
        self.approved.setdefault(number, []).append(who)
        self.touch(number)

    def approve_as_bot(self, number: int, head: str) -> Answer:
        """As GitLab answers: 409 for another head, 401 for whoever may not approve here or did so already."""
        if head != self._ref(self.merge_requests[number]["source_branch"]):
            return 409, {"message": "SHA does not match HEAD of source branch"}
        if BOT in self.approved.get(number, ()) or not self.bot_may_approve:
            return 401, {"message": "401 Unauthorized"}
        self.approve_by(number, BOT)
        return 201, {"iid": number}

    def unapprove_by(self, number: int, who: dict[str, Any] = SAM) -> None:
        self.approved[number].remove(who)
        self.touch(number)

    def push(self, number: int, message: str = "One more host") -> str:
        """Somebody's own commit on the branch of a merge request."""
        branch = self.merge_requests[number]["source_branch"]
        head = self.write(branch, self._ref(branch), None, message)
        self.pushed(number)
        return head

    def force(self, number: int, commit: str) -> None:
        """Somebody puts the branch of a merge request where it was before."""
        self._git("update-ref", f"refs/heads/{self.merge_requests[number]['source_branch']}", commit)
        self.pushed(number)

    def pushed(self, number: int) -> None:
        if not self.keeps_approvals:
            self.approved.pop(number, None)
        self.merge_requests[number]["head_pipeline"] = None
        self.touch(number)

    def cut_branch(self, number: int) -> None:
        self._git("update-ref", "-d", f"refs/heads/{self.merge_requests[number]['source_branch']}")
        self.touch(number)

    def put_label(self, number: int, label: str, who: dict[str, Any] = SAM) -> None:
        self.merge_requests[number]["labels"].append(label)
        self.label_event(number, label, "add", who)
        self.touch(number)

    def label_event(self, number: int, label: str, action: str, who: dict[str, Any]) -> None:
        """As recorded: https://docs.gitlab.com/api/resource_label_events/."""
        made = self.label_events.setdefault(number, [])
        named = {"id": 70 + len(label), "name": label, "color": "#34495E", "description": ""}
        made.append(
            {
                "id": 140 + len(made),
                "user": who,
                "created_at": "2026-03-01T10:00:00.000Z",
                "resource_type": "MergeRequest",
                "resource_id": 1000 + number,
                "label": named,
                "action": action,
            }
        )

    def take_label(self, number: int, label: str) -> None:
        self.merge_requests[number]["labels"].remove(label)
        self.touch(number)

    def comment_by(self, number: int, text: str, who: dict[str, Any] = SAM, **more: Any) -> int:
        known = sum(map(len, self.notes.values()))
        note = {"id": known + 1, "body": text, "author": who, "created_at": "2026-03-01T10:00:00Z", "system": False}
        self.notes[number].append({**note, **more})
        self.touch(number)
        return known + 1

    def pipeline(self, number: int, status: str, *failed: tuple[str, str, str], again: bool = False) -> int:
        """The newest pipeline of a merge request is in this state; each failed job has name, stage and log."""
        pipeline = 500 + len(self.jobs) + (0 if again else 1)
        jobs = []
        for name, stage, log in failed:
            job = 9000 + len(self.logs)
            self.logs[job] = log.encode()
            address = f"{self.url}/platform/allowlist/-/jobs/{job}"
            jobs.append({"id": job, "name": name, "stage": stage, "status": "failed", "web_url": address})
        self.jobs[pipeline] = [{**job, "allow_failure": False} for job in jobs]
        address = f"{self.url}/platform/allowlist/-/pipelines/{pipeline}"
        self._moment += 1
        self.merge_requests[number]["head_pipeline"] = {
            "id": pipeline,
            "sha": self.merge_requests[number]["sha"],
            "ref": self.merge_requests[number]["source_branch"],
            "status": status,
            "web_url": address,
            "updated_at": f"2026-03-01T11:00:{self._moment:02}.000Z",
        }
        return pipeline

    # --- what the API shows of it

    def show(self, method: str, path: str, query: dict[str, list[str]]) -> Answer | None:
        """The answer, or None where this is not the place for it."""
        for pattern, shown in (
            (r"merge_requests/(\d+)/approvals", self._approvals),
            (r"merge_requests/(\d+)/resource_label_events", self._label_events),
            (r"repository/branches/(.+)", self._branch),
            (r"pipelines/(\d+)/jobs", self._jobs),
            (r"repository/commits/([0-9a-f]+)/merge_requests", self._brought),
            (r"jobs/(\d+)/trace", self._trace),
            (r"(deployments)", lambda _name, _query: (200, self.deployments)),
            (r"repository/commits/([0-9a-f]+)", self._commit),
            (r"repository/commits/([0-9a-f]+)/statuses", lambda sha, _query: (200, self.reported.get(sha, []))),
        ):
            if method == "GET" and (found := re.fullmatch(pattern, path)):
                return shown(unquote(found[1]), query)
        return None

    def _approvals(self, number: str, _query: dict[str, list[str]]) -> Answer:
        if self.approvals_status != 200:
            return self.approvals_status, {"message": f"{self.approvals_status} Not for you"}
        by = [{"user": who} for who in self.approved.get(int(number), ())]
        return 200, {"iid": int(number), "approvals_required": 0, "approvals_left": 0, "approved_by": by}

    def _label_events(self, number: str, _query: dict[str, list[str]]) -> Answer:
        return self.label_events_status, self.label_events.get(int(number), [])

    def _brought(self, commit: str, _query: dict[str, list[str]]) -> Answer:
        """By the branch that was merged, as GitLab tells it: the commit is in the head and was not before it."""
        return 200, [each for each in self.merge_requests.values() if commit in {each["sha"], each["merge_commit_sha"]}]

    def _commit(self, sha: str, _query: dict[str, list[str]]) -> Answer:
        return 200, {"id": sha, "last_pipeline": self.pipelines_of.get(sha)}

    def _branch(self, name: str, _query: dict[str, list[str]]) -> Answer:
        there = self._ref(name)
        if not there:
            return 404, {"message": "404 Branch Not Found"}
        return 200, {"name": name, "commit": {"id": there}, "merged": False, "protected": False}

    def _jobs(self, pipeline: str, query: dict[str, list[str]]) -> Answer:
        if int(pipeline) not in self.jobs:
            return 404, {"message": "404 Not found"}
        scope = query.get("scope", ["failed"])
        return 200, [job for job in reversed(self.jobs[int(pipeline)]) if job["status"] in scope]

    def _trace(self, job: str, _query: dict[str, list[str]]) -> Answer:
        if int(job) not in self.logs:
            return 404, {"message": "404 Not found"}
        return 200, self.logs[int(job)]

    # --- Git, as somebody else

    def write(self, branch: str, parent: str, second: str | None, message: str) -> str:
        """A commit of somebody else: a new file, or a merge of `second`."""
        if second:
            tree = self._git("merge-tree", "--write-tree", parent, second).splitlines()[0]
        else:
            blob = self._git(
                "hash-object", "-w", "--stdin", said=f"{message}, on {parent}"
            )  # a file of its own each time
            tree = self._git("mktree", said=f"{self._git('ls-tree', parent)}\n100644 blob {blob}\tNOTES-{blob[:8]}\n")
        who = ["-c", "user.name=Sam", "-c", "user.email=sam@fincorp.example"]
        parents = ["-p", parent, *(["-p", second] if second else [])]
        made = self._git(*who, "commit-tree", tree, *parents, "-m", message)
        self._git("update-ref", f"refs/heads/{branch}", made)
        return made

    def _ref(self, branch: str) -> str:
        return self._git("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}")

    def _git(self, *args: str, said: str = "") -> str:
        done = subprocess.run(
            ["git", *args], cwd=self.repository, input=said, capture_output=True, text=True, check=False
        )
        return done.stdout.strip() if done.returncode == 0 else ""
