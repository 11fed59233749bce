"""The next snapshot from the one before: what a commit changed is read, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

from bot.world.config_repo.paths import fault_of
from bot.world.config_repo.reading import Head, branch_commit, default_head, is_branch
from bot.world.config_repo.running import GitDir
from bot.world.config_repo.values import Limits, Snapshot, Wanted
from skills.core.errors import Unreachable
from skills.core.shelves import changed

_ORDINARY = frozenset({"100644", "100755", "000000"})  # a file, a program, nothing there
_REF = "ref: "
_BRANCHES = "refs/heads/"
_SHORTEST_BATCH = 64  # this many blobs are worth a process that reads them all


class Changed(NamedTuple):
    """One path that differs between two commits. `id` is None where nothing stands any more."""

    path: str
    id: str | None
    ordinary: bool


def head_now(git: GitDir) -> Head:
    """As `default_head`, without a new process where HEAD names a branch that has a commit."""
    try:
        said = (git.path / "HEAD").read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return default_head(git)
    if not said.startswith(_REF + _BRANCHES) or "\n" in said:
        return default_head(git)
    ref = said.removeprefix(_REF)
    commit = git.objects.get(f"{ref}^{{commit}}")
    return Head(commit.id, ref.removeprefix(_BRANCHES)) if commit else default_head(git)


def branch_now(git: GitDir, branch: str) -> str | None:
    """As `branch_commit`, without a new process where the branch has a commit."""
    commit = git.objects.get(f"{_BRANCHES}{branch}^{{commit}}") if is_branch(branch) else None
    return commit.id if commit else branch_commit(git, branch)


def follow(git: GitDir, since: Snapshot, head: Head, wanted: Wanted, limits: Limits) -> Snapshot | None:
    """The snapshot at `head`, if all that differs from `since` are ordinary files; None: it must be read as a whole.

    `since` was read with the same `wanted` and `limits`.
    """
    if since.commit is None or since.dirty or since.findings:
        return None
    if since.commit == head.commit:
        return since if since.branch == head.branch else replace(since, branch=head.branch, since=None)
    touched = []
    for each in _changed(git, since.commit, head.commit):
        if not each.ordinary or (wanted(each.path) and fault_of(each.path)):
            return None
        if wanted(each.path):
            touched.append(each)
    if len(touched) > _SHORTEST_BATCH:
        return None
    texts = _texts(git, touched, limits)
    if texts is None:
        return None
    size = since.size + sum(len(texts[path] or b"") - len(since.files.get(path, b"")) for path in texts)
    files = changed(since.files, texts)
    blobs = changed(since.blobs, {path: id for path, id, _ in touched})
    if len(files) > limits.files or size > limits.total_size:
        return None
    return replace(
        since,
        commit=head.commit,
        branch=head.branch,
        files=files,
        blobs=blobs,
        size=size,
        since=since.commit,
        changed=tuple(each.path for each in touched),
    )


def _texts(git: GitDir, touched: Iterable[Changed], limits: Limits) -> dict[str, bytes | None] | None:
    """The texts by path, None for what is gone; no texts at all where one is missing or too large."""
    texts: dict[str, bytes | None] = {}
    for path, id, _ in touched:
        found = git.objects.get(id) if id is not None else None
        if id is not None and (found is None or len(found.data) > limits.file_size):
            return None
        texts[path] = found.data if found else None
    return texts


def _changed(git: GitDir, old: str, new: str) -> Iterator[Changed]:
    """Every path that differs. What is a link or a submodule on either side is not ordinary."""
    try:
        with git.stream("diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", old, new) as out:
            records = out.read().split(b"\0")
    except Unreachable:
        yield Changed("", None, False)  # the old commit is gone, so nothing can be said of the difference
        return
    for about, path in zip(records[0:-1:2], records[1:-1:2], strict=True):
        mode_before, mode, _, id, _ = about.decode().removeprefix(":").split(" ")
        ordinary = mode_before in _ORDINARY and mode in _ORDINARY
        yield Changed(path.decode("utf-8", "surrogateescape"), None if mode == "000000" else id, ordinary)
