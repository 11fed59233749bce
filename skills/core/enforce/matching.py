"""Three-valued matching: what the repository does not say is unknown, never a guess."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum


class Match(IntEnum):
    """Ordered so that `min` is AND and `max` is OR."""

    NO = 0
    UNKNOWN = 1
    YES = 2


def all_of(matches: Iterable[Match]) -> Match:
    return min(matches, default=Match.YES)


def any_of(matches: Iterable[Match]) -> Match:
    return max(matches, default=Match.NO)


def sure(truth: bool) -> Match:
    return Match.YES if truth else Match.NO


OPEN = "«release of "
"""In a text of which a part is not known, because nothing names the release: `«release of charts/shop»-web`."""


def same(one: str | None, other: str) -> Match:
    """Whether two texts are alike. What is written alike is alike; a text with an unknown part could be any other."""
    if one == other:
        return Match.YES
    return Match.UNKNOWN if one is not None and (OPEN in one or OPEN in other) else Match.NO
