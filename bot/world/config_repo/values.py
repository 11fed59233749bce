"""What reading a repository gives, and how much of it is read at most."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from skills.core.model import Finding

Kind = Literal["folder", "bare", "url"]

Wanted = Callable[[str], bool]
"""Says of a path (relative, with `/`) whether its text is needed. The path may hold any character."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one reading; what lies beyond is left out with a finding. Sizes in bytes."""

    file_size: int = 5 * 1024 * 1024
    files: int = 200_000
    total_size: int = 1024 * 1024 * 1024
    entries: int = 2_000_000
    large_files: int = 200
    findings_of_a_kind: int = 20


@dataclass(frozen=True, slots=True)
class Contents:
    """The wanted files by path, in order. `blobs` holds Git's blob id of each, also outside Git.

    `left_out` are wanted files that were not read; a finding says why.
    """

    files: Mapping[str, bytes] = field(repr=False)
    blobs: Mapping[str, str] = field(repr=False)
    left_out: frozenset[str] = frozenset()
    findings: tuple[Finding, ...] = ()
    size: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An allowlist repository as it was read.

    `where` names the repository and stays the same from reading to reading. `commit` is None outside Git and in a
    repository without a commit. `dirty` says that the files are not exactly the wanted files of `commit`; it is None
    outside Git. `branch` is the branch that was read, None when `--at` named no branch or HEAD is detached.
    `size` is that of all files. `changed` are the paths that differ from those of the commit `since`, where it was made
    from the snapshot there. `lag` says that the repository may stand elsewhere by now, since when, and why.
    """

    where: str
    kind: Kind
    commit: str | None
    dirty: bool | None
    branch: str | None
    files: Mapping[str, bytes] = field(repr=False)
    blobs: Mapping[str, str] = field(repr=False)
    findings: tuple[Finding, ...] = ()
    size: int = 0
    since: str | None = None
    changed: tuple[str, ...] = ()
    lag: Finding | None = None

    @classmethod
    def of(
        cls, contents: Contents, where: str, kind: Kind, *, commit: str | None, dirty: bool | None, branch: str | None
    ) -> Snapshot:
        return cls(where, kind, commit, dirty, branch, contents.files, contents.blobs, contents.findings, contents.size)


class Source(Protocol):
    """Gives the files of an allowlist as they are now. `since` is what it gave before, so that it need not read all."""

    def __call__(self, since: Snapshot | None = None) -> Snapshot: ...


@dataclass(frozen=True, slots=True)
class Commit:
    """Who last touched a line. `date` is ISO 8601 with the author's own offset."""

    sha: str
    author: str
    date: str
    summary: str


@dataclass(frozen=True, slots=True)
class Author:
    """Name and address of a commit's author or committer."""

    name: str
    email: str


POSTERN = Author("Postern", "postern@localhost")
