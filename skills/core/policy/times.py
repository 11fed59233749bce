"""Moments, weeks and time zones as a policy writes them, and whether a window is open now.

Whatever is not clear counts as frozen: an unknown zone, a clock without one, an hour that a change of clocks repeats.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import re2

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MOMENT = re2.compile(r"2\d{3}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2})?")
_WEEK = re2.compile(r"(mon|tue|wed|thu|fri|sat|sun) (\d{2}):(\d{2}) ?- ?(mon|tue|wed|thu|fri|sat|sun) (\d{2}):(\d{2})")
_OFFSET = re2.compile(r"([+-])(\d{2}):(\d{2})")
_WEEK_LONG = timedelta(days=7)
# Clocks on earth differ from UTC by -12 to +14 hours.
_FIRST, _LAST = timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))


def read_moment(written: str) -> str:
    """A day or a minute in ISO 8601, without a zone: that stands beside it."""
    try:
        if _MOMENT.fullmatch(written):
            datetime.fromisoformat(written)
            return written.replace(" ", "T")
    except ValueError:
        pass
    raise ValueError(f"`{written[:40]}` is no day as 2026-12-20 and no minute as 2026-12-20T16:00")


def read_week(written: str) -> str:
    match = _WEEK.fullmatch(written)
    if match is None or any(int(match[n]) > 23 for n in (2, 5)) or any(int(match[n]) > 59 for n in (3, 6)):
        raise ValueError(f"`{written[:40]}` is no time of the week as `fri 16:00 - mon 06:00`")
    return written


def zone_of(name: str | None) -> tuple[tzinfo, tzinfo] | None:
    """The zones in which a window begins and ends; None where nobody knows the name."""
    if name is None:
        return _FIRST, _LAST
    if match := _OFFSET.fullmatch(name):
        hours, minutes = int(match[2]), int(match[3])
        if hours > 14 or minutes > 59:
            return None
        shift = timedelta(hours=hours, minutes=minutes)
        fixed = timezone(-shift if match[1] == "-" else shift)
        return fixed, fixed
    try:
        found = ZoneInfo(name)
    except (ValueError, OSError, LookupError):  # unknown, no name of a zone, or no data of zones on this machine
        return None
    return found, found


def is_within(from_: str | None, until: str | None, zone: str | None, now: datetime) -> bool:
    """Whether `now` lies between two moments; a day as `until` is over when it ends. Unclear is True."""
    zones = zone_of(zone)
    if zones is None or now.tzinfo is None:
        return True
    begins = _earliest(datetime.fromisoformat(from_), zones[0]) if from_ else None
    ends = _latest(datetime.fromisoformat(until) + _rest_of_the_day(until), zones[1]) if until else None
    return (begins is None or begins <= now) and (ends is None or now < ends)


def is_within_week(week: str, zone: str | None, now: datetime) -> bool:
    """Whether `now` lies in a window of every week, from one time of it to another. Unclear is True."""
    zones = zone_of(zone)
    match = _WEEK.fullmatch(week)
    if zones is None or match is None or now.tzinfo is None:
        return True
    local = now.astimezone(zones[0]).replace(tzinfo=None)
    monday = datetime(local.year, local.month, local.day) - timedelta(days=local.weekday())
    for start in (monday - _WEEK_LONG, monday, monday + _WEEK_LONG):
        begins = start + _into_the_week(match[1], match[2], match[3])
        ends = start + _into_the_week(match[4], match[5], match[6])
        if ends <= begins:
            ends += _WEEK_LONG
        if _earliest(begins, zones[0]) <= now < _latest(ends, zones[1]):
            return True
    return False


def _into_the_week(day: str, hour: str, minute: str) -> timedelta:
    return timedelta(days=DAYS.index(day), hours=int(hour), minutes=int(minute))


def _rest_of_the_day(written: str) -> timedelta:
    return timedelta() if "T" in written else timedelta(days=1)


def _earliest(local: datetime, zone: tzinfo) -> datetime:
    """An hour that is there twice, or not at all, begins with whichever comes first."""
    return min(local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))


def _latest(local: datetime, zone: tzinfo) -> datetime:
    return max(local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
