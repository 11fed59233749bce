"""What a new registration looks like: as a manifest, as an outbound route, or as an item of a list in values."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import re2

from skills.core.enforce.mesh import NEITHER
from skills.core.model import Destination, Ports
from skills.core.platforms.istio.entries import ListedPort, ServiceEntry

_FAMILY = {"tls": "TLS", "http": "HTTP"}
_HOSTS = re2.compile(r"(?m)^( *)hosts:[ \t]*\r?\n( *)- ")
_NOT_NAME = re2.compile(r"[^a-z0-9]+")
_LONGEST_NAME = 63
_MOST_PORTS = 16
_HTTP = frozenset({80, 8000, 8080})


@dataclass(frozen=True, slots=True)
class Wanted:
    """One registration as it should be. `kept` are ports, with their protocols, that stay open beside those asked."""

    host: str
    ports: tuple[int, ...]
    protocol: str
    addresses: tuple[str, ...] = ()
    kept: tuple[tuple[int, str], ...] = ()

    @property
    def resolution(self) -> str:
        return "NONE" if self.addresses or self.wildcard else "DNS"

    @property
    def wildcard(self) -> bool:
        """Istio refuses an entry that resolves a wildcard by DNS."""
        return self.host.startswith("*")

    def port_items(self) -> list[dict[str, Any]]:
        every = [*((number, self.protocol) for number in self.ports), *self.kept]
        return [port_item(number, protocol, len(every) > 1) for number, protocol in every]

    def spec(self) -> dict[str, Any]:
        spec: dict[str, Any] = {"hosts": [self.host]}
        if self.addresses:
            spec["addresses"] = list(self.addresses)
        return spec | {
            "exportTo": ["."],
            "location": "MESH_EXTERNAL",
            "resolution": self.resolution,
            "ports": self.port_items(),
        }

    def route(self) -> dict[str, Any]:
        made: dict[str, Any] = {"enabled": True, "hosts": [self.host]}
        if self.kept or self.ports != (443,) or self.protocol not in {"TLS", "HTTPS"}:
            made["ports"] = self.port_items()
        return made | ({"resolution": "NONE"} if self.wildcard else {})


def numbers_of(ports: Ports) -> range:
    """The single ports of a range, as many of them as are listed."""
    return range(ports.first, min(ports.last + 1, ports.first + _MOST_PORTS))


def as_spoken(to: Destination, own: Sequence[ListedPort] = ()) -> Destination:
    """With what the client is taken to speak where nobody said it: as the host's `own` ports do, else HTTP on ports
    that are customary for it, else TLS, which opens that one name alone. Ports of other protocols mean plain TCP.
    """
    ports = to.ports
    if to.host is None or to.application or to.scheme or ports is None:
        return to
    numbers = set(numbers_of(ports))
    if numbers & NEITHER:
        return to
    families = {port.family for port in own} - {"tcp"}
    return replace(to, application=families.pop() if len(families) == 1 else "http" if numbers <= _HTTP else "tls")


def wanted(destination: Destination, namespace: str, entries: Iterable[ServiceEntry]) -> Wanted | None:
    """None when the ports are not said or too many to be listed."""
    ports = destination.ports
    if ports is None or ports.last - ports.first >= _MOST_PORTS:
        return None
    numbers = tuple(numbers_of(ports))
    protocol = _FAMILY.get(destination.application or "", "TCP")
    if protocol == "TLS":
        written = Counter(port.protocol for entry in entries for port in entry.ports if port.family == "tls")
        protocol = written.most_common(1)[0][0] if written else protocol
    addresses = tuple(map(_short, destination.addresses)) if protocol == "TCP" else ()
    if destination.host is not None:
        return Wanted(destination.host, numbers, protocol, addresses)
    if destination.network is None:
        return None
    address = _short(destination.network)
    return Wanted(f"{dashed(address)}.{namespace}.internal", numbers, "TCP", (address,))


def _short(network: str) -> str:
    parsed = ipaddress.ip_network(network, strict=False)
    return str(parsed.network_address) if parsed.num_addresses == 1 else str(parsed)


def port_item(number: int, protocol: str, numbered: bool = True) -> dict[str, Any]:
    name = protocol.lower() if not numbered and number in {80, 443} else f"{protocol.lower()}-{number}"
    return {"number": number, "name": name, "protocol": protocol}


def dashed(text: str) -> str:
    return str(_NOT_NAME.sub("-", text.lower())).strip("-")[:_LONGEST_NAME].strip("-")


def free_name(text: str, taken: Sequence[str]) -> str:
    """A name that nobody in the namespace has yet."""
    base: str = dashed(text)
    return next(name for name in (base, *(f"{base[:55]}-{at}" for at in range(2, len(taken) + 3))) if name not in taken)


def manifest(item: Wanted, name: str, namespace: str | None, version: str, like: str) -> str:
    """A ServiceEntry as text, with list items indented as in `like`."""
    match = _HOSTS.search(like)
    dash = "  - " if match and len(match.group(2)) > len(match.group(1)) else "- "
    rows = [f"apiVersion: {version}", "kind: ServiceEntry", "metadata:", f"  name: {name}"]
    rows += [f"  namespace: {namespace}"] if namespace else []
    rows += ["spec:", "  hosts:", f"  {dash}{_quoted(item.host)}"]
    if item.addresses:
        rows += ["  addresses:", *(f"  {dash}{_quoted(address)}" for address in item.addresses)]
    rows += ["  exportTo:", f'  {dash}"."', "  location: MESH_EXTERNAL", f"  resolution: {item.resolution}", "  ports:"]
    inner = " " * (len(dash) + 2)
    for port in item.port_items():
        rows += [f"  {dash}number: {port['number']}", f"{inner}name: {port['name']}"]
        rows += [f"{inner}protocol: {port['protocol']}"]
    return "\n".join(rows) + "\n"


def _quoted(text: str) -> str:
    """An IPv6 address or a wildcard would be read as something else."""
    return f'"{text}"' if ":" in text or text.startswith("*") else text
