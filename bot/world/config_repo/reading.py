"""Reads commits of one git directory: revisions, trees, blobs, lines. Never a work tree, never the index."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

import re2

from bot.world.config_repo.gathering import Gathering
from bot.world.config_repo.objects import Entry, Object, entries_of
from bot.world.config_repo.paths import fault_of, leaves
from bot.world.config_repo.running import GitDir
from bot.world.config_repo.values import Commit, Contents, Limits, Wanted
from skills.core.errors import AskUnclear, Unreachable

_FULL_NAME = re2.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})")
LINK, SUBMODULE, TREE = "120000", "160000", "040000"
_BRANCHES, _SHOWN_BRANCHES = "refs/heads/", 5


class Head(NamedTuple):
    """Where a repository stands. `branch` is None when HEAD names a commit itself."""

    commit: str
    branch: str | None


def resolve(git: GitDir, revision: str) -> str:
    """The commit that `revision` names, in full.

    Raises:
        AskUnclear: EGR546, nothing of that name is a commit here.
    """
    if _FULL_NAME.fullmatch(revision):
        commit = commit_of(git, revision)
        if commit is not None:
            return commit
    elif revision and len(revision) <= 300 and revision.isprintable():
        found = git.attempt("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        if found.status == 0:
            return found.out.decode().strip()
    raise AskUnclear("EGR546", revision=revision[:100], where=git.where)


def commit_of(git: GitDir, ref: str) -> str | None:
    """The commit that a full name (of a ref, of a commit, or HEAD) stands for, None when there is none."""
    return git.objects.id_of(f"{ref}^{{commit}}")


def is_branch(name: str) -> bool:
    """Whether Git takes `name` for a branch and for nothing else (git-check-ref-format, and no revision syntax)."""
    parts = name.split("/")
    return (
        0 < len(name) <= 200
        and name.isprintable()
        and not any(c in name for c in " ~^:?*[\\")
        and not any(bad in name for bad in ("..", "@{"))
        and not name.startswith("-")
        and name != "@"
        and all(part and part[0] != "." and not part.endswith((".", ".lock")) for part in parts)
    )


def branch_commit(git: GitDir, branch: str) -> str | None:
    """The commit that a branch stands at, None when there is no such branch."""
    return commit_of(git, _BRANCHES + branch) if is_branch(branch) else None


def branch_of(git: GitDir) -> str | None:
    """The branch that HEAD names, whether it has commits or not; None when HEAD is detached."""
    named = git.attempt("symbolic-ref", "--quiet", "HEAD")
    ref = named.out.decode("utf-8", "replace").strip()
    return ref.removeprefix(_BRANCHES) if named.status == 0 and ref.startswith(_BRANCHES) else None


def default_head(git: GitDir) -> Head:
    """HEAD; where it points to nothing: `main`, `master`, else the only branch.

    Raises:
        AskUnclear: EGR544, there is no commit at all; EGR545, there are branches and none of them is the obvious one.
    """
    branch, commit = branch_of(git), commit_of(git, "HEAD")
    if commit is not None:
        return Head(commit, branch)
    branches = refs(git, _BRANCHES)
    if not branches:
        raise AskUnclear("EGR544", where=git.where)
    obvious = [name for name in ("main", "master") if _BRANCHES + name in branches]
    names = obvious or sorted(ref.removeprefix(_BRANCHES) for ref in branches)
    if not obvious and len(names) > 1:
        more = ", …" if len(names) > _SHOWN_BRANCHES else ""
        raise AskUnclear("EGR545", where=git.where, branches=", ".join(names[:_SHOWN_BRANCHES]) + more)
    return Head(branches[_BRANCHES + names[0]], names[0])


def refs(git: GitDir, *prefixes: str) -> dict[str, str]:
    """Full names of refs below the prefixes, each with the object that it points to."""
    listed = git.run("for-each-ref", "--format=%(objectname) %(refname)", *prefixes).decode("utf-8", "surrogateescape")
    return {name: id for id, _, name in (line.partition(" ") for line in listed.splitlines())}


def tree(git: GitDir, commit: str, limit: int) -> Iterator[Entry]:
    """Every file, link and submodule of `commit`, at most `limit` of them, in Git's order."""
    with git.stream("ls-tree", "-r", "-z", "--full-tree", commit) as out:
        rest, count = b"", 0
        while piece := out.read(1 << 18):
            *records, rest = (rest + piece).split(b"\0")
            for record in records:
                if count >= limit:
                    return
                count += 1
                yield _entry(record)


