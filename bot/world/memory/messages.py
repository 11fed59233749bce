"""What goes out to people and what comes in from the forge, each once: messages to send and deliveries of webhooks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from sqlalchemy import case, delete, select, update

from bot.world import wire
from bot.world.memory import tables
from bot.world.memory.rows import DeliveryRow, Json, PostRow
from bot.world.memory.statements import Statements, fresh
from skills.core.model import Finding, Request

GONE: Json = {"gone": True}
"""The payload of a message that shall stand nowhere."""


class Messages(Statements):
    """Both tables are queues: a row is claimed, then settled; what was claimed and left can be taken over."""

    def add_post(
        self, key: str, channel: str, thread: str | None, payload: Json, now: datetime, request: str | None = None
    ) -> bool:
        """A chat message that must be sent once. Without a channel nobody has to: it is only kept with its request."""
        table = tables.outbox
        named = {"key": key, "channel": channel, "thread": thread, "payload": dict(payload), "request": request}
        state = {} if channel else {"state": "done"}
        return self._once(table, table.c.key == key, {**named, **fresh(now), **state})

    def tell(
        self,
        request: Request,
        key: str,
        news: Finding,
        now: datetime,
        *,
        to: Iterable[str] = (),
        here: str = "",
        quiet: bool = False,
    ) -> bool:
        """Something new of a request, once: to its own thread, and to those in which others asked for the same.

        `to` are people who hear it by themselves as well, `here` is a thread that has heard it already. `quiet`: it is
        only noted as said.
        """
        own = "" if quiet or request.thread == here else _channel(request.thread)
        said = self.add_post(key, own, None, wire.dump(news), now, request.key)
        others = [thread for thread in request.threads if thread not in (request.thread, here)]
        for channel in dict.fromkeys([*map(_channel, others), *map(_direct, to)]) if said and not quiet else ():
            if channel:
                self.add_post(f"{key}@{channel}", channel, None, wire.dump(news), now)
        return said

    def show(
        self,
        key: str,
        channel: str,
        payload: Json,
        now: datetime,
        *,
        final: bool = False,
        repository: str | None = None,
    ) -> bool:
        """One message that changes: sent when it is new, else changed in its place by whoever sends.

        False, and nothing changed, after a `final` wording: what comes late never replaces an answer. `repository` is
        whose service sends it.
        """
        table = tables.outbox
        named = {"key": key, "channel": channel, "payload": dict(payload), "final": final}
        if self._once(table, table.c.key == key, {**named, "repository": repository, **fresh(now)}):
            return True
        return self._worded(key, payload, now, final=final)

    def take_away(self, key: str, now: datetime) -> bool:
        """A message that was shown, and has nothing to say after all. False where there is none, or it was final."""
        return self._worded(key, GONE, now, final=True)

    def _worded(self, key: str, payload: Json, now: datetime, *, final: bool) -> bool:
        table = tables.outbox
        state = case((table.c.state == "doing", "doing"), else_="todo")
        values = {"payload": dict(payload), "version": table.c.version + 1, "state": state, "final": final}
        return self._set(table, (table.c.key == key) & table.c.final.is_(False), {**values, "updated_at": now})

    def reword(self, channel: str, ts: str, change: Callable[[Json], Json], now: datetime) -> bool:
        """Changes what the chat calls `ts` in its place, also after its final wording: something there is over now.

        False for a message that is not ours, or not known any more.
        """
        table = tables.outbox
        found = self._rows(select(table).where((table.c.channel == channel) & (table.c.ts == ts)))
        if not found:
            return False
        row = PostRow(**found[0])
        state = case((table.c.state == "doing", "doing"), else_="todo")
        values = {"payload": dict(change(row.payload)), "version": table.c.version + 1, "state": state}
        return self._set(table, table.c.id == row.id, {**values, "updated_at": now})

    def claim_post(self, key: str, now: datetime, left: PostRow | None = None) -> PostRow | None:
        """The message, now ours to send; None when somebody else has it or it is over.

        `left` is the row as its holder seems to have left it: then that claim is taken over, if nobody touched it.
        """
        table = tables.outbox
        if not self._claim(table, key, now, left):
            return None
        return next(PostRow(**row) for row in self._rows(select(table).where(table.c.key == key)))

    def finish_post(self, post: PostRow, ts: str, now: datetime) -> bool:
        """`ts` is what the chat calls the message. False when the claim was taken over meanwhile.

        A wording that came while this one was sent waits then. Whoever sent one after all was taken over may have put
        an older wording in the newer one's place: it is shown once more.
        """
        table = tables.outbox
        state = case((table.c.version > post.version, "todo"), else_="done")
        if self._settle(table, post, {"state": state, "ts": ts, "shown": post.version}, now):
            return True
        newer = (table.c.key == post.key) & (table.c.shown > post.version) & (table.c.state == "done")
        self._set(table, newer, {"state": "todo", "updated_at": now})
        return False

    def release_posts(self, now: datetime) -> None:
        """Nobody else can be at work: what was being sent is looked up and sent anew."""
        table = tables.outbox
        left = update(table).where(table.c.state == "doing")
        self._connection.execute(left.values(state="todo", updated_at=now))

    def forget_posts(self, prefix: str, before: datetime) -> int:
        """Messages with keys of that beginning that are over since then. Gives how many there were."""
        table = tables.outbox
        over = table.c.state.in_(("done", "failed")) & (table.c.updated_at < before)
        return self._connection.execute(delete(table).where(over & table.c.key.startswith(prefix))).rowcount

    def fail_post(self, post: PostRow, now: datetime, again: bool = False, surely: bool = False) -> bool:
        """It could not be sent; with `again` it goes back to the others that wait.

        `surely`: it is certain that it was not sent, so that nobody needs to look before it is tried again.
        """
        values = {"state": "todo" if again else "failed", "attempts": post.attempts - 1 if surely else post.attempts}
        return self._settle(tables.outbox, post, values, now)

    def add_delivery(self, repository: str, key: str, kind: str, payload: Json, now: datetime) -> bool:
        """A delivery of the forge. False for one that came before."""
        table = tables.deliveries
        values = {"repository": repository, "key": key, "kind": kind, "payload": dict(payload), **fresh(now)}
        return self._once(table, table.c.key == key, values)

    def claim_delivery(self, key: str, now: datetime, left: DeliveryRow | None = None) -> DeliveryRow | None:
        """As `claim_post`."""
        table = tables.deliveries
        if not self._claim(table, key, now, left):
            return None
        return next(DeliveryRow(**row) for row in self._rows(select(table).where(table.c.key == key)))

    def finish_delivery(self, delivery: DeliveryRow, now: datetime) -> bool:
        """As `finish_post`."""
        return self._settle(tables.deliveries, delivery, {"state": "done"}, now)

    def fail_delivery(self, delivery: DeliveryRow, now: datetime, again: bool = False) -> bool:
        """As `fail_post`."""
        return self._settle(tables.deliveries, delivery, {"state": "todo" if again else "failed"}, now)

    def forget_deliveries(self, before: datetime) -> int:
        """Those that are over and came before then: nobody sends them again. Gives how many there were.

        What an older Postern kept, and nobody knows whose it is, goes with them.
        """
        table = tables.deliveries
        over = table.c.state.in_(("done", "failed")) | table.c.repository.is_(None)
        return self._connection.execute(delete(table).where(over & (table.c.created_at < before))).rowcount


def _channel(thread: str) -> str:
    """Only a thread of a chat is told; who asked on the command line looks by `status`."""
    return thread if thread.startswith("slack:") else ""


def _direct(person: str) -> str:
    """Where somebody of a chat is written to alone, as bot/slack/envelopes.py reads it; nothing for everybody else."""
    surface, _, rest = person.partition(":")
    team, _, user = rest.partition(":")
    return f"slack:{team}:direct:{user}" if surface == "slack" and team and user else ""
