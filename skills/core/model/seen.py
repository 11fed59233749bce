"""What a forge shows of a merge request, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Job:
    """A job that failed. `log` is the end of what it wrote, as it wrote it; empty where that can't be read."""

    id: int
    name: str
    stage: str
    url: str
    log: str = ""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The pipeline of a merge request's head. `state` is the forge's own word; `at` says when it last changed."""

    id: int
    state: str
    url: str
    at: str = ""


@dataclass(frozen=True, slots=True)
class Remark:
    """What a person wrote at a merge request; never our own words, nor what only some may read."""

    id: int
    by: str
    text: str


@dataclass(frozen=True, slots=True)
class Deployed:
    """What the forge shows of a merged commit's way into the clusters. `what` names it, as `deployment to production`.

    `deploys`: it is a deployment or the word of a controller in the cluster; a pipeline alone says less.
    """

    what: str
    state: Literal["success", "failed", "running"]
    url: str = ""
    deploys: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """A merge request now. `at` says when it last changed, in the forge's own time.

    `by` closed or merged it (None: not told), `own` that this was Postern's own user. `approvals` are the forge's own
    (None: it does not say). `branch` says whether the source branch is still there. `commands` are what a person must
    run to have a merge in their own copy. `labelled` says who put a label on last, as far as that was looked up: an
    empty name is Postern's own user.
    """

    number: int
    url: str
    state: Literal["opened", "merged", "closed"]
    head: str
    at: str = ""
    by: str | None = None
    own: bool = False
    merged_commit: str | None = None
    labels: tuple[str, ...] = ()
    approvals: tuple[str, ...] | None = None
    pipeline: Pipeline | None = None
    remarks: tuple[Remark, ...] = ()
    branch: bool = True
    commands: tuple[str, ...] = ()
    labelled: Mapping[str, str] = field(default_factory=dict)
