"""Items that almost cover a destination, and the lists of others that do: nearest first."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence

from skills.core.enforce.spans import meets, network_span
from skills.core.hosts import edit_distance, parent_of, sibling
from skills.core.model import Destination, NearMiss, finding
from skills.core.platforms.infrastream.entries import Item, Kind, Reach
from skills.core.platforms.infrastream.index import Index
from skills.core.platforms.infrastream.manifests import Project

_MOST = 12


def near_misses(index: Index, manifests: Sequence[Project], destination: Destination) -> tuple[NearMiss, ...]:
    found = [miss for project in manifests for miss in _own(project, destination)]
    found += _elsewhere(index, manifests[0], destination)
    return tuple(sorted(found, key=lambda miss: miss.distance)[:_MOST])


def _own(project: Project, destination: Destination) -> Iterator[NearMiss]:
    """Items of the project itself that would do if they were written or placed otherwise."""
    wanted = destination.host or destination.network or ""
    for item in project.misplaced:
        if _covers(item, destination):
            yield _miss("EGR119", item, 0, wanted)
    for item in project.items:
        if item.meant == wanted:
            yield _miss("EGR118", item, 0, wanted, meant=wanted)
        elif destination.host:
            near = _near_host(item, destination.host)
            if near is not None:
                yield _miss(*near, wanted)
        elif _overlaps(item, destination):
            yield _miss("EGR120", item, 2, wanted)


def _near_host(item: Item, host: str) -> tuple[str, Item, int] | None:
    """In which way an item misses a host: code, item and distance."""
    if item.host is None:
        return None
    bare = host.removeprefix("*.")
    if item.kind is Kind.WILDCARD:
        if host == item.host:
            return "EGR113", item, 1
        return ("EGR115", item, 2) if 0 < edit_distance(item.canonical, host) <= 2 else None
    if host.startswith("*."):
        return ("EGR121", item, 1) if item.host == bare or parent_of(bare, item.host) else None
    if parent_of(item.host, host):
        return "EGR111", item, 1
    if parent_of(host, item.host):
        return "EGR112", item, 1
    if edit_distance(item.host, host) <= 2:
        return "EGR115", item, 1
    return ("EGR114", item, 4) if sibling(item.host, host) else None


def _elsewhere(index: Index, mine: Project, destination: Destination) -> Iterator[NearMiss]:
    """The same destination in another environment of the project, or in another project of its unit."""
    for project, item in _listing(index, mine, destination):
        if not _covers(item, destination):
            continue
        facts = {"other": str(project), "environment": project.environment or "", "project": str(mine)}
        if project.name == mine.name and project.environment != mine.environment:
            yield _miss("EGR116", item, 2, destination.name, **facts)
        elif project.name != mine.name:
            yield _miss("EGR117", item, 3 if project.environment == mine.environment else 4, destination.name, **facts)


def _listing(index: Index, mine: Project, destination: Destination) -> Iterator[tuple[Project, Item]]:
    """The items of the same unit that could cover the destination."""
    if destination.host is None:
        yield from index.listing(mine, "/")
        return
    yield from index.listing(mine, destination.host)
    labels = destination.host.removeprefix("*.").split(".")
    for start in range(len(labels)):
        wildcard = "*." + ".".join(labels[start:])
        if wildcard != destination.host:
            yield from index.listing(mine, wildcard)


def _covers(item: Item, destination: Destination) -> bool:
    if destination.host is not None:
        return item.covers_host(destination.host) is not Reach.NO
    ranged, wanted = item.span, ipaddress.ip_network(destination.network or "")
    if ranged is None or ranged[0] != wanted.version:
        return False
    first, last = network_span(wanted)
    return ranged[1][0] <= first and last <= ranged[1][1]


def _overlaps(item: Item, destination: Destination) -> bool:
    ranged, wanted = item.span, ipaddress.ip_network(destination.network or "")
    return ranged is not None and ranged[0] == wanted.version and meets([ranged[1]], [network_span(wanted)])


def _miss(code: str, item: Item, distance: int, wanted: str, **facts: str) -> NearMiss:
    said = finding(code, item.place, entry=item.written, destination=wanted, **facts)
    return NearMiss(said, item.place, distance)
