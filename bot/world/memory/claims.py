"""Claims that their holders left behind, told without anybody's clock: a row stood as it is for long enough here."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable
from datetime import datetime
from typing import Protocol, TypeVar


class Claimed(Protocol):
    """A row of a queue as it was read. Whoever claims, renews or settles it changes what is compared here."""

    @property
    def id(self) -> int: ...
    @property
    def attempts(self) -> int: ...
    @property
    def updated_at(self) -> datetime: ...


Row = TypeVar("Row", bound=Claimed)


class Still:
    """What stood as it is for `seconds` of this process's own monotonic clock.

    A process that did not look for a while (it was stopped, or had no database) begins anew: what it watches may have
    been stopped with it.
    """

    def __init__(self, seconds: float, ticks: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._ticks = ticks
        self._since: dict[Hashable, float] = {}
        self._looked = ticks()

    def stood(self, marks: Iterable[Hashable]) -> set[Hashable]:
        """Those of these marks that were there long enough; a mark that is new or was away begins now."""
        now = self._ticks()
        if now - self._looked > self._seconds / 2:
            self._since.clear()
        self._looked = now
        self._since = {mark: self._since.get(mark, now) for mark in marks}
        return {mark for mark, since in self._since.items() if now - since >= self._seconds}


class Claims:
    """`seconds` are how long a claim is honoured that nothing is heard of."""

    def __init__(self, seconds: float, ticks: Callable[[], float] = time.monotonic) -> None:
        self._still = Still(seconds, ticks)

    def left(self, claimed: Iterable[Row]) -> list[Row]:
        """Those of all claims that are under way that may be taken over now."""
        rows = {(row.id, row.attempts, row.updated_at): row for row in claimed}
        stood = self._still.stood(rows)
        return [row for mark, row in rows.items() if mark in stood]
