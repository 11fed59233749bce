"""Addresses outside the cluster: one remoteCidr rule for each network."""

from __future__ import annotations

import ipaddress

from skills.core.enforce.peers import pods_of
from skills.core.enforce.selectors import LabelSelector, Match
from skills.core.model import Destination
from skills.core.platforms.uds.meshed import Sender, registry_only
from skills.core.platforms.uds.package import METADATA, Allow, Package
from skills.core.platforms.uds.rules import (
    Wanted,
    mine,
    ports_or_question,
    put,
    say_others,
    selector_or_question,
)
from skills.core.platforms.uds.workbench import Workbench


def add_addresses(bench: Workbench, package: Package, destination: Destination) -> None:
    """For an address or CIDR that was asked for, or the addresses that the asker vouches for."""
    udp = destination.protocol == "udp"
    if bench.index.mode(package) == "sidecar" and not udp and _bound(bench, package):
        facts = {"remote": "remoteCidr", "destination": destination.name}
        bench.say("EGR158", *(rule.place for rule in package.host_rules if mine(bench, rule)), **facts)
        return
    ports = ports_or_question(bench, destination)
    selector = selector_or_question(bench, package) if ports else None
    if selector is None:
        return
    for written in [destination.network] if destination.network else destination.addresses:
        now = bench.package(package.namespace)
        if now is None:
            return
        network = str(ipaddress.ip_network(written or "", strict=False))
        rule = put(bench, now, _wanted(now, selector, network, ports, udp), _extendable(bench, now, network, udp))
        if rule is None:
            return
        _say_about(bench, now, rule, destination, network, ports)


def _bound(bench: Workbench, package: Package) -> bool:
    pods = pods_of(bench.index.cluster, bench.need.workload)
    return registry_only(Sender(package, pods, bench.need.workload.service_account)) is Match.YES


def _wanted(package: Package, selector: LabelSelector, network: str, ports: tuple[int, ...], udp: bool) -> Wanted:
    if network == METADATA:
        return Wanted("Egress", selector, {"remoteGenerated": "CloudMetadata"}, ports, "cloud metadata")
    spelled = any(rule.remote_protocol == "TCP" for rule in package.allow)
    protocol = "UDP" if udp else "TCP" if spelled else None
    return Wanted("Egress", selector, {"remoteCidr": network}, ports, f"{network} network", protocol)


def _extendable(bench: Workbench, package: Package, network: str, udp: bool) -> list[Allow]:
    return [
        rule
        for rule in package.rules
        if rule.egress
        and (rule.remote_generated == "CloudMetadata" if network == METADATA else str(rule.network) == network)
        and rule.udp == udp
        and rule.opened_ports
        and mine(bench, rule)
    ]


def _say_about(
    bench: Workbench, package: Package, rule: Allow, to: Destination, network: str, ports: tuple[int, ...]
) -> None:
    if to.host:
        bench.say("EGR843", rule.place, cidr=network, host=to.host)
    if network.endswith("/0"):
        bench.say("EGR834", rule.place, cidr=network, package=package.name)
    say_others(bench, rule.pods, network, ports)
