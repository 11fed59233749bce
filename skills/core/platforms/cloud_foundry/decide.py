"""Whether a space's groups let a flow out: the union of all rules of all running groups; there is no deny."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence

from skills.core.enforce.spans import (
    EVERY_PORT,
    PRIVATE_V4,
    PUBLIC_V4,
    Region,
    Spans,
    covers,
    meets,
    network_span,
    region_covered,
)
from skills.core.model import Destination, Finding, LayerView, NearMiss, Place, RuleHit, Workload, finding
from skills.core.platforms.cloud_foundry import known
from skills.core.platforms.cloud_foundry.documents import LAYER, NAME
from skills.core.platforms.cloud_foundry.index import Bound, Index, Piece, Reach, Space
from skills.core.platforms.cloud_foundry.near import likely_service, near_misses, on_platform
from skills.core.platforms.cloud_foundry.proxied import proxies_of, through_proxy
from skills.core.platforms.cloud_foundry.routes import decide_route, is_internal_route

# Names that are not resolved to public addresses. RFC 6762, RFC 6761, ICANN's private domain.
_INSIDE = ("internal", "local", "localhost", "svc", "corp", "lan")
_HTTPS: Spans = ((443, 443),)


def decide(index: Index, workload: Workload, destination: Destination) -> Sequence[LayerView]:
    space = index.of(workload)
    if space is None:
        return ()
    if is_internal_route(destination):
        return decide_route(index, space, workload, destination)
    bound = index.bound(space)
    found = settled(index, space, bound, destination)
    places = (space.list_place,)
    if found.hits:
        findings = (*found.findings, *_remarks(space, bound, found))
        return (LayerView(LAYER, NAME, "deny", found.hits, isolators=places, findings=findings),)
    proxied = by_proxy(index, workload, destination)
    if proxied.hits:
        return (LayerView(LAYER, NAME, "deny", proxied.hits, isolators=places, findings=proxied.findings),)
    unknown = (*found.unknown, *proxied.unknown, *doubts(index, space, bound, destination))
    view = LayerView(
        LAYER,
        NAME,
        "deny",
        isolators=places,
        near=(*_likely(index, space, workload, destination), *near_misses(index, space, destination, reaches)),
        unknown=unknown,
        findings=(*found.findings, *proxied.findings, *_denial(index, space, workload, bound, destination)),
    )
    return (view,)


def by_proxy(index: Index, workload: Workload, destination: Destination) -> Reach:
    """Whether an egress proxy lets it through, and gets out to it itself."""
    return through_proxy(
        index, workload, destination, lambda space: settled(index, space, index.bound(space), destination)
    )


def _likely(index: Index, space: Space, workload: Workload, destination: Destination) -> list[NearMiss]:
    """A private address that may well be a brokered service is opened by the group for those, if it is one."""
    found = likely_service(index, workload, destination) if on_platform(index, space) else None
    if found is None:
        return []
    facts = {"address": str(destination), "service": found.service, "instance": found.instance, "app": found.app.name}
    return [NearMiss(finding("EGR123", found.app.place, group=known.TRUSTED, **facts), found.app.place, 1)]


def settled(index: Index, space: Space, bound: Sequence[Bound], destination: Destination) -> Reach:
    """What the groups say; what only Cloud.gov binds everywhere is not assumed of another foundation."""
    found = reach(space, bound, destination)
    if not found.hits or on_platform(index, space) or reaches(space, [e for e in bound if e.stated], destination):
        return found
    assumed = next(each for each in bound if not each.stated)
    return Reach(unknown=(finding("EGR122", space.place, group=assumed.name, space=str(space)),))


def reaches(space: Space, bound: Iterable[Bound], destination: Destination) -> bool:
    """Whether these groups together open it for certain."""
    return bool(reach(space, list(bound), destination).hits)


def reach(space: Space, bound: Sequence[Bound], destination: Destination) -> Reach:
    """What the groups in force say of a destination that is no internal route."""
    pieces = [piece for each in bound for piece in each.pieces() if piece.speaks(destination.protocol)]
    if destination.service is not None:
        return _service(space, bound, pieces, destination, destination.service)
    if destination.host is not None:
        return _host(space, bound, pieces, destination)
    if destination.network is not None:
        return _network(bound, pieces, destination)
    return Reach(unknown=(finding("EGR751", space.place, destination=destination.name, space=str(space)),))


def _ports(destination: Destination) -> Spans:
    ports = destination.ports
    return ((ports.first, ports.last),) if ports else (EVERY_PORT,)


# --- addresses


def _network(bound: Sequence[Bound], pieces: Sequence[Piece], destination: Destination) -> Reach:
    network = ipaddress.ip_network(destination.network or "")
    wanted = Region(_ports(destination), (network_span(network),))
    hits = opening(pieces, wanted, network.version)
    if hits:
        return Reach(hits)
    service = next((each for each in bound if each.group is None and _may_be_service(each, destination, wanted)), None)
    if service is not None:
        facts = {"ip": destination.name, "group": service.name}
        return Reach(unknown=(finding("EGR758", service.place, **facts),))
    return Reach()


def _may_be_service(bound: Bound, destination: Destination, wanted: Region) -> bool:
    """Whether a private address may be one of the brokered services that a group opens; theirs are not published."""
    if bound.known is None or len(bound.known.services) < 2 or destination.protocol != "tcp":
        return False
    ports = [(port, port) for open_to in bound.known.services.values() for port in open_to]
    return covers(PRIVATE_V4, wanted.addresses) and covers(ports, wanted.ports)


def opening(pieces: Sequence[Piece], wanted: Region, version: int = 4) -> tuple[RuleHit, ...]:
    """The rules that together open a region, if they open all of it."""
    fitting = [piece for piece in pieces if piece.version == version and touches(piece, wanted)]
    if not fitting or not region_covered([piece.region for piece in fitting], wanted):
        return ()
    whole = [piece for piece in fitting if region_covered([piece.region], wanted)]
    return tuple(RuleHit("allow", piece.place) for piece in whole or fitting)


def touches(piece: Piece, wanted: Region) -> bool:
    return meets(piece.region.ports, wanted.ports) and meets(piece.region.addresses, wanted.addresses)


# --- hosts


def _host(space: Space, bound: Sequence[Bound], pieces: Sequence[Piece], destination: Destination) -> Reach:
    host = (destination.host or "").removeprefix("*.")
    if destination.addresses:
        return _addresses(pieces, destination)
    if known.is_endpoint(host):
        return _endpoint(bound, pieces, destination)
    service = known.service_of(host)
    if service is not None and _on_platform(bound):
        found = _service(space, bound, pieces, destination, service)
        said = finding("EGR757", space.place, host=host, service=service)
        return Reach(found.hits, found.unknown, (*found.findings, said))
    inside = "." not in host or host.rpartition(".")[2] in _INSIDE
    space_of = PRIVATE_V4 if inside else PUBLIC_V4
    wanted = Region(_ports(destination), space_of)
    hits = opening(pieces, wanted)
    bucket = known.bucket_of(host)
    if bucket is not None:
        return _bucket(space, bound, hits, destination, bucket)
    if hits:
        return Reach(hits)
    near = next((piece for piece in pieces if piece.version == 4 and touches(piece, wanted)), None)
    if near is None:
        return Reach()
    facts = {"host": host, "space": str(space)}
    return Reach(unknown=(finding("EGR752", near.place, **facts),))


def _on_platform(bound: Sequence[Bound]) -> bool:
    """Whether the space binds groups that only Cloud.gov makes, and that the repository does not define."""
    return any(each.stated and each.group is None and each.known and each.known.services for each in bound)


def _addresses(pieces: Sequence[Piece], destination: Destination) -> Reach:
    """All addresses that the asker vouches for must be open."""
    hits: list[RuleHit] = []
    missing: list[str] = []
    for text in destination.addresses:
        address = ipaddress.ip_address(text)
        wanted = Region(_ports(destination), ((int(address), int(address)),))
        found = opening(pieces, wanted, address.version)
        hits += found
        missing += [] if found else [text]
    if hits and missing:
        facts = {"host": destination.name, "covered": str(hits[0].place), "missing": ", ".join(missing[:5])}
        return Reach(unknown=(finding("EGR753", hits[0].place, **facts),))
    return Reach(tuple(dict.fromkeys(hits)))


def _endpoint(bound: Sequence[Bound], pieces: Sequence[Piece], destination: Destination) -> Reach:
    """Cloud.gov's own door to S3; its two addresses are opened by the public group alone."""
    owner = next((each for each in bound if each.group is None and each.known and each.known.endpoint), None)
    if owner is not None and covers(_HTTPS, _ports(destination)) and destination.protocol == "tcp":
        return Reach((RuleHit("allow", owner.place),))
    hits = opening(pieces, Region(_ports(destination), PRIVATE_V4))
    return Reach(hits)


