"""Reads `egress-policy.yaml`. It always comes from the target branch and never from the change's own branch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from skills.core.errors import AskUnclear
from skills.core.hosts import edit_distance, shown
from skills.core.model import Finding
from skills.core.policy.people import HandOff, InGitLab, aliases, claimed_twice
from skills.core.policy.places import at, line_of, lines, plain
from skills.core.policy.shapes import Denied, PolicyFile, faults_of
from skills.core.policy.values import NO_POLICY, PATH, Policy
from skills.core.yaml_text import read_documents

FILE = TypeAdapter(PolicyFile)
_NEAR = 2
_EACH = "each entry of "


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that keeps the file from being understood. `line` counts from 1."""

    line: int
    what: str
    code: str = "EGR421"

    @property
    def finding(self) -> Finding:
        return Finding(self.code, {"path": PATH, "line": self.line, "what": self.what})


def read_policy(text: str | None) -> Policy:
    """Reads the file. A policy that can't be understood is refused: guessing who may approve is not an option."""
    policy, faults = _read(text)
    if policy is None:
        raise AskUnclear(faults[0].code, **faults[0].finding.facts)
    return policy


def policy_or_fault(text: str | None) -> Policy:
    """As `read_policy`, but a file that can't be understood gives a policy that answers and does nothing else."""
    policy, faults = _read(text)
    return policy or replace(NO_POLICY, level="answer", effects=False, model="none", fault=faults[0].finding)


def faults_in(text: str | None) -> tuple[Fault, ...]:
    """Everything that is wrong in the file, from top to bottom."""
    return _read(text)[1]


@lru_cache(maxsize=16)
def _read(text: str | None) -> tuple[Policy | None, tuple[Fault, ...]]:
    if text is None:
        return NO_POLICY, ()
    documents, unreadable = read_documents(PATH, text)
    if unreadable:
        return None, tuple(Fault(each.line or 1, "it can't be read", "EGR420") for each in unreadable)
    if not documents or documents[0].data is None:
        return NO_POLICY, ()
    data = documents[0].data
    if len(documents) > 1 or not isinstance(data, Mapping):
        return None, (Fault(1, "it must be one map with `groups` and `approval`"),)
    try:
        read = FILE.validate_python(plain(data))
    except ValidationError as error:
        found = [_fault(data, *each) for each in _said_once(faults_of(error))]
        return None, tuple(sorted(set(found), key=lambda fault: (fault.line, fault.what)))
    faults = tuple(_across(read, data))
    return (None, faults) if faults else (_policy(read, data), ())


def _policy(read: PolicyFile, data: Any) -> Policy:
    speaks_of_levels = read.teams is not None or read.level is not None
    given = {name: value for name in _KEPT if (value := getattr(read, name)) is not None}
    named = aliases(read.people or {})
    return Policy(
        {
            group: ()
            if isinstance(names, InGitLab)
            else tuple(dict.fromkeys(named.get(name.casefold(), name) for name in names or ()))
            for group, names in (read.groups or {}).items()
        },
        read.approval or (),
        level=read.level or ("answer" if speaks_of_levels else "decide"),
        effects=read.effects is not False,
        delegates={name: names or () for name, names in (read.delegates or {}).items()},
        deny=tuple(each if isinstance(each, Denied) else Denied(each) for each in read.deny or ()),
        lines=dict(lines(data)),
        in_gitlab={name: each.gitlab for name, each in (read.groups or {}).items() if isinstance(each, InGitLab)},
        **given,
    )


_KEPT = (
    "diagrams", "help_desk", "timers", "teams", "on_call", "freeze", "inside", "questions", "widths", "lifetime",
    "production_after", "production", "people", "veto", "break_glass", "merge", "bot_approves", "model",
)  # fmt: skip


def _across(read: PolicyFile, data: Any) -> Iterator[Fault]:
    """What one section says of another."""
    groups = read.groups or {}
    for index, rule in enumerate(read.approval or ()):
        for name in rule.groups:
            if name not in groups:
                yield Fault(line_of(data, ("approval", index)), _undeclared(name, groups))
    for section, named in (
        ("veto", read.veto or ()),
        ("break_glass", read.break_glass.groups if read.break_glass else ()),
        ("merge", (read.merge.hand_off,) if isinstance(read.merge, HandOff) else ()),
    ):
        for name in named:
            if name not in groups:
                yield Fault(line_of(data, (section,)), _undeclared(name, groups))
    for key, name in claimed_twice(read.people or {}):
        what = f"`{shown(name)}` stands for two people, so nobody can tell who acts under it"
        yield Fault(line_of(data, ("people", key)), what)
    for section, entries in (("delegates", read.delegates or {}), ("on_call", read.on_call or {})):
        for name in entries:
            if name not in groups:
                yield Fault(line_of(data, (section, name)), _undeclared(name, groups))
    kept = [(entry.repository, entry.path) for entry in read.diagrams or ()]
    for index, where in enumerate(kept):
        if where in kept[:index]:
            what = f"`{where[1][:60]}` stands twice, and a file holds one diagram"
            yield Fault(line_of(data, ("diagrams", index)), what)


def _undeclared(name: str, groups: Mapping[str, Any]) -> str:
    return f"group `{shown(name)}` is not declared under `groups`{_meant(name, groups)}"


# --- what pydantic found, in our words


