"""Effects as plain values. A skill returns them; `bot/perform.py` carries them out.

Each effect has a natural key, so that doing it twice is doing it once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from skills.core.model.changes import Edit
from skills.core.model.labels import APPROVED, NEEDS_APPROVAL


@dataclass(frozen=True, slots=True)
class OpenMergeRequest:
    """Commit `edits` on `branch` from `base`, push, open or update the merge request.

    `created_at` (ISO 8601, UTC) dates the commit, so that a repeated attempt makes the same commit.
    """

    request_key: str
    base: str
    branch: str
    target: str
    edits: tuple[Edit, ...]
    digest: str
    title: str
    body: str
    labels: tuple[str, ...]
    reviewers: tuple[str, ...]
    author: str
    created_at: str


@dataclass(frozen=True, slots=True)
class MergeRequestDecision:
    """Record a decision at the merge request: `verb` is one of `Verb`, `origin` the surface that it came from.

    `head` is the commit that was shown; the forge refuses when the branch moved. Empty, it is the commit that the same
    answer's drawing of this digest comes to. `merge` says that this approval completes what the policy demands;
    `left_to` are the people who merge then instead of Postern, and `bot_approves` says that Postern's own user approves
    in the forge as well. `target` is the branch whose policy was asked; a merge request that goes into another one is
    refused.
    """

    request_key: str
    verb: str
    by: str
    reason: str
    head: str
    digest: str
    merge: bool
    target: str = ""
    origin: str = ""
    left_to: tuple[str, ...] = ()
    bot_approves: bool = False


@dataclass(frozen=True, slots=True)
class CloseMergeRequest:
    """Close the merge request of a request that needs none any more; `reason` is left there as a note."""

    request_key: str
    digest: str
    reason: str


@dataclass(frozen=True, slots=True)
class OpenDiagram:
    """Write `block` into the diagram `path` of another repository, in a merge request of its own, and link the two.

    `branch` is its natural key there. It goes on the newest commit of that repository's default branch.
    """

    request_key: str
    digest: str
    repository: str
    path: str
    block: str
    branch: str
    title: str
    body: str
    labels: tuple[str, ...]
    author: str
    created_at: str


@dataclass(frozen=True, slots=True)
class OpenIssue:
    """Open the ticket of a request in the help desk's project, or bring its text up to date, and link it.

    A hidden mark with the request key is its natural key, so it is found before it is made.
    """

    request_key: str
    digest: str
    project: str
    title: str
    body: str
    labels: tuple[str, ...]
    author: str


@dataclass(frozen=True, slots=True)
class Relabel:
    """Take labels off the merge request of a request, or put them on."""

    request_key: str
    digest: str
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()

    @classmethod
    def unapproved(cls, request_key: str, digest: str) -> Relabel:
        """For what was approved, and waits to be approved again."""
        return cls(request_key, digest, (NEEDS_APPROVAL,), (APPROVED,))


@dataclass(frozen=True, slots=True)
class LeaveNote:
    """A remark at the merge request of a request; one with the same `key` stands only once."""

    request_key: str
    digest: str
    by: str
    text: str
    key: str


@dataclass(frozen=True, slots=True)
class NameBeside:
    """A remark with the address of another merge request that belongs to the same ask, once for each `key`."""

    request_key: str
    digest: str
    key: str
    text: str
    url: str


@dataclass(frozen=True, slots=True)
class Settle:
    """What was opened beside a request follows its end: `where` is the diagram's repository or the help desk's project.

    How it ended is asked of the forge at that moment: merged gives a remark, closed without a merge closes it with one.
    `left`: the request goes on without it, because its diagram is kept elsewhere now.
    """

    request_key: str
    digest: str
    what: Literal["diagram", "ticket"]
    where: str
    left: bool = False


Effect = (
    OpenMergeRequest
    | MergeRequestDecision
    | CloseMergeRequest
    | OpenDiagram
    | OpenIssue
    | Relabel
    | LeaveNote
    | NameBeside
    | Settle
)
