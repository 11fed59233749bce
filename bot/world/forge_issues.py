"""Tickets of the local forge: one file each beside its merge requests, found again by the request's key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
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
        if new != old:
            write_durably(self._folder, f"{number}.json", json.dumps(asdict(new), ensure_ascii=False, indent=1))
            write_durably(self._folder, f"{number}.md", f"# {effect.project}#{number} {new.title}\n\n{new.body}\n")
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
