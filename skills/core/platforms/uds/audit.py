"""What is wrong with the Packages and bundles of a repository, said without being asked."""

from __future__ import annotations

from collections.abc import Iterator

from skills.core.enforce.kube_objects import templated
from skills.core.model import Finding, Place, finding
from skills.core.platforms.uds import gateway
from skills.core.platforms.uds.decide import several
from skills.core.platforms.uds.index import Index
from skills.core.platforms.uds.meshed import clash_finding, twin_finding
from skills.core.platforms.uds.near import bare_host
from skills.core.platforms.uds.package import Allow, Package
from skills.core.platforms.uds.versions import known_rules

_MOST_LINES = 8
_OWN_PORTS = frozenset({"KubeAPI", "KubeNodes", "IntraNamespace", "CloudMetadata"})  # people name none for these


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
    found += [
        finding("EGR890", said.place, release=said.release, taken=str(index.rules))
        for said in index.stated
        if known_rules(said.release) is None
    ]
    found += map(gateway.extra_rules, index.extras)
    return found


def _of_package(index: Index, package: Package) -> Iterator[Finding]:
    facts = {"package": package.name}
    for rule in package.rules:
        host = rule.remote_host
        if host is not None and rule.port is not None and rule.ports:
            yield finding("EGR803", rule.at("port"), host=host, port=rule.port, **facts)
        if host is not None and "*" not in host and bare_host(host) != host:
            yield finding("EGR822", rule.at("remoteHost"), listed=host, host=bare_host(host), **facts)
        if rule.egress and rule.network is not None and rule.network.prefixlen == 0:
            yield finding("EGR834", rule.at("remoteCidr"), cidr=rule.remote_cidr or "", **facts)
    for host in dict.fromkeys(rule.remote_host or "" for rule in package.host_rules):
        yield from gateway.also_used(index, package, host)
    yield from _wide(package)
    yield from _for_nobody(index, package)
    yield from _closed_ports(index, package)


def _wide(package: Package) -> Iterator[Finding]:
    """G-D19, once a Package: rules that open more than most need, which who approves should know of."""
    found: dict[str, list[Place]] = {}
    for rule in package.allow:
        for why in _why_wide(rule) if rule.egress and not rule.templated else ():
            found.setdefault(why, []).append(rule.place)
    if found:
        lines = {why: ", ".join(str(place.line) for place in places[:_MOST_LINES]) for why, places in found.items()}
        words = "; ".join(f"{why} (line {at})" for why, at in lines.items())
        places = dict.fromkeys(place for some in found.values() for place in some)
        yield finding("EGR1301", *places, package=package.name, path=package.path, wide=words)


def _why_wide(rule: Allow) -> Iterator[str]:
    if rule.remote_generated == "Anywhere":
        yield "to every address (Anywhere)"
    if rule.pods.empty:
        yield "for all pods of the namespace"
    if rule.remote_namespace is not None and rule.remote_selector is None:
        yield "to all pods of another namespace"
    if not rule.opened_ports and rule.remote_host is None and rule.remote_generated not in _OWN_PORTS:
        yield "on every port"
    if rule.udp:
        yield "over UDP"


def _for_nobody(index: Index, package: Package) -> Iterator[Finding]:
    """Rules whose selector or service account no pod has, where the repository shows the namespace's pods at all."""
    pods = index.cluster.pods.get(package.namespace, ())
    if not pods or any(templated(value) for pod in pods for value in pod.labels.values()):
        return
    for rule in package.rules:
        chosen = [pod for pod in pods if rule.pods.matches(pod.labels)]
        if not chosen:
            facts = {"package": package.name, "namespace": package.namespace, "selector": str(rule.pods)}
            yield finding("EGR892", rule.at("selector"), **facts)
            continue
        account = rule.service_account
        accounts = sorted({pod.service_account or "default" for pod in chosen})
        if account is not None and account not in accounts:
            facts = {"package": package.name, "account": account, "accounts": ", ".join(accounts)}
            yield finding("EGR893", rule.at("serviceAccount"), **facts)


def _closed_ports(index: Index, package: Package) -> Iterator[Finding]:
    """G-D08 and G-D09, only where a bundle of this repository says so."""
    if index.mode(package) != "sidecar" or not index.cores:
        return
    for rule in package.host_rules:
        _, findings = gateway.state(index, rule.mesh_ports)
        yield from findings


def _same_resources(index: Index) -> Iterator[Finding]:
    """G-D24, each pair once."""
    for (mode, host), other in index.twins.items():
        if host > other.host:
            yield twin_finding(mode, index.at_host(mode, host)[0], other)
