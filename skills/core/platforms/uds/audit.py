"""What is wrong with the Packages and bundles of a repository, said without being asked."""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Iterator

from skills.core.model import Finding, finding
from skills.core.platforms.uds import gateway
from skills.core.platforms.uds.decide import several
from skills.core.platforms.uds.index import Index, Registration
from skills.core.platforms.uds.meshed import clash_finding
from skills.core.platforms.uds.naming import sanitize
from skills.core.platforms.uds.near import bare_host
from skills.core.platforms.uds.package import Package


def audit(index: Index) -> list[Finding]:
    found: list[Finding] = []
    for reasons in index.refused.values():
        found += reasons
    for package in index.every_package():
        found += _of_package(index, package)
    found += [several(group) for group in index.packages.values() if len(group) > 1]
    found += [clash_finding(clash.one, clash.other) for clash in index.clashes.values()]
    found += _same_resources(index)
    found += gateway.audit(index)
    found += [finding("EGR848", extra.place, package=extra.package, count=extra.count) for extra in index.extras]
    return found


def _of_package(index: Index, package: Package) -> Iterator[Finding]:
    facts = {"package": package.name}
    for rule in package.rules:
        host = rule.remote_host
        if host is not None and rule.port is not None and rule.ports:
            yield finding("EGR803", rule.at("port"), host=host, port=rule.port, **facts)
        if host is not None and is_address(host):
            yield finding("EGR825", rule.at("remoteHost"), host=host, **facts)
        elif host is not None and "*" not in host and bare_host(host) != host:
            yield finding("EGR822", rule.at("remoteHost"), listed=host, host=bare_host(host), **facts)
        if rule.egress and rule.network is not None and rule.network.prefixlen == 0:
            yield finding("EGR834", rule.at("remoteCidr"), cidr=rule.remote_cidr or "", **facts)
    yield from _closed_ports(index, package)


def _closed_ports(index: Index, package: Package) -> Iterator[Finding]:
    """G-D08 and G-D09, only where a bundle of this repository says so."""
    if index.mode(package) != "sidecar" or not index.cores:
        return
    for rule in package.host_rules:
        _, findings = gateway.state(index, rule.mesh_ports)
        yield from findings


def is_address(host: str) -> bool:
    """An IPv4 or IPv6 address, which a ServiceEntry refuses as a host (G-D25)."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def _same_resources(index: Index) -> Iterator[Finding]:
    """G-D24: hosts whose resources get one name, so that one overwrites the other."""
    for mode, hosts in index.registered.items():
        named: dict[str, list[Registration]] = defaultdict(list)
        for host, entries in hosts.items():
            named[sanitize(f"{mode}-se-{host}")].append(entries[0])
        for first, *others in named.values():
            for other in others:
                places = (other.rule.at("remoteHost"), first.rule.at("remoteHost"))
                yield finding("EGR824", *places, host=other.host, other=first.host, mode=mode)
