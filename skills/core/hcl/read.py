"""Reads HCL into plain frozen values. The home of python-hcl2, which is imported when the first file is read.

Nothing is evaluated. What is no literal is kept as what it is: a reference, a call, a template, or `other`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

MOST_BYTES = 200_000  # about two seconds of the parser
_MOST_DEPTH = 60
_KEPT = 512
_WRAPPERS = frozenset({"expr_term", "new_line_or_comment"})


@dataclass(frozen=True, slots=True)
class Expression:
    """`kind` says what `value` is: text, number, flag, null, list (of Expression), object (of pairs of key and
    Expression), path (steps of a reference, `[*]` for a splat, an Expression for a computed index), call (name, then
    Expressions), template (texts and Expressions), comprehension (of `for`: names, what it goes over, key or None,
    result, condition or None), condition (test, then, else), operation (sign, left, right), not (Expression), other.

    `start` and `end` are offsets in the text, `line` counts from 1.
    """

    kind: str
    value: Any
    line: int
    start: int
    end: int

    @property
    def items(self) -> tuple[Expression, ...]:
        return self.value if self.kind == "list" else ()

    def get(self, key: str) -> Expression | None:
        """The value of an object's key."""
        return next((value for name, value in self.value if name == key), None) if self.kind == "object" else None


@dataclass(frozen=True, slots=True)
class Body:
    """Attributes by name, in their order, and blocks."""

    attributes: tuple[tuple[str, Expression], ...] = ()
    blocks: tuple[Block, ...] = ()

    def get(self, name: str) -> Expression | None:
        return next((value for key, value in self.attributes if key == name), None)

    def all(self, kind: str) -> Iterator[Block]:
        return (block for block in self.blocks if block.kind == kind)


@dataclass(frozen=True, slots=True)
class Block:
    """`resource "a" "b" { ... }` has the kind `resource` and the labels a and b. `start` and `end` are offsets."""

    kind: str
    labels: tuple[str, ...]
    body: Body
    line: int
    start: int = 0
    end: int = 0

    def get(self, name: str) -> Expression | None:
        return self.body.get(name)