def _bucket(
    space: Space, bound: Sequence[Bound], hits: tuple[RuleHit, ...], destination: Destination, bucket: str
) -> Reach:
    """A bucket in the platform's region: whether it is brokered or the asker's own is not in its name."""
    trusted = next((each for each in bound if each.known and "rds" in each.known.services), None)
    facts = {"host": destination.name, "endpoint": f"{bucket}.{known.ENDPOINT}".lstrip("."), "space": str(space)}
    command = known.list_bucket(bucket)
    if hits:
        return Reach(
            hits, findings=(finding("EGR755", space.place, command=command, **facts),) if _on_platform(bound) else ()
        )
    if trusted is not None and covers(_HTTPS, _ports(destination)):
        return Reach(unknown=(finding("EGR756", trusted.place, **facts),))
    return Reach()


# --- brokered services


def _service(
    space: Space, bound: Sequence[Bound], pieces: Sequence[Piece], destination: Destination, service: str
) -> Reach:
    """By the table of the platform's groups; rules of the repository decide where they open everything."""
    usual = tuple((port, port) for port in known.service_ports(service))
    ports = _ports(destination) if destination.ports else usual
    owners = [each for each in bound if opens_service(each, service, ports)]
    if owners and destination.protocol == "tcp":
        return Reach(tuple(RuleHit("allow", _service_place(each, ports)) for each in owners))
    private = Region(ports, PRIVATE_V4)
    hits = opening(pieces, private)
    if hits:
        return Reach(hits)
    near = next((piece for piece in pieces if piece.rule and touches(piece, private)), None)
    if near is None:
        return Reach()
    facts = {"service": service, "space": str(space), "rule": str(near.rule)}
    return Reach(unknown=(finding("EGR759", near.place, **facts),))


