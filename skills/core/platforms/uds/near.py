"""Rules that almost matched: what was probably meant, the nearest first."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from urllib.parse import urlsplit

import re2

from skills.core.enforce.kube_flow import peer_match
from skills.core.enforce.kube_policy import Pods, labels_match
from skills.core.enforce.mesh import carries, family_of
from skills.core.enforce.selectors import Match
from skills.core.enforce.spans import covers, network_span
from skills.core.hosts import edit_distance, parent_of, sibling
from skills.core.model import Destination, Evidence, Finding, NearMiss, Place
from skills.core.platforms.uds.generate import Generated
from skills.core.platforms.uds.index import Index
from skills.core.platforms.uds.package import Allow, Package

_MOST = 8
_TYPO_SHORTEST = 6
_OTHERS = 3
_PLAIN = re2.compile(r"[A-Za-z0-9./_=, -]+")


@lru_cache(maxsize=8192)
def bare_host(written: str) -> str:
    """The host that somebody meant who wrote a scheme, a port, a path, upper case or a final dot (G-D22)."""
    text = written.strip()
    if text.isascii() and text.islower() and text.replace(".", "").replace("-", "").isalnum():
        return text.rstrip(".")  # nothing but a name: no need to take it apart
    try:
        parsed = urlsplit(text if "://" in text else f"//{text}")
        return (parsed.hostname or text).rstrip(".").lower()
    except ValueError:
        return text.lower()


def external_misses(index: Index, package: Package, near: Pods, account: str | None, to: Destination) -> list[NearMiss]:
    """Why no rule of the Package, nor any other's, lets these pods reach a name or address outside the cluster."""
    found: list[NearMiss] = []
    for rule in package.allow:
        if rule.templated or not rule.egress:
            continue
        if rule.remote_host is not None and rule.remote_host == to.ip:
            found.append(_miss(1, "EGR825", rule.at("remoteHost"), host=to.ip, package=package.name))
        elif rule.remote_host is not None and to.host is not None:
            if rule.remote_host == to.host:
                found += _host_misses(rule, near, account, to, to.host)
            elif (miss := _other_name(rule, rule.remote_host, to.host)) is not None:
                found.append(miss)
        elif rule.remote_generated == "Anywhere" or rule.network is not None:
            found += _address_misses(rule, near, to)
    if to.host is not None:
        found += _elsewhere(index, package, to.host)
    return sorted(found, key=lambda miss: miss.distance)[:_MOST]


def registry_misses(package: Package, near: Pods, to: Destination) -> list[NearMiss]:
    """Rules that open the network but not the mesh, because REGISTRY_ONLY is in force (G-D07)."""
    open_rules = [
        rule
        for rule in package.rules
        if rule.egress and (rule.remote_generated == "Anywhere" or rule.network is not None)
    ]
    return [
        _miss(1, "EGR158", rule.place, remote=remote_words(rule), destination=to.name)
        for rule in open_rules
        if labels_match(rule.pods, near) is Match.YES and _port_fits(rule, to)
    ]


def remote_words(rule: Allow) -> str:
    """The remote of a rule as people say it."""
    if rule.remote_host is not None:
        return rule.remote_host
    if rule.remote_cidr is not None:
        return rule.remote_cidr
    if rule.remote_generated is not None:
        return rule.remote_generated
    pods = f"pods {rule.remote_selector}" if rule.remote_selector and not rule.remote_selector.empty else "all pods"
    if rule.remote_namespace is None:
        return f"{pods} of this namespace"
    return f"{pods} of {rule.remote_namespace if rule.remote_namespace not in {'', '*'} else 'every namespace'}"


def ports_words(ports: Sequence[int]) -> str:
    return ", ".join(map(str, ports)) or "every port"


