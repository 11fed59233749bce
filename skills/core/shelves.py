"""Entries of files under keys, so that a change of three files touches few keys and shares all others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Generic, TypeVar

K = TypeVar("K")
E = TypeVar("E")

_LARGE = 256  # below this a copy costs next to nothing
_SHARE = 8


class Layered(Mapping[K, E]):
    """A large dictionary and the few keys that are others now, None for those that are gone.

    Copying a dictionary touches each of its keys and values; this copies what has changed since it was made, and the
    whole only once that has become an eighth of it.
    """

    __slots__ = ("_base", "_over", "_size")

    def __init__(self, base: dict[K, E], over: dict[K, E | None]) -> None:
        self._base, self._over = base, over
        come = sum(value is not None for key, value in over.items() if key not in base)
        self._size = len(base) + come - sum(value is None for key, value in over.items() if key in base)

    def __getitem__(self, key: K) -> E:
        if key in self._over:
            value = self._over[key]
            if value is None:
                raise KeyError(key)
            return value
        return self._base[key]

    def __contains__(self, key: object) -> bool:
        return self._over[key] is not None if key in self._over else key in self._base

    def __iter__(self) -> Iterator[K]:
        over = self._over
        yield from (key for key in self._base if key not in over or over[key] is not None)
        yield from (key for key, value in over.items() if value is not None and key not in self._base)

    def __len__(self) -> int:
        return self._size

    def after(self, changes: Mapping[K, E | None]) -> Mapping[K, E]:
        over = {**self._over, **changes}
        return Layered(self._base, over) if len(over) * _SHARE < len(self._base) else _copied(self, changes)


def changed(known: Mapping[K, E], changes: Mapping[K, E | None]) -> Mapping[K, E]:
    """A mapping with other values; None takes a key out. In the order of `known`, what is new behind it."""
    if not changes:
        return known
    if isinstance(known, Layered):
        return known.after(changes)
    if isinstance(known, dict) and len(known) >= _LARGE and len(changes) * _SHARE < len(known):
        return Layered(known, dict(changes))
    return _copied(known, changes)


def _copied(known: Mapping[K, E], changes: Mapping[K, E | None]) -> dict[K, E]:
    every = dict(known)
    for key, value in changes.items():
        if value is not None:
            every[key] = value
        else:
            every.pop(key, None)
    return every


class Shelves(Generic[K, E]):
    """Entries by key and, below it, by file. Never changed once built.

    `key` gives the keys of an entry, `path` its file; where one entry stands under several keys, it does so whole.
    """

    __slots__ = ("_key", "_path", "_shelves")

    def __init__(self, key: Callable[[E], Iterable[K]], path: Callable[[E], str], entries: Iterable[E] = ()) -> None:
        self._key, self._path = key, path
        shelves: dict[K, dict[str, tuple[E, ...]]] = {}
        for entry in entries:
            file = path(entry)
            for one in key(entry):
                shelf = shelves.setdefault(one, {})
                shelf[file] = (*shelf.get(file, ()), entry)
        self._shelves: Mapping[K, dict[str, tuple[E, ...]]] = shelves

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
        fresh = Shelves(self._key, self._path, (entry for entries in after.values() for entry in entries))
        touched = dict.fromkeys(key for entries in before.values() for entry in entries for key in self._key(entry))
        touched |= dict.fromkeys(fresh._shelves)
        now: dict[K, dict[str, tuple[E, ...]] | None] = {}
        for key in touched:
            old = self._shelves.get(key, {})
            shelf = {path: entries for path, entries in old.items() if path not in before}
            shelf |= fresh._shelves.get(key, {})
            now[key] = dict(sorted(shelf.items())) or None
        new._shelves = changed(self._shelves, now)
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
        new: Table[K, E] = Table.__new__(Table)
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
