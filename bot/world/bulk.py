"""Reads many files at once: in two processes where there is enough to do and it is safe, else in this one."""

from __future__ import annotations

import gc
import io
import os
import pickle
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from multiprocessing.connection import Connection, Pipe
from operator import attrgetter
from typing import Any

from skills.core.reading import Reading, read_file

Progress = Callable[[int, int], None]
"""Is told how many files of how many are read."""

_ENOUGH_FOR_TWO = 1_000  # files; a second process costs some 20 ms
_STEP = 200
_MOST_PARTS = 500  # their numbers must fit into a pipe that nobody reads yet
_NUMBER = 4  # bytes of the number of a part


def read_all(files: Mapping[str, bytes], progress: Progress | None = None) -> dict[str, Reading]:
    """What each file says. Nothing in a file can make it fail."""
    with _without_collector():
        two = len(files) >= _ENOUGH_FOR_TWO and _may_fork()
        readings = _in_two(files, progress) if two else _alone(files, progress)
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


def _alone(files: Mapping[str, bytes], progress: Progress | None) -> dict[str, Reading]:
    readings = {}
    for number, (path, raw) in enumerate(files.items(), 1):
        readings[path] = read_file(path, raw)
        if progress and number % _STEP == 0:
            progress(min(number, len(files) - 1), len(files))
    return readings


class _ByFields(dict[type, Callable[[Any], Any]]):
    """How to pickle by class. Frozen values go as their class and fields, for a third of the usual price."""

    def __missing__(self, kind: type) -> Callable[[Any], Any]:
        if issubclass(kind, tuple) and hasattr(kind, "_fields"):
            self[kind] = lambda item: (kind, tuple(item))
            return self[kind]
        if not is_dataclass(kind):
            raise KeyError(kind)
        names = [field.name for field in fields(kind)]
        get = attrgetter(*names)
        self[kind] = (lambda item: (kind, get(item))) if len(names) > 1 else lambda item: (kind, (get(item),))
        return self[kind]


def _in_two(files: Mapping[str, bytes], progress: Progress | None) -> dict[str, Reading]:
    """Both processes take part after part off one pipe; the second hands back what it read through another.

    So both are done at the same time, though this one also takes in what the other read.
    """
    parts = _parts(files)
    todo, results, child = _second_process(parts)
    found: dict[str, Reading] = {}
    open_ = True
    while True:
        if open_ and results.poll():
            open_ = _take(results, found)
        elif (number := _next(todo)) is not None:
            found.update((path, read_file(path, raw)) for path, raw in parts[number])
        else:
            break
        if progress:
            progress(min(len(found), len(files) - 1), len(files))
    while open_:
        open_ = _take(results, found)
    os.close(todo)
    results.close()
    os.waitpid(child, 0)
    # Where it was killed, we do its share ourselves.
    return {path: found[path] if path in found else read_file(path, raw) for path, raw in files.items()}


def _parts(files: Mapping[str, bytes]) -> list[list[tuple[str, bytes]]]:
    items = list(files.items())
    size = max(_STEP // 4, -(-len(items) // _MOST_PARTS))
    return [items[start : start + size] for start in range(0, len(items), size)]


def _second_process(parts: Sequence[Sequence[tuple[str, bytes]]]) -> tuple[int, Connection, int]:
    """The pipe with the numbers of the parts, the pipe with the results, and the process."""
    todo, into = os.pipe()
    os.write(into, b"".join(number.to_bytes(_NUMBER, "big") for number in range(len(parts))))
    os.close(into)
    results, back = Pipe(duplex=False)
    child = os.fork()
    if child == 0:
        _hand_over(parts, todo, back)
    back.close()
    return todo, results, child


def _next(todo: int) -> int | None:
    number = os.read(todo, _NUMBER)
    return int.from_bytes(number, "big") if number else None


def _take(results: Connection, found: dict[str, Reading]) -> bool:
    """One part that the second process read; False when nothing more comes."""
    try:
        found.update(pickle.loads(results.recv_bytes()))
    except (EOFError, OSError):
        return False
    return True


def _hand_over(parts: Sequence[Sequence[tuple[str, bytes]]], todo: int, back: Connection) -> None:
    """In the second process, which ends here whatever happens: nothing of the first may run twice."""
    status = 1
    try:
        while (number := _next(todo)) is not None:
            pickled = io.BytesIO()
            pickler = pickle.Pickler(pickled, pickle.HIGHEST_PROTOCOL)
            pickler.dispatch_table = _BY_FIELDS
            pickler.dump({path: read_file(path, raw) for path, raw in parts[number]})
            back.send_bytes(pickled.getbuffer())
        status = 0
    finally:
        os._exit(status)


_BY_FIELDS = _ByFields()
