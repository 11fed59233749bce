"""What others lose when a host is registered in ambient mode, because then it is reached by the waypoint alone (G-D06).

Who reached the host directly until then, by Anywhere or by addresses, reaches it only where the waypoint admits him.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterator, Mapping, Sequence

from skills.core.enforce.kube_policy import LAYER as NETWORK
from skills.core.enforce.mesh import LAYER as MESH
from skills.core.enforce.mesh import NEITHER
from skills.core.enforce.peers import may_be_private
from skills.core.enforce.selectors import LabelSelector
from skills.core.hosts import is_private
from skills.core.model import Grant, Isolation
from skills.core.platforms.uds.index import Index, Registration
from skills.core.platforms.uds.package import Allow, Package

EVERY_PORT = "every port"
EVERYONE = "all pods that have a rule to Anywhere, or to a range that holds its address,"
UNNAMED_PORTS = "ports that no remoteHost rule names"
_SOME_PORTS = "those ports that no remoteHost rule names, by a range every port"
# Beyond this a Package is no Package that anyone wrote.
_MOST_OPEN = 50
_MOST_PAIRS = 20_000


def pods_words(namespace: str, selector: LabelSelector) -> str:
    return f"{namespace} all pods" if selector.empty else f"{namespace} pods {selector}"


def direct_grant(namespace: str, rule: Allow) -> Grant:
    """The first of the grants of a rule to Anywhere or to a CIDR."""
    target = "Anywhere" if rule.remote_generated == "Anywhere" else str(rule.network or rule.remote_cidr)
    port = str(rule.opened_ports[0]) if rule.opened_ports else EVERY_PORT
    return Grant(pods_words(namespace, rule.pods), target, port, "udp" if rule.udp else "tcp", NETWORK)


def direct_rules(package: Package) -> list[Allow]:
    """Rules that open TCP to addresses outside the cluster, which is what the mesh can take over."""
    return [
        rule
        for rule in package.rules
        if rule.egress and not rule.udp and (rule.remote_generated == "Anywhere" or rule.network is not None)
    ][:_MOST_OPEN]


def too_many(index: Index) -> bool:
    """Whether direct rules and registered hosts are so many that they are summed up, host by host."""
    ambient = [package for package in index.every_package() if index.mode(package) == "ambient"]
    direct = sum(len(direct_rules(package)) for package in ambient)
    return direct * len(index.registered.get("ambient", {})) > _MOST_PAIRS


def summed_up(index: Index) -> Iterator[Isolation]:
    for host in index.registered.get("ambient", {}):
        yield Isolation(EVERYONE, MESH, None, Grant(EVERYONE, host, _SOME_PORTS, "tcp", MESH))


def taken_over(index: Index, package: Package) -> Iterator[Isolation]:
    """What of the Package's direct rules registered hosts take away."""
    hosts = index.registered.get("ambient", {})
    for rule in direct_rules(package):
        takes = direct_grant(package.namespace, rule)
        for host, entries in hosts.items():
            for source, target, ports in _lost(index, package, rule, host, entries):
                yield Isolation(takes.source, MESH, takes, Grant(source, target, ports, "tcp", MESH))


def _lost(
    index: Index, package: Package, rule: Allow, host: str, entries: Sequence[Registration]
) -> Iterator[tuple[str, str, str]]:
    """Who loses what, on which port: one a port, so that each can come back by itself."""
    registered = {entry.port for entry in entries}
    source = pods_words(package.namespace, rule.pods)
    ports = [str(port) for port in rule.opened_ports] or [EVERY_PORT]
    if rule.remote_generated == "Anywhere":
        yield from ((source, host, port) for port in _left_out(rule, registered))
        others = _other_accounts(index, package, rule)
        if others:
            who = f"{source} (service accounts {', '.join(others)})"
            yield from ((who, host, port) for port in ports)
    elif may_reach(rule, host):
        target = f"{host} by remoteCidr {rule.remote_cidr}"
        kept = _keeps_its_way(package, rule, entries)
        yield from ((source, target, port) for port in (_left_out(rule, registered) if kept else ports))


def _left_out(rule: Allow, registered: Collection[int]) -> Iterator[str]:
    """Ports of a rule on which nobody registers the host: there the waypoint admits nobody."""
    if rule.opened_ports:
        yield from (str(port) for port in rule.opened_ports if port not in registered)
    else:
        yield UNNAMED_PORTS


def _other_accounts(index: Index, package: Package, rule: Allow) -> list[str]:
    """Accounts under which pods of the rule run by the manifests, while the waypoint admits only the rule's own."""
    if rule.service_account is None:
        return []
    pods = index.cluster.pods.get(package.namespace, ())
    accounts = {pod.service_account for pod in pods if rule.pods.matches(pod.labels)}
    return sorted(account for account in accounts if account and account != rule.service_account)


def may_reach(rule: Allow, host: str, addresses: Sequence[str] = ()) -> bool:
    """Whether a CIDR may be how somebody reaches the host: by its addresses where they are known.

    Where they are not, a name may be private whatever it looks like; but a private network on a database's port
    is hardly how anybody reaches a public name.
    """
    network = rule.network
    if network is None:
        return False
    if addresses:
        given = [ipaddress.ip_network(address, strict=False).network_address for address in addresses]
        return any(address.version == network.version and address in network for address in given)
    if not is_private(network) or may_be_private(host):
        return True
    return not rule.opened_ports or not NEITHER.issuperset(rule.opened_ports)


def _keeps_its_way(package: Package, rule: Allow, entries: Sequence[Registration]) -> bool:
    """Whether all pods of a direct rule have a rule of their own for the host as well."""
    return any(
        entry.package.key == package.key
        and _labels(entry.rule).items() <= _labels(rule).items()
        and (entry.rule.service_account is None or str(entry.rule.pods) == str(rule.pods))
        for entry in entries
    )


def _labels(rule: Allow) -> Mapping[str, str]:
    return rule.pods.labels
