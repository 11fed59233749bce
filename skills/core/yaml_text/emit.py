"""Values as YAML text, in the style of their neighbours. No value can leave the place that it is written to."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from skills.core.yaml_text.build import MOST_DEPTH
from skills.core.yaml_text.nodes import Node
from skills.core.yaml_text.scalars import VALUES

_INDICATORS = frozenset("-?:,[]{}#&*!|>'\"%@`=<~")
_FLOW_SIGNS = frozenset(",[]{}:?")
_LARGEST = 1 << 64
_LONGEST_KEY = 1000  # readers stop looking for the colon after 1024 characters
_CLOCK_SIGNS = frozenset("0123456789:._+-")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": "\\0"}


class CannotWrite(Exception):
    """The value has no safe form in YAML: not plain data, or nested too deep."""


@dataclass(slots=True)
class Style:
    """How a document is written. `quote` is the sign for what must be quoted, `quotes` that all strings are.

    `step` is the indentation of a mapping below its key, `dash` that of a list below its key, `gap` the
    distance from a dash to its item. `flow_keys` and `quoted_keys` say by key how values are written.
    """

    quote: str = '"'
    quotes: bool = False
    step: int = 2
    dash: int = 0
    gap: int = 2
    json: bool = False
    flow_lists: bool = False
    flow_keys: dict[Any, bool] = field(default_factory=dict)
    quoted_keys: dict[Any, bool] = field(default_factory=dict)


def style_of(root: Node, near: Node, *, as_json: bool = False) -> Style:
    """The style around `near`; what is not seen there is taken from the whole document."""
    style = Style(json=as_json)
    for scope in (tuple(root.walk()), tuple(near.walk()), (near,)):
        steps: Counter[int] = Counter()
        dashes: Counter[int] = Counter()
        flows: Counter[bool] = Counter()
        for node in scope:
            for key, item in zip(node.keys, node.items, strict=False):
                _note_key(style, key, item)
                if item.style == "block" and item.kind == "map" and node.style == "block":
                    steps[item.column - key.column] += 1
                elif item.style == "block" and item.kind == "seq":
                    dashes[item.column - key.column] += 1
            if node.kind == "seq" and node.items and all(item.kind == "scalar" for item in node.items):
                flows[node.is_flow] += 1
        style.step = _most(steps, style.step)
        style.dash = _most(dashes, style.dash)
        style.flow_lists = _most(flows, style.flow_lists)
        _note_quotes(style, (node for node in scope if node.kind == "scalar"))
    if near.kind == "seq":
        _note_quotes(style, (node for node in near.items if node.kind == "scalar"))
    return style


def _note_key(style: Style, key: Node, item: Node) -> None:
    if key.kind != "scalar":
        return
    if item.kind in {"map", "seq"} and item.items:
        style.flow_keys[key.value] = item.is_flow
    elif _shows_taste(item):
        style.quoted_keys[key.value] = item.style in {"'", '"'}


def _note_quotes(style: Style, scalars: Iterable[Node]) -> None:
    signs: Counter[str] = Counter()
    free: Counter[bool] = Counter()
    for node in scalars:
        if isinstance(node.value, str) and node.style in {"", "'", '"'}:
            if node.style:
                signs[node.style] += 1
            if _shows_taste(node):
                free[bool(node.style)] += 1
    style.quote = _most(signs, style.quote)
    style.quotes = _most(free, style.quotes)


def _shows_taste(node: Node) -> bool:
    """Whether a string could be written with quotes and without: quotes that are needed say nothing."""
    if node.kind != "scalar" or not isinstance(node.value, str):
        return False
    return not node.style or _is_plain(node.value, flow=False)


def _most(counts: Counter[Any], default: Any) -> Any:
    return counts.most_common(1)[0][0] if counts else default


def _is_plain(text: str, *, flow: bool) -> bool:
    """Whether a string means itself without quotes, to readers of YAML 1.1 and of YAML 1.2."""
    if not text or text[0] in _INDICATORS or text[0] == " " or text[-1] in " :" or not text.isprintable():
        return False
    if VALUES[text] != text:
        return False
    if ": " in text or " #" in text or text.startswith("...") or (flow and not _FLOW_SIGNS.isdisjoint(text)):
        return False
    if text[:4].isdigit() and text[4:5] == "-":
        return False  # a date to some readers
    return not (_CLOCK_SIGNS.issuperset(text) and ":" in text)  # a number to base 60 to some readers


def scalar(value: Any, style: Style, *, flow: bool = False, quoted: bool | None = None) -> str:
    """One scalar on one line. `quoted` overrides whether strings of this document have quotes."""
    if isinstance(value, str) and any("\ud800" <= sign <= "\udfff" for sign in value):
        raise CannotWrite("lone surrogate")
    if value is not None and not isinstance(value, (str, int, float)):
        raise CannotWrite(type(value).__name__)
    if isinstance(value, int) and abs(value) >= _LARGEST:
        raise CannotWrite("too large a number")
    if style.json:
        return json_text(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value)
    if not (style.quotes if quoted is None else quoted) and _is_plain(value, flow=flow):
        return value
    if style.quote == "'" and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    return '"' + "".join(_ESCAPES.get(sign) or (sign if sign.isprintable() else _escape(sign)) for sign in value) + '"'


def json_text(value: Any, indent: str | None = None) -> str:
    """JSON that YAML reads too: it has no escaped surrogate pairs, and line breaks of YAML 1.1 are escaped."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return "".join(
        sign if sign.isprintable() or sign in "\n\t" or ord(sign) > 0xFFFF else _escape(sign) for sign in text
    )


