"""Groups and rules that almost open a destination: nearest first."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import re2

from skills.core.enforce.spans import (
    EVERY_PORT,
    PRIVATE_V4,
    PUBLIC_V4,
    Region,
    Spans,
    covers,
    meets,
    network_span,
    spans_text,
)
from skills.core.hosts import near
from skills.core.model import Destination, NearMiss, Place, Workload, finding
from skills.core.platforms.cloud_foundry import known
from skills.core.platforms.cloud_foundry.documents import App
from skills.core.platforms.cloud_foundry.index import Bound, Index, Piece, Space

_MOST = 12
_MOST_GROUPS = 500
PLATFORM_GROUPS = {group for group in known.GROUPS if group.endswith("_egress")}

Reaches = Callable[[Space, Iterable[Bound], Destination], bool]


def near_misses(index: Index, space: Space, destination: Destination, reaches: Reaches) -> tuple[NearMiss, ...]:
    """`reaches` says whether groups open the destination."""
    found = [
        *_slips(index, space),
        *_own_group(index, space, destination, reaches),
        *_rules(index, space, destination),
        *_elsewhere(index, space, destination, reaches),
        *_proxies(index, space, destination),
    ]
    return tuple(sorted(found, key=lambda miss: miss.distance)[:_MOST])


def on_platform(index: Index, space: Space) -> bool:
    """Whether the foundation is Cloud.gov, as far as its files tell: its names are used, or no group is defined."""
    spaces = [each for each in index.spaces.values() if each.root == space.root]
    names = {named.name for each in spaces for named in each.named}
    names |= {command.group for each in spaces for command in each.for_staging}
    settings = index.settings.get(space.root)
    if settings:
        names |= {named.name for named in (*(settings.running or ()), *(settings.staging or ()))}
    if names & (PLATFORM_GROUPS | set(known.LABELS)):
        return True
    return not any(group.rules and group.role != "space" for group in index.groups)


def _miss(code: str, place: Place, distance: int, **facts: str) -> NearMiss:
    return NearMiss(finding(code, place, **facts), place, distance)


def _slips(index: Index, space: Space) -> Iterator[NearMiss]:
    """Names in the space's list that mean another group."""
    names = index.group_names(space.root)
    for named in space.named:
        if named.name in names:
            continue
        meant = known.LABELS.get(named.name) or next(iter(near(named.name, names)), "")
        if meant:
            yield _miss("EGR187", named.place, 1, name=named.name, meant=meant, space=str(space))


def _own_group(index: Index, space: Space, destination: Destination, reaches: Reaches) -> Iterator[NearMiss]:
    """The space's own file, which is used only where it is enabled."""
    own = index.own_group(space)
    if own is None or space.enabled:
        return
    group = Bound(space.own_group, own.place, own)
    if reaches(space, (*index.bound(space), group), destination):
        rule = next((piece for piece in group.pieces() if piece.speaks(destination.protocol)), None)
        yield _miss("EGR184", rule.place if rule else own.place, 0, space=str(space), destination=destination.name)


def _rules(index: Index, space: Space, destination: Destination) -> Iterator[NearMiss]:
    """Rules in force that open the address on another port, another protocol, or only a part of the range."""
    version, addresses = _addresses(destination)
    ports = destination.ports
    wanted = ((ports.first, ports.last),) if ports else (EVERY_PORT,)
    for each in index.bound(space):
        if each.refused is not None:
            yield from _refused(each, destination, Region(wanted, addresses), version)
            continue
        for piece in each.pieces():
            if piece.rule is None or piece.version != version or not meets(piece.region.addresses, addresses):
                continue
            facts = {"rule": str(piece.rule), "group": each.name, "destination": str(destination)}
            whole = covers(piece.region.addresses, addresses)
            if piece.speaks(destination.protocol) and meets(piece.region.ports, wanted):
                yield _miss("EGR186", piece.place, 2, **facts)
            elif whole and piece.speaks(destination.protocol):
                yield _miss("EGR185", piece.place, 1, **facts)
            elif whole and covers(piece.region.ports, wanted):
                yield _miss("EGR185", piece.place, 2, **facts)


def _addresses(destination: Destination) -> tuple[int, tuple[tuple[int, int], ...]]:
    if destination.network is not None:
        network = ipaddress.ip_network(destination.network)
        return network.version, (network_span(network),)
    if destination.addresses:
        address = ipaddress.ip_address(destination.addresses[0])
        return address.version, ((int(address), int(address)),)
    return 4, PUBLIC_V4 if destination.host else PRIVATE_V4


def _refused(bound: Bound, destination: Destination, wanted: Region, version: int) -> Iterator[NearMiss]:
    """What the group would open if the platform took it."""
    for piece in bound.pieces(leniently=True):
        if piece.rule and piece.version == version and piece.speaks(destination.protocol) and _touches(piece, wanted):
            fault = bound.refused
            yield _miss("EGR188", piece.place, 0, rule=str(piece.rule), group=bound.name, fault=str(fault))
            return


def _touches(piece: Piece, wanted: Region) -> bool:
    return meets(piece.region.ports, wanted.ports) and meets(piece.region.addresses, wanted.addresses)


