"""One writer at a time, across processes and threads, by a lock that dies with its holder."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from skills.core.errors import Unreachable

_PAUSE = 0.01


@contextmanager
def held(lock: Path, where: str, seconds: float) -> Iterator[None]:
    """Hold the file `lock` exclusively.

    Raises:
        Unreachable: EGR451, somebody else held it for `seconds`; EGR569, its folder can't be written.
    """
    try:
        lock.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Unreachable("EGR569", where=str(lock.parent), says=os.strerror(error.errno or 0)) from None
    try:
        until = time.monotonic() + seconds
        while not _taken(handle):
            if time.monotonic() >= until:
                raise Unreachable("EGR451", where=where, seconds=round(seconds))
            time.sleep(_PAUSE)
        yield
    finally:
        os.close(handle)


def _taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
