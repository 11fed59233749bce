"""Reads `lowops.manifests.v1` documents: projects with their lists, applications, the organisation's domain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, NamedTuple

from skills.core.enforce.selectors import label_text
from skills.core.hosts import shown
from skills.core.model import Finding, Place, finding
from skills.core.platforms.infrastream.entries import Item, read_item
from skills.core.yaml_text import Document, Seq

NAME = "infrastream"
LAYER = "firewall"
API = "lowops.manifests.v1"

_MOST_ODD = 1000
_IDENTITY = ("name", "environment", "organizational-unit", "organization")
_MISSPELT = {
    "organizationalUnit": "organizational-unit",
    "organizational_unit": "organizational-unit",
    "organisational-unit": "organizational-unit",
    "organisation": "organization",
    "env": "environment",
}
# The folder that names each part of a project's identity, in the path scheme of the manifests' repository.
_FOLDERS = {
    "organization": "organization",
    "organizational-unit": "organizational-unit",
    "environment": "environment",
    "project": "name",
}


class Project(NamedTuple):
    """One Project manifest, which is one project in one environment.

    `place` is its `metadata.name`. `list_place` is the line of `spec.allowedEgress`, or None where that is absent;
    `is_list` says whether a list (or nothing) stands there; `odd` is every text of what stands there instead, as if it
    were an item. `misplaced` are items that stand at the wrong level.
    `sure` is False when a key of the identity is misspelt, so that nobody knows whether Infrastream reads it.
    """

    name: str
    environment: str | None
    unit: str | None
    organization: str | None
    place: Place
    path: str
    document: int
    items: tuple[Item, ...] = ()
    list_place: Place | None = None
    is_list: bool = True
    odd: tuple[Item, ...] = ()
    misplaced: tuple[Item, ...] = ()
    faults: tuple[Finding, ...] = ()
    sure: bool = True

    @property
    def id(self) -> tuple[str | None, ...]:
        return (self.organization, self.unit, self.environment, self.name)

    @property
    def scope(self) -> str:
        return "/".join(part for part in (self.organization, self.unit, self.name) if part)

    def __str__(self) -> str:
        return f"{self.scope} ({self.environment})" if self.environment else self.scope


@dataclass(frozen=True, slots=True)
class Application:
    """An application and its project. `environment` is set only where it comes from a DeploymentConfig."""

    name: str
    project: str
    unit: str | None
    organization: str | None
    environment: str | None
    place: Place


@dataclass(frozen=True, slots=True)
class Organization:
    """`internal` is the domain whose names stay inside the Shared VPC."""

    name: str
    internal: str | None


Entry = Project | Application | Organization


def read(document: Document) -> Sequence[Entry]:
    """The entries of one document; none unless it is one of Infrastream's manifests."""
    data = document.data
    if not isinstance(data, Mapping) or data.get("apiVersion") != API:
        return ()
    metadata, spec = _map(data.get("metadata")), _map(data.get("spec"))
    kind = data.get("kind")
    if kind == "Project":
        return (_project(document, data, metadata, spec),)
    if kind == "Application":
        return _application(document, metadata, _text(spec.get("project")), None)
    if kind == "DeploymentConfig":
        return _application(document, metadata, _text(metadata.get("project")), _text(metadata.get("environment")))
    if kind == "Organization":
        return (Organization(_text(metadata.get("name")) or "", _text(_map(spec.get("domain")).get("internal"))),)
    return ()


def _application(
    document: Document, metadata: Mapping[str, Any], project: str | None, environment: str | None
) -> Sequence[Entry]:
    name, unit, organization = (_text(metadata.get(key)) for key in ("name", "organizational-unit", "organization"))
    if not name or not project:
        return ()
    return (Application(name, project, unit, organization, environment, document.place_of("metadata", "name")),)


def _project(
    document: Document, data: Mapping[str, Any], metadata: Mapping[str, Any], spec: Mapping[str, Any]
) -> Project:
    misspelt = {right: wrong for wrong, right in _MISSPELT.items() if wrong in metadata and right not in metadata}
    name, environment, unit, organization = (_text(metadata.get(misspelt.get(key, key))) for key in _IDENTITY)
    identity = dict(zip(_IDENTITY, (name, environment, unit, organization), strict=True))
    written = spec.get("allowedEgress")
    list_place = document.place_of("spec", "allowedEgress") if "allowedEgress" in spec else None
    project = Project(
        name or "",
        environment,
        unit,
        organization,
        document.place_of("metadata", "name") if "name" in metadata else document.place_of("kind"),
        document.path,
        document.index,
        _items(document, written),
        list_place,
        written is None or isinstance(written, Seq),
        _odd(written, list_place) if list_place else (),
        _misplaced(document, data),
        sure=not misspelt,
    )
    faults = (*_identity_faults(document, misspelt, identity), *_path_faults(project, identity))
    return project._replace(faults=faults)


def _items(document: Document, written: Any) -> tuple[Item, ...]:
    if not isinstance(written, Seq):
        return ()
    return tuple(map(read_item, written, document.item_places(written), count()))


def _odd(written: Any, place: Place) -> tuple[Item, ...]:
    """The texts of something that is no list, keys too."""
    found: list[str] = []
    waiting: list[Any] = [] if isinstance(written, Seq) else [written]
    while waiting and len(found) < _MOST_ODD:
        node = waiting.pop()
        if isinstance(node, str):
            found += node.replace(",", " ").split()
        elif isinstance(node, Mapping):
            waiting += [*node.keys(), *node.values()]
        elif isinstance(node, Seq):
            waiting += node
    return tuple(read_item(word, place, 0) for word in found[:_MOST_ODD])


def _misplaced(document: Document, data: Mapping[str, Any]) -> tuple[Item, ...]:
    """Lists under the document itself or its metadata: what a lost indentation leaves behind."""
    found = [data.get("allowedEgress"), _map(data.get("metadata")).get("allowedEgress")]
    return tuple(item for written in found for item in _items(document, written))


def _identity_faults(
    document: Document, misspelt: Mapping[str, str], identity: Mapping[str, str | None]
) -> list[Finding]:
    faults = [
        finding("EGR712", document.place_of("metadata", wrong), found=wrong, right=right)
        for right, wrong in misspelt.items()
    ]
    faults += [finding("EGR719", document.place_of("kind"), key=key) for key, value in identity.items() if not value]
    return faults


def _path_faults(project: Project, identity: Mapping[str, str | None]) -> list[Finding]:
    """Where the manifest lies and what it says of itself should agree; a copied file often does not."""
    parts = project.path.split("/")
    faults = []
    for folder, key in _FOLDERS.items():
        if folder not in parts[:-1]:
            continue
        below = parts[parts.index(folder) + 1].removesuffix(".yaml").removesuffix(".yml")
        says = identity[key]
        if says and says != below:
            facts = {"key": f"metadata.{key}", "says": shown(says), "folder": shown(below)}
            faults.append(finding("EGR713", project.place, project=str(project), **facts))
    return faults


def _map(data: Any) -> Mapping[str, Any]:
    return data if isinstance(data, Mapping) else {}


def _text(value: Any) -> str | None:
    """A scalar as text; names that YAML took for numbers or booleans are names all the same."""
    if isinstance(value, str):
        return value.strip() or None
    return label_text(value) if isinstance(value, (int, float)) else None
