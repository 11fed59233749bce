"""One environment's mesh: what is registered where, and which Sidecar binds which pods."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from skills.core.enforce.kube_index import PolicyIndex
from skills.core.enforce.kube_policy import Pods, unless_unsaid
from skills.core.enforce.mesh_hosts import Import, exported, imported, is_wildcard, within
from skills.core.enforce.selectors import Match
from skills.core.model import Finding, Place, finding
from skills.core.platforms.istio.entries import (
    ROOT,
    Bypass,
    Gateway,
    MeshConfig,
    PodMesh,
    Policy,
    ServiceEntry,
    Sidecar,
    TlsRule,
    VirtualService,
)
from skills.core.platforms.istio.fields import checked

OTHER_ENVIRONMENTS = "any other environment"
_MOST = 2_000
_MOST_PLACES = 5


@dataclass(frozen=True, slots=True)
class Binding:
    """How the outbound registry binds some pods. `mode` None: nothing in the repository says.

    `imports` None: they see everything that is exported to them. `doubts` say what would have to be known, `rivals`
    are others that may bind them just as strictly. `slips` are those of Sidecars about them, which decide nothing here.
    """

    mode: str | None
    imports: tuple[Import, ...] | None = None
    places: tuple[Place, ...] = ()
    name: str = ""
    doubts: tuple[Finding, ...] = ()
    rivals: tuple[Binding, ...] = ()
    slips: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Scope:
    """`entries` hold also what is refused or switched off, for near misses; `by_host` and the others only what counts.

    `floating` are entries whose namespace nobody says.
    """

    environment: str | None
    entries: tuple[ServiceEntry, ...] = ()
    sidecars: Mapping[str, tuple[Sidecar, ...]] = field(default_factory=dict)
    meshes: tuple[MeshConfig, ...] = ()
    policies: tuple[Policy, ...] = ()
    by_host: Mapping[str, tuple[ServiceEntry, ...]] = field(default_factory=dict)
    wild: tuple[tuple[str, ServiceEntry], ...] = ()
    by_address: tuple[ServiceEntry, ...] = ()
    of_namespace: Mapping[str | None, tuple[ServiceEntry, ...]] = field(default_factory=dict)
    network: PolicyIndex = field(default_factory=lambda: PolicyIndex({}))
    gateways: tuple[Gateway, ...] = ()
    virtual: tuple[VirtualService, ...] = ()
    tls_rules: tuple[TlsRule, ...] = ()
    pods: tuple[PodMesh, ...] = ()
    waypoints: Mapping[str, str] = field(default_factory=dict)

    @property
    def mesh(self) -> MeshConfig | None:
        return next((mesh for mesh in reversed(self.meshes) if mesh.mode), None)

    @property
    def root(self) -> str:
        return next((mesh.root for mesh in reversed(self.meshes) if mesh.root), ROOT)

    @property
    def export_to(self) -> tuple[str, ...]:
        """Where an entry without `exportTo` is visible."""
        return next((mesh.export_to for mesh in reversed(self.meshes) if mesh.export_to), ("*",))

    @property
    def trusted(self) -> tuple[str, ...]:
        """The mesh's trust domain and its aliases, () where no file says them."""
        return next((mesh.trusted for mesh in reversed(self.meshes) if mesh.trusted), ())

    @property
    def allocates(self) -> bool:
        return any(mesh.allocates for mesh in self.meshes)

    @property
    def bypasses(self) -> tuple[Bypass, ...]:
        return tuple(mesh.bypass for mesh in self.meshes if mesh.bypass is not None)

    def named(self, host: str) -> Iterator[ServiceEntry]:
        """Entries that count and list the host, itself or by a wildcard."""
        yield from self.by_host.get(host, ())
        for pattern, entry in self.wild:
            if within(host, pattern):
                yield entry

    def bind(self, pods: Pods) -> Binding:
        """Selector before namespace before root namespace; without a mode of its own a Sidecar has the mesh's.

        Where several may bind the pods, the strictest stands, with what is not known and those that it may not be.
        """
        selected, maybe = self._selecting(pods)
        equal: list[Sidecar] = []
        for tier in (selected, self._wide(pods.namespace), self._wide(self.root)):
            equal += tier
            if any(not sidecar.slips for sidecar in tier):
                break  # whoever has a slip may not be there at all, so the next ones may count
        first = next((side for side in equal if not side.slips), None)
        sure = first is not None and first.selector is not None
        maybe = [] if sure else maybe
        binding = self._binding(first)
        rest = [side for side in equal if side is not first]
        others = [side for side in (*rest, *maybe) if _what(self._binding(side)) != _what(binding)]
        if not others:
            return replace(binding, slips=tuple(slip for side in equal for slip in side.slips))
        bindings = [binding, *map(self._binding, others)]
        strict = [side for side in bindings if side.mode == "REGISTRY_ONLY"] or [binding]
        strict.sort(key=lambda side: side.imports is None)
        doubts = self._doubts(pods, binding, others, maybe, sure=sure)
        return replace(strict[0], doubts=doubts, rivals=tuple(strict[1:]))

    def _wide(self, namespace: str) -> list[Sidecar]:
        return [sidecar for sidecar in self.sidecars.get(namespace, ()) if sidecar.selector is None]

    def _selecting(self, pods: Pods) -> tuple[list[Sidecar], list[Sidecar]]:
        """The Sidecars that select the pods, and those of which nobody knows."""
        own = [(side, side.selector) for side in self.sidecars.get(pods.namespace, ()) if side.selector is not None]
        matches = [(unless_unsaid(chosen.matches(pods.labels), chosen, pods), side) for side, chosen in own]
        return [side for match, side in matches if match is Match.YES], [
            side for match, side in matches if match is Match.UNKNOWN
        ]

    def _doubts(
        self, pods: Pods, binding: Binding, others: Sequence[Sidecar], maybe: Sequence[Sidecar], *, sure: bool
    ) -> tuple[Finding, ...]:
        """Why nobody knows which of several Sidecars binds the pods."""
        slips = tuple(slip for side in others for slip in side.slips)[:_MOST_PLACES]
        places = tuple(side.place for side in others)[:_MOST_PLACES]
        if slips:
            return slips
        if maybe:
            selectors = "; ".join(str(sidecar.selector) for sidecar in maybe[:_MOST_PLACES])
            return (finding("EGR981", *places, workload=pods.name, selector=selectors),)
        if sure:
            return (finding("EGR588", *places, sidecar=others[0].name, other=binding.name, workload=pods.name),)
        return (finding("EGR977", *places, namespace=pods.namespace, sidecar=others[0].name),)

    def _binding(self, sidecar: Sidecar | None) -> Binding:
        mesh = self.mesh
        mode = mesh.mode if mesh else None
        if sidecar is None:
            return Binding(mode, None, (mesh.place,) if mesh else ())
        places = (sidecar.place,) if sidecar.mode or mesh is None else (mesh.place, sidecar.place)
        return Binding(sidecar.mode or mode, sidecar.imports, places, sidecar.name)

    def shown(self, entry: ServiceEntry, namespace: str) -> bool:
        """Whether the entry is exported to the namespace."""
        return entry.namespace is not None and exported(entry.export_to or self.export_to, entry.namespace, namespace)

    def visible(
        self, entry: ServiceEntry, host: str, namespace: str, binding: Binding, port: int | None = None
    ) -> bool:
        home = entry.namespace
        if home is None or not self.shown(entry, namespace):
            return False
        names = [name for name, _ in entry.hosts if within(host, name)] or [host]
        return any(imported(binding.imports, namespace, home, name, port) for name in names)


