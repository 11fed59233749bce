"""Makes a bare repository, whole or not at all: from files, or as a copy of another repository."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from bot.world.config_repo.address import parse
from bot.world.config_repo.folder import read_folder
from bot.world.config_repo.mirror import PROTOCOLS, ask, take_over
from bot.world.config_repo.paths import check_writable, is_writable
from bot.world.config_repo.running import create_bare, network
from bot.world.config_repo.values import POSTERN, Limits

_BRANCH = "main"


def new_repository(path: Path, files: Mapping[str, bytes], *, message: str) -> None:
    """A bare repository at `path` whose branch `main` has one commit with these files.

    Raises:
        AskUnclear: EGR564, one of the paths can't stand in a repository.
    """
    beside = _beside(path)
    git = create_bare(beside, str(path))
    git.run("fast-import", "--quiet", "--date-format=now", feed=_stream(files, message))
    beside.rename(path)


def copy_repository(source: str, path: Path) -> None:
    """A bare copy at `path` of what `source` names; a folder without commits is copied as its files.

    Raises:
        AskUnclear, Unreachable: as `ConfigRepo.open` and reading it.
    """
    address = parse(source)
    if address.kind == "folder" and address.path is not None and not (address.path / ".git").exists():
        contents = read_folder(address.path, is_writable, Limits(), without=[path.parent.resolve()])
        new_repository(path, contents.files, message=f"The files of {address.path.name}")
        return
    url = address.url or str(address.path)
    env = network(PROTOCOLS, url, address.authorization)
    remote = ask(address.where, url, env)
    beside = _beside(path)
    take_over(create_bare(beside, address.where), url, remote, env)
    beside.rename(path)


def _beside(path: Path) -> Path:
    beside = path.with_name(f"{path.name}.new")
    shutil.rmtree(beside, ignore_errors=True)
    return beside


def _stream(files: Mapping[str, bytes], message: str) -> bytes:
    """What git-fast-import reads. A path that it would take apart has been refused."""
    words = message.encode()
    who = f"{POSTERN.name} <{POSTERN.email}>"
    parts = [f"commit refs/heads/{_BRANCH}\ncommitter {who} now\ndata {len(words)}\n".encode(), words, b"\n"]
    for path, text in sorted(files.items()):
        check_writable(path)
        quoted = path.replace('"', '\\"')
        parts += (f'M 100644 inline "{quoted}"\ndata {len(text)}\n'.encode(), text, b"\n")
    return b"".join(parts)
