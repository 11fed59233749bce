"""How long requests wait: working time between two moments, and what is usual in a repository."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from statistics import median

from skills.core.model import OPEN_STATES, Request

SATURDAY = 5
_FEWEST_WAITS = 5
_HOURS_IN_WORDS = 48
_DAY = timedelta(days=1)


def usual_wait(requests: Iterable[Request]) -> timedelta | None:
    """The median from asking to the last decision, of requests that were decided; None where they are too few."""
    waits = []
    for request in requests:
        ends = [past.at for past in request.decisions if past.verb in ("approve", "reject") and past.at]
        if ends and request.state not in OPEN_STATES:
            wait = max(map(datetime.fromisoformat, ends)) - datetime.fromisoformat(request.since)
            waits.append(wait.total_seconds())
    return timedelta(seconds=median(waits)) if len(waits) >= _FEWEST_WAITS else None


def in_words(wait: timedelta) -> str:
    """A length as people say it."""
    hours = wait / timedelta(hours=1)
    if hours < 1:
        return "an hour"
    return f"{round(hours)} hours" if hours < _HOURS_IN_WORDS else f"{round(hours / 24)} days"


def working_days(start: datetime, end: datetime) -> float:
    """How much of Monday to Friday (UTC) lies between, in days; 0 where `end` is not after `start`."""
    whole, days = 0.0, min((end - start) // _DAY + 1, 400) if end > start else 0
    for number in range(days):
        piece = min(end - (start + number * _DAY), _DAY)
        midnight = (start + number * _DAY).replace(hour=0, minute=0, second=0, microsecond=0) + _DAY
        first = min(midnight - (start + number * _DAY), piece)
        whole += first / _DAY if (start + number * _DAY).weekday() < SATURDAY else 0.0
        whole += (piece - first) / _DAY if midnight.weekday() < SATURDAY else 0.0
    return whole
