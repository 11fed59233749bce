"""Writes edits into a folder on disk (`--write`): each file in one step, and none unless all can be."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from bot.world.config_repo.paths import check_writable, shown
from bot.world.config_repo.writing import check_utf8
from skills.core.errors import AskUnclear, Outdated, Unreachable
from skills.core.model import Edit

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE = 0o644


@dataclass(slots=True)
class _Write:
    """One file on its way. `folder` is an open handle, so that a folder that is swapped meanwhile is not entered."""

    path: str
    folder: int
    name: str
    old: bytes | None
    temporary: str
    done: bool = False


def write_to_folder(folder: Path, edits: Sequence[Edit]) -> None:
    """Write the new text of every edit below `folder`.

    All files are checked and written beside their places first; only then are they put in place, one after the other.
    If that fails half-way, what stood before is put back as far as the disk allows.

    Raises:
        Outdated: EGR567, a file is not what the draft saw.
        AskUnclear: EGR564 a path that may not be written, EGR565 a link on the way, EGR566 a file that is not UTF-8.
        Unreachable: EGR569, the disk refuses.
    """
    if len({edit.path for edit in edits}) != len(edits):
        raise ValueError("two edits of one file")
    made: list[tuple[int, str]] = []
    writes: list[_Write] = []
    finished = False
    with ExitStack() as open_handles:
        try:
            for edit in edits:
                writes.append(_prepare(folder, edit, open_handles, made))
            for write in writes:
                os.replace(write.temporary, write.name, src_dir_fd=write.folder, dst_dir_fd=write.folder)
                write.done = True
            finished = True
        except OSError as error:
            raise Unreachable("EGR569", where=str(folder), says=os.strerror(error.errno or 0)) from None
        finally:
            if not finished:
                _undo(writes, made)


def _prepare(root: Path, edit: Edit, handles: ExitStack, made: list[tuple[int, str]]) -> _Write:
    check_writable(edit.path)
    *parents, name = edit.path.split("/")
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    handles.callback(os.close, folder)
    for parent in parents:
        try:
            below = os.open(parent, _FOLDER, dir_fd=folder)
        except FileNotFoundError:
            os.mkdir(parent, dir_fd=folder)
            made.append((folder, parent))
            below = os.open(parent, _FOLDER, dir_fd=folder)
        except PermissionError:
            raise
        except OSError:
            raise AskUnclear("EGR565", path=shown(edit.path)) from None
        handles.callback(os.close, below)
        folder = below
    old, mode = _read(folder, name, edit.path)
    _check_seen(edit, old)
    temporary = f".{name[:100]}.postern-{os.getpid()}"
    write = _Write(edit.path, folder, name, old, temporary)
    _write_new(write.folder, temporary, edit.new_text.encode(), mode)
    return write


def _read(folder: int, name: str, path: str) -> tuple[bytes | None, int]:
    try:
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError:
        return None, _NEW_FILE
    except PermissionError:
        raise
    except OSError:
        raise AskUnclear("EGR565", path=shown(path)) from None
    mode = os.fstat(handle).st_mode
    if not stat.S_ISREG(mode):
        os.close(handle)
        raise AskUnclear("EGR565", path=shown(path))
    with os.fdopen(handle, "rb") as file:
        return file.read(), stat.S_IMODE(mode)


def _check_seen(edit: Edit, old: bytes | None) -> None:
    check_utf8(edit.path, old or b"")
    if old != (None if edit.old_text is None else edit.old_text.encode()):
        raise Outdated("EGR567", path=shown(edit.path))


def _write_new(folder: int, name: str, text: bytes, mode: int) -> None:
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)
    handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text)
            file.flush()
            os.fchmod(handle, mode)
            os.fsync(handle)
    except OSError:
        os.unlink(name, dir_fd=folder)
        raise


def _undo(writes: Sequence[_Write], made: Sequence[tuple[int, str]]) -> None:
    for write in writes:
        with suppress(OSError):
            if not write.done:
                os.unlink(write.temporary, dir_fd=write.folder)
            elif write.old is None:
                os.unlink(write.name, dir_fd=write.folder)
            else:
                mode = stat.S_IMODE(os.stat(write.name, dir_fd=write.folder).st_mode)
                _write_new(write.folder, write.temporary, write.old, mode)
                os.replace(write.temporary, write.name, src_dir_fd=write.folder, dst_dir_fd=write.folder)
    for folder, name in reversed(made):
        with suppress(OSError):
            os.rmdir(name, dir_fd=folder)
