"""Does the registry carry a flow: which entries match a destination, port by port."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass

from skills.core.enforce.kube_policy import Pods
from skills.core.enforce.mesh import carries, spoken
from skills.core.enforce.mesh_hosts import within
from skills.core.model import Destination, Place
from skills.core.platforms.istio.entries import ListedPort, ServiceEntry
from skills.core.platforms.istio.scope import Binding, Scope

_MOST_PORTS = 256


@dataclass(frozen=True, slots=True)
class Registration:
    """An entry and the port of it that carries the flow. `any_address`: it carries whatever uses that port."""

    entry: ServiceEntry
    port: ListedPort
    any_address: bool = False

    def place(self, destination: Destination) -> Place:
        """The line that names the host, else the one that names the entry."""
        host = destination.host
        if host is None or self.any_address:
            return self.entry.place
        return next((place for name, place in self.entry.hosts if within(host, name)), self.entry.place)


def served(scope: Scope, pods: Pods, binding: Binding, destination: Destination) -> list[Registration]:
    """The registrations that carry the flow; none unless every asked port is carried."""
    ports = destination.ports
    if ports is None:
        return []
    found = [item for item in _matching(scope, pods, binding, destination) if _fits(item, destination)]
    carried = {item.port.number for item in found}
    if ports.last - ports.first >= _MOST_PORTS:
        return []
    return found if carried == set(range(ports.first, ports.last + 1)) else []


def captured(scope: Scope, pods: Pods, binding: Binding, destination: Destination) -> list[Registration]:
    """TCP entries without addresses that send this port's connections somewhere else (G-A07)."""
    return [
        Registration(entry, port)
        for entry in scope.by_address
        for port in entry.ports
        if port.family == "tcp"
        and not entry.addresses
        and not entry.passes_through
        and _asks(port, destination)
        and all(name != destination.host for name, _ in entry.hosts)
        and _sees(scope, entry, pods, binding)
    ]


def _fits(item: Registration, destination: Destination) -> bool:
    return _asks(item.port, destination) and carries(item.port.family, spoken(destination))


def _asks(port: ListedPort, destination: Destination) -> bool:
    ports = destination.ports
    return ports is not None and ports.first <= port.number <= ports.last and port.protocol.upper() != "UDP"


def _sees(scope: Scope, entry: ServiceEntry, pods: Pods, binding: Binding) -> bool:
    return any(scope.visible(entry, host, pods.namespace, binding) for host, _ in entry.hosts)


def _matching(scope: Scope, pods: Pods, binding: Binding, destination: Destination) -> Iterator[Registration]:
    host = destination.host
    if host is not None:
        for entry in scope.named(host):
            if scope.visible(entry, host, pods.namespace, binding):
                for port in entry.ports:
                    yield Registration(entry, port)
    networks = [destination.network] if destination.network else list(destination.addresses)
    for entry in scope.by_address:
        if not _sees(scope, entry, pods, binding):
            continue
        inside = bool(networks) and all(_inside(entry, network) for network in networks)
        for port in entry.ports:
            if inside and port.family != "tls":
                yield Registration(entry, port)
            elif not entry.addresses and entry.passes_through and port.family == "tcp":
                yield Registration(entry, port, any_address=True)


def _inside(entry: ServiceEntry, text: str) -> bool:
    wanted = ipaddress.ip_network(text, strict=False)
    for network in entry.networks:
        if isinstance(wanted, ipaddress.IPv4Network) and isinstance(network, ipaddress.IPv4Network):
            if wanted.subnet_of(network):
                return True
        elif (
            isinstance(wanted, ipaddress.IPv6Network)
            and isinstance(network, ipaddress.IPv6Network)
            and wanted.subnet_of(network)
        ):
            return True
    return False
