"""Does the registry carry a flow: which entries match a destination, port by port."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass

from skills.core.enforce.kube_policy import Pods
from skills.core.enforce.mesh import carries, spoken
from skills.core.enforce.mesh_hosts import within
from skills.core.model import Destination, Finding, Place, finding
from skills.core.platforms.istio.entries import ListedPort, ServiceEntry
from skills.core.platforms.istio.scope import Binding, Scope

_MOST_PORTS = 256
_MOST_SHOWN = 3


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
    if scope.allocates:
        return []
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


def _sees(scope: Scope, entry: ServiceEntry, pods: Pods, binding: Binding, port: int | None = None) -> bool:
    return any(scope.visible(entry, host, pods.namespace, binding, port) for host, _ in entry.hosts)


def rivals(
    scope: Scope, pods: Pods, binding: Binding, to: Destination, found: list[Registration]
) -> list[ServiceEntry]:
    """Entries of other namespaces for the very same host that lack the port: Istio picks one of them, not all.

    The pods' own namespace comes first; among others nobody knows from the files which was there before.
    Source: istio/istio pilot/pkg/model/sidecar.go.
    """
    if to.host is None or not found or any(item.entry.namespace == pods.namespace for item in found):
        return []
    exact = {item.entry.namespace for item in found if any(name == to.host for name, _ in item.entry.hosts)}
    return [
        entry
        for entry in scope.by_host.get(to.host, ())
        if exact and entry.namespace not in exact and scope.visible(entry, to.host, pods.namespace, binding)
    ]


def surely_served(scope: Scope, pods: Pods, binding: Binding, to: Destination) -> bool:
    """Whether the registry carries it for certain; where entries of several namespaces are rivals, it may not."""
    found = served(scope, pods, binding, to)
    return bool(found) and not rivals(scope, pods, binding, to, found)


def _matching(scope: Scope, pods: Pods, binding: Binding, destination: Destination) -> Iterator[Registration]:
    host = destination.host
    networks = [destination.network] if destination.network else list(destination.addresses)
    if host is not None:
        for entry in scope.named(host):
            elsewhere = bool(entry.addresses and networks) and not all(_inside(entry, text) for text in networks)
            for port in entry.ports:
                # Plain TCP is matched by address alone, so a name helps only where its addresses are the entry's.
                if port.family == "tcp" and elsewhere:
                    continue
                if scope.visible(entry, host, pods.namespace, binding, port.number):
                    yield Registration(entry, port)
    for entry in scope.by_address:
        if not _sees(scope, entry, pods, binding):
            continue
        inside = bool(networks) and all(_inside(entry, network) for network in networks)
        for port in entry.ports:
            if not _sees(scope, entry, pods, binding, port.number):
                continue
            if inside and (port.family == "tcp" or (port.family == "http" and _listed(entry, networks))):
                yield Registration(entry, port)
            elif not entry.addresses and entry.passes_through and port.family == "tcp":
                yield Registration(entry, port, any_address=True)


def perhaps(scope: Scope, pods: Pods, binding: Binding, to: Destination) -> tuple[Finding, ...]:
    """Entries that carry whatever goes to their addresses, where nobody says which addresses the host has."""
    if to.host is None or to.addresses:
        return ()
    return tuple(
        finding("EGR906", port.place, block=", ".join(entry.addresses[:_MOST_SHOWN]), host=to.host)
        for entry in scope.by_address
        for port in entry.ports
        if entry.addresses and port.family == "tcp" and _asks(port, to) and _sees(scope, entry, pods, binding)
    )[:_MOST_SHOWN]


def _listed(entry: ServiceEntry, networks: list[str]) -> bool:
    """HTTP is routed by the Host header; an address as Host is known where the entry lists exactly that one."""
    return all(text.removesuffix("/32") in entry.addresses for text in networks)


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
