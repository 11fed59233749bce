"""When it happened: times with a date, as logs write them (ISO 8601, with a slash, Apache's)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from skills.core.patterns import compiled
from skills.core.report.facts import Moment

_HEAD, _TAIL = 4000, 1000  # characters
_STAMP = compiled(
    r"\b(?:(20\d\d)[-/](\d\d)[-/](\d\d)|(\d\d)/(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)/(20\d\d))"
    r"[T :](\d\d):(\d\d):(\d\d)(?:[.,]\d{1,9})?(?: ?(Z\b|UTC|GMT|[+-]\d\d:?\d\d))?"
)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def latest(text: str) -> Moment | None:
    """The last time near the end, else near the beginning: logs run forward, and a trace carries its time at its head.

    A time of day without its date is none; neither is a date that does not exist.
    """
    for part in (text[-_TAIL:], text[:_HEAD]):
        found = list(_STAMP.finditer(part))
        if found:
            return _moment(found[-1])
    return None


def _moment(match: Any) -> Moment | None:
    year, month, day = match.group(1) or match.group(6), match.group(2), match.group(3) or match.group(4)
    number = int(month) if month else _MONTHS.index(match.group(5)) + 1
    clock = [int(match.group(place)) for place in (7, 8, 9)]
    zone = match.group(10)
    offset = "+00:00" if zone in (None, "Z", "UTC", "GMT") else zone
    written = f"{year}-{number:02}-{day}T{clock[0]:02}:{clock[1]:02}:{clock[2]:02}{offset}"
    try:
        at = datetime.fromisoformat(written).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return Moment(match.group(), at, zone is not None)
