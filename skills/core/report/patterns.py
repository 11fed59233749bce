"""Regular expressions on foreign text: RE2, whose time grows linearly whatever the text holds."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any

import re2


def compiled(pattern: str) -> Any:
    """RE2 falls back to a slower, still linear engine when its automaton grows too large; that is no news for a log."""
    return re2.compile(pattern, _options())


def _options() -> Any:
    options = re2.Options()
    options.log_errors = False
    return options


_MARK = "\x01end of text\x01"


class Sieve:
    """Which of many patterns a text can match at all, found in one pass over the literals that they need.

    What falls through need not be tried; what stays may still not match. Source: RE2's FilteredRE2.
    """

    def __init__(self, patterns: Iterable[Any]) -> None:
        self._patterns = [pattern.pattern for pattern in patterns]

    @cached_property
    def _filter(self) -> Any:
        made = re2.Filter()
        for pattern in (_MARK, *self._patterns):
            made.Add(pattern, _options())
        made.Compile()
        return made

    def near(self, text: str) -> frozenset[int]:
        """Indices of the patterns that may match; literals are kept in lower case.

        A mark at the end of the text must be found: where it is not, the automaton ran out of memory and every pattern
        has to be tried.
        """
        found = self._filter.Match(text.lower() + _MARK, potential=True) or ()
        return frozenset(index - 1 for index in found if index) if 0 in found else self._all

    @cached_property
    def _all(self) -> frozenset[int]:
        return frozenset(range(len(self._patterns)))