def _escape(sign: str) -> str:
    code = ord(sign)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def key_text(key: Any, style: Style, *, flow: bool = False) -> str:
    text = scalar(key, style, flow=flow, quoted=False)
    if len(text) > _LONGEST_KEY:
        raise CannotWrite("too long a key")
    return text


def inline(value: Any, style: Style, *, key: Any = None, flow: bool = True, depth: int = 0) -> str:
    """Any value on one line, as flow style or JSON. `flow` says whether flow signs in a scalar need quotes."""
    if depth > MOST_DEPTH:
        raise CannotWrite("depth")
    if isinstance(value, Mapping):
        pairs = (
            f"{key_text(name, style, flow=True)}: {inline(item, style, key=name, depth=depth + 1)}"
            for name, item in value.items()
        )
        return "{" + ", ".join(pairs) + "}"
    if is_list(value):
        return "[" + ", ".join(inline(item, style, key=key, depth=depth + 1) for item in value) + "]"
    return scalar(value, style, flow=flow, quoted=style.quoted_keys.get(key))


def is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def goes_inline(value: Any, style: Style, key: Any = None) -> bool:
    """Whether a value is written on the line of its key: a scalar, an empty one, or by the document's habit."""
    if style.json or not (isinstance(value, Mapping) or is_list(value)):
        return True
    if not value or key in style.flow_keys:
        return not value or style.flow_keys[key]
    return is_list(value) and style.flow_lists and not any(isinstance(item, Mapping) or is_list(item) for item in value)


def block(value: Any, style: Style, depth: int = 0) -> list[str]:
    """A mapping, a list or a scalar as lines, without outer indentation."""
    if depth > MOST_DEPTH:
        raise CannotWrite("depth")
    if isinstance(value, Mapping) and value:
        lines = []
        for key, item in value.items():
            lines += entry(key, item, style, depth)
        return lines
    if is_list(value) and value:
        lines = []
        for item in value:
            first, *rest = block(item, style, depth + 1)
            lines.append("-" + " " * (style.gap - 1) + first)
            lines += [" " * style.gap + line for line in rest]
        return lines
    return [inline(value, style, flow=False)]


def entry(key: Any, value: Any, style: Style, depth: int = 0) -> list[str]:
    """One key with its value as lines, without outer indentation."""
    name = key_text(key, style)
    if goes_inline(value, style, key):
        return [f"{name}: {inline(value, style, key=key, flow=False)}"]
    indent = " " * (style.dash if is_list(value) else style.step)
    return [f"{name}:", *(indent + line for line in block(value, style, depth + 1))]
