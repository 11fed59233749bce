"""The sections of `egress-policy.yaml` as values. The reader checks a file against these, and so does its JSON Schema.

Shapes say what a section looks like. What one section says of another (a group that is not declared) is the reader's.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    StringConstraints,
    model_validator,
)
from pydantic.dataclasses import dataclass

from skills.core import hosts
from skills.core.errors import AskUnclear
from skills.core.policy.beside import CLOSED, Days, DiagramSetting, HelpDesk, Name, Platform, Some, Timers
from skills.core.policy.people import BreakGlass, InGitLab, Known, Merge
from skills.core.policy.times import read_moment, read_week

Level = Literal["answer", "draft", "propose", "decide"]
LEVELS: tuple[Level, ...] = ("answer", "draft", "propose", "decide")
"""What Postern does for a team, each with all that stands before it."""
Model = Literal["full", "strict", "none"]
MODELS: tuple[Model, ...] = ("full", "strict", "none")
"""What a language model may be sent: what stands there with secrets masked, its structure without names, or nothing."""
Band = Literal["low", "medium", "high"]
BANDS: tuple[Band, ...] = ("low", "medium", "high")
Names = tuple[Name, ...]
Count = Annotated[StrictInt, Field(ge=1, le=20)]


def _far_end(written: str) -> str:
    """A host, a wildcard (`*.` and a host) or a CIDR in its one spelling; the right one is named when it differs."""
    try:
        if "/" in written or hosts.is_address(written):
            return str(ipaddress.ip_network(written.strip("[]")))
        name = hosts.normalise(written.removeprefix("*."))
    except (AskUnclear, ValueError):
        raise ValueError(f"`{written[:60]}` is no host, no wildcard as *.example.com and no CIDR") from None
    right = f"*.{name}" if written.startswith("*.") else name
    if right != written:
        raise ValueError(f"write `{right}` instead of `{written[:60]}`")
    return right


FarEnd = Annotated[Name, AfterValidator(_far_end)]


@dataclass(frozen=True, slots=True, config=CLOSED)
class ByRisk:
    """How many approvals a change of each band of risk needs; more risk never needs fewer."""

    low: Count = 1
    medium: Count | None = None
    high: Count | None = None

    @model_validator(mode="after")
    def _rises(self) -> ByRisk:
        if not self.of("low") <= self.of("medium") <= self.of("high"):
            raise ValueError("more risk can't need fewer approvals")
        return self

    def of(self, band: Band) -> int:
        medium = self.medium or self.low
        return {"low": self.low, "medium": medium, "high": self.high or medium}[band]


@dataclass(frozen=True, slots=True, config=CLOSED)
class ApprovalRule:
    """Files that match one of `paths` need `needed` approvals of people in `groups`.

    `environments` and `fields` narrow the entry: to changes for one of these environments, to changes that touch one of
    these fields (`spec.network.allow`, globs with dots as folders). `ask` are those of the groups, by group or by name,
    who are asked; the others merely may.
    """

    paths: Some
    groups: Some
    needed: Count | ByRisk = 1
    environments: Names = ()
    fields: Names = ()
    ask: Names = ()

    def count(self, band: Band = "high") -> int:
        return self.needed.of(band) if isinstance(self.needed, ByRisk) else self.needed


@dataclass(frozen=True, slots=True, config=CLOSED)
class Team:
    """Whose workloads these are (globs, as in `diagrams`), in which environments (none named: in all), where the team
    talks (`slack:T0123:C0456`), what Postern does for it, and what of it a language model may be sent."""

    workloads: Some
    environments: Names = ()
    channels: Names = ()
    level: Level | None = None
    model: Model | None = None


@dataclass(frozen=True, slots=True, config=CLOSED)
class Shift:
    """Who of a group is asked first, from one day to another (both inclusive; left out: always)."""

    people: Some
    from_: Annotated[Name, AfterValidator(read_moment)] | None = Field(default=None, alias="from")
    until: Annotated[Name, AfterValidator(read_moment)] | None = None


@dataclass(frozen=True, slots=True, config=CLOSED)
class Freeze:
    """A time in which nothing is approved: from a moment until another, or every week (`fri 16:00 - mon 06:00`).

    `zone` is the name of a time zone or an offset (`+01:00`). Without it the window is as wide as the earth is round.
    """

    why: Name = "a freeze"
    from_: Annotated[Name, AfterValidator(read_moment)] | None = Field(default=None, alias="from")
    until: Annotated[Name, AfterValidator(read_moment)] | None = None
    weekly: Annotated[Name, AfterValidator(read_week)] | None = None
    zone: Name | None = None
    environments: Names = ()

    @model_validator(mode="after")
    def _is_a_window(self) -> Freeze:
        if (self.weekly is None) == (self.from_ is None and self.until is None):
            raise ValueError("a freeze has either `weekly`, or `from` and `until`")
        if self.from_ and self.until and self.until[: len(self.from_)] < self.from_[: len(self.until)]:
            raise ValueError("`until` must not be before `from`")
        return self


@dataclass(frozen=True, slots=True, config=CLOSED)
class Denied:
    """A host, a wildcard or a CIDR that nobody opens, whoever approves it."""

    to: FarEnd
    why: Name | None = None


@dataclass(frozen=True, slots=True, config=CLOSED)
class OwnQuestion:
    """A question of the policy's own. Without `choices` any text answers it."""

    id: Annotated[Name, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
    asks: Name
    choices: Names = ()


@dataclass(frozen=True, slots=True, config=CLOSED)
class Asking:
    """What is asked of whoever asks for one of these destinations; what is left out does not narrow the entry."""

    ask: Annotated[tuple[Name | OwnQuestion, ...], Field(min_length=1)]
    to: tuple[FarEnd, ...] = ()
    platforms: tuple[Platform, ...] = ()
    environments: Names = ()
    workloads: Names = ()


def _port(written: str | int) -> str | int:
    first, dash, last = str(written).partition("-")
    if not (first.isdecimal() and (last.isdecimal() or not dash) and 0 < int(first) <= int(last or first) <= 65535):
        raise ValueError(f"`{str(written)[:20]}` is no port and no range as 8000-8100")
    return written


@dataclass(frozen=True, slots=True, config=CLOSED)
class Widths:
    """How wide an ask may be. `wildcard_labels`: so many names behind `*.` at least; `ipv4`, `ipv6`: the shortest
    prefix; `range`: the most ports in one range."""

    wildcards: StrictBool = True
    wildcard_labels: Annotated[StrictInt, Field(ge=1, le=10)] = 1
    ipv4: Annotated[StrictInt, Field(ge=0, le=32)] = 0
    ipv6: Annotated[StrictInt, Field(ge=0, le=128)] = 0
    ports: tuple[Annotated[StrictInt | Name, AfterValidator(_port)], ...] = ()
    range: Annotated[StrictInt, Field(ge=1, le=65535)] = 65535


@dataclass(frozen=True, slots=True, config=CLOSED)
class Lifetime:
    """The most days that something may be opened for; without a last day nothing is opened then."""

    days: Days
    environments: Names = ()


def _no_bool(written: Any) -> Any:
    """True equals 1 in Python and not in JSON."""
    if isinstance(written, bool):
        raise ValueError("`version` must be 1")
    return written


@dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid", title="egress-policy.yaml"))
class PolicyFile:
    """Who may open what, of whom Postern asks approvals, and what it never opens. Every section may be left out."""

    version: Annotated[Literal[1] | None, BeforeValidator(_no_bool)] = 1
    effects: StrictBool | None = None
    level: Level | None = None
    model: Model | None = None
    groups: Mapping[str, Names | InGitLab | None] | None = None
    teams: Mapping[str, Team] | None = None
    approval: tuple[ApprovalRule, ...] | None = None
    delegates: Mapping[str, Names | None] | None = None
    people: Mapping[Name, Known] | None = None
    veto: Names | None = None
    break_glass: BreakGlass | None = None
    merge: Merge | None = None
    bot_approves: StrictBool | None = None
    on_call: Mapping[str, tuple[Shift, ...]] | None = None
    freeze: tuple[Freeze, ...] | None = None
    deny: tuple[FarEnd | Denied, ...] | None = None
    inside: tuple[FarEnd, ...] | None = None
    questions: tuple[Asking, ...] | None = None
    widths: Widths | None = None
    lifetime: Lifetime | None = None
    production_after: Name | None = None
    production: Names | None = None
    diagrams: tuple[DiagramSetting, ...] | None = None
    help_desk: HelpDesk | None = None
    timers: Timers | None = None
    uds_core: StrictStr | StrictInt | StrictFloat | None = None


def faults_of(error: Any) -> list[tuple[tuple[Any, ...], str, str]]:
    """Of a pydantic error: where it is, its kind, and the words of our own checks."""
    return [
        (tuple(each["loc"]), str(each["type"]), str(each.get("ctx", {}).get("error", ""))) for each in error.errors()
    ]
