"""One ServiceEntry spec, wherever it stands, with the reasons why Istio would refuse it.

Source: istio/istio pkg/config/validation/validation.go, ValidateServiceEntry.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import re2

from skills.core.enforce.known_fields import SERVICE_ENTRY, PlaceOf, slips
from skills.core.enforce.kube_objects import is_port, mapping_of, sequence_of, templated, text_of
from skills.core.enforce.mesh_hosts import host_fault, is_wildcard
from skills.core.hosts import is_network
from skills.core.model import Finding, Place, finding
from skills.core.platforms.istio.entries import ListedPort, ServiceEntry
from skills.core.yaml_text import Map, Seq

_PROTOCOLS = frozenset(
    {"HTTP", "HTTP2", "HTTP_PROXY", "GRPC", "GRPC-WEB", "HTTPS", "TLS", "TCP", "MONGO", "REDIS", "MYSQL", "UDP"}
)
_RESOLVED = frozenset({"DNS", "DNS_ROUND_ROBIN"})
_RESOLUTIONS = frozenset({"", "NONE", "STATIC", "DYNAMIC_DNS", *_RESOLVED})
_DYNAMIC = frozenset({"HTTP", "HTTP2", "GRPC", "HTTPS", "TLS"})
_PORT_NAME = re2.compile(r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")
# Aliases can make one list stand for thousands; more than this nobody runs.
_MOST = 2_000


def fill(entry: ServiceEntry, spec: Map, place: PlaceOf, allocated: tuple[str, ...] = ()) -> ServiceEntry:
    """The entry with what `spec` says, checked. `allocated` are addresses that an export shows in its status."""
    filled = replace(
        entry,
        hosts=hosts_of(spec, "hosts", place),
        ports=ports_of(spec, "ports", place),
        addresses=(*_texts(spec, "addresses"), *allocated),
        resolution=text_of(spec.get("resolution")),
        export_to=_texts(spec, "exportTo"),
        slips=tuple(slips(spec, SERVICE_ENTRY, place)),
        remarks=(*entry.remarks, *slips(spec, SERVICE_ENTRY, place, meant=False)),
        inside=text_of(spec.get("location")) == "MESH_INTERNAL",
        endpoints=bool(sequence_of(spec.get("endpoints")) or mapping_of(spec.get("workloadSelector"))),
    )
    return checked(replace(filled, faults=tuple(_endpoint_faults(filled, spec))))


def _endpoint_faults(entry: ServiceEntry, spec: Map) -> Iterator[Finding]:
    """Where traffic is sent must fit how it is resolved."""
    endpoints = [mapping_of(item) for item in sequence_of(spec.get("endpoints"))[:_MOST]]
    names = {port.name for port in entry.ports}
    unknown = any(set(mapping_of(point.get("ports"))) - names for point in endpoints)
    many = len(endpoints) > 1 and entry.resolution == "DNS_ROUND_ROBIN"
    both = bool(endpoints and spec.get("workloadSelector"))
    if unknown or many or both or (endpoints and entry.resolution in {"", "NONE", "DYNAMIC_DNS"}):
        yield finding("EGR532", entry.place, entry=entry.name)
    elif entry.resolution == "STATIC" and not entry.endpoints:
        yield finding("EGR531", entry.place, entry=entry.name)


def checked(entry: ServiceEntry) -> ServiceEntry:
    words = (*(host for host, _ in entry.hosts), *entry.addresses, entry.resolution, *entry.export_to)
    protocols = (port.protocol for port in entry.ports)
    if any(map(templated, (*words, *protocols))) or any(port.number == 0 for port in entry.ports):
        return replace(entry, templated=True)
    return replace(entry, faults=(*entry.faults, *_faults(entry)))


def hosts_of(data: Map, key: str, place: PlaceOf) -> tuple[tuple[str, Place], ...]:
    items = data.get(key)
    if not isinstance(items, Seq):
        return ()
    return tuple((text_of(item), place(items, at)) for at, item in enumerate(items[:_MOST]))


def ports_of(data: Map, key: str, place: PlaceOf) -> tuple[ListedPort, ...]:
    """A port that a template fills in has the number 0, one that is no port -1."""
    items = data.get(key)
    if not isinstance(items, Seq):
        return ()
    found = []
    for at, item in enumerate(items[:_MOST]):
        port = mapping_of(item)
        number = port.get("number")
        known = number if is_port(number) else 0 if templated(text_of(number)) else -1
        where = place(item, "number") if isinstance(item, Map) and "number" in item else place(items, at)
        target = port.get("targetPort")
        protocol, name = text_of(port.get("protocol")), text_of(port.get("name"))
        found.append(ListedPort(known, protocol, name, where, target if is_port(target) else None))
    return tuple(found)


def _texts(data: Map, key: str) -> tuple[str, ...]:
    return tuple(text_of(item) for item in sequence_of(data.get(key))[:_MOST])


def _faults(entry: ServiceEntry) -> Iterator[Finding]:
    if not entry.hosts:
        yield finding("EGR970", entry.place, entry=entry.name)
    for host, place in entry.hosts:
        if host_fault(host):
            yield finding("EGR965", place, host=host, entry=entry.name)
    wild = next(((host, place) for host, place in entry.hosts if is_wildcard(host)), None)
    if wild is not None and entry.resolution in _RESOLVED and not entry.endpoints:
        yield finding("EGR966", wild[1], host=wild[0], entry=entry.name, resolution=entry.resolution)
    yield from _resolution_faults(entry)
    yield from _port_faults(entry)
    for text in entry.addresses:
        if not is_network(text) or ("/" in text and entry.resolution not in {"", "NONE", "STATIC"}):
            yield finding("EGR971", entry.place, address=text, entry=entry.name)


def _resolution_faults(entry: ServiceEntry) -> Iterator[Finding]:
    if entry.resolution not in _RESOLUTIONS:
        yield finding("EGR530", entry.place, entry=entry.name, resolution=entry.resolution)
    if entry.resolution == "DYNAMIC_DNS":
        exact = any(not is_wildcard(host) for host, _ in entry.hosts)
        other = any(port.protocol.upper() not in _DYNAMIC for port in entry.ports)
        if exact or other or entry.addresses:
            yield finding("EGR530", entry.place, entry=entry.name, resolution=entry.resolution)


def _port_faults(entry: ServiceEntry) -> Iterator[Finding]:
    numbers = Counter(port.number for port in entry.ports)
    names = Counter(port.name for port in entry.ports)
    for port in entry.ports:
        known = not port.protocol or port.protocol.upper() in _PROTOCOLS
        once = numbers[port.number] == 1 and names[port.name] == 1
        if port.number < 0 or not _PORT_NAME.match(port.name) or not known or not once:
            yield finding("EGR968", port.place, entry=entry.name)
    raw = next((port for port in entry.ports if port.family == "tcp"), None)
    if raw is not None and len(entry.hosts) > 1 and not entry.passes_through:
        yield finding("EGR969", raw.place, entry=entry.name, port=raw.number, protocol=raw.protocol or "TCP")
