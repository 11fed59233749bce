"""Who is who, and who may do more than approve: sections of the policy that name single people and their groups."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, StrictStr, StringConstraints
from pydantic.dataclasses import dataclass

_CLOSED = ConfigDict(extra="forbid")
_Name = Annotated[StrictStr, StringConstraints(strip_whitespace=True, min_length=1, pattern=r"\S")]


@dataclass(frozen=True, slots=True, config=_CLOSED)
class Known:
    """Other names of one person: their user name at GitLab, their address, and whatever else rows call them."""

    gitlab: _Name | None = None
    email: _Name | None = None
    also: tuple[_Name, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name in (self.gitlab, self.email, *self.also) if name)


def _group_path(written: str) -> str:
    path = written.strip("/")
    plain = all(
        part and part not in {".", ".."} and all(sign.isalnum() or sign in "._-" for sign in part)
        for part in path.split("/")
    )
    if not plain:
        raise ValueError(f"`{written[:60]}` is no path of a group at GitLab, as `company/security`")
    return path


@dataclass(frozen=True, slots=True, config=_CLOSED)
class InGitLab:
    """A group of the forge, by its full path: who is in it is looked up whenever that is asked."""

    gitlab: Annotated[_Name, AfterValidator(_group_path)]


@dataclass(frozen=True, slots=True, config=_CLOSED)
class BreakGlass:
    """Who may approve alone in an emergency, and for which environments (none named: for all)."""

    groups: Annotated[tuple[_Name, ...], Field(min_length=1)]
    environments: tuple[_Name, ...] = ()


@dataclass(frozen=True, slots=True, config=_CLOSED)
class HandOff:
    """The group that merges what is approved."""

    hand_off: _Name


Merge = Literal["bot", "approver"] | HandOff
"""Who merges what is approved: Postern, whoever gave the last approval that was needed, or a group."""


def heads(names: Iterable[str]) -> set[str]:
    """These names, as many as there may be people: a user of Slack has one id in all workspaces of an organisation."""
    return {f"slack:*:{name.rpartition(':')[2]}" if name.startswith("slack:") else name for name in names}


def aliases(people: Mapping[str, Known]) -> dict[str, str]:
    """For each name of each person, in lower case, the one that rows carry: that of their entry."""
    return {name.strip().casefold(): key for key, known in people.items() for name in (key, *known.names)}


def claimed_twice(people: Mapping[str, Known]) -> Iterator[tuple[str, str]]:
    """Entries that claim a name which another one has too, with that name: nobody can tell whose it is."""
    seen: dict[str, str] = {}
    for key, known in people.items():
        for name in dict.fromkeys(each.strip().casefold() for each in (key, *known.names)):
            if seen.setdefault(name, key) != key:
                yield key, name