def _host_misses(rule: Allow, near: Pods, account: str | None, to: Destination, host: str) -> Iterator[NearMiss]:
    if not _in_ports(rule.mesh_ports, to):
        yield _miss(1, "EGR153", rule.at("port"), host=host, ports=ports_words(rule.mesh_ports), port=str(to.ports))
    if not carries(family_of(rule.protocol), to.application):
        spoken = "HTTPS" if to.application == "tls" else "plain HTTP"
        facts = {"host": host, "protocol": rule.protocol, "spoken": spoken}
        yield _miss(1, "EGR154", rule.at("remoteProtocol"), **facts)
    if labels_match(rule.pods, near) is Match.NO:
        yield _miss(2, "EGR155", rule.at("selector"), remote=host, selector=str(rule.pods), workload=near.name)
    if rule.service_account is not None and account is not None and rule.service_account != account:
        facts = {"host": host, "wanted": rule.service_account, "account": account}
        yield _miss(2, "EGR156", rule.at("serviceAccount"), **facts)


def _other_name(rule: Allow, listed: str, host: str) -> NearMiss | None:
    meant = bare_host(listed)
    if meant == host:
        distance, code = 1, "EGR159"
    elif meant.removeprefix("www.") == host.removeprefix("www."):
        distance, code = 1, "EGR150"
    elif min(len(meant), len(host)) >= _TYPO_SHORTEST and edit_distance(meant, host, 2) <= 2:
        distance, code = 2, "EGR152"
    elif parent_of(meant, host) or parent_of(host, meant) or sibling(meant, host):
        distance, code = 3, "EGR151"
    else:
        return None
    return _miss(distance, code, rule.at("remoteHost"), listed=listed, host=host)


def _address_misses(rule: Allow, near: Pods, to: Destination) -> Iterator[NearMiss]:
    remote = remote_words(rule)
    if not _inside(rule, to):
        return
    if labels_match(rule.pods, near) is Match.NO:
        yield _miss(3, "EGR155", rule.at("selector"), remote=remote, selector=str(rule.pods), workload=near.name)
    elif rule.udp != (to.protocol == "udp"):
        yield _miss(2, "EGR161", rule.at("remoteProtocol"), remote=remote, protocol=rule.protocol, wanted=to.protocol)
    elif not _port_fits(rule, to):
        facts = {"remote": remote, "ports": ports_words(rule.opened_ports), "port": str(to.ports)}
        yield _miss(2, "EGR160", rule.at("port"), **facts)


def _inside(rule: Allow, to: Destination) -> bool:
    """Whether the rule is about these addresses; where nobody gave any, only a rule about every address is."""
    given = [to.network] if to.network else list(to.addresses)
    if rule.remote_generated == "Anywhere":
        return all(":" not in item for item in given)
    network = rule.network
    if network is None:
        return False
    if not given:
        return network.prefixlen == 0
    wanted = [ipaddress.ip_network(item, strict=False) for item in given]
    return all(
        item.version == network.version and covers([network_span(network)], [network_span(item)]) for item in wanted
    )


def _elsewhere(index: Index, package: Package, host: str) -> Iterator[NearMiss]:
    """Other Packages that name this host: people copy from them, and theirs does not count here."""
    others = [entry for mode in index.registered for entry in index.registered[mode].get(host, ())]
    rules = {id(entry.rule): entry for entry in others if entry.package.key != package.key}
    for entry in list(rules.values())[:_OTHERS]:
        facts = {"host": host, "package": entry.package.name, "namespace": entry.package.namespace}
        yield _miss(4, "EGR157", entry.rule.place, **facts)


