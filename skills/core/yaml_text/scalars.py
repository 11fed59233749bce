"""What a plain YAML scalar means to Kubernetes.

Source: the resolver of go-yaml v2 as sigs.k8s.io/yaml uses it: YAML 1.1 booleans and octals, no
base 60 numbers, and timestamps that stay strings.
"""

from __future__ import annotations

from typing import Any

_TRUE = "y Y yes Yes YES true True TRUE on On ON"
_FALSE = "n N no No NO false False FALSE off Off OFF"
_INFINITE = ".inf .Inf .INF +.inf +.Inf +.INF"
WORDS: dict[str, Any] = {
    **dict.fromkeys(_TRUE.split(), True),
    **dict.fromkeys(_FALSE.split(), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
    **dict.fromkeys(_INFINITE.split(), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
}

_BASES = {"0x": 16, "0o": 8, "0b": 2}
_LONGEST_INTEGER = 20  # digits of 2**64
_NUMERIC = frozenset("0123456789+-.")
_FLOAT = frozenset("0123456789+-.eE")
_LONGEST_KEPT = 48
_MOST_KEPT = 20_000


class Plain(dict[str, Any]):
    """Plain scalars by their text. What was seen is kept, up to a bound: files repeat themselves."""

    def __missing__(self, text: str) -> Any:
        value = number(text) if text[0] in _NUMERIC else text
        if len(text) <= _LONGEST_KEPT and len(self) < _MOST_KEPT:
            self[text] = value
        return value


def number(text: str) -> Any:
    """The number that a plain scalar means, or the scalar itself."""
    if not text.isascii():
        return text
    plain = text.replace("_", "")
    digits = plain[1:] if plain[0] in "+-" else plain
    sign = -1 if plain[0] == "-" else 1
    if digits.isdigit():
        octal = digits[0] == "0" and len(digits) > 1
        return _integer(text, digits, sign, 8 if octal else 10)
    base = _BASES.get(digits[:2].lower())
    if base is not None:
        return _integer(text, digits[2:], sign, base)
    if not _FLOAT.issuperset(digits) or (text[0] == "." and "_" in text):
        return text
    return _float(text, plain)


def _integer(text: str, digits: str, sign: int, base: int) -> Any:
    """An integer of 64 bits; what is no such integer is a float where it is decimal, else the text."""
    if not digits.isalnum():
        return text
    if base == 2 or len(digits) <= _LONGEST_INTEGER + 2:
        try:
            value = sign * int(digits, base)
        except ValueError:  # `08` is no octal number: it is read as a float
            value = 1 << 64
        if -(1 << 63) <= value < 1 << 64:
            return value
    return _float(text, text.replace("_", ""))


def _float(text: str, plain: str) -> Any:
    try:
        value = float(plain)
    except ValueError:
        return text
    return text if value in {float("inf"), float("-inf")} else value


def tagged(tag: str, text: str) -> Any:
    """A scalar with an explicit tag. A tag that YAML does not define leaves the text as it is."""
    kind = tag.removeprefix("tag:yaml.org,2002:")
    if kind not in {"int", "float", "bool", "null"}:
        return text
    value = VALUES[text]
    return float(value) if kind == "float" and isinstance(value, int) else value


VALUES = Plain(WORDS)


def plain_value(text: str) -> Any:
    """What a text means where it stands without quotes."""
    return VALUES[text]
