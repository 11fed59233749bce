"""Plain values of `skills.core.model` to JSON and back, for rows that outlive the process.

A frozen dataclass or a named tuple becomes `{"$": "ClassName", field: value, ...}`; tuples become lists.
Reading checks every field against its declared type, so that a row which somebody edited, or which a newer Postern
wrote, is refused with its place in the value instead of turning up as a strange object later on.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Literal, TypeVar

from skills.core.errors import Unreachable
from skills.core.model import (
    Destination,
    DiagramTask,
    Drawn,
    Edit,
    Effect,
    Evidence,
    Finding,
    LeftTo,
    Need,
    OpenQuestion,
    Person,
    Place,
    Ports,
    Question,
    Review,
    Weighed,
    Workload,
)

T = TypeVar("T")

_EFFECTS: tuple[type, ...] = typing.get_args(Effect)
KNOWN: tuple[type, ...] = (
    *_EFFECTS,
    Destination,
    DiagramTask,
    Drawn,
    Edit,
    Evidence,
    Finding,
    Need,
    OpenQuestion,
    Person,
    Place,
    Ports,
    Question,
    Weighed,
    LeftTo,
    Review,
    Workload,
)
_BY_NAME = {kind.__name__: kind for kind in KNOWN}


def dump(value: Any) -> dict[str, Any]:
    """The JSON object of a value of one of the KNOWN classes. Anything else is a TypeError (our mistake)."""
    if type(value) not in KNOWN:
        raise TypeError(f"{type(value).__name__} is not declared in bot/world/wire.py")
    kind: type = type(value)
    return {"$": kind.__name__, **{name: _plain(getattr(value, name)) for name in _fields(kind)}}


def load(kind: type[T], data: Any) -> T:
    """The value again. Raises Unreachable EGR580 (kind, at, what) when `data` is not such a value."""
    value: T = _object(kind, data, kind.__name__)
    return value


def load_effect(data: Any) -> Effect:
    """Any of the effects, by the name that it carries."""
    name = data.get("$") if isinstance(data, Mapping) else None
    kind = _BY_NAME.get(name) if isinstance(name, str) else None
    if kind not in _EFFECTS:
        raise _wrong("Effect", "no effect that this version knows")
    effect: Effect = load(kind, data)
    return effect


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, tuple) and type(value) not in KNOWN:
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return dump(value)


@cache
def _hints(kind: type) -> Mapping[str, Any]:
    return typing.get_type_hints(kind)


@cache
def _fields(kind: Any) -> Mapping[str, bool]:
    """The names of a class's fields, and whether a value must be given."""
    if issubclass(kind, tuple):
        named = typing.cast("type[typing.NamedTuple]", kind)
        return {name: name not in named._field_defaults for name in named._fields}
    missing = dataclasses.MISSING
    return {each.name: each.default is missing and each.default_factory is missing for each in dataclasses.fields(kind)}


def _object(kind: type, data: Any, at: str) -> Any:
    if not isinstance(data, Mapping) or data.get("$") != kind.__name__:
        raise _wrong(at, f"no {kind.__name__}")
    values = {name: value for name, value in data.items() if name != "$"}
    fields = _fields(kind)
    if unknown := sorted(str(name) for name in values.keys() - fields.keys()):
        raise _wrong(at, f"a field that this version does not know: {unknown[0][:40]!r}")
    for name, required in fields.items():
        if required and name not in values:
            raise _wrong(at, f"no {name}")
    hints = _hints(kind)
    return kind(**{name: _value(hints[name], value, f"{at}.{name}") for name, value in values.items()})


def _value(hint: Any, data: Any, at: str) -> Any:
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return _one_of(typing.get_args(hint), data, at)
    if origin is Literal:
        if data in typing.get_args(hint):
            return data
        raise _wrong(at, f"not one of {', '.join(map(str, typing.get_args(hint)))}")
    if origin is tuple:
        if isinstance(data, list):
            item = typing.get_args(hint)[0]
            return tuple(_value(item, value, f"{at}[{number}]") for number, value in enumerate(data))
        raise _wrong(at, "not a list")
    if origin is not None:  # the only other generic of the model is a Mapping with text for keys
        if isinstance(data, dict):
            item = typing.get_args(hint)[1]
            return {str(key): _value(item, value, f"{at}.{str(key)[:40]}") for key, value in data.items()}
        raise _wrong(at, "not a map")
    if hint in KNOWN:
        return _object(hint, data, at)
    if _fits(hint, data):
        return data
    raise _wrong(at, f"not of type {getattr(hint, '__name__', hint)}")


def _one_of(hints: tuple[Any, ...], data: Any, at: str) -> Any:
    """Our unions are plain types, `None` among them, and at most one structured type."""
    if any(_fits(hint, data) for hint in hints if hint in _FITS):
        return data
    for hint in hints:
        if hint not in _FITS:
            return _value(hint, data, at)
    raise _wrong(at, "not of a type that may stand here")


# `True` is an int in Python but not in JSON; a whole number may stand for a float in JSON but not in reverse.
_FITS: Mapping[Any, Callable[[Any], bool]] = {
    str: lambda data: isinstance(data, str),
    bool: lambda data: isinstance(data, bool),
    int: lambda data: isinstance(data, int) and not isinstance(data, bool),
    float: lambda data: isinstance(data, (int, float)) and not isinstance(data, bool),
    type(None): lambda data: data is None,
}


def _fits(hint: Any, data: Any) -> bool:
    return _FITS[hint](data)


def _wrong(at: str, what: str) -> Unreachable:
    return Unreachable("EGR580", at=at, what=what)
