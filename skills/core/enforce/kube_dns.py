"""A name must be looked up before anything can be reached: is port 53 open for an isolated pod?"""

from __future__ import annotations

from collections.abc import Sequence

from skills.core.enforce.cluster import Cluster
from skills.core.enforce.kube_flow import peer_match
from skills.core.enforce.kube_policy import NAMESPACE_KEY, NetworkPolicy, Peer, Pods, PolicyRule, selects
from skills.core.enforce.selectors import Match
from skills.core.model import Finding, Place, Ports, finding

# Where resolvers live: upstream Kubernetes, and OpenShift, whose pods listen on 5353.
_RESOLVERS = (("kube-system", 53), ("openshift-dns", 5353))
_DNS_PORTS = (53, 5353)


def dns_findings(policies: Sequence[NetworkPolicy], cluster: Cluster, near: Pods) -> tuple[Finding, ...]:
    """The error that names can't be resolved, if no policy that may select the pods opens UDP 53.

    A rule towards unknown resolver pods counts as open: this finding must not cry wolf.
    """
    rules = [
        (policy, rule)
        for policy in policies
        if "Egress" in policy.directions and selects(policy, near) is not Match.NO
        for rule in policy.egress
    ]
    if any(policy.faults or policy.variants for policy in policies if selects(policy, near) is not Match.NO):
        return ()
    if any(_opens(rule, policy.namespace, "udp", cluster) for policy, rule in rules):
        return ()
    tcp_only = [rule.place for policy, rule in rules if _opens(rule, policy.namespace, "tcp", cluster)]
    if tcp_only:
        return (finding("EGR925", *tcp_only, workload=near.name),)
    dead = [hit for policy, rule in rules for hit in _dead_peers(rule, cluster)]
    if dead:
        place, key = dead[0]
        return (finding("EGR926", place, workload=near.name, key=key),)
    return (finding("EGR924", *_isolating(policies, near), workload=near.name),)


def _isolating(policies: Sequence[NetworkPolicy], near: Pods) -> list[Place]:
    return [p.place for p in policies if "Egress" in p.directions and selects(p, near) is Match.YES][:1]


def _opens(rule: PolicyRule, namespace: str | None, protocol: str, cluster: Cluster) -> bool:
    """A rule that lists port 53 itself means DNS, wherever it leads; any other must reach a known resolver."""
    if not rule.ports:
        return not rule.peers or any(_reaches_resolver(peer, namespace, cluster, 53) for peer in rule.peers)
    for port in rule.ports:
        if port.protocol != protocol:
            continue
        if port.name is not None:
            if "dns" in port.name and _alive(rule, cluster):
                return True
        elif port.ports is not None and port.ports.first == port.ports.last:
            if port.ports.first in _DNS_PORTS and _alive(rule, cluster):
                return True
        else:
            open_ports = [number for number in _DNS_PORTS if port.ports is None or _within(number, port.ports)]
            if open_ports and (
                not rule.peers
                or any(_reaches_resolver(peer, namespace, cluster, n) for peer in rule.peers for n in open_ports)
            ):
                return True
    return False


def _within(number: int, ports: Ports) -> bool:
    return ports.first <= number <= ports.last


def _alive(rule: PolicyRule, cluster: Cluster) -> bool:
    return not rule.peers or any(not _dead_key(peer, cluster) for peer in rule.peers)


def _reaches_resolver(peer: Peer, namespace: str | None, cluster: Cluster, port: int) -> bool:
    """Blocks may hold the resolver's service address or a node-local cache, so they count."""
    if peer.block is not None or peer.unsure is not None:
        return True
    for home, listens in _RESOLVERS:
        resolver = Pods(f"{home}/dns", home, cluster.labels_of(home))
        if listens == port and peer_match(peer, namespace, resolver) is not Match.NO:
            return True
    return False


def _dead_key(peer: Peer, cluster: Cluster) -> str:
    """The label key that this peer demands of namespaces and for which none fits; empty if one may fit.

    A selector on the name alone may mean a namespace that the repository does not hold.
    """
    if peer.namespaces is None:
        return ""
    demanded = [*peer.namespaces.labels]
    demanded += [item.key for item in peer.namespaces.requirements if item.operator in {"In", "Exists"}]
    key = next((key for key in demanded if key != NAMESPACE_KEY), "")
    if key and any(peer.namespaces.matches(labels) is Match.YES for labels in cluster.namespaces.values()):
        return ""
    return key


def _dead_peers(rule: PolicyRule, cluster: Cluster) -> list[tuple[Place, str]]:
    if not any(port.ports is not None and _within(53, port.ports) for port in rule.ports):
        return []
    return [(peer.place, key) for peer in rule.peers if (key := _dead_key(peer, cluster))]