def entries_at(git: GitDir, commit: str, paths: Iterable[str]) -> dict[str, Entry]:
    """The entries that stand at `paths` in `commit`; a path that is not there is left out."""
    folders: dict[str, dict[str, Entry]] = {}

    def below(treeish: str) -> dict[str, Entry]:
        if treeish not in folders:
            folders[treeish] = {entry.path: entry for entry in children(git, treeish)}
        return folders[treeish]

    def at(path: str) -> Entry | None:
        *above, name = path.split("/")
        treeish = commit
        for folder in above:
            step = below(treeish).get(folder)
            if step is None or step.mode != TREE:
                return None
            treeish = step.id
        return below(treeish).get(name)

    return {path: entry._replace(path=path) for path in paths if (entry := at(path))}


def tree_of(git: GitDir, treeish: str) -> Object:
    """The tree that a commit or tree stands for, as Git keeps it.

    Raises:
        Unreachable: EGR551, it is missing or damaged.
    """
    found = git.objects.get(f"{treeish}^{{tree}}")
    if found is None:
        raise Unreachable("EGR551", where=git.where, says=f"the tree of {treeish[:12]} is missing")
    return found


def children(git: GitDir, treeish: str) -> list[Entry]:
    """The direct entries of one tree."""
    return entries_of(tree_of(git, treeish))


def _entry(record: bytes) -> Entry:
    head, _, name = record.partition(b"\t")
    mode, _, id = head.decode().split(" ")
    return Entry(mode, id, name.decode("utf-8", "surrogateescape"))


def blobs(git: GitDir, ids: Sequence[str], largest: int) -> Iterator[tuple[str, bytes | None]]:
    """The blobs in the order of `ids`; None stands for one that is larger than `largest` bytes.

    Raises:
        Unreachable: EGR551, an object is missing or damaged.
    """
    start = 0
    while start < len(ids):
        before = start
        for id, text in _batch(git, ids[start:], largest):
            start += 1
            yield id, text
        if start == before:
            raise Unreachable("EGR551", where=git.where, says="git cat-file ended early")


def _batch(git: GitDir, ids: Sequence[str], largest: int) -> Iterator[tuple[str, bytes | None]]:
    """As `blobs`, but ends after the first large one: stopping git is cheaper than reading past it."""
    with git.stream("cat-file", "--batch", "--buffer", feed="\n".join((*ids, "")).encode()) as out:
        for id in ids:
            header = out.readline().decode().split()
            if len(header) != 3:
                # Nothing at all means that git died; leaving the stream says why.
                if header:
                    raise Unreachable("EGR551", where=git.where, says=f"object {id[:12]} is missing")
                return
            size = int(header[2])
            if size > largest:
                yield id, None
                return
            yield id, out.read(size)
            out.read(1)


def read_commit(git: GitDir, commit: str, wanted: Wanted, limits: Limits) -> Contents:
    """The wanted files of `commit`. Links and submodules are never followed."""
    gathering = Gathering(limits)
    paths: dict[str, list[str]] = {}
    links: list[Entry] = []
    count = 0
    for entry in tree(git, commit, limits.entries):
        count += 1
        if entry.mode == LINK:
            links.append(entry)
        elif entry.mode == SUBMODULE:
            gathering.note("EGR561", entry.path)
        elif wanted(entry.path):
            if fault := fault_of(entry.path):
                gathering.leave_out(fault, entry.path)
            else:
                paths.setdefault(entry.id, []).append(entry.path)
    if count >= limits.entries:
        gathering.stop()
    for id, text in blobs(git, list(paths), limits.file_size):
        for path in paths[id]:
            if text is None:
                gathering.too_large(path)
            else:
                gathering.take(path, id, text)
        if gathering.full:
            break
    _note_links(git, links, gathering)
    return gathering.contents()


