"""A finding is a code and named facts; its sentence stands in templates/messages.yaml."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from skills.core.model.places import Place

T = TypeVar("T")
Fact = str | int | float | bool | None
_NO_FACTS: Mapping[str, Fact] = {}


class Evidence(NamedTuple):
    """What a finding stands on: words of the report (`quote`) or a place in the repository."""

    quote: str = ""
    place: Place | None = None


class Finding(NamedTuple):
    """`code` is a code of the catalogue; `facts` fill the holes of its sentences."""

    code: str
    facts: Mapping[str, Fact] = _NO_FACTS
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """One thing that only a person can say. `choices` may be empty (free text).

    `costs` holds one code a choice where each has its price; the question's facts fill their sentences.
    """

    id: str
    code: str
    facts: Mapping[str, Fact] = field(default_factory=dict)
    choices: tuple[str, ...] = ()
    costs: tuple[str, ...] = ()


def finding(code: str, *places: Place, quote: str = "", **facts: Fact) -> Finding:
    """Shorthand: a finding with places, an optional quote of the report, and facts."""
    evidence = tuple([Evidence("", place) for place in places])
    if quote:
        evidence = (Evidence(quote=quote), *evidence)
    return Finding(code, facts, evidence)


def unique(items: Iterable[T], most: int | None = None) -> tuple[T, ...]:
    """Each once, where it stood first, the first `most` of them. Facts are mappings, so what holds findings compares
    but does not hash."""
    kept: list[T] = []
    for item in items:
        if item not in kept:
            kept.append(item)
            if len(kept) == most:
                break
    return tuple(kept)


def few(names: Sequence[str], most: int) -> str:
    """Names as one fact: the first of them, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
