"""Terraform as JSON (`.tf.json`, `.tfvars.json`): the same blocks and expressions, whose texts may be templates.

It is read for what it says and never edited: places are those of the lines, offsets are not.
"""

from __future__ import annotations

from collections.abc import Iterator

from skills.core.hcl.read import Block, Body, Broken, Expression, parse

_LABELS = {"resource": 2, "data": 2, "module": 1, "variable": 1, "output": 1, "locals": 0}
_NESTED = ("rule", "policy")  # blocks inside blocks, which JSON writes as objects or lists of them


def parse_json(text: str) -> Body:
    """The whole text: its blocks, and its keys as attributes. Raises Broken."""
    whole = parse("_ = " + text).get("_")
    if whole is None or whole.kind != "object":
        raise Broken(1, "it is no object")
    pairs = [(kind, value) for kind, value in whole.value if kind in _LABELS]
    return Body(whole.value, tuple(each for kind, value in pairs for each in _blocks(kind, (), value)))


def _blocks(kind: str, labels: tuple[str, ...], value: Expression) -> Iterator[Block]:
    for each in _objects(value):
        if len(labels) < _LABELS.get(kind, 0):
            for label, inner in each.value:
                yield from _blocks(kind, (*labels, label), inner)
        else:
            nested = [(name, inner) for name, inner in each.value if name in _NESTED]
            inside = tuple(block for name, inner in nested for block in _blocks(name, (), inner))
            rest = tuple(pair for pair in each.value if pair not in nested)
            yield Block(kind, labels, Body(rest, inside), each.line)


def _objects(value: Expression) -> Iterator[Expression]:
    for each in value.items or (value,):
        if each.kind == "object":
            yield each
