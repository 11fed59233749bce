"""The index after a commit: only the namespaces and hosts of touched Packages are worked out again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import TypeVar

from skills.core.enforce.cluster import Cluster
from skills.core.enforce.kube_objects import templated
from skills.core.model import Finding
from skills.core.platform_base import Touched
from skills.core.platforms.uds.admission import refusals
from skills.core.platforms.uds.index import (
    Clash,
    Index,
    Registration,
    at_home,
    clashes_of,
    compile_index,
    failing_of,
    participants_of,
    registered_by,
    resource_name,
)
from skills.core.platforms.uds.package import Entry, Key, Package
from skills.core.platforms.uds.versions import Mode
from skills.core.shelves import changed

V = TypeVar("V")

Refused = Mapping[Key, tuple[Finding, ...]]

_OLD_DEFAULT = "by_old_default"


def update_index(index: Index, touched: Touched, entries: Callable[[], Sequence[Entry]], cluster: Cluster) -> Index:
    made = None
    if not index.others and cluster.homes == index.cluster.homes and _only_packages(touched):
        made = _updated(index, touched, cluster)
    if made is None:
        return compile_index(entries(), cluster, known=index)
    if _OLD_DEFAULT in index.__dict__:
        old = _updated(index.by_old_default, touched, cluster)
        if old is not None:
            made.__dict__[_OLD_DEFAULT] = old
    return made


def _only_packages(touched: Touched) -> bool:
    held = chain.from_iterable((*touched.before.values(), *touched.after.values()))
    return all(isinstance(entry, Package) for entry in held)


def _packages(files: Mapping[str, Sequence[Entry]], cluster: Cluster) -> list[Package]:
    held = chain.from_iterable(files.values())
    return [home for entry in held if isinstance(entry, Package) for home in at_home(entry, cluster)]


def _updated(index: Index, touched: Touched, cluster: Cluster) -> Index | None:
    """None where hosts share the name of a resource, or come to: then every host must be looked at."""
    gone, come = _packages(touched.before, cluster), _packages(touched.after, cluster)
    groups: dict[str, tuple[Package, ...] | None] = {}
    for namespace in dict.fromkeys(package.namespace for package in (*gone, *come)):
        kept = [package for package in index.packages.get(namespace, ()) if package.path not in touched.before]
        group = sorted([*kept, *(package for package in come if package.namespace == namespace)], key=_stand)
        groups[namespace] = tuple(group) or None
    packages = changed(index.packages, groups)
    refused = _without(index.refused, gone)
    reasons = {package.key: refusals(package, index.rules) for package in come}
    refused |= {key: found for key, found in reasons.items() if found}
    base = replace(
        index,
        cluster=cluster,
        packages=packages,
        refused=refused,
        generated=index.generated.after(gone, come),
        floating=_floating(packages) if index.floating or any(templated(each.namespace) for each in come) else (),
        presumed=None,
    )
    admitted = _in_mesh(base, index, [each for each in gone if each.key not in index.refused], come, refused)
    if admitted is None or not refused:
        return admitted
    presumed = _in_mesh(base, index.presumed or index, gone, come, {})
    return None if presumed is None else replace(admitted, presumed=presumed)


def _without(known: Mapping[Key, V], gone: Iterable[Package]) -> dict[Key, V]:
    kept = dict(known)
    for package in gone:
        kept.pop(package.key, None)
    return kept


def _floating(packages: Mapping[str, Sequence[Package]]) -> tuple[Package, ...]:
    found = [package for namespace, group in packages.items() if templated(namespace) for package in group]
    return tuple(sorted(found, key=_stand))


def _stand(package: Package) -> tuple[str, int]:
    return package.path, package.document


def _in_mesh(
    base: Index,
    old: Index,
    gone: Sequence[Package],
    come: Sequence[Package],
    refused: Refused,
) -> Index | None:
    """`base` with what Packages register: as in `old`, less those that are gone, and with those that come."""
    if old.twins:
        return None
    admitted = [package for package in come if package.key not in refused]
    fresh, lost = registered_by(admitted, base.rules), registered_by(gone, base.rules)
    paths = {package.path for package in gone}
    registered: dict[Mode, Mapping[str, tuple[Registration, ...]]] = {}
    clashes = dict(old.clashes)
    names: dict[tuple[Mode, str], str | None] = {}
    for mode, hosts in old.registered.items():
        now: dict[str, tuple[Registration, ...] | None] = {}
        for host in dict.fromkeys((*lost[mode], *fresh[mode])):
            known = hosts.get(host, ())
            for key, _ in clashes_of(mode, {host: known}, base.rules):
                clashes.pop(key, None)
            kept = [entry for entry in known if entry.package.path not in paths]
            entries = tuple(sorted((*kept, *fresh[mode].get(host, ())), key=lambda entry: _stand(entry.package)))
            name = (mode, resource_name(mode, host))
            now[host] = entries or None
            if not entries:
                names[name] = None
                continue
            holder = names[name] if name in names else old.names.get(name)
            if holder not in (None, host):
                return None
            names[name] = host
            clashes |= dict(clashes_of(mode, {host: entries}, base.rules))
        registered[mode] = changed(hosts, now)
    return _joined(base, old, registered, changed(old.names, names), clashes, [*gone, *admitted], refused)


def _joined(
    base: Index,
    old: Index,
    registered: Mapping[Mode, Mapping[str, tuple[Registration, ...]]],
    names: Mapping[tuple[Mode, str], str],
    clashes: Mapping[tuple[Mode, str, int], Clash],
    moved: Iterable[Package],
    refused: Refused,
) -> Index:
    participants = dict(old.participants)
    for namespace in dict.fromkeys(package.namespace for package in moved):
        participants.pop(namespace, None)
        held = [package for package in base.packages.get(namespace, ()) if package.key not in refused]
        participants |= participants_of(held, base.rules)
    clashes = dict(sorted(clashes.items()))
    return replace(
        base,
        registered=registered,
        participants=participants,
        clashes=clashes,
        failing=failing_of(clashes),
        names=names,
    )
