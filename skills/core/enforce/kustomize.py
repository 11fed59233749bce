"""Which namespace Kustomize gives to the objects of a file.

`namespace:` of a kustomization overrides what the manifests say; the outermost one wins. A base that several
overlays use stands in the namespace of each.
Source: https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/namespace/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

FILES = ("kustomization.yaml", "kustomization.yml")
"""What the file of a folder is called, all but always."""

_FLUX = "kustomize.toolkit.fluxcd.io/"
_MOST_STEPS = 200_000


@dataclass(frozen=True, slots=True)
class Kustomization:
    """`folder` is where it stands, `resources` what it names, as written; `namespace` is empty if it sets none.

    `data` is the whole file and `rows` its lines: what else it does is worked out over its tree.
    """

    folder: str
    namespace: str
    resources: tuple[str, ...]
    path: str = field(default="", compare=False)
    data: Any = field(default=None, compare=False, repr=False)
    rows: Any = field(default=(), compare=False, repr=False)


def is_kustomization(path: str, kind: str, version: str = "") -> bool:
    """A Kustomization or Component of Kustomize itself; Flux has objects of the same kind."""
    if version.startswith(_FLUX):
        return False
    named = path.rsplit("/", 1)[-1] in {*FILES, "Kustomization"}
    return kind == "Kustomization" or (named and kind in {"", "Component"})


def kustomizations_in(folder: str) -> list[str]:
    """The paths at which a folder may have its kustomization."""
    return [f"{folder}/{file}".lstrip("/") for file in FILES]


def homes(kustomizations: Iterable[Kustomization]) -> dict[str, tuple[str, ...]]:
    """The namespaces of each file that a kustomization with a namespace reaches."""
    by_folder = {each.folder: (each, tuple(dict.fromkeys(_paths(each)))) for each in kustomizations}
    used = {path for _, paths in by_folder.values() for path in paths if path in by_folder}
    found: dict[str, dict[str, None]] = {}
    waiting = [(folder, "") for folder in by_folder if folder not in used]
    seen = set(waiting)
    steps = 0
    while waiting:
        folder, outer = waiting.pop()
        each, paths = by_folder[folder]
        namespace = outer or each.namespace
        steps += len(paths)
        if steps > _MOST_STEPS:
            return {}  # not a tree that anyone builds: better to know nothing
        for path in paths:
            if path not in by_folder:
                if namespace:
                    found.setdefault(path, {})[namespace] = None
            elif (path, namespace) not in seen:
                seen.add((path, namespace))
                waiting.append((path, namespace))
    return {path: tuple(namespaces) for path, namespaces in found.items()}


def _paths(each: Kustomization) -> Iterator[str]:
    """The named resources as paths from the repository's root; those outside it and remote ones are left out."""
    for resource in each.resources:
        path = path_below(each.folder, resource)
        if path is not None:
            yield path


def path_below(folder: str, written: str) -> str | None:
    """A path as a kustomization in `folder` writes it, from the repository's root; None where it leads out of it."""
    parts = folder.split("/") if folder else []
    for step in written.split("/"):
        if step == ".." and not parts:
            return None
        if step == "..":
            parts.pop()
        elif step not in {"", "."}:
            parts.append(step)
    return "/".join(parts)
