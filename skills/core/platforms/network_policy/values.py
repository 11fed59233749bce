"""The list in a chart's values from which a template takes rules: where the chart's people mean rules to be added."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import re2

from skills.core.enforce.kube_policy import Direction
from skills.core.platforms.network_policy.entries import PolicyEntry
from skills.core.platforms.network_policy.workspace import Path, Workspace
from skills.core.yaml_text import Document, Seq, read_documents

_TEMPLATES = "/templates/"
_LINES_BELOW = 6  # between `egress:` and the expression that fills it stand at most a guard and comments
_VALUE = re2.compile(r"\.Values\.([A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*)")
_RULE_KEYS = frozenset({"to", "from", "ports"})


def values_list(workspace: Workspace, entry: PolicyEntry, direction: Direction) -> tuple[str, Path] | None:
    """The values file and the path of the list in it; None unless there is exactly one such list."""
    path = entry.path
    chart, found, _ = path.rpartition(_TEMPLATES)
    template = workspace.text(path)
    if not found or template is None:
        return None
    section = "egress:" if direction == "Egress" else "ingress:"
    lists = {
        (file, keys)
        for keys in _named_below(template, section)
        for file in workspace.files_in(chart)
        if _is_values(file) and _is_list_of_rules(workspace, file, keys)
    }
    return lists.pop() if len(lists) == 1 else None


def _named_below(template: str, section: str) -> Iterator[tuple[str, ...]]:
    rows = template.split("\n")
    for number, row in enumerate(rows):
        if row.strip() == section:
            for below in rows[number + 1 : number + 1 + _LINES_BELOW]:
                for name in _VALUE.findall(below):
                    yield tuple(name.split("."))


def _is_values(path: str) -> bool:
    name = path.rpartition("/")[2]
    return name.startswith("values") and name.endswith((".yaml", ".yml"))


def _is_list_of_rules(workspace: Workspace, path: str, keys: tuple[str, ...]) -> bool:
    held = next((document.at(*keys) for document in _documents(workspace, path)), None)
    return isinstance(held, Seq) and all(isinstance(item, Mapping) and item.keys() <= _RULE_KEYS for item in held)


def _documents(workspace: Workspace, path: str) -> list[Document]:
    return list(read_documents(path, workspace.text(path) or "")[0][:1])
