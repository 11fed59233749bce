"""`--batch`: JSON Lines in, one result object a line out, in order. A bad line is answered, never fatal."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from bot import output
from bot.app import App
from bot.flags import validated
from skills.core.errors import AskUnclear, Mendable

_LONGEST_LINE = 4 * 1024 * 1024  # bytes
_KEYS = {
    "check": {"for", "to", "service_account", "ip"},
    "diagnose": {"text", "for", "to"},
}


def run_batch(app: App, skill: str, source: str) -> int:
    """Exit status 0 when every line was answered, else 2."""
    app.read_once()
    failed = False
    for number, raw in _lines(source):
        if not raw.strip():
            continue
        result = _one(app, skill, number, raw)
        failed = failed or "error" in result
        output.one_line(result)
    return 2 if failed else 0


def _lines(source: str) -> Iterator[tuple[int, bytes]]:
    if source == "-":
        yield from _numbered(sys.stdin.buffer)
        return
    try:
        with Path(source).open("rb") as file:
            yield from _numbered(file)
    except OSError as error:
        raise AskUnclear("EGR646", path=source[:200], reason=str(error.strerror)) from None


def _numbered(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Lines with their numbers; one that is too long is cut and so refused as JSON, not kept in memory."""
    number = 0
    while line := file.readline(_LONGEST_LINE):
        number += 1
        yield number, line
        while not line.endswith(b"\n") and (line := file.readline(_LONGEST_LINE)):
            pass


def _one(app: App, skill: str, number: int, raw: bytes) -> dict[str, Any]:
    identity = None
    try:
        row = _row(raw)
        identity = row.pop("id", None)
        _refuse_strange(row, skill)
        handled = app.desk.handle(skill, _ask(skill, row), app.person, app.where)
    except Mendable as error:
        return {"id": identity, "line": number, **output.error_object(error.finding)}
    if handled.problem:
        problem = handled.problem
        return {"id": identity, "line": number, **output.error_object(problem.finding, problem.reference)}
    return {"id": identity, **(handled.answer.data if handled.answer else {})}


def _row(raw: bytes) -> dict[str, Any]:
    try:
        row = json.loads(raw)
    except (ValueError, RecursionError):
        raise AskUnclear("EGR647") from None
    if not isinstance(row, dict):
        raise AskUnclear("EGR647")
    return row


def _refuse_strange(row: dict[str, Any], skill: str) -> None:
    strange = set(row) - _KEYS[skill]
    if strange:
        raise AskUnclear("EGR645", field=str(min(strange))[:80], what="no such field")


def _ask(skill: str, row: dict[str, Any]) -> Any:
    for many in ("to", "ip"):
        if isinstance(row.get(many), str):
            row[many] = (row[many],)
    return validated(skill, {name: value for name, value in row.items() if value is not None})
