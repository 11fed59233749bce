"""The architecture note: which connection is new, as a table and as a Mermaid diagram.

Names come from people and manifests, so every cell is escaped for Markdown and every label for
Mermaid; neither can end its row, its label or its fence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from skills.core.model import Need
from skills.core.rendering import render

_THE_REST = "everything that no rule allows"
_MERMAID = {
    '"': "#quot;", "#": "#35;", ";": "#59;", "<": "#lt;", ">": "#gt;", "`": "#96;",
    "[": "#91;", "]": "#93;", "{": "#123;", "}": "#125;", "(": "#40;", ")": "#41;", "|": "#124;", "\\": "#92;",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Connection:
    """One row of the note. `ports` and `protocol` in words; `new` marks the edge that this change adds."""

    source: str
    environment: str
    target: str
    ports: str
    protocol: str
    why: str
    until: str
    new: bool = True


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
    """A left-to-right flowchart: one node a name, one edge a row; new edges are thick and say so."""
    ids: dict[str, str] = {}
    lines = ["flowchart LR"]
    for name in dict.fromkeys([row.source for row in rows] + [row.target for row in rows]):
        ids[name] = f"n{len(ids)}"
        lines.append(f'  {ids[name]}["{escape_mermaid(name)}"]')
    for row in rows:
        mark = " (removed)" if removed else " (new)" if row.new else ""
        arrow = "-.->" if removed else "==>" if row.new else "-->"
        label = escape_mermaid(f"{row.protocol} {row.ports}{mark}")
        lines.append(f'  {ids[row.source]} {arrow}|"{label}"| {ids[row.target]}')
    return "\n".join(lines) + "\n"


def escape_mermaid(text: str) -> str:
    """Text as a quoted Mermaid label: entities instead of anything that the grammar knows."""
    flat = " ".join(text.split())
    return "".join(_MERMAID.get(char, char) for char in flat)[:200]
