"""Writes commits by plumbing: no index, no work tree, and only the trees on the way to a changed file.

A commit is a function of its inputs: the same base, files, message, author and date give the same name, so that a
repeated attempt makes nothing new. Branches move by compare-and-set.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from bot.world.config_repo.failures import says
from bot.world.config_repo.objects import Entry
from bot.world.config_repo.paths import check_writable, shown
from bot.world.config_repo.reading import LINK, SUBMODULE, TREE, children, commit_of, entries_at, tree_of
from bot.world.config_repo.running import GitDir
from bot.world.config_repo.values import POSTERN, Author
from skills.core.errors import AskUnclear, Outdated, Unreachable

_PLAIN = "100644"
_KINDS = {TREE: "tree", SUBMODULE: "commit"}


class Stood(NamedTuple):
    """A file as it is before a change."""

    mode: str
    text: bytes


def standing(git: GitDir, commit: str, paths: Collection[str]) -> dict[str, Stood | None]:
    """What stands at `paths` in `commit`, None where there is no file.

    Raises:
        AskUnclear: EGR564 a path that may not be written; EGR565 a link, folder or submodule stands there; EGR566 a
            file that is not UTF-8, so that text can't give it back as it was.
    """
    for path in paths:
        check_writable(path)
    entries = entries_at(git, commit, paths)
    for path, entry in entries.items():
        if entry.mode in {LINK, SUBMODULE, TREE}:
            raise AskUnclear("EGR565", path=shown(path))
    stood: dict[str, Stood | None] = dict.fromkeys(paths)
    for path, entry in entries.items():
        blob = git.objects.get(entry.id)
        if blob is None:
            raise Unreachable("EGR551", where=git.where, says=f"object {entry.id[:12]} is missing")
        check_utf8(path, blob.data)
        stood[path] = Stood(entry.mode, blob.data)
    return stood


def check_utf8(path: str, text: bytes) -> None:
    try:
        text.decode()
    except UnicodeDecodeError:
        raise AskUnclear("EGR566", path=shown(path)) from None


def write_commit(
    git: GitDir,
    base: str,
    files: Mapping[str, str | None],
    *,
    message: str,
    author: Author,
    date: str,
    seen: Mapping[str, str | None] | None = None,
) -> str:
    """A commit on `base` with the new text of `files` (None deletes), on no branch yet. Gives its full name.

    Args:
        date: ISO 8601; without an offset it is UTC.
        seen: the text that each file was changed from (None: it was not there), where the caller knows.

    Raises:
        AskUnclear: EGR564, EGR565, EGR566 as in `standing`; EGR457 nothing would change.
        Outdated: EGR444, a file is not what was seen.
    """
    stood = standing(git, base, files)
    for path, text in (seen or {}).items():
        there = stood[path]
        if (there and there.text) != (None if text is None else text.encode()):
            raise Outdated("EGR444", path=shown(path), base=base[:12])
    changes: dict[str, Entry | None] = {}
    for path, new in files.items():
        there = stood[path]
        blob = "" if new is None else git.line("hash-object", "-w", "--no-filters", "--stdin", feed=new.encode())
        changes[path] = Entry(there.mode if there else _PLAIN, blob, path) if blob else None
    tree = graft(git, base, changes)
    if tree == tree_of(git, base).id:
        raise AskUnclear("EGR457", where=git.where)
    return write_commit_object(git, tree, (base,), message=message, author=author, date=date)


def write_commit_object(
    git: GitDir, tree: str, parents: tuple[str, ...], *, message: str, author: Author, date: str
) -> str:
    moment = datetime.fromisoformat(date)
    stamp = f"{int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())} +0000"
    env = {
        "GIT_AUTHOR_NAME": _clean(author.name),
        "GIT_AUTHOR_EMAIL": _clean(author.email),
        "GIT_AUTHOR_DATE": stamp,
        "GIT_COMMITTER_NAME": POSTERN.name,
        "GIT_COMMITTER_EMAIL": POSTERN.email,
        "GIT_COMMITTER_DATE": stamp,
    }
    given = [part for parent in parents for part in ("-p", parent)]
    text = message.replace("\0", "").strip("\n") + "\n"
    return git.line("commit-tree", tree, *given, "-F", "-", env=env, feed=text.encode("utf-8", "replace"))


def _clean(name: str) -> str:
    return "".join(c for c in name if c.isprintable() and c not in "<>")[:200].strip() or "unknown"


def graft(git: GitDir, treeish: str, changes: Mapping[str, Entry | None]) -> str:
    """The tree of `treeish` with these entries put in or (None) taken out; every other entry stays as it is."""
    return _graft(git, treeish, changes, "") or git.line("mktree", feed=b"")


def _graft(git: GitDir, treeish: str | None, changes: Mapping[str, Entry | None], above: str) -> str | None:
    entries = {entry.path: entry for entry in children(git, treeish)} if treeish else {}
    nested: dict[str, dict[str, Entry | None]] = {}
    for path, change in changes.items():
        name, _, rest = path.partition("/")
        if rest:
            nested.setdefault(name, {})[rest] = change
        elif change is None:
            entries.pop(name, None)
        else:
            entries[name] = change._replace(path=name)
    for name, below in nested.items():
        folder = entries.get(name)
        if folder is not None and folder.mode != TREE:
            # A file, a link or a submodule stands where the path needs a folder.
            raise AskUnclear("EGR565", path=shown(f"{above}{name}"))
        id = _graft(git, folder.id if folder else None, below, f"{above}{name}/")
        if id is None:
            entries.pop(name, None)
        else:
            entries[name] = Entry(TREE, id, name)
    if not entries:
        return None
    lines = (f"{entry.mode} {_KINDS.get(entry.mode, 'blob')} {entry.id}\t{name}\0" for name, entry in entries.items())
    # `--missing`: a submodule's commit is elsewhere, and a shallow or partial copy need not hold every object.
    return git.line("mktree", "-z", "--missing", feed="".join(lines).encode("utf-8", "surrogateescape"))


def move_branch(git: GitDir, branch: str, *, old: str | None, new: str | None) -> None:
    """Move `branch` from `old` to `new` (None: not there). It is done already when it stands at `new`.

    Raises:
        Outdated: EGR568, it stands elsewhere.
        Unreachable: EGR569, the repository can't be written.
    """
    ref = f"refs/heads/{branch}"
    nothing = "0" * len(new or old or "")
    if new is None:
        done = git.attempt("update-ref", "--no-deref", "-d", ref, old or nothing)
    else:
        done = git.attempt("update-ref", "--no-deref", ref, new, old or nothing)
    if done.status == 0:
        return
    now = commit_of(git, ref)
    if now == new:
        return
    if now != old:
        raise Outdated("EGR568", branch=branch, where=git.where, now=(now or "gone")[:12])
    raise Unreachable("EGR569", where=git.where, says=says(done.err))
