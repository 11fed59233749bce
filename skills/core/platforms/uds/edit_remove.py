"""Taking a permission back: the rules that name exactly this destination, or the port out of their list."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from skills.core.enforce.kube_policy import Pods, labels_match
from skills.core.enforce.mesh import carries, family_of
from skills.core.enforce.peers import Peers, pods_of
from skills.core.enforce.selectors import Match
from skills.core.model import Destination, Ports, Role
from skills.core.platforms.uds.edit_inside import naming
from skills.core.platforms.uds.network import far_end
from skills.core.platforms.uds.package import METADATA, Allow, Package
from skills.core.platforms.uds.rules import mine
from skills.core.platforms.uds.workbench import Workbench

_MOST_STEPS = 100
_Finder = Callable[[Package], list[tuple[Allow, Ports | None]]]


def remove(bench: Workbench, destination: Destination) -> None:
    """Removes what names the destination alone; rules that cover more stay, and the proof shows what is left."""
    package = bench.package(bench.namespace)
    if package is None:
        return
    far = far_end(bench.index, bench.need.workload, destination)
    if not _take(bench, package.namespace, partial(_egress, bench, destination, far), "allowlist"):
        bench.say("EGR847", package.place, package=package.name, destination=str(destination))
        return
    for pods in far.pods:
        # In the asking Package's own file the edit keeps the role that it has.
        _take(bench, pods.namespace, partial(_ingress, bench, destination, pods), "counterpart")


def _take(bench: Workbench, namespace: str, finder: _Finder, role: Role) -> bool:
    """One rule or port at a time, because every step moves the lines and positions of the next."""
    taken = False
    for _ in range(_MOST_STEPS):
        package = bench.package(namespace)
        found = finder(package) if package is not None else []
        if package is None or not found:
            break
        rule, ports = found[0]
        listed = rule.mesh_ports if rule.remote_host is not None else rule.opened_ports
        going = [port for port in listed if ports is None or ports.covers(Ports(port, port))]
        if len(going) == len(listed):
            _say_others(bench, package, rule)
            done = bench.remove_rule(package, rule, role)
        else:
            done = bench.remove_port(package, rule, going[0], role)
        if not done:
            break
        taken = True
    return taken


def _egress(bench: Workbench, to: Destination, far: Peers, package: Package) -> list[tuple[Allow, Ports | None]]:
    rules = [rule for rule in package.rules if rule.egress and mine(bench, rule)]
    if far.api_server:
        return [(rule, None) for rule in rules if rule.remote_generated == "KubeAPI"]
    if far.pods:
        pods = far.pods[0]
        exact = naming(bench, package, "Egress", pods, to)
        return _at_ports([rule for rule in rules if rule in exact], pods.ports)
    named = [rule for rule in rules if rule.udp == (to.protocol == "udp") and _names(rule, to)]
    return _at_ports(named, to.ports)


def _names(rule: Allow, to: Destination) -> bool:
    if rule.remote_host is not None:
        return rule.remote_host == to.host and carries(family_of(rule.protocol), to.application)
    networks = {to.network} if to.network else set(to.addresses)
    if rule.remote_generated == "CloudMetadata":
        return METADATA in networks
    return rule.network is not None and str(rule.network) in networks


def _ingress(bench: Workbench, to: Destination, pods: Pods, package: Package) -> list[tuple[Allow, Ports | None]]:
    """The counterpart: an Ingress rule for exactly the asking pods."""
    near = pods_of(bench.index.cluster, bench.need.workload)
    exact = [rule for rule in naming(bench, package, "Ingress", near, to) if labels_match(rule.pods, pods) is Match.YES]
    return _at_ports(exact, pods.ports)


def _at_ports(rules: list[Allow], ports: Ports | None) -> list[tuple[Allow, Ports | None]]:
    """Rules that list one of the ports; without a port, all of them."""
    found: list[tuple[Allow, Ports | None]] = []
    for rule in rules:
        listed = rule.mesh_ports if rule.remote_host is not None else rule.opened_ports
        if ports is None or any(ports.covers(Ports(port, port)) for port in listed):
            found.append((rule, ports))
    return found


def _say_others(bench: Workbench, package: Package, rule: Allow) -> None:
    """A rule for several workloads goes for all of them, so they are named."""
    workload = bench.need.workload
    for pod in bench.index.cluster.pods.get(package.namespace, ()):
        own = pod.place == workload.place or package.namespace != bench.namespace
        if not own and rule.pods.matches(pod.labels) is Match.YES:
            target = rule.remote_host or rule.remote_cidr or rule.remote_generated or ""
            ports = ", ".join(map(str, rule.opened_ports)) or "every port"
            facts = {"source": f"{pod.namespace}/{pod.name}", "target": target, "ports": ports}
            bench.say("EGR310", rule.place, **facts)
