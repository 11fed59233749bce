"""The forge: where changes become merge requests. One interface for the local forge and for GitLab.

Every method may be repeated: the natural keys are the request key (one branch, one open merge request), the head commit
(approve, merge) and a note's own key. A method that finds its work done gives the same answer as the one that did it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import Literal, Protocol

from bot.world.config_repo import Source, Wanted
from skills.core.errors import AskUnclear
from skills.core.model import Brought, Deployed, Job, Membership, OpenIssue, OpenMergeRequest, Seen

State = Literal["opened", "merged", "closed"]


@dataclass(frozen=True, slots=True)
class Options:
    """How a team likes its merge requests. `assign`: to whoever asked, where the forge knows them by that name."""

    squash: bool = False
    keep_branch: bool = False
    assign: bool = False
    asker_is_author: bool = False


def options(words: Collection[str]) -> Options:
    """The options that these words stand for. Raises AskUnclear EGR066 for a word that is none."""
    known = {field.name.replace("_", "-"): field.name for field in fields(Options)}
    strange = sorted(set(words) - set(known))
    if strange:
        raise AskUnclear("EGR066", word=strange[0][:40], known=", ".join(known))
    return Options(**{known[word]: True for word in words})


@dataclass(frozen=True, slots=True)
class Note:
    """A remark at a merge request. `at` is ISO 8601, UTC; `key` keeps a repeated note from standing twice."""

    by: str
    at: str
    text: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class MergeRequest:
    """A merge request as the forge has it now.

    `key` is the request key. `head` is the commit that the source branch stands at, `base` the commit that it was drawn
    on; both are full names. `approvals` are the people who approved `head`. `commands` are what a person must run to
    have the merge in their own copy; empty where nothing is needed.
    """

    number: int
    key: str
    url: str
    title: str
    body: str
    source_branch: str
    target_branch: str
    head: str
    base: str
    state: State
    author: str
    labels: tuple[str, ...] = ()
    reviewers: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    approvals: tuple[str, ...] = ()
    merged_commit: str | None = None
    commands: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Linked:
    """Something that was opened beside a merge request: number and page; 0 and empty where nothing was to do."""

    number: int
    url: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What opening came to. `created` is False when the merge request was there already (and is up to date now)."""

    merge_request: MergeRequest
    created: bool


