"""Where something new counts when Kustomize builds the manifests: the list that must name a new file; and, where a base
serves others too, the overlay that nobody else builds.

Source: https://kubectl.docs.kubernetes.io/references/kustomize/glossary/#overlay
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from skills.core.enforce.kustomize import FILES, is_kustomization, kustomizations_in, path_below
from skills.core.enforce.policy_files import YAML
from skills.core.environments import environments_in
from skills.core.yaml_text import Document, Map, Seq, append_item, insert_key, read_documents

_LISTS = ("resources", "bases", "components")
_MOST = 2_000


@dataclass(frozen=True, slots=True)
class Overlay:
    """A folder whose kustomization lists resources, and whether Kustomize sets the namespace of what it builds."""

    folder: str
    sets_namespace: bool

    def file(self, name: str) -> str:
        """The path of a file in the folder."""
        return f"{self.folder}/{name}".lstrip("/")


@dataclass(frozen=True, slots=True)
class _Built:
    """What one kustomization names, as paths from the root; `namespace` is empty if it sets none."""

    paths: tuple[str, ...]
    namespace: str
    lists: bool


class Overlays:
    """The kustomizations among texts, read at the first question."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    @cached_property
    def _built(self) -> dict[str, _Built]:
        return dict(_kustomizations(self._texts))

    @cached_property
    def _reach(self) -> dict[str, set[str]]:
        return {folder: set(_reached(self._built, folder)) for folder in self._built}

    @cached_property
    def _roots(self) -> list[str]:
        used = {below for folder, each in self._built.items() for below in each.paths if below != folder}
        return [folder for folder in sorted(self._built) if folder not in used]

    def own(self, path: str, namespace: str, environment: str | None) -> Overlay | None:
        """The overlay that builds a base's file, there or new, for this namespace (and environment) and for no other.
        None where the file belongs to nobody else, or where several overlays are meant: then the base is the place."""
        built, reach = self._built, self._reach
        where = _where(self._texts, built, path)
        roots = [folder for folder in self._roots if reach[folder] & where]
        meant = [root for root in roots if (_namespace(built, reach, root) or namespace) == namespace]
        # Where an environment is asked for, the overlays of others are not even among the texts.
        apart = environment is not None and not environments_in(path)
        fits = {each for each in built if not apart or environment in environments_in(f"{each}/")}
        meant = [root for root in meant if root in fits]
        if len(meant) != 1 or not (apart or len(roots) > 1):
            return None
        others = set().union(*(reach[root] for root in roots if root != meant[0]))
        own = [each for each in (reach[meant[0]] - others) & fits if reach[each] & where and built[each].lists]
        folder = min(own, key=lambda each: (len(reach[each]), each), default=None)
        return Overlay(folder, bool(_namespace(built, reach, meant[0]))) if folder is not None else None


def listed(text_of: Callable[[str], str | None], path: str, neighbour: str | None = None) -> tuple[str, str] | None:
    """The kustomization in which a new file counts only once it is listed, with its text that lists it: whichever lists
    a file of the folder (the `neighbour`, if one is given), or that of the folder, which may have no list yet. None if
    none is to be changed.

    Raises:
        CannotEdit: the list can't be edited.
    """
    folder, _, name = path.rpartition("/")
    steps = folder.split("/") if folder else []
    for depth in range(len(steps), -1, -1):
        way = "/".join([*steps[depth:], name])
        for there in kustomizations_in("/".join(steps[:depth])):
            text = text_of(there) or ""
            for document in read_documents(there, text)[0]:
                resources, here = document.at("resources"), depth == len(steps)
                if here and neighbour is None and _is_without_list(document):
                    return there, insert_key(text, document, (), "resources", [way])
                if isinstance(resources, Seq) and _counts(resources, way, neighbour, here=here):
                    new = way not in _paths(resources)
                    return (there, append_item(text, document, ("resources",), way)) if new else None
    return None


def _is_without_list(document: Document) -> bool:
    data = document.data
    said = [str(document.at(key) or "") for key in ("kind", "apiVersion")]
    return isinstance(data, Map) and "resources" not in data and is_kustomization(document.path, *said)


def _counts(resources: Seq, way: str, neighbour: str | None, *, here: bool) -> bool:
    """Whether files of the folder count because this list names them."""
    folder, slash, _ = way.rpartition("/")
    if neighbour is not None:
        return folder + slash + neighbour.rpartition("/")[2] in _paths(resources)
    return here or any(path.rpartition("/")[0] == folder and path.endswith(YAML) for path in _paths(resources))


def _paths(resources: Seq) -> set[str]:
    return {str(item).removeprefix("./") for item in resources}


def _kustomizations(texts: Mapping[str, str]) -> Iterator[tuple[str, _Built]]:
    files = [path for path in texts if path.rpartition("/")[2] in FILES]
    for path in files if len(files) <= _MOST else ():
        folder = path.rpartition("/")[0]
        for document in read_documents(path, texts[path])[0][:1]:
            named = [item for key in _LISTS if isinstance(listed := document.at(key), Seq) for item in listed]
            paths = [path_below(folder, item) for item in named if isinstance(item, str)]
            lists = isinstance(document.at("resources"), Seq)
            said = document.at("namespace")
            yield folder, _Built(tuple(filter(None, paths)), said if isinstance(said, str) else "", lists)


def _where(texts: Mapping[str, str], built: Mapping[str, _Built], path: str) -> set[str]:
    """What must be built so that the file counts. A new one is listed in its folder, or where its neighbours are."""
    if path in texts:
        return {path}
    folder = path.rpartition("/")[0]
    if folder in built:
        return {folder}
    return {below for each in built.values() for below in each.paths if below.rpartition("/")[0] == folder}


def _reached(built: Mapping[str, _Built], folder: str) -> Iterator[str]:
    """The folder itself, and every file and folder below it in the tree of kustomizations."""
    waiting, seen = [folder], {folder}
    while waiting:
        here = waiting.pop()
        yield here
        for path in built[here].paths if here in built else ():
            if path not in seen:
                seen.add(path)
                waiting.append(path)


def _namespace(built: Mapping[str, _Built], reach: Mapping[str, set[str]], root: str) -> str:
    """The namespace that Kustomize sets on what the root builds: the outermost one wins."""
    inside = sorted((each for each in reach[root] if each in built), key=lambda each: -len(reach[each]))
    return next((built[each].namespace for each in inside if built[each].namespace), "")
