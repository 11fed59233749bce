"""Values of Terraform as far as the files say them: variables with their values, locals, references, a few functions.

What only Terraform's run knows stays an `Unknown` that carries the words of the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from skills.core.hcl import Block, Body, Expression
from skills.core.model import Place

_MOST_DEPTH = 40
_MOST_STEPS = 200_000
_UNKNOWN_ORG = "?"
_JOINS = frozenset({"concat", "setunion", "flatten"})
_SAME = frozenset({"toset", "tolist", "distinct", "sort", "compact", "tostring", "nonsensitive", "one", "tomap"})


@dataclass(frozen=True, slots=True)
class File:
    """One .tf or .tfvars file."""

    path: str
    folder: str
    body: Body
    rows: tuple[str, ...]

    def place(self, line: int) -> Place:
        text = self.rows[line - 1].strip()[:200] if 0 < line <= len(self.rows) else ""
        return Place(self.path, line, text)

    @property
    def sets_values(self) -> bool:
        return self.path.endswith(".tfvars")


@dataclass(frozen=True, slots=True)
class Value:
    """`data` is a text, number, flag, None, a tuple of Value, a dict of Value, a `Ref`, or an `Unknown`.

    `written` is the expression that says it, in `file`; of a joined list it is its last literal part.
    """

    data: Any
    file: File | None = None
    written: Expression | None = None

    @property
    def place(self) -> Place:
        if self.file is None or self.written is None:
            return Place("", 1, "")
        return self.file.place(self.written.line)

    @property
    def values(self) -> tuple[Value, ...]:
        return self.data if isinstance(self.data, tuple) else ()

    @property
    def text(self) -> str | None:
        return self.data if isinstance(self.data, str) else None

    @property
    def unknown(self) -> str:
        """What is not known of it; empty where all is."""
        return self.data.words if isinstance(self.data, Unknown) else ""


@dataclass(frozen=True, slots=True)
class Unknown:
    words: str


@dataclass(frozen=True, slots=True, eq=False)
class Ref:
    """A resource, data source or module call; `key` is which of its instances. `way` are steps behind it."""

    scope: Scope
    block: Block
    key: Value | None = None
    way: tuple[str, ...] = ()

    @property
    def type(self) -> str:
        return self.block.labels[0] if self.block.kind != "module" else "module"

    def get(self, name: str) -> Value:
        return self.scope.attribute(self.block, name, each=self.key)


@dataclass(eq=False)
class Scope:
    """One folder of Terraform with the values of its variables: a root, or a module as it is called once."""

    files: tuple[File, ...]
    given: Mapping[str, Value]
    root: str
    modules: Callable[[Scope, Block], Scope | None]
    depth: int = 0
    spent: list[int] = field(default_factory=lambda: [0])  # expressions so far, shared with the modules below
    _running: set[object] = field(default_factory=set)

    def blocks(self, kind: str) -> Iterator[tuple[File, Block]]:
        return ((file, block) for file in self.files for block in file.body.all(kind))

    def file_of(self, block: Block) -> File:
        return next(file for file in self.files if any(each is block for each in file.body.blocks))

    def attribute(self, block: Block, name: str, *, each: Value | None = None) -> Value:
        """An attribute of a top-level block; None data where it is not there."""
        written = block.get(name)
        file = self.file_of(block)
        if written is None:
            return Value(None, file)
        if (id(block), name) in self._running:  # references in a circle are an error of the files
            return Value(Unknown(_words(written, file)), file, written)
        self._running.add((id(block), name))
        try:
            return self.value(written, file, each=each)
        finally:
            self._running.discard((id(block), name))

    def instances(self, block: Block) -> list[tuple[Value | None, str]]:
        """Each instance of a block: its `each`, and what is not known of whether it exists."""
        count, for_each = self.attribute(block, "count"), self.attribute(block, "for_each")
        if block.get("for_each") is not None:
            if isinstance(for_each.data, dict):
                return [(Value({"key": Value(key), "value": one}), "") for key, one in for_each.data.items()]
            if for_each.unknown or not isinstance(for_each.data, tuple):
                return [(None, for_each.unknown or "for_each")]
            return [(Value({"key": each, "value": each}), "") for each in for_each.values]
        if block.get("count") is not None:
            if isinstance(count.data, int):
                return [(None, "")] if count.data > 0 else []
            return [(None, count.unknown or "count")]
        return [(None, "")]

    # --- expressions

    def value(self, written: Expression, file: File, *, each: Value | None = None, depth: int = 0) -> Value:
        self.spent[0] += 1
        if depth < _MOST_DEPTH and self.spent[0] < _MOST_STEPS:
            found = self._value(written, file, each, depth)
        else:
            found = Unknown("what is nested too deeply")
        if not isinstance(found, Value):
            return Value(found, file, written)
        return found if found.file is not None else Value(found.data, file, written)

    def _value(self, written: Expression, file: File, each: Value | None, depth: int) -> Any:
        def inner(expression: Expression) -> Value:
            return self.value(expression, file, each=each, depth=depth + 1)

        kind = written.kind
        if kind in ("text", "number", "flag", "null"):
            return written.value
        if kind == "list":
            return tuple(inner(item) for item in written.value)
        if kind == "object":
            return {key: inner(item) for key, item in written.value}
        if kind == "template":
            pieces = [Value(piece) if isinstance(piece, str) else inner(piece) for piece in written.value]
            unknown = next((piece for piece in pieces if not isinstance(piece.data, (str, int))), None)
            return Unknown(_words(written, file)) if unknown else "".join(str(piece.data) for piece in pieces)
        if kind == "call":
            return self._call(written.value[0], [inner(item) for item in written.value[1:]], written, file)
        if kind == "comprehension":
            return self._comprehension(written, file, each, depth)
        if kind == "path":
            found = self._path(list(written.value), written, file, each, depth)
            return found if not isinstance(found, Value) or not found.unknown else Unknown(found.unknown)
        return Unknown(_words(written, file))

    def _call(self, name: str, given: Sequence[Value], written: Expression, file: File) -> Any:
        if name in _SAME and len(given) == 1:
            return given[0]
        if name in ("keys", "values") and given and isinstance(given[0].data, dict):
            chosen = given[0].data
            return (
                tuple(Value(key, given[0].file, given[0].written) for key in chosen)
                if name == "keys"
                else tuple(chosen.values())
            )
        if name == "values" and given:
            return given[0]
        if name in _JOINS:
            parts = [each.values if isinstance(each.data, tuple) else (each,) for each in given]
            flat = [one for part in parts for item in part for one in (_flat(item) if name == "flatten" else (item,))]
            last = next((each for each in reversed(given) if each.written and each.written.kind == "list"), None)
            return Value(tuple(flat), last.file if last else file, last.written if last else written)
        if name == "lower" and given and given[0].text is not None:
            return given[0].text.lower()
        return Unknown(_words(written, file))

    def _comprehension(self, written: Expression, file: File, each: Value | None, depth: int) -> Any:
        name, over, result = written.value
        source = self.value(over, file, each=each, depth=depth + 1)
        if source.unknown or not isinstance(source.data, tuple):
            words = Unknown(source.unknown or _words(written, file))
            one = self.value(result, file, each=Value({f"for {name}": Value(words)}), depth=depth + 1)
            # What every element has in common is known all the same: the ports of rules, say.
            return (one,) if isinstance(one.data, dict) else words
        made = []
        for item in source.values:
            extra = dict(each.data) if each and isinstance(each.data, dict) else {}
            made.append(self.value(result, file, each=Value({**extra, f"for {name}": item}), depth=depth + 1))
        return tuple(Value(one.data, item.file, item.written) for one, item in zip(made, source.values, strict=True))

    # --- references

    def _path(self, steps: list[Any], written: Expression, file: File, each: Value | None, depth: int) -> Any:
        unknown = Unknown(_words(written, file))
        first = steps[0]
        local = each.data.get(f"for {first}") if each and isinstance(each.data, dict) else None
        if isinstance(first, Expression):
            return self._walk(self.value(first, file, each=each, depth=depth + 1), steps[1:], unknown)
        if local is not None:
            return self._walk(local, steps[1:], unknown)
        if first == "each" and len(steps) > 1 and each and isinstance(each.data, dict) and steps[1] in each.data:
            return self._walk(each.data[steps[1]], steps[2:], unknown)
        if first == "var" and len(steps) > 1:
            return self._walk(self._variable(str(steps[1]), depth) or Value(unknown), steps[2:], unknown)
        if first == "local" and len(steps) > 1:
            return self._walk(self._local(str(steps[1]), depth) or Value(unknown), steps[2:], unknown)
        rest = [
            self.value(step, file, each=each, depth=depth + 1).data if isinstance(step, Expression) else step
            for step in steps
        ]
        return self._block(rest, unknown)

    def _variable(self, name: str, depth: int) -> Value | None:
        if name in self.given:
            return self.given[name]
        for file, block in self.blocks("variable"):
            written = block.get("default")
            if block.labels[:1] == (name,) and written is not None and written.kind != "null":
                return self.value(written, file, depth=depth + 1)
        return None

    def _local(self, name: str, depth: int) -> Value | None:
        for file, block in self.blocks("locals"):
            written = block.get(name)
            if written is not None and name not in self._running:
                self._running.add(name)  # a local that names itself is an error of the file, not an endless loop
                try:
                    return self.value(written, file, depth=depth + 1)
                finally:
                    self._running.discard(name)
        return None

    def _block(self, steps: list[Any], unknown: Unknown) -> Any:
        kind = steps[0] if steps[0] in ("data", "module") else "resource"
        names = steps[1:] if kind in ("data", "module") else steps
        count = 1 if kind == "module" else 2
        labels, way = tuple(names[:count]), names[count:]
        block = next((block for _, block in self.blocks(kind) if block.labels == labels), None)
        if block is None:
            return unknown
        if way[:1] == ["[*]"] or (block.get("for_each") is not None and not way):
            found = [self._instance(block, key) for key, doubt in self.instances(block) if not doubt]
            doubt = next((doubt for _, doubt in self.instances(block) if doubt), "")
            over = self.attribute(block, "for_each")
            every = Value(tuple(found), over.file, over.written)
            return Unknown(doubt) if doubt else self._walk(every, way, unknown)
        key: Value | None = None
        if way and block.get("for_each") is not None:
            chosen = way.pop(0)
            key = next((k for k, _ in self.instances(block) if k and k.data["key"].data == chosen), None)
            if key is None:
                return unknown
        elif way and isinstance(way[0], int):
            way.pop(0)
        return self._walk(self._instance(block, key), way, unknown)

    def _instance(self, block: Block, key: Value | None) -> Value:
        """A reference that stands where its key stands: there somebody chose it."""
        chosen = key.data["key"] if key is not None else Value(None)
        return Value(Ref(self, block, key), chosen.file, chosen.written)

    def _walk(self, value: Value, steps: Sequence[Any], unknown: Unknown) -> Any:
        """The value behind further steps."""
        for at, step in enumerate(steps):
            if isinstance(value.data, Unknown):
                return value
            if step == "[*]":
                if not isinstance(value.data, tuple):
                    return unknown
                rest = [self._walk(each, steps[at + 1 :], unknown) for each in value.values]
                made = tuple(each if isinstance(each, Value) else Value(each) for each in rest)
                return Value(made, value.file, value.written)
            found = _step(value, step)
            if found is None:
                return unknown
            value = found
        return value


def _step(value: Value, step: Any) -> Value | None:
    if isinstance(value.data, dict):
        return value.data.get(step)
    if isinstance(value.data, tuple):
        return value.data[step] if isinstance(step, int) and step < len(value.data) else None
    if not isinstance(value.data, Ref) or not isinstance(step, str):
        return None
    ref = value.data
    if ref.type == "module":
        inner = ref.scope.modules(ref.scope, ref.block)
        for file, block in inner.blocks("output") if inner else ():
            written = block.get("value")
            if inner and block.labels[:1] == (step,) and written is not None:
                return inner.value(written, file)
        return Value(Ref(ref.scope, ref.block, ref.key, (*ref.way, step)), value.file, value.written)
    if step == "id":
        return value
    if step == "name":
        return ref.get("name")
    return Value(Ref(ref.scope, ref.block, ref.key, (*ref.way, step)), value.file, value.written)


def _flat(value: Value) -> Iterator[Value]:
    if isinstance(value.data, tuple):
        for item in value.values:
            yield from _flat(item)
    else:
        yield value


def _words(written: Expression, file: File) -> str:
    """The expression as it stands, on one short line."""
    rows = file.rows[written.line - 1 : written.line] or ("",)
    row = rows[0]
    if written.kind == "path":
        return ".".join(str(step) for step in written.value if isinstance(step, (str, int)))[:80]
    return " ".join(row.partition("=")[2].split())[:80] or " ".join(row.split())[:80] or "an expression"


def space_of(target: object) -> tuple[str, str, str]:
    """Organisation and space of a reference, and what is not known of the space's name."""
    if not isinstance(target, Ref):
        words = target.words if hasattr(target, "words") else "a space"
        return "${org}", f"${{{words}}}", str(words)
    names = ("cf_org_name", "cf_space_name") if target.type == "module" else ("org", "name")
    if target.type == "module" and target.block.get("cf_space_name") is None:
        names = ("org_name", "name")
    org, space = target.get(names[0]), target.get(names[1])
    if isinstance(org.data, Ref):
        org = org.data.get("name")
    if target.block.get("org_name") is not None and org.text is None:
        org = target.get("org_name")
    if space.text is None:
        words = space.unknown or "the name of a space"
        return org.text or "${org}", f"${{{words}}}", words
    return org.text or _UNKNOWN_ORG, space.text, ""
