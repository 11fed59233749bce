"""Whether a project's list lets a flow out, by the documented procedure; what is not documented stays unknown."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from skills.core.enforce.spans import Span, covers, meets, network_span
from skills.core.hosts import is_private
from skills.core.model import Destination, Finding, LayerView, Place, RuleHit, Workload, finding
from skills.core.platforms.infrastream.entries import Item, Kind, Reach
from skills.core.platforms.infrastream.index import Index
from skills.core.platforms.infrastream.manifests import LAYER, NAME, Project
from skills.core.platforms.infrastream.near import near_misses

# Names that never leave the Shared VPC. `.internal`: Google Cloud's and ICANN's private domain; the rest: RFC 6762,
# RFC 6761 and Kubernetes.
_INSIDE = ("internal", "local", "localhost", "svc")
_GOOGLE_APIS = "googleapis.com"


@dataclass(frozen=True, slots=True)
class Match:
    """What one manifest's list says of a destination: items that cover it, and what would have to be known."""

    items: tuple[Item, ...] = ()
    unverified: bool = False
    unknown: tuple[Finding, ...] = ()


def decide(index: Index, workload: Workload, destination: Destination) -> Sequence[LayerView]:
    manifests = index.of(workload)
    if not manifests:
        return ()
    places = tuple(project.list_place or project.place for project in manifests)
    outside = not_governed(index, manifests[0], destination)
    if outside is not None:
        return (LayerView(LAYER, NAME, "deny", isolators=places, unknown=(outside,)),)
    faults = tuple(fault for project in manifests for fault in list_faults(project))
    matches = [match(project, destination) for project in manifests]
    unknown = (*_doubts(manifests, matches), *_unlisted(manifests, destination))
    if all(found.items for found in matches) and not unknown:
        hits = tuple(RuleHit("allow", item.place) for found in matches for item in found.items)
        remarks = _remarks(matches[0], destination)
        return (LayerView(LAYER, NAME, "deny", hits, isolators=places, findings=(*remarks, *faults)),)
    view = LayerView(
        LAYER,
        NAME,
        "deny",
        isolators=places,
        near=near_misses(index, manifests, destination),
        unknown=unknown,
        findings=(*faults, *_denial_remarks(manifests[0], destination)),
    )
    return (view,)


def not_governed(index: Index, project: Project, destination: Destination) -> Finding | None:
    """The finding for what allowedEgress does not rule: it only rules what leaves the Shared VPC."""
    facts = {"destination": destination.name, "project": str(project)}
    if destination.host is None and destination.network is None:
        return finding("EGR702", project.place, **facts)
    if _is_inside(index, project, destination):
        return finding("EGR701", project.place, **facts)
    return None


def _is_inside(index: Index, project: Project, destination: Destination) -> bool:
    if destination.host is None:
        return is_private(destination.network or "")
    host = destination.host.removeprefix("*.")
    named_inside = "." not in destination.host or host.rpartition(".")[2] in _INSIDE
    addressed_inside = bool(destination.addresses) and all(map(is_private, destination.addresses))
    return named_inside or addressed_inside or index.is_internal(project, host)


def match(project: Project, destination: Destination) -> Match:
    """What the project's own list says, before doubts about the manifest itself."""
    templated = tuple(item for item in project.items if item.kind is Kind.TEMPLATED)
    found = _match_host(project, destination) if destination.host else _match_network(project, destination)
    if found.items or not templated:
        return found
    doubts = tuple(
        finding("EGR718", item.place, entry=item.written, destination=destination.name) for item in templated
    )
    return Match(unknown=(*found.unknown, *doubts))


def _match_host(project: Project, destination: Destination) -> Match:
    host = destination.host or ""
    reached = [(item, item.covers_host(host)) for item in project.items]
    for reach in (Reach.YES, Reach.UNVERIFIED):
        items = tuple(item for item, how in reached if how is reach)
        if items:
            return Match(items, reach is Reach.UNVERIFIED)
    ranges = [item for item in project.items if item.network and not is_private(item.network)]
    if not ranges:
        return Match()
    if not destination.addresses:
        # Whatever a name resolves to, it has an IPv4 address; of one that has others as well, only --ip can say so.
        everything = tuple(item for item in ranges if item.network == "0.0.0.0/0")
        if everything:
            return Match(everything)
        return Match(unknown=(finding("EGR706", ranges[0].place, project=str(project), host=host),))
    inside = [item for item in ranges if any(_holds(item, address) for address in destination.addresses)]
    missing = [a for a in destination.addresses if not any(_holds(item, a) for item in ranges)]
    if inside and missing:
        facts = {"host": host, "covered": inside[0].written, "missing": ", ".join(missing[:5])}
        return Match(unknown=(finding("EGR708", inside[0].place, **facts),))
    return Match(tuple(inside))