class Broken(Exception):
    """The text is no HCL, or too much of it; `line` is where it fails."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(why)
        self.line = line
        self.why = why


@lru_cache(maxsize=_KEPT)
def parse(text: str) -> Body:
    """The whole text. Raises Broken."""
    if len(text) > MOST_BYTES:
        raise Broken(1, f"it has {len(text)} characters, more than {MOST_BYTES}")
    from hcl2.api import parses_to_tree  # noqa: PLC0415 - the parser takes long to load, and few repositories need it
    from lark.exceptions import UnexpectedInput  # noqa: PLC0415

    try:
        tree = parses_to_tree(text if text.endswith("\n") else text + "\n")
        return _body(next(_trees(tree, "body")), 0)
    except UnexpectedInput as error:
        line = getattr(error, "line", 1)
        raise Broken(line if isinstance(line, int) and line > 0 else 1, "it is no HCL") from error
    except RecursionError as error:
        raise Broken(1, "it is nested too deeply") from error


def _body(tree: Any, depth: int) -> Body:
    attributes: list[tuple[str, Expression]] = []
    blocks: list[Block] = []
    for child in _trees(tree):
        if child.data == "attribute":
            name, *_, value = _meaningful(child)
            attributes.append((_name(name), _expression(value, depth)))
        elif child.data == "block":
            blocks.append(_block(child, depth))
    return Body(tuple(attributes), tuple(blocks))


def _block(tree: Any, depth: int) -> Block:
    _deep(depth, tree)
    parts = [part for part in _trees(tree) if part.data != "new_line_or_comment"]
    kind, *labels = parts[:-1]
    names = tuple(_name(label) for label in labels)
    meta = tree.meta
    return Block(_name(kind), names, _body(parts[-1], depth + 1), _line(tree), meta.start_pos, meta.end_pos)


def _name(tree: Any) -> str:
    """An identifier, or a string without its quotes."""
    tokens = [str(token) for token in tree.scan_values(lambda token: token.type != "DBLQUOTE")]
    return "".join(tokens)


def _expression(tree: Any, depth: int) -> Expression:
    _deep(depth, tree)
    kind, value = _value(tree, depth)
    if kind == "same":
        return _expression(value, depth + 1)
    return Expression(kind, value, _line(tree), tree.meta.start_pos, tree.meta.end_pos)


def _value(tree: Any, depth: int) -> tuple[str, Any]:
    name, parts = str(tree.data), _meaningful(tree)
    if name == "expr_term":
        return "same", parts[0]
    if name == "string":
        return _string(parts, depth)
    if name in ("int_lit", "float_lit"):
        text = str(parts[0])
        return "number", int(text) if text.isdecimal() and len(text) < 20 else text
    if name == "literal_value":
        text = str(parts[0])
        return ("null", None) if text == "null" else ("flag", text == "true")
    if name == "tuple":
        return "list", tuple(_expression(part, depth + 1) for part in parts)
    if name == "object":
        return "object", tuple(_pair(part, depth + 1) for part in parts)
    if name == "function_call":
        given = [each for part in parts[1:] for each in _meaningful(part)]
        return "call", (_name(parts[0]), *(_expression(each, depth + 1) for each in given if _is_tree(each)))
    if name in ("for_tuple_expr", "for_object_expr"):
        return _comprehension(parts, depth)
    if name in ("conditional", "binary_op", "unary_op"):
        return _operation(name, parts, depth)
    steps = _steps(tree, depth)
    return ("path", steps) if steps else ("other", None)


def _string(parts: Sequence[Any], depth: int) -> tuple[str, Any]:
    """A text, or a template where something is put in."""
    pieces: list[str | Expression] = []
    for part in parts:
        for inner in part.children:
            if not _is_tree(inner):
                pieces.append(_unescaped(str(inner)))
            elif inner.data == "interpolation":
                pieces.append(_expression(_meaningful(inner)[0], depth + 1))
            else:
                return "other", None
    if all(isinstance(piece, str) for piece in pieces):
        return "text", "".join(str(piece) for piece in pieces)
    return "template", tuple(pieces)


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    for written, meant in (('\\"', '"'), ("\\n", "\n"), ("\\t", "\t"), ("\\\\", "\\")):
        text = text.replace(written, meant)
    return text


def _pair(tree: Any, depth: int) -> tuple[str, Expression]:
    key, value = [part for part in _trees(tree) if part.data not in _WRAPPERS or part.data == "expr_term"][:2]
    return _name(key), _expression(value, depth)


def _comprehension(parts: Sequence[Any], depth: int) -> tuple[str, Any]:
    """`[for x in LIST : RESULT if TEST]`, or of a map `{for k, v in MAP : KEY => RESULT}`."""
    intro, *trees = [part for part in parts if _is_tree(part)]
    *names, over = [part for part in _trees(intro) if part.data != "new_line_or_comment"]
    tests = [part for part in trees if part.data == "for_cond"]
    results = [_expression(part, depth + 1) for part in trees if part.data != "for_cond"]
    if not 1 <= len(results) <= 2 or any(not _is_tree(part) and str(part) == "..." for part in parts):
        return "other", None
    test = _expression(_meaningful(tests[0])[-1], depth + 1) if tests else None
    key = results[0] if len(results) == 2 else None
    return "comprehension", (tuple(map(_name, names)), _expression(over, depth + 1), key, results[-1], test)


def _operation(name: str, parts: Sequence[Any], depth: int) -> tuple[str, Any]:
    """`TEST ? A : B`, `A == B` and its like, `!A`."""
    trees = [part for part in parts if _is_tree(part)]
    if name == "conditional":
        return "condition", tuple(_expression(part, depth + 1) for part in trees)
    if name == "unary_op":
        bang = any(not _is_tree(part) and str(part) == "!" for part in parts)
        return ("not", _expression(trees[0], depth + 1)) if bang else ("other", None)
    sign, right = _meaningful(trees[1])
    left, right = (_expression(part, depth + 1) for part in (trees[0], right))
    return "operation", (_name(sign), left, right)


def _steps(tree: Any, depth: int) -> tuple[Any, ...]:
    """The steps of a reference such as `data.a.b[each.key].id`; none if it is no reference."""
    _deep(depth, tree)
    name, parts = str(tree.data), _meaningful(tree)
    if name == "identifier":
        return (str(parts[0]),)
    if name == "expr_term" and len(parts) == 1 and _is_tree(parts[0]):
        return _steps(parts[0], depth + 1)
    if name not in ("get_attr_expr_term", "index_expr_term", "attr_splat_expr_term", "full_splat_expr_term"):
        return ()
    base, last = _steps(parts[0], depth + 1) or _called(parts[0], depth), parts[1]
    if not base:
        return ()
    if name == "get_attr_expr_term":
        return (*base, _name(_meaningful(last)[-1]))
    if name == "index_expr_term":
        inner = [part for part in _meaningful(last) if _is_tree(part)]
        if not inner:
            return (*base, str(_meaningful(last)[-1]))
        index = _expression(inner[0], depth + 1)
        return (*base, index.value if index.kind in ("text", "number") else index)
    rest = tuple(_name(part) for part in last.find_data("get_attr"))
    return (*base, "[*]", *(step.removeprefix(".") for step in rest))


def _called(base: Any, depth: int) -> tuple[Any, ...]:
    """A step behind a call, as in `values(data.a.b)[*].id`: the call stands for the first one."""
    inner = _expression(base, depth + 1)
    return (inner,) if inner.kind == "call" else ()


def _meaningful(tree: Any) -> list[Any]:
    """Children without blanks, comments and punctuation."""
    return [
        child
        for child in tree.children
        if child is not None
        and (child.data != "new_line_or_comment" if _is_tree(child) else child.type not in _PUNCTUATION)
    ]


_PUNCTUATION = frozenset(
    {"EQ", "COLON", "COMMA", "LPAR", "RPAR", "LSQB", "RSQB", "LBRACE", "RBRACE", "DBLQUOTE", "DOT", "INTERP_START"}
    | {"NL_OR_COMMENT", "FULL_SPLAT_START", "ATTR_SPLAT"}
)


def _is_tree(node: Any) -> bool:
    return hasattr(node, "children")


def _trees(tree: Any, name: str | None = None) -> Iterator[Any]:
    return (child for child in tree.children if _is_tree(child) and (name is None or child.data == name))


def _line(tree: Any) -> int:
    return int(getattr(tree.meta, "line", 1))


def _deep(depth: int, tree: Any) -> None:
    if depth > _MOST_DEPTH:
        raise Broken(_line(tree), "it is nested too deeply")
