"""Where and what to write for one edit: each function gives the one splice that makes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skills.core.yaml_text.emit import Style, block, entry, goes_inline, inline, is_list, json_text, key_text
from skills.core.yaml_text.nodes import Node
from skills.core.yaml_text.page import NOT_FOUND, TOO_COMPLEX, CannotEdit, Found, Page, Splice

_SPACES = " \t\r\n"


def append(page: Page, found: Found, item: Any, comment: str) -> Splice:
    """A new last item of a sequence, flow or block."""
    seq, style = found.node, page.style(found.node)
    if seq.is_flow:
        written = _flow_item(page, seq, inline(item, style, key=found.key), item, style)
        return _append_flow(page, seq, written, "" if style.json else comment)
    last = seq.items[-1]
    _set_gap(page, seq, style)
    containers = [node for node in seq.items if node.kind in {"map", "seq"}]
    if containers and all(node.is_flow for node in containers):
        lines = ["-" + " " * (style.gap - 1) + inline(item, style, key=found.key, flow=False)]
    else:
        lines = block([item], style)
    if comment and _is_scalar(item):
        lines[0] += f"{_before_comments(page, seq)}# {comment}"
    elif comment:
        lines.insert(0, f"# {comment}")
    return page.lines_at(max(seq.end, last.end), [" " * seq.column + line for line in lines])


def _set_gap(page: Page, seq: Node, style: Style) -> None:
    """Takes the distance between dash and item from the last item that stands beside its dash."""
    for node in seq.items:
        dash = page.line_start(node.start) + seq.column
        if page.text[dash : dash + 1] == "-" and dash < node.start and not page.text[dash + 1 : node.start].strip(" "):
            style.gap = max(2, node.start - dash)


def _before_comments(page: Page, seq: Node) -> str:
    """The blanks before the remarks behind the items, where all of them have the same; else two."""
    rests = [page.text[node.end : page.line_end(node.end)] for node in seq.items]
    gaps = {rest[: len(rest) - len(rest.lstrip(" "))] for rest in rests if rest.startswith(" ") and "#" in rest}
    return gaps.pop() if len(gaps) == 1 else "  "


def _flow_item(page: Page, seq: Node, written: str, item: Any, style: Style) -> str:
    """JSON over several lines where its neighbour is written so."""
    last = seq.items[-1] if seq.items else None
    if not style.json or _is_scalar(item) or last is None or not last.items:
        return written
    inner = last.keys[0] if last.keys else last.items[0]
    if not page.starts_line(inner.start) or not page.starts_line(last.start):
        return written
    outer = page.indent(last.start)
    step = page.indent(inner.start).removeprefix(outer) or "  "
    return json_text(item, step).replace("\n", page.newline + outer)


def _append_flow(page: Page, flow: Node, written: str, comment: str) -> Splice:
    """A new last item or entry of a flow collection: on its line, or on a line of its own if the last one has it."""
    text, close = page.text, flow.end - 1
    if not flow.items:
        at = text.rfind("[" if text[close] == "]" else "{", 0, close) + 1
        return Splice(at, at, written)
    first, last = (flow.keys or flow.items)[-1], flow.items[-1]
    tail = text[last.end : close]
    end = page.line_end(last.end)
    if end >= close or not page.starts_line(first.start):
        splice = Splice(last.end, last.end, f", {written}")
        rest = page.line_end(flow.end)
        if not comment or text[flow.end : rest].strip():
            return splice
        return Splice(last.end, rest, splice.new + text[last.end : flow.end] + f"  # {comment}")
    remark = f"  # {comment}" if comment else ""
    indent = page.newline + page.indent(first.start)
    if _has_comma(tail):
        return Splice(end, end, f"{indent}{written},{remark}")
    rest_of_line = text[last.end : end]
    if not rest_of_line.strip():
        return Splice(last.end, last.end, f",{indent}{written}{remark}")
    return Splice(last.end, end, f",{rest_of_line}{indent}{written}{remark}")


def _has_comma(tail: str) -> bool:
    return any("," in line.partition("#")[0] for line in tail.split("\n"))


def _is_scalar(value: Any) -> bool:
    return not isinstance(value, Mapping) and not is_list(value)


def insert(page: Page, found: Found, key: str, value: Any, after: str | None, comment: str) -> Splice:
    """A new key at the end of a mapping, or behind the key `after`."""
    mapping, style = found.node, page.style(found.node)
    at = len(mapping.items) - 1 if after is None else mapping.position(after)
    if at is None:
        raise CannotEdit(NOT_FOUND, path=str(after))
    if mapping.is_flow:
        written = f"{key_text(key, style, flow=True)}: {inline(value, style, key=key)}"
        if at == len(mapping.items) - 1:
            return _append_flow(page, mapping, written, "" if style.json else comment)
        next_key = mapping.keys[at + 1].start
        return Splice(next_key, next_key, f"{written}, ")
    lines = entry(key, value, style)
    if comment:
        single = len(lines) == 1 or (is_list(value) and len(value) == 1 and len(lines) == 2)
        lines[-1:] = [f"{lines[-1]}  # {comment}"] if single else lines[-1:]
        lines[:0] = [] if single else [f"# {comment}"]
    end = max(mapping.items[at].end, mapping.keys[at].end)
    return page.lines_at(end, [" " * mapping.column + line for line in lines])


def replace(page: Page, found: Found, value: Any, key: Any = None) -> Splice:
    """Another value in the place of a scalar, of an empty collection or of one in flow style."""
    node, parent = found.node, found.parent
    style = page.style(parent or node)
    if node.style == "block" and node.items:
        raise CannotEdit(TOO_COMPLEX, line=1 + page.text.count("\n", 0, node.start))
    in_flow = parent is not None and parent.is_flow
    by_line = _replace_lines(page, node, value) if node.style == "|" and isinstance(value, str) else None
    if by_line is not None:
        return by_line
    plain_list = is_list(value) and all(map(_is_scalar, value)) and style.flow_keys.get(key, True)
    if parent is None or in_flow or plain_list or goes_inline(value, style, key):
        return _replace_inline(page, node, value, style, key, in_flow)
    if parent.kind == "seq":
        lines = block(value, style)
        lines[1:] = [" " * node.column + line for line in lines[1:]]
        return Splice(node.start, node.end, page.newline.join(lines))
    start = node.start
    while page.text[start - 1] in " \t":
        start -= 1
    indent = " " * (parent.column + (style.dash if is_list(value) else style.step))
    end = page.line_end(node.end)
    lines = [page.text[node.end : end], *(indent + line for line in block(value, style))]
    return Splice(start, end, page.newline.join(lines))


def _replace_lines(page: Page, node: Node, value: str) -> Splice | None:
    """The lines of a literal block that differ; None where the block is not plain enough to be written line by line."""
    start, ends = page.line_end(node.start) + len(page.newline), len(page.newline)
    raw = page.text[start : node.end].split(page.newline)
    indent = next((len(row) - len(row.lstrip(" ")) for row in raw if row.strip()), 0)
    old, new = str(node.value).removesuffix("\n").split("\n"), value.removesuffix("\n").split("\n")
    same_end = str(node.value).endswith("\n") == value.endswith("\n") and page.line_end(node.end) < len(page.text)
    if not indent or not same_end or len(new) < 2 or [row[indent:] for row in raw] != old:
        return None
    head = tail = 0
    while head < min(len(old), len(new)) and old[head] == new[head]:
        head += 1
    while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    first = start + sum(len(row) + ends for row in raw[:head])
    last = first + sum(len(row) + ends for row in raw[head : len(old) - tail])
    rows = [" " * indent + row if row else row for row in new[head : len(new) - tail]]
    return Splice(first, last, "".join(row + page.newline for row in rows))


def _replace_inline(page: Page, node: Node, value: Any, style: Style, key: Any, in_flow: bool) -> Splice:
    if node.kind == "scalar" and isinstance(value, str) and isinstance(node.value, str):
        style.quotes = node.style in {"'", '"'}
        style.quote = node.style if style.quotes else style.quote
        style.quoted_keys = {}
    written = inline(value, style, key=key, flow=in_flow)
    end = node.end
    if node.style in {"|", ">"}:
        while end > node.start and page.text[end - 1] in _SPACES:
            end -= 1
    gap = " " if node.start == node.end and page.text[node.start - 1 : node.start] not in {" ", "\t"} else ""
    return Splice(node.start, end, gap + written)


def rename(page: Page, found: Found, new_key: str, value: Any) -> Splice:
    """Another key and another value in the place of an entry."""
    if found.parent is None or found.parent.kind != "map":
        raise CannotEdit(NOT_FOUND, path=new_key)
    key = found.parent.keys[found.at]
    spliced = replace(page, found, value, new_key)
    style = page.style(found.parent)
    name = key_text(new_key, style, flow=found.parent.is_flow)
    return Splice(key.start, spliced.end, name + page.text[key.end : spliced.start] + spliced.new)
