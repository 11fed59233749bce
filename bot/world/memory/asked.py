"""A request as its row, its decisions and what was opened beside it say."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import RowMapping

from bot.world import wire
from bot.world.memory.rows import RequestRow
from skills.core.model import (
    Decided,
    DiagramTask,
    Drawn,
    Finding,
    LeftTo,
    Link,
    OpenQuestion,
    Request,
    Review,
    Weighed,
)

T = TypeVar("T")
_FACTS: Mapping[str, type[Any]] = {
    "drawn": Drawn,
    "diagram": DiagramTask,
    "weighed": Weighed,
    "question": OpenQuestion,
    "review": Review,
    "left_to": LeftTo,
}


def iso(moment: datetime) -> str:
    """A time as the skills know it: ISO 8601 in UTC."""
    return moment.astimezone(UTC).isoformat()


def _fact(row: RowMapping, name: str, kind: type[T]) -> T | None:
    kept = row["facts"].get(name)
    return wire.load(kind, kept) if kept else None


def _approved_at(row: RowMapping) -> tuple[str, ...]:
    approved: Mapping[str, str] = (row["forge"] or {}).get("approved") or {}
    return tuple(name for name, head in approved.items() if head == row["commit_id"])


def request_of(
    row: RowMapping, decided: tuple[Decided, ...], latest: Finding | None, linked: Mapping[str, Link]
) -> RequestRow:
    """The row of a request with what stands in other tables."""
    request = Request(
        key=row["key"],
        state=row["state"],
        version=row["version"],
        workload=row["workload"],
        destinations=tuple(row["destinations"]),
        digest=row["digest"],
        base=row["base"],
        branch=row["branch"],
        asked_by=row["asked_by"],
        reason=row["reason"],
        until=row["until"],
        since=iso(row["created_at"]),
        paths=tuple(row["paths"]),
        environment=row["environment"],
        commit=row["commit_id"],
        number=row["number"],
        url=row["url"],
        thread=row["thread"],
        remove=row["remove"],
        watchers=tuple(row["watchers"]),
        waits_for=tuple(row["waits_for"]),
        decisions=decided,
        links=tuple(linked.values()),
        pushed=row["pushed"],
        threads=tuple(dict.fromkeys(row["facts"].get("threads", {}).values())),
        latest=latest,
        **{name: row["facts"].get(name) for name in ("ends", "renews")},
        approved_there=_approved_at(row),
        **{name: _fact(row, name, kind) for name, kind in _FACTS.items()},
    )
    return RequestRow(request, row["repository"], row["facts"], row["updated_at"], row["forge"], row["seen"])