def _match_network(project: Project, destination: Destination) -> Match:
    network = ipaddress.ip_network(destination.network or "")
    wanted = network_span(network)
    spans: list[tuple[Item, Span]] = []
    for item in project.items:
        ranged = item.span
        if ranged is not None and ranged[0] == network.version and meets([ranged[1]], [wanted]):
            spans.append((item, ranged[1]))
    if covers([span for _, span in spans], [wanted]):
        return Match(tuple(item for item, _ in spans))
    named = [item for item in project.items if item.host is not None]
    if named and destination.ip:
        facts = {"project": str(project), "ip": destination.ip}
        return Match(unknown=(finding("EGR707", named[0].place, **facts),))
    return Match()


def _holds(item: Item, address: str) -> bool:
    ranged, wanted = item.span, ipaddress.ip_address(address)
    return ranged is not None and ranged[0] == wanted.version and ranged[1][0] <= int(wanted) <= ranged[1][1]


def _doubts(manifests: Sequence[Project], matches: Sequence[Match]) -> tuple[Finding, ...]:
    """What keeps a match from being certain. A list that may not be in force can only be doubted, not denied."""
    unknown = [doubt for found in matches for doubt in found.unknown]
    matched = [project for project, found in zip(manifests, matches, strict=True) if found.items]
    if matched and len(matched) < len(manifests):
        unknown.append(declared_twice(manifests))
    unknown += [doubt for project in matched if not project.sure for doubt in _misspelt(project)]
    return tuple(unknown)


def _unlisted(manifests: Sequence[Project], destination: Destination) -> list[Finding]:
    """Where something else than a list names the very destination, nobody knows what Infrastream makes of it."""
    odd = [each for each in manifests if not each.is_list and match(each._replace(items=each.odd), destination).items]
    return [finding("EGR711", _list_place(each), project=str(each)) for each in odd]


def declared_twice(manifests: Sequence[Project]) -> Finding:
    places = [project.place for project in manifests]
    facts = {"project": str(manifests[0]), "first": str(places[0]), "second": str(places[-1])}
    return finding("EGR717", *places, **facts)


def _misspelt(project: Project) -> list[Finding]:
    return [fault for fault in project.faults if fault.code == "EGR712"]


def list_faults(project: Project) -> list[Finding]:
    """Faults of the manifest that bear on any answer about it."""
    faults = list(project.faults)
    if project.misplaced:
        facts = {"project": str(project), "entries": ", ".join(item.written for item in project.misplaced[:5])}
        faults.append(finding("EGR709", project.misplaced[0].place, **facts))
    if not project.is_list:
        faults.append(finding("EGR711", _list_place(project), project=str(project)))
    return faults


def _list_place(project: Project) -> Place:
    return project.list_place or project.place


def _remarks(found: Match, destination: Destination) -> list[Finding]:
    """What must be said with an allowance: how far the rule reaches in ports, and how sure a wildcard is."""
    item = found.items[0]
    remarks = []
    if found.unverified:
        facts = {"entry": item.written, "host": destination.name}
        remarks.append(finding("EGR705", item.place, **facts))
    port = str(destination.ports) if destination.ports else "that port"
    remarks.append(finding("EGR704", item.place, entry=item.written, port=port, protocol=destination.protocol))
    return remarks


def _denial_remarks(project: Project, destination: Destination) -> list[Finding]:
    remarks = []
    if project.is_list and not project.items:
        remarks.append(finding("EGR703", _list_place(project), project=str(project)))
    if destination.host and destination.host.endswith(f".{_GOOGLE_APIS}"):
        remarks.append(finding("EGR710", project.place, host=destination.host))
    return remarks
