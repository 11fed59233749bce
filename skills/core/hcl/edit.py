"""Splices into HCL: one element more or less in a list, or another text; every other byte stays.

Each proves itself: the new text is read again, and only the list that was meant may say something else.
"""

from __future__ import annotations

from skills.core.hcl.read import Block, Body, Broken, Expression, parse
from skills.core.yaml_text import CannotEdit

_NOT_PROVED = "EGR384"


def append_element(path: str, text: str, listed: Expression, written: str) -> str:
    """`text` with one element more in the list, where its order wants it. `written` is HCL. Raises CannotEdit."""
    items = listed.items
    if listed.kind != "list":
        raise CannotEdit(_NOT_PROVED, path=path)
    if not items:
        return _checked(path, text, _into_empty(text, listed, written), 1)
    at = _position(text, items, written)
    new = _before(text, items[at], written) if at is not None else _after(text, items[-1], written, listed)
    return _checked(path, text, new, 1)


def _into_empty(text: str, listed: Expression, written: str) -> str:
    """Between brackets that hold nothing, or nothing but comments."""
    inside = text[listed.start + 1 : listed.end - 1]
    if not inside.strip():
        return text[: listed.start + 1] + written + text[listed.end - 1 :]
    row = _margin(text, listed.end - 1)
    end = text.rfind("\n", 0, listed.end - 1) + 1
    return text[:end] + f"{row}  {written},{_newline(text)}" + text[end:]


def _position(text: str, items: tuple[Expression, ...], written: str) -> int | None:
    """Where a list that is sorted wants the element; None for its end."""
    words = [text[item.start : item.end] for item in items]
    if len(words) < 3 or any(item.kind == "object" for item in items) or words != sorted(words):
        return None
    return next((at for at, word in enumerate(words) if word > written), None)


def _own_row(text: str, item: Expression) -> bool:
    return not text[text.rfind("\n", 0, item.start) + 1 : item.start].strip()


def _before(text: str, item: Expression, written: str) -> str:
    if not _own_row(text, item):
        return text[: item.start] + written + ", " + text[item.start :]
    start = text.rfind("\n", 0, item.start) + 1
    return text[:start] + f"{_margin(text, item.start)}{written},{_newline(text)}" + text[start:]


def _after(text: str, item: Expression, written: str, listed: Expression) -> str:
    """Behind the last element: on a row of its own where that has one, with a comma at its end where that has one."""
    behind = text[item.end : listed.end - 1]
    comma = behind.lstrip(" \t").startswith(",")
    if not _own_row(text, item) or "\n" not in text[listed.start : item.start]:
        gap = "" if comma else ", "
        end = item.end + behind.index(",") + 1 if comma else item.end
        return text[:end] + (" " if comma else gap) + written + ("," if comma else "") + text[end:]
    end = text.find("\n", item.end)
    end = end if 0 <= end < listed.end else listed.end - 1
    row = text[item.end : end].rstrip("\r")
    first = text[: item.end] + ("" if comma else ",") + row
    return (
        first
        + f"{_newline(text)}{_margin(text, item.start)}{written}{',' if comma else ''}"
        + text[item.end + len(row) :]
    )


def remove_element(path: str, text: str, listed: Expression, position: int) -> str:
    """`text` without one element of the list, and without its row where it stands alone there. Raises CannotEdit."""
    items = listed.items
    if not 0 <= position < len(items):
        raise CannotEdit(_NOT_PROVED, path=path)
    item = items[position]
    row_start, row_end = text.rfind("\n", 0, item.start) + 1, text.find("\n", item.end)
    behind = text[item.end : row_end if row_end >= 0 else len(text)].strip()
    rest = behind.removeprefix(",").strip()
    alone = _own_row(text, item) and (not rest or rest[0] in "#/")
    if alone and row_start > listed.start and 0 <= row_end < listed.end:
        new = text[:row_start] + text[row_end + 1 :]
        if position == len(items) - 1 and position and not behind.startswith(","):
            comma = text.find(",", items[position - 1].end)
            new = new[:comma] + new[comma + 1 :]
    elif position + 1 < len(items):
        new = text[: item.start] + text[items[position + 1].start :]
    elif position:
        new = text[: items[position - 1].end] + text[item.end :]
    else:
        new = text[: listed.start + 1] + text[listed.end - 1 :]
    return _checked(path, text, new, -1)


def append_block(path: str, text: str, behind: Block, written: str) -> str:
    """`text` with one block more behind another, on the same margin, and apart from it as that one is from what stands
    above it. `written` is HCL without a margin. Raises CannotEdit."""
    row, end = text.rfind("\n", 0, behind.start) + 1, text.find("\n", behind.end)
    end = end if end >= 0 else len(text)
    end -= text[behind.end : end].endswith("\r")
    above = text[:row].rstrip("\r\n")
    apart = text[len(above) : row].count("\n") > 1 or not above
    margin, newline = _margin(text, behind.start), _newline(text)
    rows = "".join(f"{newline}{margin}{line}" if line else newline for line in written.split("\n"))
    return _checked(path, text, text[:end] + (newline if apart else "") + rows + text[end:], 0, blocks=1)


def remove_block(path: str, text: str, block: Block) -> str:
    """`text` without a block that has its rows for itself, and without the blank row above it. Raises CannotEdit."""
    row, end = text.rfind("\n", 0, block.start) + 1, text.find("\n", block.end)
    end = end + 1 if end >= 0 else len(text)
    if text[row : block.start].strip() or text[block.end : end].strip():
        raise CannotEdit(_NOT_PROVED, path=path)
    above = text[:row].rstrip("\r\n")
    rows = text[len(above) : row].split("\n")
    start = row - len(rows[-2]) - 1 if len(rows) > 2 else row
    return _checked(path, text, text[:start] + text[end:], None, blocks=-1)


def replace_text(path: str, text: str, old: Expression, written: str) -> str:
    """`text` with another expression in place of one. Raises CannotEdit."""
    return _checked(path, text, text[: old.start] + written + text[old.end :], None)


def _margin(text: str, at: int) -> str:
    row = text[text.rfind("\n", 0, at) + 1 : at]
    return row[: len(row) - len(row.lstrip())]


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _checked(path: str, old: str, new: str, grown: int | None, *, blocks: int = 0) -> str:
    """The new text, once it reads again and has just so many elements more in all its lists, and blocks."""
    try:
        before, after = parse(old), parse(new)
    except Broken as error:
        raise CannotEdit(_NOT_PROVED, path=path) from error
    elements, found = ((one - other) for one, other in zip(_size(after), _size(before), strict=True))
    if found != blocks or (grown is not None and elements != grown):
        raise CannotEdit(_NOT_PROVED, path=path)
    return new


def _size(body: Body) -> tuple[int, int]:
    """How many elements all lists below have together, and how many blocks there are."""
    total = blocks = 0
    waiting: list[object] = [body]
    while waiting:
        each = waiting.pop()
        if isinstance(each, Expression):
            total += len(each.items)
            waiting.append(each.value)
        elif isinstance(each, tuple):
            waiting += each
        elif isinstance(each, Body):
            waiting += [each.attributes, each.blocks]
        elif isinstance(each, Block):
            blocks += 1
            waiting.append(each.body)
    return total, blocks