Error = tuple[tuple[Any, ...], str, str]


def _said_once(errors: Sequence[Error]) -> list[Error]:
    """Where a value may have several shapes, each shape complains: only what fits the value best is said."""
    cleaned = [(tuple(step for step in where if _is_step(step)), kind, said) for where, kind, said in errors]
    return [
        error
        for number, error in enumerate(cleaned)
        if not any(
            _fits_better(cleaned[other], error, other < number) for other in range(len(cleaned)) if other != number
        )
    ]


def _fits_better(other: Error, error: Error, earlier: bool) -> bool:
    """A complaint of a whole value's kind yields to one about what is in it, and to an earlier one of its kind."""
    if not error[1].endswith("_type") or other[0][: len(error[0])] != error[0]:
        return False
    return len(other[0]) > len(error[0]) or not other[1].endswith("_type") or earlier


def _fault(data: Any, steps: tuple[Any, ...], kind: str, said: str) -> Fault:
    line = line_of(data, steps)
    named = [step for step in steps if isinstance(step, str)]
    key = named[-1] if named else "the file"
    section = named[0] if named else "the file"
    if said:
        return Fault(line, said)
    if kind == "unexpected_keyword_argument":
        known = _keys_beside(steps[:-1])
        return Fault(line, f"`{shown(str(steps[-1]))}` is no key that I know here{_meant(str(steps[-1]), known)}")
    if kind in ("missing", "missing_argument"):
        needs = " and ".join(f"`{name}`" for name in _needed(steps[:-1]))
        whose = f"{_EACH}`{section}`" if len(steps) > 2 else f"`{section}`"
        return Fault(line_of(data, steps[:-1]), f"{whose} needs {needs}")
    if kind == "literal_error" and section == "help_desk":
        kind = "platform"
    return Fault(line, _wrong(kind, key, _shape(steps), at(data, steps)))


def _wrong(kind: str, key: str, choices: Sequence[str], value: Any) -> str:
    if choices and kind in ("literal_error", "platform"):
        noun = "platform" if "istio" in choices else "value of `" + key + "`"
        return f"`{shown(str(value))}` is no {noun}; known are {', '.join(choices)}{_meant(str(value), choices)}"
    sentences = {
        "tuple_type": f"`{key}` must be a list",
        "too_short": f"`{key}` must not be empty",
        "mapping_type": f"`{key}` must be a map",
        "dataclass_type": f"`{key}` must be a map",
        "dict_type": f"`{key}` must be a map",
        "bool_type": f"`{key}` must be true or false",
        "int_type": f"`{key}` must be a whole number",
        "greater_than_equal": f"`{key}` must be a larger number than {value}",
        "less_than_equal": f"`{key}` must be a smaller number than {value}",
    }
    return sentences.get(kind, f"`{key}` must be a text")


def _is_step(step: Any) -> bool:
    """Names of types stand between the steps of a union."""
    return isinstance(step, int) or (
        step.isascii() and not step[:1].isupper() and "[" not in step and step not in _KINDS
    )


_KINDS = ("str", "int", "float", "bool", "constrained-str", "constrained-int", "function-after")


def _keys_beside(steps: tuple[Any, ...]) -> list[str]:
    return [name for name, _ in _fields_at(steps)]


def _needed(steps: tuple[Any, ...]) -> list[str]:
    return [name for name, must in _fields_at(steps) if must]


def _fields_at(steps: tuple[Any, ...]) -> list[tuple[str, bool]]:
    """The keys of the map at a place, by the schema, and which of them must be there."""
    node = _node(steps)
    required = node.get("required", [])
    return [(name, name in required) for name in node.get("properties", {})]


def _shape(steps: tuple[Any, ...]) -> list[str]:
    node = _node(steps)
    values = node.get("enum") or [each for one in node.get("anyOf", ()) for each in _resolved(one).get("enum", ())]
    return [str(value) for value in values]


def _node(steps: tuple[Any, ...]) -> Mapping[str, Any]:
    node: Mapping[str, Any] = schema()
    for step in steps:
        options = [_resolved(one) for one in node.get("anyOf", (node,))]
        found = next((below for one in options if (below := _below(one, step)) is not None), None)
        if found is None:
            return {}
        node = _resolved(found)
    options = [_resolved(one) for one in node.get("anyOf", (node,))]
    return next((one for one in options if "properties" in one or "enum" in one), node)


def _below(node: Mapping[str, Any], step: Any) -> Mapping[str, Any] | None:
    if isinstance(step, int):
        found = node.get("items")
    else:
        more = node.get("additionalProperties")
        found = node.get("properties", {}).get(step, more if isinstance(more, Mapping) else None)
    return found if isinstance(found, Mapping) else None


def _resolved(node: Mapping[str, Any]) -> Mapping[str, Any]:
    name = node.get("$ref", "")
    return schema()["$defs"][name.rpartition("/")[2]] if name else node


@lru_cache(maxsize=1)
def schema() -> dict[str, Any]:
    """The JSON Schema of the file, from the same shapes that read it."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return {**head, **FILE.json_schema(by_alias=True)}


def _meant(written: str, known: Any) -> str:
    near = sorted((edit_distance(written.casefold(), name, _NEAR), name) for name in known)
    return f"; did you mean `{near[0][1]}`?" if near and near[0][0] <= _NEAR else ""
