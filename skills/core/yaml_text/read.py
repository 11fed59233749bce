"""YAML files as a cluster reads them, with file and line for every fact.

What can't be read is told apart by document: a broken one never hides the others of its file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.events import DocumentStartEvent, StreamEndEvent
from yaml.reader import ReaderError

from skills.core.model import Fact, Finding, Place
from skills.core.yaml_text.build import MOST_DEPTH, MOST_NODES, Builder, Map, Refused, Seq, new_parser
from skills.core.yaml_text.source import Lines, Spoilt, marker_after

MOST_BYTES = 5_000_000
_MOST_BROKEN = 20
_MOST_DIRECTIVES = 64  # libyaml compares each %TAG with all before it
_TEXT = 200
_made = tuple.__new__  # as `Place(...)`, without a call of Python in between: a file has a dozen places
_BROKEN, _NOT_SCALAR_KEY = "EGR513", "EGR506"
_MAY_BE_TEMPLATE = {_BROKEN, _NOT_SCALAR_KEY}
_TEMPLATE_SIGNS = ("{{", "{%")


class FarLine(int):
    """A line of another file than the document's own: what a patch has put into it."""

    path: str
    rows: Sequence[str]

    def __new__(cls, line: int, path: str, rows: Sequence[str]) -> FarLine:
        made = super().__new__(cls, line)
        made.path, made.rows = path, rows
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return (FarLine, (int(self), self.path, self.rows))


@dataclass(frozen=True, slots=True, eq=False)
class Places(Mapping[str, Place]):
    """Places of the keys of one mapping, each made when it is asked for: there are many, and few are ever shown."""

    path: str
    lines: Mapping[str, int]
    rows: Sequence[str]

    def __getitem__(self, key: str) -> Place:
        return _place(self.path, self.lines[key], self.rows)

    def __iter__(self) -> Iterator[str]:
        return iter(self.lines)

    def __len__(self) -> int:
        return len(self.lines)


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a file. `index` counts the file's documents from 0, broken ones too.

    `line` is where it starts; `rows` are all lines of the file, shared between its documents. `way` leads to it from
    the root of that document, where it is an item of a list there.
    """

    path: str
    index: int
    data: Any
    line: int
    rows: tuple[str, ...] | list[str]
    way: tuple[str | int, ...] = ()

    def place(self, container: Map | Seq | None = None, key: Any = None) -> Place:
        """Where a key or item of `container` stands, else the container, else the document."""
        if container is None:
            line = self.line
        elif key is None:
            line = container.line
        elif isinstance(container, dict):
            line = container.lines.get(key, container.line)
        else:
            line = container.lines[key] if has_step(container, key) else container.line
        return _place(self.path, line, self.rows)

    def item_places(self, container: Seq) -> list[Place]:
        """Where each item of a list stands."""
        path, rows = self.path, self.rows
        return [_place(path, line, rows) for line in container.lines]

    def places(self, container: Map) -> Places:
        """Where each key of `container` stands; keys that are no text are spelt out."""
        return Places(self.path, {str(key): line for key, line in container.lines.items()}, self.rows)

    def at(self, *path: str | int) -> Any | None:
        """The data below a path, or None when a step does not exist."""
        node = self.data
        for step in path:
            if not has_step(node, step):
                return None
            node = node[step]
        return node

    def place_of(self, *path: str | int) -> Place:
        """The place of the last step of the path that exists."""
        node, above, last = self.data, None, None
        for step in path:
            if step not in node if isinstance(node, dict) else not has_step(node, step):
                break
            above, last = node, step
            node = node[step]
        return self.place(above, last)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file, or one document of it, that can't be read; `line` is where it fails.

    `text` is the document's own text; it is empty where the whole file is meant.
    """

    path: str
    line: int
    finding: Finding
    text: str = ""


def _place(path: str, line: int, rows: Sequence[str]) -> Place:
    if line.__class__ is not int and isinstance(line, FarLine):
        return _place(line.path, int(line), line.rows)
    text = rows[line - 1].strip()[:_TEXT] if 0 < line <= len(rows) else ""
    return _made(Place, (path, line, text))


def has_step(node: Any, step: str | int) -> bool:
    """Whether a mapping has a key, or a list a position."""
    if isinstance(node, dict):
        return step in node
    return isinstance(node, list) and isinstance(step, int) and -len(node) <= step < len(node)


def read_documents(path: str, text: str | bytes) -> tuple[list[Document], list[Unreadable]]:
    """All documents of a file in order, and what could not be read. Never raises on what the file holds."""
    if len(text) > MOST_BYTES:
        facts: dict[str, Fact] = {"path": path, "line": 1, "size": len(text), "most": MOST_BYTES}
        return [], [Unreadable(path, 1, Finding("EGR501", facts))]
    source = text.decode("utf-8", "surrogateescape") if isinstance(text, bytes) else text
    source = source.removeprefix("\ufeff").replace("\n\ufeff", "\n")  # joined files; go-yaml skips these too
    try:
        return _File(path, source).read()
    except (ReaderError, UnicodeError):
        # libyaml reads ahead, so one bad character would take documents with it that stand before it.
        spoilt = Spoilt(source)
        return _File(path, spoilt.clean, spoilt).read()


