"""In which file a policy would stand, going by where others do, and in which style: lists, or JSON, which holds one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from skills.core.enforce.cluster import Cluster
from skills.core.model import Place
from skills.core.yaml_text import Document, Map, Seq
from skills.core.yaml_text.emit import json_text

YAML = (".yaml", ".yml")
JSON = ".json"
POLICIES = "network-policies.yaml"
_NAMED_SO = ("polic", "netpol", "egress")


def file_for(
    namespace: str, known: Sequence[tuple[str | None, str]], cluster: Cluster, otherwise: str | None = None
) -> str | None:
    """`known` are (namespace, path) of policies. By analogy with their paths; else a file that holds those of several
    namespaces; else a new one beside the workloads of the namespace, and only then the file of another namespace,
    `otherwise`, or a new one beside the namespace's own manifest."""
    counted = Counter(_by_analogy(namespace, known))
    if counted:
        return max(counted, key=lambda path: (_is_of_policies(path), counted[path]))
    spoken: dict[str, set[str | None]] = {}
    for other, path in known:
        spoken.setdefault(path, set()).add(other)
    widest = max(sorted(spoken), key=lambda path: len(spoken[path]), default=None)
    if widest is not None and len(spoken[widest]) > 1:
        return widest
    declared = [cluster.declared[namespace]] if namespace in cluster.declared else []
    workloads = [pod.place for pod in cluster.pods.get(namespace, ())]
    return _beside(workloads) or widest or otherwise or _beside(declared)


def _beside(places: Iterable[Place]) -> str | None:
    folders = Counter(place.path.rpartition("/")[0] for place in places)
    if not folders:
        return None
    folder = folders.most_common(1)[0][0]
    return f"{folder}/{POLICIES}" if folder else POLICIES


def _by_analogy(namespace: str, known: Iterable[tuple[str | None, str]]) -> Iterator[str]:
    """`k8s/shop/policies.yaml` holds those of `shop`, so `k8s/bank/policies.yaml` is for those of `bank`."""
    for other, path in known:
        folder, _, name = path.rpartition("/")
        parts = folder.split("/")
        if other and other in parts:
            yield "/".join([*(namespace if part == other else part for part in parts), name])
        elif other and name.rpartition(".")[0] == other:
            yield "/".join([*filter(None, [folder]), name.replace(other, namespace)])


def _is_of_policies(path: str) -> bool:
    """Whether the file's name says that policies stand there, and not just a few among other things."""
    return any(word in path.rpartition("/")[2].lower() for word in _NAMED_SO)


def json_beside(path: str, name: str, is_there: Callable[[str], bool]) -> str:
    """A free path for an object of this name, in the folder of a JSON file of its kind."""
    folder = path.rpartition("/")[0]
    base = f"{folder}/{name}" if folder else name
    free, number = f"{base}{JSON}", 2
    while is_there(free):
        free, number = f"{base}-{number}{JSON}", number + 1
    return free


def json_like(text: str, data: object) -> str:
    """An object as the whole text of a JSON file, with the indentation and the line ends of `text`, one of its kind."""
    _, _, below = text.strip("\ufeff").lstrip().partition("\n")
    step = below[: len(below) - len(below.lstrip(" \t"))]
    newline = "\r\n" if "\r\n" in text else "\n"
    end = newline if text.endswith("\n") else ""
    return json_text(data, step or None).replace("\n", newline) + end


def indents_lists(document: Document) -> bool:
    """Whether this file's people indent the items of a list below its key."""
    return any(_is_indented(document, parent, key) for parent, key in _lists(document.data, 6))


def _is_indented(document: Document, parent: Map, key: Any) -> bool:
    rows, items = document.rows, parent[key]
    if not items.lines or items.lines[0] == parent.lines.get(key):
        return False
    return _margin(rows[items.lines[0] - 1]) > _margin(rows[parent.lines[key] - 1])


def _lists(data: Any, depth: int) -> list[tuple[Map, Any]]:
    """Non-empty block lists directly below mappings, not deeper than `depth`."""
    if depth == 0 or not isinstance(data, Map):
        return []
    found = [(data, key) for key, value in data.items() if isinstance(value, Seq) and value and key in data.lines]
    for value in data.values():
        found += _lists(value, depth - 1)
    return found


def _margin(row: str) -> int:
    return len(row) - len(row.lstrip(" "))
