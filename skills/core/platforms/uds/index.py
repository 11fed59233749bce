"""All Packages and bundles of a commit, compiled: who governs which namespace, and which hosts are registered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

from skills.core.enforce.cluster import Cluster
from skills.core.enforce.kube_objects import templated
from skills.core.enforce.mesh import DEFAULT_ACCOUNT, Family, Principal, family_of
from skills.core.model import Finding
from skills.core.platforms.uds.admission import refusals
from skills.core.platforms.uds.generate import GeneratedRules
from skills.core.platforms.uds.naming import sanitize
from skills.core.platforms.uds.package import (
    Allow,
    CoreDeployment,
    CoreRelease,
    Entry,
    ExtraRules,
    HostUse,
    Key,
    Package,
)
from skills.core.platforms.uds.versions import NEWEST, OLD_DEFAULT, Mode, Version, known_rules


class Registration(NamedTuple):
    """One host and port that a rule of a Package registers with the mesh."""

    package: Package
    rule: Allow
    host: str
    port: int
    protocol: str

    @property
    def family(self) -> Family:
        return family_of(self.protocol)


@dataclass(frozen=True, slots=True)
class Clash:
    """Two registrations that can't both hold; the later Package fails to reconcile (G-D05)."""

    one: Registration
    other: Registration


@dataclass(frozen=True)
class Index:
    """`packages` by namespace; `refused` by key; `registered` by mode, then host.

    `participants` are egress rules to Anywhere of ambient Packages by namespace: they take part in every
    registered host. `clashes` are by mode, host and port. `generated` is by key.
    `floating` are Packages whose namespace a template decides. Refused Packages register nothing;
    `presumed` is this index as it would be if they were admitted. `stated` are releases that the policy file names.
    `others` are this index by the rules of other releases that bundles of the repository deploy. `twins`: a host of
    the same mode whose resources get the same name. `failing`: a clash because of which a Package may fail whole.
    `names` are the hosts by the names of their resources. `uses` are hosts that Istio's own objects name.
    """

    rules: Version = NEWEST
    cluster: Cluster = field(default_factory=Cluster)
    packages: Mapping[str, tuple[Package, ...]] = field(default_factory=dict)
    refused: Mapping[Key, tuple[Finding, ...]] = field(default_factory=dict)
    registered: Mapping[Mode, Mapping[str, tuple[Registration, ...]]] = field(default_factory=dict)
    participants: Mapping[str, tuple[Allow, ...]] = field(default_factory=dict)
    clashes: Mapping[tuple[Mode, str, int], Clash] = field(default_factory=dict)
    generated: GeneratedRules = field(default_factory=lambda: GeneratedRules((), NEWEST))
    floating: tuple[Package, ...] = ()
    cores: tuple[CoreDeployment, ...] = ()
    extras: tuple[ExtraRules, ...] = ()
    presumed: Index | None = None
    stated: tuple[CoreRelease, ...] = ()
    others: tuple[Index, ...] = ()
    twins: Mapping[tuple[Mode, str], Registration] = field(default_factory=dict)
    failing: Mapping[Key, Clash] = field(default_factory=dict)
    names: Mapping[tuple[Mode, str], str] = field(default_factory=dict)
    uses: tuple[HostUse, ...] = ()

    def every_package(self) -> Iterable[Package]:
        return (package for group in self.packages.values() for package in group)

    def mode(self, package: Package) -> Mode:
        return package.effective_mode(self.rules)

    def refusals(self, package: Package) -> tuple[Finding, ...]:
        return self.refused.get(package.key, ())

    @property
    def release_known(self) -> bool:
        written = [core.release for core in self.cores] + [said.release for said in self.stated]
        return any(known_rules(release) is not None for release in written)

    @cached_property
    def by_old_default(self) -> Index:
        """By the rules of the release before the default mode changed, for Packages that name no mode."""
        every = list(self.every_package())
        return _compiled(
            [*every, *self.cores, *self.extras, *self.uses], every, self.cluster, OLD_DEFAULT, Index(OLD_DEFAULT)
        )

    def with_only(self, package: Package) -> Index:
        """As it is if of several Packages of one namespace this one was admitted."""
        here = self.packages.get(package.namespace, ())
        if len(here) < 2:
            return self
        every = [each for each in self.every_package() if each is package or each.namespace != package.namespace]
        return replace(
            self,
            packages={**self.packages, package.namespace: (package,)},
            registered=registered_by(every, self.rules),
            participants=participants_of(every, self.rules),
            presumed=self.presumed.with_only(package) if self.presumed else None,
        )

    def at_host(self, mode: Mode, host: str) -> tuple[Registration, ...]:
        return self.registered.get(mode, {}).get(host, ())


