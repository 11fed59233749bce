"""New bare repositories for the demo: from plain files, or as a copy of somebody's own, which is only read."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bot.world.config_repo.objects import Entry
from bot.world.config_repo.repository import ConfigRepo
from bot.world.config_repo.running import FETCH_SECONDS, GitDir, create_bare, network
from bot.world.config_repo.values import POSTERN
from bot.world.config_repo.writing import graft, move_branch, write_commit_object

_PLAIN = "100644"


def new_repository(path: Path, files: Mapping[str, bytes], *, message: str, date: str, branch: str = "main") -> None:
    """A bare repository at `path` with one commit on `branch` that holds `files`. `date` is ISO 8601."""
    with _in_one_step(path) as git:
        changes: dict[str, Entry | None] = {}
        for name, text in files.items():
            blob = git.line("hash-object", "-w", "--no-filters", "--stdin", feed=text)
            changes[name] = Entry(_PLAIN, blob, name)
        empty = git.line("hash-object", "-t", "tree", "-w", "--stdin", feed=b"")
        tree = graft(git, empty, changes)
        commit = write_commit_object(git, tree, (), message=message, author=POSTERN, date=date)
        move_branch(git, branch, old=None, new=commit)


def copy_repository(asked: str, path: Path, *, home: Path, date: str) -> None:
    """A bare copy of what `asked` names. A folder outside Git becomes a repository with one commit.

    Raises:
        AskUnclear, Unreachable: as `ConfigRepo.open` and `ConfigRepo.snapshot` do.
    """
    repo = ConfigRepo.open(asked, home=home)
    snapshot = repo.snapshot(lambda _: True)
    if snapshot.commit is None:
        new_repository(path, snapshot.files, message=f"The files of {path.stem}", date=date)
        return
    with _in_one_step(path) as git:
        source = repo.git().path
        fetch = (
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-recurse-submodules",
            "--update-shallow",
        )
        env = network("file", "", None)
        git.run(*fetch, str(source), "+refs/heads/*:refs/heads/*", env=env, seconds=FETCH_SECONDS)
        git.run("symbolic-ref", "HEAD", f"refs/heads/{snapshot.branch or repo.default_branch() or 'main'}")


@contextmanager
def _in_one_step(path: Path) -> Iterator[GitDir]:
    """Made beside its place and renamed: a killed start leaves nothing that looks finished."""
    beside = path.with_name(f".{path.name}.new")
    shutil.rmtree(beside, ignore_errors=True)
    yield create_bare(beside, str(path))
    beside.rename(path)
