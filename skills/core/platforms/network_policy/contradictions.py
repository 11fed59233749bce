"""Contradictions that show only when policies are held against each other, against pods and against Services."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence

from skills.core.enforce.kube_dns import dns_findings
from skills.core.enforce.kube_objects import PodFacts, ServiceFacts
from skills.core.enforce.kube_policy import (
    NAMESPACE_KEY,
    Direction,
    NetworkPolicy,
    Peer,
    Pods,
    PolicyPort,
    PolicyRule,
    selects,
)
from skills.core.enforce.selectors import LabelSelector, Match
from skills.core.enforce.spans import covers, meets, network_span
from skills.core.model import Finding, Ports, few, finding
from skills.core.platforms.network_policy.entries import PolicyEntry
from skills.core.platforms.network_policy.index import Index

_DIRECTIONS: tuple[Direction, ...] = ("Egress", "Ingress")
_MOST_RULES = 200  # of one namespace: pairs are compared, and nobody reads more
_MOST_NAMED = 6
# What kubeadm, k3s and most guides give to pods and Services. Source: their documentation of `podSubnet` and
# `serviceSubnet`, `--cluster-cidr` and `--service-cidr`.
_USUAL = tuple(map(ipaddress.ip_network, ("10.96.0.0/12", "10.244.0.0/16", "10.42.0.0/16", "10.43.0.0/16")))
_NARROWEST = 8  # a shorter prefix is meant as "private", not as somebody's addresses


def contradictions(index: Index) -> Iterator[Finding]:
    by_namespace: dict[str, list[PolicyEntry]] = {}
    for entry in index.entries:
        if entry.policy.namespace is not None and not entry.policy.faults:
            by_namespace.setdefault(entry.policy.namespace, []).append(entry)
    services: dict[str, list[ServiceFacts]] = {}
    for service in index.cluster.services.values():
        if service.selector:
            services.setdefault(service.namespace, []).append(service)
    for namespace, entries in by_namespace.items():
        yield from _without_dns(index, namespace)
        yield from _covered(entries)
        for entry in entries:
            yield from _on_host_network_only(index, entry.policy)
            for direction in _DIRECTIONS:
                for rule in entry.policy.rules(direction):
                    yield from _empty_peers(index, entry.policy, rule)
            for rule in entry.policy.egress:
                yield from _cluster_blocks(index, entry.policy, rule)
                yield from _service_ports(index, services, entry.policy, rule)


# --- DNS


def _without_dns(index: Index, namespace: str) -> Iterator[Finding]:
    """Workloads that are isolated and can't resolve a name. Where Cilium runs, its policies may open it."""
    if index.cilium:
        return
    policies = index.policies.about(namespace)
    labels = index.cluster.labels_of(namespace)
    alike = {
        tuple(sorted(pod.labels.items())): pod for pod in index.cluster.pods.get(namespace, ()) if not pod.host_network
    }
    ends = [Pods(pod.name, namespace, labels, pod.labels) for pod in alike.values()] or [
        Pods("all pods", namespace, labels, {})
    ]
    cut = [end for end in ends if _isolated(policies, end) and dns_findings(policies, index.cluster, end)]
    if cut:
        names = list(dict.fromkeys(end.name for end in cut))
        place = next(p.place for p in policies if "Egress" in p.directions and selects(p, cut[0]) is Match.YES)
        yield finding("EGR332", place, namespace=namespace, workloads=few(names, _MOST_NAMED))


def _isolated(policies: Sequence[NetworkPolicy], end: Pods) -> bool:
    return any("Egress" in policy.directions and selects(policy, end) is Match.YES for policy in policies)


# --- rules that change nothing


def _covered(entries: Sequence[PolicyEntry]) -> Iterator[Finding]:
    """A rule whose every connection another rule of the namespace gives as well; of two equal ones the later."""
    for direction in _DIRECTIONS:
        rules = [
            (e.policy, rule) for e in entries if direction in e.policy.directions for rule in e.policy.rules(direction)
        ]
        for number, (policy, rule) in enumerate(rules[:_MOST_RULES]):
            for other_number, (other, wide) in enumerate(rules[:_MOST_RULES]):
                if number == other_number or not _holds(other, wide, policy, rule):
                    continue
                if other.name == policy.name and other.place.path != policy.place.path:
                    continue  # two texts of one policy: that is another finding
                if other_number > number and _holds(policy, rule, other, wide):
                    continue  # they are equal: the second one is named
                facts = {"policy": policy.name, "other": other.name, "place": str(wide.place)}
                yield finding("EGR333", rule.place, wide.place, **facts)
                break


def _holds(other: NetworkPolicy, wide: PolicyRule, policy: NetworkPolicy, rule: PolicyRule) -> bool:
    return (
        _selector_holds(other.selector, policy.selector)
        and _ports_hold(wide.ports, rule.ports)
        and _peers_hold(wide.peers, rule.peers)
    )


def _selector_holds(wide: LabelSelector | None, narrow: LabelSelector | None) -> bool:
    """Whether every pod of `narrow` is certainly one of `wide`."""
    if wide is None or narrow is None:
        return False
    labels = all(narrow.labels.get(key) == value for key, value in wide.labels.items())
    return labels and all(item in narrow.requirements for item in wide.requirements)


def _ports_hold(wide: Sequence[PolicyPort], narrow: Sequence[PolicyPort]) -> bool:
    if not wide:
        return True
    return bool(narrow) and all(any(_port_holds(port, item) for port in wide) for item in narrow)


def _port_holds(wide: PolicyPort, narrow: PolicyPort) -> bool:
    if wide.protocol != narrow.protocol:
        return False
    if wide.ports is None and wide.name is None:
        return True
    if wide.name is not None or narrow.name is not None:
        return wide.name == narrow.name
    return wide.ports is not None and narrow.ports is not None and wide.ports.covers(narrow.ports)


