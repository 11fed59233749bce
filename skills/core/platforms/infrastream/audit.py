"""What the manifests open, what they close, and what in them contradicts itself."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence

from skills.core.model import Finding, Grant, Isolation, Need, finding
from skills.core.platforms.infrastream.decide import declared_twice, list_faults
from skills.core.platforms.infrastream.entries import Item, Kind
from skills.core.platforms.infrastream.index import Index
from skills.core.platforms.infrastream.manifests import LAYER, Project

_EVERY_PORT = "every port"
_VERY_WIDE = 8  # prefix length below which a range is no allowlist any more
_MOST_NAMED = 5
_COVERING = (Kind.HOST, Kind.WILDCARD, Kind.RANGE)


def audit(index: Index) -> Sequence[Finding]:
    """Contradictions of all manifests, file by file, then those between environments."""
    found: list[Finding] = []
    for project in (*index.unnamed, *index.all_projects()):
        found += list_faults(project)
        found += _items(project)
    found += _declared_twice(index)
    found += _environments_differ(index)
    return found


def very_wide(network: str) -> bool:
    return ipaddress.ip_network(network).prefixlen < _VERY_WIDE


def _items(project: Project) -> Iterator[Finding]:
    first: dict[str, Item] = {}
    for item in project.items:
        if item.fault is not None:
            yield finding(item.fault, item.place, entry=item.written, project=str(project))
        if item.network is not None and very_wide(item.network):
            yield finding("EGR715", item.place, entry=item.written, project=str(project))
        if item.kind in _COVERING:
            earlier = first.setdefault(item.canonical, item)
            if earlier is not item:
                yield finding("EGR716", item.place, entry=item.written, earlier=str(earlier.place))


def _declared_twice(index: Index) -> Iterator[Finding]:
    for manifests in index.projects.values():
        if len(manifests) > 1:
            yield declared_twice(manifests)


def _environments_differ(index: Index) -> Iterator[Finding]:
    by_scope: dict[str, list[Project]] = {}
    for project in index.all_projects():
        by_scope.setdefault(project.scope, []).append(project)
    for scope, projects in by_scope.items():
        lists = [frozenset(item.canonical for item in project.items if item.kind in _COVERING) for project in projects]
        if len(set(lists)) > 1:
            places = [project.list_place or project.place for project in projects]
            environments = [project.environment or "" for project in projects]
            yield finding("EGR714", *places, project=scope, differences=_differences(environments, lists))


def _differences(environments: Sequence[str], lists: Sequence[frozenset[str]]) -> str:
    """`production: c; staging: a, b`: what each environment lists and not every other does."""
    common = frozenset.intersection(*lists)
    parts = []
    for environment, listed in sorted(zip(environments, lists, strict=True), key=lambda pair: pair[0]):
        own = sorted(listed - common)
        more = f" (+{len(own) - _MOST_NAMED})" if len(own) > _MOST_NAMED else ""
        if own:
            parts.append(f"{environment}: {', '.join(own[:_MOST_NAMED])}{more}")
    return "; ".join(parts)


# --- what is open


def grants(index: Index) -> Sequence[Grant]:
    return [
        Grant(str(project), item.canonical, _EVERY_PORT, "any", LAYER)
        for project in index.all_projects()
        for item in project.items
        if item.kind in _COVERING
    ]


def isolations(index: Index) -> Sequence[Isolation]:
    """Every project: nothing leaves the Shared VPC unless it is listed."""
    return [Isolation(str(project), LAYER) for project in index.all_projects()]


def wider(grant: Grant, need: Need) -> Sequence[Finding]:
    """An item serves the whole project on every port, whatever was asked."""
    facts = {"source": grant.source, "target": grant.target}
    asked = [each for each in need.destinations if grant.target in (each.host, each.network)]
    if not asked:
        return [finding("EGR743", **facts)]
    ports = ", ".join(sorted({str(each.ports) for each in asked if each.ports}))
    return [finding("EGR741", **facts), finding("EGR742", ports=ports, **facts)]
