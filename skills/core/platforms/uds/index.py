"""All Packages and bundles of a commit, compiled: who governs which namespace, and which hosts are registered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from skills.core.enforce.cluster import Cluster
from skills.core.enforce.mesh import Family, Principal, Served, family_of
from skills.core.model import Finding
from skills.core.platforms.uds.admission import refusals
from skills.core.platforms.uds.package import Allow, CoreDeployment, Entry, ExtraRules, Package
from skills.core.platforms.uds.versions import NEWEST, Mode, Version

Key = tuple[str, int]


@dataclass(frozen=True)
class Registration:
    """One host and port that a rule of a Package registers with the mesh."""

    package: Package
    rule: Allow
    host: str
    port: int
    protocol: str

    @property
    def family(self) -> Family:
        return family_of(self.protocol)

    @property
    def served(self) -> Served:
        return Served(self.host, self.port, self.family, self.rule.place)


@dataclass(frozen=True, slots=True)
class Clash:
    """Two registrations that can't both hold; the later Package fails to reconcile (G-D05)."""

    one: Registration
    other: Registration


@dataclass(frozen=True)
class Index:
    """`packages` by namespace; `refused` by file and document; `registered` by mode, then host.

    `participants` are egress rules to Anywhere of ambient Packages: they take part in every
    registered host. `clashes` are by mode, host and port.
    """

    rules: Version = NEWEST
    cluster: Cluster = field(default_factory=Cluster)
    packages: Mapping[str, tuple[Package, ...]] = field(default_factory=dict)
    refused: Mapping[Key, tuple[Finding, ...]] = field(default_factory=dict)
    registered: Mapping[Mode, Mapping[str, tuple[Registration, ...]]] = field(default_factory=dict)
    participants: tuple[tuple[Package, Allow], ...] = ()
    clashes: Mapping[tuple[Mode, str, int], Clash] = field(default_factory=dict)
    cores: tuple[CoreDeployment, ...] = ()
    extras: tuple[ExtraRules, ...] = ()

    def every_package(self) -> Iterable[Package]:
        return (package for group in self.packages.values() for package in group)

    def mode(self, package: Package) -> Mode:
        return package.effective_mode(self.rules)

    def refusals(self, package: Package) -> tuple[Finding, ...]:
        return self.refused.get(key_of(package), ())

    def at_host(self, mode: Mode, host: str) -> tuple[Registration, ...]:
        return self.registered.get(mode, {}).get(host, ())

    def hosts_of(self, package: Package) -> list[Registration]:
        """What one Package registers."""
        return list(registrations(package))


def key_of(package: Package) -> Key:
    return (package.path, package.document)


def compile_index(entries: Sequence[Entry], cluster: Cluster, rules: Version = NEWEST) -> Index:
    packages: dict[str, list[Package]] = defaultdict(list)
    for entry in entries:
        if isinstance(entry, Package):
            packages[entry.namespace].append(entry)
    refused = {}
    for group in packages.values():
        for package in group:
            reasons = refusals(package, rules)
            if reasons:
                refused[key_of(package)] = reasons
    admitted = [p for group in packages.values() for p in group if key_of(p) not in refused]
    registered = _registered(admitted, rules)
    return Index(
        rules,
        cluster,
        {namespace: tuple(group) for namespace, group in packages.items()},
        refused,
        registered,
        tuple(_participants(admitted, rules)),
        {key: clash for mode, hosts in registered.items() for key, clash in _clashes(mode, hosts, rules).items()},
        tuple(entry for entry in entries if isinstance(entry, CoreDeployment)),
        tuple(entry for entry in entries if isinstance(entry, ExtraRules)),
    )


def registrations(package: Package) -> Iterable[Registration]:
    for rule in package.host_rules:
        for port in rule.mesh_ports:
            yield Registration(package, rule, rule.remote_host or "", port, rule.protocol)


def participates(rule: Allow, port: int) -> bool:
    """Whether an Anywhere rule takes part in a registered port. UDP never does (G-D21)."""
    ports = rule.ports or (() if rule.port is None else (rule.port,))
    return not rule.udp and (not ports or port in ports)


def principals(index: Index, host: str, port: int, application: str | None = None) -> list[Principal]:
    """Who is admitted at the waypoint for a registered host and port: its owners and all participants."""
    found = []
    for entry in index.at_host("ambient", host):
        if entry.port == port and (application is None or entry.family == application):
            account = entry.rule.service_account
            if account is None and not index.rules.admits_namespace:
                account = "default"
            found.append(Principal(entry.package.namespace, account, entry.rule.place))
    for package, rule in index.participants:
        if participates(rule, port):
            found.append(Principal(package.namespace, rule.service_account, rule.place))
    return found


def _registered(packages: Iterable[Package], rules: Version) -> dict[Mode, dict[str, tuple[Registration, ...]]]:
    found: dict[Mode, dict[str, list[Registration]]] = {"ambient": {}, "sidecar": {}}
    for package in packages:
        mode = package.effective_mode(rules)
        if mode == "ambient" and not rules.ambient_egress:
            continue
        for entry in registrations(package):
            found[mode].setdefault(entry.host, []).append(entry)
    return {mode: {host: tuple(entries) for host, entries in hosts.items()} for mode, hosts in found.items()}


def _participants(packages: Iterable[Package], rules: Version) -> Iterable[tuple[Package, Allow]]:
    for package in packages:
        if package.effective_mode(rules) == "ambient":
            for rule in package.allow:
                if rule.egress and rule.remote_generated == "Anywhere":
                    yield package, rule


def _clashes(
    mode: Mode, hosts: Mapping[str, Sequence[Registration]], rules: Version
) -> dict[tuple[Mode, str, int], Clash]:
    found: dict[tuple[Mode, str, int], Clash] = {}
    for host, entries in hosts.items():
        first = entries[0]
        by_port: dict[int, Registration] = {}
        for entry in entries:
            known = by_port.setdefault(entry.port, entry)
            if clash_between(known, entry, rules):
                found.setdefault((mode, host, entry.port), Clash(known, entry))
            elif clash_between(first, entry, rules):
                found.setdefault((mode, host, entry.port), Clash(first, entry))
    return found


def clash_between(one: Registration, other: Registration, rules: Version) -> bool:
    """G-D05. Before 0.59 another Package could not even name another port of the same host."""
    if one.host != other.host:
        return False
    if one.port == other.port and one.protocol != other.protocol:
        return True
    elsewhere = key_of(one.package) != key_of(other.package)
    return rules.strict_conflicts and elsewhere and (one.port != other.port or one.protocol != other.protocol)
