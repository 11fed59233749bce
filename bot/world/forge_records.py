"""Merge requests of the local forge as files, one each, written so that a kill at any moment leaves the old or the new.

requests/<number>-<request key>.json    the truth
requests/<number>.md                    the same for a person's eyes
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_type_hints

import re2

from bot.world.forge import Note
from skills.core.errors import Unreachable

_KEY = re2.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_NAME = re2.compile(r"([1-9][0-9]{0,9})-([A-Za-z0-9][A-Za-z0-9._-]{0,79})\.json")
_TEMPORARY = ".writing-"


def is_key(text: str) -> bool:
    """Whether `text` can be a request key: it becomes part of a branch and of a file name."""
    return bool(_KEY.fullmatch(text)) and ".." not in text and not text.endswith((".", ".lock"))


@dataclass(frozen=True, slots=True)
class Record:
    """What the local forge knows of one merge request.

    `state` is `preparing` between the decision to move the branch and the move. `made` are all commits that Postern has
    made for it, written down before the branch moves, so that it is known after a kill which commits are ours.
    """

    number: int
    key: str
    title: str
    body: str
    source: str
    target: str
    head: str
    base: str
    state: Literal["preparing", "opened", "merged", "closed"]
    author: str
    made: tuple[str, ...]
    labels: tuple[str, ...] = ()
    reviewers: tuple[str, ...] = ()
    approvals: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    merged_commit: str | None = None


class Records:
    """The records in one folder. Whoever writes holds the forge's lock."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, number: int) -> Record | None:
        return next((self._load(path) for found, _, path in self._listed() if found == number), None)

    def newest(self, key: str) -> Record | None:
        of_key = [(number, path) for number, found, path in self._listed() if found == key]
        return self._load(max(of_key)[1]) if of_key else None

    def made(self, key: str) -> frozenset[str]:
        """Every commit that was ever made for a request key, over all its merge requests."""
        return frozenset(sha for _, found, path in self._listed() if found == key for sha in self._load(path).made)

    def opened(self) -> list[Record]:
        return [record for *_, path in self._listed() if (record := self._load(path)).state == "opened"]

    def next_number(self) -> int:
        return 1 + max((number for number, _, _ in self._listed()), default=0)

    def save(self, record: Record) -> None:
        """Write down a record. Raises Unreachable (EGR569) when the disk refuses."""
        text = json.dumps(asdict(record), ensure_ascii=False, indent=1)
        write_durably(self._folder, f"{record.number}-{record.key}.json", text)
        if record.state != "preparing":
            write_durably(self._folder, self.page(record.number).name, _page(record))

    def page(self, number: int) -> Path:
        """Where a person can read the merge request."""
        return self._folder / f"{number}.md"

    def sweep(self) -> None:
        """Remove what a killed writer left; only the holder of the lock may."""
        for path in self._folder.glob(f"{_TEMPORARY}*"):
            with suppress(OSError):
                path.unlink()

    def _listed(self) -> Iterator[tuple[int, str, Path]]:
        try:
            names = sorted(path.name for path in self._folder.iterdir())
        except FileNotFoundError:
            return
        for name in names:
            if match := _NAME.fullmatch(name):
                yield int(match.group(1)), match.group(2), self._folder / name

    def _load(self, path: Path) -> Record:
        try:
            return _record(json.loads(path.read_text("utf-8")))
        except (OSError, ValueError, TypeError, KeyError):
            raise Unreachable("EGR452", path=str(path)) from None


def write_durably(folder: Path, name: str, text: str) -> None:
    """The whole file or the one from before, whatever happens meanwhile (Unreachable, EGR569: the disk refuses)."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = folder / f"{_TEMPORARY}{name}"
        with temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(folder / name)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise Unreachable("EGR569", where=str(folder), says=os.strerror(error.errno or 0)) from None


def _record(stored: dict[str, Any]) -> Record:
    known = {field.name for field in fields(Record)}
    values = {name: value for name, value in stored.items() if name in known}
    for name, hint in get_type_hints(Record).items():
        if name in values and str(hint).startswith("tuple"):
            values[name] = tuple(values[name])
    values["notes"] = tuple(Note(**note) for note in values["notes"])
    return Record(**values)


def _page(record: Record) -> str:
    lines = [
        f"# !{record.number} {record.title}",
        "",
        f"`{record.source}` → `{record.target}` · {record.state} · {record.head[:12]}",
        "",
        record.body,
    ]
    lines += [f"\n---\n\n{note.by}, {note.at}\n\n{note.text}" for note in record.notes]
    return "\n".join(lines) + "\n"
