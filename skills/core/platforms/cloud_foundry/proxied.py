"""What an egress proxy lets through for an app, and whether the app surely speaks through it.

An app does so by its manifest (`https_proxy`), or by a network policy to the proxy. Where a proxy has several clients,
each has credentials and a list of its own, and the files rarely say whose an app holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from skills.core.hosts import is_private, shown
from skills.core.model import Destination, Finding, RuleHit, Workload, finding
from skills.core.platforms.cloud_foundry import known
from skills.core.platforms.cloud_foundry.index import Index, Reach, Space
from skills.core.platforms.cloud_foundry.proxy import Proxy, goes_around, serves
from skills.core.platforms.cloud_foundry.routes import leads_from, policies_to

_TLS, _PLAIN = 61443, 8080

WayOut = Callable[[Space], Reach]


def proxies_of(index: Index, workload: Workload) -> tuple[Proxy, ...]:
    """The lists that may count for the app: those of its client's name, else all of its proxy's."""
    app = _app(workload)
    hosts = {each.proxy for each in index.manifests(app) if each.proxy}
    space = index.of(workload)
    found = []
    for proxy in index.proxies:
        unlike_others = _is_here(proxy, space) or proxy.hostname != proxy.name.lower()
        named = unlike_others and any(serves(proxy, host) for host in hosts)
        if named or _policy(index, space, app, proxy):
            found.append(proxy)
    own = [proxy for proxy in found if proxy.client and proxy.client.casefold() == app.casefold()]
    return tuple(own or found)


def _app(workload: Workload) -> str:
    return workload.name.removeprefix(f"{workload.scope}/")


def _is_here(proxy: Proxy, space: Space | None) -> bool:
    """Whether the proxy is run by the Terraform root of the space, or by none."""
    return space.means(proxy.root) if space else proxy.root in (None, "")


def _policy(index: Index, space: Space | None, app: str, proxy: Proxy) -> bool:
    """Whether a policy leads to the proxy. To that of another root only one does that names its space: the same names
    stand in the root of each environment."""
    here = _is_here(proxy, space)
    names = {proxy.name, proxy.app, proxy.hostname} - {""} if here else {proxy.name}
    home = proxy.space.rpartition("/")[2]
    found = policies_to(index, space, app, names, (_TLS, _PLAIN))
    return any(here or (home != "" and each.there == home) for each in found)


def through_proxy(index: Index, workload: Workload, destination: Destination, way_out: WayOut) -> Reach:
    """Whether all lists that may count let it through; where only some do, that is not known.

    `way_out` says what the groups of a space say of the destination: the proxy's own must open it too.
    """
    mine = proxies_of(index, workload)
    if not mine:
        return Reach(unknown=_perhaps(index, workload, destination))
    hits = [entry for proxy in mine if (entry := proxy.lets_through(destination)) is not None]
    around = _around(index, workload, destination, mine[0]) if hits else Reach()
    if around.findings:
        return around
    unknown = [*_unsure(mine, destination), *around.unknown]
    app, space = _app(workload), index.of(workload)
    if hits and space and index.policies and not any(_policy(index, space, app, proxy) for proxy in mine):
        facts = {"workload": workload.name, "proxy": mine[0].name, "port": str(_TLS)}
        unknown.append(finding("EGR126", hits[0].place, **facts))
    if hits and len(hits) < len(mine):
        clients = ", ".join(proxy.client or proxy.name for proxy in mine)
        facts = {
            "proxy": mine[0].name,
            "clients": clients,
            "destination": destination.name,
            "workload": workload.name,
        }
        unknown.append(finding("EGR740", hits[0].place, **facts))
    if unknown or not hits:
        return Reach(unknown=tuple(unknown), findings=_why_not(mine, destination))
    for proxy in mine:
        closed = _closed(index, proxy, destination, way_out)
        if closed is not None:
            return closed
    said = finding("EGR773", hits[0].place, proxy=mine[0].name, destination=destination.name, workload=workload.name)
    return Reach(tuple(RuleHit("allow", entry.place) for entry in hits), findings=(said,))


def _unsure(mine: Sequence[Proxy], destination: Destination) -> Iterator[Finding]:
    """What of the lists only the run knows, entries that the proxy does not take, and ranges that it denies."""
    name = destination.name
    for each in mine:
        if each.unsure:
            yield finding("EGR750", each.place, proxy=each.name, unsure=each.unsure, destination=name)
        if each.lets_through(destination) is None:
            continue
        refused = each.refused
        if refused is not None:
            yield finding("EGR1901", refused.place, proxy=each.name, entry=refused.said, destination=name)
        denied = next((entry for entry in each.deny if entry.may_cover(destination)), None)
        if denied is not None:
            yield finding("EGR1905", denied.place, proxy=each.name, entry=denied.text, destination=name)


def _around(index: Index, workload: Workload, destination: Destination, proxy: Proxy) -> Reach:
    """Whether the app's own environment keeps the destination away from the proxy."""
    facts = {"workload": workload.name, "proxy": proxy.name, "destination": destination.name}
    maybe: list[Finding] = []
    for each in index.manifests(_app(workload)):
        if each.plain and destination.application != "http":
            maybe.append(finding("EGR1918", each.place, **facts))
        for entry in each.around:
            goes = goes_around(entry, destination)
            if goes:
                return Reach(findings=(finding("EGR1903", each.place, entry=shown(entry), **facts),))
            if goes is None:
                maybe.append(finding("EGR1904", each.place, entry=shown(entry), **facts))
    return Reach(unknown=tuple(maybe[:1]))


