"""The text of a YAML file before it is parsed: its documents' markers, its lines, its bad characters."""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

from skills.core.yaml_text.build import Map, Refused, Seq

# What libyaml refuses, beside lone surrogates. Source: YAML 1.1, 4.1.1, c-printable.
_C0, _C1 = (*range(0x09), 0x0B, 0x0C, *range(0x0E, 0x20)), (*range(0x7F, 0x85), *range(0x86, 0xA0))
_WITHOUT_CONTROL = dict.fromkeys((*_C0, *_C1, 0xFFFE, 0xFFFF), "?")
_BEHIND_MARKER = frozenset(("", " ", "\t", "\r", "\n"))
_OTHER_BREAKS = ("\x85", "\u2028", "\u2029")
_FIRST_RAW_BYTE, _LAST_RAW_BYTE = 0xDC80, 0xDCFF  # how `surrogateescape` keeps bytes that are not UTF-8


def newline_of(text: str) -> str:
    """The line break of a text, by its first line."""
    first = text.find("\n")
    return "\r\n" if first > 0 and text[first - 1] == "\r" else "\n"


def marker_after(source: str, offset: int) -> int | None:
    """The offset of the first line behind `offset` that is a `---` marker.

    Such a line ends whatever stands before it, block scalars and quoted scalars too.
    """
    at = source.find("\n---", offset)
    while at != -1 and source[at + 4 : at + 5] not in _BEHIND_MARKER:
        at = source.find("\n---", at + 4)
    return None if at == -1 else at + 1


def marker_before(source: str, offset: int) -> int:
    """The offset of the last `---` marker that starts at or before `offset`; 0 where there is none."""
    start = source.rfind("\n---", 0, offset + 3)
    while start != -1 and source[start + 4 : start + 5] not in _BEHIND_MARKER:
        start = source.rfind("\n---", 0, start + 3)
    return start + 1


class Lines:
    """Turns the parser's lines into Git's. They differ where a file has line breaks that only YAML 1.1 knows.

    `base` is what the parser's lines, which count from 0, lack where it started last.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        lone_return = "\r" in source and source.count("\r") != source.count("\r\n")
        # Most files are ASCII, where the other breaks can't stand; that is known without a search.
        self._odd = lone_return or (not source.isascii() and any(sign in source for sign in _OTHER_BREAKS))
        self._table: list[int] = []
        self.base = 1

    def at(self, offset: int) -> int:
        """The line, from 1, on which an offset stands."""
        return 1 + self._source.count("\n", 0, offset)

    def begin(self, start: int) -> int:
        """The parser starts again at `start`; gives what must be added to its lines."""
        self.base = line = self.at(start)
        self._table = []
        if self._odd:
            for row in self._source[start:].splitlines(keepends=True):
                self._table.append(line)
                line += row.endswith("\n")
            self._table.append(line)
        return self.base

    def true(self, line: int) -> int:
        """Git's line for a line of the parser (with its base added)."""
        if not self._odd:
            return line
        return self._table[max(0, min(line - self.base, len(self._table) - 1))]

    def correct(self, data: Any) -> None:
        """Puts Git's lines into a document that was just built."""
        if not self._odd:
            return
        waiting, seen = [data], set()
        while waiting:
            node = waiting.pop()
            if not isinstance(node, (Map, Seq)) or id(node) in seen:
                continue
            seen.add(id(node))
            node.line = self.true(node.line)
            if isinstance(node, Map):
                node.lines = {key: self.true(line) for key, line in node.lines.items()}
                waiting.extend(node.values())
            else:
                node.lines = [self.true(line) for line in node.lines]
                waiting.extend(node)


class Spoilt:
    """The characters of a file that YAML does not allow, by the part between two markers that they spoil.

    `clean` is the text with each of them replaced by one other, so that offsets stay.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self.clean = source.encode("utf-8", "replace").decode().translate(_WITHOUT_CONTROL)
        self._starts = [0]
        marker = marker_after(source, 0)
        while marker is not None:
            self._starts.append(marker)
            marker = marker_after(source, marker)
        self._ends = [*self._starts[1:], len(source)]
        parts = enumerate(zip(self._starts, self._ends, strict=True))
        self._bad = {index for index, (start, end) in parts if source[start:end] != self.clean[start:end]}
        self._refused: dict[int, Refused] = {}

    def at(self, offset: int) -> Refused | None:
        """Why the part around `offset` can't be read, if it is spoilt."""
        index = bisect_right(self._starts, offset) - 1
        if index not in self._bad:
            return None
        if index not in self._refused:
            self._refused[index] = self._first(self._starts[index], self._ends[index])
        return self._refused[index]

    def parts(self, most: int) -> list[Refused]:
        """Why each of the first spoilt parts can't be read."""
        found = (self.at(self._starts[index]) for index in sorted(self._bad)[:most])
        return [refused for refused in found if refused]

    def _first(self, start: int, end: int) -> Refused:
        pairs = enumerate(zip(self._source[start:end], self.clean[start:end], strict=True), start)
        bad = next(offset for offset, (old, new) in pairs if old != new)
        code, line = ord(self._source[bad]), 1 + self._source.count("\n", 0, bad)
        if _FIRST_RAW_BYTE <= code <= _LAST_RAW_BYTE:
            return Refused("EGR502", line)
        return Refused("EGR503", line, character=f"U+{code:04X}")
