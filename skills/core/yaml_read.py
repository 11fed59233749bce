"""YAML files as a cluster reads them, with file and line for every fact.

What can't be read is told apart by document: a broken one never hides the others of its file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.events import DocumentStartEvent, StreamEndEvent
from yaml.reader import ReaderError

from skills.core.model import Fact, Finding, Place
from skills.core.yaml_build import MOST_DEPTH, MOST_NODES, Builder, Map, Refused, Seq, new_parser

MOST_BYTES = 5_000_000
_MOST_BROKEN = 20
_MOST_DIRECTIVES = 64  # libyaml compares each %TAG with all before it
_TEXT = 200
_UNREADABLE_CHARACTERS = (
    *map(chr, (*range(0x09), 0x0B, 0x0C, *range(0x0E, 0x20), *range(0x7F, 0x85), *range(0x86, 0xA0))),
    "\ufeff",
    "\ufffe",
    "\uffff",
)
_OTHER_BREAKS = ("\x85", "\u2028", "\u2029")


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a file. `index` counts the file's documents from 0, broken ones too.

    `line` is where it starts; `rows` are all lines of the file, shared between its documents.
    """

    path: str
    index: int
    data: Any
    line: int
    rows: tuple[str, ...] | list[str]

    def place(self, container: Map | Seq | None = None, key: Any = None) -> Place:
        """Where a key or item of `container` stands, else the container, else the document."""
        if container is None:
            return self._row(self.line)
        if key is None:
            return self._row(container.line)
        if isinstance(container, Map):
            return self._row(container.lines.get(key, container.line))
        return self._row(container.lines[key] if _has(container, key) else container.line)

    def at(self, *path: str | int) -> Any | None:
        """The data below a path, or None when a step does not exist."""
        node = self.data
        for step in path:
            if not _has(node, step):
                return None
            node = node[step]
        return node

    def place_of(self, *path: str | int) -> Place:
        """The place of the last step of the path that exists."""
        node, place = self.data, self.place()
        for step in path:
            if not _has(node, step):
                break
            place = self.place(node, step)
            node = node[step]
        return place

    def _row(self, line: int) -> Place:
        text = self.rows[line - 1].strip()[:_TEXT] if 0 < line <= len(self.rows) else ""
        return Place(self.path, line, text)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file, or one document of it, that can't be read; `line` is where it fails."""

    path: str
    line: int
    finding: Finding


def _has(node: Any, step: str | int) -> bool:
    if isinstance(node, dict):
        return step in node
    return isinstance(node, list) and isinstance(step, int) and -len(node) <= step < len(node)


def read_documents(path: str, text: str | bytes) -> tuple[list[Document], list[Unreadable]]:
    """All documents of a file in order, and what could not be read. Never raises on what the file holds."""
    source = text.decode("utf-8", "surrogateescape") if isinstance(text, bytes) else text
    if len(text) > MOST_BYTES:
        facts: dict[str, Fact] = {"path": path, "line": 1, "size": len(text), "most": MOST_BYTES}
        return [], [Unreadable(path, 1, Finding("EGR501", facts))]
    file = _File(path, source.removeprefix("\ufeff"))
    file.read()
    return file.documents, file.unreadable


class _File:
    """Reads one file region by region. A region ends where a document can't be read."""

    def __init__(self, path: str, source: str) -> None:
        self.path = path
        self.source = source
        self.rows = source.split("\n")
        self.documents: list[Document] = []
        self.unreadable: list[Unreadable] = []
        self.index = 0
        self.opened = 0  # offset from which the document that is being read could end
        self.odd_breaks = _has_odd_breaks(source)

    def read(self) -> None:
        start: int | None = 0
        if self.source.count("\n%") > _MOST_DIRECTIVES:
            self._refuse(Refused("EGR511", 1, most=MOST_NODES), 0)
            return
        while start is not None:
            if len(self.unreadable) >= _MOST_BROKEN:
                self._refuse(Refused("EGR512", self._line(start), most=_MOST_BROKEN), start)
                return
            start = self._region(start, len(self.source))

    def _region(self, start: int, end: int) -> int | None:
        """Reads documents from `start`; gives where to go on after one that can't be read."""
        known = len(self.documents), self.index
        self.opened = start
        try:
            self._parse(start, end)
        except Refused as refused:
            return self._skip(refused, start)
        except (ReaderError, UnicodeError):
            # The reader runs ahead of the parser: a bad character further down stops documents before it.
            del self.documents[known[0] :]
            self.index = known[1]
            return self._around_bad_character(start)
        except (yaml.YAMLError, ValueError) as error:
            if start == 0 and not self.documents and self._json():
                return None
            return self._skip(self._broken(error, start), start)
        return None
