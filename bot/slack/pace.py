"""How fast Slack may be written to: a bucket for each channel, and what it told us to wait for.

One message a second and channel, short bursts above it: https://docs.slack.dev/apis/web-api/rate-limits.
"""

from __future__ import annotations

from collections.abc import Callable

_BURST = 3.0
_PER_SECOND = 1.0
_LONGEST_WAIT = 300.0
_MOST_KNOWN = 5_000


class Pace:
    """`ticks` is a monotonic clock in seconds."""

    def __init__(self, ticks: Callable[[], float]) -> None:
        self._ticks = ticks
        self._left: dict[str, tuple[float, float]] = {}
        self._not_before: dict[str, float] = {}

    def wait(self, *names: str) -> float:
        """Seconds until all of them (a channel, a method) may be used; 0 when they may now."""
        return max(self._pause(name) for name in names)

    def spend(self, channel: str) -> None:
        """One message was sent there."""
        now = self._ticks()
        if len(self._left) > _MOST_KNOWN:
            self._left = {name: each for name, each in self._left.items() if self._tokens(name) < _BURST}
        self._left[channel] = (self._tokens(channel) - 1.0, now)

    def hold(self, name: str, seconds: float) -> None:
        """Slack wants us to wait with this channel or method."""
        self._not_before[name] = self._ticks() + min(seconds, _LONGEST_WAIT)

    def next(self) -> float:
        """Seconds until something that is held may be used; never more than the longest wait."""
        now = self._ticks()
        self._not_before = {name: until for name, until in self._not_before.items() if until > now}
        empty = (self._pause(name) for name in self._left if self._tokens(name) < 1.0)
        return min((*(until - now for until in self._not_before.values()), *empty), default=_LONGEST_WAIT)

    def _tokens(self, name: str) -> float:
        left, since = self._left.get(name, (_BURST, self._ticks()))
        return min(_BURST, left + (self._ticks() - since) * _PER_SECOND)

    def _pause(self, name: str) -> float:
        held = self._not_before.get(name, 0.0) - self._ticks()
        missing = (1.0 - self._tokens(name)) / _PER_SECOND if name in self._left else 0.0
        return max(held, missing, 0.0)
