"""Objects of one repository from a git that goes on running, so that a look-up costs no new process.

It sees refs, loose objects and packs that appear after it has started.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from subprocess import Popen
from typing import Any, NamedTuple

from skills.core.errors import Unreachable


class Object(NamedTuple):
    id: str
    data: bytes


class Entry(NamedTuple):
    """One entry of a tree. A name that is not UTF-8 holds surrogates."""

    mode: str
    id: str
    path: str


def entries_of(tree: Object) -> list[Entry]:
    """A tree as Git keeps it: for each entry its mode in octal, its name, NUL, and the bytes of an object's name."""
    found, at, width = [], 0, len(tree.id) // 2
    while at < len(tree.data):
        end = tree.data.index(b"\0", at)
        mode, _, name = tree.data[at:end].partition(b" ")
        at = end + 1 + width
        id = tree.data[end + 1 : at].hex()
        found.append(Entry(mode.decode().zfill(6), id, name.decode("utf-8", "surrogateescape")))
    return found


class Objects:
    """`start` starts `git cat-file --batch` with pipes. Threads take turns."""

    def __init__(self, start: Callable[[], Any], where: str) -> None:
        self._start = start
        self._where = where
        self._held: Any = None  # GitPython's handle: git ends with it
        self._lock = threading.Lock()

    def get(self, name: str) -> Object | None:
        """The object that `name` (a revision or an id, on one line) stands for; None when there is none.

        Raises:
            Unreachable: EGR551, git stops answering.
        """
        with self._lock:
            for _ in range(2):
                try:
                    return self._asked(name)
                except (OSError, EOFError):
                    self._held = None  # it was killed, or its repository went: a new one may fare better
        raise Unreachable("EGR551", where=self._where, says="git cat-file ended early")

    def id_of(self, name: str) -> str | None:
        """What `name` stands for; None when there is no such object, or it is so damaged that git ends over it."""
        try:
            found = self.get(name)
        except Unreachable:
            return None
        return found.id if found else None

    def _asked(self, name: str) -> Object | None:
        if self._held is None:
            self._held = self._start()
        process: Popen[bytes] = self._held.proc
        if process.stdin is None or process.stdout is None:
            raise EOFError
        process.stdin.write(name.encode("utf-8", "surrogateescape") + b"\n")
        process.stdin.flush()
        header = process.stdout.readline().split()
        if not header:
            raise EOFError
        if len(header) != 3 or not header[2].isdigit():
            return None
        size = int(header[2])
        data = process.stdout.read(size + 1)
        if len(data) != size + 1:
            raise EOFError
        return Object(header[0].decode(), data[:size])
