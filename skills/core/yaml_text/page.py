"""One document of a text, opened for one edit: where things stand, and the proof that only they changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from skills.core.messages import say
from skills.core.model import Fact, Finding
from skills.core.yaml_text.emit import Style, style_of
from skills.core.yaml_text.nodes import Node, read_nodes
from skills.core.yaml_text.read import Document, has_step, read_documents
from skills.core.yaml_text.source import marker_after, marker_before, newline_of

Path = Sequence[str | int]

NOT_FOUND = "EGR380"
ANCHORED = "EGR381"
TOO_COMPLEX = "EGR382"
NOT_WRITABLE = "EGR383"
NOT_PROVED = "EGR384"
KEY_THERE = "EGR385"
NO_DOCUMENT = "EGR386"


class CannotEdit(Exception):
    """The text can't be edited without touching more than the change. As text it is its sentence."""

    def __init__(self, code: str, **facts: Fact) -> None:
        super().__init__(code, facts)
        self.code = code
        self.facts = facts

    @property
    def finding(self) -> Finding:
        return Finding(self.code, self.facts)

    def __str__(self) -> str:
        return say(self.finding).says


@dataclass(frozen=True, slots=True)
class Splice:
    """`text[start:end]` becomes `new`; nothing else changes."""

    start: int
    end: int
    new: str


@dataclass(frozen=True, slots=True)
class Found:
    """A node and the way to it; `at` is its position in the node above, `key` the nearest key on the way."""

    node: Node
    above: Found | None = None
    at: int = 0
    key: Any = None

    @property
    def parent(self) -> Node | None:
        return self.above.node if self.above else None


class Page:
    """A text without its byte-order mark and one document of it."""

    def __init__(self, text: str, document: int | Document) -> None:
        self._bom = "\ufeff" if text.startswith("\ufeff") else ""
        self.text = text.removeprefix("\ufeff")
        self._documents, self._unreadable = read_documents("", self.text)
        self._index = document.index if isinstance(document, Document) else document
        found = [known for known in self._documents if known.index == self._index]
        if not found:
            raise CannotEdit(NO_DOCUMENT, number=self._index + 1)
        self.data = found[0].data
        self.root = self._open(found[0])
        # Of an empty list nothing but its file's name tells.
        named = isinstance(document, Document) and document.path.endswith(".json")
        self.is_json = self.root.is_flow and (named or self._is_json())
        self.newline = newline_of(self.text)

    def _open(self, document: Document) -> Node:
        line_start = sum(len(row) + 1 for row in document.rows[: document.line - 1])
        start = marker_before(self.text, line_start)
        end = marker_after(self.text, start) or len(self.text)
        try:
            root = read_nodes(self.text, start, end)
        except (yaml.YAMLError, ValueError):
            root = None
        if root is None:
            raise CannotEdit(NO_DOCUMENT, number=self._index + 1)
        return root

    def _is_json(self) -> bool:
        scalars = [node for node in self.root.walk() if node.kind == "scalar" and isinstance(node.value, str)]
        keys = [key for node in self.root.walk() for key in node.keys]
        return bool(scalars or keys) and all(node.style == '"' for node in (*scalars, *keys))

    def find(self, path: Path, kind: str = "") -> Found:
        """The node at a path, of a kind. Raises CannotEdit where it is not there, or stands behind an alias."""
        found = Found(self.root)
        for depth, step in enumerate(path):
            if found.node.kind == "alias":
                raise CannotEdit(ANCHORED, path=shown(path))
            at = found.node.position(step)
            if at is None:
                raise CannotEdit(ANCHORED if _reaches(self.data, path[: depth + 1]) else NOT_FOUND, path=shown(path))
            key = found.node.keys[at].value if found.node.kind == "map" else found.key
            found = Found(found.node.items[at], found, at, key)
        if kind and found.node.kind != kind:
            raise CannotEdit(ANCHORED if found.node.kind == "alias" else NOT_FOUND, path=shown(path))
        return found

    def style(self, near: Node) -> Style:
        return style_of(self.root, near, as_json=self.is_json)

    # --- where lines start and end

    def line_start(self, offset: int) -> int:
        return self.text.rfind("\n", 0, offset) + 1

    def line_end(self, offset: int) -> int:
        """The offset of the line's end, before its line break."""
        end = self.text.find("\n", offset)
        if end == -1:
            return len(self.text)
        return end - 1 if end > offset and self.text[end - 1] == "\r" else end

    def next_line(self, offset: int) -> int:
        """The offset of the line below the content that ends at `offset`."""
        if offset and self.text[offset - 1] == "\n":
            return offset  # a block scalar that keeps its blank lines ends where the next line starts
        end = self.text.find("\n", offset)
        return len(self.text) if end == -1 else end + 1

    def lines_at(self, offset: int, lines: Sequence[str]) -> Splice:
        """Inserts whole lines below the content that ends at `offset`."""
        at = self.next_line(offset)
        written = self.newline.join(lines)
        if at == len(self.text) and not self.text.endswith("\n"):
            return Splice(at, at, self.newline + written)
        return Splice(at, at, written + self.newline)

    def starts_line(self, offset: int) -> bool:
        return not self.indent(offset).strip(" \t")

    def indent(self, offset: int) -> str:
        """What stands before `offset` on its line."""
        return self.text[self.line_start(offset) : offset]

    # --- the proof

    def finish(self, splice: Splice, path: Path, change: Callable[[Any], Any]) -> str:
        """The new text, once it is read again and says what was said before with just that change."""
        new = self.text[: splice.start] + splice.new + self.text[splice.end :]
        documents, unreadable = read_documents("", new)
        wanted = {known.index: known.data for known in self._documents}
        wanted[self._index] = _changed(self.data, path, change)
        faults = [fault.finding.code for fault in unreadable]
        if (
            faults != [fault.finding.code for fault in self._unreadable]
            or [known.index for known in documents] != list(wanted)
            or not all(same(known.data, wanted[known.index]) for known in documents)
        ):
            anchored = any(node.kind == "alias" or node.anchored for node in self.root.walk())
            raise CannotEdit(ANCHORED if anchored else NOT_PROVED, path=shown(path))
        return self._bom + new


def shown(path: Path) -> str:
    """A path as people write it: `spec.hosts[2]`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".") or "the document"


def same(one: Any, other: Any) -> bool:
    """Equality that tells True from 1 and 1 from 1.0, and knows that .nan is .nan."""
    if isinstance(one, Mapping):
        if not isinstance(other, Mapping) or len(one) != len(other):
            return False
        return all(key in other and same(value, other[key]) for key, value in one.items())
    if isinstance(one, (list, tuple)):
        if not isinstance(other, (list, tuple)) or len(one) != len(other):
            return False
        return all(same(value, there) for value, there in zip(one, other, strict=True))
    return type(one) is type(other) and (one == other or (one != one and other != other))  # noqa: PLR0124 - .nan


def _changed(data: Any, path: Path, change: Callable[[Any], Any]) -> Any:
    """`data` with a change at `path`; the original stays as it is, also where aliases share it."""
    if not path:
        return change(data)
    step, *rest = path
    if isinstance(data, Mapping):
        return {key: _changed(value, rest, change) if key == step else value for key, value in data.items()}
    position = step % len(data) if isinstance(step, int) else step
    return [_changed(value, rest, change) if at == position else value for at, value in enumerate(data)]


def _reaches(data: Any, path: Path) -> bool:
    for step in path:
        if not has_step(data, step):
            return False
        data = data[step]
    return True
