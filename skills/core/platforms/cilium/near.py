"""Rules that almost allow a denied flow, and in which single way each falls short."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from skills.core.enforce.kube_flow import Flow
from skills.core.enforce.kube_policy import Outside, Pods
from skills.core.enforce.selectors import Match
from skills.core.enforce.spans import meets
from skills.core.hosts import parent_of, sibling
from skills.core.model import Evidence, Fact, Finding, NearMiss, Place
from skills.core.platforms.cilium.endpoints import Endpoint, EndpointSelector, term_match
from skills.core.platforms.cilium.entries import CiliumPolicy, Peer, Rule, Spec
from skills.core.platforms.cilium.index import Index
from skills.core.platforms.cilium.judge import Judgement
from skills.core.platforms.cilium.match import (
    Asked,
    openings,
    peer_words,
    port_words,
    selection,
    server_name_match,
)
from skills.core.platforms.cilium.names import Lookups

_MOST_PORTS = 12
_MOST_RULES = 2000


def near_misses(index: Index, judged: Judgement, seen: Lookups) -> list[NearMiss]:
    """Nothing for an explicit deny: that rule is the answer."""
    if judged.denied is Match.YES:
        return []
    asked = judged.asked
    found: list[NearMiss] = []
    looked = 0
    for policy, spec in index.about(asked.near.pods.namespace):
        chosen = selection(policy, spec, asked.near)
        for rule in spec.side(asked.flow.direction).allow:
            looked += 1
            if looked > _MOST_RULES:
                return found
            if chosen is Match.NO:
                found += _other_pods(policy, spec, rule, asked)
            else:
                found += _rule_misses(policy, rule, asked, seen)
    return found


def _miss(code: str, place: Place, distance: int, **facts: Fact) -> NearMiss:
    return NearMiss(Finding(code, facts, (Evidence(place=place),)), place, distance)


def _opens(policy: CiliumPolicy, rule: Rule, asked: Asked) -> bool:
    wanted = asked.flow.wanted
    return any(
        meets(item.region.ports, wanted.ports) and meets(item.region.addresses, wanted.addresses)
        for item in openings(policy, rule, asked)
    )


def _other_pods(policy: CiliumPolicy, spec: Spec, rule: Rule, asked: Asked) -> Iterator[NearMiss]:
    """The rule is right but for other pods: worth saying when one label makes the difference."""
    labels = asked.near.pods.labels
    same_home = spec.nodes is False and (policy.clusterwide or policy.namespace == asked.near.pods.namespace)
    if labels is None or not same_home or not _opens(policy, rule, replace(asked, learned=Match.YES)):
        return
    differing = [key for key, value in spec.selector.labels.items() if labels.get(key) != value]
    if len(differing) != 1:
        return
    has = ", ".join(f"{key}={labels[key]}" for key in spec.selector.labels if key in labels) or "none of these labels"
    facts = {"policy": policy.name, "selector": str(spec.selector), "workload": asked.near.pods.name, "has": has}
    yield _miss("EGR132", rule.place, 3, **facts)


def _rule_misses(policy: CiliumPolicy, rule: Rule, asked: Asked, seen: Lookups) -> Iterator[NearMiss]:
    if _opens(policy, rule, asked):
        ports = _listed(rule)
        yield _miss("EGR144", rule.place, 1, policy=policy.name, ports=ports, destination=asked.flow.far.name)
        return
    ideal = replace(asked, learned=Match.YES)
    if _opens(policy, rule, ideal):
        yield _unlearned(policy, rule, asked, seen)
    elif rule.to_ports and _opens(policy, replace(rule, to_ports=None), ideal):
        yield _port_miss(policy, rule, asked)
    elif not rule.only_icmp and _ports_fit(policy, rule, asked):
        for peer in rule.peers:
            yield from _peer_miss(policy, peer, asked)


def _ports_fit(policy: CiliumPolicy, rule: Rule, asked: Asked) -> bool:
    return rule.to_ports is None or _opens(policy, replace(rule, family="", peers=()), asked)


def _unlearned(policy: CiliumPolicy, rule: Rule, asked: Asked, seen: Lookups) -> NearMiss:
    """G-F01 and G-F06: the name is listed, but the DNS proxy never sees it."""
    facts = {"policy": policy.name, "host": asked.host, "workload": asked.near.pods.name}
    if not seen.proxied:
        return _miss("EGR193", rule.place, 0, **facts)
    patterns = ", ".join(str(name) for known in seen.proxied for name in known.names or ())[:200]
    return _miss("EGR194", seen.proxied[0].place, 0, **facts, patterns=patterns)


def _listed(rule: Rule) -> str:
    words = [f"{port}/{protocol}" for port, protocol in port_words(rule.to_ports)[: _MOST_PORTS + 1]]
    return ", ".join(words[:_MOST_PORTS] + ["…"] * (len(words) > _MOST_PORTS)) or "no port"


def _port_miss(policy: CiliumPolicy, rule: Rule, asked: Asked) -> NearMiss:
    flow: Flow = asked.flow
    for port_rule in rule.to_ports or ():
        if server_name_match(port_rule, asked) is Match.NO:
            names = ", ".join(map(str, port_rule.server_names[:_MOST_PORTS]))
            return _miss("EGR199", port_rule.place, 1, policy=policy.name, names=names, host=asked.host)
    port = "any port" if flow.ports is None else str(flow.ports)
    facts = {"policy": policy.name, "ports": _listed(rule), "port": port, "protocol": flow.protocol}
    for item in (item for port_rule in rule.to_ports or () for item in port_rule.ports):
        fits = flow.ports is not None and (item.ports is None or item.ports.covers(flow.ports)) and item.name is None
        if fits and not item.speaks(flow.protocol):
            return _miss("EGR131", item.place, 1, **facts, listed=item.protocol)
    place = next((item.place for port_rule in rule.to_ports or () for item in port_rule.ports), rule.place)
    return _miss("EGR130", place, 1, **facts)


def _peer_miss(policy: CiliumPolicy, peer: Peer, asked: Asked) -> Iterator[NearMiss]:
    far = asked.flow.far
    facts: dict[str, Fact] = {"policy": policy.name, "peer": peer_words(peer, policy.namespace)}
    if peer.kind == "name" and peer.name is not None:
        yield from _name_miss(peer, asked, facts)
    elif peer.kind == "block":
        if isinstance(far, Pods):
            yield _miss("EGR195", peer.place, 2, **facts, destination=far.name)
        elif any(block.version == far.version for block in peer.blocks):
            yield _miss("EGR142", peer.place, 4, **facts, block=peer.text, destination=far.name)
    elif peer.kind == "entity":
        yield _miss("EGR197", peer.place, 3, **facts, entity=peer.text, destination=far.name)
    elif peer.kind == "endpoints" and isinstance(far, Outside):
        if peer.selector is not None and peer.selector.empty:
            yield _miss("EGR198", peer.place, 3, **facts, destination=far.name)
    elif peer.kind == "endpoints" and isinstance(far, Pods) and peer.selector is not None and asked.far is not None:
        anywhere = replace(peer.selector, own_namespace=False)
        elsewhere = peer.selector.own_namespace and policy.namespace != far.namespace
        if elsewhere and anywhere.matches(asked.far, None) is not Match.NO:
            facts = {**facts, "destination": far.name, "namespace": far.namespace, "home": policy.namespace}
            yield _miss("EGR145", peer.place, 2, **facts)
        elif not elsewhere:
            yield from _label_miss(peer.selector, asked.far, peer.place, facts)


def _label_miss(selector: EndpointSelector, far: Endpoint, place: Place, facts: dict[str, Fact]) -> Iterator[NearMiss]:
    if sum(term_match(term, far) is Match.NO for term in selector.terms) == 1:
        facts = {**facts, "selector": str(selector), "namespace": far.pods.namespace, "destination": far.pods.name}
        yield _miss("EGR137", place, 3, **facts)


def _name_miss(peer: Peer, asked: Asked, facts: dict[str, Fact]) -> Iterator[NearMiss]:
    """G-F02 and the like: a wildcard of one label, its apex, a sibling; or an address where names are listed."""
    name, host = peer.name, asked.host
    if name is None:
        return
    facts = {**facts, "name": name.text}
    if not host:
        if isinstance(asked.flow.far, Outside) and not asked.flow.far.named:
            yield _miss("EGR196", peer.place, 5, **facts, destination=asked.flow.far.name)
        return
    apex = name.text.lower().removeprefix("**.").removeprefix("*.") if name.wild else ""
    if apex and "*" not in apex and apex != name.text.lower():
        if host == apex:
            yield _miss("EGR190", peer.place, 1, **facts, host=host)
        elif parent_of(apex, host):
            yield _miss("EGR191", peer.place, 1, **facts, host=host)
    elif name.fixed and (parent_of(name.fixed, host) or parent_of(host, name.fixed) or sibling(name.fixed, host)):
        yield _miss("EGR192", peer.place, 2, **facts, host=host)
