"""The values that UDS manifests are read into: a Package with its rules, and what a bundle deploys."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from skills.core.enforce.selectors import LabelSelector
from skills.core.model import Finding, Place
from skills.core.platforms.uds.versions import Mode, Version

NAME = "uds"
METADATA = "169.254.169.254/32"
GENERATED = ("KubeAPI", "KubeNodes", "IntraNamespace", "CloudMetadata", "Anywhere")
APPLICATION_PROTOCOLS = ("TLS", "HTTP")
TRANSPORT_PROTOCOLS = ("TCP", "UDP")

_MODES: Mapping[str, Mode] = {"ambient": "ambient", "sidecar": "sidecar"}
_NO_PLACES: Mapping[str, Place] = {}

Key = tuple[str, int, str, str]
"""File, number of the document in it, namespace and name: one document may be a list of Packages."""


class Allow(NamedTuple):
    """One item of `spec.network.allow`, as written. None means that the field is absent.

    `position` is its place in the list. `place` is the line that names the remote, else the item's
    first line; `places` are the lines of the fields. `templated`: a tool still has to fill a value in.
    """

    position: int
    place: Place
    direction: str = ""
    selector: LabelSelector | None = None
    remote_namespace: str | None = None
    remote_selector: LabelSelector | None = None
    remote_generated: str | None = None
    remote_cidr: str | None = None
    remote_host: str | None = None
    remote_protocol: str | None = None
    port: int | None = None
    ports: tuple[int, ...] = ()
    service_account: str | None = None
    remote_service_account: str | None = None
    description: str | None = None
    templated: bool = False
    places: Mapping[str, Place] = _NO_PLACES

    def at(self, name: str) -> Place:
        return self.places.get(name, self.place)

    @property
    def egress(self) -> bool:
        return self.direction == "Egress"

    @property
    def pods(self) -> LabelSelector:
        """Whom the rule is for. No selector: every pod of the namespace."""
        return self.selector or LabelSelector()

    @property
    def protocol(self) -> str:
        """`TLS` or `HTTP` for a host, else `TCP` or `UDP`."""
        return self.remote_protocol or ("TLS" if self.remote_host is not None else "TCP")

    @property
    def udp(self) -> bool:
        return self.protocol == "UDP"

    @property
    def opened_ports(self) -> tuple[int, ...]:
        """Ports of the generated NetworkPolicy: `ports` and `port` together. Empty: every port."""
        return tuple(dict.fromkeys((*self.ports, *(() if self.port is None else (self.port,)))))

    @property
    def mesh_ports(self) -> tuple[int, ...]:
        """Ports of the ServiceEntry: `port` counts only where `ports` is empty (G-D03); else a default (G-D04)."""
        if self.ports:
            return self.ports
        if self.port is not None:
            return (self.port,)
        return (80,) if self.protocol == "HTTP" else (443,)

    @property
    def network(self) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
        """`remoteCidr` as a network; None when it is absent or malformed."""
        return None if self.remote_cidr is None else _network(self.remote_cidr)


@lru_cache(maxsize=8192)
def _network(cidr: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    if "/" not in cidr:
        return None
    try:
        return ipaddress.ip_network(cidr, strict=False)
    except ValueError:
        return None


class Expose(NamedTuple):
    """One item of `spec.network.expose`: its gateway may reach these pods on `port`.

    `udp` entries go through Envoy Gateway; `listens` is the port on which that gateway then takes packets.
    """

    place: Place
    gateway: str
    selector: LabelSelector
    port: int | None
    udp: bool = False
    listens: int | None = None


class Package(NamedTuple):
    """One Package. `mode` is as written; `faults` are fields whose shape the CRD refuses; `way` leads to it in its
    document, where it is an item of a list there."""

    name: str
    namespace: str
    place: Place
    document: int
    mode: str | None = None
    allow: tuple[Allow, ...] = ()
    expose: tuple[Expose, ...] = ()
    faults: tuple[Finding, ...] = ()
    way: tuple[str | int, ...] = ()

    @property
    def path(self) -> str:
        return self.place.path

    @property
    def key(self) -> Key:
        return (self.path, self.document, self.namespace, self.name)

    def effective_mode(self, rules: Version) -> Mode:
        return _MODES.get(self.mode or "") or rules.default_mode

    @property
    def rules(self) -> tuple[Allow, ...]:
        """The rules whose effect is known; of one that a template completes it is not."""
        return tuple([rule for rule in self.allow if not rule.templated])

    @property
    def host_rules(self) -> tuple[Allow, ...]:
        return tuple([rule for rule in self.rules if rule.remote_host is not None and rule.egress])


@dataclass(frozen=True, slots=True)
class CoreDeployment:
    """What a bundle says of UDS Core: whether it adds the egress gateway, and the gateway's ports.

    `ports` None: not overridden, so 15021, 80 and 443. `unsure`: a variable decides the ports at deployment.
    `release`: as written (`ref`, `version`).
    """

    bundle: str
    place: Place
    document: int
    index: int
    gateway: bool
    ports: tuple[int, ...] | None = None
    ports_place: Place | None = None
    unsure: bool = False
    release: str | None = None


@dataclass(frozen=True, slots=True)
class CoreRelease:
    """`uds_core` of `egress-policy.yaml`: the release that runs, where no bundle of the repository says it."""

    place: Place
    release: str


@dataclass(frozen=True, slots=True)
class ExtraRules:
    """`additionalNetworkAllow` of a bundle: rules for a chart whose template is not read here.

    `egress`: one of them opens a way out, or may do so. `count` 0: what they are is said only at deployment.
    """

    place: Place
    package: str
    count: int
    egress: bool = True


@dataclass(frozen=True, slots=True)
class HostUse:
    """A Gateway or VirtualService of Istio that somebody wrote beside the Packages, with the hosts that it names."""

    place: Place
    kind: str
    name: str
    hosts: tuple[str, ...]


Entry = Package | CoreDeployment | CoreRelease | ExtraRules | HostUse
