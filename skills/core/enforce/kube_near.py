"""Rules that almost allow a denied flow, and in which single way each falls short."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence

from skills.core.enforce.kube_flow import Flow, Opening, meets_ports, peer_words, reached, rule_openings
from skills.core.enforce.kube_index import PolicyIndex
from skills.core.enforce.kube_policy import (
    NAMESPACE_KEY,
    NetworkPolicy,
    Outside,
    Peer,
    Pods,
    PolicyPort,
    PolicyRule,
    labels_match,
    namespace_match,
    selects,
)
from skills.core.enforce.peers import Peers
from skills.core.enforce.selectors import LabelSelector, Match
from skills.core.enforce.spans import RFC1918, Span, covers, meets, network_span
from skills.core.model import Evidence, Fact, Finding, NearMiss, Place, Ports

_MOST_PORTS = 12
_MOST_ELSEWHERE = 2
_MOST_LOOKED_AT = 8  # policies of other namespaces: a hint must not cost more than the answer


def near_misses(index: PolicyIndex, flow: Flow, far: Peers, asked: Ports | None) -> list[NearMiss]:
    """`asked` are the ports as the asker wrote them (a Service's), `flow.ports` those of the pods."""
    found: list[NearMiss] = []
    for policy in index.about(flow.near.namespace):
        if not policy.faults and not policy.variants:
            found += _in_policy(policy, flow, far, asked)
    return found + _elsewhere(index, flow)


def _in_policy(policy: NetworkPolicy, flow: Flow, far: Peers, asked: Ports | None) -> list[NearMiss]:
    selected = selects(policy, flow.near) is not Match.NO
    counted = flow.direction in policy.directions
    found: list[NearMiss] = []
    for rule in policy.rules(flow.direction):
        if selected and counted:
            found += _rule_misses(policy, rule, flow, far, asked)
        elif selected != counted and _opens(rule, policy.namespace, flow):
            miss = _direction_miss(policy, rule, flow) if selected else _selector_miss(policy, rule, flow)
            found += [miss] if miss else []
    return found


def _opens(rule: PolicyRule, namespace: str | None, flow: Flow) -> bool:
    """Whether the rule for certain opens at least a part of the flow."""
    opened = rule_openings(rule, namespace, flow, touching=True)
    return _overlaps([opening for opening in opened if opening.match is Match.YES], flow)


def _meets(rule: PolicyRule, namespace: str | None, flow: Flow) -> bool:
    return _overlaps(rule_openings(rule, namespace, flow, touching=True), flow)


def _opens_all(rule: PolicyRule, namespace: str | None, flow: Flow) -> bool:
    """Whether the rule reaches the far end, whatever its ports; of a name without addresses, all that it could have."""
    there = reached(rule, namespace, flow)
    if isinstance(flow.far, Outside) and flow.far.named:
        return covers(there, flow.far.expected)
    return meets(there, flow.wanted.addresses)


def _overlaps(found: Iterable[Opening], flow: Flow) -> bool:
    wanted = flow.wanted
    for opening in found:
        region = opening.region
        if meets(region.ports, wanted.ports) and meets(region.addresses, wanted.addresses):
            return True
    return False


def _miss(code: str, place: Place, distance: int, **facts: Fact) -> NearMiss:
    return NearMiss(Finding(code, facts, (Evidence(place=place),)), place, distance)


def _direction_miss(policy: NetworkPolicy, rule: PolicyRule, flow: Flow) -> NearMiss:
    return _miss("EGR134", rule.place, 1, policy=policy.name, direction=flow.direction)


def _selector_miss(policy: NetworkPolicy, rule: PolicyRule, flow: Flow) -> NearMiss | None:
    """The rule is right but for other pods: worth saying when one label makes the difference."""
    labels = flow.near.labels
    if labels is None or policy.selector is None or _differing(policy.selector, labels) != 1:
        return None
    has = ", ".join(f"{key}={labels[key]}" for key in _keys(policy.selector) if key in labels) or "none of these labels"
    facts = {"policy": policy.name, "selector": str(policy.selector), "workload": flow.near.name, "has": has}
    return _miss("EGR132", rule.place, 3, **facts)


def _differing(selector: LabelSelector, labels: Mapping[str, str]) -> int:
    single = [LabelSelector({key: value}) for key, value in selector.labels.items()]
    single += [LabelSelector(requirements=(requirement,)) for requirement in selector.requirements]
    return sum(part.matches(labels) is Match.NO for part in single)


def _keys(selector: LabelSelector) -> list[str]:
    return [*selector.labels, *(requirement.key for requirement in selector.requirements)]


def _rule_misses(
    policy: NetworkPolicy, rule: PolicyRule, flow: Flow, far: Peers, asked: Ports | None
) -> Iterable[NearMiss]:
    if _meets(rule, policy.namespace, flow):
        return [_partly(policy, rule, flow)]
    if rule.ports and _opens_all(rule, policy.namespace, flow):
        return [_port_miss(policy, rule, flow, asked)]
    if rule.peers and meets_ports(rule, flow):
        return [miss for peer in rule.peers if (miss := _peer_miss(policy, peer, flow, far))]
    return []


def _partly(policy: NetworkPolicy, rule: PolicyRule, flow: Flow) -> NearMiss:
    facts = {"policy": policy.name, "ports": _listed(rule.ports), "destination": flow.far.name}
    return _miss("EGR144", rule.place, 1, **facts)


def _listed(ports: Sequence[PolicyPort]) -> str:
    words = [f"{port}/{port.protocol}" for port in ports[:_MOST_PORTS]]
    return ", ".join(words + ["…"] * (len(ports) > _MOST_PORTS)) or "every port"


def _port_miss(policy: NetworkPolicy, rule: PolicyRule, flow: Flow, asked: Ports | None) -> NearMiss:
    wanted = "any port" if flow.ports is None else str(flow.ports)
    facts: dict[str, Fact] = {
        "policy": policy.name,
        "ports": _listed(rule.ports),
        "port": wanted,
        "protocol": flow.protocol,
    }
    for port in rule.ports:
        numbers = port.ports
        if port.protocol != flow.protocol:
            if flow.ports is not None and (numbers is None or numbers.covers(flow.ports)) and port.name is None:
                return _miss("EGR131", port.place, 1, **facts, listed=port.protocol)
        elif port.name is not None:
            return _miss("EGR143", port.place, 2, **facts, name=port.name, destination=flow.far.name)
        elif asked is not None and flow.ports != asked and numbers is not None and numbers.covers(asked):
            return _miss("EGR140", port.place, 1, **facts, service_port=str(asked))
    return _miss("EGR130", rule.ports[0].place, 1, **facts)


def _peer_miss(policy: NetworkPolicy, peer: Peer, flow: Flow, far: Peers) -> NearMiss | None:
    facts: dict[str, Fact] = {"policy": policy.name, "peer": peer_words(peer, policy.namespace)}
    if isinstance(flow.far, Outside):
        return _outside_miss(peer, flow.far, far, facts)
    if flow.far.host_network and peer.selects_pods:
        return _miss("EGR147", peer.place, 2, **facts, destination=flow.far.name)
    return _pods_miss(policy, peer, flow.far, facts) if peer.selects_pods else _block_miss(peer, flow.far, facts)


def _block_miss(peer: Peer, far: Pods, facts: dict[str, Fact]) -> NearMiss | None:
    """A block that would hold the pods under most plugins, but not under the one that runs here."""
    if far.plugin is None or peer.block is None or not meets(peer.block.spans, RFC1918):
        return None
    return _miss("EGR889", peer.place, 1, **facts, destination=far.name, sign=str(far.plugin.place))


def _outside_miss(peer: Peer, there: Outside, far: Peers, facts: dict[str, Fact]) -> NearMiss | None:
    if peer.block is None:
        if far.api_server and peer.selects_pods:
            return _miss("EGR141", peer.place, 1, **facts)
        if peer.namespaces is not None and peer.namespaces.empty:
            return _miss("EGR136", peer.place, 2, **facts, destination=there.name)
        return None
    facts = {**facts, "destination": there.name, "block": str(peer.block)}
    if peer.block.version != there.version:
        return _miss("EGR146", peer.place, 4, **facts, version=there.version)
    if there.spans and meets([peer.block.whole], there.spans):
        excluded = [item for item in peer.block.excepts if meets([_span(item)], there.spans)]
        return _miss("EGR138", peer.place, 1, **facts, excluded=", ".join(excluded) or "the exceptions")
    return _miss("EGR142", peer.place, 4, **facts)


def _span(cidr: str) -> Span:
    return network_span(ipaddress.ip_network(cidr, strict=False))


def _pods_miss(policy: NetworkPolicy, peer: Peer, far: Pods, facts: dict[str, Fact]) -> NearMiss | None:
    facts = {**facts, "destination": far.name, "namespace": far.namespace}
    pods_fit = peer.pods is None or labels_match(peer.pods, far) is not Match.NO
    if peer.namespaces is None:
        if policy.namespace != far.namespace:
            return _miss("EGR145", peer.place, 4, **facts, home=policy.namespace) if pods_fit else None
    elif namespace_match(peer.namespaces, far) is Match.NO:
        if not pods_fit:
            return None
        missing = [key for key in _keys(peer.namespaces) if key not in far.namespace_labels]
        if missing and far.namespace in _values(peer.namespaces):
            return _miss("EGR133", peer.place, 2, **facts, key=missing[0], name_key=NAMESPACE_KEY)
        return None
    if far.labels is None or peer.pods is None or _differing(peer.pods, far.labels) != 1:
        return None
    return _miss("EGR137", peer.place, 3, **facts, selector=str(peer.pods))


def _values(selector: LabelSelector) -> set[str]:
    return {*selector.labels.values(), *(v for item in selector.requirements for v in item.values)}


def _elsewhere(index: PolicyIndex, flow: Flow) -> list[NearMiss]:
    """A rule that would do, in a namespace where these pods are not."""
    here, direction, labels = flow.near.namespace, flow.direction, flow.near.labels
    if labels is None:
        return []
    found: list[NearMiss] = []
    looked_at = 0
    for policy in index.matching(labels):
        if policy.namespace is None or policy.namespace == here or direction not in policy.directions:
            continue
        if policy.faults or labels_match(policy.selector, flow.near) is not Match.YES:
            continue
        looked_at += 1
        for rule in policy.rules(direction):
            if _opens(rule, policy.namespace, flow):
                facts = {"policy": policy.name, "there": policy.namespace, "here": here}
                targeted = policy.selector is not None and not policy.selector.empty
                found.append(_miss("EGR135", rule.place, 5 if targeted else 6, **facts))
                break
        if looked_at == _MOST_LOOKED_AT or len(found) == _MOST_ELSEWHERE:
            break
    return found
