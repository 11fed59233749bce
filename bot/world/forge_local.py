"""The local forge: merge requests without a server, on a bare repository or on a hidden bare copy of a folder's.

Everything stands below `POSTERN_HOME/forge/<repository>/`: `lock`, `requests/` (forge_records.py) and, for a folder,
`copy.git`.

A bare repository is merged in place. A folder's own repository is never written: its branches are fetched into the
copy, the copy's target branch is merged, and the merge request says which `git pull` brings the merge into the folder.

Every method does its steps in an order that a kill can interrupt anywhere: what is planned is written down before a
branch moves, commits are functions of their inputs, branches move by compare-and-set, and a repeated call goes on from
what it finds.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from bot.world import forge_store
from bot.world.config_repo import (
    POSTERN,
    ConfigRepo,
    GitDir,
    Snapshot,
    Source,
    Wanted,
    branch_commit,
    changed_paths,
    entries_at,
    first_merge,
    graft,
    held,
    is_ancestor,
    move_branch,
    resolve,
    write_commit_object,
)
from bot.world.forge import Linked, MergeRequest, Note, Receipt, State, merge_message
from bot.world.forge_checks import check_effect, check_target, read_target, request_commit, text_at
from bot.world.forge_issues import Tickets
from bot.world.forge_records import Record, Records, is_key
from skills.core.errors import AskUnclear, Outdated, Unreachable
from skills.core.model import Brought, Deployed, Job, OpenIssue, OpenMergeRequest, Seen, brought_up

_WAIT_SECONDS = 30.0
_RACES = 8

Step = Callable[[str], None]
Pages = Callable[[], str]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _go_on(_step: str) -> None:
    return


class LocalForge:
    """Implements `Forge`. `step` is called with a name after each step that lasts; tests end the process there."""

    def __init__(
        self, repo: ConfigRepo, *, home: Path, now: Callable[[], str] = _now, step: Step = _go_on, pages: Pages = str
    ) -> None:
        """The local forge of `repo`. What `pages` gives, with a merge request's number, is where people read it.

        Raises:
            AskUnclear: EGR441, a folder outside Git; EGR442, a URL, which needs a real forge.
        """
        self._store = forge_store.of(repo, home)
        self._kind = repo.kind
        self._records = Records(self._store.folder / "requests")
        self._now = now
        self._step = step
        self._pages = pages

    @property
    def where(self) -> str:
        return self._store.where

    def source(self, wanted: Wanted, target: str | None) -> Source:
        def read(since: Snapshot | None = None) -> Snapshot:
            branch = target or self._store.default_branch()
            return read_target(self._store.synced(branch), branch, wanted, self._kind, since)

        return read

    def text(self, path: str, commit: str) -> str | None:
        return text_at(self._store.git(), commit, path)

    def open_or_update(self, effect: OpenMergeRequest) -> Receipt:
        check_effect(effect)
        with self._held():
            git = self._store.synced(effect.target)
            base = resolve(git, effect.base)
            head = request_commit(git, base, effect)
            self._step("committed")
            record = self._records.newest(effect.request_key)
            if record is not None and record.state != "preparing":
                seen = self._view(git, record)
                if seen.state == "opened":
                    if seen.head == record.head == head == branch_commit(git, record.source):
                        return Receipt(self._described(git, record, effect), created=False)
                elif head in record.made:
                    return Receipt(seen, created=False)
                else:
                    record = None
            check_target(git, base, effect.target, changed_paths(git, base, head))
            there = branch_commit(git, effect.branch)
            if there not in {None, head} and there not in self._records.made(effect.request_key):
                raise Outdated("EGR443", branch=effect.branch, now=(there or "")[:12])
            planned = self._planned(record, effect, base, head)
            self._records.save(planned)
            self._step("planned")
            move_branch(git, effect.branch, old=there, new=head)
            self._step("branch moved")
            opened = replace(planned, state="opened")
            self._records.save(opened)
            self._step("opened")
            return Receipt(self._view(git, opened), created=planned.state == "preparing")

    def find(self, request_key: str) -> MergeRequest | None:
        record = self._records.newest(request_key) if is_key(request_key) else None
        if record is None or record.state == "preparing":
            return None
        return self._view(self._store.git(), record)

    def ours(self) -> tuple[MergeRequest, ...]:
        return tuple(self._view(self._store.git(), record) for record in self._records.opened())

    def get(self, number: int) -> MergeRequest:
        return self._view(self._store.git(), self._record(number))

    def look(self, number: int) -> Seen:
        """Here nobody but Postern closes, labels or remarks; by hand, a branch is pushed, deleted or merged."""
        git, record = self._store.git(), self._record(number)
        found = self._view(git, record)
        return Seen(
            number=number,
            url=found.url,
            state=found.state,
            head=found.head,
            at=found.merged_commit or found.head,
            own=record.state in ("merged", "closed"),
            merged_commit=found.merged_commit,
            labels=found.labels,
            branch=found.state != "opened" or branch_commit(git, record.source) is not None,
            commands=found.commands,
        )

    def changed(self, number: int) -> tuple[str, ...]:
        """Every file that the merge request changes."""
        record = self._record(number)
        return changed_paths(self._store.git(), record.base, record.head)

    def brought(self, commit: str) -> Brought | None:  # noqa: ARG002 - here all merge requests are our own
        return None

    def member(self, name: str) -> None:
        """There are no accounts here: the operating system says who may run Postern."""

    def members_of(self, group: str, least: int) -> None:
        """Nor groups of them."""

    def labelled(self, number: int) -> Mapping[str, str]:  # noqa: ARG002 - only Postern puts labels on here
        return {}

    def failed_jobs(self, pipeline: int) -> tuple[Job, ...]:  # noqa: ARG002 - there are no pipelines here
        return ()

    def rollout(self, commit: str) -> tuple[Deployed, ...]:  # noqa: ARG002 - nobody deploys from here
        return ()

    def is_own(self, user: int) -> bool:  # noqa: ARG002 - nor users
        return False

    def note(self, number: int, by: str, text: str, key: str, url: str = "") -> None:
        with self._held():
            record = self._record(number)
            if all(note.key != key for note in record.notes):
                note = Note(by, self._now(), f"{text}: {url}" if url else text, key)
                self._records.save(replace(record, notes=(*record.notes, note)))

    def open_issue(self, effect: OpenIssue) -> Linked:
        with self._held():
            tickets = Tickets(self._store.folder / "issues")
            made = tickets.open_or_update(effect)
            return Linked(made.number, tickets.page(made))

    def settle_issue(self, project: str, request_key: str, text: str, *, close: bool) -> Linked:  # noqa: ARG002
        with self._held():
            tickets = Tickets(self._store.folder / "issues")
            made = tickets.settle(request_key, text, close=close)
            return Linked(made.number, tickets.page(made)) if made else Linked(0, "")

    def approve(self, number: int, head: str, by: str) -> MergeRequest:
        with self._held():
            git = self._store.git()
            record = self._record(number)
            seen = self._view(git, record)
            if seen.state == "closed":
                raise Outdated("EGR448", number=number, state=seen.state)
            if seen.state == "opened" or head != record.head:
                _check_head(git, record, head)
            if by not in record.approvals:
                record = replace(record, approvals=(*record.approvals, by))
                self._records.save(record)
            return self._view(git, record)

    def endorse(self, number: int, head: str) -> None:
        """There is nobody but people here."""

    def merge(self, number: int, head: str, by: str) -> MergeRequest:
        with self._held():
            record = self._record(number)
            git = self._store.synced(record.target)
            seen = self._view(git, record)
            if seen.state == "closed":
                raise Outdated("EGR448", number=number, state=seen.state)
            if head != record.head:
                raise Outdated("EGR446", number=number, now=seen.head[:12])
            if seen.state == "opened":
                _check_head(git, record, head)
                seen = replace(seen, merged_commit=self._merge(git, seen, by))
                self._step("target moved")
            record = replace(record, state="merged", merged_commit=seen.merged_commit)
            self._records.save(record)
            self._step("merged")
            if branch_commit(git, record.source) == head:
                move_branch(git, record.source, old=head, new=None)
            self._step("branch deleted")
            return self._view(git, record)

    def close(self, number: int, by: str, reason: str) -> MergeRequest:
        with self._held():
            git = self._store.git()
            record = self._record(number)
            seen = self._view(git, record)
            if seen.state == "merged":
                raise Outdated("EGR448", number=number, state=seen.state)
            if seen.state == "opened":
                notes = (*record.notes, Note(by, self._now(), reason, "close"))
                record = replace(record, state="closed", notes=notes)
                self._records.save(record)
            return self._view(git, record)

    def label(self, number: int, *, add: Collection[str] = (), remove: Collection[str] = ()) -> MergeRequest:
        with self._held():
            record = self._record(number)
            labels = tuple(dict.fromkeys(label for label in (*record.labels, *add) if label not in remove))
            if labels != record.labels:
                record = replace(record, labels=labels)
                self._records.save(record)
            return self._view(self._store.git(), record)

    @contextmanager
    def _held(self) -> Iterator[None]:
        with held(self._store.folder / "lock", self.where, _WAIT_SECONDS):
            self._records.sweep()
            yield

    def _record(self, number: int) -> Record:
        record = self._records.get(number)
        if record is None or record.state == "preparing":
            raise AskUnclear("EGR449", number=number, where=self.where)
        return record

    def _url(self, number: int) -> str:
        pages = self._pages()
        return f"{pages}{number}" if pages else self._records.page(number).as_uri()

    def _planned(self, record: Record | None, effect: OpenMergeRequest, base: str, head: str) -> Record:
        made = (head,) if record is None else (*record.made, head)
        return Record(
            number=self._records.next_number() if record is None else record.number,
            key=effect.request_key,
            title=effect.title,
            body=effect.body,
            source=effect.branch,
            target=effect.target,
            head=head,
            base=base,
            state="preparing" if record is None else record.state,
            author=effect.author if record is None else record.author,
            made=tuple(dict.fromkeys(made)),
            labels=effect.labels if record is None else brought_up(record.labels, effect.labels),
            reviewers=effect.reviewers,
            notes=() if record is None else record.notes,
        )

    def _described(self, git: GitDir, record: Record, effect: OpenMergeRequest) -> MergeRequest:
        """The same commit with new words: they are brought up to date, labels that people put on stay."""
        new = replace(
            record,
            title=effect.title,
            body=effect.body,
            labels=brought_up(record.labels, effect.labels),
            reviewers=tuple(dict.fromkeys((*effect.reviewers, *record.reviewers))),
        )
        if new != record:
            self._records.save(new)
        return self._view(git, new)

    def _merge(self, git: GitDir, seen: MergeRequest, by: str) -> str:
        """The commit that merges `seen`, on the target. A target that moves meanwhile is looked at again."""
        touched = changed_paths(git, seen.base, seen.head)
        ours = entries_at(git, seen.head, touched)
        for _ in range(_RACES):
            tip = check_target(git, seen.base, seen.target_branch, touched)
            tree = graft(git, tip, {path: ours.get(path) for path in touched})
            message = merge_message(seen, by)
            commit = write_commit_object(git, tree, (tip, seen.head), message=message, author=POSTERN, date=self._now())
            self._step("merge committed")
            try:
                move_branch(git, seen.target_branch, old=tip, new=commit)
            except Outdated:
                continue
            return commit
        raise Unreachable("EGR453", branch=seen.target_branch, where=self.where)

    def _view(self, git: GitDir, record: Record) -> MergeRequest:
        """The record joined with what Git says now: somebody may have moved or merged the branch by hand."""
        state: State = "closed" if record.state == "closed" else "opened"
        head, merged = record.head, record.merged_commit
        if record.state == "merged":
            state = "merged"
        elif state == "opened":
            tip = branch_commit(git, record.target)
            if tip is not None and is_ancestor(git, record.head, tip):
                state, merged = "merged", first_merge(git, record.head, tip)
            else:
                head = branch_commit(git, record.source) or record.head
        return MergeRequest(
            number=record.number,
            key=record.key,
            url=self._url(record.number),
            title=record.title,
            body=record.body,
            source_branch=record.source,
            target_branch=record.target,
            head=head,
            base=record.base,
            state=state,
            author=record.author,
            labels=record.labels,
            reviewers=record.reviewers,
            notes=record.notes,
            approvals=record.approvals,
            merged_commit=merged,
            commands=self._store.commands(record.target) if state == "merged" else (),
        )


def _check_head(git: GitDir, record: Record, head: str) -> None:
    there = branch_commit(git, record.source)
    if head != record.head or there != head:
        raise Outdated("EGR446", number=record.number, now=(there or "gone")[:12])