def _note_links(git: GitDir, links: list[Entry], gathering: Gathering) -> None:
    # What a link inside the repository points to is read under its own name, so only those that leave matter.
    few = links[: gathering.limits.findings_of_a_kind * 50]
    texts = dict(blobs(git, list({link.id for link in few}), 4096))
    for link in few:
        text = texts.get(link.id)
        if text is None or leaves(link.path, text.decode("utf-8", "surrogateescape")):
            gathering.note("EGR555", link.path)


def wanted_blobs(git: GitDir, commit: str, wanted: Wanted, limits: Limits) -> tuple[dict[str, str], list[str]]:
    """Blob ids of the wanted files of `commit` by path, and the paths of its submodules."""
    files: dict[str, str] = {}
    submodules: list[str] = []
    for entry in tree(git, commit, limits.entries):
        if entry.mode == SUBMODULE:
            submodules.append(entry.path)
        elif entry.mode != LINK and wanted(entry.path) and fault_of(entry.path) is None:
            files[entry.path] = entry.id
    return files, submodules


def changed_paths(git: GitDir, old: str, new: str) -> tuple[str, ...]:
    """The paths of files that differ between two commits; a moved file counts twice."""
    listed = git.run("diff-tree", "-r", "-z", "--no-renames", "--name-only", old, new)
    return tuple(path.decode("utf-8", "surrogateescape") for path in listed.split(b"\0")[:-1])


def first_merge(git: GitDir, head: str, tip: str) -> str | None:
    """The oldest merge commit between `head` and `tip` that holds `head`; None when it came in without one."""
    listed = git.run("rev-list", "--ancestry-path", "--merges", "--topo-order", "--reverse", f"{head}..{tip}")
    return listed.decode().partition("\n")[0] or None


def is_ancestor(git: GitDir, older: str, newer: str) -> bool:
    return older == newer or git.attempt("merge-base", "--is-ancestor", older, newer).status == 0


def blame(git: GitDir, path: str, line: int, commit: str) -> Commit | None:
    """Who last touched `line` (from 1) of `path`, not counting white space and moves within and between files.

    None when the file or the line is not there.
    """
    if line < 1 or fault_of(path) is not None:
        return None
    # Text converters are programs that the repository names.
    found = git.attempt(
        "blame", "--porcelain", "--no-textconv", "-w", "-M", "-C", "-L", f"{line},{line}", commit, "--", path
    )
    if found.status != 0:
        return None
    head, *rest = found.out.decode("utf-8", "replace").splitlines()
    told = dict(text.split(" ", 1) for text in rest if " " in text and not text.startswith("\t"))
    date = _iso(told.get("author-time", "0"), told.get("author-tz", "+0000"))
    return Commit(sha=head.split(" ", 1)[0], author=_author(told), date=date, summary=told.get("summary", ""))


def parents(git: GitDir, commit: str) -> list[str]:
    """The parents of a commit; none where it is not there (any more)."""
    found = git.attempt("rev-list", "--parents", "--max-count=1", "--end-of-options", commit)
    return found.out.decode().split()[1:] if found.status == 0 else []


def _author(told: Mapping[str, str]) -> str:
    email = told.get("author-mail", "").strip("<>")
    name = told.get("author", "")
    return f"{name} <{email}>" if email else name


def _iso(seconds: str, offset: str) -> str:
    minutes = int(offset[-4:-2]) * 60 + int(offset[-2:])
    zone = timezone(timedelta(minutes=-minutes if offset.startswith("-") else minutes))
    return datetime.fromtimestamp(int(seconds), zone).isoformat()
