"""What one document contributes to this dialect: plain values, kept by blob."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from skills.core.enforce.kube_policy import Direction, IpBlock
from skills.core.enforce.selectors import LabelSelector
from skills.core.model import Finding, Place, Ports
from skills.core.platforms.cilium.endpoints import EndpointSelector
from skills.core.platforms.cilium.pattern import Name

Kind = Literal["endpoints", "entity", "block", "service", "name", "unsure"]


@dataclass(frozen=True, slots=True)
class Peer:
    """One item of a To or From list. `text` says it in the file's words; the field of its `kind` is set.

    `unsure` says why only the cluster knows it. `family` is the key below which it stands, without To or From.
    `group` is a CIDR group that some file may hold, with what is cut out of it; `blocks` are then its addresses.
    """

    kind: Kind
    place: Place
    text: str
    selector: EndpointSelector | None = None
    block: IpBlock | None = None
    service: tuple[str, str] | None = None
    name: Name | None = None
    unsure: Finding | None = None
    family: str = ""
    group: Group | None = None
    members: tuple[IpBlock, ...] = ()

    @property
    def blocks(self) -> tuple[IpBlock, ...]:
        return (self.block,) if self.block is not None else self.members


@dataclass(frozen=True, slots=True)
class Group:
    """CiliumCIDRGroups by name, or by their labels. `excepts` are blocks that are cut out."""

    name: str = ""
    selector: LabelSelector | None = None
    excepts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CidrGroup:
    """A CiliumCIDRGroup document; `cidrs` None where a template has yet to fill one in, or one is no block."""

    name: str
    labels: Mapping[str, str]
    place: Place
    cidrs: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Port:
    """One item of `ports`. Neither `ports` nor `name` is every port; `protocol` is lower case, `any` is all."""

    place: Place
    protocol: str
    ports: Ports | None = None
    name: str | None = None
    unsure: bool = False

    def __str__(self) -> str:
        return self.name or (str(self.ports) if self.ports else "every port")

    def speaks(self, protocol: str) -> bool:
        return self.protocol in {"any", protocol}


@dataclass(frozen=True, slots=True)
class PortRule:
    """One item of `toPorts`. `http` names the L7 parser (http, kafka ...) that lets only some requests pass;
    `opens_tls` that the proxy takes TLS off before it reads them."""

    place: Place
    ports: tuple[Port, ...] = ()
    dns: tuple[Name, ...] | None = None
    http: str = ""
    server_names: tuple[Name, ...] = ()
    opens_tls: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """One item of egress, egressDeny, ingress or ingressDeny; `path` leads to it inside its document.

    `family` is the To or From key that stands there, "" for none: then any peer on `to_ports`, and
    nothing at all without those either. `to_ports` None is every port. `auth` is the mode of authentication that
    it asks for, if it asks for any.
    """

    place: Place
    path: tuple[str | int, ...]
    family: str = ""
    peers: tuple[Peer, ...] = ()
    to_ports: tuple[PortRule, ...] | None = None
    only_icmp: bool = False
    auth: str = ""

    @property
    def anyone(self) -> bool:
        return not self.family and self.to_ports is not None


@dataclass(frozen=True, slots=True)
class Side:
    """Both lists of one direction, and whether selected endpoints are denied by default.

    `empty`: a list without items stands there, and nothing says whether that is meant to deny.
    """

    allow: tuple[Rule, ...] = ()
    deny: tuple[Rule, ...] = ()
    isolates: bool = False
    empty: bool = False


@dataclass(frozen=True, slots=True)
class Spec:
    """One rule set: whom it selects, and both directions. `nodes`: a nodeSelector, so no pod is meant."""

    place: Place
    path: tuple[str | int, ...]
    selector: EndpointSelector
    egress: Side
    ingress: Side
    nodes: bool = False

    def side(self, direction: Direction) -> Side:
        return self.egress if direction == "Egress" else self.ingress

    def may_share(self, other: Spec) -> bool:
        """Whether some pod could be selected by both: no label is demanded with two values."""
        mine, theirs = self.selector.labels, other.selector.labels
        return not other.nodes and all(theirs.get(key, value) == value for key, value in mine.items())


@dataclass(frozen=True, slots=True)
class CiliumPolicy:
    """A CiliumNetworkPolicy, or one for the whole cluster (`clusterwide`, then `namespace` is None).

    `namespace` None otherwise means that a template decides it. With `faults` Cilium or the API server
    rejects the policy. `line` is where its document (or list item) begins. `doubt` says why nobody can be
    sure that it is in force as it stands here. `written` False: a setting of the cluster that acts like one.
    """

    kind: str
    name: str
    namespace: str | None
    place: Place
    line: int
    specs: tuple[Spec, ...] = ()
    faults: tuple[Finding, ...] = ()
    remarks: tuple[Finding, ...] = ()
    assumed_namespace: bool = False
    doubt: Finding | None = None
    written: bool = True

    @property
    def clusterwide(self) -> bool:
        return self.kind == CLUSTERWIDE

    @property
    def path(self) -> str:
        return self.place.path


@dataclass(frozen=True, slots=True)
class Mode:
    """An enforcement mode for which no policy counts as it stands; `doubt` says so."""

    name: str
    place: Place
    doubt: Finding


Entry = CiliumPolicy | CidrGroup | Mode
NAMESPACED = "CiliumNetworkPolicy"
CLUSTERWIDE = "CiliumClusterwideNetworkPolicy"
# Modes of authentication: a rule may turn it off, and one mode is there to see it fail.
NO_AUTH, NEVER_AUTH = "disabled", "test-always-fail"
