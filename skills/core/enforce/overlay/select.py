"""Which objects a patch means: by its own name, or by a target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import re2

from skills.core.enforce.kube_objects import labels_of, mapping_of, text_of
from skills.core.enforce.overlay.objects import CannotBuild, Id, Object


def named(objects: Sequence[Object], wanted: Id) -> list[Object]:
    """Objects that bear this name, or bore it before prefixes and namespaces came."""
    return [item for item in objects if wanted in item.ids]


def targeted(objects: Sequence[Object], target: Mapping[str, Any]) -> list[Object]:
    """Objects that a `target` selects. Raises CannotBuild on a selector that we don't work out."""
    wanted = {key: text_of(target.get(key)) for key in ("group", "version", "kind", "name", "namespace")}
    found = [item for item in objects if any(_fits(known, wanted) for known in item.ids)]
    for key, where in (("labelSelector", "labels"), ("annotationSelector", "annotations")):
        terms = [term.strip() for term in text_of(target.get(key)).split(",") if term.strip()]
        for term in terms:
            found = [item for item in found if _labelled(mapping_of(item.data.get("metadata")), where, term)]
    return found


def _fits(known: Id, wanted: Mapping[str, str]) -> bool:
    api, kind, name, namespace = known
    group, _, version = api.rpartition("/")
    values = {"group": group, "version": version, "kind": kind, "name": name, "namespace": namespace}
    return all(not pattern or _matches(pattern, values[key]) for key, pattern in wanted.items())


def _matches(pattern: str, value: str) -> bool:
    try:
        return re2.fullmatch(pattern, value) is not None
    except re2.error:
        raise CannotBuild("EGR517", why=f"{pattern} is no pattern") from None


def _labelled(metadata: Mapping[str, Any], where: str, term: str) -> bool:
    labels = labels_of(metadata.get(where))
    if " in " in term or " notin " in term or "(" in term or ")" in term:
        raise CannotBuild("EGR516", field=f"the selector {term}")
    for sign, negative in (("!=", True), ("==", False), ("=", False)):
        key, found, value = term.partition(sign)
        if found:
            return (labels.get(key.strip()) == value.strip()) is not negative
    return (term.removeprefix("!") in labels) is not term.startswith("!")
