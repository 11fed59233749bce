"""Commands of the `cf` client, with every name filled in as one word of a shell."""

from __future__ import annotations

from skills.core.model import Destination, Workload

_ROUTE_PORT = "61443"  # where Cloud Foundry's proxy in each app speaks TLS; 8080 is the app itself
_PLACEHOLDER = "APP"


def bind(group: str, org: str, space: str) -> str:
    org = "ORG" if org == "?" else org  # no file says it
    return f"cf bind-security-group {quoted(group)} {quoted(org)} --space {quoted(space)}"


def unbind(group: str, org: str, space: str) -> str:
    org = "ORG" if org == "?" else org
    return f"cf unbind-security-group {quoted(group)} {quoted(org)} {quoted(space)}"


def unbind_everywhere(group: str) -> str:
    return f"cf unbind-running-security-group {quoted(group)}"


def app_of(workload: Workload) -> str:
    """The app of a workload; a placeholder where it is a whole space."""
    return workload.name.removeprefix(f"{workload.scope}/") if workload.name != workload.scope else _PLACEHOLDER


def restart(app: str) -> str:
    return f"cf restart {quoted(app or _PLACEHOLDER)}"


def route(workload: Workload, destination: Destination) -> tuple[str, str, str, str]:
    """The command for a network policy between two apps; then source app, the other app, and port."""
    source = app_of(workload)
    there = (destination.service or "").removeprefix("route:") or (destination.host or "").partition(".")[0]
    port = _ROUTE_PORT if destination.ports is None or is_web_port(destination) else str(destination.ports)
    protocol = protocol_of(destination)
    command = f"cf add-network-policy {quoted(source)} {quoted(there)} --protocol {protocol} --port {port}"
    return command, source, there, port


def protocol_of(destination: Destination) -> str:
    """The protocol of a network policy, which knows two."""
    return "udp" if destination.protocol == "udp" else "tcp"


def is_web_port(destination: Destination) -> bool:
    """Whether 443 was not asked for but comes with the name or its scheme; between apps nothing listens there."""
    ports, written = destination.ports, destination.written.removeprefix("https://")
    return ports is not None and ports.first == ports.last == 443 and ":" not in written


def unroute(workload: Workload, destination: Destination) -> str:
    """Takes away the network policy of `route`."""
    return route(workload, destination)[0].replace("cf add-network-policy", "cf remove-network-policy", 1)


def quoted(word: str) -> str:
    """A word for a POSIX shell: what a name contains is never more than a name."""
    plain = word.isascii() and word and all(sign.isalnum() or sign in "_-./:@" for sign in word) and word[0] != "-"
    return word if plain else "'" + word.replace("'", "'\\''") + "'"
