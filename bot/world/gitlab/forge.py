"""Merge requests on GitLab: commits are made in the mirror and pushed, everything else goes over REST.

Every method looks before it writes and adopts what is there, so that a call that broke half-way is finished by the
next one. A write whose outcome is unknown is looked up once, then reported.
"""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from bot.world.config_repo import ConfigRepo, Snapshot, Source, Wanted, following
from bot.world.config_repo.reading import branch_commit, changed_paths, commit_of, resolve
from bot.world.config_repo.running import GitDir
from bot.world.forge import Linked, MergeRequest, Note, Options, Receipt, State, merge_message
from bot.world.forge_checks import adopted, check_effect, check_target, read_target, request_commit, text_at
from bot.world.forge_records import is_key
from bot.world.gitlab import issues, looking, members, ready, words
from bot.world.gitlab.calls import Calls, Refused, Unsure
from skills.core.errors import AskUnclear, Mendable, NotAllowed, Outdated, Unreachable
from skills.core.model import Brought, Deployed, Job, Membership, OpenIssue, OpenMergeRequest, Seen, brought_up

_POLLS = 20
_JUST_READ = 5.0  # seconds: what the draft was read from is not asked for again


def authorization(token: str) -> str:
    """What Git sends to GitLab with an access token of any sort."""
    return "Basic " + base64.b64encode(f"oauth2:{token}".encode()).decode()


