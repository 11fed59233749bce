"""What all manifests of a repository say of pods, namespaces, services and service accounts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

from skills.core.enforce.kube_objects import (
    EndpointFacts,
    Facts,
    Mention,
    NamespaceFacts,
    PluginFacts,
    PodFacts,
    ServiceAccountFacts,
    ServiceFacts,
    expand,
    known_labels,
    read,
    templated,
)
from skills.core.enforce.kube_policy import NAMESPACE_KEY
from skills.core.enforce.kustomize import Kustomization, homes
from skills.core.model import Place, Workload, WorkloadRef
from skills.core.shelves import Shelves, changed

__all__ = [
    "NAME",
    "Cluster",
    "compile_cluster",
    "expand",
    "names",
    "pods_named",
    "read",
    "resolve",
    "update_cluster",
    "workload_of",
]

NAME = "kube"
K = TypeVar("K")
V = TypeVar("V")

# Every cluster has them, whether or not a file says so.
_BUILT_IN = ("default", "kube-node-lease", "kube-public", "kube-system")

# Labels that controllers put on single pods: they tell replicas apart, not workloads.
_REPLICA_LABELS = frozenset(
    {
        "apps.kubernetes.io/pod-index",
        "controller-revision-hash",
        "pod-template-generation",
        "pod-template-hash",
        "statefulset.kubernetes.io/pod-name",
    }
)


@dataclass(frozen=True)
class Cluster:
    """Pods by namespace, labels by namespace (for every namespace that anything names), services by
    (namespace, name), service accounts, the places of Namespace manifests, known addresses, and the
    namespaces that Kustomize gives to files. `endpoints` are what somebody wrote behind services, by (namespace, name);
    `plugins` are signs of a network plugin, those that are sure first; `facts` are what all the rest was made of.
    `asked` holds the two ends of the last flow, which each dialect asks for in turn: one each, told by identity."""

    pods: Mapping[str, tuple[PodFacts, ...]] = field(default_factory=dict)
    namespaces: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    declared: Mapping[str, Place] = field(default_factory=dict)
    services: Mapping[tuple[str, str], ServiceFacts] = field(default_factory=dict)
    service_accounts: Mapping[tuple[str, str], Place] = field(default_factory=dict)
    owners: Mapping[tuple[str, str, str], tuple[tuple[str, str], ...]] = field(default_factory=dict)
    addresses: Mapping[str, PodFacts | ServiceFacts] = field(default_factory=dict)
    homes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    endpoints: Mapping[tuple[str, str], tuple[EndpointFacts, ...]] = field(default_factory=dict)
    plugins: tuple[PluginFacts, ...] = ()
    facts: Shelves[str, _Housed] | None = field(default=None, repr=False, compare=False)
    asked: dict[str, tuple[Any, ...]] = field(default_factory=dict, init=False, repr=False, compare=False)

    @cached_property
    def called(self) -> Mapping[str, tuple[str, ...]]:
        """The namespaces in which a workload or a controller of it has a name."""
        found: dict[str, dict[str, None]] = {}
        for namespace, pods in sorted(self.pods.items()):
            for pod in pods:
                for name in _called(self, pod):
                    found.setdefault(name, {})[namespace] = None
        return {name: tuple(namespaces) for name, namespaces in found.items()}

    def labels_of(self, namespace: str) -> Mapping[str, str]:
        """A namespace's labels as far as manifests set them; its name is always one of them."""
        return self.namespaces.get(namespace) or {NAMESPACE_KEY: namespace}


_Housed = PodFacts | NamespaceFacts | ServiceFacts | EndpointFacts | ServiceAccountFacts | Mention


def compile_cluster(entries: Sequence[Facts]) -> Cluster:
    housed = homes(entry for entry in entries if isinstance(entry, Kustomization))
    every = list(_at_home(entries, housed))
    plugins = _plugins(entries)
    return replace(_compiled(every, housed), plugins=plugins, facts=Shelves(_namespaces, _path, every))


def _plugins(entries: Iterable[Facts]) -> tuple[PluginFacts, ...]:
    found = [entry for entry in entries if isinstance(entry, PluginFacts)]
    return tuple(sorted(found, key=lambda sign: (not sign.sure, sign.place.path, sign.place.line)))


