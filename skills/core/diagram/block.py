"""The managed block in a team's file: what a scope may reach, between two markers; every other byte stays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import re2

from skills.core.diagram.note import Connection, mermaid
from skills.core.diagram.reach import Reach, is_called
from skills.core.errors import AskUnclear
from skills.core.model import Place
from skills.core.rendering import render

BEGIN = "<!-- postern:connections begin -->"
END = "<!-- postern:connections end -->"
_UNTIL = re2.compile(r"(?i)\b(?:until|expires?|expiry)\b:?\s*(?:on\s+)?(\d{4}-\d{2}-\d{2})")
_SINCE = re2.compile(r"(?i)\bsince\b:?\s*(\d{4}-\d{2}-\d{2})")
_LIKE_CODE = re2.compile(r"- |[\w.-]+:(?:\s|$)|\{|\[")
_LONGEST_WHY = 300


@dataclass(frozen=True, slots=True)
class Told:
    """What a request of ours says of a connection: who wants what, why, since and until when (ISO days)."""

    workload: str
    target: str
    ports: str
    why: str
    since: str
    until: str


def rows(reaches: Iterable[Reach], told: Sequence[Told], texts: Mapping[str, str]) -> list[Connection]:
    """One row a connection; the ports of one destination that are the same in all else are joined."""
    joined: dict[tuple[str, ...], list[str]] = {}
    for reach in reaches:
        request = _request(reach, told)
        comment = _comment(reach, texts)
        why = request.why if request and request.why else _flat(comment)
        since = request.since if request else _day(_SINCE.search(comment))
        until = request.until if request else _day(_UNTIL.search(comment))
        name, environment = reach.workload.name, reach.workload.environment or ""
        certain = "" if reach.certain else "?"
        key = (name, environment, reach.target, reach.protocol.upper(), why, since, until, certain)
        joined.setdefault(key, []).append(reach.ports)
    found = [
        Connection(name, environment, target, _ports(ports), protocol, why, until, False, since, not uncertain)
        for (name, environment, target, protocol, why, since, until, uncertain), ports in joined.items()
    ]
    return sorted(found, key=lambda row: (row.source, row.environment, row.target, row.protocol, row.ports))


def block(connections: Sequence[Connection]) -> str:
    """Markers and all between them, with plain line ends. The same rows give the same text."""
    inside = render("diagram_block.md.j2", rows=connections, mermaid=mermaid(connections)).strip("\n")
    return f"{BEGIN}\n\n{inside}\n\n{END}"


def placed(text: str | None, made: str, path: str) -> str:
    """The file with the block in it: in place of the one that stands, else at the end; a new file gets a heading.

    Raises:
        AskUnclear: EGR030, the markers are not one pair: nothing is guessed about where the block ends.
    """
    if text is None:
        return f"{render('diagram_file.md.j2').strip()}\n\n{made}\n"
    begins, ends = _lines_of(text, BEGIN), _lines_of(text, END)
    if not begins and not ends and BEGIN not in text and END not in text:
        end = _line_end(text)
        gap = "" if not text else end if text.endswith(f"{end}{end}") else end * (1 if text.endswith("\n") else 2)
        return f"{text}{gap}{made.replace(chr(10), end)}{end}"
    line = text.count("\n", 0, max(text.find(BEGIN), text.find(END))) + 1
    if len(begins) != 1 or len(ends) != 1 or begins[0][0] > ends[0][0] or text.count(BEGIN) + text.count(END) != 2:
        raise AskUnclear("EGR030", path=path, line=line, begin=BEGIN, end=END)
    (start, after), (_, stop) = begins[0], ends[0]
    own = "\r\n" if text[after:].partition("\n")[0].endswith("\r") else "\n"
    return text[:start] + made.replace("\n", own) + text[stop:]


def _lines_of(text: str, marker: str) -> list[tuple[int, int]]:
    """Where a marker stands alone on its line, without the line's end."""
    found = []
    at = text.find(marker)
    while at >= 0:
        stop = at + len(marker)
        if text[:at].rpartition("\n")[2].strip(" \t\ufeff") == "" and text[stop:].partition("\n")[0].strip() == "":
            found.append((at, stop))
        at = text.find(marker, stop)
    return found


def _line_end(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _request(reach: Reach, told: Sequence[Told]) -> Told | None:
    """The newest request that asked for exactly this; the ports are not compared where the rule opens all of them."""
    for each in reversed(told):
        same_ports = reach.ports in {each.ports, "every port"}
        if is_called(each.workload, reach.workload) and each.target == reach.target and same_ports:
            return each
    return None


def _comment(reach: Reach, texts: Mapping[str, str]) -> str:
    """What people wrote beside the rule: at the end of its line, else just above. The line that names it goes first."""
    places = sorted(reach.places, key=lambda place: reach.target not in place.text)
    return next(filter(None, (_beside(place, texts) for place in places)), "")


def _beside(place: Place, texts: Mapping[str, str]) -> str:
    _, mark, own = place.text.partition(" #")
    if mark and own.strip():
        return own.strip()
    lines = texts.get(place.path, "").split("\n")[: max(0, place.line - 1)]
    above: list[str] = []
    for line in reversed(lines[-6:]):
        said = line.strip()
        if not said.startswith("#"):
            break
        above.insert(0, said.lstrip("#").strip())
    return "" if any(_LIKE_CODE.match(line) for line in above) else " ".join(above)


def _flat(comment: str) -> str:
    return " ".join(comment.split())[:_LONGEST_WHY]


def _day(match: re2._Match[str] | None) -> str:
    return match[1] if match else ""


def _ports(ports: Sequence[str]) -> str:
    if "every port" in ports:
        return "every port"
    return ", ".join(sorted(dict.fromkeys(ports), key=lambda words: (len(words.partition("-")[0]), words)))
