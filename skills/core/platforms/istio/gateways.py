"""Egress gateways: a VirtualService that sends a host's traffic to a gateway's pods before it leaves.

Source: https://istio.io/latest/docs/tasks/traffic-management/egress/egress-gateway/
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from skills.core.enforce.kube_policy import Pods
from skills.core.enforce.mesh_hosts import exported, overlap, within
from skills.core.model import Destination, LayerView, NearMiss, finding
from skills.core.platforms.istio.authz import Client, at_pods
from skills.core.platforms.istio.entries import Gateway, Hop, VirtualService
from skills.core.platforms.istio.scope import Scope

_INSIDE = (".svc.cluster.local", ".svc")
_KINDS = {"http": "http", "tls": "tls"}


def at_gateway(scope: Scope, view: LayerView, client: Client) -> LayerView:
    """The view with what the way through an egress gateway adds; unchanged where nothing steers the host there."""
    found = steered(scope, client.pods, client.to)
    if found is None:
        return view
    service, hop = found
    named = [name for name in service.gateways if name != "mesh"]
    known = [gateway for name in named if (gateway := _gateway(scope, name, service.namespace)) is not None]
    through = finding("EGR525", hop.place, host=client.to.name, gateway=hop.to[0][0], route=service.name)
    view = replace(view, findings=(*view.findings, through))
    if not named or len(known) < len(named):
        return view
    if not any(_exposes(gateway, client.to, hop) for gateway in known):
        closed = finding(
            "EGR524",
            known[0].place,
            gateway=known[0].name,
            host=client.to.name,
            port=str(hop.to[0][1] or client.to.ports),
        )
        return replace(view, default="deny", allows=(), near=(NearMiss(closed, known[0].place, 0), *view.near))
    pods = Pods(known[0].name, known[0].namespace, {}, known[0].selector.labels, partial=True)
    return at_pods(scope, view, client, [replace(pods, namespace=hop.to[0][0].split(".")[1])])


def steered(scope: Scope, pods: Pods, to: Destination) -> tuple[VirtualService, Hop] | None:
    """The first VirtualService of the mesh that sends this flow to a service inside the cluster."""
    for service in scope.virtual:
        if to.host is None or not any(within(to.host, name) for name in service.hosts):
            continue
        if not exported(service.export_to, service.namespace, pods.namespace):
            continue
        for hop in _mesh_hops(service, to):
            inside = [host for host, _ in hop.to if host.endswith(_INSIDE)]
            if inside and len(inside) == len(hop.to):
                return service, hop
            break
    return None


def _mesh_hops(service: VirtualService, to: Destination) -> Iterator[Hop]:
    for hop in service.hops:
        ports = to.ports
        fits = hop.port is None or (ports is not None and ports.first <= hop.port <= ports.last)
        spoken = to.application is None or hop.kind == "tcp" or _KINDS[hop.kind] == to.application
        named = not hop.sni or any(within(to.host or "", name) for name in hop.sni)
        if "mesh" in hop.gateways and fits and spoken and named:
            yield hop


def _gateway(scope: Scope, name: str, home: str) -> Gateway | None:
    namespace, _, short = name.rpartition("/")
    wanted = (namespace or home, short)
    return next((each for each in scope.gateways if (each.namespace, each.name) == wanted), None)


def _exposes(gateway: Gateway, to: Destination, hop: Hop) -> bool:
    """Whether a server of the gateway lists the host on the port to which the mesh sends it."""
    arrives = {number for _, number in hop.to} - {None}
    return any(
        (not arrives or server.port in arrives) and any(overlap(to.host or "", name) for name in server.hosts)
        for server in gateway.servers
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
