"""The changes of one kustomization to the objects that it has gathered, in Kustomize's order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from skills.core.enforce.kube_objects import mapping_of, sequence_of, text_of
from skills.core.enforce.kustomize import Kustomization
from skills.core.enforce.overlay.labels import add_labels
from skills.core.enforce.overlay.objects import CLUSTER_WIDE, CannotBuild, Object, copied, put
from skills.core.enforce.overlay.patch import apply_operations, merge
from skills.core.enforce.overlay.select import named, targeted
from skills.core.yaml_text import Document, Map, Seq, read_documents

PatchFile = Callable[[Kustomization, str], Sequence[Document]]

_UNPREFIXED = ("Namespace", "CustomResourceDefinition", "APIService")
_MOST_PATCHES = 2_000


@dataclass(frozen=True, slots=True)
class _Patch:
    """`body` is a mapping (strategic merge) or a list (JSON 6902); `line` is where the kustomization names it."""

    body: Map | Seq
    target: Mapping[str, Any] | None
    line: int
    must_fit: bool


def transform(each: Kustomization, objects: list[Object], patch_file: PatchFile) -> list[Object]:
    """The objects after all changes. Raises CannotBuild where Kustomize refuses, or on what we don't work out."""
    for patch in _patches(each, patch_file, ("patchesStrategicMerge", "patches")):
        objects = _patched(objects, patch)
    _namespace(each, objects)
    _names(each, objects)
    _labels(each, objects)
    for patch in _patches(each, patch_file, ("patchesJson6902",)):
        objects = _patched(objects, patch)
    for item in sequence_of(each.data.get("replacements")):
        _replacement(each, item, objects)
    return objects


def _patches(each: Kustomization, patch_file: PatchFile, keys: tuple[str, ...]) -> Iterator[_Patch]:
    for key in keys:
        items = each.data.get(key)
        if not isinstance(items, Seq):
            continue
        if len(items) > _MOST_PATCHES:
            raise CannotBuild("EGR516", field=f"more than {_MOST_PATCHES} patches", line=int(items.line))
        for at, item in enumerate(items):
            yield from _bodies(each, patch_file, item, items.lines[at], strategic=key == "patchesStrategicMerge")


def _bodies(each: Kustomization, patch_file: PatchFile, item: Any, line: int, *, strategic: bool) -> Iterator[_Patch]:
    """What one item of a list of patches stands for; a file of patches may hold several."""
    given = mapping_of(item)
    target = given.get("target") if isinstance(given.get("target"), Map) else None
    inline = text_of(item) if strategic and "\n" in text_of(item) else given.get("patch")
    name = text_of(item) if strategic and not inline else text_of(given.get("path"))
    if isinstance(inline, str):
        documents, unreadable = read_documents(each.path, inline)
        above = (item.lines["patch"] if isinstance(item, Map) else line) if "\n" in inline else line - 1
        source = (each.path, each.rows, int(above))
        if unreadable:
            raise CannotBuild("EGR517", why="it is no YAML", line=int(line))
    else:
        documents, source = list(patch_file(each, name)), None
    for document in documents:
        if isinstance(document.data, (Map, Seq)):
            body = copied(document.data, source or (document.path, document.rows, 0))
            yield _Patch(body, target, int(line), target is None)


def _patched(objects: list[Object], patch: _Patch) -> list[Object]:
    try:
        found = targeted(objects, patch.target) if patch.target is not None else _meant(objects, patch)
        if patch.must_fit and not found:
            raise CannotBuild("EGR517", why="no object has its kind and name")
        gone: list[int] = []
        for item in found:
            item.patched = True
            if isinstance(patch.body, Seq):
                apply_operations(item.data, patch.body)
            elif not _merged(item, patch):
                gone.append(id(item))
            item.note_id()
    except CannotBuild as error:
        raise CannotBuild(error.finding.code, **{**error.finding.facts, "line": patch.line}) from None
    return [item for item in objects if id(item) not in gone]


def _meant(objects: list[Object], patch: _Patch) -> list[Object]:
    if isinstance(patch.body, Seq):
        raise CannotBuild("EGR517", why="it has no target")
    return named(objects, Object(Document("", 0, patch.body, 1, ()), patch.body).id)


def _merged(item: Object, patch: _Patch) -> bool:
    """A merge never renames: what bore the patch's name may bear another one by now."""
    metadata, kind = item.metadata(), item.kind
    known = {key: (metadata.get(key), metadata.lines.get(key, metadata.line)) for key in ("name", "namespace")}
    kept = merge(item.data, copied(patch.body), item.id[0])
    if kept:
        item.data["kind"] = kind
        for key, (value, line) in known.items():
            if value is None:
                item.metadata().pop(key, None)
            else:
                put(item.metadata(), key, value, line)
    return kept


def _namespace(each: Kustomization, objects: Sequence[Object]) -> None:
    namespace = text_of(each.data.get("namespace"))
    if not namespace:
        return
    for item in objects:
        key = "name" if item.kind == "Namespace" else "namespace"
        if item.kind == "Namespace" or item.kind not in CLUSTER_WIDE:
            metadata = item.metadata()
            put(metadata, key, namespace, metadata.lines.get(key, metadata.lines.get("name", metadata.line)))
            item.note_id()


def _names(each: Kustomization, objects: Sequence[Object]) -> None:
    prefix, suffix = text_of(each.data.get("namePrefix")), text_of(each.data.get("nameSuffix"))
    if not prefix and not suffix:
        return
    accounts = {item.name: prefix + item.name + suffix for item in objects if item.kind == "ServiceAccount"}
    for item in objects:
        if item.kind not in _UNPREFIXED:
            metadata = item.metadata()
            line = metadata.lines.get("name", metadata.line)
            put(metadata, "name", prefix + item.name + suffix, line)
            item.note_id()
        _rename_account(item.data.get("spec"), accounts)


def _rename_account(spec: Any, accounts: Mapping[str, str]) -> None:
    """The service account that pods run as, where this build renames it as well."""
    for _ in range(5):  # CronJob: spec, jobTemplate, spec, template, spec
        if not isinstance(spec, Map):
            return
        for key in ("serviceAccountName", "serviceAccount"):
            if text_of(spec.get(key)) in accounts:
                spec[key] = accounts[text_of(spec[key])]
        spec = spec.get("jobTemplate") or spec.get("template") or spec.get("spec")


def _labels(each: Kustomization, objects: Sequence[Object]) -> None:
    common = mapping_of(each.data.get("commonLabels"))
    for item in objects:
        for given in sequence_of(each.data.get("labels")):
            entry = mapping_of(given)
            selectors, templates = entry.get("includeSelectors") is True, entry.get("includeTemplates") is True
            if entry.get("fields"):
                raise CannotBuild("EGR516", field="labels.fields")
            add_labels(item, mapping_of(entry.get("pairs")), item.data.line, selectors=selectors, templates=templates)
        if common:
            add_labels(item, common, item.data.line, selectors=True, templates=True)


def _replacement(each: Kustomization, given: Any, objects: Sequence[Object]) -> None:
    """We don't copy values about; what a replacement writes into is not known any more."""
    line = int(each.data.lines["replacements"])
    for entry in sequence_of(mapping_of(given).get("targets")):
        select = mapping_of(mapping_of(entry).get("select"))
        for item in targeted(objects, select):
            item.unsure = CannotBuild("EGR516", field="replacements").finding
            item.patched = True
    if "path" in mapping_of(given):
        raise CannotBuild("EGR516", field="replacements", line=line)
