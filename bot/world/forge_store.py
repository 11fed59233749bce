"""Where the local forge keeps commits and branches: in a bare repository itself, or in a hidden copy of a folder's."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Protocol

from bot.world.config_repo import (
    FETCH_SECONDS,
    ConfigRepo,
    GitDir,
    branch_commit,
    branch_of,
    commit_of,
    create_bare,
    folder_name,
    head_now,
    held,
    is_ancestor,
    is_branch,
    move_branch,
    network,
)
from skills.core.errors import AskUnclear, Outdated

_FOLDER = "refs/postern/folder"
_ADOPTED = "refs/postern/adopted"


class Store(Protocol):
    """`folder` is where the forge keeps its own files; `where` the canonical name of the repository."""

    @property
    def folder(self) -> Path: ...

    @property
    def where(self) -> str: ...

    def git(self) -> GitDir:
        """The repository that holds the branches."""

    def default_branch(self) -> str:
        """The branch to merge into when nobody names one (AskUnclear, EGR455)."""

    def synced(self, target: str) -> GitDir:
        """The same, after it has taken over what is new in the person's own repository."""

    def commands(self, target: str) -> tuple[str, ...]:
        """What a person runs to have the merged `target` in their own copy."""


def of(repo: ConfigRepo, home: Path) -> Store:
    """The store of a repository.

    Raises:
        AskUnclear: EGR441, a folder outside Git; EGR442, a URL that is not of this machine.
    """
    if repo.kind == "url" and repo.path is None:
        raise AskUnclear("EGR442", where=repo.where)
    if repo.kind == "url":
        repo = ConfigRepo.open(str(repo.path), home=home)
    folder = home.absolute() / "forge" / folder_name(repo.where)
    if repo.kind == "bare":
        return InPlace(folder, repo.git())
    if repo.path is None or not (repo.path / ".git").exists():
        raise AskUnclear("EGR441", where=repo.where)
    return Copy(folder, repo.path, repo.git())


class InPlace:
    """A bare repository is the forge's own: branches and merges go straight into it."""

    def __init__(self, folder: Path, git: GitDir) -> None:
        self.folder = folder
        self.where = git.where
        self._git = git

    def git(self) -> GitDir:
        return self._git

    def default_branch(self) -> str:
        return _named(head_now(self._git).branch, self.where)

    def synced(self, target: str) -> GitDir:  # noqa: ARG002 - there is no other repository to take over from
        return self._git

    def commands(self, target: str) -> tuple[str, ...]:  # noqa: ARG002
        return ()


class Copy:
    """A folder's repository is only read. The copy's target follows it, until a merge puts the copy ahead."""

    def __init__(self, folder: Path, work_tree: Path, own: GitDir) -> None:
        self.folder = folder
        self.where = own.where
        self._work_tree = work_tree
        self._own = own
        self._copy = GitDir(folder / "copy.git", own.where)

    def git(self) -> GitDir:
        if not (self._copy.path / "HEAD").is_file():
            create_bare(self._copy.path, self.where)
        return self._copy

    def default_branch(self) -> str:
        return _named(branch_of(self._own), self.where)

    def synced(self, target: str) -> GitDir:
        if commit_of(self._own, "HEAD") is None:
            raise AskUnclear("EGR544", where=self.where)
        # A lock of its own: who only reads the target does not hold the forge's.
        with held(self.folder / "copy.lock", self.where, FETCH_SECONDS):
            git = self.git()
            self._fetch(git)
            if is_branch(target):
                self._follow(git, target)
        return git

    def _fetch(self, git: GitDir) -> None:
        git.run(
            "fetch",
            "--quiet",
            "--prune",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-recurse-submodules",
            "--update-shallow",
            str(self._work_tree),
            f"+refs/heads/*:{_FOLDER}/heads/*",
            f"+HEAD:{_FOLDER}/HEAD",
            env=network("file", "", None),
            seconds=FETCH_SECONDS,
        )

    def _follow(self, git: GitDir, target: str) -> None:
        theirs = commit_of(git, f"{_FOLDER}/heads/{target}")
        ours = branch_commit(git, target)
        if theirs is None:
            return
        if theirs != ours:
            nothing_of_ours = ours is None or ours == commit_of(git, f"{_ADOPTED}/{target}")
            if nothing_of_ours or is_ancestor(git, ours or theirs, theirs):
                # The folder's branch is the truth, also after it was rewritten.
                move_branch(git, target, old=ours, new=theirs)
            elif is_ancestor(git, theirs, ours or theirs):
                return
            else:
                raise Outdated("EGR454", branch=target, where=self.where, command=self.commands(target)[0])
        git.run("update-ref", "--no-deref", f"{_ADOPTED}/{target}", theirs)

    def commands(self, target: str) -> tuple[str, ...]:
        copy = str(self._copy.path)
        verb = ("pull", copy, target) if branch_of(self._own) == target else ("fetch", copy, f"{target}:{target}")
        return (shlex.join(("git", "-C", str(self._work_tree), *verb)),)


def _named(branch: str | None, where: str) -> str:
    if branch is None:
        raise AskUnclear("EGR455", where=where)
    return branch
