"""Words of permissions that dialects of the network share, and what in them is wider than a need."""

from __future__ import annotations

from collections.abc import Sequence

from skills.core.model import Destination, Finding, Grant, Need, Ports, finding

INGRESS = "ingress of "
EVERYTHING = "everything"
EVERY_PORT = "every port"
ALL_PODS = "all pods"


def sides(grant: Grant) -> tuple[str, str, bool]:
    """Whose rule it is, the other end, and whether that end is let in."""
    if grant.target.startswith(INGRESS):
        return grant.target.removeprefix(INGRESS), grant.source, True
    return grant.source, grant.target, False


def wider_scope(grant: Grant, need: Need) -> list[Finding]:
    """Whether it is for more pods than those that asked, or for pods of another namespace."""
    own, _, ingress = sides(grant)
    elsewhere = not ingress and not own.startswith(f"{need.workload.namespace or need.workload.scope} ")
    wide = own.endswith(f" {ALL_PODS}") or elsewhere
    return [finding("EGR902", scope=own, workload=need.workload.name)] if wide else []


def is_everybody(peer: str) -> bool:
    """Whether it is all pods of a namespace, or everything there is."""
    return peer == EVERYTHING or peer.startswith(f"{ALL_PODS} in ") or peer.endswith("in every namespace")


def wider_ports(ports: str, destinations: Sequence[Destination]) -> bool:
    """A single port may be the pod port behind a Service, so only more than one port can be too much."""
    if ports == EVERY_PORT:
        return not any(destination.ports is None for destination in destinations)
    first, dash, last = ports.partition("-")
    if not dash or not first.isdecimal() or not last.isdecimal():
        return False
    opened = Ports(int(first), int(last))
    return not any(destination.ports is not None and destination.ports.covers(opened) for destination in destinations)