def at_home(package: Package, cluster: Cluster) -> list[Package]:
    """Where the Package really stands: a kustomization moves it, and without a namespace it is in `default`."""
    homes = cluster.homes.get(package.place.path)
    if homes is None:
        return [package] if package.namespace else [package._replace(namespace="default")]
    if homes == (package.namespace,):
        return [package]
    return [package._replace(namespace=home) for home in homes]


def compile_index(
    entries: Sequence[Entry], cluster: Cluster, rules: Version | None = None, *, known: Index | None = None
) -> Index:
    """By the rules of the release that the bundles deploy, else that the policy file names, else of the newest.

    `known` is an index that holds some of these very entries: what it worked out for them is kept.
    """
    every = [at for entry in entries if isinstance(entry, Package) for at in at_home(entry, cluster)]
    if rules is not None:
        return _compiled(entries, every, cluster, rules, known or Index(rules))
    first, *more = _releases(entries)
    index = _compiled(entries, every, cluster, first, known if known and known.rules == first else Index(first))
    return replace(index, others=tuple(_compiled(entries, every, cluster, each, Index(each)) for each in more))


def _releases(entries: Sequence[Entry]) -> list[Version]:
    """The rules that may be in force, the newest first."""
    bundles = [known_rules(entry.release) for entry in entries if isinstance(entry, CoreDeployment)]
    policy = [known_rules(entry.release) for entry in entries if isinstance(entry, CoreRelease)]
    for said in (bundles, policy):
        versions = {version for version in said if version is not None}
        if versions:
            return sorted(versions, key=lambda version: version.since, reverse=True)
    return [NEWEST]


def _compiled(
    entries: Sequence[Entry], every: Sequence[Package], cluster: Cluster, rules: Version, old: Index
) -> Index:
    packages: dict[str, list[Package]] = defaultdict(list)
    for package in every:
        packages[package.namespace].append(package)
    kept = {id(package) for package in old.every_package()}
    reasons = {}
    for package in every:
        key = package.key
        reasons[key] = old.refused.get(key, ()) if id(package) in kept else refusals(package, rules)
    refused = {key: found for key, found in reasons.items() if found}
    index = Index(
        rules,
        cluster,
        {namespace: tuple(group) for namespace, group in packages.items()},
        refused,
        generated=GeneratedRules(every, rules),
        floating=tuple(package for package in every if templated(package.namespace)),
        cores=tuple(entry for entry in entries if isinstance(entry, CoreDeployment)),
        extras=tuple(entry for entry in entries if isinstance(entry, ExtraRules)),
        stated=tuple(entry for entry in entries if isinstance(entry, CoreRelease)),
        uses=tuple(entry for entry in entries if isinstance(entry, HostUse)),
    )
    compiled = _in_mesh(index, [package for package in every if package.key not in refused])
    return replace(compiled, presumed=_in_mesh(index, every)) if refused else compiled


def _in_mesh(index: Index, packages: Sequence[Package]) -> Index:
    """The index with what these Packages register."""
    registered = registered_by(packages, index.rules)
    clashing = {key: clash for mode, hosts in registered.items() for key, clash in clashes_of(mode, hosts, index.rules)}
    clashes = dict(sorted(clashing.items()))
    participants = participants_of(packages, index.rules)
    names = _names(registered)
    return replace(
        index,
        registered=registered,
        participants=participants,
        clashes=clashes,
        twins=dict(_twins(registered, names)),
        failing=failing_of(clashes),
        names={name: group[-1] for name, group in names.items()},
    )


def failing_of(clashes: Mapping[tuple[Mode, str, int], Clash]) -> dict[Key, Clash]:
    return {entry.package.key: clash for clash in clashes.values() for entry in (clash.one, clash.other)}


def resource_name(mode: Mode, host: str) -> str:
    return sanitize(f"{mode}-se-{host}")


def _names(registered: Mapping[Mode, Mapping[str, Sequence[Registration]]]) -> dict[tuple[Mode, str], list[str]]:
    """The hosts of each resource's name."""
    found: dict[tuple[Mode, str], list[str]] = defaultdict(list)
    for mode, hosts in registered.items():
        for host in hosts:
            found[mode, resource_name(mode, host)].append(host)
    return found


