"""What an egress proxy lets through for an app, and whether the app surely speaks through it.

An app does so by its manifest (`https_proxy`), or by a network policy to the proxy. Where a proxy has several clients,
each has credentials and a list of its own, and the files rarely say whose an app holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from skills.core.enforce.spans import covers
from skills.core.model import Destination, Finding, RuleHit, Workload, finding
from skills.core.platforms.cloud_foundry import known
from skills.core.platforms.cloud_foundry.index import Index, Reach, Space
from skills.core.platforms.cloud_foundry.proxy import HTTPS, Proxy, serves
from skills.core.platforms.cloud_foundry.routes import leads_from, policies_to

_TLS, _PLAIN = 61443, 8080


def proxies_of(index: Index, workload: Workload) -> tuple[Proxy, ...]:
    """The lists that may count for the app: those of its client's name, else all of its proxy's."""
    app = workload.name.removeprefix(f"{workload.scope}/").casefold()
    hosts = {each.proxy for each in index.apps if each.name.casefold() == app and each.proxy}
    space = index.of(workload)
    found = []
    for proxy in index.proxies:
        unlike_others = _is_here(proxy, space) or proxy.hostname != proxy.name.lower()
        named = unlike_others and any(serves(proxy, host) for host in hosts)
        if named or _policy(index, space, app, proxy):
            found.append(proxy)
    own = [proxy for proxy in found if proxy.client and proxy.client.casefold() == app]
    return tuple(own or found)


def _is_here(proxy: Proxy, space: Space | None) -> bool:
    """Whether the proxy is run by the Terraform root of the space, or by none."""
    return proxy.root in (None, space.root if space else "")


def _policy(index: Index, space: Space | None, app: str, proxy: Proxy) -> bool:
    """Whether a policy leads to the proxy. To that of another root only one does that names its space: the same names
    stand in the root of each environment."""
    here = _is_here(proxy, space)
    names = {proxy.name, proxy.app, proxy.hostname} - {""} if here else {proxy.name}
    home = proxy.space.rpartition("/")[2]
    found = policies_to(index, space, app, names, (_TLS, _PLAIN))
    return any(here or (home != "" and each.there == home) for each in found)


def through_proxy(index: Index, workload: Workload, destination: Destination) -> Reach:
    """Whether all lists that may count let it through; where only some do, that is not known."""
    mine = proxies_of(index, workload)
    if not mine:
        return Reach(unknown=_perhaps(index, workload, destination))
    hits = [entry for proxy in mine if (entry := proxy.lets_through(destination)) is not None]
    name = destination.name
    unknown = [
        finding("EGR750", each.place, proxy=each.name, unsure=each.unsure, destination=name)
        for each in mine
        if each.unsure
    ]
    app = workload.name.removeprefix(f"{workload.scope}/").casefold()
    space = index.of(workload)
    if hits and space and index.policies and not any(_policy(index, space, app, proxy) for proxy in mine):
        facts = {"workload": workload.name, "proxy": mine[0].name, "port": str(_TLS)}
        unknown.append(finding("EGR126", hits[0].place, **facts))
    if hits and len(hits) < len(mine):
        clients = ", ".join(proxy.client or proxy.name for proxy in mine)
        facts = {"proxy": mine[0].name, "clients": clients, "destination": name, "workload": workload.name}
        unknown.append(finding("EGR740", hits[0].place, **facts))
    if unknown or not hits:
        return Reach(unknown=tuple(unknown), findings=_why_not(mine, destination))
    dead = next((proxy for proxy in mine if _is_closed(index, proxy)), None)
    if dead is not None:
        said = finding("EGR700", dead.place, proxy=dead.name, space=dead.space, group=known.PUBLIC)
        return Reach(findings=(said,))
    said = finding("EGR773", hits[0].place, proxy=mine[0].name, destination=name, workload=workload.name)
    return Reach(tuple(RuleHit("allow", entry.place) for entry in hits), findings=(said,))


def _perhaps(index: Index, workload: Workload, destination: Destination) -> tuple[Finding, ...]:
    """Policies of which only the run knows whether they lead the app to a proxy that would let it through."""
    space, app = index.of(workload), workload.name.removeprefix(f"{workload.scope}/")
    open_ = [proxy for proxy in index.proxies if proxy.lets_through(destination) is not None]
    found = (
        finding("EGR127", each.place, unsure=each.unsure, source=app, there=proxy.name, port=str(_TLS))
        for each in index.policies
        if each.unsure and not each.removes and leads_from(each, app, space)
        for proxy in open_
        if proxy.root in (None, each.root) and each.target in {proxy.name, proxy.app} - {""}
    )
    return tuple(islice(found, 1))


def _is_closed(index: Index, proxy: Proxy) -> bool:
    """Whether the files say that the proxy's own space has no way out."""
    spaces = index.called(*proxy.space.split("/")) if proxy.space else ()
    return bool(spaces) and all(each.is_configured and not each.unsure and not _opens(index, each) for each in spaces)


def _opens(index: Index, space: Space) -> bool:
    """Whether any group opens 443, or one whose rules nobody knows is bound."""
    for each in index.bound(space):
        unknown = each.undefined or (each.group is not None and each.group.unresolved is not None)
        if unknown or any(piece.speaks("tcp") and covers(piece.region.ports, HTTPS) for piece in each.pieces()):
            return True
    return False


def _why_not(mine: Sequence[Proxy], destination: Destination) -> tuple[Finding, ...]:
    """A host that is listed and stays closed: its port, or the deny list."""
    for proxy in mine:
        listed = next((entry for entry in proxy.allow if entry.covers(destination)), None)
        if listed is not None and not proxy.passes(destination):
            ports = ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in proxy.ports)
            facts = {"proxy": proxy.name, "host": destination.name, "ports": ports, "port": str(destination.ports)}
            return (finding("EGR729", listed.place, **facts),)
        denied = next((entry for entry in proxy.deny if entry.covers(destination)), None)
        if denied is not None:
            facts = {"proxy": proxy.name, "host": destination.name, "entry": denied.text}
            return (finding("EGR731", denied.place, **facts),)
    return ()
