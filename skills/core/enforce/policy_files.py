"""In which file the first policy of a namespace would stand, going by where those of other namespaces do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

_NAMED_SO = ("polic", "netpol", "egress")


def file_for(namespace: str, known: Sequence[tuple[str | None, str]]) -> str | None:
    """`known` are (namespace, path) of policies. By analogy with their paths; else the file of most namespaces."""
    counted = Counter(_by_analogy(namespace, known))
    if counted:
        return max(counted, key=lambda path: (_is_of_policies(path), counted[path]))
    spoken: dict[str, set[str | None]] = {}
    for other, path in known:
        spoken.setdefault(path, set()).add(other)
    return max(sorted(spoken), key=lambda path: len(spoken[path]), default=None)


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
