"""The cluster and the index of each platform at one commit: compiled when first asked for, then brought along.

What a commit leaves alone is shared with the commit before it, so that three changed files cost three files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from skills.core.all_platforms import ALL
from skills.core.enforce import cluster as kube
from skills.core.platform_base import Touched
from skills.core.reading import Reading

Changes = Mapping[str, tuple[Reading | None, Reading | None]]
"""Touched files: what was read of each before and after. None: there was, or is, no such file."""

_PLATFORMS = {platform.NAME: platform for platform in ALL}


class Indexes(Mapping[str, Any]):
    """Indexes by platform."""

    def __init__(self, readings: Mapping[str, Reading]) -> None:
        self._readings = readings
        self._made: dict[str, Any] = {}
        self._cluster: kube.Cluster | None = None
        self._entries: dict[str, list[Any]] | None = None

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = _PLATFORMS[name].compile(self.entries(name), self.cluster)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_PLATFORMS)

    def __len__(self) -> int:
        return len(_PLATFORMS)

    @property
    def cluster(self) -> kube.Cluster:
        if self._cluster is None:
            self._cluster = kube.compile_cluster(self.entries(kube.NAME))
        return self._cluster

    def entries(self, name: str) -> Sequence[Any]:
        """All entries of one reader, in order of their files."""
        if self._entries is None:
            found: dict[str, list[Any]] = {}
            for path in sorted(self._readings):
                for reader, entries in self._readings[path].entries.items():
                    found.setdefault(reader, []).extend(entries)
            self._entries = found
        return self._entries.get(name, ())

    def after(self, readings: Mapping[str, Reading], changes: Changes) -> Indexes:
        """The indexes over `readings`, which differ from ours by `changes`; only what we have made is made again."""
        new = Indexes(readings)
        if self._cluster is None:
            return new
        facts = _touched(kube.NAME, changes)
        new._cluster = self._cluster
        if facts:
            new._cluster = kube.update_cluster(self._cluster, facts.before, facts.after, lambda: new.entries(kube.NAME))
        for name, index in self._made.items():
            touched = _touched(name, changes)
            same = not touched and new._cluster is self._cluster
            new._made[name] = index if same else new._updated(name, index, touched)
        return new

    def _updated(self, name: str, index: Any, touched: Touched) -> Any:
        return _PLATFORMS[name].update(index, touched, lambda: self.entries(name), self.cluster)


def _touched(name: str, changes: Changes) -> Touched:
    before: dict[str, Sequence[Any]] = {}
    after: dict[str, Sequence[Any]] = {}
    for path in sorted(changes):
        old, new = (reading.entries.get(name, ()) if reading else () for reading in changes[path])
        if old == new:
            continue
        if old:
            before[path] = old
        if new:
            after[path] = new
    return Touched(before, after)
