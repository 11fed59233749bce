"""`postern eval`: labelled cases in, figures out. A bad line is said and left out, never fatal."""

from __future__ import annotations

import json
import sys
from typing import Any

from bot import output
from bot.json_lines import lines, object_of
from bot.world.memory import Memory
from skills.core.errors import AskUnclear
from skills.core.messages import say
from skills.core.model import Finding
from skills.core.rendering import render
from skills.core.scoring import Marked, Score, case, mark, score

_SHOWN = 300  # characters of a case's text
_MOST_LEFT_OUT = 3  # lines that are said where none is a case


def kept_cases(memory: Memory) -> list[bytes]:
    """The cases of the log that people corrected, as lines; oldest first."""
    found: list[bytes] = []
    after = 0
    while rows := memory.log(after):
        found += [json.dumps(row.facts["case"]).encode() for row in rows if row.kind == "not_right"]
        after = rows[-1].seq
    if not found:
        raise AskUnclear("EGR673")
    return found


def run_eval(source: str | list[bytes], *, worst: int, as_json: bool) -> int:
    """Exit status 0 when every line was a case, 2 when a line was none.

    `source` is a file, `-` for standard input, or the lines themselves. Raises AskUnclear EGR670 where no line is a
    case: figures over nothing are no figures.
    """
    marked: list[Marked] = []
    bad: list[tuple[int, Finding]] = []
    for number, raw in lines(source) if isinstance(source, str) else enumerate(source, 1):
        try:
            marked.append(mark(case(object_of(raw, "EGR672"), number)))
        except AskUnclear as error:
            bad.append((number, error.finding))
    if not marked:
        if not as_json:
            _say_left_out(bad[:_MOST_LEFT_OUT])
        raise AskUnclear("EGR670", path=str(source)[:200])
    result = score(marked)
    if as_json:
        output.one_object(_data(result, bad, worst))
    else:
        _print(result, bad, worst)
    return 2 if bad else 0


def _say_left_out(bad: list[tuple[int, Finding]]) -> None:
    for number, finding in bad:
        said = say(Finding("EGR671", {"number": number, "says": say(finding).says}))
        print(output.printable(said.says), file=sys.stderr)


def _print(result: Score, bad: list[tuple[int, Finding]], worst: int) -> None:
    _say_left_out(bad)
    mistaken = sorted(
        ((label, read, count) for (label, read), count in result.confusion.items() if label != read),
        key=lambda item: -item[2],
    )
    facts = {"score": result, "mistaken": mistaken, "worst": [_shown(item) for item in result.worst[:worst]]}
    print(output.printable(render("replies/eval.txt.j2", **facts)), end="")


def _shown(item: Marked) -> dict[str, Any]:
    return {
        "id": item.case.id,
        "faults": list(item.faults),
        "label": _label(item),
        "read": _read(item),
        "text": item.judgement.best.quotes[0][:_SHOWN] if item.judgement.best.quotes else item.case.text[:_SHOWN],
    }


def _label(item: Marked) -> dict[str, Any]:
    wanted = item.case.destination
    return {
        "symptom": item.case.symptom,
        "hosts": None if wanted is None else [remote.host for remote in wanted],
        "client": item.case.client,
        "egress_block": item.case.block,
    }


def _read(item: Marked) -> dict[str, Any]:
    return {
        "symptom": item.judgement.symptom,
        "hosts": [seen.host for seen in item.judgement.destinations],
        "client": item.judgement.client,
        "egress_block": item.judgement.egress_block,
    }


def _data(result: Score, bad: list[tuple[int, Finding]], worst: int) -> dict[str, Any]:
    return {
        "cases": result.cases,
        "shares": {name: None if share is None else round(share, 4) for name, share in result.shares.items()},
        "confusion": [
            {"label": label, "read": read, "count": count} for (label, read), count in sorted(result.confusion.items())
        ],
        "worst": [_shown(item) for item in result.worst[:worst]],
        "bad_lines": [{"line": number, **output.error_object(finding)} for number, finding in bad],
    }
