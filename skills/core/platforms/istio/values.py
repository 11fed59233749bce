"""Reads what Helm values say of egress: Big Bang's umbrella, bb-common below any key, istiod's mesh configuration.

The same trees stand in values files, in `spec.values` of a HelmRelease, and as text in a ConfigMap or Secret, so the
whole tree is searched for the pairs of keys that mean something.
Source: DoD-Platform-One bb-common (chart/values.schema.json, chart/templates/{istio,routes}) and bigbang (chart/).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from skills.core.enforce.known_fields import PlaceOf
from skills.core.enforce.kube_objects import mapping_of, sequence_of, templated, text_of
from skills.core.model import Place, finding
from skills.core.platforms.istio.bb_leaves import leaves_of
from skills.core.platforms.istio.entries import (
    ALLOW_ANY,
    REGISTRY_ONLY,
    Entry,
    MeshConfig,
    Path,
    ServiceEntry,
    Setting,
    Shape,
    Spot,
    Values,
)
from skills.core.platforms.istio.fields import fill, hosts_of, ports_of
from skills.core.platforms.istio.overlays import Overlay, group_of, overlay_of
from skills.core.platforms.istio.read_pods import global_bypass
from skills.core.yaml_text import Document, Map, Seq, read_documents

_DEEPEST = 10
_MOST_NODES = 20_000
_TEXTS = {"ConfigMap": ("data",), "Secret": ("stringData",)}
_SIDECAR = ("outboundTrafficPolicyMode", "enabled")


def read_values(document: Document, data: Map, kind: str) -> Iterator[Entry]:
    """Entries of one document that is no manifest of Istio."""
    if kind in _TEXTS:
        for holder in _TEXTS[kind]:
            yield from _texts(document, data, holder)
    elif kind == "HelmRelease":
        metadata, spec = mapping_of(data.get("metadata")), mapping_of(data.get("spec"))
        namespace = text_of(spec.get("targetNamespace")) or text_of(metadata.get("namespace")) or None
        values = spec.get("values")
        if isinstance(values, Map):
            tree = _Tree(document, (), 0, text_of(metadata.get("name")), namespace, umbrella=True)
            yield from tree.search(values, ("spec", "values"))
    elif not kind:
        yield from _Tree(document, (), 0, "", None, umbrella=False).search(data, ())


def _texts(document: Document, data: Map, holder: str) -> Iterator[Entry]:
    texts = data.get(holder)
    if not isinstance(texts, Map):
        return
    for key, text in texts.items():
        if not isinstance(text, str) or "\n" not in text:
            continue
        mesh = key == "mesh" and text_of(mapping_of(data.get("metadata")).get("name")).startswith("istio")
        if not mesh and not str(key).endswith((".yaml", ".yml")):
            continue
        for inner in read_documents(document.path, text)[0][:1]:
            if not isinstance(inner.data, Map):
                continue
            line = document.place(texts, key).line
            tree = _Tree(inner, (holder, str(key)), line, "", None, umbrella=False, outer=document)
            if mesh:
                yield from tree.mesh(inner.data)
            else:
                yield from tree.search(inner.data, ())


def mesh_config(document: Document, spec: Any) -> Iterator[Entry]:
    """What an IstioOperator's spec says."""
    tree = _Tree(document, (), 0, "", None, umbrella=True)
    mesh, values = spec.get("meshConfig"), spec.get("values")
    if isinstance(mesh, Map):
        yield from tree.mesh(mesh)
    if isinstance(values, Map):
        yield from tree.search(values, ("spec", "values"))


