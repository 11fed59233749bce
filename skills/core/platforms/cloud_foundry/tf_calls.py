"""Functions and comparisons of Terraform that need nothing but what they are given. What is not known stays so."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from skills.core.platforms.cloud_foundry.tf_data import Unknown, Value

_JOINS = frozenset({"concat", "setunion", "flatten"})
_SAME = frozenset({"toset", "tolist", "distinct", "sort", "tostring", "nonsensitive", "tomap"})
_ORDERS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
MOST = 10_000  # elements of a list, and signs of a text
_SCALARS = (str, int, bool)


def call(name: str, given: Sequence[Value], here: Value) -> Any:
    """What a function makes of these: a Value, or the data of one. `here` is where it is called."""
    if name in _SAME and len(given) == 1:
        return given[0]
    if name == "values" and given and not isinstance(given[0].data, dict):
        return given[0]
    if name in _JOINS:
        parts = [each.values if isinstance(each.data, tuple) else (each,) for each in given]
        every = (one for part in parts for item in part for one in (_flat(item) if name == "flatten" else (item,)))
        flat = list(islice(every, MOST + 1))
        if len(flat) > MOST:
            return Unknown(here.words)
        last = next((each for each in reversed(given) if each.written and each.written.kind == "list"), None)
        return Value(tuple(flat), last.file if last else here.file, last.written if last else here.written)
    run, fewest, most = _PLAIN.get(name, (None, 1, 0))
    known = not any(each.unknown for each in given)
    made = run(*given) if run is not None and known and fewest <= len(given) <= most else None
    return Unknown(here.words) if made is None else made


def _flat(value: Value) -> Iterator[Value]:
    if isinstance(value.data, tuple):
        for item in value.values:
            yield from _flat(item)
    else:
        yield value


def _keys(of: Value) -> Any:
    return tuple(Value(key, of.file, of.written) for key in of.data) if isinstance(of.data, dict) else None


def _values(of: Value) -> Any:
    return tuple(of.data.values()) if isinstance(of.data, dict) else None


def _length(of: Value) -> int | None:
    return len(of.data) if isinstance(of.data, (tuple, dict, str)) else None


def _compact(of: Value) -> Any:
    known = isinstance(of.data, tuple) and not any(each.unknown for each in of.values)
    return tuple(each for each in of.values if each.data not in ("", None)) if known else None


def _one(of: Value) -> Value | None:
    return of.values[0] if len(of.values) == 1 else None


def _merge(*maps: Value) -> Any:
    if not all(isinstance(each.data, dict) for each in maps):
        return None
    return {key: value for each in maps for key, value in each.data.items()}


def _lookup(of: Value, key: Value, default: Value | None = None) -> Value | None:
    return of.data.get(key.text, default) if isinstance(of.data, dict) else None


def _contains(of: Value, wanted: Value) -> bool | None:
    plain = all(isinstance(each.data, _SCALARS) for each in (*of.values, wanted))
    return any(_equal(each, wanted) for each in of.values) if isinstance(of.data, tuple) and plain else None


def _lower(of: Value) -> str | None:
    return None if of.text is None else of.text.lower()


def _join(sign: Value, of: Value) -> str | None:
    texts = [each.text for each in of.values if each.text is not None]
    whole = isinstance(of.data, tuple) and len(texts) == len(of.values) and sign.text is not None
    return str(sign.text).join(texts)[:MOST] if whole else None


def _split(sign: Value, of: Value) -> Any:
    if not sign.text or of.text is None:
        return None
    return tuple(Value(part, of.file, of.written) for part in of.text[:MOST].split(sign.text))


def _format(how: Value, *given: Value) -> str | None:
    """`%s` alone; every other verb is left to Terraform."""
    pieces = (how.text or "").split("%s")
    texts = [str(each.data) for each in given if isinstance(each.data, (str, int)) and not isinstance(each.data, bool)]
    if len(pieces) != len(given) + 1 or len(texts) != len(given) or any("%" in piece for piece in pieces):
        return None
    return "".join(piece + text for piece, text in zip(pieces, [*texts, ""], strict=True))[:MOST]


# Name -> function, and how few and how many things it is given.
_PLAIN: Mapping[str, tuple[Callable[..., Any], int, int]] = {
    "compact": (_compact, 1, 1),
    "contains": (_contains, 2, 2),
    "format": (_format, 1, 20),
    "join": (_join, 2, 2),
    "keys": (_keys, 1, 1),
    "length": (_length, 1, 1),
    "lookup": (_lookup, 2, 3),
    "lower": (_lower, 1, 1),
    "merge": (_merge, 1, 50),
    "one": (_one, 1, 1),
    "split": (_split, 2, 2),
    "values": (_values, 1, 1),
}


def compared(sign: str, *sides: Value) -> bool | None:
    """`!`, `&&`, `||`, and comparisons of texts, numbers and flags; None for what is not known."""
    flags = [each.data if isinstance(each.data, bool) else None for each in sides]
    if sign == "!":
        return None if flags[0] is None else not flags[0]
    if sign in ("&&", "||"):
        ends = sign == "||"  # what one side alone decides
        return ends if ends in flags else (None if None in flags else not ends)
    left, right = sides
    if sign in _ORDERS and all(type(each.data) is int for each in sides):
        return bool(_ORDERS[sign](left.data, right.data))
    if sign not in ("==", "!=") or not all(isinstance(each.data, _SCALARS) for each in sides):
        return None
    return _equal(left, right) == (sign == "==")


def _equal(one: Value, other: Value) -> bool:
    return type(one.data) is type(other.data) and bool(one.data == other.data)
