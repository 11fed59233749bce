"""What the groups open, for comparing before with after, and what a new permission opens beyond the need."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from skills.core.model import Finding, Grant, Isolation, Need, finding
from skills.core.platforms.cloud_foundry.documents import LAYER
from skills.core.platforms.cloud_foundry.index import Index, Space
from skills.core.platforms.cloud_foundry.near import INTERNET, opened
from skills.core.platforms.cloud_foundry.routes import POLICY_LAYER, asks_for

_BEHIND = "apps behind "


def grants(index: Index) -> Sequence[Grant]:
    listed = [
        Grant(f"{_BEHIND}{proxy.name}", entry.text, proxy.ports_text, "tcp", LAYER)
        for proxy in index.proxies
        for entry in proxy.allow
    ]
    listed += [
        Grant(_app(each.org, each.space, each.source), _route(each.target), each.ports, each.protocol, POLICY_LAYER)
        for each in index.policies
        if not each.removes and not each.unsure
    ]
    return listed + [
        Grant(_source(index, space), target, ports, protocol, LAYER)
        for space in index.spaces.values()
        for each in index.bound(space)
        for target, ports, protocol in opened(each)
    ]


def _source(index: Index, space: Space) -> str:
    label = index.labels[space.root]
    return f"{space.scope} ({label})" if label else space.scope


def _app(*parts: str) -> str:
    return "/".join(part for part in parts if part)


def _route(app: str) -> str:
    return f"the internal route of {app}"


def isolations(index: Index) -> Sequence[Isolation]:
    """Nothing leaves any space but what its groups open, whether a file names the space or not."""
    return [Isolation("every space", LAYER)] if index.spaces or index.groups or index.commands else []


def wider(grant: Grant, need: Need) -> Sequence[Finding]:
    """A group serves every app of its space; the public one opens the whole internet."""
    facts = {"source": grant.source, "target": grant.target, "ports": grant.ports}
    if grant.layer == POLICY_LAYER:
        routes = [asks_for(need.workload, each) for each in need.destinations]
        meant = any((_route(there), port) == (grant.target, grant.ports) for there, port in routes)
        return [] if meant else [finding("EGR789", **facts)]
    if grant.source.startswith(_BEHIND):
        asked_ports = {str(each.ports) for each in need.destinations if each.name == grant.target and each.ports}
        code = "EGR1916" if asked_ports == {grant.ports} else "EGR1915"
        return [finding(code, proxy=grant.source.removeprefix(_BEHIND), **facts)]
    if grant.target == INTERNET:
        return [finding("EGR788", **facts)]
    if not grant.source.startswith(need.workload.scope):
        return [finding("EGR789", **facts)]
    asked = [each for each in need.destinations if _asked(grant, each.service, each.network, each.addresses)]
    if not asked:
        return [finding("EGR789", **facts)]
    ports = {str(each.ports) for each in asked if each.ports}
    found = [finding("EGR790", **facts)]
    if ports and grant.ports not in ports:
        found.append(finding("EGR789", **facts))
    return found


def _asked(grant: Grant, service: str | None, network: str | None, addresses: tuple[str, ...]) -> bool:
    if service is not None:
        return grant.target == f"brokered {service}"
    wanted = [network] if network else list(addresses)
    return any(_same(grant.target, each) for each in wanted)


def _same(target: str, network: str) -> bool:
    try:
        return ipaddress.ip_network(target, strict=False) == ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False
