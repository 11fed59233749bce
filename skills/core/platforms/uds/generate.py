"""The NetworkPolicy rules that the operator makes of a Package.

Source: uds-core `controllers/network/{generate,policies}.ts` and `generators/*`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple, cast

from skills.core.enforce.kube_flow import Flow, Opening, limited, rule_openings
from skills.core.enforce.kube_policy import (
    NAMESPACE_KEY,
    Direction,
    IpBlock,
    Outside,
    Peer,
    Pods,
    PolicyPort,
    PolicyRule,
    ip_block,
    labels_match,
)
from skills.core.enforce.selectors import LabelSelector, Match
from skills.core.enforce.spans import EVERY_V4, PRIVATE_V4, covers, without
from skills.core.model import Ports, finding
from skills.core.platforms.uds.package import METADATA, Allow, Expose, Key, Package
from skills.core.platforms.uds.versions import Mode, Version
from skills.core.shelves import changed

HBONE = 15008

_METADATA_BLOCK = ip_block(METADATA)
_ANYWHERE_BLOCK = ip_block("0.0.0.0/0", (METADATA,))
_API_PORTS = (Ports(443, 443), Ports(6443, 6443))
_DNS_PODS = LabelSelector({"k8s-app": "kube-dns"})

WAYPOINT_LABELS = {"gateway.networking.k8s.io/gateway-name": "egress-waypoint"}
GATEWAY_LABELS = {"app": "egressgateway"}
WAYPOINT = Pods(
    "the egress waypoint",
    "istio-egress-ambient",
    {NAMESPACE_KEY: "istio-egress-ambient"},
    WAYPOINT_LABELS,
    ports=Ports(HBONE, HBONE),
)
GATEWAY = Pods("the egress gateway", "istio-egress-gateway", {NAMESPACE_KEY: "istio-egress-gateway"}, GATEWAY_LABELS)
_AT_WAYPOINT, _AT_GATEWAY = (
    (LabelSelector(pods.labels or {}), LabelSelector(pods.namespace_labels)) for pods in (WAYPOINT, GATEWAY)
)
_HBONE_PORTS = Ports(HBONE, HBONE)
_EVERY_POD = LabelSelector()
_KUBE_SYSTEM = LabelSelector({NAMESPACE_KEY: "kube-system"})
_ISTIO_SYSTEM = LabelSelector({NAMESPACE_KEY: "istio-system"})
_ISTIOD = LabelSelector({"app": "istiod"})
_DNS_PORTS = Ports(53, 53)
_ISTIOD_PORTS = Ports(15012, 15012)


def gateway_on(ports: Ports | None) -> Pods:
    """The egress gateway as the far end of a flow; it listens on the port that the client asked for."""
    return GATEWAY._replace(ports=ports)


class Generated(NamedTuple):
    """One generated rule. `allow` is None for what every Package gets or an `expose` entry makes.

    `known_by` marks a remote whose addresses only the cluster knows.
    """

    direction: Direction
    selector: LabelSelector
    policy: PolicyRule
    allow: Allow | None = None
    known_by: Literal["KubeAPI", "KubeNodes"] | None = None


def generated_rules(package: Package, rules: Version) -> tuple[Generated, ...]:
    mode = package.effective_mode(rules)
    own = [_from_allow(rule, mode, rules) for rule in package.rules if rule.direction in {"Egress", "Ingress"}]
    exposed = [_from_expose(item, mode) for item in package.expose if item.port is not None and not item.udp]
    return (*own, *exposed, *_defaults(package, mode))


class GeneratedRules(Mapping[Key, tuple[Generated, ...]]):
    """The rules of each Package, made when first asked for: a verdict is about few Packages."""

    def __init__(self, packages: Iterable[Package], rules: Version) -> None:
        self._packages: Mapping[Key, Package] = {package.key: package for package in packages}
        self._rules = rules
        self._made: dict[Key, tuple[Generated, ...]] = {}

    def __getitem__(self, key: Key) -> tuple[Generated, ...]:
        if key not in self._made:
            self._made[key] = generated_rules(self._packages[key], self._rules)
        return self._made[key]

    def __iter__(self) -> Iterator[Key]:
        return iter(self._packages)

    def __len__(self) -> int:
        return len(self._packages)

    def after(self, gone: Iterable[Package], come: Iterable[Package]) -> GeneratedRules:
        new = GeneratedRules((), self._rules)
        lost: dict[Key, None] = dict.fromkeys(package.key for package in gone)
        new._packages = changed(self._packages, {**lost, **{package.key: package for package in come}})
        new._made = {key: made for key, made in self._made.items() if key not in lost}
        return new


def openings(items: Iterable[Generated], namespace: str, flow: Flow, *, api_server: bool = False) -> list[Opening]:
    """What the rules open of a flow's ports. A selector whose outcome nobody knows makes its openings unknown."""
    found: list[Opening] = []
    for item in items:
        if item.direction != flow.direction:
            continue
        opened = _of_rule(item, namespace, flow, api_server)
        selection = labels_match(item.selector, flow.near) if opened else Match.NO
        if selection is Match.NO:
            continue
        doubt = None
        if selection is Match.UNKNOWN:
            facts = {"workload": flow.near.name, "selector": str(item.selector)}
            doubt = finding("EGR831", item.policy.place, **facts)
        found += opened if selection is Match.YES else [limited(each, selection, doubt) for each in opened]
    return found


