"""The steps of several repositories, carried out by one engine: each effect at the forge of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from bot.lifecycle.steps import Steps
from bot.perform import nowhere
from bot.world.memory import Memory


class StepsOfSeveral(Steps):
    """Claims and records as `Steps` does, for rows say whose they are; `own` are the steps of each repository."""

    def __init__(self, memory: Memory, clock: Callable[[], datetime], own: Mapping[str, Steps]) -> None:
        super().__init__(memory, lambda: nowhere(""), clock)
        self._own = own

    def ready(self) -> None:
        """Each forge is made ready when the service starts."""
        for steps in self._own.values():
            steps.ready()

    def perform(self, key: str) -> Mapping[str, Any]:
        intent = self._memory.intent(key)
        assert intent is not None
        row = self._memory.request(intent.request or "")
        assert row is not None, "what is carried out is due for a request of ours"
        return self._own[row.repository].perform(key)
