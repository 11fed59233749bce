"""Reads the files on disk below a folder. Links are never followed, and nothing outside the folder is opened."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator
from hashlib import sha1, sha256
from itertools import islice
from pathlib import Path

from bot.world.config_repo.gathering import Gathering
from bot.world.config_repo.paths import fault_of
from bot.world.config_repo.values import Contents, Limits, Wanted


def read_folder(
    root: Path,
    wanted: Wanted,
    limits: Limits,
    *,
    without: Collection[Path] = (),
    id_length: int = 40,
) -> Contents:
    """The wanted files below `root` as they stand on disk; untracked files count, `.git` does not.

    `without` are folders that are passed over. `id_length` is that of the repository's object names (40 or 64), so that
    the blob ids compare with those of a commit.
    """
    gathering = Gathering(limits)
    for path, entry in _walk(root, without, gathering):
        if not wanted(path):
            continue
        if fault := fault_of(path):
            gathering.leave_out(fault, path)
            continue
        _read(path, entry.path, id_length, gathering)
        if gathering.full:
            break
    return gathering.contents()


def _walk(root: Path, without: Collection[Path], gathering: Gathering) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Every regular file, with its path relative to `root`; folders in order of their names."""
    passed_over = {str(path) for path in without}
    real = os.path.realpath(root)
    open_folders = [("", str(root))]
    count = 0
    while open_folders:
        prefix, folder = open_folders.pop()
        try:
            with os.scandir(folder) as found:
                entries = sorted(islice(found, gathering.limits.entries + 1), key=lambda entry: entry.name)
        except OSError as error:
            gathering.note("EGR559", prefix or ".", says=os.strerror(error.errno or 0))
            continue
        below: list[tuple[str, str]] = []
        for entry in entries:
            count += 1
            path = prefix + entry.name
            if entry.name == ".git" or entry.path in passed_over:
                continue
            if entry.is_symlink():
                _note_link(path, entry.path, real, gathering)
            elif entry.is_dir(follow_symlinks=False):
                below.append((path + "/", entry.path))
            elif entry.is_file(follow_symlinks=False):
                yield path, entry
        if count > gathering.limits.entries:
            gathering.stop()
            return
        open_folders += reversed(below)


def _note_link(path: str, full: str, root: str, gathering: Gathering) -> None:
    # What a link inside the folder points to is read under its own name, so only those that leave matter.
    target = os.path.realpath(full)
    if target != root and not target.startswith(root + os.sep):
        gathering.note("EGR555", path)


def _read(path: str, full: str, id_length: int, gathering: Gathering) -> None:
    try:
        # The entry may have become a link or a pipe since it was listed: neither is followed or waited for.
        handle = os.open(full, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    except OSError as error:
        gathering.leave_out("EGR559", path, says=os.strerror(error.errno or 0))
        return
    with os.fdopen(handle, "rb") as file:
        seen = os.fstat(handle)
        if not stat.S_ISREG(seen.st_mode):
            return
        text = file.read(min(seen.st_size, gathering.limits.file_size) + 1)
    if len(text) > gathering.limits.file_size:
        gathering.too_large(path)
    else:
        gathering.take(path, blob_id(text, id_length), text)


def blob_id(text: bytes, id_length: int = 40) -> str:
    """The name that Git gives to a blob of these bytes."""
    framed = b"blob %d\0" % len(text) + text
    # Names, not protection: SHA-1 is what Git's object format says.
    return sha256(framed).hexdigest() if id_length == 64 else sha1(framed, usedforsecurity=False).hexdigest()
