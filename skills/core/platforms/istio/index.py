"""All that a repository says of its meshes, compiled: one scope for each environment that it knows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from skills.core.enforce import cluster as kube
from skills.core.enforce.cluster import Cluster
from skills.core.enforce.kube_index import index_policies
from skills.core.enforce.kube_objects import templated
from skills.core.model import Workload, WorkloadRef
from skills.core.platforms.istio.bb_policies import NAME_KEY
from skills.core.platforms.istio.entries import (
    NAME,
    Chart,
    Entry,
    Environment,
    Gateway,
    MeshConfig,
    PodMesh,
    Policy,
    ServiceEntry,
    Sidecar,
    TlsRule,
    Values,
    VirtualService,
)
from skills.core.platforms.istio.overlays import Overlay, environment_named, overlay_of
from skills.core.platforms.istio.render import rendered, rendered_admissions, rendered_policies
from skills.core.platforms.istio.scope import Scope, scope_of

_BUILT_IN = frozenset({"default", "kube-node-lease", "kube-public", "kube-system"})
# Packages that Big Bang puts into a namespace of another name. Source: bigbang chart/values.yaml.
_HOMES = {
    "elasticsearchKibana": "logging",
    "eckOperator": "eck-operator",
    "fluentbit": "fluentbit",
    "loki": "logging",
    "grafana": "monitoring",
    "minioOperator": "minio-operator",
    "nexusRepositoryManager": "nexus-repository-manager",
    "argocd": "argocd",
    "istiod": "istio-system",
    "istio": "istio-system",
}


@dataclass(frozen=True)
class Index:
    """`scopes` by environment; a repository without environments has one under None.

    `families` are the environments of each thing that has overlays, with None where its common files may be all that
    another environment has. `values` keep their namespaces, `read` is what
    the files said.
    """

    cluster: Cluster = field(default_factory=Cluster)
    scopes: Mapping[str | None, Scope] = field(default_factory=dict)
    families: Mapping[str, tuple[str | None, ...]] = field(default_factory=dict)
    concerned: Mapping[str, frozenset[str]] = field(default_factory=dict)
    values: tuple[Values, ...] = ()
    read: tuple[Entry, ...] = ()
    overlays: tuple[Environment, ...] = ()

    @property
    def namespaces(self) -> frozenset[str]:
        return frozenset(self.concerned)

    def environments_of(self, workload: Workload) -> list[str | None]:
        """The environments in which the workload runs as far as paths tell; [None] where they tell nothing."""
        said = environment_named(workload.environment)
        if said in self.scopes and said is not None:
            return [said]
        own = {name for name in self._declared(workload) if name in self.scopes}
        if own and said is None:
            return [*sorted(own)]
        families = self.concerned.get(workload.namespace or workload.scope, frozenset())
        found = sorted({name for family in families for name in self.families.get(family, ())}, key=_last)
        return found or [name for name in self.scopes if name is not None] or [None]

    def _declared(self, workload: Workload) -> set[str]:
        """The environments of the files that declare the workload's pods; none if one of them is for all."""
        if workload.place is None:
            return set()
        pods = self.cluster.pods.get(workload.namespace or workload.scope, ())
        same = [pod.place.path for pod in pods if pod.labels == workload.labels] or [workload.place.path]
        found = {overlay_of(path).environment for path in same}
        return set() if None in found else {name for name in found if name}


def compile_index(entries: Sequence[Entry], cluster: Cluster) -> Index:
    every = [home for entry in entries for home in _at_home(entry, cluster)]
    values = tuple(_housed(every, cluster))
    overlays = [entry.overlay for entry in every if not isinstance(entry, Chart) and entry.overlay.environment]
    families: dict[str, set[str | None]] = defaultdict(set)
    for overlay in overlays:
        families[overlay.family].add(overlay.environment)
    common = {values.place.path.rpartition("/")[0] for values in values if values.overlay.environment is None}
    for family, group in families.items():
        folder, _, file = family.rpartition("/")
        if len(group) == 1 and "values" in file.lower() and folder in common:
            group.add(None)  # the common values alone are what some other environment has
    names = sorted({name for group in families.values() for name in group}, key=_last) or [None]
    return Index(
        cluster,
        {name: _scope(name, every, values, cluster) for name in names},
        {family: tuple(sorted(group, key=_last)) for family, group in families.items()},
        _concerned(every, values, cluster),
        values,
        tuple(entries),
        tuple(entry for entry in every if isinstance(entry, Environment)),
    )


