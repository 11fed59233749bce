"""`--batch`: JSON Lines in, one result object a line out, in order. A bad line is answered, never fatal."""

from __future__ import annotations

from typing import Any

from bot import output
from bot.flags import validated
from bot.json_lines import lines, object_of
from bot.served import Served
from skills.core.errors import AskUnclear, Mendable

_KEYS = {
    "check": {"for", "to", "service_account", "ip"},
    "diagnose": {"text", "for", "to"},
}


def run_batch(served: Served, skill: str, source: str) -> int:
    """Exit status 0 when every line was answered, else 2."""
    for app in served.apps:
        app.read_once()
    failed = False
    for number, raw in lines(source):
        result = _one(served, skill, number, raw)
        failed = failed or "error" in result
        output.one_line(result)
    return 2 if failed else 0


def _one(served: Served, skill: str, number: int, raw: bytes) -> dict[str, Any]:
    identity = None
    try:
        row = object_of(raw, "EGR647")
        identity = row.pop("id", None)
        _refuse_strange(row, skill)
        handled = served.desk.handle(skill, _ask(skill, row), served.person, served.where)
    except Mendable as error:
        return {"id": identity, "line": number, **output.error_object(error.finding)}
    if handled.problem:
        problem = handled.problem
        return {"id": identity, "line": number, **output.error_object(problem.finding, problem.reference)}
    return {"id": identity, **(handled.answer.data if handled.answer else {})}


def _refuse_strange(row: dict[str, Any], skill: str) -> None:
    strange = set(row) - _KEYS[skill]
    if strange:
        raise AskUnclear("EGR645", field=str(min(strange))[:80], what="no such field")


def _ask(skill: str, row: dict[str, Any]) -> Any:
    for many in ("to", "ip"):
        if isinstance(row.get(many), str):
            row[many] = (row[many],)
    return validated(skill, {name: value for name, value in row.items() if value is not None})
