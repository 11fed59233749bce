"""Compiled allowlists, kept by commit; a new commit costs only what it touched, however large the repository is."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from bot.world.bulk import Progress, read_all
from bot.world.config_repo import ConfigRepo, Snapshot, Source
from skills.core.allowlist import Allowlist
from skills.core.charts import Render
from skills.core.expansion import Scope
from skills.core.model import Finding
from skills.core.policy import TEMPLATE
from skills.core.reading import Reading, is_manifest

_COMMITS_KEPT = 4


def wanted(path: str) -> bool:
    """The files that can matter: manifests, helpers of chart templates, the policy, and who owns what."""
    return is_manifest(path) or path.endswith(".tpl") or path.rsplit("/", 1)[-1] == "CODEOWNERS" or path == TEMPLATE


def at_commit(repo: ConfigRepo, at: str | None = None) -> Source:
    def read(since: Snapshot | None = None) -> Snapshot:
        return repo.snapshot(wanted, at=at, since=since)

    return read


def once(source: Source) -> Source:
    """The first snapshot for ever: a batch is answered from one state of the repository."""
    taken: list[Snapshot] = []

    def first(since: Snapshot | None = None) -> Snapshot:
        if not taken:
            taken.append(source(since))
        return taken[0]

    return first


@dataclass(frozen=True, slots=True)
class Read:
    """An allowlist and where it came from. `lag` says that it may be old, when nothing newer could be had."""

    allowlist: Allowlist
    where: str
    branch: str | None
    lag: Finding | None = None

    def text(self, path: str) -> str | None:
        return self.allowlist.texts.get(path)


class Snapshots:
    """Not thread-safe by itself: the desk's gate lets one ask at a time compile."""

    def __init__(self, progress: Progress | None = None, render: Render | None = None) -> None:
        self._compiled: OrderedDict[tuple[str, str], Read] = OrderedDict()
        self._progress = progress
        self._scope = Scope(render)
        self._newest: dict[Source, tuple[Snapshot, Read]] = {}
        self._last: tuple[Snapshot, Read] | None = None

    def read(self, source: Source) -> Read:
        known = self._newest.get(source)
        snapshot = source(known[0] if known else None)
        if known and known[0] is snapshot:
            return known[1]
        clean = snapshot.commit is not None and not snapshot.dirty
        key = (snapshot.where, snapshot.commit or "")
        read = self._compiled.get(key) if clean else None
        if read is None or (read.branch, read.lag) != (snapshot.branch, snapshot.lag):
            allowlist = read.allowlist if read else self._allowlist(snapshot, known or self._last)
            read = Read(allowlist, snapshot.where, snapshot.branch, snapshot.lag)
        self._newest[source] = self._last = (snapshot, read)
        if clean:
            self._compiled[key] = read
            self._compiled.move_to_end(key)
            while len(self._compiled) > _COMMITS_KEPT:
                self._compiled.popitem(last=False)
        return read

    def _allowlist(self, snapshot: Snapshot, known: tuple[Snapshot, Read] | None) -> Allowlist:
        if known is None or known[0].where != snapshot.where:
            return self._compile(snapshot)
        old, read = known
        paths = snapshot.changed if snapshot.since and snapshot.since == old.commit and not old.dirty else None
        if paths is None:
            paths = _differing(old, snapshot)
        manifests = {path: snapshot.files[path] for path in paths if is_manifest(path) and path in snapshot.files}
        readings: dict[str, Reading | None] = {path: None for path in paths if path not in snapshot.files}
        readings |= read_all(manifests, self._progress)
        texts = {path: decoded(snapshot.files[path]) if path in snapshot.files else None for path in paths}
        return read.allowlist.after(
            readings, texts, commit=snapshot.commit, dirty=snapshot.dirty, findings=snapshot.findings
        )

    def _compile(self, snapshot: Snapshot) -> Allowlist:
        texts = {path: text for path, raw in snapshot.files.items() if (text := decoded(raw)) is not None}
        manifests = {path: raw for path, raw in snapshot.files.items() if is_manifest(path)}
        readings = read_all(manifests, self._progress)
        return Allowlist(
            readings,
            texts,
            commit=snapshot.commit,
            dirty=snapshot.dirty,
            findings=snapshot.findings,
            scope=self._scope,
        )


def _differing(old: Snapshot, new: Snapshot) -> tuple[str, ...]:
    """The paths whose blobs differ, in order."""
    blobs = dict(old.blobs.items() ^ new.blobs.items())
    return tuple(sorted(blobs))


def decoded(raw: bytes) -> str | None:
    """The text with its line ends as they are; None when the bytes are not UTF-8 (then it can't be edited)."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return None
