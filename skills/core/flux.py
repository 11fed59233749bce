"""What Flux does to manifests after Kustomize: variables are filled in, and a target namespace is set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from skills.core.enforce import delivery
from skills.core.enforce.delivery import Substitution
from skills.core.enforce.kube_objects import mapping_of, text_of
from skills.core.enforce.kustomize import Kustomization
from skills.core.enforce.overlay import reached
from skills.core.enforce.overlay.objects import CLUSTER_WIDE, copied, put
from skills.core.enforce.variables import Variables, filled
from skills.core.reading import Reading
from skills.core.yaml_text import Document, Map, read_documents

Documents = Callable[[str], Sequence[Document] | None]

_MARK = "ConfigMap"


def substitutions(readings: Mapping[str, Reading]) -> list[Substitution]:
    entries = (entry for reading in readings.values() for entry in reading.entries.get(delivery.NAME, ()))
    return [entry for entry in entries if isinstance(entry, Substitution)]


def after_flux(
    found: Sequence[Substitution],
    by_folder: Mapping[str, Kustomization],
    texts: Mapping[str, str],
    documents: Documents,
) -> dict[str, list[Document]]:
    """The documents of every file that a Flux Kustomization changes, by path."""
    by_path: dict[str, list[Substitution]] = {}
    for each in found:
        for path in _files(each, by_folder, texts):
            by_path.setdefault(path, []).append(each)
    known = {id(each): _variables(each, texts) for each in found}
    made: dict[str, list[Document]] = {}
    for path, reaching in by_path.items():
        if "${" not in texts.get(path, "") and not any(each.namespace for each in reaching):
            continue
        variables = _agreed([known[id(each)] for each in reaching])
        namespaces = {each.namespace for each in reaching}
        target = namespaces.pop() if len(namespaces) == 1 else ""
        items = [item for item in documents(path) or () if isinstance(item.data, Map)]
        made[path] = [replace(item, data=_housed(filled(item.data, variables), target)) for item in items]
    return made


def _files(each: Substitution, by_folder: Mapping[str, Kustomization], texts: Mapping[str, str]) -> Iterable[str]:
    """What its folder stands for: what the kustomization there reaches, else every file below."""
    if each.folder not in by_folder:
        below = f"{each.folder}/" if each.folder else ""
        return [path for path in texts if path.startswith(below) and path != each.place.path]
    waiting, seen = [each.folder], {each.folder}
    while waiting:
        for path in reached(by_folder[waiting.pop()]):
            if path not in seen:
                seen.add(path)
                if path in by_folder:
                    waiting.append(path)
    return [path for path in seen if path not in by_folder]


def _variables(each: Substitution, texts: Mapping[str, str]) -> Variables:
    """Inline values win over those of ConfigMaps. A source that is not here could set anything else."""
    values: dict[str, str] = {}
    complete = True
    for source in each.more:
        kind, _, name = source.partition("/")
        given = _config_map(name, texts) if kind == _MARK else None
        complete = complete and given is not None
        values |= given or {}
    return Variables({**values, **each.values} if complete else dict(each.values), complete)


def _config_map(name: str, texts: Mapping[str, str]) -> dict[str, str] | None:
    """The data of the one ConfigMap of that name."""
    found = []
    for path, text in texts.items():
        if _MARK in text and name in text:
            for document in read_documents(path, text)[0]:
                data = mapping_of(document.data)
                if data.get("kind") == _MARK and mapping_of(data.get("metadata")).get("name") == name:
                    found.append({text_of(key): text_of(value) for key, value in mapping_of(data.get("data")).items()})
    return found[0] if len(found) == 1 else None


def _agreed(every: Sequence[Variables]) -> Variables:
    """Values on which all agree that fill in this file."""
    first, *others = every
    values = {key: value for key, value in first.values.items() if all(o.values.get(key) == value for o in others)}
    alike = all(set(other.values) == set(first.values) for other in others)
    return Variables(values, alike and all(one.complete for one in every))


def _housed(data: Map, namespace: str) -> Map:
    if not namespace or text_of(data.get("kind")) in CLUSTER_WIDE or not isinstance(data.get("metadata"), Map):
        return data
    made: Map = copied(data)
    metadata = made["metadata"]
    put(metadata, "namespace", namespace, metadata.lines.get("namespace", metadata.line))
    return made
