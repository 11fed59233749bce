"""What to cut for the removal of a list item or of a key: each function gives the one splice that does it."""

from __future__ import annotations

from skills.core.yaml_text.nodes import Node
from skills.core.yaml_text.page import ANCHORED, NOT_FOUND, TOO_COMPLEX, CannotEdit, Found, Page, Splice, shown

HEADING = ("---", "===", "***", "###")


def cut(page: Page, found: Found) -> Splice:
    """Removes an item or an entry.

    An own-line comment directly above it, with the same indentation, goes with it; above the first of
    several it stays, unless the second has one too, because there it often heads the whole list. A line
    that is drawn like a heading (`# --- outside ---`) always stays. The last one that goes leaves `[]` or `{}`.
    """
    holder = found.above
    if holder is None:
        raise CannotEdit(NOT_FOUND, path=shown(()))
    parent = holder.node
    if parent.is_flow:
        return _cut_flow(page, parent, found.at)
    if len(parent.items) == 1:
        return _cut_only(page, holder)
    start, end = _extent(page, parent, found.at)
    if page.starts_line(start):
        first_of_several = found.at == 0 and not _comment_above(page, _extent(page, parent, 1)[0])
        top = start if first_of_several else _comment_above(page, start) or start
        return _cut_lines(page, page.line_start(top), page.next_line(end))
    if found.at + 1 == len(parent.items):
        raise CannotEdit(TOO_COMPLEX, line=1 + page.text.count("\n", 0, start))
    return Splice(start, _extent(page, parent, found.at + 1)[0], "")  # `- - a` or `- key:`: the next one moves up


def _cut_lines(page: Page, start: int, end: int) -> Splice:
    """Whole lines. At the end of a text without a last line break, the break before them goes instead."""
    if end == len(page.text) and not page.text.endswith("\n") and start:
        start -= 2 if page.text[start - 2 : start] == "\r\n" else 1
    return Splice(start, end, "")


def _extent(page: Page, parent: Node, at: int) -> tuple[int, int]:
    """From the key or dash of an item to the end of its content."""
    if parent.kind == "map":
        return parent.keys[at].start, max(parent.keys[at].end, parent.items[at].end)
    item = parent.items[at]
    start = page.line_start(item.start)
    while page.text[start + parent.column : start + parent.column + 1] != "-" or start + parent.column >= item.start:
        if start <= 0:
            raise CannotEdit(ANCHORED, path=shown((at,)))
        start = page.line_start(start - 1)  # the item stands below its dash
    return start + parent.column, item.end


def _comment_above(page: Page, offset: int) -> int | None:
    """Where the block of own-line comments directly above starts, if it has the indentation of `offset`."""
    if not page.starts_line(offset):
        return None
    column = offset - page.line_start(offset)
    top, line = None, page.line_start(offset)
    while line > 0:
        above = page.line_start(line - 1)
        row = page.text[above : line - 1]
        if not row.startswith("#", column) or row[:column].strip(" ") or any(rule in row for rule in HEADING):
            break
        top = line = above
    return top


def _cut_only(page: Page, holder: Found) -> Splice:
    """The only item of a block collection: the collection becomes empty, on the line of its key."""
    text, collection = page.text, holder.node
    empty = "{}" if collection.kind == "map" else "[]"
    start, end = _extent(page, collection, 0)
    if holder.parent is None or holder.parent.kind != "map" or not page.starts_line(start):
        return Splice(start, len(text[:end].rstrip()), empty)
    top = _comment_above(page, start)
    lines = _cut_lines(page, page.line_start(start if top is None else top), page.next_line(end))
    colon = text.find(":", holder.parent.keys[holder.at].end) + 1
    return Splice(colon, lines.end, f" {empty}{text[colon : lines.start]}")


def _cut_flow(page: Page, flow: Node, at: int) -> Splice:
    """An item of a flow collection with its comma; with its line, if it has one for itself."""
    text, starts = page.text, flow.keys or flow.items
    start, end = starts[at].start, max(starts[at].end, flow.items[at].end)
    line_end = page.line_end(end)
    behind = text[end:line_end].partition("#")[0].strip()
    if behind == "," and page.starts_line(start) and line_end < flow.end:
        return Splice(page.line_start(start), page.next_line(line_end), "")
    if at + 1 < len(flow.items):
        return Splice(start, starts[at + 1].start, "")
    if at == 0:
        return Splice(start, end, "")
    before = max(starts[at - 1].end, flow.items[at - 1].end)
    between = text[before:start]
    kept = between.replace(",", "", 1).rstrip() if "#" in between else ""
    return Splice(before, end, kept)
