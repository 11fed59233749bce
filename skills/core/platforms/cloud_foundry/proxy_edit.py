"""The list of an egress proxy that an app uses already: one entry opens one host, a group the whole internet."""

from __future__ import annotations

from skills.core.hosts import is_private
from skills.core.model import Destination, Workload
from skills.core.platforms.cloud_foundry import known
from skills.core.platforms.cloud_foundry.binding import Desk
from skills.core.platforms.cloud_foundry.caddy import with_line, without_line
from skills.core.platforms.cloud_foundry.proxied import proxies_of
from skills.core.platforms.cloud_foundry.proxy import Proxy, with_entry, without_entry
from skills.core.platforms.cloud_foundry.tf_edit import with_host, with_port, without_host


def put_on_proxy(desk: Desk, workload: Workload, destination: Destination) -> bool:
    """The list of the proxy that the app uses already: one entry opens one host, a group the whole internet."""
    mine = proxies_of(desk.index, workload)
    proxy = mine[0] if mine else None
    name = destination.host or destination.ip or destination.network
    denied = next((entry for each in mine for entry in each.deny if entry.touches(destination)), None)
    if proxy is not None and denied is not None:
        facts = {"proxy": proxy.name, "entry": denied.said, "place": str(denied.place), "destination": name or ""}
        desk.say("EGR1917", **facts)
        return True
    if proxy is not None and len(mine) == 1 and name is not None and _opens_port(desk, proxy, destination, name):
        desk.say("EGR1914", proxy=proxy.name, port=str(destination.ports), ports=proxy.ports_text)
        return True
    passes = proxy is not None and proxy.passes(destination)
    inside = destination.network is not None and is_private(destination.network)
    if proxy is None or name is None or not passes or inside or proxy.place.path not in desk.texts:
        return False
    if len(mine) > 1:
        clients = ", ".join(each.client or each.name for each in mine)
        desk.say("EGR125", proxy=proxy.name, clients=clients, workload=workload.name, destination=name)
        return True
    if proxy.acl:
        if proxy.unsure or proxy.acl not in desk.texts:
            return False
        desk.write(proxy.acl, with_line(desk.texts[proxy.acl], name))
    elif proxy.document < 0 and proxy.root is None:
        return False
    elif proxy.root is not None:
        if proxy.unsure or not with_host(desk, proxy, name):
            return False
    else:
        path = proxy.place.path
        desk.write(path, with_entry(path, desk.texts[path], proxy.document, name))
    desk.say("EGR773", proxy=proxy.name, destination=name, workload=workload.name)
    return True


def _opens_port(desk: Desk, proxy: Proxy, destination: Destination, name: str) -> bool:
    """A port more that the proxy passes, and the host where it is not on the list. False where it can't be written."""
    ports = destination.ports
    one = ports is not None and ports.first == ports.last and destination.protocol == "tcp"
    web = bool(destination.host or (destination.network and not is_private(destination.network)))
    if ports is None or not one or not web or proxy.passes(destination) or proxy.root is None or proxy.unsure:
        return False
    before, listed = desk.copy(), any(entry.covers(destination) for entry in proxy.allow)
    if with_port(desk, proxy, ports.first) and (listed or with_host(desk, proxy, name)):
        return True
    desk.back_to(before)
    return False


def take_from_proxy(desk: Desk, workload: Workload, destination: Destination) -> bool:
    """Takes away the entry that says exactly this; True if there was one."""
    removed = False
    mine = proxies_of(desk.index, workload)
    proxy = mine[0] if len(mine) == 1 else None
    name = destination.host or destination.ip or destination.network
    if proxy is not None and name is not None and proxy.root is not None:
        removed = without_host(desk, proxy, name) or removed
    elif proxy is not None and name is not None and proxy.acl in desk.texts:
        shorter = without_line(desk.texts[proxy.acl], name)
        if shorter is not None:
            desk.write(proxy.acl, shorter)
            removed = True
    elif proxy is not None and name is not None and proxy.document >= 0 and proxy.place.path in desk.texts:
        path = proxy.place.path
        text = without_entry(path, desk.texts[path], proxy.document, name)
        if text is not None:
            desk.write(path, text)
            removed = True
    return removed


def say_proxy(desk: Desk, group: str, destination: Destination) -> None:
    """A proxy that is there already opens one host where the group opens the internet."""
    if group == known.PUBLIC and desk.index.proxies and destination.protocol == "tcp":
        proxy = desk.index.proxies[0]
        desk.say("EGR796", group=group, proxy=proxy.name, listed=str(proxy.place))
