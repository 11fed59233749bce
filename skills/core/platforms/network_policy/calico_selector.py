"""Calico's selector expressions: `app == 'web' && has(tier) && env in {'a', 'b'}`, three-valued.

Source: https://docs.tigera.io/calico/latest/reference/resources/networkpolicy#selectors
"""

from __future__ import annotations

from collections.abc import Callable

import re2

from skills.core.enforce.kube_objects import templated
from skills.core.enforce.selectors import Match, all_of, any_of, sure

Lookup = Callable[[str], str | Match | None]
"""The value of a label; None where it is not there, UNKNOWN where nobody says."""

_MOST_TOKENS = 200
_TOKEN = re2.compile(
    r"""\s*(?:(&&|\|\||==|!=|!|\(|\)|\{|\}|,)|'([^']*)'|"([^"]*)"|(all\(\)|global\(\))|([A-Za-z0-9_./-]+))"""
)


class _Unclear(Exception):
    """The expression is none that this reader knows."""


def matches(expression: str, label: Lookup) -> Match:
    """Unknown for whatever is no expression as well."""
    if templated(expression):
        return Match.UNKNOWN
    try:
        reader = _Reader(_tokens(expression), label)
        found = reader.either()
        return found if reader.done else Match.UNKNOWN
    except _Unclear:
        return Match.UNKNOWN


def _tokens(text: str) -> list[tuple[str, str]]:
    """Kind and text of each: a sign, a quoted value, a whole call, or a word."""
    found: list[tuple[str, str]] = []
    position, end = 0, len(text.rstrip())
    while position < end:
        hit = _TOKEN.match(text, position)
        if hit is None or len(found) >= _MOST_TOKENS:
            raise _Unclear
        sign, single, double, call, word = hit.groups()
        if single is not None or double is not None:
            found.append(("value", single if single is not None else double))
        else:
            found.append(("sign", sign) if sign else ("call", call) if call else ("word", word))
        position = hit.end()
    return found


class _Reader:
    """Walks the tokens once; `||` binds weaker than `&&`."""

    def __init__(self, tokens: list[tuple[str, str]], label: Lookup) -> None:
        self._tokens = tokens
        self._label = label
        self._position = 0

    @property
    def done(self) -> bool:
        return self._position == len(self._tokens)

    def either(self) -> Match:
        found = [self._both()]
        while self._skip("||"):
            found.append(self._both())
        return any_of(found)

    def _both(self) -> Match:
        found = [self._one()]
        while self._skip("&&"):
            found.append(self._one())
        return all_of(found)

    def _one(self) -> Match:
        if self._skip("!"):
            return Match(2 - self._one())
        if self._skip("("):
            found = self.either()
            self._need(")")
            return found
        kind, text = self._next()
        if kind == "call":
            return sure(text == "all()")
        if kind != "word":
            raise _Unclear
        if text == "has" and self._skip("("):
            _, key = self._next()
            self._need(")")
            value = self._label(key)
            return value if isinstance(value, Match) else sure(value is not None)
        return self._compared(text)

    def _compared(self, key: str) -> Match:
        value = self._label(key)
        kind, operator = self._next()
        if kind == "sign" and operator in ("==", "!="):
            wanted = {self._value()}
        elif operator == "in" or (operator == "not" and self._next() == ("word", "in")):
            wanted = self._values()
        else:
            raise _Unclear  # contains, starts with, ends with: rare, so they stay unknown
        if isinstance(value, Match):
            return value
        return sure((value in wanted) is (operator in ("==", "in")))

    def _values(self) -> set[str]:
        self._need("{")
        found = {self._value()}
        while self._skip(","):
            found.add(self._value())
        self._need("}")
        return found

    def _value(self) -> str:
        kind, text = self._next()
        if kind != "value":
            raise _Unclear
        return text

    def _next(self) -> tuple[str, str]:
        if self.done:
            raise _Unclear
        self._position += 1
        return self._tokens[self._position - 1]

    def _skip(self, sign: str) -> bool:
        hit = not self.done and self._tokens[self._position] == ("sign", sign)
        self._position += hit
        return hit

    def _need(self, sign: str) -> None:
        if not self._skip(sign):
            raise _Unclear
