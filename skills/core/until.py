"""Last days, as people say and type them."""

from __future__ import annotations

import calendar
from datetime import date, timedelta

import re2

from skills.core.errors import AskUnclear

_NUMBERS = (
    "a",
    "an",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)
_MONTHS = tuple(name.casefold() for name in calendar.month_name)
_MONTH = "|".join(f"{name[:3]}(?:{name[3:]})?" for name in calendar.month_name[1:])
SPAN = rf"(?:{'|'.join(_NUMBERS)}|\d{{1,3}})\s+(?:day|week|month|year)s?"
"""How long, in words: two weeks."""
DAY = rf"\d{{4}}-\d{{2}}-\d{{2}}|\d{{1,2}}(?:st|nd|rd|th|\.)?\s+(?:of\s+)?(?:{_MONTH})\.?,?\s+\d{{4}}"
"""Which day: 2027-01-31, 31 January 2027."""
_WRITTEN = re2.compile(r"(\d{1,2})\D*?\s+(?:of\s+)?([a-z]{3})[a-z]*\.?,?\s+(\d{4})")


def last_day(said: str, today: date) -> str:
    """The ISO date that a SPAN from today, or a DAY, ends on. Raises AskUnclear EGR642."""
    words = " ".join(said.casefold().split())
    count, _, unit = words.partition(" ")
    try:
        if re2.fullmatch(rf"(?i){SPAN}", words):
            return _after(int(count) if count.isdigit() else max(1, _NUMBERS.index(count) - 1), unit, today).isoformat()
        if written := _WRITTEN.fullmatch(words):
            month = next(number for number, name in enumerate(_MONTHS) if name and name.startswith(written[2]))
            return date(int(written[3]), month, int(written[1])).isoformat()
        return date.fromisoformat(words).isoformat()
    except (ValueError, OverflowError):
        raise AskUnclear("EGR642", until=said.strip()[:40]) from None


def _after(count: int, unit: str, today: date) -> date:
    """A month ends on the same day of a later month, or on its last one."""
    if unit.startswith(("day", "week")):
        return today + timedelta(days=count * (7 if unit.startswith("week") else 1))
    months = today.month - 1 + count * (12 if unit.startswith("year") else 1)
    year, month = today.year + months // 12, months % 12 + 1
    return date(year, month, min(today.day, calendar.monthrange(year, month)[1]))


def read_until(text: str, today: date) -> str:
    """An ISO date that is not over yet."""
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        raise AskUnclear("EGR642", until=text.strip()[:40]) from None
    if day < today:
        raise AskUnclear("EGR643", until=day.isoformat(), today=today.isoformat())
    return day.isoformat()
