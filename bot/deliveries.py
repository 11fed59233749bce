"""What the forge told us, worked off: each delivery is a row before it is answered, and done when its truth was read.

Many deliveries about one request are one look. What can't be looked at now waits; the poll finds it all the same.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from bot import logs
from bot.desk import attempt
from bot.follow import Follower
from bot.world.forge import Forge
from bot.world.memory import Claims, DeliveryRow, Memory
from skills.core.messages import say

log = logging.getLogger("postern.webhooks")

STALE = 60.0  # seconds
_KEPT = timedelta(days=7)
_MOST_TRIES = 5
REFRESH = "the target"
"""What stands for a push to the target branch, where other groups of deliveries have a request's key."""


class Deliveries:
    """`refresh` reads the target branch anew; `target` is its name, None for the repository's default branch."""

    def __init__(
        self,
        memory: Memory,
        follower: Follower,
        forge: Callable[[], Forge],
        refresh: Callable[[], object],
        clock: Callable[[], datetime],
        *,
        repository: str,
        target: str | None,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._memory = memory
        self._follower = follower
        self._forge = forge
        self._refresh = refresh
        self._clock = clock
        self._repository = repository
        self._target = target
        self._claims = Claims(STALE, ticks)

    def keep(self, key: str, kind: str, hint: Mapping[str, Any]) -> bool:
        """A durable row; False for a delivery that came before."""
        with self._memory.transaction() as tx:
            return tx.add_delivery(self._repository, key, kind, hint, self._clock())

    def due(self) -> dict[str, list[DeliveryRow]]:
        """What waits, by the request that it is about (or REFRESH). What is about none of ours is over at once."""
        found: dict[str, list[DeliveryRow]] = {}
        waiting = self._memory.deliveries_todo(self._repository)
        left = self._claims.left(row for row in waiting if row.state == "doing")
        for row in (each for each in waiting if each.state == "todo" or each in left):
            keys = self._about(row)
            for key in keys[:1]:
                found.setdefault(key, []).append(row)
            if not keys and row.repository is not None:  # else another service may know its request
                self._over(row)
        return found

    def work(self, key: str, rows: Sequence[DeliveryRow]) -> bool:
        """Looks once for all of them. False when it must be tried again."""
        claimed = [row for row in map(self._claim, rows) if row]
        if not claimed:
            return True
        with logs.about(request=key):
            _, problem = attempt(lambda: self._look(key, claimed))
            if problem:
                log.warning("%s: %s", key, say(problem.finding).says)
        with self._memory.transaction() as tx:
            for row in claimed:
                if problem:
                    tx.fail_delivery(row, self._clock(), again=row.attempts < _MOST_TRIES)
                else:
                    tx.finish_delivery(row, self._clock())
        return problem is None

    def forget_old(self) -> None:
        with self._memory.transaction() as tx:
            tx.forget_deliveries(self._clock() - _KEPT)

    def _look(self, key: str, rows: Sequence[DeliveryRow]) -> None:
        if key == REFRESH:
            self._refresh()
        elif not all(self._is_own(row) for row in rows):
            self._follower.follow(key)

    def _is_own(self, row: DeliveryRow) -> bool:
        """What Postern's own user did, the rows know. A pipeline or push under its name may be anybody's work."""
        user = row.payload.get("user")
        return row.kind in ("merge_request", "note") and isinstance(user, int) and self._forge().is_own(user)

    def _about(self, row: DeliveryRow) -> list[str]:
        hint = row.payload
        branch = hint.get("branch")
        if row.kind == "push" and branch == (self._target or hint.get("default")):
            return [REFRESH]
        return self._memory.keys_at(self._repository, number=hint.get("number"), branch=branch)

    def _claim(self, row: DeliveryRow) -> DeliveryRow | None:
        with self._memory.transaction() as tx:
            return tx.claim_delivery(row.key, self._clock(), left=row if row.state == "doing" else None)

    def _over(self, row: DeliveryRow) -> None:
        claimed = self._claim(row)
        if claimed:
            with self._memory.transaction() as tx:
                tx.finish_delivery(claimed, self._clock())
