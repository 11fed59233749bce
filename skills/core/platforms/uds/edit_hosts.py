"""A name outside the cluster: a remoteHost rule where it speaks TLS or HTTP, addresses where it does not (G-D12)."""

from __future__ import annotations

from skills.core.enforce.mesh import NEITHER, family_of
from skills.core.enforce.mesh_hosts import host_fault
from skills.core.model import Destination
from skills.core.platforms.uds.choose import account_for
from skills.core.platforms.uds.edit_addresses import add_addresses
from skills.core.platforms.uds.gateway import also_used, open_gateway
from skills.core.platforms.uds.index import Registration, clash_with, twin_of
from skills.core.platforms.uds.meshed import clash_finding
from skills.core.platforms.uds.neighbours import say_neighbours
from skills.core.platforms.uds.package import Allow, Package
from skills.core.platforms.uds.rules import (
    Wanted,
    mine,
    ports_or_question,
    put,
    say_others,
    selector_or_question,
)
from skills.core.platforms.uds.workbench import Workbench

_USUAL = {443: "TLS", 80: "HTTP"}


def add_host(bench: Workbench, package: Package, destination: Destination) -> None:
    if "*" in (destination.host or ""):
        bench.say("EGR1303", package.place, host=destination.host or "")
        return
    if host_fault(destination.host or ""):
        bench.say("EGR1304", package.place, host=destination.host or "", package=package.name)
        return
    ports = ports_or_question(bench, destination)
    if not ports:
        return
    protocol = _protocol(bench, package, destination, ports)
    if protocol is None:
        _not_by_host(bench, package, destination)
        return
    if _clashes(bench, package, destination.host or "", ports, protocol):
        return
    selector = selector_or_question(bench, package)
    if selector is None:
        return
    mode = bench.index.mode(package)
    say_neighbours(bench, package, destination)
    account = account_for(package, bench.need.workload, selector) if mode == "ambient" else None
    wanted = Wanted(
        "Egress", selector, {"remoteHost": destination.host}, ports, destination.host or "", protocol, account
    )
    rule = put(bench, package, wanted, _extendable(bench, package, destination, protocol, ports))
    if rule is None:
        return
    if mode == "sidecar":
        open_gateway(bench, ports)
        bench.findings += also_used(bench.index, package, destination.host or "")
    _say_about(bench, package, rule, destination)


def _protocol(bench: Workbench, package: Package, to: Destination, ports: tuple[int, ...]) -> str | None:
    """TLS or HTTP, from what was said, from a rule for this host, or from the port; None where it is neither."""
    if to.protocol != "tcp":
        return None
    if to.application in {"tls", "http"}:
        return to.application.upper()
    if NEITHER & set(ports):
        return None
    known = [rule for rule in package.host_rules if rule.remote_host == to.host and mine(bench, rule)]
    if known:
        bench.say("EGR828", known[0].place, host=to.host or "", port=str(to.ports), protocol=known[0].protocol)
        return known[0].protocol
    usual = {_USUAL.get(port) for port in ports}
    return usual.pop() if len(usual) == 1 else None


def _not_by_host(bench: Workbench, package: Package, to: Destination) -> None:
    """G-D12: with addresses a remoteCidr rule does it; without, only a person can say what to do."""
    ports = to.ports
    if to.protocol != "tcp" or to.scheme or (ports and any(ports.first <= port <= ports.last for port in NEITHER)):
        bench.say("EGR836", package.place, destination=str(to))
    if to.addresses:
        add_addresses(bench, package, to)
        return
    choices = [f"--ip ADDRESS for {to.name}", f"Anywhere on port {to.ports}"]
    if to.protocol == "tcp":
        choices = [f"tls://{to.name}:{to.ports}", f"http://{to.name}:{to.ports}", *choices]
    bench.ask(f"protocol:{to.written}", "EGR837", choices, destination=str(to))


def _clashes(bench: Workbench, package: Package, host: str, ports: tuple[int, ...], protocol: str) -> bool:
    """G-D05, G-D24: what would make a Package fail, or overwrite another's resources, is not drafted."""
    mode = bench.index.mode(package)
    found = False
    for port in ports:
        rule = Allow(-1, package.place, "Egress", remote_host=host, remote_protocol=protocol, port=port)
        wanted = Registration(package, rule, host, port, protocol)
        other = clash_with(bench.index, mode, wanted)
        if other is not None:
            bench.findings.append(clash_finding(other, wanted))
            found = True
    twin = twin_of(bench.index, mode, host)
    if twin is not None:
        bench.say("EGR824", twin.rule.at("remoteHost"), host=host, other=twin.host, mode=mode)
        found = True
    return found


def _extendable(
    bench: Workbench, package: Package, to: Destination, protocol: str, ports: tuple[int, ...]
) -> list[Allow]:
    """Rules for this host and these pods that lack only the port. One for another service account is none."""
    account = bench.need.workload.service_account
    return [
        rule
        for rule in package.host_rules
        if rule.remote_host == to.host
        and family_of(rule.protocol) == family_of(protocol)
        and mine(bench, rule)
        and (rule.service_account is None or account in {None, rule.service_account})
        and not set(ports) <= set(rule.mesh_ports)
    ]


def _say_about(bench: Workbench, package: Package, rule: Allow, to: Destination) -> None:
    if rule.protocol == "TLS":
        bench.say("EGR849", rule.place, host=to.host or "")
    bench.say("EGR850")
    if package.mode is None:
        bench.say("EGR845", package.place, package=package.name, mode=bench.index.mode(package))
    say_others(bench, rule.pods, to.host or "", rule.mesh_ports)
