"""What a turn may cost: steps, tokens, seconds, and a team's tokens and money a day; and a breaker for outages."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, fields, replace

from skills.core.errors import AskUnclear

_TRIES, _PAUSE, _LONGEST_PAUSE = 3, 60.0, 600.0  # failures in a row; seconds
MICRO = 1_000_000


class Spent(Exception):
    """A limit is reached; `limit` is its name."""

    def __init__(self, limit: str) -> None:
        super().__init__(limit)
        self.limit = limit


@dataclass(frozen=True, slots=True)
class Limits:
    """A turn's limits and those of a team and day; prices are money per million tokens, read and written."""

    steps: float = 6
    seconds: float = 30
    tokens: float = 20_000
    team_tokens: float = 500_000
    team_money: float = 5
    read: float = 0
    written: float = 0

    @classmethod
    def of(cls, budget: str, prices: str | None) -> Limits:
        """From the settings: `steps=6 seconds=30 ...` and `2.50/10`. Raises AskUnclear EGR1710."""
        names = {each.name for each in fields(cls)} - {"read", "written"}
        given = dict(word.partition("=")[::2] for word in budget.replace("-", "_").replace(",", " ").split())
        if unknown := sorted(set(given) - names):
            raise AskUnclear("EGR1710", written=unknown[0])
        found = replace(cls(), **{name: _number(value) for name, value in given.items()})
        if not prices:
            return found
        read, _, written = prices.partition("/")
        return replace(found, read=_number(read), written=_number(written or read))

    def money(self, read: int, written: int) -> int:
        """Of one call, in millionths."""
        return round(read * self.read + written * self.written)


def _number(written: str) -> float:
    try:
        value = float(written)
    except ValueError:
        raise AskUnclear("EGR1710", written=written[:40]) from None
    if not 0 <= value < 1e12:
        raise AskUnclear("EGR1710", written=written[:40])
    return value


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a model, as it is kept. `money` is in millionths; `outcome` is ok, or the class of the failure."""

    team: str
    thread: str
    model: str
    prompt: str
    purpose: str
    read: int
    written: int
    money: int
    milliseconds: int
    outcome: str

    def row(self) -> dict[str, str | int]:
        return {each.name: getattr(self, each.name) for each in fields(self)}


class Meter:
    """Counts one turn. `today` gives tokens and money (in millionths) that the team has used since midnight."""

    def __init__(
        self,
        limits: Limits,
        clock: Callable[[], float],
        today: Callable[[], tuple[int, int]],
        breaker: Breaker,
        stopped: Callable[[], bool],
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._today = today
        self._breaker = breaker
        self._stopped = stopped
        self._until = clock() + limits.seconds
        self.steps = self.tokens = 0

    @property
    def left(self) -> float:
        """Seconds; none for whoever wants no more."""
        return 0 if self._stopped() else self._until - self._clock()

    def before(self) -> None:
        """Raises Spent when one more call would go beyond a limit, or while the provider is left alone."""
        limits = self._limits
        if not self._breaker.closed():
            raise Spent("breaker")
        if self.steps >= limits.steps:
            raise Spent("steps")
        if self.tokens >= limits.tokens:
            raise Spent("tokens")
        if self.left <= 0:
            raise Spent("seconds")
        tokens, money = self._today()
        if tokens >= limits.team_tokens:
            raise Spent("team_tokens")
        if money >= limits.team_money * MICRO:
            raise Spent("team_money")
        self.steps += 1

    def after(self, tokens: int, *, well: bool) -> None:
        self.tokens += tokens
        self._breaker.heard(well=well)


class Breaker:
    """Leaves a provider alone for a while after failures in a row; then one call may try."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._until = 0.0

    def closed(self) -> bool:
        with self._lock:
            if self._failures < _TRIES:
                return True
            if self._clock() < self._until:
                return False
            self._until = self._clock() + _PAUSE  # the one that tries; the others go on waiting
            return True

    def heard(self, *, well: bool) -> None:
        with self._lock:
            self._failures = 0 if well else self._failures + 1
            if self._failures >= _TRIES:
                pause = min(_LONGEST_PAUSE, _PAUSE * 2 ** (self._failures - _TRIES))
                self._until = self._clock() + pause