def _twins(
    registered: Mapping[Mode, Mapping[str, Sequence[Registration]]], names: Mapping[tuple[Mode, str], Sequence[str]]
) -> Iterator[tuple[tuple[Mode, str], Registration]]:
    """G-D24: hosts whose resources get one name, so that one overwrites the other."""
    for (mode, _), group in names.items():
        for host in group if len(group) > 1 else ():
            other = group[0] if host != group[0] else group[1]
            yield (mode, host), registered[mode][other][0]


def twin_of(index: Index, mode: Mode, host: str) -> Registration | None:
    """A registered host that would share its resources with this one."""
    name = resource_name(mode, host)
    hosts = index.registered.get(mode, {})
    return next(
        (entries[0] for other, entries in hosts.items() if other != host and resource_name(mode, other) == name), None
    )


def registrations(package: Package) -> Iterable[Registration]:
    for rule in package.host_rules:
        protocol = rule.protocol
        for port in rule.mesh_ports:
            yield Registration(package, rule, rule.remote_host or "", port, protocol)


def participates(rule: Allow, port: int) -> bool:
    """Whether an Anywhere rule takes part in a registered port. UDP never does (G-D21)."""
    ports = rule.ports or (() if rule.port is None else (rule.port,))
    return not rule.udp and (not ports or port in ports)


def principals(index: Index, host: str, port: int, namespace: str) -> list[Principal]:
    """Who of a namespace is admitted at the waypoint for a registered host and port: owners and participants."""
    found = []
    for entry in index.at_host("ambient", host):
        if entry.port == port and entry.package.namespace == namespace:
            account = entry.rule.service_account
            if account is None and not index.rules.admits_namespace:
                account = DEFAULT_ACCOUNT
            found.append(Principal(namespace, account, entry.rule.place))
    for rule in index.participants.get(namespace, ()):
        if participates(rule, port):
            found.append(Principal(namespace, rule.service_account, rule.place))
    return found


def registered_by(packages: Iterable[Package], rules: Version) -> dict[Mode, dict[str, tuple[Registration, ...]]]:
    found: dict[Mode, dict[str, list[Registration]]] = {"ambient": {}, "sidecar": {}}
    for package in packages:
        mode = package.effective_mode(rules)
        if mode == "ambient" and not rules.ambient_egress:
            continue
        hosts = found[mode]
        for entry in registrations(package):
            hosts.setdefault(entry.host, []).append(entry)
    return {mode: {host: tuple(entries) for host, entries in hosts.items()} for mode, hosts in found.items()}


def participants_of(packages: Iterable[Package], rules: Version) -> dict[str, tuple[Allow, ...]]:
    found: dict[str, list[Allow]] = defaultdict(list)
    for package in packages:
        if package.effective_mode(rules) == "ambient":
            found[package.namespace] += [r for r in package.rules if r.remote_generated == "Anywhere" and r.egress]
    return {namespace: tuple(group) for namespace, group in found.items() if group}


def clashes_of(
    mode: Mode, hosts: Mapping[str, Sequence[Registration]], rules: Version
) -> Iterator[tuple[tuple[Mode, str, int], Clash]]:
    for host, entries in hosts.items():
        by_port: dict[int, Registration] = {}
        for entry in entries:
            known = by_port.setdefault(entry.port, entry)
            if known.protocol != entry.protocol:
                yield (mode, host, entry.port), Clash(known, entry)
        if rules.strict_conflicts and entries:
            yield from _strict_clashes(mode, host, entries)


def _strict_clashes(
    mode: Mode, host: str, entries: Sequence[Registration]
) -> Iterator[tuple[tuple[Mode, str, int], Clash]]:
    """Before 0.59 two Packages had to name exactly the same ports and protocols of a host."""
    wanted: dict[Key, set[tuple[int, str]]] = defaultdict(set)
    for entry in entries:
        wanted[entry.package.key].add((entry.port, entry.protocol))
    first = entries[0]
    for entry in entries:
        if wanted[entry.package.key] != wanted[first.package.key]:
            yield (mode, host, entry.port), Clash(first, entry)


def clash_with(index: Index, mode: Mode, wanted: Registration) -> Registration | None:
    """A registration of another rule with which `wanted` could not stand (G-D05)."""
    for entry in index.at_host(mode, wanted.host):
        if entry.port == wanted.port and entry.protocol != wanted.protocol:
            return entry
        elsewhere = entry.package.key != wanted.package.key
        differs = entry.port != wanted.port or entry.protocol != wanted.protocol
        if index.rules.strict_conflicts and elsewhere and differs:
            return entry
    return None