def internal_misses(package: Package, items: Iterable[Generated], near: Pods, far: Pods) -> list[NearMiss]:
    """Why no egress rule lets these pods send to pods of the cluster."""
    found: list[NearMiss] = []
    for item in items:
        rule = item.allow
        if rule is None or not rule.egress or not _about(item, package.namespace, far):
            continue
        remote = remote_words(rule)
        if labels_match(rule.pods, near) is Match.NO:
            found.append(
                _miss(2, "EGR155", rule.at("selector"), remote=remote, selector=str(rule.pods), workload=near.name)
            )
        elif peer_match_of(item, package.namespace, far) is Match.NO:
            facts = {"remote": remote, "destination": far.name}
            found.append(_miss(2, "EGR162", rule.at("remoteSelector"), **facts))
        elif far.ports is not None and rule.opened_ports and not _holds(rule.opened_ports, far):
            facts = {"remote": remote, "ports": ports_words(rule.opened_ports), "port": str(far.ports)}
            found.append(_miss(1, "EGR163", rule.at("port"), **facts))
    return found[:_MOST]


def ingress_misses(package: Package, items: Iterable[Generated], receiver: Pods, source: Pods) -> list[NearMiss]:
    """Why the destination's own Package does not let the source in."""
    found: list[NearMiss] = []
    for item in items:
        rule = item.allow
        if rule is None or rule.egress or labels_match(rule.pods, receiver) is Match.NO:
            continue
        remote = remote_words(rule)
        if peer_match_of(item, package.namespace, source) is not Match.YES:
            if _about(item, package.namespace, source):
                found.append(_miss(3, "EGR164", rule.place, remote=remote, workload=source.name))
        elif receiver.ports is not None and rule.opened_ports and not _holds(rule.opened_ports, receiver):
            facts = {"remote": remote, "ports": ports_words(rule.opened_ports), "port": str(receiver.ports)}
            found.append(_miss(1, "EGR165", rule.at("port"), **facts))
    return found[:_MOST]


def _about(item: Generated, namespace: str, pods: Pods) -> bool:
    """Whether a rule speaks of the namespace at all."""
    rule = item.allow
    if rule is None:
        return False
    if rule.remote_namespace is not None:
        return rule.remote_namespace in {"", "*", pods.namespace}
    local = rule.remote_selector is not None or rule.remote_generated == "IntraNamespace"
    return rule.remote_generated == "Anywhere" or (local and pods.namespace == namespace)


def peer_match_of(item: Generated, namespace: str, pods: Pods) -> Match:
    peers = [peer for peer in item.policy.peers if peer.selects_pods]
    return max((peer_match(peer, namespace, pods) for peer in peers), default=Match.NO)


def _holds(ports: Sequence[int], pods: Pods) -> bool:
    wanted = pods.ports
    return wanted is None or (wanted.first == wanted.last and wanted.first in ports)


def _port_fits(rule: Allow, to: Destination) -> bool:
    return not rule.opened_ports or _in_ports(rule.opened_ports, to)


def _in_ports(ports: Sequence[int], to: Destination) -> bool:
    return to.ports is not None and to.ports.first == to.ports.last and to.ports.first in ports


def _miss(distance: int, code: str, place: Place, **facts: str | int) -> NearMiss:
    return NearMiss(Finding(code, facts, (Evidence(place=place),)), place, distance)


def still_fails(index: Index, package: Package, near: Pods, account: str | None) -> Finding:
    """What to look at where an allowed flow fails all the same, with all filled in on which this answer stands."""
    labels = ", ".join(f"{key}={value}" for key, value in (near.labels or {}).items())
    facts = {
        "namespace": package.namespace,
        "labels": labels or "labels that I don't know",
        "account": account or "that I don't know",
    }
    if index.mode(package) == "ambient":
        return Finding("EGR894", {**facts, "pod": "deploy/egress-waypoint", "there": "istio-egress-ambient"})
    chosen = f" -l {labels.replace(', ', ',')}" if _PLAIN.fullmatch(labels) else ""
    # What stands in a manifest is never pasted into somebody's shell unless it is plain.
    pod = f"$(kubectl get pod -n {package.namespace}{chosen} -o name | head -1)" if chosen else "POD"
    return Finding("EGR894", {**facts, "pod": pod, "there": package.namespace})
