"""Claims that their holders left behind, told without anybody's clock: a row stood as it is for long enough here."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
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


class Claims:
    """`seconds` of this process's own monotonic clock are how long a claim is honoured that nothing is heard of.

    A process that did not look for a while (it was stopped, or had no database) begins anew: holders may have been
    stopped with it.
    """

    def __init__(self, seconds: float, ticks: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._ticks = ticks
        self._since: dict[tuple[int, int, datetime], float] = {}
        self._looked = ticks()

    def left(self, claimed: Iterable[Row]) -> list[Row]:
        """Those of all claims that are under way that may be taken over now."""
        now = self._ticks()
        if now - self._looked > self._seconds / 2:
            self._since.clear()
        self._looked = now
        rows = {(row.id, row.attempts, row.updated_at): row for row in claimed}
        self._since = {seen: self._since.get(seen, now) for seen in rows}
        return [row for seen, row in rows.items() if now - self._since[seen] >= self._seconds]