def _last(environment: str | None) -> tuple[bool, str]:
    """Environments in order, and what is for all of them last."""
    return environment is None, environment or ""


def _at_home(entry: Entry, cluster: Cluster) -> list[Entry]:
    """A manifest in each namespace that Kustomize gives to its file. A namespace that a template fills in is none."""
    if not isinstance(entry, (ServiceEntry, Sidecar, Policy, Gateway, VirtualService, TlsRule, PodMesh)):
        return [entry]
    if entry.namespace is not None and templated(entry.namespace):
        return [replace(entry, namespace=None)] if isinstance(entry, (ServiceEntry, Sidecar)) else []
    homes = cluster.homes.get(entry.place.path)
    return [entry] if homes is None else [replace(entry, namespace=home) for home in homes]


def _housed(entries: Sequence[Entry], cluster: Cluster) -> Iterator[Values]:
    charts = {entry.folder: entry.name for entry in entries if isinstance(entry, Chart)}
    for entry in entries:
        if not isinstance(entry, Values):
            continue
        folder = entry.place.path.rpartition("/")[0]
        chart = charts.get(folder)
        namespace = entry.namespace
        if entry.release and namespace is None:
            namespace = _HOMES.get(entry.release, entry.release)
        if not entry.root:
            fits = chart if chart in cluster.namespaces else None
            namespace = namespace or fits or _nearest(folder, cluster) or chart
        # A values file away from its chart lies over defaults that are not in sight, so its mesh is taken to be on.
        yield replace(entry, namespace=namespace, umbrella=entry.umbrella or chart is None)


def _nearest(folder: str, cluster: Cluster) -> str | None:
    """The only namespace whose workloads stand in the same part of the repository, else the only one of all."""
    parent = folder.rpartition("/")[0]
    everyone = {name: pods for name, pods in cluster.pods.items() if not templated(name)}
    near = {name for name, pods in everyone.items() if any(pod.place.path.startswith(f"{parent}/") for pod in pods)}
    known = near if parent and near else {name for name in cluster.namespaces if name not in _BUILT_IN}
    return next(iter(known)) if len(known) == 1 else None


def _in(overlay: Overlay, environment: str | None) -> bool:
    return overlay.environment is None or overlay.environment == environment


def _scope(environment: str | None, entries: Sequence[Entry], values: Sequence[Values], cluster: Cluster) -> Scope:
    here = [entry for entry in entries if not isinstance(entry, Chart) and _in(entry.overlay, environment)]
    here.sort(key=lambda entry: entry.overlay.environment is not None)
    meshes = [entry for entry in here if isinstance(entry, MeshConfig)]
    releases = releases_in(values, environment)
    made = [item for layers, namespace in releases for item in rendered(layers, namespace, meshes)]
    folders = {entry.folder for entry in entries if isinstance(entry, Chart) and entry.common}
    network = index_policies(
        policy
        for layers, namespace in releases
        for policy in rendered_policies(layers, namespace, common_chart=_beside(layers, folders))
    )
    admitted = [item for layers, namespace in releases for item in rendered_admissions(layers, namespace)]
    scope = scope_of(
        environment,
        [entry for entry in (*here, *made) if isinstance(entry, ServiceEntry)],
        [entry for entry in (*here, *made) if isinstance(entry, Sidecar)],
        meshes,
        [*(entry for entry in here if isinstance(entry, Policy)), *admitted],
    )
    return replace(
        scope,
        network=network,
        gateways=tuple(entry for entry in here if isinstance(entry, Gateway)),
        tls_rules=tuple(entry for entry in here if isinstance(entry, TlsRule)),
        virtual=tuple(entry for entry in here if isinstance(entry, VirtualService)),
        pods=tuple(entry for entry in here if isinstance(entry, PodMesh)),
        waypoints=_waypoints(cluster),
    )


def _beside(layers: Sequence[Values], folders: set[str]) -> bool:
    """Whether one of the files stands beside a chart that depends on bb-common, or below that chart's key."""
    return any(
        each.place.path.rpartition("/")[0] in folders or each.spot.path[-1:] == ("bb-common",) for each in layers
    )


