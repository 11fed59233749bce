"""What all repositories of one Postern have in common."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from bot.settings import Settings
from skills.core.model import Request

if TYPE_CHECKING:
    from bot.world.memory import Memory


__all__ = ["Settings", "Shared"]


class Shared:
    """What all repositories of one Postern have in common: the clock, the database, and who acts on a command line."""

    def __init__(
        self,
        settings: Settings,
        acting_as: str | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.settings = settings
        self.acting_as = acting_as
        self.clock = clock

    @cached_property
    def memory(self) -> Memory:
        from bot.world.memory import Memory  # noqa: PLC0415 - a check alone needs no database

        self.settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        return Memory(self.settings.database.reveal())

    def kept(self) -> Memory | None:
        """The memory, where there is one already: asking must not make one."""
        url = self.settings.database.reveal()
        is_new = url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists()
        return None if "memory" not in self.__dict__ and is_new else self.memory

    def request(self, key: str) -> Request | None:
        """By its key, whichever repository it stands in."""
        memory = self.kept()
        return memory.asked_for(key) if memory else None
