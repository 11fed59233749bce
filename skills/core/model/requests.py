"""A request and the changes of its row, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from skills.core.model.changes import Edit
from skills.core.model.findings import Finding
from skills.core.model.flows import Workload

RequestState = Literal[
    "drafted", "proposed", "waiting", "held", "returned", "decided",
    "merged", "rolled_out", "confirmed", "in_force", "expiring", "removed",
    "rejected", "withdrawn", "expired", "closed", "superseded", "failed",
]  # fmt: skip
"""`returned`: an approver asked for changes, so it waits for its asker. `rolled_out`: something that deploys says
so; `confirmed`: its asker says that it works; `in_force`: it stands, and nothing more is waited for; `expiring`:
its last day is near; `removed`: it stood, and does no longer. `expired`: nobody decided; `closed`: by somebody in
the forge; `superseded`: the target allows it meanwhile, by another change."""
OPEN_STATES: tuple[RequestState, ...] = ("drafted", "proposed", "waiting", "held", "returned", "decided")
UNDER_WAY: tuple[RequestState, ...] = ("drafted", "proposed", "decided")
"""Postern is at it: opening the merge request, or merging it."""
STANDING_STATES: tuple[RequestState, ...] = ("merged", "rolled_out", "confirmed", "in_force", "expiring")
"""Merged, and still there as far as anybody saw."""
CLOSED_BY_US: tuple[RequestState, ...] = ("withdrawn", "expired", "superseded")
"""Over without a decision, so that Postern closes the merge request."""
ISOLATION = ("default deny",)
"""What stands for the destinations of a request that denies a namespace by default."""
Verb = Literal["approve", "reject", "hold", "resume", "changes", "veto", "break-glass"]
"""What is recorded of a request. `resume` takes a hold back, `changes` gives it back to its asker, `veto` ends it past
every approval, and `break-glass` is an approval past the policy, where the policy lets it."""


@dataclass(frozen=True, slots=True)
class Decided:
    """One recorded decision on a request. `there` is the person's name in the forge where it was given there."""

    verb: Verb
    by: str
    digest: str
    reason: str = ""
    at: str = ""
    there: str = ""


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a request was drawn from and what came of it: enough to draw it anew and to see whether that differs.

    `asked` is the ask as JSON, `need` the key of the need alone, `effect` a digest over what the change does on
    whatever base, `diff` what was shown.
    """

    asked: str
    need: str
    effect: str
    diff: str


@dataclass(frozen=True, slots=True)
class Weighed:
    """What was found of a change when it was drawn, for whoever decides: its risk with a reason for each point, what it
    opens or closes beyond the need, every permission that is new in words, and the people whom CODEOWNERS names.

    `targets` are the far ends of what is opened as grants say them, `fields` the fields that each changed file's change
    touches (`spec.network.allow`), `names` the names that a policy may call the workload by."""

    band: str
    platform: str
    reasons: tuple[Finding, ...] = ()
    beyond: tuple[Finding, ...] = ()
    opens: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DiagramTask:
    """That a diagram must be brought up to date by hand; once it is, `by` and `at` say who said so and when."""

    open: bool
    by: str = ""
    at: str = ""


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """What an approver wants to know of the asker before they decide. It is no decision and holds nobody up. Its
    answer stays with it, for whoever decides."""

    by: str
    text: str
    at: str
    answer: str = ""
    answered_at: str = ""


@dataclass(frozen=True, slots=True)
class Review:
    """That somebody else looks at what was let through by breaking the glass; open until `by` did."""

    broke: str
    reason: str
    at: str
    by: str = ""
    said: str = ""


@dataclass(frozen=True, slots=True)
class LeftTo:
    """Who merges what is approved instead of Postern: these people, as the `group` that the policy names if any."""

    people: tuple[str, ...]
    group: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """Something that was opened beside the merge request: the `diagram` elsewhere, or the help desk's `ticket`."""

    what: str
    url: str