def opens_service(bound: Bound, service: str, ports: Spans) -> bool:
    """Whether the table says so for the group, and a definition in the repository does not speak against it."""
    if bound.known is None or bound.refused:
        return False
    open_to = [(port, port) for port in bound.known.services.get(service, ())]
    if not open_to or not covers(open_to, ports):
        return False
    return bound.group is None or bound.group.unresolved is not None or _speaking(bound, ports) is not None


def _speaking(bound: Bound, ports: Spans) -> Piece | None:
    return next((p for p in bound.pieces() if p.speaks("tcp") and covers(p.region.ports, ports)), None)


def _service_place(bound: Bound, ports: Spans) -> Place:
    piece = _speaking(bound, ports) if bound.group else None
    return piece.place if piece else bound.place


# --- what else must be said


def doubts(index: Index, space: Space, bound: Sequence[Bound], destination: Destination) -> list[Finding]:
    """Groups whose rules nobody can know, or that may not be in force: any of them could open the way."""
    unknown = []
    for each in bound:
        if each.undefined and each.name not in known.LABELS:
            unknown.append(finding("EGR760", each.place, group=each.name, space=str(space)))
        elif (open_end := _open_end(each, destination)) is not None:
            unknown.append(open_end)
        elif each.refused is not None:
            lenient = [p for p in each.pieces(leniently=True) if p.speaks(destination.protocol)]
            if _would_open(lenient, destination):
                refused = each.refused
                unknown.append(finding("EGR761", refused.place, group=each.name, rule=str(refused)))
    for binding in space.unsure:
        group = index.bind(binding.group, binding.place, space.root)
        if binding.phase == "running" and (group.undefined or reaches(space, (*bound, group), destination)):
            why = binding.unsure or "the order of files"
            unknown.append(finding("EGR776", binding.place, group=binding.group, unsure=why))
    if not on_platform(index, space) and not index.says_what_is_global(space.root):
        unknown.append(finding("EGR169", space.place, space=str(space)))
    endless = next((index.overrun[root] for root in (space.root, *space.roots) if root in index.overrun), None)
    if endless is not None:
        unknown.append(finding("EGR1912", endless, path=endless.path, space=str(space)))
    if not space.is_configured:
        unknown.append(finding("EGR762", space.place, space=str(space)))
    return unknown


