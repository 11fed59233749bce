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
    target: int | None = None

    @property
    def family(self) -> Family:
        return family_of(self.protocol)


@dataclass(frozen=True, slots=True)
class ServiceEntry:
    """What a ServiceEntry registers, whether a manifest or values stand for it.

    `waypoint` is `namespace/name` of the waypoint that its labels choose. `inside`: what it registers is in the mesh.
    `slips` are fields that Istio does not know and that may be meant for others: whether the entry is taken without
    them or refused is up to whoever applies it.
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
    waypoint: str = ""
    inside: bool = False
    slips: tuple[Finding, ...] = ()

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
    """`selector` None: all pods of the namespace. `mode` None: as the mesh has it. `imports` None: everything.

    `version` is the manifest's apiVersion, empty where a chart renders it. `slips`: as those of a ServiceEntry.
    """

    name: str
    namespace: str | None
    place: Place
    overlay: Overlay
    selector: LabelSelector | None = None
    mode: str | None = None
    imports: tuple[Import, ...] | None = None
    version: str = ""
    slips: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Bypass:
    """What a proxy lets pass untouched. None for `include_*` means that everything is taken."""

    place: Place
    exclude_ranges: tuple[str, ...] = ()
    exclude_ports: tuple[int, ...] = ()
    include_ranges: tuple[str, ...] | None = None
    include_ports: tuple[int, ...] | None = None
    templated: bool = False


@dataclass(frozen=True, slots=True)
class MeshConfig:
    """`mode` is `meshConfig.outboundTrafficPolicy.mode`. `hardens`: Big Bang puts a Sidecar into every package.

    `export_to` is `defaultServiceExportTo`, () where it is not set. `trusted` is the mesh's trust domain with its
    aliases, () where no file says it. `bypass` is what no proxy takes, as istiod's
    values say it for the whole mesh. `allocates`: proxies answer DNS, so every entry has an address of its own.
    """

    place: Place
    overlay: Overlay
    mode: str | None = None
    root: str | None = None
    hardens: bool = False
    export_to: tuple[str, ...] = ()
    bypass: Bypass | None = None
    allocates: bool = False
    trusted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PodMesh:
    """What annotations of a pod template say of its proxy; `place` is that of the workload's name.

    `inject` is the older annotation `sidecar.istio.io/inject`, None where it is not there.
    """

    name: str
    namespace: str
    place: Place
    overlay: Overlay
    inject: bool | None = None
    bypass: Bypass | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """One item of `from`: the patterns that a client must all match; `plain` False: there are more than are read."""

    namespaces: tuple[str, ...] | None = None
    principals: tuple[str, ...] | None = None
    accounts: tuple[str, ...] | None = None
    not_namespaces: tuple[str, ...] = ()
    not_principals: tuple[str, ...] = ()
    plain: bool = True


@dataclass(frozen=True, slots=True)
class Admission:
    """One rule of an AuthorizationPolicy. None: that part is not asked for."""

    sources: tuple[Source, ...] | None = None
    hosts: tuple[str, ...] | None = None
    ports: tuple[str, ...] | None = None
    plain: bool = True


@dataclass(frozen=True, slots=True)
class Policy:
    """An AuthorizationPolicy.

    `targets` are (kind, name) of `targetRefs`, `selector` the pods that it names (None: all of the namespace).
    `slips`: as those of a ServiceEntry.
    """

    name: str
    namespace: str | None
    place: Place
    overlay: Overlay
    action: str
    targets: tuple[tuple[str, str], ...] = ()
    selector: LabelSelector | None = None
    rules: tuple[Admission, ...] = ()
    slips: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Server:
    """One server of an Istio Gateway; `tls` is its mode, empty where none is set.

    `homes` are, host by host, the namespaces whose VirtualServices it takes: `*`, `.` or a name.
    """

    port: int
    protocol: str
    hosts: tuple[str, ...]
    tls: str
    place: Place
    homes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gateway:
    name: str
    namespace: str
    place: Place
    overlay: Overlay
    selector: LabelSelector
    servers: tuple[Server, ...] = ()


@dataclass(frozen=True, slots=True)
class Hop:
    """One route of a VirtualService: where traffic that `gateways` take on `port` (None: any) goes.

    `kind` is http, tls or tcp. `to` are (host, port or None) of its destinations; none where the proxy answers itself.
    `some` says that it takes only part of that traffic: paths, headers, callers.
    """

    kind: str
    gateways: tuple[str, ...]
    port: int | None
    to: tuple[tuple[str, int | None], ...]
    place: Place
    sni: tuple[str, ...] = ()
    some: bool = False


@dataclass(frozen=True, slots=True)
class VirtualService:
    name: str
    namespace: str
    place: Place
    overlay: Overlay
    hosts: tuple[str, ...]
    gateways: tuple[str, ...]
    export_to: tuple[str, ...]
    hops: tuple[Hop, ...] = ()


@dataclass(frozen=True, slots=True)
class TlsRule:
    """What a DestinationRule says of TLS towards its host: a mode for all ports, and modes of single ports.

    A port's own settings replace those for all ports. Empty: nothing said.
    """

    name: str
    namespace: str
    place: Place
    overlay: Overlay
    host: str
    export_to: tuple[str, ...]
    mode: str
    ports: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Setting:
    """A leaf of values that Helm replaces as a whole: a scalar, or a list as it is meant here."""

    value: Any
    place: Place


@dataclass(frozen=True, slots=True)
class Values:
    """Big Bang or bb-common values of one package, as leaves by path (`istio.sidecar.enabled` ...).

    `release` is the package's name where the tree says it; `group` tells which files Helm lays over one another.
    `umbrella`: Big Bang renders the package, and switches its mesh on. `root`: these are the umbrella's own keys,
    which it hands to every package of its files (`folder` tells which).
    """

    group: str
    release: str
    namespace: str | None
    place: Place
    spot: Spot
    overlay: Overlay
    umbrella: bool
    leaves: Mapping[tuple[str, ...], Setting] = field(default_factory=dict)
    root: bool = False
    folder: str = ""

    @property
    def says_egress(self) -> bool:
        """Many charts have an `istio.enabled`, which says nothing of what may leave."""
        return any(
            path[1] in {"sidecar", "hardened"} if path[0] == "istio" else path != ("np", "enabled")
            for path in self.leaves
        )


@dataclass(frozen=True, slots=True)
class Chart:
    """A Chart.yaml: the chart in this folder, its name, and whether bb-common is one of its dependencies."""

    folder: str
    name: str
    common: bool = False


@dataclass(frozen=True, slots=True)
class Environment:
    """A kustomization in the folder of an environment: that environment exists, even if it holds nothing of ours."""

    place: Place
    overlay: Overlay


Entry = (
    ServiceEntry
    | Sidecar
    | MeshConfig
    | Policy
    | Gateway
    | VirtualService
    | TlsRule
    | PodMesh
    | Values
    | Chart
    | Environment
)
