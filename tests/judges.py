"""Judges of manifests that nobody here wrote: what they say of a file is the truth of a draft's form.

Documents are read with plain PyYAML, not with our own reader. Built-in kinds go to the Kubernetes API's own
schemas (strict: an unknown field is refused), Istio's kinds to models generated from its API description,
UDS Packages to the CRD of uds-core (`shared`, when it is there).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Any

import jsonschema
import yaml
from pydantic import BaseModel, ValidationError

from tests.shared import shared_folder

KUBERNETES = "1.31"
_UDS_CRD = "platforms/corpus/d_uds/uds-core/src/pepr/uds-cluster-crds/templates/packages.uds.dev.yaml"
_BUILT_IN = re.compile(r"v1|apps/.*|batch/.*|policy/.*|[a-z.]*\.k8s\.io/.*")


def documents(text: str) -> list[dict[str, Any]]:
    """Every object in the text; lists are opened."""
    found = []
    for document in yaml.load_all(text, Loader=yaml.CSafeLoader):
        if isinstance(document, dict) and str(document.get("kind", "")).endswith("List") and "items" in document:
            found += [item for item in document["items"] if isinstance(item, dict)]
        elif isinstance(document, dict):
            found.append(document)
    return found


def judged(text: str) -> list[tuple[str, list[str]]]:
    """Each object that a judge knows, as `kind name`, with that judge's objections (none: it is valid)."""
    found = []
    for document in documents(text):
        objections = _objections(document)
        if objections is not None:
            found.append((f"{document['kind']} {document.get('metadata', {}).get('name')}", objections))
    return found


def worse(before: str, after: str) -> list[str]:
    """Objections to the new text that the old one did not draw."""
    known = {line for name, lines in judged(before) for line in _named(name, lines)}
    return [line for name, lines in judged(after) for line in _named(name, lines) if line not in known]


def _named(name: str, lines: list[str]) -> list[str]:
    return [f"{name}: {line}" for line in lines]


def _objections(document: Mapping[str, Any]) -> list[str] | None:
    version, kind = str(document.get("apiVersion", "")), str(document.get("kind", ""))
    if version.partition("/")[0] in ("networking.istio.io", "security.istio.io"):
        return _istio(version, kind, document)
    if version == "uds.dev/v1alpha1" and kind == "Package":
        return _package(document)
    if _BUILT_IN.fullmatch(version) and kind != "Kustomization":
        return _built_in(document)
    return None


def _built_in(document: Mapping[str, Any]) -> list[str]:
    import kubernetes_validate

    try:
        kubernetes_validate.validate(document, KUBERNETES, strict=True)
    except kubernetes_validate.ValidationError as error:
        return [f"{'.'.join(map(str, error.path))}: {error.message}"]
    return []


# --- Istio: the models let unknown fields pass, so those are looked for by themselves


def _istio(version: str, kind: str, document: Mapping[str, Any]) -> list[str] | None:
    group, _, short = version.partition(".istio.io/")
    module = import_module(f"cloudcoil.models.istio.{group}.{short}")
    model = getattr(module, kind, None)
    if model is None:
        return None
    try:
        made = model.model_validate(document)
    except ValidationError as error:
        return [f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()]
    return list(_unknown(document.get("spec", {}), made.spec, "spec"))


def _unknown(given: Any, made: Any, at: str) -> Iterator[str]:
    """Fields of the document that the model did not take up."""
    if isinstance(given, list) and isinstance(made, list):
        for number, (one, other) in enumerate(zip(given, made, strict=True)):
            yield from _unknown(one, other, f"{at}[{number}]")
    if isinstance(made, BaseModel) and isinstance(given, dict):
        fields = {field.alias or name: name for name, field in type(made).model_fields.items()}
        for name, value in given.items():
            if name not in fields:
                yield f"{at}.{name}: no such field"
            else:
                yield from _unknown(value, getattr(made, fields[name]), f"{at}.{name}")


# --- UDS


@cache
def _package_schema() -> dict[str, Any] | None:
    shared = shared_folder()
    if shared is None or not (shared / _UDS_CRD).is_file():
        return None
    crd = next(iter(yaml.load_all((shared / _UDS_CRD).read_text(), Loader=yaml.CSafeLoader)))
    schema: dict[str, Any] = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


def _package(document: Mapping[str, Any]) -> list[str] | None:
    schema = _package_schema()
    if schema is None:
        return None
    errors = jsonschema.Draft202012Validator(schema).iter_errors(document)
    return [f"{error.json_path}: {error.message}" for error in errors]
