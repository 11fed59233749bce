"""A bare mirror of a repository that is known by its URL, kept below POSTERN_HOME.

    mirrors/<name>-<digest>/lock
    mirrors/<name>-<digest>/current -> 3.git     the mirror that is read; replaced in one step
    mirrors/<name>-<digest>/3.git
    mirrors/<name>-<digest>/asked            how often the remote was asked, and when it answered last

A mirror that is damaged, or that a killed git left locked, is built anew beside the old one and swapped, so that a
reader never meets half of one. Whoever waits while somebody else asks takes that answer: many asks at once are few.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from bot.world.config_repo.address import Address
from bot.world.config_repo.failures import is_silence
from bot.world.config_repo.held import held
from bot.world.config_repo.mirror_care import Asked, span, tidy
from bot.world.config_repo.pushing import push_branch
from bot.world.config_repo.reading import refs
from bot.world.config_repo.running import ASK_SECONDS, FETCH_SECONDS, GitDir, create_bare, network
from skills.core.errors import AskUnclear, Mendable, Unreachable
from skills.core.model import Finding

DAMAGED, _LOCKED = "EGR551", "EGR569"
_AT_ONCE = 2.0  # seconds
_OLDEST = 24 * 3600.0  # seconds: an older mirror is no basis for an answer, whatever is said with it
PROTOCOLS = "file:https:http:ssh"
_MIRRORED = ("refs/heads/", "refs/tags/")
_HEAD = "HEAD"


def folder_name(where: str) -> str:
    """A short folder name for a repository: readable, and different for each."""
    last = where.rstrip("/").rpartition("/")[2].removesuffix(".git")
    slug = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "-" for c in last)[:40].strip("-")
    return f"{slug or 'repository'}-{sha256(where.encode('utf-8', 'surrogateescape')).hexdigest()[:16]}"


class Remote(NamedTuple):
    """What a remote has: its branches and tags, and the branch that its HEAD names."""

    refs: dict[str, str]
    head: str | None


def ask(where: str, url: str, env: Mapping[str, str]) -> Remote:
    """Ask the repository at `url` (or a path) what it has.

    Raises:
        Unreachable: it does not answer, or not to us.
        AskUnclear: EGR544, it has no commit.
    """
    patterns = [f"{prefix}*" for prefix in _MIRRORED]
    told = GitDir(Path("/nowhere"), where).run(
        "ls-remote", "--symref", url, _HEAD, *patterns, env=env, seconds=ASK_SECONDS
    )
    remote: dict[str, str] = {}
    head = None
    for line in told.decode("utf-8", "surrogateescape").splitlines():
        value, _, name = line.partition("\t")
        if value.startswith("ref: refs/heads/") and name == _HEAD:
            head = value.removeprefix("ref: ")
        elif name.startswith(_MIRRORED) and not name.endswith("^{}"):
            remote[name] = value
    if not remote:
        raise AskUnclear("EGR544", where=where)
    return Remote(remote, head)


def take_over(git: GitDir, url: str, remote: Remote, env: Mapping[str, str]) -> None:
    """Let `git` have exactly the branches, tags and HEAD of the remote; a fetch only when something differs."""
    if refs(git, *_MIRRORED) != remote.refs:
        specs = [f"+{prefix}*:{prefix}*" for prefix in _MIRRORED]
        git.run(
            "fetch",
            "--quiet",
            "--prune",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-recurse-submodules",
            "--update-shallow",
            url,
            *specs,
            env=env,
            seconds=FETCH_SECONDS,
        )
    if remote.head is not None and remote.head != _named(git):
        git.run("symbolic-ref", _HEAD, remote.head)


def _named(git: GitDir) -> str | None:
    """The branch that HEAD names, without a process."""
    try:
        return (git.path / _HEAD).read_text("utf-8").strip().removeprefix("ref: ")
    except (OSError, UnicodeDecodeError):
        return None


class Mirror:
    """The mirror of one URL. `home` is POSTERN_HOME."""

    def __init__(self, address: Address, home: Path) -> None:
        self._url = address.url or ""
        self._where = address.where
        self._env = network(PROTOCOLS, self._url, address.authorization, address.ca)
        self._folder = home / "mirrors" / folder_name(address.where)
        self._asked = Asked(self._folder / "asked")
        self._fresh_at: float | None = None
        self._failed: tuple[float, Mendable] | None = None

    def refreshed(self, within: float = 0.0) -> GitDir:
        """The mirror as the remote stands now: one request when nothing moved, else a fetch as well.

        `within`: no request at all when this process brought it up to date so many seconds ago.

        Raises:
            Unreachable: the remote does not answer, or not to us.
            AskUnclear: EGR544, the remote has no commit.
        """
        came, seen = time.monotonic(), self._asked.begun()
        if self._fresh_at is not None and came - self._fresh_at <= within and (git := self._current()):
            return git
        with held(self._folder / "lock", self._where, FETCH_SECONDS):
            git = self._current()
            if git is not None and self._asked.answered() > seen:
                return git
            if self._failed is not None and self._failed[0] >= came:
                raise self._failed[1]
            began = time.monotonic()
            try:
                number = self._asked.begin()
                git = self._refreshed(git)
                self._asked.end(number)
            except Mendable as failure:
                self._failed = (began, failure)
                raise
            self._fresh_at = began
            return git

    def as_left(self, failure: Mendable) -> tuple[GitDir, Finding] | None:
        """The mirror as it was when the remote answered last, and what must be said of it.

        None: there is none or it is too old, or the remote did answer and `failure` says what.
        """
        git, at = self._current(), self._asked.at()
        age = max(0.0, time.time() - at) if at else None
        if git is None or age is None or age > _OLDEST or not is_silence(failure):
            return None
        facts = {"where": self._where, "age": span(age), "why": str(failure.facts.get("says", "no answer in time"))}
        return git, Finding("EGR045", facts)

    def push(self, git: GitDir, branch: str, *, old: str | None, new: str) -> None:
        """Push to the remote, then let the mirror say the same, so that the next look needs no fetch.

        Raises:
            Outdated, NotAllowed, Unreachable: as `push_branch`.
        """
        push_branch(git, self._url, self._env, branch, old=old, new=new)
        # The work is done: a mirror that can't be written learns of it when it is brought up to date.
        git.attempt("update-ref", "--no-deref", f"refs/heads/{branch}", new)

    def instead_of(self, damaged: GitDir) -> GitDir:
        """Another mirror, after a reader met damage in this one: what somebody else has swapped in, or a new one."""
        with held(self._folder / "lock", self._where, FETCH_SECONDS):
            git = self._current()
            return git if git is not None and git.path != damaged.path else self._build(self._ask())

    def _refreshed(self, git: GitDir | None) -> GitDir:
        remote = self._ask()
        if git is None:
            return self._build(remote)
        self._sweep(git)
        try:
            take_over(git, self._url, remote, self._env)
        except Mendable as failure:
            if failure.code not in (DAMAGED, _LOCKED):
                raise
            return self._build(remote)
        tidy(git, self._folder / "tidied")
        return git

    def _ask(self) -> Remote:
        try:
            return self._asked_twice()
        except AskUnclear:
            if self._current() is None:
                raise
        # Git takes a proxy's page for an empty list, and a repository does not lose all its commits.
        raise Unreachable("EGR549", where=self._where, says="it lists no branch any more")

    def _asked_twice(self) -> Remote:
        """Where the first answer breaks off at once, that is mostly over at the next try."""
        began = time.monotonic()
        try:
            return ask(self._where, self._url, self._env)
        except Unreachable as failure:
            if not is_silence(failure) or time.monotonic() - began > _AT_ONCE:
                raise
        return ask(self._where, self._url, self._env)

    def _current(self) -> GitDir | None:
        current = self._folder / "current"
        try:
            target = self._folder / current.readlink()
        except OSError:
            return None
        return GitDir(target, self._where) if target.is_dir() else None

    def _build(self, remote: Remote) -> GitDir:
        number = 1 + max((int(path.stem) for path in self._folder.glob("*.git") if path.stem.isdecimal()), default=0)
        git = create_bare(self._folder / f"{number}.git", self._where)
        try:
            take_over(git, self._url, remote, self._env)
            swap = self._folder / f"current.{number}"
            swap.unlink(missing_ok=True)
            swap.symlink_to(git.path.name)
            swap.replace(self._folder / "current")
        finally:
            self._sweep(self._current())
        return git

    def _sweep(self, git: GitDir | None) -> None:
        """Remove every other copy, also what an earlier attempt left half-built; only the holder of the lock may."""
        for path in self._folder.glob("*.git"):
            if git is None or path != git.path:
                shutil.rmtree(path, ignore_errors=True)
