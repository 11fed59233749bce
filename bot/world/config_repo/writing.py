"""Writes commits by plumbing: no index, no work tree, and only the trees on the way to a changed file.

A commit is a function of its inputs: the same base, files, message, author and date give the same name, so that a
repeated attempt makes nothing new. Branches move by compare-and-set.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from bot.world.config_repo.failures import says
from bot.world.config_repo.paths import check_writable, shown
from bot.world.config_repo.reading import LINK, SUBMODULE, TREE, Entry, blobs, children, commit_of, entries_at
from bot.world.config_repo.running import GitDir
from bot.world.config_repo.values import POSTERN, Author
from skills.core.errors import AskUnclear, Outdated, Unreachable

_PLAIN = "100644"
_LARGEST = 64 * 1024 * 1024
_KINDS = {TREE: "tree", SUBMODULE: "commit"}

Stood = Mapping[str, bytes | None]
"""What stood at each path before; None where nothing did."""


def texts_at(git: GitDir, commit: str, paths: Mapping[str, object]) -> dict[str, bytes | None]:
    """The bytes at `paths` in `commit`, None where there is no file.

    Raises:
        AskUnclear: EGR564 a path that may not be written, EGR565 a link, folder or submodule stands there.
    """
    for path in paths:
        check_writable(path)
    entries = entries_at(git, commit, paths)
    for path, entry in entries.items():
        if entry.mode in {LINK, SUBMODULE, TREE}:
            raise AskUnclear("EGR565", path=shown(path))
    found = dict(blobs(git, list({entry.id for entry in entries.values()}), _LARGEST))
    return {path: found.get(entries[path].id) if path in entries else None for path in paths}


def write_commit(
    git: GitDir,
    base: str,
    files: Mapping[str, str | None],
    *,
    message: str,
    author: Author,
    date: str,
) -> str:
    """A commit on `base` with the new text of `files` (None deletes), on no branch yet. Gives its full name.

    Args:
        date: ISO 8601; without an offset it is UTC.

    Raises:
        AskUnclear: EGR564, EGR565 as in `texts_at`; EGR566 the old text is not UTF-8; EGR457 nothing would change.
    """
    refuse_undecodable(texts_at(git, base, files))
    old = entries_at(git, base, files)
    changes: dict[str, Entry | None] = {}
    for path, text in files.items():
        if text is None:
            changes[path] = None
            continue
        blob = git.line("hash-object", "-w", "--no-filters", "--stdin", feed=text.encode())
        changes[path] = Entry(old[path].mode if path in old else _PLAIN, blob, path)
    tree = graft(git, base, changes)
    if tree == git.line("rev-parse", "--verify", f"{base}^{{tree}}"):
        raise AskUnclear("EGR457", where=git.where)
    return write_commit_object(git, tree, (base,), message=message, author=author, date=date)


def refuse_undecodable(stood: Stood) -> None:
    """Text that is not UTF-8 can't be given back as it was, so it is not edited (AskUnclear, EGR566)."""
    for path, text in stood.items():
        try:
            (text or b"").decode()
        except UnicodeDecodeError:
            raise AskUnclear("EGR566", path=shown(path)) from None


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
