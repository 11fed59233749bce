"""Who lives and who is dead, told by beats: each replica counts one up in its row, others watch whether it does.

Nobody's clock is compared with anybody else's: a replica seems dead when its count stood still for `timeout` seconds of
the watcher's own monotonic clock, and a watcher that stood still itself (stopped, or without a database) begins anew.
"""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from bot.lifecycle.lock import DatabaseLock
from bot.world.memory import Memory, ReplicaRow, Still

_FRESH = timedelta(seconds=20)  # a beat of somebody else's clock, which may be a little off


def named() -> str:
    """A name that no other process has or had: host, process and chance."""
    return f"{socket.gethostname()[:40]}:{os.getpid()}:{secrets.token_hex(4)}"


def ghost(replica: str, repository: str, now: datetime) -> ReplicaRow:
    """The row of somebody who left work behind and has no row: it left in order, or its row was lost."""
    return ReplicaRow(replica, repository, "", now, now, 0)


def served(memory: Memory, repository: str, now: datetime) -> bool:
    """Whether a service carries out what is recorded for this repository."""
    rows = memory.replicas(repository)
    if memory.file is not None:
        return bool(rows) and DatabaseLock(memory.file).is_held()
    return any(now - row.beat < _FRESH for row in rows)


class Watch:
    """`alone`: no other replica can be alive, because this one holds the lock of the database."""

    def __init__(self, me: str, *, alone: bool, timeout: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._me = me
        self._alone = alone
        self._still = Still(timeout, clock)

    def dead(self, rows: Sequence[ReplicaRow]) -> list[ReplicaRow]:
        """Those that died and whom no living replica is taking over already."""
        others = [row for row in rows if row.id != self._me]
        stood = self._still.stood((row.id, row.beats) for row in others if row.version)
        gone = {row.id for row in others if self._alone or not row.version or (row.id, row.beats) in stood}
        alive = {row.id for row in others} - gone
        return [row for row in others if row.id in gone and row.taken_by not in alive]
