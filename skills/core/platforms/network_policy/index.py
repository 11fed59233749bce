"""All policies of a commit, at home in their namespaces, and what a commit changes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from skills.core.enforce.cluster import Cluster
from skills.core.enforce.kube_index import PolicyIndex, index_policies
from skills.core.platform_base import Touched
from skills.core.platforms.network_policy.entries import CiliumEntry, Entry, ForeignEntry, PolicyEntry
from skills.core.shelves import Shelves, changed


@dataclass(frozen=True)
class Index:
    """`homes` are the policies by the namespace that they stand in, `files` what each file said, before Kustomize.

    `foreign` are policies of other makes, which are few where there are any.
    """

    policies: PolicyIndex
    cluster: Cluster
    homes: Shelves[str | None, PolicyEntry]
    files: Mapping[str, tuple[Entry, ...]] = field(default_factory=dict)
    foreign: tuple[ForeignEntry, ...] = ()

    @property
    def empty(self) -> bool:
        return not self.homes and not self.foreign

    @cached_property
    def read(self) -> tuple[Entry, ...]:
        return tuple(entry for path in sorted(self.files) for entry in self.files[path])

    @cached_property
    def cilium(self) -> bool:
        """Whether the repository holds Cilium policies."""
        return any(isinstance(entry, CiliumEntry) for entries in self.files.values() for entry in entries)

    @cached_property
    def entries(self) -> tuple[PolicyEntry, ...]:
        """Every policy, in order of the files, in each namespace that it stands in."""
        return tuple(_settled(self.read, self.cluster))

    def entries_of(self, namespace: str) -> list[PolicyEntry]:
        return self.homes.at(namespace)


def compile_index(entries: Sequence[Entry], cluster: Cluster) -> Index:
    files: dict[str, tuple[Entry, ...]] = {}
    for entry in entries:
        path = path_of(entry)
        files[path] = (*files.get(path, ()), entry)
    every = [entry for path in sorted(files) for entry in files[path]]
    homes = Shelves[str | None, PolicyEntry](_namespace, path_of, _settled(every, cluster))
    policies = index_policies(entry.policy for name in homes for entry in homes.at(name))
    return Index(policies, cluster, homes, files, _foreign(every))


def update_index(index: Index, touched: Touched, entries: Callable[[], Sequence[Entry]], cluster: Cluster) -> Index:
    if cluster.homes != index.cluster.homes:
        return compile_index(entries(), cluster)
    before, after = (
        {path: [*_settled(part[path], cluster)] for path in part} for part in (touched.before, touched.after)
    )
    homes, namespaces = index.homes.after(before, after)
    policies = {name: [entry.policy for entry in homes.at(name)] for name in namespaces}
    files = changed(
        index.files, {**dict.fromkeys(touched.before), **{path: tuple(held) for path, held in touched.after.items()}}
    )
    moved = [entry for part in (touched.before, touched.after) for held in part.values() for entry in held]
    foreign = index.foreign
    if _foreign(moved):
        foreign = _foreign(entry for path in sorted(files) for entry in files[path])
    return Index(index.policies.after(policies), cluster, homes, files, foreign)


def path_of(entry: Entry) -> str:
    return entry.path if isinstance(entry, PolicyEntry) else entry.place.path


def _namespace(entry: PolicyEntry) -> tuple[str | None]:
    return (entry.policy.namespace,)


def _foreign(entries: Iterable[Entry]) -> tuple[ForeignEntry, ...]:
    return tuple(entry for entry in entries if isinstance(entry, ForeignEntry))


def _settled(entries: Iterable[Entry], cluster: Cluster) -> Iterable[PolicyEntry]:
    return (home for entry in entries if isinstance(entry, PolicyEntry) for home in _at_home(entry, cluster))


def _at_home(entry: PolicyEntry, cluster: Cluster) -> list[PolicyEntry]:
    """The policy in each namespace that Kustomize gives to its file."""
    homes = cluster.homes.get(entry.path)
    if homes is None:
        return [entry]
    return [entry._replace(policy=entry.policy._replace(namespace=home)) for home in homes]
