"""Which namespace Kustomize gives to the objects of a file.

`namespace:` of a kustomization overrides what the manifests say; the outermost one wins. A base that several
overlays use stands in the namespace of each.
Source: https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/namespace/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_FILES = ("kustomization.yaml", "kustomization.yml")
_MOST_STEPS = 200_000


@dataclass(frozen=True, slots=True)
class Kustomization:
    """`folder` is where it stands, `resources` what it names, as written; `namespace` is empty if it sets none."""

    folder: str
    namespace: str
    resources: tuple[str, ...]


def is_kustomization(path: str, kind: str) -> bool:
    return kind == "Kustomization" or (not kind and path.rsplit("/", 1)[-1] in _FILES)


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
        parts = each.folder.split("/") if each.folder else []
        for step in resource.split("/"):
            if step == ".." and not parts:
                break
            if step == "..":
                parts.pop()
            elif step not in {"", "."}:
                parts.append(step)
        else:
            yield "/".join(parts)
