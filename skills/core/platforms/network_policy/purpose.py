"""What people wrote beside a rule about the host that it is for. A NetworkPolicy itself can't say that."""

from __future__ import annotations

from collections.abc import Sequence

import re2

from skills.core.platforms.network_policy.wish import slug
from skills.core.platforms.network_policy.workspace import Path
from skills.core.yaml_text import Document, Seq

_HOST = re2.compile(r"(?i)[a-z0-9][-a-z0-9]*(?:\.[a-z0-9][-a-z0-9]*)*\.[a-z]{2,24}")
_MOST_ROWS = 12


class Purpose:
    """The comments on one rule (at `path` in its document), on its ports, and on the whole policy."""

    def __init__(self, document: Document, path: Path, name: str) -> None:
        self._document = document
        self._path = path
        self._name = name

    def is_only(self, host: str, ports: Sequence[int]) -> bool:
        """Whether each of these ports is for this host alone: by its own comment, the rule's, the policy's, or
        the policy's name. A comment that names several hosts speaks for all of them."""
        return all(self._speaks_of(host, self._port_comment(number)) for number in ports) if ports else self._rule(host)

    def _speaks_of(self, host: str, comment: str) -> bool:
        return _names_only(host, comment) if comment else self._rule(host)

    def _rule(self, host: str) -> bool:
        comment = self._comment_above(self._line(*self._path))
        if _HOST.search(comment):
            return _names_only(host, comment)
        if self._name.startswith(f"allow-{slug(host)}-"):
            return True
        return _names_only(host, self._comment_above(self._document.line))

    def _port_comment(self, number: int) -> str:
        comment = self._comment_above(self._line(*self._path, "ports", number))
        return comment if _HOST.search(comment) else ""

    def _line(self, *path: str | int) -> int:
        parent = self._document.at(*path[:-1])
        number = path[-1]
        if isinstance(parent, Seq) and isinstance(number, int) and number < len(parent.lines):
            return parent.lines[number]
        return 0

    def _comment_above(self, line: int) -> str:
        """The unbroken block of comments just above a line, and the comment at its end."""
        rows = self._document.rows
        if not 0 < line <= len(rows):
            return ""
        found = [rows[line - 1].partition(" #")[2]]
        for row in reversed(rows[max(0, line - 1 - _MOST_ROWS) : line - 1]):
            text = row.strip()
            if not text.startswith("#"):
                break
            found.append(text.lstrip("# "))
        return " ".join(reversed(found)).strip()


def _names_only(host: str, comment: str) -> bool:
    """What stands in brackets is a reason or a ticket, and may name anything."""
    return {found.lower() for found in _HOST.findall(comment.partition(" (")[0])} == {host}
