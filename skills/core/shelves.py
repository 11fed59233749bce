"""Entries of files under keys, so that a change of three files touches few keys and shares all others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Generic, TypeVar

K = TypeVar("K")
E = TypeVar("E")


def changed(known: Mapping[str, E], changes: Mapping[str, E | None]) -> dict[str, E]:
    """A mapping with other values; None takes a key out."""
    every = dict(known)
    for path, value in changes.items():
        if value is not None:
            every[path] = value
        else:
            every.pop(path, None)
    return every


class Shelves(Generic[K, E]):
    """Entries by key and, below it, by file. Never changed once built.

    `key` gives the keys of an entry, `path` its file; where one entry stands under several keys, it does so whole.
    """

    __slots__ = ("_key", "_path", "_shelves")

    def __init__(self, key: Callable[[E], Iterable[K]], path: Callable[[E], str], entries: Iterable[E] = ()) -> None:
        self._key, self._path = key, path
        self._shelves: dict[K, dict[str, tuple[E, ...]]] = {}
        for entry in entries:
            file = path(entry)
            for one in key(entry):
                shelf = self._shelves.setdefault(one, {})
                shelf[file] = (*shelf.get(file, ()), entry)

    def __iter__(self) -> Iterator[K]:
        return iter(self._shelves)

    def __len__(self) -> int:
        return len(self._shelves)

    def __contains__(self, key: object) -> bool:
        return key in self._shelves

    def at(self, key: K) -> list[E]:
        """The entries under a key, in order of their files."""
        return [entry for entries in self._shelves.get(key, {}).values() for entry in entries]

    def after(
        self, before: Mapping[str, Sequence[E]], after: Mapping[str, Sequence[E]]
    ) -> tuple[Shelves[K, E], dict[K, None]]:
        """The shelves once files hold other entries, and the keys under which anything is another now."""
        new = Shelves[K, E](self._key, self._path)
        new._shelves = dict(self._shelves)
        fresh = Shelves(self._key, self._path, (entry for entries in after.values() for entry in entries))
        touched = dict.fromkeys(key for entries in before.values() for entry in entries for key in self._key(entry))
        touched |= dict.fromkeys(fresh._shelves)
        for key in touched:
            old = self._shelves.get(key, {})
            shelf = {path: entries for path, entries in old.items() if path not in before}
            shelf |= fresh._shelves.get(key, {})
            new._shelves[key] = dict(sorted(shelf.items()))
            if not shelf:
                del new._shelves[key]
        return new, touched


class Table(Generic[K, E]):
    """Many values by key, in a fixed number of dictionaries: what one change copies is only those that it touches.

    In no order: who needs one sorts.
    """

    __slots__ = ("_parts",)
    _PARTS = 1024

    def __init__(self, values: Mapping[K, E]) -> None:
        parts: list[dict[K, E]] = [{} for _ in range(self._PARTS)]
        for key, value in values.items():
            parts[hash(key) % self._PARTS][key] = value
        self._parts = parts

    def get(self, key: K) -> E | None:
        return self._parts[hash(key) % self._PARTS].get(key)

    def after(self, changes: Mapping[K, E | None]) -> Table[K, E]:
        """The table with other values; None takes a key out."""
        new = Table[K, E]({})
        new._parts = [*self._parts]
        for key, value in changes.items():
            at = hash(key) % self._PARTS
            if new._parts[at] is self._parts[at]:
                new._parts[at] = dict(self._parts[at])
            if value is None:
                new._parts[at].pop(key, None)
            else:
                new._parts[at][key] = value
        return new
