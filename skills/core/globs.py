"""Path patterns of policy files: `*` stays inside one folder, `**` crosses folders, all else is literal."""

from __future__ import annotations

from functools import lru_cache

import re2


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> re2._Regexp[str]:
    out = []
    rest = pattern
    while rest:
        if rest.startswith("**/"):
            out.append("(?:.*/)?")
            rest = rest[3:]
        elif rest.startswith("**"):
            out.append(".*")
            rest = rest[2:]
        elif rest[0] == "*":
            out.append("[^/]*")
            rest = rest[1:]
        elif rest[0] == "?":
            out.append("[^/]")
            rest = rest[1:]
        else:
            out.append(re2.escape(rest[0]))
            rest = rest[1:]
    return re2.compile("(?s)" + "".join(out))


def path_matches(pattern: str, path: str) -> bool:
    return _compiled(pattern).fullmatch(path) is not None
