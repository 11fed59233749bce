"""Egress gateways: a VirtualService that sends a host's traffic to a gateway's pods before it leaves.

Source: https://istio.io/latest/docs/tasks/traffic-management/egress/egress-gateway/
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence

from skills.core.enforce.kube_policy import Pods
from skills.core.enforce.mesh_hosts import exported, overlap, within
from skills.core.model import Destination, LayerView, NearMiss, Ports, finding
from skills.core.platforms.istio.authz import Client, at_pods
from skills.core.platforms.istio.entries import Gateway, Hop, VirtualService
from skills.core.platforms.istio.scope import Scope

_INSIDE = (".svc.cluster.local", ".svc")
_KINDS = {"http": "http", "tls": "tls"}


def at_gateway(scope: Scope, view: LayerView, client: Client, declared: Container[tuple[str, str]]) -> LayerView:
    """The view with what the way through an egress gateway adds; unchanged where nothing steers the host there.

    A gateway lets out what a server of its Gateway lists and a route takes on from there, and only hosts whose
    entries are exported to it. What of this no file here says leaves the answer open. `declared` are (namespace,
    name) of the Services that stand here.
    """
    found = steered(scope, client.pods, client.to)
    if found is None:
        return _led_elsewhere(scope, view, client)
    service, hop = found
    host = hop.to[0][0]
    home = host.split(".")[1]
    through = finding("EGR525", hop.place, host=client.to.name, gateway=host, route=service.name)
    view = view._replace(findings=(*view.findings, through))
    onward = set(_onward(scope, client.to, home))
    named = {_full(name, service.namespace) for name in service.gateways if name != "mesh"} | onward
    known = [gateway for gateway in scope.gateways if (gateway.namespace, gateway.name) in named]
    open_ = [gateway for gateway in known if _exposes(scope, gateway, client.to, hop)]
    if named and len(known) == len(named) and not open_:
        return _closed(view, known[0], client, hop)
    hidden = _hidden(scope, client.to, home)
    if hidden is not None:
        return view._replace(default="deny", allows=(), near=(hidden, *view.near))
    if not any((gateway.namespace, gateway.name) in onward for gateway in open_):
        unsaid = finding("EGR500", hop.place, host=client.to.name, gateway=host, route=service.name)
        view = view._replace(doubts=(*view.doubts, unsaid))
    labels = open_[0].selector.labels if open_ else None
    view = view._replace(detour=_way(host, home, labels, hop.to[0][1], declared=declared))
    return at_pods(scope, view, client, [Pods(host, home, {}, labels, partial=True)])


def _led_elsewhere(scope: Scope, view: LayerView, client: Client) -> LayerView:
    """Where a route of the mesh takes all of the host's traffic to another name, or answers it itself, the host is not
    reached, whatever the registry allows."""
    for service in _about(scope, client.pods, client.to):
        hop = next((hop for hop in _mesh_hops(service, client.to) if not hop.some), None)
        names = [host for host, _ in hop.to] if hop else []
        if hop is None or any(within(client.to.host or "", name) for name in names):
            continue
        where = ", ".join(filter(None, names)) or "an answer of the proxy itself"
        doubt = finding("EGR227", hop.place, host=client.to.name, route=service.name, where=where)
        return view._replace(doubts=(*view.doubts, doubt))
    return view


def _way(
    host: str, home: str, labels: Mapping[str, str] | None, port: int | None, *, declared: Container[tuple[str, str]]
) -> Destination:
    """The gateway as the network sees it. The port of its pods is known where its Service is declared."""
    name = host.partition(".")[0]
    ports = Ports(port, port) if port else None
    if (home, name) in declared or not labels:
        return Destination(f"{host}:{port}" if port else host, host=host, ports=ports)
    said = ",".join(f"{key}={value}" for key, value in labels.items())
    return Destination(f"workload://{home}/{name}", workload=f"{home}/{name}{{{said}}}")


def gateways_of(scope: Scope, to: Destination, hop: Hop) -> list[Gateway]:
    """The Gateways of that way which list the host and take it on."""
    onward = set(_onward(scope, to, hop.to[0][0].split(".")[1]))
    known = [gateway for gateway in scope.gateways if (gateway.namespace, gateway.name) in onward]
    return [gateway for gateway in known if _exposes(scope, gateway, to, hop)]


def gets_out(scope: Scope, pods: Pods, to: Destination) -> bool:
    """Whether a gateway takes the host, and takes it on."""
    found = steered(scope, pods, to)
    if found is None or not gateways_of(scope, to, found[1]):
        return False
    return _hidden(scope, to, found[1].to[0][0].split(".")[1]) is None and any(scope.named(to.host or ""))


def _closed(view: LayerView, gateway: Gateway, client: Client, hop: Hop) -> LayerView:
    facts = {"gateway": gateway.name, "host": client.to.name, "port": str(hop.to[0][1] or client.to.ports)}
    closed = finding("EGR524", gateway.place, **facts)
    return view._replace(default="deny", allows=(), near=(NearMiss(closed, gateway.place, 0), *view.near))


def _onward(scope: Scope, to: Destination, home: str) -> Iterator[tuple[str, str]]:
    """(namespace, name) of Gateways from which a route takes the host on to somewhere outside the cluster."""
    for service in scope.virtual:
        if not any(within(to.host or "", name) for name in service.hosts):
            continue
        if not exported(service.export_to, service.namespace, home):
            continue
        for hop in service.hops:
            named = not hop.sni or any(within(to.host or "", name) for name in hop.sni)
            if named and hop.to and not any(host.endswith(_INSIDE) for host, _ in hop.to):
                yield from (_full(name, service.namespace) for name in hop.gateways if name != "mesh")


def _full(name: str, home: str) -> tuple[str, str]:
    namespace, _, short = name.rpartition("/")
    return namespace or home, short


def _hidden(scope: Scope, to: Destination, home: str) -> NearMiss | None:
    """Where entries name the host and none of them is exported to the gateway's namespace, it knows no such host."""
    entries = list(scope.named(to.host or ""))
    if not entries or any(scope.shown(entry, home) for entry in entries):
        return None
    first = entries[0]
    unseen = finding("EGR148", first.place, host=to.name, home=first.namespace, namespace=home)
    return NearMiss(unseen, first.place, 0)


