"""`postern log list|export|verify`: the audit log for whoever has to account for it."""

from __future__ import annotations

import csv
import io
import json
import sys
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import re2

from bot import output
from bot.world.memory import LogRow, Memory
from bot.world.memory.chain import GENESIS, linked
from skills.core.errors import AskUnclear
from skills.core.messages import say
from skills.core.model import Finding, finding

ACTIONS = ("list", "export", "verify")
FORMATS = ("ndjson", "csv")
COLUMNS = ("seq", "at", "who", "where", "kind", "key", "facts", "hash")
_ANCHOR = re2.compile(r"(\d{1,12}):([0-9a-f]{64})")
_PAGE = 1000
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")
_SHOWN = 160  # characters of the facts on a line of the list


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines: all that fit. `since` and `until` are days, both inclusive; `last` counts from the end."""

    key: str | None = None
    who: str | None = None
    kind: str | None = None
    since: str | None = None
    until: str | None = None
    last: int | None = None

    def fits(self, row: LogRow) -> bool:
        day = row.at.astimezone(UTC).date().isoformat()
        return (
            (self.key is None or self.key.casefold() in [each.casefold() for each in keys_of(row)])
            and (self.who is None or self.who.casefold() == row.who.casefold())
            and (self.kind is None or self.kind == row.kind)
            and (self.since is None or self.since <= day)
            and (self.until is None or day <= self.until)
        )


def run_log(memory: Memory, action: str, wanted: Wanted, *, form: str, anchor: str | None, as_json: bool) -> int:
    """Exit status 3 where `verify` found faults. Raises AskUnclear EGR642 for a day, EGR1624 for an anchor."""
    for day in filter(None, (wanted.since, wanted.until)):
        _read_day(day)
    if action == "verify":
        return _verified(memory, anchor, as_json=as_json)
    rows = _chosen(memory, wanted)
    if action == "export":
        for line in csv_lines(rows) if form == "csv" else map(ndjson, rows):
            sys.stdout.write(line)
        return 0
    for row in rows:
        _print(row, as_json=as_json)
    return 0


def lines(memory: Memory) -> Iterator[LogRow]:
    """Every line, oldest first, some at a time."""
    after = 0
    while page := memory.log(after, _PAGE):
        yield from page
        after = page[-1].seq


def keys_of(row: LogRow) -> list[str]:
    """The requests that a line is about."""
    asked = row.facts.get("ask")
    named = asked.get("key") if isinstance(asked, Mapping) else None
    found = [row.facts.get("key"), named, *(row.facts.get("keys") or ())]
    return [each for each in dict.fromkeys(found) if isinstance(each, str)]


def _chosen(memory: Memory, wanted: Wanted) -> list[LogRow]:
    found = [row for row in lines(memory) if wanted.fits(row)]
    return found[-wanted.last :] if wanted.last else found


# --- is it whole?


def faults(memory: Memory, anchor: tuple[int, str] | None = None) -> tuple[list[Finding], int, str]:
    """What is wrong with the chain, how many lines it has and the hash of its last one.

    `anchor` is a number of lines with the hash of the last of them, as it was printed once.
    """
    found: list[Finding] = []
    count, last, unchained = 0, GENESIS, 0
    anchored = anchor is None or anchor[0] == 0
    for row in lines(memory):
        if not row.hash:
            unchained += 1
            continue
        count += 1
        if linked(last, row.at, row.who, row.where, row.kind, row.facts) != row.hash:
            found.append(finding("EGR1620", seq=row.seq, at=_moment(row.at)))
        last = row.hash
        if anchor and count == anchor[0]:
            anchored = last == anchor[1]
    said = memory.head()
    if said != (count, last):
        found.append(finding("EGR1621", lines=count, said=said[0], hash=said[1][:12] or "none"))
    if unchained:
        found.append(finding("EGR1622", count=unchained))
    if anchor and not anchored:
        found.append(finding("EGR1623", lines=anchor[0], hash=anchor[1][:12]))
    return found, count, last


def _verified(memory: Memory, anchor: str | None, *, as_json: bool) -> int:
    found, count, last = faults(memory, _read_anchor(anchor))
    told = found or [finding("EGR1625", lines=count)]
    if as_json:
        output.one_object(
            {
                "lines": count,
                "head": f"{count}:{last}",
                "whole": not found,
                "findings": [{"code": each.code, "says": say(each).says} for each in told],
            }
        )
        return 3 if found else 0
    for each in told:
        output.sentence(each)
    print(say(finding("EGR1626", head=f"{count}:{last}")).says)
    return 3 if found else 0


def _read_anchor(anchor: str | None) -> tuple[int, str] | None:
    if anchor is None:
        return None
    match = _ANCHOR.fullmatch(anchor.strip())
    if match is None:
        raise AskUnclear("EGR1624", anchor=anchor.strip()[:40])
    return int(match[1]), match[2]


def _read_day(day: str) -> None:
    try:
        datetime.strptime(day, "%Y-%m-%d")
    except ValueError:
        raise AskUnclear("EGR642", until=day[:40]) from None


# --- how it is shown


def ndjson(row: LogRow) -> str:
    """One line as a JSON object. `key` is the first request that it is about."""
    return json.dumps(_as_json(row), ensure_ascii=True, sort_keys=True) + "\n"


def csv_lines(rows: list[LogRow]) -> Iterator[str]:
    """A table that a spreadsheet may open: what it would take for a formula has a quote mark in front."""
    kept = io.StringIO()
    writer = csv.writer(kept, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    for cells in (COLUMNS, *([_cell(_as_json(row)[name]) for name in COLUMNS] for row in rows)):
        writer.writerow(cells)
        yield kept.getvalue()
        kept.seek(0)
        kept.truncate()


def _cell(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=True, sort_keys=True)
    return f"'{text}" if text.startswith(_FORMULA) or _first_seen(text) in _FORMULA else text


def _first_seen(text: str) -> str:
    """The first sign that is seen; full-width ones begin a formula too where such keyboards are used."""
    seen = (sign for sign in unicodedata.normalize("NFKC", text) if sign.isprintable() and not sign.isspace())
    return next(seen, "")


def _as_json(row: LogRow) -> dict[str, Any]:
    return {
        "seq": row.seq,
        "at": _moment(row.at),
        "who": row.who,
        "where": row.where,
        "kind": row.kind,
        "key": next(iter(keys_of(row)), ""),
        "facts": row.facts,
        "hash": row.hash,
    }


def _print(row: LogRow, *, as_json: bool) -> None:
    if as_json:
        output.one_line(_as_json(row))
        return
    rest = {name: value for name, value in row.facts.items() if value not in ("", [], {}, None)}
    facts = json.dumps(rest, ensure_ascii=False, sort_keys=True)
    shown = facts if len(facts) <= _SHOWN else f"{facts[:_SHOWN]}…"
    print(output.printable(f"{row.seq} {_moment(row.at)} {row.who or 'nobody'} {row.kind} ({row.where}) {shown}"))


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")