def _what(binding: Binding) -> tuple[str | None, tuple[Import, ...] | None]:
    return binding.mode, binding.imports


def scope_of(
    environment: str | None,
    entries: Iterable[ServiceEntry],
    sidecars: Iterable[Sidecar],
    meshes: Sequence[MeshConfig],
    policies: Sequence[Policy],
) -> Scope:
    every = _overlaid(entries)
    by_host: dict[str, list[ServiceEntry]] = defaultdict(list)
    wild: list[tuple[str, ServiceEntry]] = []
    by_address = []
    of_namespace: dict[str | None, list[ServiceEntry]] = defaultdict(list)
    for entry in every:
        of_namespace[entry.namespace].append(entry)
        if not entry.sound:
            continue
        for host, _ in entry.hosts:
            if is_wildcard(host):
                wild.append((host, entry))
            else:
                by_host[host].append(entry)
        if entry.addresses or any(port.family == "tcp" for port in entry.ports):
            by_address.append(entry)
    grouped: dict[str, list[Sidecar]] = defaultdict(list)
    for sidecar in sidecars:
        if sidecar.namespace is not None:
            grouped[sidecar.namespace].append(sidecar)
    return Scope(
        environment,
        tuple(every),
        {namespace: tuple(group) for namespace, group in grouped.items()},
        tuple(meshes),
        tuple(policies),
        {host: tuple(group) for host, group in by_host.items()},
        tuple(islice(wild, _MOST)),
        tuple(islice(by_address, _MOST)),
        {namespace: tuple(group) for namespace, group in of_namespace.items()},
    )


def _overlaid(entries: Iterable[ServiceEntry]) -> list[ServiceEntry]:
    """An overlay's manifest of the same namespace and name replaces the base's; what a patch leaves out stays."""
    found: dict[object, ServiceEntry] = {}
    for entry in sorted(entries, key=lambda item: item.overlay.environment is not None):
        key: object = (entry.namespace, entry.name) if entry.shape == "manifest" and entry.name else id(entry)
        base = found.get(key)
        if base is None or base.overlay.environment is not None or entry.overlay.environment is None:
            found[key if base is None else id(entry)] = entry
            continue
        patched = replace(
            entry,
            hosts=entry.hosts or base.hosts,
            ports=entry.ports or base.ports,
            addresses=entry.addresses or base.addresses,
            resolution=entry.resolution or base.resolution,
            export_to=entry.export_to or base.export_to,
            endpoints=entry.endpoints or base.endpoints,
        )
        found[key] = checked(replace(patched, faults=())) if not entry.hosts else patched
    return list(found.values())
