"""In which file a policy would stand, going by where others do, and how JSON, which holds one alone, is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from skills.core.enforce.cluster import Cluster
from skills.core.yaml_text import Seq, append_item, read_documents
from skills.core.yaml_text.emit import json_text

YAML = (".yaml", ".yml")
JSON = ".json"
_FILE = "network-policies.yaml"
_KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml")
_NAMED_SO = ("polic", "netpol", "egress")


def file_for(namespace: str, known: Sequence[tuple[str | None, str]], cluster: Cluster) -> str | None:
    """`known` are (namespace, path) of policies. By analogy with their paths; else a file that holds those of several
    namespaces; else a new one beside the manifests of the namespace, and only then the file of another namespace."""
    counted = Counter(_by_analogy(namespace, known))
    if counted:
        return max(counted, key=lambda path: (_is_of_policies(path), counted[path]))
    spoken: dict[str, set[str | None]] = {}
    for other, path in known:
        spoken.setdefault(path, set()).add(other)
    widest = max(sorted(spoken), key=lambda path: len(spoken[path]), default=None)
    shared = widest is not None and len(spoken[widest]) > 1
    return widest if shared else _beside_manifests(namespace, cluster) or widest


def _beside_manifests(namespace: str, cluster: Cluster) -> str | None:
    places = [cluster.declared[namespace]] if namespace in cluster.declared else []
    places += [pod.place for pod in cluster.pods.get(namespace, ())]
    folders = Counter(place.path.rpartition("/")[0] for place in places)
    if not folders:
        return None
    folder = folders.most_common(1)[0][0]
    return f"{folder}/{_FILE}" if folder else _FILE


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


def listed(text_of: Callable[[str], str | None], path: str, neighbour: str | None = None) -> tuple[str, str] | None:
    """The kustomization in which a new file counts only once it is listed, with its text that lists it: that of the
    folder, or, with a `neighbour` in the folder, whichever lists that one. None where there is none, or none lacks it.

    Raises:
        CannotEdit: the list can't be edited.
    """
    folder, _, name = path.rpartition("/")
    steps = folder.split("/") if folder else []
    for depth in range(len(steps), -1 if neighbour else len(steps) - 1, -1):
        way = [*steps[depth:], name]
        beside = "/".join([*way[:-1], neighbour.rpartition("/")[2]]) if neighbour else None
        for file in _KUSTOMIZATIONS:
            there = "/".join([*steps[:depth], file])
            text = text_of(there) or ""
            for document in read_documents(there, text)[0]:
                resources = document.at("resources")
                if isinstance(resources, Seq) and (beside is None or _lists(resources, beside)):
                    new = "/".join(way)
                    if _lists(resources, new):
                        return None
                    return there, append_item(text, document, ("resources",), new)
    return None


def _lists(resources: Seq, name: str) -> bool:
    return name in resources or f"./{name}" in resources