@dataclass(frozen=True, slots=True)
class Request:
    """A request as its row says. Times are ISO 8601 in UTC. `paths` are the files that it changes.

    `decisions` are those that stand. `pushed` is the commit that somebody else has put on the branch since `commit`,
    `threads` are those in which watchers asked for the same, `latest` the last thing that its own thread was told.
    `approved_there` are the forge's own names of those who approved exactly `commit` in the forge.
    `ends` is the request whose permission this one takes away because its last day is near, `renews` the one whose last
    day it moves.
    """

    key: str
    state: RequestState
    version: int
    workload: str
    destinations: tuple[str, ...]
    digest: str
    base: str
    branch: str
    asked_by: str
    reason: str
    until: str | None
    since: str
    paths: tuple[str, ...]
    environment: str | None = None
    commit: str | None = None
    number: int | None = None
    url: str | None = None
    thread: str = ""
    remove: bool = False
    watchers: tuple[str, ...] = ()
    waits_for: tuple[str, ...] = ()
    decisions: tuple[Decided, ...] = ()
    drawn: Drawn | None = None
    diagram: DiagramTask | None = None
    links: tuple[Link, ...] = ()
    pushed: str | None = None
    threads: tuple[str, ...] = ()
    latest: Finding | None = None
    ends: str | None = None
    renews: str | None = None
    weighed: Weighed | None = None
    approved_there: tuple[str, ...] = ()
    question: OpenQuestion | None = None
    review: Review | None = None
    left_to: LeftTo | None = None

    @property
    def environments(self) -> tuple[str, ...]:
        """Each that it names; nothing where it names none."""
        return tuple(filter(None, (self.environment or "").split(",")))

    @property
    def is_left_to_others(self) -> bool:
        """Whether it is approved and somebody merges it in the forge."""
        return self.state == "decided" and self.left_to is not None

    def is_for(self, workload: Workload) -> bool:
        """Whether it asks for this workload: in its environment, where the request names several."""
        name, _, environments = self.workload.removesuffix(")").partition(" (")
        return name == workload.name and (workload.environment or "") in environments.split(", ")


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """A new row, or the same row drawn anew on another base (`replaces` is the digest it had)."""

    request: Request
    edits: tuple[Edit, ...]
    replaces: str | None = None


@dataclass(frozen=True, slots=True)
class WatchRequest:
    """Somebody else asked for the same; `thread` is where they did."""

    key: str
    watcher: str
    thread: str = ""


@dataclass(frozen=True, slots=True)
class MoveRequest:
    """Compare-and-set of a request's state; `decision` is recorded with it, and with the one that completes them who
    merges."""

    key: str
    version: int
    to: RequestState
    decision: Decided | None = None
    left_to: LeftTo | None = None


@dataclass(frozen=True, slots=True)
class ApproveDrawn:
    """An approval beside the one that moves the row: of what is drawn in the same answer, so that no row has its digest
    yet, or of the commit `head`."""

    key: str
    decided: Decided
    left_to: LeftTo | None = None
    head: str | None = None


@dataclass(frozen=True, slots=True)
class AskAsker:
    """A question that is put to the asker, or the same with its answer."""

    key: str
    question: OpenQuestion


@dataclass(frozen=True, slots=True)
class KeepReview:
    """The review that a broken glass leaves open, and what came of it."""

    key: str
    review: Review


@dataclass(frozen=True, slots=True)
class TickDiagram:
    """Somebody brought the diagram up to date. The version stays: what was shown to an approver still stands."""

    key: str
    by: str
    at: str


@dataclass(frozen=True, slots=True)
class Extend:
    """The last day of a request that stands, moved by whoever asked for it. Compare-and-set, as MoveRequest."""

    key: str
    version: int
    to: RequestState
    until: str


@dataclass(frozen=True, slots=True)
class Tell:
    """People hear something of a request, once: `mark` tells it apart. `to` are those who hear it by themselves, beside
    the thread of the request."""

    key: str
    mark: str
    finding: Finding
    to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KeepAnswers:
    """What was answered about an app with a request, for the app's next ask: answers by question."""

    key: str
    app: str
    answers: Mapping[str, str]


Record = (
    OpenRequest
    | WatchRequest
    | MoveRequest
    | ApproveDrawn
    | AskAsker
    | KeepReview
    | KeepAnswers
    | TickDiagram
    | Extend
    | Tell
)