def _of_rule(item: Generated, namespace: str, flow: Flow, api_server: bool) -> Sequence[Opening]:
    if item.known_by is None:
        metadata = item.allow is not None and item.allow.remote_generated == "CloudMetadata"
        if metadata and isinstance(flow.far, Outside) and flow.far.named:
            return ()  # nobody means the metadata service by another name than its address
        return rule_openings(item.policy, namespace, flow, touching=True)
    if not isinstance(flow.far, Outside):
        return ()
    match = _known_addresses(item, flow.far, flow.ports, api_server)
    if match is Match.NO:
        return ()
    opened = rule_openings(item.policy, namespace, flow, touching=True)
    why = finding("EGR832", item.policy.place, address=flow.far.name, remote=item.known_by)
    return [opening._replace(match=match, why=why) for opening in opened]


def _known_addresses(item: Generated, far: Outside, ports: Ports | None, api_server: bool) -> Match:
    """The API server is sure by its name; a private address may be its or a node's, a public one is taken not to be."""
    if api_server:
        return Match.YES if item.known_by == "KubeAPI" else Match.NO
    private = bool(far.spans) and far.version == 4 and covers(PRIVATE_V4, far.spans)
    if not private or (item.known_by == "KubeAPI" and ports not in _API_PORTS):
        return Match.NO
    return Match.UNKNOWN


def outside_of(far: Outside) -> Outside:
    """A name that may be private is not taken for the metadata service's, which Anywhere spares."""
    if far.named and far.version == 4 and far.expected == EVERY_V4:
        return replace(far, expected=without(EVERY_V4, [_METADATA_BLOCK.whole]))
    return far


def _from_allow(rule: Allow, mode: Mode, rules: Version) -> Generated:
    known_by = rule.remote_generated if rule.remote_generated in {"KubeAPI", "KubeNodes"} else None
    return Generated(
        cast(Direction, rule.direction),
        rule.pods,
        PolicyRule(rule.place, () if known_by else tuple(_peers(rule, mode)), tuple(_ports(rule, mode, rules))),
        rule,
        cast('Literal["KubeAPI", "KubeNodes"] | None', known_by),
    )


def _ports(rule: Allow, mode: Mode, rules: Version) -> Iterator[PolicyPort]:
    """Without ports: every port of the protocol (before 1.4.0: of every protocol). Ambient TCP travels in HBONE."""
    protocol = "udp" if rule.udp else "tcp"
    opened = rule.opened_ports
    for port in opened:
        yield PolicyPort(rule.place, protocol, Ports(port, port))
    if opened and mode == "ambient" and protocol == "tcp":
        yield PolicyPort(rule.place, protocol, _HBONE_PORTS)
    if not opened and rules.transport_protocols:
        yield PolicyPort(rule.place, protocol)


def _peers(rule: Allow, mode: Mode) -> Iterator[Peer]:
    place = rule.place
    if rule.remote_generated == "Anywhere":
        yield Peer(place, block=_ANYWHERE_BLOCK)
        yield Peer(place, namespaces=LabelSelector())
    elif rule.remote_generated == "CloudMetadata":
        yield Peer(place, block=_METADATA_BLOCK)
    elif rule.remote_generated == "IntraNamespace":
        yield Peer(place, pods=LabelSelector())
    elif rule.remote_host is not None:
        pods, namespaces = _AT_WAYPOINT if mode == "ambient" else _AT_GATEWAY
        yield Peer(place, None, pods, namespaces)
    elif rule.remote_cidr is not None:
        yield Peer(place, block=_block(rule))
    elif rule.remote_namespace is not None or rule.remote_selector is not None:
        yield Peer(place, pods=rule.remote_selector, namespaces=_namespaces(rule))
    elif rule.remote_generated is not None:
        yield Peer(place)  # an unknown word: a rule without peers would open everything


def _block(rule: Allow) -> IpBlock | None:
    return None if rule.network is None else ip_block(str(rule.network))


def _namespaces(rule: Allow) -> LabelSelector | None:
    if rule.remote_namespace is None:
        return None
    if rule.remote_namespace in {"", "*"}:
        return LabelSelector()
    return LabelSelector({NAMESPACE_KEY: rule.remote_namespace})


def _from_expose(item: Expose, mode: Mode) -> Generated:
    gateway = Peer(
        item.place,
        pods=LabelSelector({"app": f"{item.gateway}-ingressgateway"}),
        namespaces=LabelSelector({NAMESPACE_KEY: f"istio-{item.gateway}-gateway"}),
    )
    numbers = [item.port, HBONE] if mode == "ambient" else [item.port]
    ports = tuple(PolicyPort(item.place, "tcp", Ports(n, n)) for n in numbers if n is not None)
    return Generated("Ingress", item.selector, PolicyRule(item.place, (gateway,), ports))


def _defaults(package: Package, mode: Mode) -> Iterator[Generated]:
    """DNS over UDP only (large answers over TCP are blocked), and istiod for sidecars."""
    place = package.place
    yield _default(Peer(place, None, _DNS_PODS, _KUBE_SYSTEM), PolicyPort(place, "udp", _DNS_PORTS))
    if mode == "sidecar":
        yield _default(Peer(place, None, _ISTIOD, _ISTIO_SYSTEM), PolicyPort(place, "tcp", _ISTIOD_PORTS))


def _default(peer: Peer, port: PolicyPort) -> Generated:
    return Generated("Egress", _EVERY_POD, PolicyRule(peer.place, (peer,), (port,)))
