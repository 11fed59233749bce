"""What stands in the chat beside messages: copies of cards, and what channels speak of."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import or_

from bot.world.memory import tables
from bot.world.memory.rows import CardRow, Json
from bot.world.memory.statements import Statements


class Chat(Statements):
    """A copy has one writer at a time: who claimed it, until it is settled or left for too long."""

    def add_card(self, request: str, channel: str, now: datetime) -> bool:
        """A copy that has to be drawn in `channel`; a request has one there, which lives again when it is reopened."""
        table, key = tables.cards, f"{request}@{channel}"
        blank = {"ts": None, "mark": "", "tries": 0, "over": False, "busy": None, "updated_at": now}
        if self._once(table, table.c.key == key, {"key": key, "request": request, "channel": channel, **blank}):
            return True
        return self._set(table, (table.c.key == key) & table.c.over.is_(True), {"over": False})

    def claim_card(self, card: CardRow, now: datetime, stale_before: datetime) -> bool:
        """False when somebody else draws it, or has drawn it since `card` was read."""
        table = tables.cards
        free = or_(table.c.busy.is_(None), table.c.busy < stale_before)
        same = (table.c.key == card.key) & (table.c.mark == card.mark) & free
        return self._set(table, same, {"busy": now, "tries": table.c.tries + 1, "updated_at": now})

    def settle_card(self, key: str, claimed: datetime, ts: str | None, mark: str, *, over: bool) -> bool:
        """What was drawn, or (with the old mark) that it was not. False when the claim was taken over meanwhile."""
        table = tables.cards
        mine = (table.c.key == key) & (table.c.busy == claimed)
        return self._set(table, mine, {"busy": None, "ts": ts, "mark": mark, "over": over})

    def set_channel(self, channel: str, speaks_of: Json, by: str, now: datetime) -> None:
        """Replaces what a channel speaks of."""
        table = tables.channels
        values = {"speaks_of": dict(speaks_of), "set_by": by, "updated_at": now}
        if not self._once(table, table.c.id == channel, {"id": channel, **values}):
            self._set(table, table.c.id == channel, values)
