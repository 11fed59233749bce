"""What happened, in order: every act of a person with its answer, every trouble, every message in a thread."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Event:
    """`at` is in seconds since the beginning; `facts` of an act: `request`, `who`, and what came of it (`state`, `code`; neither: nobody answered)."""

    number: int
    kind: str
    facts: dict[str, Any]
    at: float = 0.0


@dataclass
class History:
    events: list[Event] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, kind: str, **facts: Any) -> None:
        with self._lock:
            self.events.append(Event(len(self.events), kind, facts, time.monotonic() - self.began))

    def of(self, kind: str) -> list[Event]:
        return [event for event in self.events if event.kind == kind]

    def __str__(self) -> str:
        return "\n".join(f"{each.number:5} {each.at:6.1f} {each.kind:10} {_shown(each.facts)}" for each in self.events)


def _shown(facts: dict[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in facts.items() if value not in (None, ""))
