"""Reads many files at once: in two processes where there is enough to do and it is safe, else in this one."""

from __future__ import annotations

import gc
import os
import pickle
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from operator import attrgetter
from typing import Any

from skills.core.reading import Reading, read_file

Progress = Callable[[int, int], None]
"""Is told how many files of how many are read."""

_ENOUGH_FOR_TWO = 1_000  # files; a second process costs some 20 ms
_STEP = 200


def read_all(files: Mapping[str, bytes], progress: Progress | None = None) -> dict[str, Reading]:
    """What each file says. Nothing in a file can make it fail."""
    with _without_collector():
        two = len(files) >= _ENOUGH_FOR_TWO and _may_fork()
        readings = _in_two(files, progress) if two else dict(_read(files, progress, len(files), 1))
        if len(files) >= _ENOUGH_FOR_TWO:
            gc.freeze()  # all this stays, and whatever is made of it must not be searched with it each time
    if progress and len(files) >= _STEP:
        progress(len(files), len(files))
    return readings


def _may_fork() -> bool:
    """A fork takes only the thread that asks for it along, and with it whatever locks the others hold."""
    return hasattr(os, "fork") and threading.active_count() == 1 and (os.cpu_count() or 1) > 1


@contextmanager
def _without_collector() -> Iterator[None]:
    """Entries are many and hold no circles: looking for some over and over would cost a third of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _read(
    files: Mapping[str, bytes], progress: Progress | None, total: int, workers: int
) -> Iterator[tuple[str, Reading]]:
    for number, (path, raw) in enumerate(files.items(), 1):
        yield path, read_file(path, raw)
        if progress and number % _STEP == 0:
            progress(min(number * workers, total - 1), total)


class _ByFields(dict[type, Callable[[Any], Any]]):
    """How to pickle by class. Frozen values with slots go as their class and fields, for a third of the usual price."""

    def __missing__(self, kind: type) -> Callable[[Any], Any]:
        if not is_dataclass(kind) or not hasattr(kind, "__slots__"):
            raise KeyError(kind)
        names = [field.name for field in fields(kind)]
        get = attrgetter(*names)
        self[kind] = (lambda item: (kind, get(item))) if len(names) > 1 else lambda item: (kind, (get(item),))
        return self[kind]


def _in_two(files: Mapping[str, bytes], progress: Progress | None) -> dict[str, Reading]:
    """The second process takes the larger files' half by number, and hands back what it read through a pipe."""
    items = list(files.items())
    theirs, ours = dict(items[1::2]), dict(items[::2])
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        _hand_over(theirs, out, into)
    os.close(into)
    with os.fdopen(out, "rb") as pipe:
        found = dict(_read(ours, progress, len(files), 2))
        try:
            readings = pickle.load(pipe)
        except (EOFError, pickle.UnpicklingError):
            readings = dict(_read(theirs, None, 0, 1))  # it was killed: then we do it ourselves
    os.waitpid(child, 0)
    return {path: (found if path in found else readings)[path] for path in files}


def _hand_over(files: Mapping[str, bytes], out: int, into: int) -> None:
    """In the second process, which ends here whatever happens: nothing of the first may run twice."""
    status = 1
    try:
        os.close(out)
        readings = dict(_read(files, None, 0, 1))
        with os.fdopen(into, "wb") as pipe:
            pickler = pickle.Pickler(pipe, pickle.HIGHEST_PROTOCOL)
            pickler.dispatch_table = _ByFields()
            pickler.dump(readings)
        status = 0
    finally:
        os._exit(status)
