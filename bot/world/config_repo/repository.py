"""The allowlist repository that a person named, whatever kind it is: one face for folder, bare repository and URL."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from bot.world.config_repo import following, reading, writing
from bot.world.config_repo.address import Address, parse
from bot.world.config_repo.folder import read_folder
from bot.world.config_repo.mirror import DAMAGED, Mirror
from bot.world.config_repo.paths import shown
from bot.world.config_repo.running import GitDir
from bot.world.config_repo.values import Author, Commit, Kind, Limits, Snapshot, Wanted
from bot.world.config_repo.work_tree import write_to_folder
from skills.core.errors import AskUnclear, Unreachable
from skills.core.model import Edit, Finding

T = TypeVar("T")
_AT_REST = Limits()


class ConfigRepo:
    """Opened with `ConfigRepo.open`. `where` is the repository's canonical name, `home` POSTERN_HOME."""

    def __init__(self, address: Address, home: Path) -> None:
        self._address = address
        self._home = home
        self._mirror = Mirror(address, home) if address.kind == "url" else None
        self._git: GitDir | None = None

    @classmethod
    def open(cls, asked: str, *, home: Path, authorization: str | None = None, ca: str | None = None) -> ConfigRepo:
        """What `asked` (`--config PATH_OR_URL`) names. A URL is not called yet.

        Args:
            authorization: value of an Authorization header for an `https` URL; it is kept nowhere.
            ca: file with the certificate authority to trust there, instead of the system's.

        Raises:
            AskUnclear: EGR541, EGR542, EGR548.
            Unreachable: EGR543.
        """
        return cls(replace(parse(asked, authorization), ca=ca), home)

    @property
    def where(self) -> str:
        return self._address.where

    @property
    def kind(self) -> Kind:
        return self._address.kind

    @property
    def path(self) -> Path | None:
        """The folder or git directory; for a `file://` URL what it names, for other URLs None."""
        return self._address.path

    def has_git(self) -> bool:
        """Whether there are commits to ask for: everything but a folder without a `.git` of its own."""
        return self.kind != "folder" or (self.path is not None and (self.path / ".git").exists())

    def snapshot(
        self,
        wanted: Wanted,
        *,
        at: str | None = None,
        limits: Limits = _AT_REST,
        since: Snapshot | None = None,
    ) -> Snapshot:
        """Read the files for which `wanted(path)` holds: those on disk, or with `at` (and outside folders) a commit's.

        `since` is an earlier snapshot that was asked for in the same words: of commits, only what differs is read.

        Raises:
            AskUnclear: EGR544 no commit, EGR545 no default branch, EGR546 no such revision, EGR547 `at` outside Git.
            Unreachable: EGR543, EGR549 to EGR554.
        """
        if self.kind == "folder" and at is None:
            return self._of_folder(wanted, limits)
        return self.read(lambda git, last: self._of_commit(git, wanted, at, limits, last), since)

    def read(self, work: Callable[[GitDir, Snapshot | None], Snapshot], since: Snapshot | None) -> Snapshot:
        """What `work` reads from this repository as it stands now; `since` is what it read before.

        While the remote of a mirror does not answer, the mirror is read as it was left, and the snapshot says so
        (`lag`): a reader may be given that, nothing may be written on it.
        """
        lag = None
        try:
            self.git(fresh=True)
        except Unreachable as failure:
            left = self._mirror.as_left(failure) if self._mirror else None
            if left is None:
                raise
            self._git, lag = self._same(left[0]), left[1]
        snapshot = self.with_git(lambda git: work(git, since), within=None)
        return snapshot if snapshot.lag == lag else replace(snapshot, lag=lag)

    def with_git(self, work: Callable[[GitDir], T], *, within: float | None = 0.0, commit: str | None = None) -> T:
        """What `work` makes of the git directory; with a mirror that is damaged, again on one that was built anew.

        Args:
            within: a mirror that was brought up to date this many seconds ago still counts as fresh (None: as it is).
            commit: the mirror must hold this one, else it is brought up to date all the same.
        """
        git = self.git() if within is None else self.git(fresh=True, within=within)
        if commit and reading.commit_of(git, commit) is None:
            git = self.git(fresh=True)
            if self._mirror and reading.commit_of(git, "HEAD") is None:
                git = self._git = self._mirror.instead_of(git)
        try:
            return work(git)
        except Unreachable as failure:
            if self._mirror is None or failure.code != DAMAGED:
                raise
        self._git = self._mirror.instead_of(git)
        return work(self._git)

    def git(self, *, fresh: bool = False, within: float = 0.0) -> GitDir:
        """The git directory behind this repository; `fresh` brings a mirror up to date first, see `Mirror.refreshed`.

        Raises:
            AskUnclear: EGR547, a folder that is not the top of a work tree of its own.
        """
        if self._mirror is not None and (fresh or self._git is None):
            self._git = self._same(self._mirror.refreshed(within))
        if self._git is None:
            path = self._address.path or Path()
            if self.kind == "folder":
                if not self.has_git():
                    raise AskUnclear("EGR547", where=self.where)
                path /= ".git"
            self._git = GitDir(path, self.where)
        return self._git

    def _same(self, mirror: GitDir) -> GitDir:
        """The one that is held already, if it is of the same mirror: a git may be running for it."""
        return self._git if self._git is not None and self._git.path == mirror.path else mirror

    def text(self, path: str, at: str | None) -> str | None:
        """The text of one file, on disk or as of a commit; None where there is none (AskUnclear, EGR033: no UTF-8)."""
        raw = self.snapshot(lambda each: each == path, at=at).files.get(path)
        try:
            return None if raw is None else raw.decode("utf-8")
        except UnicodeDecodeError:
            raise AskUnclear("EGR033", path=shown(path)) from None

    def default_branch(self) -> str | None:
        """The branch that changes go to unless somebody says otherwise; None when HEAD is detached."""
        return reading.default_head(self.git()).branch

    def resolve(self, revision: str) -> str:
        """The full name of the commit that `revision` names (AskUnclear, EGR546)."""
        return reading.resolve(self.git(), revision)

    def blame(self, path: str, line: int, at: str) -> Commit | None:
        """Who last touched `line` (from 1) of `path` as of the commit `at`; None when it is not there."""
        git = self.git()
        return reading.blame(git, path, line, reading.resolve(git, at))

    def parents(self, commit: str) -> list[str]:
        """The parents of a commit; none where it is not there."""
        return reading.parents(self.git(), commit)

    def commit_files(
        self,
        base: str,
        branch: str,
        files: Mapping[str, str | None],
        message: str,
        author: Author,
        date_iso: str,
    ) -> str:
        """Commit `files` (None deletes) on `base` and let the new branch `branch` stand there.

        The same inputs give the same commit; a branch that stands there already is left as it is.

        Raises:
            AskUnclear: EGR564, EGR565, EGR566, EGR457.
            Outdated: EGR568, the branch exists and stands elsewhere.
        """
        git = self.git()
        commit = writing.write_commit(
            git, reading.resolve(git, base), files, message=message, author=author, date=date_iso
        )
        writing.move_branch(git, branch, old=None, new=commit)
        return commit

    def push(self, branch: str, *, old: str | None, new: str) -> None:
        """Push a commit of the mirror to a branch of the repository that a URL names.

        Raises:
            Outdated: EGR568, the branch stands elsewhere than at `old`.
            NotAllowed: EGR480, the server refuses it, in its own words.
            Unreachable: EGR549 to EGR554.
        """
        if self._mirror is None:
            raise ValueError("only a repository known by its URL is pushed to")
        self._mirror.push(self.git(), branch, old=old, new=new)

    def write(self, edits: Sequence[Edit]) -> None:
        """Write edits into the folder on disk; see `write_to_folder`.

        Raises:
            AskUnclear: EGR570, this is no folder.
        """
        if self.kind != "folder" or self._address.path is None:
            raise AskUnclear("EGR570", where=self.where)
        write_to_folder(self._address.path, edits)

    def _of_commit(
        self, git: GitDir, wanted: Wanted, at: str | None, limits: Limits, since: Snapshot | None
    ) -> Snapshot:
        if at is None:
            head = following.head_now(git)
        else:
            commit = reading.resolve(git, at)
            head = reading.Head(commit, at if reading.branch_commit(git, at) == commit else None)
        next_one = following.follow(git, since, head, wanted, limits) if since else None
        if next_one is not None:
            return next_one
        contents = reading.read_commit(git, head.commit, wanted, limits)
        return Snapshot.of(contents, self.where, self.kind, commit=head.commit, dirty=False, branch=head.branch)

    def _of_folder(self, wanted: Wanted, limits: Limits) -> Snapshot:
        root = self._address.path or Path()
        inside, head = self._own_head()
        stands, submodules = reading.wanted_blobs(self.git(), head.commit, wanted, limits) if head else ({}, [])
        contents = read_folder(
            root,
            wanted,
            limits,
            without=[self._home.resolve(), *(root / path for path in submodules)],
            id_length=len(head.commit) if head else 40,
        )
        dirty = contents.blobs != {path: id for path, id in stands.items() if path not in contents.left_out}
        notes = [Finding("EGR561", {"path": shown(path)}) for path in submodules[: limits.findings_of_a_kind]]
        if inside is False:
            notes.append(Finding("EGR562", {"where": self.where}))
        return Snapshot.of(
            replace(contents, findings=(*notes, *contents.findings)),
            self.where,
            self.kind,
            commit=head.commit if head else None,
            dirty=dirty if inside else None,
            branch=head.branch if head else None,
        )

    def _own_head(self) -> tuple[bool | None, reading.Head | None]:
        """Whether the folder's own `.git` can be used (None: there is none), and what its HEAD names."""
        try:
            git = self.git()
        except AskUnclear:
            return None, None
        commit = reading.commit_of(git, "HEAD")
        if commit is None:
            return git.attempt("rev-parse", "--git-dir").status == 0, None
        return True, reading.Head(commit, reading.branch_of(git))