def update_cluster(
    cluster: Cluster,
    before: Mapping[str, Sequence[Facts]],
    after: Mapping[str, Sequence[Facts]],
    entries: Callable[[], Sequence[Facts]],
) -> Cluster:
    """What `compile_cluster(entries())` gives, once some files hold other facts than `cluster` was made of."""
    moved = [entry for facts in (*before.values(), *after.values()) for entry in facts]
    if cluster.facts is None or any(isinstance(entry, Kustomization) for entry in moved):
        return compile_cluster(entries())
    old, new = ({path: [*_at_home(facts, cluster.homes)] for path, facts in part.items()} for part in (before, after))
    shelves, touched = cluster.facts.after(old, new)
    was = _compiled([entry for name in touched for entry in cluster.facts.at(name)], cluster.homes)
    is_now = _compiled([entry for name in touched for entry in shelves.at(name)], cluster.homes)
    moved_in = [entry for facts in after.values() for entry in facts]
    if was.addresses or is_now.addresses:
        return compile_cluster(entries())  # addresses that several pods claim go by the order of all files
    return Cluster(
        _patched(cluster.pods, was.pods, is_now.pods),
        _patched(cluster.namespaces, _of(was, touched), _of(is_now, touched)),
        _patched(cluster.declared, was.declared, is_now.declared),
        _patched(cluster.services, was.services, is_now.services),
        _patched(cluster.service_accounts, was.service_accounts, is_now.service_accounts),
        _patched(cluster.owners, was.owners, is_now.owners),
        cluster.addresses,
        cluster.homes,
        _patched(cluster.endpoints, was.endpoints, is_now.endpoints),
        _plugins([*(sign for sign in cluster.plugins if sign.place.path not in before), *moved_in]),
        shelves,
    )


def _of(cluster: Cluster, names: Iterable[str]) -> Mapping[str, Mapping[str, str]]:
    return {name: cluster.namespaces[name] for name in names if name in cluster.namespaces}


def _patched(known: Mapping[K, V], was: Mapping[K, V], is_now: Mapping[K, V]) -> Mapping[K, V]:
    if not was and not is_now:
        return known
    return changed(known, {**dict.fromkeys(was), **is_now})


def _namespaces(entry: _Housed) -> tuple[str, ...]:
    return (entry.name if isinstance(entry, NamespaceFacts) else entry.namespace,)


def _path(entry: _Housed) -> str:
    return entry.place.path


def _compiled(entries: Iterable[_Housed], housed: Mapping[str, tuple[str, ...]]) -> Cluster:
    pods: dict[str, list[PodFacts]] = {}
    listed: list[ServiceFacts] = []
    accounts: dict[tuple[str, str], Place] = {}
    labels: dict[str, dict[str, str]] = {name: {} for name in _BUILT_IN}
    declared: dict[str, Place] = {}
    endpoints: dict[tuple[str, str], tuple[EndpointFacts, ...]] = {}
    for entry in entries:
        namespace = entry.name if isinstance(entry, NamespaceFacts) else entry.namespace
        if templated(namespace):
            continue
        known = labels.setdefault(namespace, {})
        if isinstance(entry, NamespaceFacts):
            known.update(entry.labels)
            declared.setdefault(namespace, entry.place)
        elif isinstance(entry, PodFacts):
            pods.setdefault(namespace, []).append(entry)
        elif isinstance(entry, ServiceFacts):
            listed.append(entry)
        elif isinstance(entry, EndpointFacts):
            endpoints[namespace, entry.name] = (*endpoints.get((namespace, entry.name), ()), entry)
        elif isinstance(entry, ServiceAccountFacts):
            accounts.setdefault((namespace, entry.name), entry.place)
    for name, known in labels.items():
        known[NAMESPACE_KEY] = name
    services = _services(listed)
    everyone = [pod for group in pods.values() for pod in group]
    return Cluster(
        {name: tuple(group) for name, group in pods.items()},
        labels,
        declared,
        services,
        accounts,
        {(pod.namespace, pod.kind, pod.name): pod.owners for pod in everyone if pod.owners},
        _addresses([*everyone, *services.values()]),
        housed,
        endpoints,
    )


def _services(listed: Iterable[ServiceFacts]) -> dict[tuple[str, str], ServiceFacts]:
    """By (namespace, name). Of two that differ under one name the files don't say which stands, so none does."""
    services: dict[tuple[str, str], ServiceFacts] = {}
    clashing: set[tuple[str, str]] = set()
    for entry in listed:
        key = (entry.namespace, entry.name)
        if services.setdefault(key, entry)._replace(place=entry.place) != entry:
            clashing.add(key)
    return {key: entry for key, entry in services.items() if key not in clashing}


def _at_home(entries: Sequence[Facts], housed: Mapping[str, tuple[str, ...]]) -> Iterator[_Housed]:
    """Every fact in the namespace, or namespaces, that Kustomize gives it."""
    for entry in entries:
        if isinstance(entry, (Kustomization, PluginFacts)):
            continue
        if entry.place.path not in housed:
            yield entry
        elif isinstance(entry, NamespaceFacts):
            yield from (entry._replace(name=home) for home in housed[entry.place.path])
        else:
            yield from (entry._replace(namespace=home) for home in housed[entry.place.path])


def _addresses(holders: Iterable[PodFacts | ServiceFacts]) -> dict[str, PodFacts | ServiceFacts]:
    """Addresses that exports state. A host-network pod's address is its node's, so it names no pod."""
    known: dict[str, PodFacts | ServiceFacts] = {}
    for holder in holders:
        if not (isinstance(holder, PodFacts) and holder.host_network):
            known |= dict.fromkeys(holder.addresses, holder)
    return known