def _peers_hold(wide: Sequence[Peer], narrow: Sequence[Peer]) -> bool:
    if not wide:
        return True
    return bool(narrow) and all(any(_peer_holds(peer, item) for peer in wide) for item in narrow)


def _peer_holds(wide: Peer, narrow: Peer) -> bool:
    if wide.unsure or narrow.unsure:
        return False
    if wide.block is not None or narrow.block is not None:
        if wide.block is None or narrow.block is None or wide.block.version != narrow.block.version:
            return False
        return covers(wide.block.spans, narrow.block.spans)
    if wide.namespaces is None:
        there = narrow.namespaces is None
    else:  # their own namespace is one of all
        there = wide.namespaces.empty or _selector_holds(wide.namespaces, narrow.namespaces)
    return there and _selector_holds(wide.pods or LabelSelector(), narrow.pods or LabelSelector())


# --- pods


def _on_host_network_only(index: Index, policy: NetworkPolicy) -> Iterator[Finding]:
    if policy.selector is None or policy.selector.empty:
        return
    pods = index.cluster.pods.get(policy.namespace or "", ())
    chosen = [pod for pod in pods if policy.selector.matches(pod.labels) is Match.YES]
    if chosen and all(pod.host_network for pod in chosen):
        yield finding("EGR346", policy.place, policy=policy.name, workloads=", ".join(pod.name for pod in chosen[:3]))


def _empty_peers(index: Index, policy: NetworkPolicy, rule: PolicyRule) -> Iterator[Finding]:
    """Only where the repository knows the workloads of that namespace, for else the pods may stand elsewhere."""
    for peer in rule.peers:
        home = _one_namespace(peer, policy.namespace)
        pods = index.cluster.pods.get(home or "", ())
        if pods and peer.pods is not None and not peer.pods.empty and not _chosen(peer.pods, pods):
            yield finding("EGR345", peer.place, policy=policy.name, selector=str(peer.pods), namespace=home)


def _one_namespace(peer: Peer, home: str | None) -> str | None:
    if not peer.selects_pods:
        return None
    if peer.namespaces is None:
        return home
    only = len(peer.namespaces.labels) == 1 and not peer.namespaces.requirements
    return peer.namespaces.labels.get(NAMESPACE_KEY) if only else None


def _chosen(selector: LabelSelector, pods: Sequence[PodFacts]) -> list[PodFacts]:
    return [pod for pod in pods if selector.matches(pod.labels) is not Match.NO]


# --- addresses and Services


def _cluster_blocks(index: Index, policy: NetworkPolicy, rule: PolicyRule) -> Iterator[Finding]:
    """An ipBlock for what are pods or Services: whether it reaches them is up to the network plugin."""
    for peer in rule.peers:
        block = peer.block
        if block is None or ipaddress.ip_network(block.cidr).prefixlen < _NARROWEST:
            continue
        for address, holder in index.cluster.addresses.items():
            parsed = ipaddress.ip_network(address)
            if parsed.version == block.version and meets(block.spans, [network_span(parsed)]):
                name = f"{holder.namespace}/{holder.name}"
                yield finding("EGR334", peer.place, policy=policy.name, cidr=block.cidr, holder=name, address=address)
                break
        else:
            network = ipaddress.ip_network(block.cidr)
            usual = next((str(each) for each in _USUAL if network.version == 4 and network.subnet_of(each)), None)  # type: ignore[arg-type]
            if usual and network.prefixlen < network.max_prefixlen:
                yield finding("EGR335", peer.place, policy=policy.name, cidr=block.cidr, usual=usual)


def _service_ports(
    index: Index, services: Mapping[str, Sequence[ServiceFacts]], policy: NetworkPolicy, rule: PolicyRule
) -> Iterator[Finding]:
    """A port that is only a Service's: policies compare the port of the pods behind it."""
    for peer in rule.peers:
        home = _one_namespace(peer, policy.namespace)
        for service in services.get(home or "", ()):
            pods = index.cluster.pods.get(service.namespace, ())
            behind = [pod for pod in pods if LabelSelector(service.selector or {}).matches(pod.labels) is Match.YES]
            if behind and (peer.pods is None or len(_chosen(peer.pods, behind)) == len(behind)):
                yield from _only_of_service(policy, rule, service, behind)


def _only_of_service(
    policy: NetworkPolicy, rule: PolicyRule, service: ServiceFacts, behind: Sequence[PodFacts]
) -> Iterator[Finding]:
    listening = {number for pod in behind for _, number in pod.named_ports.values()}
    for port in service.ports:
        target = _number(port.target, behind)
        if target is None or target == port.port or port.port in listening:
            continue
        listed = [item for item in rule.ports if item.protocol == port.protocol and _is(item, port.port)]
        if listed and not any(_opens(item, port.protocol, target) for item in rule.ports):
            name = f"{service.namespace}/{service.name}"
            place = listed[0].place
            yield finding("EGR336", place, policy=policy.name, service=name, port=port.port, target=target)


def _number(target: int | str | None, behind: Sequence[PodFacts]) -> int | None:
    if not isinstance(target, str):
        return target
    numbers = {pod.named_ports[target][1] for pod in behind if target in pod.named_ports}
    return numbers.pop() if len(numbers) == 1 else None


def _is(item: PolicyPort, number: int) -> bool:
    return item.ports == Ports(number, number)


def _opens(item: PolicyPort, protocol: str, number: int) -> bool:
    if item.protocol != protocol:
        return False
    return item.name is not None or item.ports is None or item.ports.covers(Ports(number, number))
