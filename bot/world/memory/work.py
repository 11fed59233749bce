"""What must happen and who carries it out: intents, their claims, and the replicas that beat while they live."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, or_, update

from bot.world.memory import tables
from bot.world.memory.reads import first_of_its_request
from bot.world.memory.rows import IntentRow, Json, ReplicaRow
from bot.world.memory.statements import Statements, fresh, still


class Work(Statements):
    """An intent is claimed, then settled by whoever claimed it last."""

    def add_intent(self, key: str, kind: str, payload: Json, request: str | None, now: datetime) -> bool:
        """Something that must happen once. With a key that stands already, the first payload stays."""
        table = tables.intents
        named = {"key": key, "kind": kind, "payload": dict(payload), "request": request}
        return self._once(table, table.c.key == key, {**named, **fresh(now)})

    def claim(
        self, key: str, now: datetime, left: IntentRow | None = None, holder: str | None = None
    ) -> IntentRow | None:
        """The intent, now ours to carry out; None when somebody else has it or it is over.

        `left` is a claim that is taken over as it was seen: not when anything became of it since. A `holder` gets again
        what it holds already, and nothing before the older intents of the same request are over.
        """
        table = tables.intents
        free = table.c.state == "todo" if left is None else or_(table.c.state == "todo", still(table, left))
        if holder is not None:
            free = or_(free, (table.c.state == "doing") & (table.c.holder == holder)) & first_of_its_request(table)
        values = {"state": "doing", "attempts": table.c.attempts + 1, "holder": holder, "updated_at": now}
        return self.intent(key) if self._set(table, (table.c.key == key) & free, values) else None

    def finish(self, intent: IntentRow, receipt: Json, now: datetime) -> bool:
        """False when the claim was taken over meanwhile: then the other one's receipt counts."""
        return self._settle(tables.intents, intent, {"state": "done", "receipt": dict(receipt), "error": None}, now)

    def fail(self, intent: IntentRow, error: Json, now: datetime, due: datetime | None = None) -> bool:
        """Records what went wrong; with `due` the intent goes back to the others that wait, for then."""
        values = {"state": "todo", "tries": intent.tries + 1, "due": due} if due else {"state": "failed"}
        return self._settle(tables.intents, intent, {**values, "error": dict(error)}, now)

    def release(self, intent: IntentRow, now: datetime) -> bool:
        """What is not over waits anew, as another try. False when it is not as `intent` shows it any more."""
        table = tables.intents
        same = (table.c.id == intent.id) & (table.c.state == intent.state)
        same &= (table.c.attempts == intent.attempts) & (table.c.tries == intent.tries)
        values = {"state": "todo", "tries": intent.tries + 1, "due": None, "holder": None, "updated_at": now}
        return self._set(table, same, values)

    def hasten(self, requests: Sequence[str], now: datetime) -> None:
        """Somebody asks for it: what waits for its next try waits no longer."""
        table = tables.intents
        asked = table.c.request.in_(list(requests)) & (table.c.state == "todo") & table.c.due.isnot(None)
        self._connection.execute(update(table).where(asked).values(due=None, updated_at=now))

    def reopen_intent(self, intent: IntentRow, now: datetime) -> bool:
        """What failed waits again; False when it did not fail, or somebody was quicker."""
        return intent.state == "failed" and self.release(intent, now)

    # --- replicas

    def beat(self, replica: ReplicaRow, now: datetime) -> None:
        """The replica lives. A row that others removed or took, because it seemed dead, is its own again."""
        table = tables.replicas
        mine = table.c.id == replica.id
        if not self._set(table, mine, {"beat": now, "beats": table.c.beats + 1, "taken_by": None}):
            values = {name: getattr(replica, name) for name in ("id", "repository", "version", "started")}
            self._once(table, mine, {**values, "beat": now, "beats": 1})

    def take_over(self, dead: ReplicaRow, by: str) -> bool:
        """Whether what `dead` left is ours to take; False when it lives after all, or another survivor was quicker."""
        table = tables.replicas
        taken = table.c.taken_by.is_(None) if dead.taken_by is None else table.c.taken_by == dead.taken_by
        return self._set(table, (table.c.id == dead.id) & (table.c.beats == dead.beats) & taken, {"taken_by": by})

    def forget_replica(self, replica: str, taken_by: str | None = None) -> None:
        """The replica has left, or all that it left is taken over by `taken_by`."""
        table = tables.replicas
        gone = table.c.id == replica
        if taken_by is not None:
            gone &= table.c.taken_by == taken_by
        self._connection.execute(delete(table).where(gone))
