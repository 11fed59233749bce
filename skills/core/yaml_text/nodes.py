"""The nodes of one YAML document with their offsets in the text, for editing it in place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from skills.core.yaml_text.build import new_parser
from skills.core.yaml_text.scalars import VALUES, tagged

_WHITE = " \t\r\n"


@dataclass(slots=True)
class Node:
    """`kind` is scalar, alias, map or seq. `style` is `flow` or `block`, for scalars the quote, `|`, `>` or nothing.

    `start` and `end` are offsets of its text; the `end` of a block collection is not the parser's, which
    runs over comments, but that of its last content. `value` is what a scalar means.
    """

    kind: str
    start: int
    end: int
    column: int
    style: str = ""
    value: Any = None
    anchored: bool = False
    keys: list[Node] = field(default_factory=list)
    items: list[Node] = field(default_factory=list)

    @property
    def is_flow(self) -> bool:
        return self.style == "flow"

    def position(self, step: str | int) -> int | None:
        """The index in `items` of a key or of a list position; None where there is no such thing."""
        if self.kind == "map":
            found = [at for at, key in enumerate(self.keys) if key.value == step and key.kind == "scalar"]
            return found[0] if len(found) == 1 else None
        if self.kind != "seq" or not isinstance(step, int) or not -len(self.items) <= step < len(self.items):
            return None
        return step % len(self.items)

    def walk(self) -> Iterator[Node]:
        """This node and all nodes below it, without keys."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield node
            waiting.extend(node.items)


def read_nodes(text: str, start: int, end: int) -> Node | None:
    """The root of the one document in `text[start:end]`, with offsets in `text`.

    Raises yaml.YAMLError or ValueError where that part is not YAML by itself: a document that needs
    the directives above its marker, for example.
    """
    get: Callable[[], Any] = new_parser(text[start:end]).get_event
    while (kind := get().__class__) is not StreamEndEvent:
        if kind is DocumentStartEvent:
            return _node(get(), get, text, start)
    return None


def _node(event: Any, get: Callable[[], Any], text: str, offset: int) -> Node:
    kind, start = event.__class__, event.start_mark
    node = Node(
        "scalar", start.index + offset, event.end_mark.index + offset, start.column, anchored=bool(event.anchor)
    )
    if kind is ScalarEvent:
        _fill_scalar(node, event, text)
    elif kind is AliasEvent:
        node.kind = "alias"
    elif kind is MappingStartEvent:
        node.kind, node.style = "map", "flow" if event.flow_style else "block"
        while (event := get()).__class__ is not MappingEndEvent:
            node.keys.append(_node(event, get, text, offset))
            node.items.append(_node(get(), get, text, offset))
    elif kind is SequenceStartEvent:
        node.kind, node.style = "seq", "flow" if event.flow_style else "block"
        while (event := get()).__class__ is not SequenceEndEvent:
            node.items.append(_node(event, get, text, offset))
    if node.is_flow:
        node.end = event.end_mark.index + offset
    elif node.items:
        node.end = max(node.items[-1].end, node.keys[-1].end if node.keys else 0)
        node.column = node.keys[0].column if node.keys else _dash_column(node, text)
    return node


def _dash_column(node: Node, text: str) -> int:
    """Where the dashes of a block sequence stand. An anchor moves the parser's column to itself."""
    if text[node.start] == "-" and not node.anchored:
        return node.column
    first = node.items[0]
    dash = text.rfind("-", 0, first.start)
    return dash - text.rfind("\n", 0, dash) - 1


def _fill_scalar(node: Node, event: Any, text: str) -> None:
    node.style = event.style or ""
    if event.implicit[0]:
        node.value = VALUES[event.value]
    else:
        node.value = event.value if event.tag is None else tagged(event.tag, event.value)
    if node.style in {"|", ">"}:
        # The parser's end stands behind the blank lines that follow; they are content only after `|+`,
        # or where the last of them has more spaces than the indentation.
        head = text[node.start : text.find("\n", node.start)].partition("#")[0]
        if "+" not in head and event.value.rstrip("\n")[-1:] not in {" ", "\t"}:
            while node.end > node.start and text[node.end - 1] in _WHITE:
                node.end -= 1
