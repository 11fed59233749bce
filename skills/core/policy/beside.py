"""What a policy says of things beside approval: diagrams, the help desk, and how long anything may take."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, ConfigDict, Field, StrictInt, StrictStr, StringConstraints, model_validator
from pydantic.dataclasses import dataclass

Platform = Literal["cilium", "cloud_foundry", "infrastream", "istio", "network_policy", "uds"]
PLATFORMS: tuple[Platform, ...] = ("cilium", "cloud_foundry", "infrastream", "istio", "network_policy", "uds")
"""The dialects' names, as a policy writes them."""
_GROUP_AND_PROJECT = 2
_WORKING_WEEK = 5
_MOST_DAYS = 3650
CLOSED = ConfigDict(extra="forbid")

Name = Annotated[StrictStr, StringConstraints(strip_whitespace=True, min_length=1, pattern=r"\S")]
Some = Annotated[tuple[Name, ...], Field(min_length=1)]
Days = Annotated[StrictInt, Field(ge=1, le=_MOST_DAYS)]


def _diagram_path(path: str) -> str:
    if not path.casefold().endswith((".md", ".markdown")) or not path.isprintable() or "\\" in path:
        raise ValueError(f"`{path[:60]}` is no Markdown file, whose name ends in .md")
    if {"", ".", "..", ".git"} & {part.casefold() for part in path.split("/")}:
        raise ValueError(f"`{path[:60]}` must be a path inside the repository, without . and ..")
    return path


def _repository(written: str) -> str:
    where = urlsplit(written)
    plain = where.scheme == "https" and where.hostname and "@" not in where.netloc
    if "://" in written and (not plain or where.query or where.fragment):
        raise ValueError("`repository` must be a plain https address without a user name, or a path")
    return written


@dataclass(frozen=True, slots=True, config=CLOSED)
class DiagramSetting:
    """Where a team keeps its architecture diagram: the Markdown file `path`, in `repository` (None: in this one).

    `workloads` are globs over names as `namespace/name`, `org/unit/project` or `org/space`.
    """

    workloads: Some
    path: Annotated[Name, AfterValidator(_diagram_path)]
    repository: Annotated[Name, AfterValidator(_repository)] | None = None


def _project(written: str) -> str:
    parts = written.strip("/").split("/")
    plain = all(part not in {"", ".", ".."} and all(sign.isalnum() or sign in "._-" for sign in part) for part in parts)
    if len(parts) < _GROUP_AND_PROJECT or not plain:
        raise ValueError("`project` must be the path of a project, as `group/help-desk`")
    return "/".join(parts)


def _label(written: str) -> str:
    if "," in written:
        raise ValueError("a label has no comma in it")
    return written


@dataclass(frozen=True, slots=True, config=CLOSED)
class HelpDesk:
    """The project in which a platform wants a ticket for each request, and the labels that it puts on them."""

    project: Annotated[Name, AfterValidator(_project)]
    platforms: Annotated[tuple[Platform, ...], Field(min_length=1)]
    labels: tuple[Annotated[Name, AfterValidator(_label)], ...] = ()


@dataclass(frozen=True, slots=True, config=CLOSED)
class Timers:
    """How long things may take, in days; `escalate_days` are working days. All may be set under `timers`.

    `request_days`: open without a decision before it is closed, `warn_days` of them after that was announced;
    `settle_days`: without a word after the merge until it counts as in force; `notice_days`: before a last day.
    """

    reminders: Annotated[StrictInt, Field(ge=0, le=_MOST_DAYS)] = 4
    escalate_days: Days = 5
    request_days: Days = 30
    warn_days: Days = 7
    settle_days: Days = 7
    notice_days: Days = 14

    @model_validator(mode="after")
    def _warns_in_time(self) -> Timers:
        if self.warn_days >= self.request_days:
            raise ValueError("`warn_days` must be less than `request_days`")
        return self

    def gap(self, number: int) -> int:
        """Working days before the reminder of that number, counted from 1: after a day, after three, then weekly."""
        return (1, 3)[number - 1] if number <= 2 else _WORKING_WEEK
