"""Regular expressions on foreign text: RE2, whose time grows linearly whatever the text holds."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property, lru_cache
from typing import Any, ClassVar

import re2


def compiled(pattern: str) -> Pattern:
    """For lines and words."""
    return Pattern(pattern)


def sifted(pattern: str) -> Pattern:
    """For whole texts: tried only where the one pass over all literals says that it may match."""
    made = Pattern(pattern)
    made.sieve = Sieve((made,))
    return made


def _options() -> Any:
    """RE2 falls back to a slower, still linear engine when its automaton grows too large; that is no news for a log."""
    options = re2.Options()
    options.log_errors = False
    return options


class Pattern:
    """A pattern that is asked about bytes first: for text that does not match, as most doesn't, that is all the work.

    Bytes of ASCII text are its characters; other text that matches is searched once more, with places in characters.
    """

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.sieve: Sieve | None = None
        self._bytes = re2.compile(pattern.encode(), _options())

    @cached_property
    def _text(self) -> Any:
        return re2.compile(self.pattern, _options())

    def _hopeless(self, text: str) -> bool:
        return self.sieve is not None and not self.sieve.near(text)

    def search(self, text: str, start: int = 0) -> Any:
        if self._hopeless(text):
            return None
        if text.isascii():
            found = self._bytes.search(text.encode(), start)
            return None if found is None else Match(found, text)
        return self._text.search(text, start) if self._bytes.search(text.encode()) else None

    def fullmatch(self, text: str) -> Any:
        if text.isascii():
            found = self._bytes.fullmatch(text.encode())
            return None if found is None else Match(found, text)
        return self._text.fullmatch(text)

    def finditer(self, text: str) -> Iterator[Any]:
        if self._hopeless(text):
            return iter(())
        if text.isascii():
            return (Match(found, text) for found in self._bytes.finditer(text.encode()))
        return iter(self._text.finditer(text)) if self._bytes.search(text.encode()) else iter(())

    def sub(self, new: str | Callable[[Any], str], text: str) -> str:
        return str(self._text.sub(new, text)) if self._bytes.search(text.encode()) else text


class Match:
    """A match in ASCII bytes, read as text."""

    __slots__ = ("_found", "string")

    def __init__(self, found: Any, text: str) -> None:
        self._found, self.string = found, text

    def group(self, number: int = 0) -> Any:
        return _read(self._found.group(number))

    def groups(self) -> tuple[str | None, ...]:
        return tuple(_read(words) for words in self._found.groups())

    def groupdict(self) -> dict[str, str | None]:
        return {name.decode(): _read(words) for name, words in self._found.groupdict().items()}

    def start(self, number: int = 0) -> int:
        return int(self._found.start(number))

    def end(self, number: int = 0) -> int:
        return int(self._found.end(number))


def _read(words: bytes | None) -> str | None:
    return None if words is None else words.decode("ascii")


_NOTHING: frozenset[int] = frozenset()
_MARK = "\x01end of text\x01"


class Sieve:
    """Which of many patterns a text can match at all, found in one pass over the literals that they need.

    What falls through need not be tried; what stays may still not match. All sieves share one pass: each asks for its
    own part of it. Source: RE2's FilteredRE2.
    """

    _patterns: ClassVar[list[str]] = []

    def __init__(self, patterns: Iterable[Any]) -> None:
        begin = len(self._patterns)
        self._patterns.extend(pattern.pattern for pattern in patterns)
        self._part = range(begin, len(self._patterns))

    def near(self, text: str) -> frozenset[int]:
        """Indices of the patterns that may match."""
        begin, end = self._part.start, self._part.stop
        found = _near(text, len(self._patterns))
        if found is None:
            return frozenset(range(end - begin))
        first, last = bisect_left(found, begin), bisect_left(found, end)
        return _NOTHING if first == last else frozenset(index - begin for index in found[first:last])


@lru_cache(maxsize=1)
def _joint(count: int) -> Any:
    made = re2.Filter()
    for pattern in (_MARK, *Sieve._patterns[:count]):
        made.Add(pattern, _options())
    made.Compile()
    return made


@lru_cache(maxsize=1)
def _near(text: str, count: int) -> tuple[int, ...] | None:
    """Literals are kept in lower case. A mark at the end of the text must be found: where it is not, the automaton ran
    out of memory, and None says that every pattern has to be tried.
    """
    found = _joint(count).Match(text.lower() + _MARK, potential=True) or ()
    return tuple(sorted(index - 1 for index in found if index)) if 0 in found else None