def steered(scope: Scope, pods: Pods, to: Destination) -> tuple[VirtualService, Hop] | None:
    """The first VirtualService of the mesh that sends this flow to a service inside the cluster."""
    for service in _about(scope, pods, to):
        for hop in _mesh_hops(service, to):
            inside = [host for host, _ in hop.to if host.endswith(_INSIDE)]
            if inside and len(inside) == len(hop.to):
                return service, hop
            break
    return None


def _about(scope: Scope, pods: Pods, to: Destination) -> Iterator[VirtualService]:
    """The VirtualServices that these pods see and that are about the host."""
    for service in scope.virtual:
        if to.host is None or not any(within(to.host, name) for name in service.hosts):
            continue
        if exported(service.export_to, service.namespace, pods.namespace):
            yield service


def _mesh_hops(service: VirtualService, to: Destination) -> Iterator[Hop]:
    for hop in service.hops:
        ports = to.ports
        fits = hop.port is None or (ports is not None and ports.first <= hop.port <= ports.last)
        spoken = to.application is None or hop.kind == "tcp" or _KINDS[hop.kind] == to.application
        named = not hop.sni or any(within(to.host or "", name) for name in hop.sni)
        if "mesh" in hop.gateways and fits and spoken and named:
            yield hop


def _exposes(scope: Scope, gateway: Gateway, to: Destination, hop: Hop) -> bool:
    """Whether a server of the gateway lists the host on the port to which the mesh sends it, for routes from there."""
    arrives = {number for _, number in hop.to} - {None}
    key = (gateway.namespace, gateway.name)
    routes = {
        each.namespace for each in scope.virtual if key in {_full(name, each.namespace) for name in each.gateways}
    }
    taken = {"*", *routes, *("." for home in routes if home == gateway.namespace)}
    return any(
        overlap(to.host or "", name) and home in taken
        for server in gateway.servers
        if not arrives or server.port in arrives
        for name, home in zip(server.hosts, server.homes, strict=True)
    )


def dangling(scope: Scope) -> Sequence[tuple[VirtualService, Hop, str]]:
    """Routes of the mesh to names outside the cluster that nothing registers."""
    return [
        (service, hop, host)
        for service in scope.virtual
        for hop in service.hops
        for host, _ in hop.to
        if host and "." in host and ".svc" not in host and not any(True for _ in scope.named(host))
    ]
