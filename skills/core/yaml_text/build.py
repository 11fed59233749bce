"""One YAML document, built straight from parser events into mappings and sequences that know their lines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import yaml
from yaml.events import AliasEvent, Event, MappingEndEvent, MappingStartEvent, ScalarEvent, SequenceEndEvent
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.scanner import Scanner

from skills.core.model import Fact
from skills.core.yaml_text.scalars import VALUES, WORDS, Plain, tagged

MOST_NODES = 1_000_000
MOST_DEPTH = 100

_MERGE = object()
_KEYS = Plain({**WORDS, "<<": _MERGE})


class Map(dict[Any, Any]):
    """A mapping that knows its lines, counted from 1. A merged key keeps the line that it comes from."""

    __slots__ = ("line", "lines")
    line: int
    lines: dict[Any, int]


class Seq(list[Any]):
    """A sequence that knows the line of each item, counted from 1."""

    __slots__ = ("line", "lines")
    line: int
    lines: list[int]


class Refused(Exception):
    """The document is refused at a line of the file, counted from 1."""

    def __init__(self, code: str, line: int, **facts: Fact) -> None:
        super().__init__(code, line, facts)
        self.code, self.line, self.facts = code, line, facts


class PureParser(Reader, Scanner, Parser):
    """The parser without libyaml: slower, same events."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)


def new_parser(text: str) -> Any:
    """A parser over `text` with `get_event`. Raises yaml.YAMLError or ValueError, here and there."""
    if yaml.__with_libyaml__:
        from yaml._yaml import CParser  # noqa: PLC0415 - it can't be imported without libyaml

        return CParser(text)
    return PureParser(text)


class Builder:
    """Builds documents from `get_event`. `base` is added to the parser's lines, which count from 0.

    Nodes are counted over all documents that it builds, so that a file has one bound.
    """

    __slots__ = ("_aliased", "_anchors", "_base", "_depth", "_get", "_left", "_open")

    def __init__(self, get: Callable[[], Any], base: int, most: int = MOST_NODES) -> None:
        self._get = get
        self._base = base
        self._left = most
        self._begin()

    def _begin(self) -> None:
        self._anchors: dict[str, Any] = {}
        self._open: set[int] = set()
        self._depth = 0
        self._aliased = False

    def document(self, line: int) -> Any:
        """The data of the document whose DocumentStartEvent was just taken."""
        self._begin()
        data = self._node(self._get())
        self._get()
        if self._aliased:
            _measure(data, 0, line, {})
        return data

    def _node(self, event: Event) -> Any:
        kind = event.__class__
        if kind is ScalarEvent:
            return self._scalar(event)
        if kind is AliasEvent:
            return self._alias(event)
        return self._mapping(event) if kind is MappingStartEvent else self._sequence(event)

    def _scalar(self, event: Any) -> Any:
        value = event.value
        if event.implicit[0]:
            value = VALUES[value]
        elif event.tag is not None:
            value = tagged(event.tag, value)
        if event.anchor:
            self._anchors[event.anchor] = value
        return value

    def _mapping(self, start: Any) -> Map:
        result = Map()
        line = result.line = start.start_mark.line + self._base
        lines = result.lines = {}
        self._enter(start, result, line)
        get, base, merges = self._get, self._base, []
        while True:
            event = get()
            kind = event.__class__
            if kind is ScalarEvent and event.implicit[0] and not event.anchor:
                key = _KEYS[event.value]
            elif kind is MappingEndEvent:
                break
            else:
                key = self._key(event)
            line = event.start_mark.line + base
            event = get()
            kind = event.__class__
            if kind is ScalarEvent and not event.anchor:
                value = VALUES[event.value] if event.implicit[0] else self._scalar(event)
            elif kind is MappingStartEvent:
                value = self._mapping(event)
            else:
                value = self._node(event)
            if key is _MERGE:
                merges.append((value, line))
            elif key in lines:
                raise Refused("EGR505", line, key=str(key), first=lines[key])
            else:
                result[key] = value
                lines[key] = line
        for source, line in merges:
            self._merge(result, source, line)
        self._leave(result, len(result))
        return result

    def _sequence(self, start: Any) -> Seq:
        result = Seq()
        line = result.line = start.start_mark.line + self._base
        lines: list[int] = []
        result.lines = lines
        self._enter(start, result, line)
        get, base = self._get, self._base
        while True:
            event = get()
            kind = event.__class__
            if kind is SequenceEndEvent:
                break
            lines.append(event.start_mark.line + base)
            if kind is ScalarEvent and not event.anchor:
                result.append(VALUES[event.value] if event.implicit[0] else self._scalar(event))
            elif kind is MappingStartEvent:
                result.append(self._mapping(event))
            else:
                result.append(self._node(event))
        self._leave(result, len(result))
        return result

    def _key(self, event: Any) -> Any:
        if event.__class__ is ScalarEvent:
            return _KEYS[event.value] if event.implicit[0] and not event.anchor else self._scalar(event)
        line = event.start_mark.line + self._base
        key = self._alias(event) if event.__class__ is AliasEvent else None
        if isinstance(key, (Map, Seq)) or event.__class__ is not AliasEvent:
            raise Refused("EGR506", line)
        return key

    def _alias(self, event: Any) -> Any:
        line = event.start_mark.line + self._base
        if event.anchor not in self._anchors:
            raise Refused("EGR507", line, anchor=event.anchor)
        value = self._anchors[event.anchor]
        if id(value) in self._open:
            raise Refused("EGR508", line, anchor=event.anchor)
        self._aliased = True
        return value

    def _merge(self, into: Map, source: Any, line: int) -> None:
        """`<<`: keys that stand in the mapping win, then earlier sources. Source: yaml.org/type/merge.html."""
        for one in source if isinstance(source, Seq) else (source,):
            if not isinstance(one, Map):
                raise Refused("EGR509", line)
            self._spend(len(one), line)
            for key, value in one.items():
                if key not in into:
                    into[key] = value
                    into.lines[key] = one.lines[key]

    def _enter(self, start: Any, result: Map | Seq, line: int) -> None:
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise Refused("EGR510", line, most=MOST_DEPTH)
        if start.anchor:
            self._anchors[start.anchor] = result
            self._open.add(id(result))

    def _leave(self, result: Map | Seq, size: int) -> None:
        self._depth -= 1
        if self._open:
            self._open.discard(id(result))
        self._left -= size + 1
        if self._left < 0:
            raise Refused("EGR511", result.line, most=MOST_NODES)

    def _spend(self, nodes: int, line: int) -> None:
        self._left -= nodes
        if self._left < 0:
            raise Refused("EGR511", line, most=MOST_NODES)


def _measure(node: Any, depth: int, line: int, seen: dict[int, tuple[int, int]]) -> tuple[int, int]:
    """How many nodes and levels a document has once its aliases are written out; refuses too many.

    Each container is visited once: what an alias repeats is counted again, not walked again.
    """
    if not isinstance(node, (Map, Seq)):
        return 1, 0
    known = seen.get(id(node))
    if known is None:
        if depth > MOST_DEPTH:
            raise Refused("EGR510", node.line, most=MOST_DEPTH)
        below = [_measure(child, depth + 1, line, seen) for child in (node.values() if isinstance(node, Map) else node)]
        known = seen[id(node)] = (1 + sum(size for size, _ in below), 1 + max((high for _, high in below), default=0))
    if depth + known[1] > MOST_DEPTH + 1:
        raise Refused("EGR510", node.line, most=MOST_DEPTH)
    if known[0] > MOST_NODES:
        raise Refused("EGR511", node.line, most=MOST_NODES)
    return known
