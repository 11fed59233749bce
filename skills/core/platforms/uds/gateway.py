"""The egress gateway of sidecar mode: an optional component of a bundle, with a list of ports (G-D08, G-D09)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from skills.core.enforce.matching import Match
from skills.core.model import Finding, finding
from skills.core.platforms.uds.index import Index
from skills.core.platforms.uds.package import CoreDeployment

STATUS_PORT = 15021
DEFAULT_PORTS = (80, 443)


def exposes(core: CoreDeployment, port: int) -> Match:
    """Whether the gateway that this bundle deploys listens on the port."""
    if core.unsure:
        return Match.UNKNOWN
    listed = DEFAULT_PORTS if core.ports is None else core.ports
    return Match.YES if port in listed else Match.NO


def state(index: Index, ports: Sequence[int]) -> tuple[Match, tuple[Finding, ...]]:
    """Whether the gateway is there and listens on `ports`, and what to say of it.

    Without a bundle in the repository nothing is held against the rule. Bundles that disagree leave it open.
    """
    shown = ", ".join(map(str, ports))
    if not index.cores:
        return Match.YES, (finding("EGR811", ports=shown),)
    found: list[Finding] = []
    for core in index.cores:
        if not core.gateway:
            found.append(finding("EGR807", core.place, bundle=core.bundle))
            continue
        place = core.ports_place or core.place
        closed = [port for port in ports if exposes(core, port) is not Match.YES]
        found += [finding("EGR808", place, bundle=core.bundle, port=port) for port in closed]
    ready = [core for core in index.cores if core.gateway and all(exposes(core, port) is Match.YES for port in ports)]
    if len(ready) == len(index.cores):
        return Match.YES, ()
    maybe = [core for core in index.cores if core.gateway and all(exposes(core, port) for port in ports)]
    return Match.UNKNOWN if maybe else Match.NO, tuple(found)


def audit(index: Index) -> Iterator[Finding]:
    """An override replaces the whole list of ports, so it must repeat those that the gateway has by default."""
    for core in index.cores:
        if core.ports is not None:
            missing = [port for port in (STATUS_PORT, *DEFAULT_PORTS) if port not in core.ports]
            if missing:
                facts = {"bundle": core.bundle, "missing": ", ".join(map(str, missing))}
                yield finding("EGR809", core.ports_place or core.place, **facts)
