"""Values of Terraform as far as the files say them: variables with their values, locals, references, a few functions.

What only Terraform's run knows stays an `Unknown` that carries the words of the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from skills.core.hcl import Block, Expression
from skills.core.platforms.cloud_foundry import tf_calls
from skills.core.platforms.cloud_foundry.tf_data import File, Unknown, Value, words

_MOST_DEPTH = 40
_MOST_STEPS = 200_000
_MOST_EACH = 20_000  # so that one block or value that has no end leaves the rest to be read
_MOST_INSTANCES = 500
_UNKNOWN_ORG = "?"


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


@dataclass(slots=True)
class Budget:
    """How many expressions a root and its modules may take, all together and for one thing."""

    spent: int = 0
    until: int = _MOST_STEPS
    overrun: bool = False

    def take(self, steps: int = 1) -> bool:
        """False where there is nothing left."""
        self.spent += steps
        self.overrun = self.overrun or self.spent >= self.until
        return self.spent < self.until

    @contextmanager
    def share(self) -> Iterator[None]:
        """A part of what is left."""
        whole, self.until = self.until, min(self.until, self.spent + _MOST_EACH)
        try:
            yield
        finally:
            self.until = whole


@dataclass(eq=False)
class Scope:
    """One folder of Terraform with the values of its variables: a root, or a module as it is called once."""

    files: tuple[File, ...]
    given: Mapping[str, Value]
    root: str
    modules: Callable[[Scope, Block, Value | None], Scope | None]
    depth: int = 0
    budget: Budget = field(default_factory=Budget)  # shared with the modules below
    _locals: dict[str, Value] = field(default_factory=dict)
    _running: set[object] = field(default_factory=set)
    _instances: dict[int, list[tuple[Value | None, str]]] = field(default_factory=dict)

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
            return Value(Unknown(words(written, file)), file, written)
        self._running.add((id(block), name))
        try:
            return self.value(written, file, each=each)
        finally:
            self._running.discard((id(block), name))

    def instances(self, block: Block) -> list[tuple[Value | None, str]]:
        """Each instance of a block: its `each` or `count`, and what is not known of whether it exists."""
        if id(block) not in self._instances:
            self._instances[id(block)] = self._all_instances(block)
        return self._instances[id(block)]

    def _all_instances(self, block: Block) -> list[tuple[Value | None, str]]:
        count, for_each = self.attribute(block, "count"), self.attribute(block, "for_each")
        if block.get("for_each") is not None:
            if isinstance(for_each.data, dict):
                return [(Value({"key": Value(key), "value": one}), "") for key, one in for_each.data.items()]
            if for_each.unknown or not isinstance(for_each.data, tuple):
                return [(None, for_each.unknown or "for_each")]
            return [(Value({"key": each, "value": each}), "") for each in for_each.values]
        if block.get("count") is not None:
            if type(count.data) is int and count.data <= _MOST_INSTANCES:
                return [(Value({"count": Value({"index": Value(at)})}), "") for at in range(count.data)]
            return [(None, count.unknown or "count")]
        return [(None, "")]

    # --- expressions

    def value(self, written: Expression, file: File, *, each: Value | None = None, depth: int = 0) -> Value:
        if depth < _MOST_DEPTH and self.budget.take():
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
            if len(written.value) == 1 and not isinstance(written.value[0], str):
                return inner(written.value[0])  # "${x}" is x itself, whatever that is
            pieces = [Value(piece) if isinstance(piece, str) else inner(piece) for piece in written.value]
            texts = [_text(piece.data) for piece in pieces]
            known = [text for text in texts if text is not None]
            whole = len(known) == len(texts) and sum(map(len, known)) <= tf_calls.MOST
            return "".join(known) if whole else Unknown(words(written, file))
        if kind == "call":
            return tf_calls.call(
                written.value[0], [inner(item) for item in written.value[1:]], Value(None, file, written)
            )
        if kind in ("operation", "not"):
            sides = written.value[1:] if kind == "operation" else (written.value,)
            answer = tf_calls.compared(written.value[0] if kind == "operation" else "!", *map(inner, sides))
            return Unknown(words(written, file)) if answer is None else answer
        if kind == "condition":
            test, then, other = written.value
            answer = inner(test).data
            return inner(then if answer else other) if isinstance(answer, bool) else Unknown(words(written, file))
        if kind == "comprehension":
            return self._comprehension(written, file, each, depth)
        if kind == "path":
            found = self._path(list(written.value), written, file, each, depth)
            return found if not isinstance(found, Value) or not found.unknown else Unknown(found.unknown)
        return Unknown(words(written, file))

    def _comprehension(self, written: Expression, file: File, each: Value | None, depth: int) -> Any:
        names, over, key, result, test = written.value
        outer = dict(each.data) if each and isinstance(each.data, dict) else {}
        source = self.value(over, file, each=each, depth=depth + 1)
        pairs = _pairs(source)
        unknown = Unknown(source.unknown or words(written, file))
        if pairs is None:
            inside = {f"for {name}": Value(unknown) for name in names}
            one = self.value(result, file, each=Value({**outer, **inside}), depth=depth + 1)
            # What every element has in common is known all the same: the ports of rules, say.
            return (one,) if key is None and isinstance(one.data, dict) else unknown
        made: list[tuple[Value, Value]] = []
        for at, item in pairs:
            inside = {f"for {name}": value for name, value in zip(names, (at, item)[-len(names) :], strict=True)}
            here = Value({**outer, **inside})
            known = self.value(test, file, each=here, depth=depth + 1).data if test is not None else True
            if not isinstance(known, bool):
                return unknown
            if known:
                label = self.value(key, file, each=here, depth=depth + 1) if key is not None else Value("")
                one = self.value(result, file, each=here, depth=depth + 1)
                made.append((label, Value(one.data, item.file, item.written)))
        if key is None:
            return tuple(one for _, one in made)
        return unknown if any(label.text is None for label, _ in made) else {at.text: one for at, one in made}

    # --- references

    def _path(self, steps: list[Any], written: Expression, file: File, each: Value | None, depth: int) -> Any:
        unknown = Unknown(words(written, file))
        here = each.data if each and isinstance(each.data, dict) else {}
        first, *way = (
            self.value(step, file, each=each, depth=depth + 1) if isinstance(step, Expression) else step
            for step in steps
        )
        if isinstance(first, Value):
            return self._walk(first, _plain(way), unknown)
        way = _plain(way)
        if f"for {first}" in here:
            return self._walk(here[f"for {first}"], way, unknown)
        if first == "each" and way and way[0] in here:
            return self._walk(here[way[0]], way[1:], unknown)
        if first == "count" and "count" in here:
            return self._walk(here["count"], way, unknown)
        if first == "var" and way:
            return self._walk(self._variable(str(way[0]), depth) or Value(unknown), way[1:], unknown)
        if first == "local" and way:
            return self._walk(self._local(str(way[0]), depth) or Value(unknown), way[1:], unknown)
        return self._block([first, *way], unknown)

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
            if written is not None and name not in self._running and name not in self._locals:
                self._running.add(name)  # a local that names itself is an error of the file, not an endless loop
                try:
                    with self.budget.share():
                        self._locals[name] = self.value(written, file, depth=depth + 1)
                finally:
                    self._running.discard(name)
        return self._locals.get(name)

    def _block(self, steps: list[Any], unknown: Unknown) -> Any:
        kind = steps[0] if steps[0] in ("data", "module") else "resource"
        names = steps[1:] if kind in ("data", "module") else steps
        count = 1 if kind == "module" else 2
        labels, way = tuple(names[:count]), names[count:]
        block = next((block for _, block in self.blocks(kind) if block.labels == labels), None)
        if block is None:
            return unknown
        if way[:1] == ["[*]"] or (block.get("for_each") is not None and not way):
            made = [self._instance(block, key) for key, doubt in self.instances(block) if not doubt]
            doubt = next((doubt for _, doubt in self.instances(block) if doubt), "")
            over = self.attribute(block, "for_each")
            every = Value(tuple(made), over.file, over.written)
            return Unknown(doubt) if doubt else self._walk(every, way, unknown)
        key: Value | None = None
        if way and block.get("for_each") is not None:
            chosen = way.pop(0)
            key = next((k for k, _ in self.instances(block) if k and k.data["key"].data == chosen), None)
            if key is None:
                return unknown
        elif way and isinstance(way[0], int):
            at, found = way.pop(0), self.instances(block)
            key = found[at][0] if block.get("count") is not None and at < len(found) else None
        return self._walk(self._instance(block, key), way, unknown)

    def _instance(self, block: Block, key: Value | None) -> Value:
        """A reference that stands where its key stands: there somebody chose it."""
        chosen = key.data.get("key", Value(None)) if key is not None else Value(None)
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


def _plain(steps: Sequence[Any]) -> list[Any]:
    """Steps with the texts and numbers of computed ones; what else one may be leads nowhere."""
    found = [step.data if isinstance(step, Value) else step for step in steps]
    return [step if isinstance(step, (str, int)) else Unknown("a step") for step in found]


def _text(data: Any) -> str | None:
    """A scalar as Terraform puts it into a text."""
    if isinstance(data, bool):
        return "true" if data else "false"
    return str(data) if isinstance(data, (str, int)) else None


def _pairs(of: Value) -> list[tuple[Value, Value]] | None:
    """What a `for` goes over: index or key, and element; None where nobody knows."""
    if isinstance(of.data, dict):
        return [(Value(key), value) for key, value in of.data.items()]
    return [(Value(at), value) for at, value in enumerate(of.data)] if isinstance(of.data, tuple) else None


def _step(value: Value, step: Any) -> Value | None:
    if isinstance(value.data, dict):
        return value.data.get(step)
    if isinstance(value.data, tuple):
        return value.data[step] if isinstance(step, int) and step < len(value.data) else None
    if not isinstance(value.data, Ref) or not isinstance(step, str):
        return None
    ref = value.data
    if ref.type == "module":
        inner = ref.scope.modules(ref.scope, ref.block, ref.key)
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


def space_of(target: object) -> tuple[str, str, str]:
    """Organisation and space of a reference, and what is not known of the space's name."""
    if not isinstance(target, Ref):
        said = str(target.words if hasattr(target, "words") else "a space")
        return "${org}", f"${{{said}}}", said
    names = ("cf_org_name", "cf_space_name") if target.type == "module" else ("org", "name")
    if target.type == "module" and target.block.get("cf_space_name") is None:
        names = ("org_name", "name")
    org, space = target.get(names[0]), target.get(names[1])
    if isinstance(org.data, Ref):
        org = org.data.get("name")
    if target.block.get("org_name") is not None and org.text is None:
        org = target.get("org_name")
    if space.text is None:
        said = space.unknown or "the name of a space"
        return org.text or "${org}", f"${{{said}}}", said
    return org.text or _UNKNOWN_ORG, space.text, ""