class _File:
    """Reads one file. Behind a document that can't be read it goes on at the next `---`."""

    def __init__(self, path: str, source: str, spoilt: Spoilt | None = None) -> None:
        self._path = path
        self._source = source
        self._rows = source.split("\n")
        self._lines = Lines(source)
        self._spoilt = spoilt
        self._documents: list[Document] = []
        self._unreadable: dict[int, Unreadable] = {}
        self._index = 0
        self._opened = 0  # where the document that is being read starts, behind its own marker

    def read(self) -> tuple[list[Document], list[Unreadable]]:
        start: int | None = 0
        if self._source.count("\n%") > _MOST_DIRECTIVES:
            self._refuse(Refused("EGR511", 1, most=MOST_NODES))
            start = None
        for refused in self._spoilt.parts(_MOST_BROKEN) if self._spoilt else ():
            self._refuse(refused)
        while start is not None:
            if len(self._unreadable) >= _MOST_BROKEN:
                self._refuse(Refused("EGR512", self._lines.at(start), most=_MOST_BROKEN))
                break
            start = self._read_from(start)
        return self._documents, [self._unreadable[line] for line in sorted(self._unreadable)]

    def _read_from(self, start: int) -> int | None:
        """Reads documents up to one that can't be read; gives where to go on, or None at the end."""
        self._opened = start
        try:
            self._parse(start)
        except Refused as refused:
            refused.line = self._lines.true(refused.line)
            return self._go_on(refused)
        except (ReaderError, UnicodeError):
            raise
        except (yaml.YAMLError, ValueError) as error:
            if start == 0 and not self._documents and self._read_json():
                return None
            return self._go_on(self._refusal(error))
        return None

    def _parse(self, start: int) -> None:
        get = new_parser(self._source[start:]).get_event
        base = self._lines.begin(start)
        builder = Builder(get, base)
        event = get()
        while (kind := event.__class__) is not StreamEndEvent:
            if kind is DocumentStartEvent:
                self._opened = start + event.end_mark.index
                line = event.start_mark.line + base
                self._keep(builder.document(line), line)
            event = get()

    def _keep(self, data: Any, line: int) -> None:
        self._lines.correct(data)
        line = data.line if isinstance(data, (Map, Seq)) else self._lines.true(line)
        if not (self._spoilt and self._spoilt.at(self._opened)):
            self._documents.append(Document(self._path, self._index, data, line, self._rows))
        self._index += 1

    def _go_on(self, refused: Refused) -> int | None:
        """Notes a document that can't be read; gives where the next one starts."""
        following = marker_after(self._source, self._opened)
        last = len(self._rows) if following is None else self._lines.at(following) - 1
        while last > 1 and not self._rows[last - 1].strip():
            last -= 1
        refused.line = min(refused.line, last)
        if refused.code in _MAY_BE_TEMPLATE:
            refused = self._template(refused.line, self._lines.at(self._opened), last) or refused
        text = self._source[self._opened : following]
        self._refuse((self._spoilt and self._spoilt.at(self._opened)) or refused, text)
        self._index += 1
        return following

    def _template(self, line: int, first: int, last: int) -> Refused | None:
        """A template is no fault of its author. `line` is where the parser stopped, if a sign stands there."""
        for row in (line, *range(first, last + 1)):
            if any(sign in self._rows[row - 1] for sign in _TEMPLATE_SIGNS):
                return Refused("EGR504", row)
        return None

    def _refuse(self, refused: Refused, text: str = "") -> None:
        line = max(1, min(refused.line, len(self._rows)))
        finding = Finding(refused.code, {"path": self._path, "line": line, **refused.facts})
        self._unreadable.setdefault(line, Unreadable(self._path, line, finding, text))

    def _refusal(self, error: yaml.YAMLError | ValueError) -> Refused:
        mark = getattr(error, "problem_mark", None)
        if getattr(error, "context", None) == "while scanning a quoted scalar":
            mark = getattr(error, "context_mark", mark)  # the quote that is never closed, not the end of the file
        line = self._lines.true((mark.line if mark else 0) + self._lines.base)
        return Refused(_BROKEN, line, why=getattr(error, "problem", None) or str(error))

    def _read_json(self) -> bool:
        """JSON that YAML refuses: escaped surrogate pairs, keys of more than 1024 characters. All of it on line 1."""
        if not self._source.lstrip().startswith(("{", "[")):
            return False
        try:
            data = _placed(json.loads(self._source, object_pairs_hook=_pairs), 0)
        except (ValueError, RecursionError):
            return False
        self._keep(data, 1)
        return True


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("duplicate key")
    return result


def _placed(node: Any, depth: int) -> Any:
    """JSON's plain values as mappings and sequences with lines. Raises ValueError where they nest too deep."""
    if depth > MOST_DEPTH:
        raise ValueError("too deep")
    if isinstance(node, dict):
        mapping = Map({key: _placed(value, depth + 1) for key, value in node.items()})
        mapping.line, mapping.lines = 1, dict.fromkeys(mapping, 1)
        return mapping
    if isinstance(node, list):
        sequence = Seq(_placed(value, depth + 1) for value in node)
        sequence.line, sequence.lines = 1, [1] * len(sequence)
        return sequence
    if isinstance(node, str):
        node.encode()  # a lone surrogate is no text: UnicodeEncodeError is a ValueError
    return node