def _elsewhere(index: Index, space: Space, destination: Destination, reaches: Reaches) -> Iterator[NearMiss]:
    """Groups that would open it: in force while staging, bound to another space, or bound nowhere."""
    mine = {each.name for each in index.bound(space)}
    staging = {each.name: each for each in index.bound(space, "staging")}
    others = _spaces_by_group(index, space)
    for name in sorted(index.group_names(space.root) - mine)[:_MOST_GROUPS]:
        if known.twin_of(name) != name:
            continue  # the present name is offered, not its legacy twin
        group = index.bind(name, space.list_place, space.root)
        if not reaches(space, (group,), destination):
            continue
        facts = {"group": name, "space": str(space), "destination": destination.name}
        if name in staging and staging[name].stated:
            yield _miss("EGR181", staging[name].place, 1, **facts)
        elif name in others:
            other, place = others[name]
            yield _miss("EGR182", place, 2 if other.org == space.org else 3, other=str(other), **facts)
        elif group.group is not None:
            yield _miss("EGR183", group.group.place, 2, **facts)
        elif on_platform(index, space):
            yield _miss("EGR189", space.list_place, 2, **facts)


def _proxies(index: Index, space: Space, destination: Destination) -> Iterator[NearMiss]:
    """Egress proxies that would let it through, for apps that use them."""
    for proxy in index.proxies:
        if not space.means(proxy.root):
            continue
        entry = proxy.lets_through(destination)
        if entry is not None:
            yield _miss("EGR783", entry.place, 1, proxy=proxy.name, destination=destination.name, space=str(space))


def _spaces_by_group(index: Index, mine: Space) -> dict[str, tuple[Space, Place]]:
    """For each group a space that binds it: one of the same organisation before others."""
    found: dict[str, tuple[Space, Place]] = {}
    for space in sorted(index.spaces.values(), key=lambda each: (each.org != mine.org, each.scope)):
        if space.root == mine.root and space is not mine:
            for named in space.named:
                found.setdefault(named.name, (space, named.place))
    return found


# --- what a group opens, in words

_EVERY_PORT = "every port"
INTERNET = "every public address"


def opened(bound: Bound) -> Iterator[tuple[str, str, str]]:
    """What a group opens: target, ports and protocol, in words."""
    if bound.refused is not None or bound.name in known.LABELS:
        return
    if bound.group is not None:
        for rule in bound.group.rules:
            yield rule.destination, _ports(rule.ports), "any" if rule.protocol == "all" else rule.protocol
    elif bound.name in known.GROUPS:
        group = known.GROUPS[bound.name]
        for service, ports in group.services.items():
            if service != "s3" or not group.regions:
                yield f"brokered {service}", ", ".join(map(str, ports)), "tcp"
        for protocol, region in group.regions:
            public = protocol == "all"
            yield (
                INTERNET if public else "0.0.0.0/0",
                _EVERY_PORT if public else spans_text(region.ports),
                "any" if public else protocol,
            )
    else:
        yield f"whatever {bound.name} opens", "unknown", "any"


def _ports(ports: Spans | None) -> str:
    return _EVERY_PORT if ports == (EVERY_PORT,) else spans_text(ports or ()) or "none"


# --- private addresses that may well be brokered services; Cloud.gov does not publish those

# Words of the names that people give to their service instances.
_WORDS: Mapping[str, frozenset[str]] = {
    "rds": frozenset(
        {"rds", "db", "database", "postgres", "postgresql", "psql", "pg", "mysql", "mariadb", "oracle", "sql"}
    ),
    "redis": frozenset({"redis", "elasticache", "cache"}),
    "elasticsearch": frozenset({"elasticsearch", "elastic", "opensearch", "es", "search"}),
}
_HTTPS = 443
_WORD = re2.compile(r"[a-z]+")


@dataclass(frozen=True, slots=True)
class Likely:
    """`service` is the type; `instance` is how `app` binds it."""

    service: str
    instance: str
    app: App


def likely_service(index: Index, workload: Workload, destination: Destination) -> Likely | None:
    """The brokered service that the address may be, by its port and what the app binds; None where nothing says so."""
    if not _is_private_address(destination) or destination.ports is None:
        return None
    wanted = ((destination.ports.first, destination.ports.last),)
    return next(
        (
            each
            for each in bound_services(index, workload)
            if covers([(port, port) for port in known.service_ports(each.service)], wanted)
        ),
        None,
    )


def service_of_port(destination: Destination) -> str | None:
    """The type of service that a private address may be by its port alone; 443 says nothing of that kind."""
    if not _is_private_address(destination) or destination.ports is None or destination.ports.first == _HTTPS:
        return None
    wanted = ((destination.ports.first, destination.ports.last),)
    fitting = (name for name in _WORDS if covers([(port, port) for port in known.service_ports(name)], wanted))
    return next(fitting, None)


def bound_services(index: Index, workload: Workload) -> Iterator[Likely]:
    """What the names of bound instances say of their types."""
    for app in _apps(index, workload):
        for instance in app.services:
            said = set(_WORD.findall(instance.casefold()))
            yield from (Likely(service, instance, app) for service, words in _WORDS.items() if words & said)


def _is_private_address(destination: Destination) -> bool:
    """Whether it is one address of a private network, or a host whose given addresses all are."""
    written = [destination.network] if destination.network else list(destination.addresses)
    networks = [ipaddress.ip_network(each) for each in written]
    return (
        destination.protocol == "tcp"
        and bool(networks)
        and all(each.version == 4 and each.num_addresses == 1 for each in networks)
        and covers(PRIVATE_V4, [network_span(each) for each in networks])
    )


def _apps(index: Index, workload: Workload) -> Iterator[App]:
    """The app, or for a whole space every app that has a manifest: those don't say to which spaces they are pushed."""
    name = workload.name.removeprefix(f"{workload.scope}/") if workload.name != workload.scope else ""
    return index.manifests(name) if name else iter(index.apps)
