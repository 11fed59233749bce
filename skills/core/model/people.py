"""People, as the world knows them. Who may do what stands in skills/core/rights.py."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Person:
    """`id` is what rights are compared by (an e-mail address or the forge's user name).

    `also` are names under which the same person may stand in rows.
    """

    id: str
    name: str = ""
    also: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        return self.name or self.id

    def is_same(self, other: str) -> bool:
        return other.strip().casefold() in {name.strip().casefold() for name in (self.id, *self.also)}


@dataclass(frozen=True, slots=True)
class Standing:
    """What a chat says of a user at this moment. `email` only where it is confirmed; `external`: of another place;
    `org_id`: what the organisation calls them in all its workspaces."""

    active: bool
    guest: bool = False
    external: bool = False
    bot: bool = False
    email: str = ""
    name: str = ""
    org_id: str = ""


@dataclass(frozen=True, slots=True)
class Membership:
    """What the forge says of a user name at this moment: `known` there at all, `active` and not blocked, and their
    access `level` in the project by whatever group it comes (None: no member)."""

    known: bool
    active: bool = False
    level: int | None = None
