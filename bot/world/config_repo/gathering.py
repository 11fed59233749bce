"""Collects what a reading finds, within its limits; shared by folders and commits."""

from __future__ import annotations

from collections import Counter

from bot.world.config_repo.paths import shown
from bot.world.config_repo.values import Contents, Limits
from skills.core.model import Evidence, Fact, Finding, Place


class Gathering:
    """Files and findings of one reading. `full` says that a limit is reached and nothing more is taken in."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.full = False
        self._files: dict[str, bytes] = {}
        self._blobs: dict[str, str] = {}
        self._size = 0
        self._findings: list[Finding] = []
        self._seen: Counter[str] = Counter()
        self._left_out: set[str] = set()

    def take(self, path: str, blob: str, text: bytes) -> None:
        if len(self._files) >= self.limits.files or self._size + len(text) > self.limits.total_size:
            self._left_out.add(path)
            self.stop()
            return
        self._files[path] = text
        self._blobs[path] = blob
        self._size += len(text)

    def leave_out(self, code: str, path: str, **facts: Fact) -> None:
        """A wanted file that is not read, and why."""
        self._left_out.add(path)
        self.note(code, path, **facts)

    def note(self, code: str, path: str, **facts: Fact) -> None:
        """A finding about `path`; of each kind only so many are kept, the rest is counted."""
        self._seen[code] += 1
        if self._seen[code] <= self.limits.findings_of_a_kind:
            name = shown(path)
            self._findings.append(Finding(code, {"path": name, **facts}, (Evidence(place=Place(name)),)))

    def too_large(self, path: str) -> None:
        self.leave_out("EGR556", path, limit=self.limits.file_size // (1024 * 1024))
        if self._seen["EGR556"] >= self.limits.large_files:
            self.stop()

    def stop(self) -> None:
        self.full = True

    def contents(self) -> Contents:
        findings = list(self._findings)
        hidden = sum(max(0, count - self.limits.findings_of_a_kind) for count in self._seen.values())
        if hidden:
            findings.append(Finding("EGR563", {"count": hidden}))
        if self.full:
            findings.append(Finding("EGR560", {"count": len(self._files)}))
        order = sorted(self._files)
        return Contents(
            files={path: self._files[path] for path in order},
            blobs={path: self._blobs[path] for path in order},
            left_out=frozenset(self._left_out),
            findings=tuple(findings),
            size=self._size,
        )
