"""People, as the world knows them. Who may do what stands in skills/core/rights.py."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Person:
    """`id` is what rights are compared by (an e-mail address or the forge's user name)."""

    id: str
    name: str = ""

    @property
    def shown(self) -> str:
        return self.name or self.id

    def is_same(self, other: str) -> bool:
        return self.id.strip().casefold() == other.strip().casefold()
