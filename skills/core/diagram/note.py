"""Connections as a table and as a Mermaid diagram.

Names come from people and manifests, so every cell is escaped for Markdown and every label for
Mermaid; neither can end its row, its label or its fence.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from skills.core.model import Need
from skills.core.rendering import render

_THE_REST = "everything that no rule allows"
_LONGEST_LABEL = 160
# Mermaid draws no text of more than 50,000 characters and no more than 500 edges (`maxTextSize`, `maxEdges`).
_MOST_EDGES = 300
_MOST_TEXT = 45_000
_PLAIN = frozenset(" ,./-_")


@dataclass(frozen=True, slots=True)
class Connection:
    """One row. `ports` and `protocol` in words; `new` marks an edge that a change adds.

    `since` and `until` are days in ISO form, empty where nobody said them; `certain` is False where the repository
    alone does not decide whether the connection is allowed.
    """

    source: str
    environment: str
    target: str
    ports: str
    protocol: str
    why: str
    until: str
    new: bool = True
    since: str = ""
    certain: bool = True


@dataclass(frozen=True, slots=True)
class Note:
    markdown: str
    mermaid: str


def connections(need: Need) -> list[Connection]:
    """The rows of a need; a default deny takes away all that nobody allows."""
    if need.isolate:
        environment, until = need.workload.environment or "", need.until or ""
        return [Connection(need.workload.name, environment, _THE_REST, "any", "ANY", need.reason, until)]
    return [
        Connection(
            workload.name,
            workload.environment or "",
            destination.name,
            str(destination.ports) if destination.ports else "any",
            (destination.application or destination.protocol).upper(),
            need.reason,
            need.until or "",
        )
        for workload in (need.workload, *need.others)
        for destination in need.destinations
    ]


def note(rows: Sequence[Connection], *, removed: bool = False) -> Note:
    drawing = mermaid(rows, removed=removed)
    return Note(render("diagram_note.md.j2", rows=rows, mermaid=drawing, removed=removed), drawing)


def mermaid(rows: Sequence[Connection], *, removed: bool = False) -> str:
    """A left-to-right flowchart: one node a name, one edge a row; new edges are thick and say so.

    Only as many edges as Mermaid draws; how many are left out is a node of its own.
    """
    ids: dict[str, str] = {}
    lines = ["flowchart LR"]
    size, drawn = 0, 0
    for row in rows[:_MOST_EDGES]:
        ends = (_source(row), row.target)
        added = []
        for name in ends:
            if name not in ids:
                ids[name] = _id(name, ids)
                added.append(f'  {ids[name]}["{escape_mermaid(name)}"]')
        added.append(_edge(row, ids, removed=removed))
        size += sum(len(line) + 1 for line in added)
        if size > _MOST_TEXT:
            break
        lines += added
        drawn += 1
    if drawn < len(rows):
        lines.append(f'  rest["{len(rows) - drawn} more in the table"]')
    return "\n".join(lines) + "\n"


def _id(name: str, taken: Mapping[str, str]) -> str:
    """Of the name alone, so that a new connection changes no other line of the drawing."""
    whole = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    return next(found for length in range(6, 65) if (found := f"n{whole[:length]}") not in taken.values())


def _source(row: Connection) -> str:
    return f"{row.source} ({row.environment})" if row.environment else row.source


def _edge(row: Connection, ids: dict[str, str], *, removed: bool) -> str:
    mark = " (removed)" if removed else " (new)" if row.new else "" if row.certain else " (not certain)"
    arrow = "-.->" if removed or not row.certain else "==>" if row.new else "-->"
    label = escape_mermaid(f"{row.protocol} {row.ports}{mark}")
    return f'  {ids[_source(row)]} {arrow}|"{label}"| {ids[row.target]}'


def escape_mermaid(text: str) -> str:
    """Text as a quoted Mermaid label: an entity for every sign that is no letter, digit or plain punctuation.

    Mermaid reads directives, comments and styles by expressions over the whole text before it parses, also inside
    quotes, so no sign that one of them looks for may stand there as itself.
    """
    flat = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())[:_LONGEST_LABEL]
    return "".join(sign if sign.isalnum() or sign in _PLAIN else f"#{ord(sign)};" for sign in flat)