class GitLabForge:
    """Implements `Forge` for a repository that is known by its URL."""

    def __init__(
        self,
        repo: ConfigRepo,
        calls: Calls,
        options: Options = Options(),  # noqa: B008 - frozen
        *,
        pause: Callable[[float], None] = time.sleep,
        poll_seconds: float = 1.0,
    ) -> None:
        self._options = options
        self._repo = repo
        self._calls = calls
        self._pause = pause
        self._poll_seconds, self._merging = poll_seconds, threading.Lock()

    @property
    def where(self) -> str:
        return self._repo.where

    def source(self, wanted: Wanted, target: str | None) -> Source:
        def read(git: GitDir, since: Snapshot | None) -> Snapshot:
            branch = target or following.head_now(git).branch
            if branch is None:
                raise AskUnclear("EGR455", where=self.where)
            return read_target(git, branch, wanted, self._repo.kind, since)

        return lambda since=None: self._repo.read(read, since)

    def text(self, path: str, commit: str) -> str | None:
        return text_at(self._repo.git(), commit, path)

    # --- opening

    def open_or_update(self, effect: OpenMergeRequest) -> Receipt:
        check_effect(effect)
        return self._repo.with_git(lambda git: self._open(git, effect), within=_JUST_READ, commit=effect.base)

    def _open(self, git: GitDir, effect: OpenMergeRequest) -> Receipt:
        base = resolve(git, effect.base)
        head = request_commit(git, base, effect, asker_is_author=self._options.asker_is_author)
        found = self._newest(effect.branch)
        there = branch_commit(git, effect.branch)
        if there is not None and not (found and found["state"] == "opened" and found["sha"] == there):
            # Moved, deleted, or left without its merge request: what the mirror knows may be old.
            git = self._repo.git(fresh=True)
        if found is not None and found["state"] != "opened":
            if found["sha"] == head:
                return Receipt(self._view(found), created=False)
            found = None
        check_target(git, base, effect.target, [edit.path for edit in effect.edits])
        head = self._pushed(git, effect, head)
        if found is None:
            return self._create(effect, head)
        return Receipt(self._view(self._described(found, effect), head), created=False)

    def _pushed(self, git: GitDir, effect: OpenMergeRequest, head: str) -> str:
        """The commit that the branch stands at in the end: `head`, or one that says the same."""
        try:
            return self._push(git, effect, head)
        except Outdated as failure:
            if failure.code != "EGR568":
                raise
        # Somebody was quicker. Whoever pushed the same (another replica) did our work.
        try:
            return self._push(self._repo.git(fresh=True), effect, head)
        except Outdated as failure:
            if failure.code != "EGR568" or "says" not in failure.facts:
                raise
            facts = {"branch": effect.branch, "where": self.where, "says": failure.facts["says"]}
            raise NotAllowed("EGR480", **facts) from None

    def _push(self, git: GitDir, effect: OpenMergeRequest, head: str) -> str:
        there = branch_commit(git, effect.branch)
        if there is not None and there != head:
            head = adopted(git, there, head, effect)
        if there != head:
            self._repo.push(effect.branch, old=there, new=head)
        return head

    def _create(self, effect: OpenMergeRequest, head: str) -> Receipt:
        fields = {
            "source_branch": effect.branch,
            "target_branch": effect.target,
            "title": effect.title,
            "description": words.described(effect),
            "labels": ",".join(effect.labels),
            "remove_source_branch": not self._options.keep_branch,
            "squash": self._options.squash,
            "reviewer_ids": self._members(effect.reviewers),
        }
        if self._options.assign:
            fields["assignee_ids"] = self._members([effect.author])
        try:
            return Receipt(self._view(self._calls.create(fields), head), created=True)
        except Refused as refusal:
            # 409: it is there already, from another replica or from a try whose answer was lost.
            found = self._newest(effect.branch) if refusal.status == 409 else None
            if found is None or found["state"] != "opened":
                raise self._refusal(effect.branch, refusal) from None
        except Unsure as unsure:
            found = self._newest(effect.branch)
            if found is None or found["state"] != "opened":
                raise Unreachable("EGR489", where=self.where, says=str(unsure)) from None
        return Receipt(self._view(self._described(found, effect), head), created=False)

    def _described(self, found: dict[str, Any], effect: OpenMergeRequest) -> dict[str, Any]:
        """Words and our own labels are brought up to date; labels and reviewers that people put on stay."""
        wanted = brought_up(found["labels"], effect.labels)
        fields = _relabelled(found, wanted, [label for label in found["labels"] if label not in wanted])
        if found["title"] != effect.title:
            fields["title"] = effect.title
        if _normal(found["description"] or "") != _normal(words.described(effect)):
            fields["description"] = words.described(effect)
        if not found.get("reviewers") and (reviewers := self._members(effect.reviewers)):
            fields["reviewer_ids"] = reviewers
        return self._update(found["iid"], fields, effect.branch) if fields else found

    def _members(self, named: Sequence[str]) -> list[int]:
        """An address is never guessed to be somebody's user name; whoever has none here is named in the text."""
        names = [name for name in named if "@" not in name]
        with suppress(Mendable):  # a review that can't be asked for keeps no merge request from being opened
            return self._calls.member_ids(names)
        return []

    # --- looking

    def find(self, request_key: str) -> MergeRequest | None:
        found = self._newest(f"egress/{request_key}") if is_key(request_key) else None
        return self._view(found) if found else None

    def ours(self) -> tuple[MergeRequest, ...]:
        return tuple(self._view(each) for each in self._calls.own_open("egress/"))

    def get(self, number: int) -> MergeRequest:
        found = self._one(number)
        return self._view(found, notes=self._calls.notes(number))

    def look(self, number: int) -> Seen:
        return looking.seen(self._calls, self._one(number))

    def labelled(self, number: int) -> Mapping[str, str]:
        return looking.labelled(self._calls, number)

    def brought(self, commit: str) -> Brought | None:
        return looking.brought(self._calls, commit)

    def failed_jobs(self, pipeline: int) -> tuple[Job, ...]:
        return looking.failed_jobs(self._calls, pipeline)

    def rollout(self, commit: str) -> tuple[Deployed, ...]:
        return looking.rollout(self._calls, commit)

    def is_own(self, user: int) -> bool:
        return user == self._calls.me()

    def member(self, name: str) -> Membership:
        return members.membership(self._calls.quick(), name)

    def members_of(self, group: str, least: int) -> tuple[str, ...]:
        return members.members_of(self._calls.quick(), group, least)

    # --- deciding

    def note(self, number: int, by: str, text: str, key: str, url: str = "") -> None:
        self._leave(number, words.note(by, text, key, url), lambda body: words.has_mark(body, key))

    def open_issue(self, effect: OpenIssue) -> Linked:
        made = issues.open_or_update(self._calls.of(effect.project), self.where, effect)
        return Linked(int(made["iid"]), str(made["web_url"]))

    def settle_issue(self, project: str, request_key: str, text: str, *, close: bool) -> Linked:
        found = issues.settle(self._calls.of(project), self.where, project, request_key, text, close=close)
        return Linked(int(found["iid"]), str(found["web_url"])) if found else Linked(0, "")

    def approve(self, number: int, head: str, by: str) -> MergeRequest:
        found = self._one(number)
        if found["state"] == "closed":
            raise Outdated("EGR448", number=number, state="closed")
        if found["sha"] != head:
            raise Outdated("EGR446", number=number, now=str(found["sha"])[:12])
        self._leave(number, words.approval(by, head), lambda body: by in words.approvals(body, head))
        return self.get(number)

    def endorse(self, number: int, head: str) -> None:
        if self._calls.has_approved(number):
            return
        try:
            self._calls.approve(number, head)
        except Refused as refusal:
            if refusal.status == 409:
                raise Outdated("EGR446", number=number, now=str(self._one(number)["sha"])[:12]) from None
            raise self._refusal(f"!{number}", refusal) from None
        except Unsure as unsure:
            if not self._calls.has_approved(number):
                raise Unreachable("EGR489", where=self.where, says=str(unsure)) from None

    def merge(self, number: int, head: str, by: str) -> MergeRequest:
        found = self._one(number)
        if found["state"] == "closed":
            raise Outdated("EGR448", number=number, state="closed")
        if found["sha"] != head:
            raise Outdated("EGR446", number=number, now=str(found["sha"])[:12])
        if found["state"] == "opened":
            found = self._merged(found, head, by)
        return self._view(found)

    def _merged(self, found: dict[str, Any], head: str, by: str) -> dict[str, Any]:
        number = found["iid"]
        try:
            self._check_target(found)
        except Outdated:
            # A merge that was asked for before and answered by nobody may have moved the target itself.
            now = self._one(number)
            if now["state"] == "merged" and now["sha"] == head:
                return now
            raise
        found = self._settled(number)
        with self._merging:  # always a look more: GitLab was perhaps waited for, a merge beside this moves the target
            if found["state"] == "opened" and found["sha"] == head:
                self._check_target(found)
            return self._merge(found, head, by)

    def close(self, number: int, by: str, reason: str) -> MergeRequest:
        found = self._one(number)
        if found["state"] == "merged":
            raise Outdated("EGR448", number=number, state="merged")
        if found["state"] == "opened":
            self.note(number, by, reason, "close")
            found = self._update(number, {"state_event": "close"}, found["source_branch"])
        return self._view(found)

    def label(self, number: int, *, add: Collection[str] = (), remove: Collection[str] = ()) -> MergeRequest:
        found = self._one(number)
        fields = _relabelled(found, add, remove)
        return self._view(self._update(number, fields, found["source_branch"]) if fields else found)

    # --- how

    def _check_target(self, found: dict[str, Any]) -> None:
        git = self._repo.git(fresh=True)
        head = ready.present(commit_of(git, found["sha"]), found)
        base = resolve(git, f"{head}^")  # ours is one commit on the base that it was drafted on
        check_target(git, base, found["target_branch"], changed_paths(git, base, head))

    def _settled(self, number: int) -> dict[str, Any]:
        """The merge request once GitLab knows whether it can be merged.

        Raises:
            Unreachable: EGR495, something else must happen first, or GitLab does not come to an end.
            Outdated: EGR496, it can't be merged as it is; EGR448, somebody closed it meanwhile.
        """
        waits = ""
        for _ in range(_POLLS):
            found = self._one(number)
            if found["state"] == "closed":
                raise Outdated("EGR448", number=number, state="closed")
            if not ready.is_settling(found):
                ready.refuse_what_can_not_go_in(found)
                waits = ready.waits_for(found)
                if not waits:
                    return found
                break
            self._pause(self._poll_seconds)
        raise Unreachable("EGR495", number=number, says=waits or "GitLab is still looking at it")

    def _merge(self, found: dict[str, Any], head: str, by: str) -> dict[str, Any]:
        number = found["iid"]
        if found["state"] == "merged":
            return found
        said: str
        try:
            message = merge_message(self._view(found), by)
            return self._calls.merge(number, head, message, keep_branch=self._options.keep_branch)
        except Refused as refusal:
            said = refusal.says
        except Unsure as unsure:
            said = str(unsure)
        now = self._one(number)
        if now["sha"] != head:
            raise Outdated("EGR446", number=number, now=str(now["sha"])[:12])
        if now["state"] == "merged":
            return now
        raise Unreachable("EGR495", number=number, says=said)

    def _leave(self, number: int, text: str, is_it: Callable[[str], bool]) -> None:
        """A note that stands only once."""
        self._one(number)
        if any(is_it(each["body"]) for each in self._calls.notes(number)):
            return
        try:
            self._calls.add_note(number, text)
        except Refused as refusal:
            raise self._refusal(f"!{number}", refusal) from None
        except Unsure as unsure:
            if not any(is_it(each["body"]) for each in self._calls.notes(number)):
                raise Unreachable("EGR489", where=self.where, says=str(unsure)) from None

    def _update(self, number: int, fields: dict[str, Any], branch: str) -> dict[str, Any]:
        try:
            return self._calls.update(number, fields)
        except Refused as refusal:
            raise self._refusal(branch, refusal) from None

    def _newest(self, branch: str) -> dict[str, Any] | None:
        return next(iter(self._calls.of_branch(branch)), None)

    def _one(self, number: int) -> dict[str, Any]:
        found = self._calls.merge_request(number)
        if found is None:
            raise AskUnclear("EGR449", number=number, where=self.where)
        return found

    def _refusal(self, branch: str, refusal: Refused) -> Mendable:
        return NotAllowed("EGR494", where=self.where, branch=branch, says=refusal.says)

    def _view(
        self, found: dict[str, Any], head: str | None = None, notes: Collection[dict[str, Any]] = ()
    ) -> MergeRequest:
        """`head` is what was just pushed: GitLab's own `sha` follows a push a moment later."""
        known = words.trailers(found["description"] or "")
        state: State = found["state"] if found["state"] in ("merged", "closed") else "opened"
        now = head or str(found["sha"])
        approved = [by for each in notes for by in words.approvals(each["body"], now)]
        return MergeRequest(
            number=found["iid"],
            key=found["source_branch"].rpartition("/")[2],
            url=found["web_url"],
            title=found["title"],
            body=words.body_of(found["description"] or ""),
            source_branch=found["source_branch"],
            target_branch=found["target_branch"],
            head=now,
            base=known.get("Base", ""),
            state=state,
            author=found["author"]["username"],
            labels=tuple(found["labels"]),
            reviewers=tuple(each["username"] for each in found.get("reviewers") or ()),
            notes=tuple(Note(each["author"]["username"], each["created_at"], each["body"]) for each in notes),
            approvals=tuple(dict.fromkeys(approved)),
            merged_commit=(found.get("merge_commit_sha") or found.get("squash_commit_sha") or now)
            if state == "merged"
            else None,
        )


def _relabelled(found: dict[str, Any], add: Collection[str], remove: Collection[str]) -> dict[str, Any]:
    """Fields of an update that puts labels on and takes others off; empty where all is so already."""
    fields = {
        "add_labels": ",".join(label for label in add if label not in found["labels"]),
        "remove_labels": ",".join(label for label in remove if label in found["labels"]),
    }
    return {name: value for name, value in fields.items() if value}


def _normal(text: str) -> str:
    return text.replace("\r\n", "\n").rstrip()


def project_path(where: str) -> str:
    """The full path of the project in the address of its repository."""
    return urlsplit(where).path.strip("/").removesuffix(".git")
