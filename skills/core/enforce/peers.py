"""The far end of a flow, as the network layer sees it: pods, addresses, or a name outside the cluster."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import NamedTuple

from skills.core.enforce.cluster import Cluster, pods_named
from skills.core.enforce.kube_objects import PodFacts, ServiceFacts, ServicePort, known_labels
from skills.core.enforce.kube_policy import Outside, Pods
from skills.core.enforce.selectors import LabelSelector, Match
from skills.core.enforce.spans import EVERY_V4, PUBLIC_V4, Spans, network_span
from skills.core.model import Destination, Finding, Ports, Workload, finding

# Top-level names that are not used on the public Internet. Source: RFC 6762 appendix G, RFC 8375, ICANN (.internal).
_PRIVATE_NAMES = (".internal", ".intranet", ".private", ".corp", ".home", ".lan", ".local", ".home.arpa")
# `example.dev` is a public name even where a namespace is called `dev`, unless such a Service is declared.
_PUBLIC_ENDINGS = frozenset({"ai", "app", "cloud", "com", "dev", "io", "net", "org"})
_MOST_ALIASES = 4
_DNS = frozenset({("kube-system", "kube-dns"), ("kube-system", "coredns")})


class Peers(NamedTuple):
    """Where a flow can end. Every entry of `pods` and `outside` must be reachable for the flow to be allowed.

    `unknown` says what the repository would have to say; with it nothing may be called allowed.
    `service` is the Service that the destination names, `unsaid` that nothing tells what stands behind it.
    `api_server` marks the cluster's own API.
    """

    pods: tuple[Pods, ...] = ()
    outside: tuple[Outside, ...] = ()
    loopback: bool = False
    api_server: bool = False
    service: ServiceFacts | None = None
    unknown: tuple[Finding, ...] = ()
    unsaid: Finding | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def internal(self) -> bool:
        return bool(self.pods)


def pods_of(cluster: Cluster, workload: Workload) -> Pods:
    """The near end: the workload's own pods."""
    last = cluster.asked.get("near")
    if last is not None and last[0] is workload:
        near: Pods = last[1]
        return near
    namespace = workload.namespace or workload.scope
    near = Pods(
        workload.name,
        namespace,
        cluster.labels_of(namespace),
        workload.labels,
        named_ports={name: ("tcp", number) for name, number in workload.container_ports.items()},
        host_network=workload.host_network,
        place=workload.place,
        plugin=next(iter(cluster.plugins), None),
        declared=namespace in cluster.declared,
        asserted=workload.asserted,
    )
    cluster.asked["near"] = (workload, near)
    return near


def peers(cluster: Cluster, workload: Workload, destination: Destination) -> Peers:
    """What the destination means when `workload` says it: bare service names live in its own namespace."""
    last = cluster.asked.get("far")
    if last is not None and last[0] is workload and last[1] is destination:
        far: Peers = last[2]
        return far
    far = _peers(cluster, workload, destination)
    plugin = next(iter(cluster.plugins), None)
    if far.pods and (plugin is not None or any(pods.namespace in cluster.declared for pods in far.pods)):
        told = [pods._replace(plugin=plugin, declared=pods.namespace in cluster.declared) for pods in far.pods]
        far = far._replace(pods=tuple(told))
    cluster.asked["far"] = (workload, destination, far)
    return far


def _peers(cluster: Cluster, workload: Workload, destination: Destination) -> Peers:
    if destination.workload:
        return _workload_peers(cluster, destination)
    if destination.network:
        return _address_peers(cluster, destination.network, destination)
    if destination.host:
        return _host_peers(cluster, workload, destination, destination.host, _MOST_ALIASES)
    return Peers(unknown=(finding("EGR915", destination=destination.name),))


def _workload_peers(cluster: Cluster, destination: Destination) -> Peers:
    """Pods by their workload's name; labels in braces are vouched for where no manifest shows the pods."""
    called, _, said = (destination.workload or "").partition("{")
    namespace, _, name = called.partition("/")
    found = pods_named(cluster, namespace, name) if name else list(cluster.pods.get(namespace, ()))
    if not found and said:
        labels = dict(pair.split("=", 1) for pair in said.rstrip("}").split(",") if "=" in pair)
        vouched = Pods(called, namespace, cluster.labels_of(namespace), labels, ports=destination.ports, partial=True)
        return Peers((vouched,))
    if not found:
        return Peers(unknown=(finding("EGR916", workload=destination.workload),))
    return Peers(tuple(_unique([_pods(cluster, pod, destination.ports) for pod in found])))