def resolve(cluster: Cluster, ref: WorkloadRef) -> Sequence[Workload]:
    """The workloads that fit what a person wrote; none when nothing in the repository has that name."""
    if ref.kind not in {None, "k8s"} or not 1 <= len(ref.parts) <= 2:
        return ()
    if len(ref.parts) == 1 and (ref.labels is not None or ref.parts[0] in cluster.namespaces):
        found = _namespace(cluster, ref.parts[0], ref.labels)
    elif len(ref.parts) == 1:
        named = ref.parts[0]
        found = [w for home in cluster.called.get(named, ()) for w in _named(cluster, home, named, ref.environment)]
    else:
        found = _named(cluster, ref.parts[0], ref.parts[1], ref.environment)
        if ref.labels is not None:
            # What the asker says of the labels may add to what the repository says, never contradict it.
            fits = [w for w in found if all((w.labels or {}).get(k, v) == v for k, v in ref.labels.items())]
            found = [replace(workload, labels={**(workload.labels or {}), **ref.labels}) for workload in fits]
    if ref.service_account:
        found = [replace(workload, service_account=ref.service_account) for workload in found]
    return tuple(_distinct(found))


def names(cluster: Cluster) -> Sequence[str]:
    """What could have been meant: every namespace and every workload in it."""
    found = set(cluster.namespaces)
    for namespace, pods in cluster.pods.items():
        for pod in pods:
            found.update(f"{namespace}/{name}" for name in _called(cluster, pod)[-1:] if not templated(name))
    return sorted(found)


def pods_named(cluster: Cluster, namespace: str, name: str) -> list[PodFacts]:
    """The pods of a workload: by the workload's own name, else by a controller above it."""
    pods = [pod for pod in cluster.pods.get(namespace, ()) if not templated(pod.name)]
    own = [pod for pod in pods if pod.name == name]
    return own or [pod for pod in pods if name in _called(cluster, pod)]


def _called(cluster: Cluster, pod: PodFacts) -> list[str]:
    """The names of a pod, the nearest first: its own, its controllers', and theirs."""
    called = [pod.name]
    owners = pod.owners
    for _ in range(4):  # Pod, ReplicaSet, Deployment and one custom controller: deeper chains don't exist
        if not owners:
            break
        kind, name = owners[0]
        called.append(name)
        # A Deployment's ReplicaSet is NAME-HASH and its pods carry the hash, so an export of pods alone names it.
        revision = pod.labels.get("pod-template-hash")
        owners = cluster.owners.get((pod.namespace, kind, name), ())
        if kind == "ReplicaSet" and not owners and revision and name.endswith(f"-{revision}"):
            called.append(name.removesuffix(f"-{revision}"))
    return called


def _namespace(cluster: Cluster, namespace: str, labels: Mapping[str, str] | None) -> list[Workload]:
    """All pods of a namespace, or those that carry the labels that the asker asserts."""
    if namespace not in cluster.namespaces:
        return []
    said = None if labels is None else dict(labels)
    name = namespace if labels is None else _by_labels(namespace, labels)
    place = cluster.declared.get(namespace)
    asserted = said is not None
    return [
        Workload("k8s", "kubernetes", name, namespace, namespace=namespace, labels=said, place=place, asserted=asserted)
    ]


def _named(cluster: Cluster, namespace: str, name: str, environment: str | None) -> list[Workload]:
    pods = pods_named(cluster, namespace, name)
    if environment:
        # Kubernetes has no environments; where folders tell them apart, the folder decides.
        pods = [pod for pod in pods if environment in pod.place.path.split("/")] or pods
    return [workload_of(pod, name) for pod in pods]


def _distinct(found: Sequence[Workload]) -> list[Workload]:
    """One workload for all its replicas and copies. What differs gets a name that means only itself."""
    groups: dict[str, dict[tuple[object, ...], Workload]] = {}
    for workload in found:
        labels = tuple(sorted((k, v) for k, v in (workload.labels or {}).items() if k not in _REPLICA_LABELS))
        key = (labels, workload.service_account, workload.host_network)
        groups.setdefault(workload.name, {}).setdefault(key, workload)
    result: list[Workload] = []
    for group in groups.values():
        alone = len(group) == 1
        result += [w if alone else replace(w, name=_by_labels(w.scope, w.labels or {})) for w in group.values()]
    return result


def _by_labels(namespace: str, labels: Mapping[str, str]) -> str:
    said = ",".join(f"{key}={value}" for key, value in sorted(labels.items()) if key not in _REPLICA_LABELS)
    return f"{namespace}{{{said}}}"


def workload_of(pod: PodFacts, name: str | None = None) -> Workload:
    return Workload(
        "k8s",
        "kubernetes",
        f"{pod.namespace}/{name or pod.name}",
        pod.namespace,
        namespace=pod.namespace,
        labels=known_labels(pod.labels),
        service_account=None if templated(pod.service_account) else pod.service_account,
        container_ports={port: number for port, (_, number) in pod.named_ports.items()},
        host_network=pod.host_network,
        place=pod.place,
    )
