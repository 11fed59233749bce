"""Reads manifests that steer or admit traffic: AuthorizationPolicy, Gateway, VirtualService, DestinationRule."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from skills.core.enforce.known_fields import AUTHORIZATION_POLICY, PlaceOf, not_a_choice, slips
from skills.core.enforce.kube_objects import is_port, mapping_of, namespace_of, sequence_of, text_of
from skills.core.enforce.selectors import from_labels, parse
from skills.core.model import Place
from skills.core.platforms.istio.entries import (
    Admission,
    Gateway,
    Hop,
    Policy,
    Server,
    Source,
    TlsRule,
    VirtualService,
)
from skills.core.platforms.istio.overlays import Overlay, overlay_of
from skills.core.yaml_text import Document, Map, Seq

_ACTIONS = ("ALLOW", "DENY", "AUDIT", "CUSTOM")
_MOST = 2_000
_SOURCE = {"namespaces", "principals", "serviceAccounts", "notNamespaces", "notPrincipals"}
_OPERATION = {"hosts", "ports"}
_WHOLE = {"gateways", "port", "sniHosts", "name"}  # what of a match leaves no request out


def read_policy(document: Document, data: Map) -> Policy:
    metadata = mapping_of(data.get("metadata"))
    return policy_of(
        text_of(metadata.get("name")),
        namespace_of(metadata)[0],
        document.place_of("metadata", "name"),
        overlay_of(document.path),
        mapping_of(data.get("spec")),
        document.place,
    )


def policy_of(
    name: str,
    namespace: str | None,
    place: Place,
    overlay: Overlay,
    spec: Mapping[str, Any],
    place_of: PlaceOf | None = None,
) -> Policy:
    """The policy that a spec stands for. `place_of` None: its single lines are not known."""
    lines: PlaceOf = place_of or (lambda *_: place)
    refs = [mapping_of(item) for item in (*sequence_of(spec.get("targetRefs"))[:_MOST], spec.get("targetRef"))]
    selector = spec.get("selector")
    return Policy(
        name,
        namespace,
        place,
        overlay,
        text_of(spec.get("action")).upper() or "ALLOW",
        tuple((text_of(ref.get("kind")), text_of(ref.get("name"))) for ref in refs if ref),
        parse(selector) if isinstance(selector, Mapping) else None,
        tuple(_admission(mapping_of(rule)) for rule in sequence_of(spec.get("rules"))[:_MOST]),
        (*slips(spec, AUTHORIZATION_POLICY, lines), *not_a_choice(spec, "action", _ACTIONS, lines)),
    )


def _admission(rule: Mapping[str, Any]) -> Admission:
    """A rule holds when one source, one operation and every condition do."""
    sources = operations = None
    if "from" in rule:
        sources = tuple(
            _source(mapping_of(mapping_of(item).get("source"))) for item in sequence_of(rule["from"])[:_MOST]
        )
    plain = set(rule) <= {"from", "to"}
    if "to" in rule:
        operations = [mapping_of(mapping_of(item).get("operation")) for item in sequence_of(rule["to"])[:_MOST]]
        plain = plain and len(operations) == 1 and all(set(each) <= _OPERATION for each in operations)
    single = operations[0] if operations and plain else {}
    return Admission(sources, _texts(single, "hosts"), _texts(single, "ports"), plain)


def _source(source: Mapping[str, Any]) -> Source:
    return Source(
        _texts(source, "namespaces"),
        _texts(source, "principals"),
        _texts(source, "serviceAccounts"),
        _texts(source, "notNamespaces") or (),
        _texts(source, "notPrincipals") or (),
        bool(source) and set(source) <= _SOURCE,
    )


def _texts(data: Mapping[str, Any], key: str) -> tuple[str, ...] | None:
    return tuple(map(text_of, sequence_of(data[key])[:_MOST])) if key in data else None


def read_gateway(document: Document, data: Map) -> Gateway:
    metadata, spec = mapping_of(data.get("metadata")), mapping_of(data.get("spec"))
    return Gateway(
        text_of(metadata.get("name")),
        namespace_of(metadata)[0],
        document.place_of("metadata", "name"),
        overlay_of(document.path),
        from_labels(spec.get("selector")),
        tuple(_servers(document, spec.get("servers"))),
    )


def _servers(document: Document, items: Any) -> Iterator[Server]:
    for at, item in enumerate(items[:_MOST] if isinstance(items, Seq) else ()):
        server = mapping_of(item)
        port = mapping_of(server.get("port"))
        number = port.get("number")
        hosts = [text_of(host).rpartition("/") for host in sequence_of(server.get("hosts"))[:_MOST]]
        yield Server(
            number if is_port(number) else -1,
            text_of(port.get("protocol")).upper(),
            tuple(name for _, _, name in hosts),
            text_of(mapping_of(server.get("tls")).get("mode")),
            document.place(items, at),
            tuple(home or "*" for home, _, _ in hosts),
        )


def read_virtual_service(document: Document, data: Map) -> VirtualService:
    metadata, spec = mapping_of(data.get("metadata")), mapping_of(data.get("spec"))
    namespace = namespace_of(metadata)[0]
    gateways = tuple(map(text_of, sequence_of(spec.get("gateways"))[:_MOST])) or ("mesh",)
    hops = [hop for kind in ("http", "tls", "tcp") for hop in _hops(document, spec.get(kind), kind, gateways)]
    return VirtualService(
        text_of(metadata.get("name")),
        namespace,
        document.place_of("metadata", "name"),
        overlay_of(document.path),
        tuple(map(text_of, sequence_of(spec.get("hosts"))[:_MOST])),
        gateways,
        tuple(map(text_of, sequence_of(spec.get("exportTo"))[:_MOST])),
        tuple(hops),
    )


def _hops(document: Document, items: Any, kind: str, gateways: tuple[str, ...]) -> Iterator[Hop]:
    for at, item in enumerate(items[:_MOST] if isinstance(items, Seq) else ()):
        route = mapping_of(item)
        to = []
        for each in sequence_of(route.get("route"))[:_MOST] if not _aborts(route) else ():
            destination = mapping_of(mapping_of(each).get("destination"))
            number = mapping_of(destination.get("port")).get("number")
            to.append((text_of(destination.get("host")), number if is_port(number) else None))
        matches = [mapping_of(match) for match in sequence_of(route.get("match"))[:_MOST]] or [{}]
        for match in matches:
            port = match.get("port")
            yield Hop(
                kind,
                tuple(map(text_of, sequence_of(match.get("gateways")))) or gateways,
                port if is_port(port) else None,
                tuple(to),
                document.place(items, at),
                tuple(map(text_of, sequence_of(match.get("sniHosts")))),
                some=not set(match) <= _WHOLE,
            )


def _aborts(route: Mapping[str, Any]) -> bool:
    """Whether the proxy answers every request with a fault of its own."""
    abort = mapping_of(mapping_of(route.get("fault")).get("abort"))
    share = mapping_of(abort.get("percentage")).get("value", 100) if abort else 0
    return isinstance(share, (int, float)) and share >= 100


def read_tls_rule(document: Document, data: Map) -> TlsRule:
    metadata, spec = mapping_of(data.get("metadata")), mapping_of(data.get("spec"))
    policy = mapping_of(spec.get("trafficPolicy"))
    ports = []
    for item in sequence_of(policy.get("portLevelSettings"))[:_MOST]:
        number = mapping_of(mapping_of(item).get("port")).get("number")
        if is_port(number):
            ports.append((number, _tls_mode(mapping_of(item))))
    return TlsRule(
        text_of(metadata.get("name")),
        namespace_of(metadata)[0],
        document.place_of("metadata", "name"),
        overlay_of(document.path),
        text_of(spec.get("host")),
        tuple(map(text_of, sequence_of(spec.get("exportTo"))[:_MOST])),
        _tls_mode(policy),
        tuple(ports),
    )


def _tls_mode(policy: Mapping[str, Any]) -> str:
    """DISABLE is the enum's zero, so TLS settings without a mode mean it."""
    return (text_of(mapping_of(policy["tls"]).get("mode")) or "DISABLE") if "tls" in policy else ""
