"""Compiled allowlists, kept by commit; readings of single files, kept by blob, so that a new commit re-reads
only what it touched."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from bot.world.config_repo import ConfigRepo, Snapshot
from skills.core.allowlist import Allowlist
from skills.core.reading import Reading, is_manifest, read_file

_COMMITS_KEPT = 4


Source = Callable[[], Snapshot]
"""Gives the files of an allowlist as they are now."""


def wanted(path: str) -> bool:
    """The files that can matter: manifests, the policy, and who owns what."""
    return is_manifest(path) or path.rsplit("/", 1)[-1] == "CODEOWNERS"


def at_commit(repo: ConfigRepo, at: str | None = None) -> Source:
    return lambda: repo.snapshot(wanted, at=at)


def once(source: Source) -> Source:
    """The first snapshot for ever: a batch is answered from one state of the repository."""
    taken: list[Snapshot] = []

    def first() -> Snapshot:
        if not taken:
            taken.append(source())
        return taken[0]

    return first


@dataclass(frozen=True, slots=True)
class Read:
    """An allowlist and where it came from."""

    allowlist: Allowlist
    where: str
    branch: str | None

    def text(self, path: str) -> str | None:
        return self.allowlist.texts.get(path)


class Snapshots:
    """Not thread-safe by itself: the desk's gate lets one ask at a time compile."""

    def __init__(self, progress: Callable[[int, int], None] | None = None) -> None:
        self._readings: dict[tuple[str, str], Reading] = {}
        self._compiled: OrderedDict[tuple[str, str], Read] = OrderedDict()
        self._progress = progress
        self._last: tuple[Snapshot, Read] | None = None

    def read(self, source: Source) -> Read:
        snapshot = source()
        if self._last and self._last[0] is snapshot:
            return self._last[1]
        clean = snapshot.commit is not None and not snapshot.dirty
        key = (snapshot.where, snapshot.commit or "")
        if clean and key in self._compiled:
            self._compiled.move_to_end(key)
            return self._compiled[key]
        read = Read(self._compile(snapshot), snapshot.where, snapshot.branch)
        self._last = (snapshot, read)
        if clean:
            self._compiled[key] = read
            while len(self._compiled) > _COMMITS_KEPT:
                self._compiled.popitem(last=False)
        return read

    def _compile(self, snapshot: Snapshot) -> Allowlist:
        readings: dict[str, Reading] = {}
        texts: dict[str, str] = {}
        kept: dict[tuple[str, str], Reading] = {}
        for number, (path, raw) in enumerate(snapshot.files.items()):
            text = decoded(raw)
            if text is not None:
                texts[path] = text
            if is_manifest(path):
                key = (path, snapshot.blobs[path])
                kept[key] = self._readings.get(key) or read_file(path, raw)
                readings[path] = kept[key]
            if self._progress:
                self._progress(number + 1, len(snapshot.files))
        self._readings.update(kept)
        return Allowlist(readings, texts, commit=snapshot.commit, dirty=snapshot.dirty, findings=snapshot.findings)


def decoded(raw: bytes) -> str | None:
    """The text with its line ends as they are; None when the bytes are not UTF-8 (then it can't be edited)."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return None