def _address_peers(cluster: Cluster, network: str, destination: Destination) -> Peers:
    """Exact addresses. One that an export shows to be a pod's or a Service's is that pod or Service."""
    parsed = ipaddress.ip_network(network, strict=False)
    if parsed.is_loopback:
        return Peers(loopback=True)
    holder = cluster.addresses.get(str(parsed.network_address)) if parsed.num_addresses == 1 else None
    if isinstance(holder, PodFacts):
        return Peers((_pods(cluster, holder, destination.ports),))
    if isinstance(holder, ServiceFacts):
        return _service_peers(cluster, holder, destination)
    name = destination.ip or network
    return Peers(outside=(Outside(name, parsed.version, (network_span(parsed),)),))


def _host_peers(cluster: Cluster, workload: Workload, destination: Destination, host: str, aliases_left: int) -> Peers:
    if host == "localhost" or host.endswith(".localhost"):
        return Peers(loopback=True)
    found = service_name(cluster, workload.namespace or workload.scope, host)
    if found is None:
        expected = EVERY_V4 if may_be_private(host) else PUBLIC_V4
        return Peers(outside=_outside(destination, host, expected))
    if found == ("default", "kubernetes"):
        # The API server is no pod: its endpoints are addresses of the control plane.
        return Peers(outside=_outside(destination, host, EVERY_V4), api_server=True)
    service = cluster.services.get(found)
    if service is None:
        return _undeclared(cluster, *found, destination.ports)
    if service.external_name:
        if not aliases_left:
            return Peers(unknown=(finding("EGR915", service.place, destination=destination.name),))
        return _host_peers(cluster, workload, destination, service.external_name, aliases_left - 1)
    return _service_peers(cluster, service, destination)


def service_name(cluster: Cluster, namespace: str, host: str) -> tuple[str, str] | None:
    """(namespace, Service) that a host name means inside the cluster; None for a name outside it.

    Source: https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/
    """
    qualified = host.removesuffix(".cluster.local")
    parts = qualified.removesuffix(".svc").split(".")
    if qualified.endswith(".svc"):
        return (parts[-1], parts[-2]) if len(parts) >= 2 else None
    if len(parts) == 1:
        return (namespace, parts[0])
    name, second = parts[0], parts[-1]
    if len(parts) == 2 and second in cluster.namespaces:
        known = (second, name) in cluster.services or name == "kubernetes"
        return (second, name) if known or second not in _PUBLIC_ENDINGS else None
    # `db-0.db` and `db-0.db.shop`: a pod of a headless Service.
    holder = (namespace, second) if len(parts) == 2 else (second, parts[-2])
    service = cluster.services.get(holder) if len(parts) <= 3 else None
    return holder if service is not None and service.headless else None


def _outside(destination: Destination, name: str, expected: Spans) -> tuple[Outside, ...]:
    """The addresses that the asker vouches for, else a name that may have any of the expected ones."""
    given = [ipaddress.ip_network(address, strict=False) for address in destination.addresses]
    known = [Outside(f"{name} ({net})", net.version, (network_span(net),)) for net in given]
    return tuple(known) or (Outside(name, expected=expected),)


def may_be_private(host: str) -> bool:
    """Whether a name outside the cluster is of a kind that is not used on the public Internet."""
    return host.endswith(_PRIVATE_NAMES)


def _undeclared(cluster: Cluster, namespace: str, name: str, asked: Ports | None) -> Peers:
    """A Service that no file declares: its namespace is known from the name, its pods and their port are not.

    The cluster's DNS is the same everywhere. Source: https://kubernetes.io/docs/tasks/administer-cluster/coredns/
    """
    pods = Pods(f"{namespace}/{name}", namespace, cluster.labels_of(namespace))
    if (namespace, name) in _DNS:
        return Peers((pods._replace(labels={"k8s-app": "kube-dns"}, partial=True, ports=asked),))
    return Peers((pods,), findings=(finding("EGR918", service=f"{namespace}/{name}"),))


def _service_peers(cluster: Cluster, service: ServiceFacts, destination: Destination) -> Peers:
    """The pods behind a Service and the port on which they listen, which is what policies compare."""
    full_name = f"{service.namespace}/{service.name}"
    asked = destination.ports
    port = None
    if not service.headless and asked is not None and asked.first == asked.last:
        port = _service_port(service, asked.first, destination.protocol)
        if port is None:
            listed = ", ".join(f"{p.port}/{p.protocol}" for p in service.ports) or "none"
            facts = {"service": full_name, "port": str(asked), "protocol": destination.protocol, "ports": listed}
            return Peers(service=service, unknown=(finding("EGR919", service.place, **facts),))
    if service.selector is None:
        return _behind(cluster, service, destination, port)
    selector = LabelSelector(service.selector)
    behind = [pod for pod in cluster.pods.get(service.namespace, ()) if selector.matches(pod.labels) is Match.YES]
    found = [_pods(cluster, pod, None) for pod in behind] or [
        Pods(full_name, service.namespace, cluster.labels_of(service.namespace), service.selector, partial=True)
    ]
    return Peers(tuple(_unique([_at_port(pods, port, asked, service.headless) for pods in found])), service=service)


