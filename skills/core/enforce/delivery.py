"""What says how manifests are delivered: HelmReleases, Argo CD Applications and Flux Kustomizations, as plain values.

Sources: https://fluxcd.io/flux/components/helm/helmreleases/, https://fluxcd.io/flux/components/kustomize/kustomizations/
and https://argo-cd.readthedocs.io/en/stable/user-guide/helm/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from skills.core.enforce.kube_objects import mapping_of, sequence_of, templated, text_of
from skills.core.enforce.kustomize import path_below
from skills.core.model import Place
from skills.core.yaml_text import Document, read_documents

NAME = "delivery"
REGISTRY = "registry:"
"""In front of a chart's name that is taken from elsewhere: one of this name in the repository may be it."""


@dataclass(frozen=True, slots=True)
class Release:
    """A chart of this repository as it is installed. `namespace` None: nothing says it.

    `values` are laid over one another, the last on top; `files` are values files, from the repository's root, below
    them. `unknown` names what else decides and is not here. `chart` ends in `*` where a tool fills in the rest.
    """

    chart: str
    name: str
    namespace: str | None
    place: Place
    values: tuple[Mapping[str, Any], ...] = ()
    files: tuple[str, ...] = ()
    unknown: str = ""


@dataclass(frozen=True, slots=True)
class Substitution:
    """Flux fills variables into what stands below `folder`. `more` names sources that are not given inline."""

    folder: str
    place: Place
    values: Mapping[str, str] = field(default_factory=dict)
    more: tuple[str, ...] = ()
    namespace: str = ""


def read(document: Document) -> Sequence[Release | Substitution]:
    data = document.data
    kind = text_of(data.get("kind")) if isinstance(data, Mapping) else ""
    version = text_of(data.get("apiVersion")) if kind else ""
    if kind == "HelmRelease" and version.startswith("helm.toolkit.fluxcd.io/"):
        return _helm_release(document)
    if kind in ("Application", "ApplicationSet") and version.startswith("argoproj.io/"):
        return _application(document)
    if kind == "Kustomization" and version.startswith("kustomize.toolkit.fluxcd.io/"):
        return _substitution(document)
    return ()


def _helm_release(document: Document) -> Sequence[Release]:
    metadata, spec = mapping_of(document.data.get("metadata")), mapping_of(document.data.get("spec"))
    chart = mapping_of(mapping_of(spec.get("chart")).get("spec"))
    folder = path_below("", text_of(chart.get("chart")))
    if not folder:
        return ()
    elsewhere = mapping_of(chart.get("sourceRef")).get("kind") == "HelmRepository"
    unknown = next((key for key in ("valuesFrom", "postRenderers") if spec.get(key)), "")
    name, target = text_of(metadata.get("name")), text_of(spec.get("targetNamespace"))
    files = [path_below("", text_of(item)) for item in sequence_of(chart.get("valuesFiles"))]
    return (
        Release(
            f"{REGISTRY}{folder}" if elsewhere else folder,
            text_of(spec.get("releaseName")) or (f"{target}-{name}" if target else name),
            _known(target or text_of(metadata.get("namespace"))),
            document.place_of("metadata", "name"),
            (mapping_of(spec.get("values")),),
            tuple(path for path in files if path),
            unknown or ("HelmRepository" if elsewhere else ""),
        ),
    )


def _application(document: Document) -> Sequence[Release]:
    """One release for each chart of an Application. What an ApplicationSet fills in, nobody can say from here."""
    spec = mapping_of(document.data.get("spec"))
    name, unknown = text_of(mapping_of(document.data.get("metadata")).get("name")), ""
    if document.data.get("kind") == "ApplicationSet":
        template = mapping_of(spec.get("template"))
        spec, name = mapping_of(template.get("spec")), text_of(mapping_of(template.get("metadata")).get("name"))
        unknown = "ApplicationSet"
    home = _known(text_of(mapping_of(spec.get("destination")).get("namespace")))
    sources = [mapping_of(item) for item in (spec.get("source"), *sequence_of(spec.get("sources")))]
    found = []
    for source in sources:
        folder, helm = path_below("", text_of(source.get("path"))), mapping_of(source.get("helm"))
        if not folder:
            continue
        named = [text_of(item) for item in sequence_of(helm.get("valueFiles"))]
        from_elsewhere = any(item.startswith("$") for item in named)
        missing = next((key for key in ("parameters", "fileParameters") if helm.get(key)), "")
        files = [path_below(folder, item) for item in named if not item.startswith("$")]
        found.append(
            Release(
                f"{folder.partition('{{')[0]}*" if templated(folder) else folder,
                text_of(helm.get("releaseName")) or name,
                home,
                document.place_of("metadata", "name"),
                _values_of(helm),
                tuple(path for path in files if path),
                unknown or missing or ("valueFiles" if from_elsewhere else ""),
            )
        )
    return found


def _values_of(helm: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    values = [mapping_of(item.data) for item in read_documents("", text_of(helm.get("values")))[0]]
    values.append(mapping_of(helm.get("valuesObject")))
    return tuple(value for value in values if value)


def _substitution(document: Document) -> Sequence[Substitution]:
    spec = mapping_of(document.data.get("spec"))
    build = mapping_of(spec.get("postBuild"))
    folder = path_below("", text_of(spec.get("path")))
    namespace = text_of(spec.get("targetNamespace"))
    if folder is None or not (build or namespace):
        return ()
    more = [mapping_of(item) for item in sequence_of(build.get("substituteFrom"))]
    values = mapping_of(build.get("substitute"))
    return (
        Substitution(
            folder,
            document.place_of("spec", "postBuild"),
            {text_of(key): _word(value) for key, value in values.items()},
            tuple(f"{text_of(item.get('kind'))}/{text_of(item.get('name'))}" for item in more),
            namespace,
        ),
    )


def _word(value: Any) -> str:
    return "true" if value is True else "false" if value is False else text_of(value)


def _known(namespace: str) -> str | None:
    return namespace if namespace and not templated(namespace) else None
