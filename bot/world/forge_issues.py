"""Tickets of the local forge: one file each beside its merge requests, found again by the request's key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from bot.world.forge_records import write_durably
from skills.core.errors import Unreachable
from skills.core.model import OpenIssue


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket as its file says. `project` is the one that a real forge would have opened it in."""

    number: int
    key: str
    project: str
    title: str
    body: str
    labels: tuple[str, ...]
    author: str
    remark: str = ""
    closed: bool = False


class Tickets:
    """The tickets in one folder. Whoever writes holds the forge's lock."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open_or_update(self, effect: OpenIssue) -> Ticket:
        """Found before it is made, so that a repeated call opens no second one."""
        known = list(self._all())
        old = next((each for each in known if each.key == effect.request_key), None)
        number = old.number if old else 1 + max((each.number for each in known), default=0)
        labels = tuple(dict.fromkeys((*(old.labels if old else ()), *effect.labels)))
        new = Ticket(number, effect.request_key, effect.project, effect.title, effect.body, labels, effect.author)
        return self._save(replace(new, remark=old.remark, closed=old.closed) if old else new, old)

    def settle(self, request_key: str, remark: str, *, close: bool) -> Ticket | None:
        """The ticket with this remark and, with `close`, closed; None where there is none."""
        old = next((each for each in self._all() if each.key == request_key), None)
        return self._save(replace(old, remark=remark, closed=old.closed or close), old) if old else None

    def _save(self, new: Ticket, old: Ticket | None) -> Ticket:
        if new != old:
            title = f"{new.project}#{new.number} {new.title}" + (" (closed)" if new.closed else "")
            text = "\n\n".join(filter(None, (f"# {title}", new.body, new.remark)))
            write_durably(self._folder, f"{new.number}.json", json.dumps(asdict(new), ensure_ascii=False, indent=1))
            write_durably(self._folder, f"{new.number}.md", f"{text}\n")
        return new

    def page(self, ticket: Ticket) -> str:
        """Where a person can read it."""
        return (self._folder / f"{ticket.number}.md").as_uri()

    def _all(self) -> Iterator[Ticket]:
        for path in sorted(self._folder.glob("[0-9]*.json")):
            try:
                stored = json.loads(path.read_text("utf-8"))
                yield Ticket(**{**stored, "labels": tuple(stored["labels"])})
            except (OSError, ValueError, TypeError, KeyError):
                raise Unreachable("EGR452", path=str(path)) from None
