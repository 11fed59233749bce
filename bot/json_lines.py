"""JSON Lines from a file or standard input: numbered, bounded, one object a line."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from skills.core.errors import AskUnclear

_LONGEST_LINE = 4 * 1024 * 1024  # bytes


def lines(source: str) -> Iterator[tuple[int, bytes]]:
    """Lines with their numbers, without blank ones. `source` is a file, or `-` for standard input.

    Raises AskUnclear EGR646 for what can't be opened.
    """
    if source == "-":
        yield from _numbered(sys.stdin.buffer)
        return
    try:
        with Path(source).open("rb") as file:
            yield from _numbered(file)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a file name"
        raise AskUnclear("EGR646", path=source[:200], reason=str(reason)) from None


def _numbered(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """One that is too long is cut and so refused as JSON, not kept in memory."""
    number = 0
    while line := file.readline(_LONGEST_LINE):
        number += 1
        if line.strip():
            yield number, line
        while not line.endswith(b"\n") and (line := file.readline(_LONGEST_LINE)):
            pass


def object_of(raw: bytes, code: str) -> dict[str, Any]:
    """Raises AskUnclear `code` for what is no JSON object."""
    try:
        row = json.loads(raw)
    except (ValueError, RecursionError):
        raise AskUnclear(code) from None
    if not isinstance(row, dict):
        raise AskUnclear(code)
    return row
