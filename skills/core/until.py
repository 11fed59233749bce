"""Expiry dates, as people type them."""

from __future__ import annotations

from datetime import date

from skills.core.errors import AskUnclear


def read_until(text: str, today: date) -> str:
    """An ISO date that is not over yet."""
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        raise AskUnclear("EGR642", until=text.strip()[:40]) from None
    if day < today:
        raise AskUnclear("EGR643", until=day.isoformat(), today=today.isoformat())
    return day.isoformat()