class Forge(Protocol):
    """What a forge must do. All are synchronous and raise only the four mendable failures.

    Common to all: `AskUnclear` EGR449 (no merge request of that number), `Unreachable` when the forge does not answer.
    """

    @property
    def where(self) -> str:
        """The canonical name of the repository."""

    def source(self, wanted: Wanted, target: str | None) -> Source:
        """What merge requests are drawn on: each call reads the newest commit of `target` (None: the default branch).

        Its `branch` is the target's name. Raises what `ConfigRepo.snapshot` does, and AskUnclear EGR447 or EGR455.
        """

    def text(self, path: str, commit: str) -> str | None:
        """The text of a file as of a commit that `source` gave; None where there is none (AskUnclear, EGR033)."""

    def open_or_update(self, effect: OpenMergeRequest) -> Receipt:
        """Commit the edits on `effect.base`, let the branch stand there, open the merge request or bring it up to date.

        A target that has moved on is fine as long as no touched file moved.

        Raises:
            Outdated: EGR443 the branch stands at a commit that Postern did not make; EGR444 a file at the base is not
                what the draft saw; EGR445 a touched file moved on the target; EGR450 the base is not part of the
                target; EGR454 (a folder) the merges of before must be pulled first.
            AskUnclear: EGR447 no such target branch; EGR457 the edits change nothing.
        """

    def find(self, request_key: str) -> MergeRequest | None:
        """The newest merge request of a request."""

    def ours(self) -> tuple[MergeRequest, ...]:
        """The open merge requests that Postern's own user made, on branches of requests."""

    def get(self, number: int) -> MergeRequest:
        """One merge request."""

    def look(self, number: int) -> Seen:
        """One merge request with all that others may have done to it: what a request's row is brought in line with."""

    def labelled(self, number: int) -> Mapping[str, str]:
        """Who put a label on a merge request last, by label: a user name, empty for Postern's own. Labels of which the
        forge does not say so are left out."""

    def brought(self, commit: str) -> Brought | None:
        """The merge request by which a commit came in, also where it was not ours; None where none is known."""

    def failed_jobs(self, pipeline: int) -> tuple[Job, ...]:
        """The jobs that made a pipeline fail, oldest first; the log of the first. None where there are no pipelines."""

    def rollout(self, commit: str) -> tuple[Deployed, ...]:
        """What shows that a commit of the target reached the clusters; nothing where nobody says so."""

    def is_own(self, user: int) -> bool:
        """Whether this number of a user, as the forge's events have it, is Postern's own."""

    def member(self, name: str) -> Membership | None:
        """What the forge says of a user name now; None where it has no users of its own."""

    def members_of(self, group: str, least: int) -> tuple[str, ...] | None:
        """User names of a group's active members with at least this access level; None where it has no groups."""

    def note(self, number: int, by: str, text: str, key: str, url: str = "") -> None:
        """Leave a remark; one with the same key stands only once. `url` is a page of a forge, shown behind it."""

    def open_issue(self, effect: OpenIssue) -> Linked:
        """The ticket of a request in another project: opened once, its words brought up to date.

        Raises:
            NotAllowed: EGR492, no such project; EGR494, refused.
        """

    def settle_issue(self, project: str, request_key: str, text: str, *, close: bool) -> Linked:
        """A remark at the ticket of a request, once; with `close` it is closed too. Number 0 where there is none."""

    def approve(self, number: int, head: str, by: str) -> MergeRequest:
        """Record that `by` approves exactly `head`.

        Raises:
            Outdated: EGR446 the branch stands elsewhere; EGR448 it is closed.
        """

    def endorse(self, number: int, head: str) -> None:
        """Postern's own user approves exactly `head`, where the forge has approvals of its own.

        Raises:
            Outdated: EGR446 the branch stands elsewhere.
            NotAllowed: the forge lets this user approve nothing here.
        """

    def merge(self, number: int, head: str, by: str) -> MergeRequest:
        """Merge exactly `head` into the target and delete the source branch.

        Whether `by` may is not asked here; that is decided before.

        Raises:
            Outdated: EGR446 the branch stands elsewhere; EGR445 a touched file moved on the target; EGR448 it is
                closed; EGR450, EGR454 as in `open_or_update`.
        """

    def close(self, number: int, by: str, reason: str) -> MergeRequest:
        """Close without merging; `reason` is kept as a note (Outdated, EGR448, when it is merged)."""

    def label(self, number: int, *, add: Collection[str] = (), remove: Collection[str] = ()) -> MergeRequest:
        """Put labels on and take labels off."""


def commit_message(effect: OpenMergeRequest) -> str:
    """The message of a request's commit: its title, and who asked for what as trailers that Git can read."""
    return "\n".join(
        (
            _one_line(effect.title),
            "",
            f"Requested-by: {_one_line(effect.author)}",
            f"Postern-Request: {effect.request_key}",
            f"Postern-Digest: {_one_line(effect.digest)}",
        )
    )


def merge_message(merge_request: MergeRequest, by: str) -> str:
    """The message of the commit that merges a request."""
    return "\n".join(
        (
            f"Merge branch '{merge_request.source_branch}' into '{merge_request.target_branch}'",
            "",
            _one_line(merge_request.title),
            "",
            f"Merged-by: {_one_line(by)}",
            f"Postern-Request: {merge_request.key}",
            f"Postern-Merge-Request: !{merge_request.number}",
        )
    )


def _one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:200]
