"""What stands in the chat beside messages: copies of cards, what channels speak of, what was answered about apps."""

from __future__ import annotations

from datetime import datetime

from bot.world.memory import tables
from bot.world.memory.rows import CardRow, Json
from bot.world.memory.statements import Statements


class Chat(Statements):
    """A copy is drawn by whoever is quicker."""

    def add_card(self, request: str, channel: str, now: datetime) -> bool:
        """A copy that has to be drawn in `channel`; a request has one there, which lives again when it is reopened."""
        table, key = tables.cards, f"{request}@{channel}"
        blank = {"mark": "", "over": False, "updated_at": now}
        if self._once(table, table.c.key == key, {"key": key, "request": request, "channel": channel, **blank}):
            return True
        return self._set(table, (table.c.key == key) & table.c.over.is_(True), {"over": False})

    def draw_card(self, card: CardRow, mark: str, now: datetime, *, over: bool) -> bool:
        """Compare-and-set: False when somebody else has drawn it since `card` was read."""
        table = tables.cards
        same = (table.c.key == card.key) & (table.c.mark == card.mark)
        return self._set(table, same, {"mark": mark, "over": over, "updated_at": now})

    def set_channel(self, channel: str, speaks_of: Json, by: str, now: datetime) -> None:
        """Replaces what a channel speaks of."""
        table = tables.channels
        values = {"speaks_of": dict(speaks_of), "set_by": by, "updated_at": now}
        if not self._once(table, table.c.id == channel, {"id": channel, **values}):
            self._set(table, table.c.id == channel, values)

    def keep_answer(self, repository: str, app: str, question: str, values: Json, now: datetime) -> None:
        """Replaces what was answered before; `values` are answer, request and by_whom."""
        table = tables.app_answers
        named = {"repository": repository, "app": app, "question": question}
        same = (table.c.repository == repository) & (table.c.app == app) & (table.c.question == question)
        if not self._once(table, same, {**named, **values, "at": now}):
            self._set(table, same, {**values, "at": now})