class _Tree:
    """One tree of values. `shift` is the line above its text in the file, where it is a text in a text."""

    def __init__(
        self,
        document: Document,
        inside: Path,
        shift: int,
        release: str,
        namespace: str | None,
        *,
        umbrella: bool,
        outer: Document | None = None,
    ) -> None:
        self.document, self.inside, self.shift = document, inside, shift
        self.release, self.namespace, self.umbrella = release, namespace, umbrella
        self.number = (outer or document).index
        self.rows = (outer or document).rows
        self.overlay: Overlay = overlay_of(document.path)
        self.left = _MOST_NODES
        self.homes: dict[Path, str] = {}

    def place(self, container: Map | Seq, key: Any) -> Place:
        found = self.document.place(container, key)
        if not self.inside:
            return found
        line = found.line + self.shift
        text = self.rows[line - 1].strip()[:200] if 0 < line <= len(self.rows) else ""
        return Place(found.path, line, text)

    def spot(self, path: Path) -> Spot:
        return Spot(self.document.path, self.number, path, self.inside)

    def search(self, node: Map, path: Path) -> Iterator[Entry]:
        self.left -= 1
        if self.left < 0 or len(path) > _DEEPEST:
            return
        home = text_of(mapping_of(node.get("namespace")).get("name"))
        if home and "values" in node:
            self.homes[path] = home
        mesh = node.get("meshConfig")
        if isinstance(mesh, Map):
            yield from self.mesh(mesh)
        bypass = global_bypass(node, self.place(node, "global")) if "global" in node else None
        if bypass is not None:
            yield MeshConfig(bypass.place, self.overlay, bypass=bypass)
        hardened = node.get("hardened")
        if path[-2:-1] and path[-1] == "values" and str(path[-2]).startswith("istio") and isinstance(hardened, Map):
            on = hardened.get("enabled") is True
            yield MeshConfig(self.place(hardened, "enabled"), self.overlay, hardens=on)
        values = self._values(node, path)
        if values is not None:
            yield values
        for key, child in node.items():
            if isinstance(child, Map) and key not in {"istio", "routes", "networkPolicies", "meshConfig"}:
                yield from self.search(child, (*path, str(key)))

    def mesh(self, mesh: Map) -> Iterator[Entry]:
        policy = mesh.get("outboundTrafficPolicy")
        written = text_of(policy.get("mode")) if isinstance(policy, Map) else ""
        mode = written if written in {REGISTRY_ONLY, ALLOW_ANY} else None  # of any other word nobody knows the effect
        root = text_of(mesh.get("rootNamespace")) or None
        exported = mesh.get("defaultServiceExportTo")
        shown = tuple(map(text_of, exported)) if isinstance(exported, Seq) else ()
        place = self.place(policy, "mode") if isinstance(policy, Map) and mode else self.place(mesh, None)
        proxy = mapping_of(mapping_of(mesh.get("defaultConfig")).get("proxyMetadata"))
        allocates = all(text_of(proxy.get(f"ISTIO_META_DNS_{name}")) == "true" for name in ("CAPTURE", "AUTO_ALLOCATE"))
        domain, aliases = mesh.get("trustDomain"), sequence_of(mesh.get("trustDomainAliases"))
        trusted = (text_of(domain), *map(text_of, aliases)) if domain and not templated(text_of(domain)) else ()
        if mode or root or shown or allocates or trusted:
            yield MeshConfig(place, self.overlay, mode, root, export_to=shown, allocates=allocates, trusted=trusted)

    def _values(self, node: Map, path: Path) -> Values | None:
        tree = node.get("networkPolicies")
        network = leaves_of(tree, self.place) if isinstance(tree, Map) else {}
        leaves = {**self._istio(node, path), **self._routes(node, path), **network}
        if not leaves:
            return None
        release, umbrella, namespace = self.release, self.umbrella, self.namespace
        way = path[:-1] if path[-1:] == ("bb-common",) else path
        if way and way[-1] == "values" and len(way) > 1 and way[-2] != "spec":
            release, umbrella = str(way[-2]), True
            namespace = self.homes.get(way[:-1]) or namespace
        first = next(iter(leaves.values())).place
        folder = group_of(self.document.path)
        group = "/".join([folder, *map(str, path)])
        root = not release and _umbrella(node)
        spot = self.spot(path)
        return Values(group, release, namespace, first, spot, self.overlay, umbrella, leaves, root, folder)

    def _istio(self, node: Map, path: Path) -> dict[tuple[str, ...], Setting]:
        istio = node.get("istio")
        if not isinstance(istio, Map) or not set(istio) & {
            "serviceEntries",
            "hardened",
            "sidecar",
            "enabled",
            "ambient",
            "authorizationPolicies",
        }:
            return {}
        found = self._scalars(istio, ("istio",), ("enabled",))
        for part in ("sidecar", "hardened", "ambient"):
            if isinstance(istio.get(part), Map):
                found |= self._scalars(istio[part], ("istio", part), _SIDECAR)
        found |= self._policies(istio)
        custom = mapping_of(istio.get("serviceEntries"))
        if isinstance(custom.get("custom"), Seq):
            found |= self._list(custom, (*path, "istio", "serviceEntries", "custom"), "custom", "custom")
        hardened = mapping_of(istio.get("hardened"))
        if isinstance(hardened.get("customServiceEntries"), Seq):
            found |= self._list(hardened, (*path, "istio", "hardened", "customServiceEntries"), "legacy", "legacy")
        return found

    def _policies(self, istio: Map) -> dict[tuple[str, ...], Setting]:
        """What values say of AuthorizationPolicies; the older key replaces all of the newer one."""
        said = istio.get("authorizationPolicies")
        found: dict[tuple[str, ...], Setting] = {}
        if isinstance(said, Map):
            at = ("istio", "authorization")
            found |= self._scalars(said, at, ("enabled", "generateFromNetpol", "custom", "additionalPolicies"))
            for name, value in mapping_of(said.get("defaults")).items():
                on = value.get("enabled") if isinstance(value, Map) else value
                found[*at, "defaults", str(name)] = Setting(on, self.place(said, "defaults"))
        older = mapping_of(istio.get("hardened")).get("customAuthorizationPolicies")
        if isinstance(older, Seq):
            found["istio", "authorization", "older"] = Setting(older, self.place(istio, "hardened"))
        return found

    def _scalars(self, data: Map, at: tuple[str, ...], keys: tuple[str, ...]) -> dict[tuple[str, ...], Setting]:
        return {(*at, key): Setting(data[key], self.place(data, key)) for key in keys if key in data}

    def _list(self, holder: Any, path: Path, leaf: str, shape: Shape) -> dict[tuple[str, ...], Setting]:
        items = holder[path[-1]]
        made = [
            self._custom(items, at, (*path, at), shape) for at, item in enumerate(items[:2000]) if isinstance(item, Map)
        ]
        return {(leaf,): Setting(tuple(made), self.place(holder, path[-1]))}

    def _custom(self, items: Seq, at: int, path: Path, shape: Shape) -> ServiceEntry:
        item = items[at]
        place = self.place(item, "name") if "name" in item else self.place(items, at)
        remarks = (finding("EGR974", place, entry=text_of(item.get("name"))),) if item.get("enabled") is False else ()
        entry = ServiceEntry(
            text_of(item.get("name")), None, place, self.spot(path), self.overlay, shape, remarks=remarks
        )
        spec = item.get("spec")
        nothing = Map()
        nothing.line, nothing.lines = item.line, {}
        return fill(entry, spec if isinstance(spec, Map) else nothing, self.place)

    def _routes(self, node: Map, path: Path) -> dict[tuple[str, ...], Setting]:
        outbound = mapping_of(node.get("routes")).get("outbound")
        found: dict[tuple[str, ...], Setting] = {}
        if not isinstance(outbound, Map):
            return found
        for name, route in outbound.items():
            at = ("route", str(name))
            place = self.place(outbound, name)
            spot = self.spot((*path, "routes", "outbound", str(name)))
            found[(*at, "spot")] = Setting(spot, place)
            if isinstance(route, Map):
                found |= self._route(route, at)
        return found

    def _route(self, route: Map, at: tuple[str, ...]) -> dict[tuple[str, ...], Setting]:
        found = self._scalars(route, at, ("enabled", "resolution", "location"))
        place: PlaceOf = self.place
        if "hosts" in route:
            found[(*at, "hosts")] = Setting(hosts_of(route, "hosts", place), place(route, "hosts"))
        if "ports" in route:
            found[(*at, "ports")] = Setting(ports_of(route, "ports", place), place(route, "ports"))
        return found


def _umbrella(node: Map) -> bool:
    """Whether packages with values of their own stand below this node."""
    groups = [node, *(mapping_of(node.get(key)) for key in ("packages", "addons"))]
    return any(isinstance(child, Map) and isinstance(child.get("values"), Map) for g in groups for child in g.values())


def merged(layers: list[Values]) -> Mapping[tuple[str, ...], Setting]:
    """Leaves of the files that Helm lays over one another; null takes a key away."""
    found: dict[tuple[str, ...], Setting] = {}
    for values in layers:
        found |= values.leaves
    return {path: leaf for path, leaf in found.items() if leaf.value is not None}
