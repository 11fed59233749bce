"""Paths inside a repository: which can be read and shown, and which may be written."""

from __future__ import annotations

import posixpath
import unicodedata

from skills.core.errors import AskUnclear

_DEEPEST = 64
_LONGEST = 1024
_UNSHOWABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})
# They reorder what a terminal or a browser shows, so that a name may read as another one.
_REORDERING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def shown(path: str) -> str:
    """`path` on one line: what can't be printed is escaped, what is too long is cut."""
    text = "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in path[:300])
    return text if len(path) <= 200 else text[:200] + "…"


def fault_of(path: str) -> str | None:
    """The code that says why a file of this name is not read, or None."""
    if path.isascii() and path.isprintable():
        return None if _is_relative(path) else "EGR558"
    if any("\ud800" <= c <= "\udfff" for c in path):
        return "EGR557"
    if any(unicodedata.category(c) in _UNSHOWABLE or c in _REORDERING for c in path):
        return "EGR558"
    return None if _is_relative(path) else "EGR558"


def check_writable(path: str) -> None:
    """Refuse a path that leaves the repository, hides from people, or belongs to Git itself.

    Raises:
        AskUnclear: EGR564.
    """
    if not is_writable(path):
        raise AskUnclear("EGR564", path=shown(path))


def is_writable(path: str) -> bool:
    parts = path.split("/")
    return (
        fault_of(path) is None
        and len(path) <= _LONGEST
        and len(parts) <= _DEEPEST
        and not any(_is_git(part) or "\\" in part for part in parts)
    )


def leaves(link: str, points_to: str) -> bool:
    """Whether a symbolic link at `link` with the text `points_to` leads out of the repository (by its words alone)."""
    target = posixpath.normpath(posixpath.join(posixpath.dirname(link), points_to))
    return target.startswith("/") or target == ".." or target.startswith("../")


def _is_relative(path: str) -> bool:
    return bool(path) and all(part not in {"", ".", ".."} for part in path.split("/"))


def _is_git(part: str) -> bool:
    # Also the spellings that a case-folding or 8.3 file system takes for the same folder.
    return part.casefold().rstrip(". ") in {".git", "git~1"}
