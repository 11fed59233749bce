"""One process at a time runs workflows on a SQLite database: a lock on a file beside it, which ends with the process.

The lock is the kernel's, so a crash releases it. The file holds the process id for people and is left where it is:
removing it would let two processes hold locks on two files of one name.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from skills.core.errors import Unreachable


class DatabaseLock:
    """`database` is the SQLite file; None stands for a database that needs no lock."""

    def __init__(self, database: Path | None) -> None:
        self._path = database.with_name(database.name + ".serve") if database else None
        self._held: int | None = None

    def take(self) -> None:
        """Raises Unreachable EGR070 when another process has it, EGR467 when the file can't be opened."""
        if self._path is None or self._held is not None:
            return
        opened = self._open(self._path)
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(opened, 20).decode("ascii", "replace").strip()
            os.close(opened)
            process = f" (process {holder})" if holder.isdecimal() else ""
            where = self._path.name.removesuffix(".serve")
            raise Unreachable("EGR070", where=str(self._path.with_name(where)), process=process) from None
        os.ftruncate(opened, 0)
        os.write(opened, str(os.getpid()).encode())
        self._held = opened

    def release(self) -> None:
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def is_held(self) -> bool:
        """Whether some process, perhaps this one, runs workflows on the database."""
        if self._held is not None:
            return True
        if self._path is None or not self._path.exists():
            return False
        opened = self._open(self._path)
        try:
            fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(opened)
        return False

    def _open(self, path: Path) -> int:
        try:
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Unreachable("EGR467", where=str(path), why=error.strerror or str(error)) from None
