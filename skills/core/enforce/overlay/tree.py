"""What a kustomization stands for: its resources, with all that it and those below it lay over them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from skills.core.enforce.kube_objects import expand, sequence_of, text_of
from skills.core.enforce.kustomize import Kustomization, path_below
from skills.core.enforce.overlay.objects import CannotBuild, Object, new_object
from skills.core.enforce.overlay.steps import transform
from skills.core.model import Finding
from skills.core.yaml_text import Document, Map

Documents = Callable[[str], Sequence[Document] | None]
"""The documents of a file that can be read; None where there is no such file."""

_MOST_OBJECTS = 50_000
_MOST_DEPTH = 30
_ADDS = ("helmCharts", "helmChartInflationGenerator", "generators")
_CHANGES = ("transformers", "configurations", "openapi", "crds")
_PATCH_LISTS = ("patches", "patchesStrategicMerge", "patchesJson6902")
_PLAIN = frozenset({"resources", "bases", "namespace", "apiVersion", "kind", "metadata", "images", "replicas"})
_HARMLESS = frozenset({"configMapGenerator", "secretGenerator", "generatorOptions", "commonAnnotations", "sortOptions"})


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is not known, and where that is said. `stops`: Kustomize would build nothing of this root."""

    path: str
    line: int
    finding: Finding
    stops: bool = False


@dataclass(slots=True)
class Built:
    """`objects` of one root as they come out; `files` are all files that it uses, patches too."""

    root: str
    objects: list[Object] = field(default_factory=list)
    files: set[str] = field(default_factory=set)
    troubles: list[Trouble] = field(default_factory=list)


def is_plain(each: Kustomization) -> bool:
    """Whether it only names files and a namespace; then namespaces are all that there is to know."""
    keys = {text_of(key) for key in each.data} if isinstance(each.data, Map) else set()
    return not is_component(each) and keys <= _PLAIN | _HARMLESS and not any(map(_is_remote, each.resources))


def is_component(each: Kustomization) -> bool:
    return isinstance(each.data, Map) and each.data.get("kind") == "Component"


def reached(each: Kustomization) -> list[str]:
    """The files and folders that it names, patches and components too, as paths from the root."""
    data = each.data if isinstance(each.data, Map) else Map()
    written = [*each.resources, *map(text_of, sequence_of(data.get("components")))]
    written += [text_of(item) for item in sequence_of(data.get("patchesStrategicMerge")) if "\n" not in text_of(item)]
    for key in _PATCH_LISTS:
        written += [text_of(item.get("path")) for item in sequence_of(data.get(key)) if isinstance(item, Map)]
    paths = [path_below(each.folder, name) for name in written if name and not _is_remote(name)]
    return [path for path in dict.fromkeys(paths) if path is not None]


def build(by_folder: Mapping[str, Kustomization], documents: Documents, root: str) -> Built:
    """Works out one root. What can't be worked out is a trouble; nothing raises."""
    building = _Building(by_folder, documents, Built(root))
    building.made.objects = building.accumulate(root, ())
    return building.made


class _Building:
    def __init__(self, by_folder: Mapping[str, Kustomization], documents: Documents, made: Built) -> None:
        self.by_folder, self.documents, self.made = by_folder, documents, made
        self.count = 0

    def accumulate(self, folder: str, above: tuple[str, ...]) -> list[Object]:
        each = self.by_folder[folder]
        self.made.files.add(each.path)
        if folder in above or len(above) > _MOST_DEPTH:
            self._trouble(each, "resources", CannotBuild("EGR517", why="it includes itself").finding, stops=True)
            return []
        return self._with(each, self._resources(each, (*above, folder)), above)

    def _resources(self, each: Kustomization, above: tuple[str, ...]) -> list[Object]:
        objects: list[Object] = []
        for key in ("resources", "bases"):
            for name in map(text_of, sequence_of(each.data.get(key))):
                path = None if _is_remote(name) else path_below(each.folder, name)
                if path is None:
                    self._trouble(each, key, CannotBuild("EGR514", resource=name).finding)
                elif path in self.by_folder:
                    objects += self.accumulate(path, above)
                else:
                    objects += self._file(each, key, path)
        return objects

    def _file(self, each: Kustomization, key: str, path: str) -> list[Object]:
        found = self.documents(path)
        if found is None:
            self._trouble(each, key, CannotBuild("EGR515", resource=path).finding, stops=True)
            return []
        self.made.files.add(path)
        items = [item for document in found for item in expand(document) if isinstance(item.data, Map)]
        self.count += len(items)
        if self.count > _MOST_OBJECTS:
            self._trouble(
                each, key, CannotBuild("EGR516", field=f"more than {_MOST_OBJECTS} objects").finding, stops=True
            )
            return []
        return [new_object(item) for item in items]

    def _with(self, each: Kustomization, objects: list[Object], above: tuple[str, ...]) -> list[Object]:
        """Components first, then its own changes, as Kustomize does it."""
        for name in map(text_of, sequence_of(each.data.get("components"))):
            path = None if _is_remote(name) else path_below(each.folder, name)
            if path is None:
                self._trouble(each, "components", CannotBuild("EGR514", resource=name).finding)
            elif path not in self.by_folder:
                self._trouble(each, "components", CannotBuild("EGR515", resource=path).finding, stops=True)
            elif path in above or len(above) > _MOST_DEPTH:
                self._trouble(each, "components", CannotBuild("EGR517", why="it includes itself").finding, stops=True)
            else:
                component = self.by_folder[path]
                self.made.files.add(component.path)
                added = self._resources(component, (*above, each.folder, path))
                objects = self._with(component, [*objects, *added], (*above, each.folder))
        for key in _ADDS:
            if each.data.get(key):
                self._trouble(each, key, CannotBuild("EGR516", field=key).finding)
        for key in _CHANGES:
            if each.data.get(key):
                self._unsure(each, key, objects)
        return self._transformed(each, objects)

    def _transformed(self, each: Kustomization, objects: list[Object]) -> list[Object]:
        try:
            return transform(each, objects, self._patch_file)
        except CannotBuild as error:
            where = error.finding.facts
            line = where.get("line")
            finding = Finding(error.finding.code, {key: value for key, value in where.items() if key != "line"})
            self._trouble(each, "patches", finding, stops=True, line=line if isinstance(line, int) else None)
            return objects

    def _patch_file(self, each: Kustomization, name: str) -> Sequence[Document]:
        path = path_below(each.folder, name)
        found = self.documents(path) if path is not None else None
        if path is None or found is None:
            raise CannotBuild("EGR515", resource=name)
        self.made.files.add(path)
        return found

    def _unsure(self, each: Kustomization, key: str, objects: Iterable[Object]) -> None:
        finding = CannotBuild("EGR516", field=key).finding
        self._trouble(each, key, finding)
        for item in objects:
            item.unsure = finding

    def _trouble(
        self, each: Kustomization, key: str, finding: Finding, *, stops: bool = False, line: int | None = None
    ) -> None:
        at = line or each.data.lines.get(key, each.data.line)
        placed = Finding(finding.code, {"path": each.path, "line": int(at), **finding.facts})
        self.made.troubles.append(Trouble(each.path, int(at), placed, stops))


def _is_remote(name: str) -> bool:
    """Whether Kustomize would fetch it: a URL, a host's path, or anything with a revision."""
    return "://" in name or "?ref=" in name or name.startswith("git@") or ".com/" in name.partition("//")[0]