def _waypoints(cluster: Cluster) -> dict[str, str]:
    """`namespace/name` of the waypoint that each namespace's own labels choose."""
    found = {}
    for namespace, labels in cluster.namespaces.items():
        name = labels.get("istio.io/use-waypoint", "")
        if name and name != "none":
            found[namespace] = f"{labels.get('istio.io/use-waypoint-namespace') or namespace}/{name}"
    return found


def releases_in(values: Sequence[Values], environment: str | None) -> list[tuple[list[Values], str | None]]:
    """The values of each release, the base first, and its namespace."""
    groups: dict[str, list[Values]] = defaultdict(list)
    values = [each for each in values if _in(each.overlay, environment)]
    ordered = sorted(values, key=lambda item: item.overlay.environment is not None)
    for each in ordered:
        if not each.root:
            groups[each.group].append(each)
    for layers in groups.values():
        layers[:0] = [_handed_down(each) for each in ordered if each.root and each.folder == layers[0].folder]
    return [(layers, next((each.namespace for each in layers if each.namespace), None)) for layers in groups.values()]


def _handed_down(umbrella: Values) -> Values:
    """Of its own keys Big Bang gives every package the switch and the definitions of network policies."""
    kept = {
        path: leaf for path, leaf in umbrella.leaves.items() if path == ("np", "enabled") or "definition" in path[2:3]
    }
    return replace(umbrella, leaves=kept, namespace=None)


def _concerned(entries: Sequence[Entry], values: Sequence[Values], cluster: Cluster) -> dict[str, frozenset[str]]:
    """The namespaces that something here is about, and the families of files that are about them."""
    found: dict[str, set[str]] = defaultdict(set)
    for entry in (*entries, *(each for each in values if each.says_egress)):
        if isinstance(entry, (ServiceEntry, Sidecar, Values, VirtualService)) and entry.namespace is not None:
            found[entry.namespace].add(entry.overlay.family)
    for namespace, pods in cluster.pods.items():
        if namespace in found:
            found[namespace] |= {overlay_of(pod.place.path).family for pod in pods}
    return {namespace: frozenset(families) for namespace, families in found.items()}


def resolve(index: Index, ref: WorkloadRef) -> list[Workload]:
    """Namespaces that only values name: no manifest does, so the cluster can't know them."""
    if ref.kind not in {None, "k8s"} or not 1 <= len(ref.parts) <= 2:
        return []
    if ref.parts[0] in index.cluster.namespaces:
        return _in_files_of_its_own(index, ref)
    namespace = ref.parts[0]
    own = [values for values in index.values if values.namespace == namespace]
    labels = None if ref.labels is None else dict(ref.labels)
    name = "/".join(ref.parts)
    if labels is not None:
        name += "{" + ",".join(f"{key}={value}" for key, value in sorted(labels.items())) + "}"
    if len(ref.parts) > 1:
        keys = {path[3] for values in own for path in values.leaves if path[:3] == ("np", "out", "to")}
        labels = labels or ({NAME_KEY: ref.parts[1]} if ref.parts[1] in keys else None)
    if not own or (len(ref.parts) > 1 and labels is None):
        return []
    environment = environment_named(ref.environment)
    asserted = ref.labels is not None
    return [
        Workload("k8s", NAME, name, namespace, environment, namespace, labels, ref.service_account, asserted=asserted)
    ]


def _in_files_of_its_own(index: Index, ref: WorkloadRef) -> list[Workload]:
    """Pods of an environment that only names of files tell apart, as `values-staging.yaml`: their own are for all."""
    named = environment_named(ref.environment)
    there = [
        entry.overlay for entry in index.read if not isinstance(entry, Chart) and entry.overlay.environment == named
    ]
    if named is None or not there or any(overlay.family.endswith("/*") for overlay in there):
        return []
    return [
        replace(workload, platform=NAME, environment=ref.environment)
        for workload in kube.resolve(index.cluster, replace(ref, environment=None))
    ]


def names(index: Index) -> list[str]:
    return sorted({values.namespace for values in index.values if values.namespace} - set(index.cluster.namespaces))
