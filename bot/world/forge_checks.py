"""What every forge does before a branch moves, whatever keeps its merge requests."""

from __future__ import annotations

from collections.abc import Collection

from bot.world.config_repo import (
    LINK,
    POSTERN,
    Author,
    ConfigRepo,
    GitDir,
    Head,
    Kind,
    Limits,
    Snapshot,
    Wanted,
    blobs,
    branch_commit,
    branch_now,
    default_head,
    entries_at,
    follow,
    is_ancestor,
    is_branch,
    read_commit,
    refs,
    shown,
    write_commit,
)
from bot.world.forge import commit_message
from bot.world.forge_records import is_key
from skills.core.errors import AskUnclear, Outdated, Unreachable
from skills.core.model import OpenMergeRequest

_LATELY = 5.0  # seconds: an effect follows at once on what was read for it
_LARGEST = 5 * 1024 * 1024  # bytes of a Markdown file


def read_target(git: GitDir, branch: str, wanted: Wanted, kind: Kind, since: Snapshot | None = None) -> Snapshot:
    """The newest commit of a target branch (AskUnclear EGR447: there is no such branch).

    With `since`, an earlier snapshot of it, only what was touched meanwhile is read.
    """
    commit = branch_now(git, branch)
    if commit is None and refs(git, f"refs/heads/{branch}"):
        raise Unreachable("EGR551", where=git.where, says=f"the commit of {shown(branch)} is missing")
    if commit is None:
        raise AskUnclear("EGR447", branch=branch[:100], where=git.where)
    next_one = follow(git, since, Head(commit, branch), wanted, Limits()) if since else None
    if next_one is not None:
        return next_one
    contents = read_commit(git, commit, wanted, Limits())
    return Snapshot.of(contents, git.where, kind, commit=commit, dirty=False, branch=branch)


def check_effect(effect: OpenMergeRequest) -> None:
    # Keys, branches and edits are ours: a bad one is a fault of the house, not of the asker.
    paths = {edit.path for edit in effect.edits}
    if not is_key(effect.request_key) or not is_branch(effect.branch) or effect.branch == effect.target:
        raise ValueError(f"request key {effect.request_key!r}, branch {effect.branch!r}")
    if not paths or len(paths) != len(effect.edits):
        raise ValueError("a merge request needs edits, and one for each file")


def request_commit(git: GitDir, base: str, effect: OpenMergeRequest, *, asker_is_author: bool = False) -> str:
    """The commit of a request on `base`, on no branch yet: the same effect gives the same commit.

    Postern is its author and committer; who asked stands in a trailer, and is the author only by setting.

    Raises:
        AskUnclear, Outdated: as `write_commit`.
    """
    return write_commit(
        git,
        base,
        {edit.path: edit.new_text for edit in effect.edits},
        message=commit_message(effect),
        author=_asker(effect.author) if asker_is_author else POSTERN,
        date=effect.created_at,
        seen={edit.path: edit.old_text for edit in effect.edits},
    )


def _asker(name: str) -> Author:
    plain = "".join(sign for sign in name if sign.isprintable() and sign not in "<>").strip()
    return Author(plain or POSTERN.name, plain if "@" in plain else POSTERN.email)


def adopted(git: GitDir, there: str, head: str, effect: OpenMergeRequest) -> str:
    """The commit to stand at where the branch stands at `there` already: `head`, or `there` if it says the same.

    A database that was lost or restored gives the same change another date, and so another commit. What people have
    seen and approved is then kept. Ours is what has our committer and trailer: a guard against overwriting somebody's
    work, not against forgery, since an approval is bound to the full name of a commit.

    Raises:
        Outdated: EGR443, `there` is not ours.
    """
    shown = "--format=%T %P%n%ce%n%(trailers:key=Postern-Request,valueonly)"
    content, *ours = git.line("show", "--no-patch", shown, there).split("\n")
    if [line for line in ours if line] != [POSTERN.email, effect.request_key]:
        raise Outdated("EGR443", branch=effect.branch, now=there[:12])
    return there if content == git.line("show", "--no-patch", "--format=%T %P", head) else head


def check_target(git: GitDir, base: str, target: str, touched: Collection[str]) -> str:
    """The commit that the target stands at, after making sure that no touched file moved there since `base`."""
    tip = branch_commit(git, target)
    if tip is None:
        raise AskUnclear("EGR447", branch=target[:100], where=git.where)
    if tip == base:
        return tip
    if not is_ancestor(git, base, tip):
        raise Outdated("EGR450", base=base[:12], branch=target)
    before, now = entries_at(git, base, touched), entries_at(git, tip, touched)
    for path in touched:
        if before.get(path) != now.get(path):
            raise Outdated("EGR445", path=shown(path), branch=target)
    return tip


def text_at(git: GitDir, commit: str, path: str) -> str | None:
    """The text of one file as of a commit; None where there is none.

    Raises:
        AskUnclear: EGR033, something stands there that is no text in UTF-8, or is no file.
    """
    entry = entries_at(git, commit, (path,)).get(path)
    if entry is None:
        return None
    raw = None if entry.mode == LINK else next((found for _, found in blobs(git, [entry.id], _LARGEST)), None)
    try:
        return (raw if raw is not None else b"\xff").decode("utf-8")
    except UnicodeDecodeError:
        raise AskUnclear("EGR033", path=shown(path)) from None


def lately(repo: ConfigRepo, branch: str | None, path: str) -> str | None:
    """The text of one file on a branch (None: the default branch), as of `_LATELY` seconds ago at most."""

    def read(git: GitDir) -> str | None:
        commit = branch_commit(git, branch) if branch else default_head(git).commit
        return text_at(git, commit, path) if commit else None

    return repo.with_git(read, within=_LATELY)