def _open_end(bound: Bound, destination: Destination) -> Finding | None:
    """A rule of which only the run knows the addresses, and that could open it by its protocol and ports.

    Of the platform's own groups it is known what those are: addresses of its services and no others.
    """
    public = destination.host is not None and known.service_of(destination.host) is None
    if bound.group is None or (bound.known is not None and (destination.service is not None or public)):
        return None
    fitting = (rule for rule in bound.group.rules if rule.unresolved and rule.speaks(destination.protocol))
    rule = next((rule for rule in fitting if meets(rule.ports or (), _ports(destination))), None)
    return finding("EGR749", rule.place, group=bound.name, words=rule.unresolved) if rule else None


def _would_open(pieces: Sequence[Piece], destination: Destination) -> bool:
    if destination.network is not None:
        network = ipaddress.ip_network(destination.network)
        wanted, version = Region(_ports(destination), (network_span(network),)), network.version
    else:
        wanted, version = Region(_ports(destination), (*PRIVATE_V4, *PUBLIC_V4)), 4
    return any(touches(piece, wanted) for piece in pieces if piece.version == version)


def _remarks(space: Space, bound: Sequence[Bound], found: Reach) -> list[Finding]:
    """Whose knowledge an allowance stands on, where the repository does not define the group itself."""
    places = {hit.place for hit in found.hits}
    whole = next((each for each in space.commands if not each.space and each.place in places), None)
    if whole is not None:
        return [finding("EGR727", whole.place, group=whole.group, org=whole.org)]
    groups = [each for each in bound if each.group is None and each.known and each.place in places]
    groups.sort(key=lambda each: not each.stated)
    if not groups:
        return []
    return [finding("EGR763", groups[0].place, group=groups[0].name, space=str(space))]


def _denial(
    index: Index, space: Space, workload: Workload, bound: Sequence[Bound], destination: Destination
) -> list[Finding]:
    """How a refusal looks here, and what hides in the repository."""
    facts = {"destination": str(destination)}
    remarks = [finding("EGR764", space.list_place, space=str(space), **facts)]
    used = proxies_of(index, workload)
    if used and destination.service is None:
        remarks = [finding("EGR1907", used[0].place, workload=workload.name, proxy=used[0].name, **facts)]
    for each in bound:
        if each.name in known.LABELS:
            right = known.LABELS[each.name]
            code = "EGR765" if right else "EGR766"
            remarks.append(finding(code, each.place, label=each.name, right=right, space=str(space)))
    if space.configs and not space.unassigns:
        remarks.append(finding("EGR767", space.place, space=str(space), name=space.space))
    return remarks
