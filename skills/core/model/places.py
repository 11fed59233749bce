"""Where a fact stands: a file, a line, and the words there."""

from __future__ import annotations

from typing import NamedTuple


class Place(NamedTuple):
    """A line of a file in the allowlist repository.

    `line` counts from 1; 0 means the file as a whole. `text` is that line without its margins.
    A tuple, because there are as many as lines with rules, and a frozen dataclass is made at half the pace.
    """

    path: str
    line: int = 0
    text: str = ""

    def __str__(self) -> str:
        return f"{self.path}:{self.line}" if self.line else self.path