def _behind(cluster: Cluster, service: ServiceFacts, destination: Destination, port: ServicePort | None) -> Peers:
    """What somebody wrote down as the endpoints of a Service without a selector.

    Source: https://kubernetes.io/docs/concepts/services-networking/service/#services-without-selectors
    """
    name = f"{service.namespace}/{service.name}"
    known = cluster.endpoints.get((service.namespace, service.name), ())
    if destination.addresses or not known:
        unsaid = None if destination.addresses else finding("EGR1201", service.place, service=name)
        return Peers(outside=_outside(destination, name, EVERY_V4), service=service, unsaid=unsaid)
    pods: list[Pods] = []
    outside: list[Outside] = []
    for each in known:
        meant = [item for item in each.ports if port and (item.name, item.protocol) == (port.name, port.protocol)]
        ports = Ports(meant[0].port, meant[0].port) if meant else destination.ports
        if not each.complete or (port and each.ports and not meant):
            return Peers(service=service, unknown=(finding("EGR1202", each.place, service=name),))
        refs = [pod for there, called in each.pods for pod in pods_named(cluster, there, called)]
        held = [holder for address in each.addresses if isinstance(holder := cluster.addresses.get(address), PodFacts)]
        pods += [_pods(cluster, pod, ports) for pod in (*refs, *held)]
        if len(refs) < len(each.pods):
            return Peers(service=service, unknown=(finding("EGR1202", each.place, service=name),))
        for address in map(ipaddress.ip_network, each.addresses if not refs else ()):
            if str(address.network_address) not in cluster.addresses:
                span = (network_span(address),)
                outside.append(Outside(f"{name} ({address})", address.version, span, ports=ports))
    return Peers(tuple(_unique(pods)), tuple(outside), service=service)


def ends(far: Peers, asked: Ports | None) -> tuple[Pods | Outside, ...]:
    """Everything of which each must be reachable. A Service that leads nobody knows where may lead to any pods as well,
    so only what holds for them and for every address is sure."""
    anyone = (Pods(far.outside[0].name, "", {}, ports=asked),) if far.unsaid is not None and far.outside else ()
    return (*far.pods, *anyone, *far.outside)


def short_name(pods: Pods, labels: Mapping[str, str]) -> str:
    """What a rule for these pods is called after: their workload, else what their labels say."""
    _, slash, name = pods.name.partition("/")
    return name if slash else "-".join(labels.values())


def far_name(destination: Destination, far: Peers) -> str:
    """What a rule for this far end is called after: its Service, its pods, else as it was asked for."""
    if far.service is not None:
        return far.service.name
    if far.pods:
        return far.pods[0].name.partition("/")[2]
    return destination.name


def _service_port(service: ServiceFacts, number: int, protocol: str) -> ServicePort | None:
    for port in service.ports:
        if port.port == number and port.protocol == protocol:
            return port
    return None


def _at_port(pods: Pods, port: ServicePort | None, asked: Ports | None, headless: bool) -> Pods:
    if headless:
        return pods._replace(ports=asked)  # no proxy in between: clients reach the pod on the port they name
    if port is None:
        return pods
    target = port.port if port.target is None else port.target
    if isinstance(target, int):
        return pods._replace(ports=Ports(target, target))
    named = pods.named_ports.get(target)
    return pods._replace(ports=Ports(named[1], named[1]) if named else None, port_name=target)


def _pods(cluster: Cluster, pod: PodFacts, ports: Ports | None) -> Pods:
    return Pods(
        f"{pod.namespace}/{pod.name}",
        pod.namespace,
        cluster.labels_of(pod.namespace),
        known_labels(pod.labels),
        ports=ports,
        named_ports=pod.named_ports,
        host_network=pod.host_network,
        addresses=pod.addresses,
        place=pod.place,
    )


def _unique(found: list[Pods]) -> list[Pods]:
    """Replicas of one workload are one far end: same labels, same ports."""
    distinct: dict[tuple[object, ...], Pods] = {}
    for pods in found:
        labels = None if pods.labels is None else tuple(sorted(pods.labels.items()))
        distinct.setdefault((labels, pods.ports, pods.port_name, pods.host_network), pods)
    return list(distinct.values())