def _perhaps(index: Index, workload: Workload, destination: Destination) -> tuple[Finding, ...]:
    """Policies of which only the run knows whether they lead the app to a proxy that would let it through."""
    space, app = index.of(workload), _app(workload)
    open_ = [proxy for proxy in index.proxies if proxy.lets_through(destination) is not None]
    found = (
        finding("EGR127", each.place, unsure=each.unsure, source=app, there=proxy.name, port=str(_TLS))
        for each in index.policies
        if each.unsure and not each.removes and leads_from(each, app, space)
        for proxy in open_
        if proxy.root in (None, each.root) and each.target in {proxy.name, proxy.app} - {""}
    )
    return tuple(islice(found, 1))


def _closed(index: Index, proxy: Proxy, destination: Destination, way_out: WayOut) -> Reach | None:
    """What keeps the proxy itself from the destination, as far as files say what its space binds; else None.

    Where no file says anything of its space it is taken to have a way out to the internet, for that is its purpose.
    """
    facts = {"proxy": proxy.name, "destination": destination.name}
    spaces = index.called(*proxy.space.split("/")) if proxy.space else ()
    if not spaces or not all(each.is_configured for each in spaces):
        written = [destination.network] if destination.network else list(destination.addresses)
        inside = any(is_private(each) for each in written)
        return Reach(unknown=(finding("EGR1900", proxy.place, **facts),)) if inside else None
    out = [way_out(each) for each in spaces]
    if any(each.hits for each in out):
        return None
    if any(each.unknown for each in out) or any(each.unsure or _is_open_ended(index, each) for each in spaces):
        return Reach(unknown=(finding("EGR1900", proxy.place, **facts),))
    said = finding("EGR700", proxy.place, proxy=proxy.name, space=proxy.space, group=known.PUBLIC)
    return Reach(findings=(said,))


def _is_open_ended(index: Index, space: Space) -> bool:
    """Whether it binds a group whose rules nobody knows."""
    bound = index.bound(space)
    return any(each.undefined or (each.group is not None and each.group.unresolved is not None) for each in bound)


def _why_not(mine: Sequence[Proxy], destination: Destination) -> tuple[Finding, ...]:
    """A host that is listed and stays closed: its port, or the deny list."""
    for proxy in mine:
        listed = next((entry for entry in proxy.allow if entry.covers(destination)), None)
        if listed is not None and not proxy.passes(destination):
            ports = proxy.ports_text
            facts = {"proxy": proxy.name, "host": destination.name, "ports": ports, "port": str(destination.ports)}
            return (finding("EGR729", listed.place, **facts),)
        denied = next((entry for entry in proxy.deny if entry.touches(destination)), None)
        if denied is not None:
            facts = {"proxy": proxy.name, "host": destination.name, "entry": denied.text}
            return (finding("EGR731" if denied.covers(destination) else "EGR1906", denied.place, **facts),)
    return ()
