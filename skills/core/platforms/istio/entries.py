"""The values that Istio manifests and Big Bang values are read into."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from skills.core.enforce.mesh import Family, family_of
from skills.core.enforce.mesh_hosts import Import
from skills.core.enforce.selectors import LabelSelector
from skills.core.hosts import Network
from skills.core.model import Finding, Place
from skills.core.platforms.istio.overlays import Overlay

NAME = "istio"
REGISTRY_ONLY = "REGISTRY_ONLY"
ALLOW_ANY = "ALLOW_ANY"
ROOT = "istio-system"

Shape = Literal["manifest", "route", "custom", "legacy"]
Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Spot:
    """Where an object is written, for edits: a document of a file and the path in it.

    `inside` is the path to a text that holds YAML of its own (values in a ConfigMap), else empty; `path` then
    is the path in that YAML.
    """

    file: str
    document: int
    path: Path = ()
    inside: Path = ()


@dataclass(frozen=True, slots=True)
class ListedPort:
    number: int
    protocol: str
    name: str
    place: Place

    @property
    def family(self) -> Family:
        return family_of(self.protocol)


@dataclass(frozen=True, slots=True)
class ServiceEntry:
    """What a ServiceEntry registers, whether a manifest or values stand for it.

    `namespace` None: nobody says where it goes. `faults` are reasons why Istio refuses it, `off` says why it is
    not rendered at all, `templated` that a tool still has to fill in a host or port.
    """

    name: str
    namespace: str | None
    place: Place
    spot: Spot
    overlay: Overlay
    shape: Shape = "manifest"
    hosts: tuple[tuple[str, Place], ...] = ()
    ports: tuple[ListedPort, ...] = ()
    addresses: tuple[str, ...] = ()
    resolution: str = ""
    export_to: tuple[str, ...] = ()
    endpoints: bool = False
    off: Finding | None = None
    faults: tuple[Finding, ...] = ()
    templated: bool = False
    remarks: tuple[Finding, ...] = ()
    version: str = ""

    @property
    def sound(self) -> bool:
        return not self.faults and self.off is None and not self.templated

    @property
    def passes_through(self) -> bool:
        """Traffic goes to the address that the client resolved."""
        return self.resolution in {"", "NONE"}

    @property
    def networks(self) -> tuple[Network, ...]:
        found = []
        for text in self.addresses:
            try:
                found.append(ipaddress.ip_network(text, strict=False))
            except ValueError:
                continue
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Sidecar:
    """`selector` None: all pods of the namespace. `mode` None: as the mesh has it. `imports` None: everything."""

    name: str
    namespace: str | None
    place: Place
    overlay: Overlay
    selector: LabelSelector | None = None
    mode: str | None = None
    imports: tuple[Import, ...] | None = None


@dataclass(frozen=True, slots=True)
class MeshConfig:
    """`mode` is `meshConfig.outboundTrafficPolicy.mode`. `hardens`: Big Bang puts a Sidecar into every package."""

    place: Place
    overlay: Overlay
    mode: str | None = None
    root: str | None = None
    hardens: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """An AuthorizationPolicy for ServiceEntries (`targets`), which a waypoint enforces.

    `sources` are the (namespace, service account or None) that its rules name; None: it names no source, so
    anyone. `plain` False: it has conditions that are not read here.
    """

    name: str
    namespace: str
    place: Place
    overlay: Overlay
    action: str
    targets: tuple[str, ...]
    sources: tuple[tuple[str, str | None], ...] | None
    plain: bool = True


@dataclass(frozen=True, slots=True)
class Setting:
    """A leaf of values that Helm replaces as a whole: a scalar, or a list as it is meant here."""

    value: Any
    place: Place


@dataclass(frozen=True, slots=True)
class Values:
    """Big Bang or bb-common values of one package, as leaves by path (`istio.sidecar.enabled` ...).

    `release` is the package's name where the tree says it; `group` tells which files Helm lays over one another.
    `umbrella`: Big Bang renders the package, and switches its mesh on.
    """

    group: str
    release: str
    namespace: str | None
    place: Place
    spot: Spot
    overlay: Overlay
    umbrella: bool
    leaves: Mapping[tuple[str, ...], Setting] = field(default_factory=dict)

    @property
    def says_egress(self) -> bool:
        """Many charts have an `istio.enabled`, which says nothing of what may leave."""
        return any(path[0] != "istio" or path[1] in {"sidecar", "hardened"} for path in self.leaves)


@dataclass(frozen=True, slots=True)
class Chart:
    """A Chart.yaml: the chart in this folder and its name."""

    folder: str
    name: str


@dataclass(frozen=True, slots=True)
class Environment:
    """A kustomization in the folder of an environment: that environment exists, even if it holds nothing of ours."""

    place: Place
    overlay: Overlay


Entry = ServiceEntry | Sidecar | MeshConfig | Policy | Values | Chart | Environment
