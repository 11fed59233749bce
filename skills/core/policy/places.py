"""Where things stand in a file that was read as data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def line_of(data: Any, steps: Sequence[Any]) -> int:
    """The line of what stands at a place, as near as the file has it."""
    line, node = 1, data
    for step in steps:
        lines = getattr(node, "lines", None)
        if isinstance(node, Mapping):
            key = next((key for key in node if str(key) == str(step)), None)
            if key is None:
                break
            line, node = lines[key] if lines else line, node[key]
        elif isinstance(node, list) and isinstance(step, int) and step < len(node):
            line, node = lines[step] if lines else line, node[step]
        else:
            break
    return int(line)


def at(data: Any, steps: Sequence[Any]) -> Any:
    node = data
    for step in steps:
        if isinstance(node, Mapping):
            node = next((value for key, value in node.items() if str(key) == str(step)), None)
        elif isinstance(node, list) and isinstance(step, int) and step < len(node):
            node = node[step]
    return node


def lines(data: Any) -> Iterator[tuple[str, int]]:
    """Of every section and each of its entries."""
    for section, value in data.items():
        yield str(section), line_of(data, (section,))
        below = value if isinstance(value, Mapping) else range(len(value)) if isinstance(value, list) else ()
        for step in below:
            yield f"{section}.{step}", line_of(data, (section, step))


def plain(node: Any) -> Any:
    """Keys are texts to the schema, whatever YAML makes of them."""
    if isinstance(node, Mapping):
        return {str(key): plain(value) for key, value in node.items()}
    return [plain(item) for item in node] if isinstance(node, list) else node
