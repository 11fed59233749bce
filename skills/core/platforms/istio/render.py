"""What Big Bang and bb-common render from values, in one environment: ServiceEntries and Sidecars.

Source: bb-common chart/templates/routes/outbound/_service-entry.tpl and chart/templates/istio/; bigbang
chart/templates/_helpers.tpl, mergeLegacyIstioHardenedKeys.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from skills.core.enforce.kube_objects import mapping_of, sequence_of, text_of
from skills.core.enforce.kube_policy import NetworkPolicy
from skills.core.model import finding
from skills.core.platforms.istio.bb_leaves import K8S_IN, Leaves, common, faults, on
from skills.core.platforms.istio.bb_policies import local_selector, policies
from skills.core.platforms.istio.entries import (
    REGISTRY_ONLY,
    ROOT,
    ListedPort,
    MeshConfig,
    Policy,
    ServiceEntry,
    Sidecar,
    Values,
)
from skills.core.platforms.istio.fields import checked
from skills.core.platforms.istio.overlays import Overlay
from skills.core.platforms.istio.read_traffic import policy_of
from skills.core.platforms.istio.values import merged


def rendered(
    layers: list[Values], namespace: str | None, meshes: Sequence[MeshConfig]
) -> Iterator[ServiceEntry | Sidecar]:
    """`layers` are the values of one release, the base first."""
    leaves = merged(layers)
    last = layers[-1]
    broken = tuple(faults(leaves))
    mesh = _flag(leaves, "istio", "enabled", default=any(values.umbrella for values in layers))
    for entry in (*_routes(leaves, last, namespace), *_custom(leaves, namespace, mesh)):
        yield replace(entry, faults=(*entry.faults, *broken)) if broken else entry
    # In the root namespace it would bind the whole mesh, which no package's chart does.
    if not mesh or namespace == ROOT or _flag(leaves, "istio", "ambient", "enabled"):
        return
    sidecar = _flag(leaves, "istio", "sidecar", "enabled")
    hardened = _flag(leaves, "istio", "hardened", "enabled")
    blanket = next((each for each in meshes if each.hardens), None)
    if sidecar or hardened or blanket is not None:
        part = "sidecar" if sidecar else "hardened"
        mode = leaves.get(("istio", part, "outboundTrafficPolicyMode"))
        switch = leaves.get(("istio", part, "enabled"))
        place = switch.place if switch and (sidecar or hardened) else blanket.place if blanket else last.place
        yield Sidecar("default", namespace, place, last.overlay, None, str(mode.value) if mode else REGISTRY_ONLY)


def rendered_policies(layers: list[Values], namespace: str | None, *, common_chart: bool) -> Iterator[NetworkPolicy]:
    """NetworkPolicies of one release. `common_chart`: its chart depends on bb-common, so that a bare switch counts."""
    leaves = merged(layers)
    said = [leaf for path, leaf in leaves.items() if path[0] == "np"]
    umbrella = any(values.umbrella for values in layers)
    if not said or not (common(leaves) or common_chart):
        return
    if _flag(leaves, "np", "enabled", default=umbrella):
        ambient = _flag(leaves, "istio", "ambient", "enabled")
        yield from policies(leaves, namespace, said[0].place, ambient=ambient)


def rendered_admissions(layers: list[Values], namespace: str | None) -> Iterator[Policy]:
    """AuthorizationPolicies of one release. The older list of hardened values replaces every other key."""
    leaves = merged(layers)
    last = layers[-1]
    at = ("istio", "authorization")
    older = leaves.get((*at, "older"))
    lists = [older] if older else [leaves[key] for key in [(*at, "custom")] if key in leaves]
    if not _flag(leaves, "istio", "enabled", default=any(values.umbrella for values in layers)):
        return
    for leaf in lists:
        for item in map(mapping_of, sequence_of(leaf.value)):
            yield policy_of(
                text_of(item.get("name")), namespace, leaf.place, last.overlay, mapping_of(item.get("spec"))
            )
    if older or not _flag(leaves, *at, "enabled"):
        return
    more = leaves.get((*at, "additionalPolicies"))
    for name, item in mapping_of(more.value).items() if more else ():
        if more and mapping_of(item).get("enabled", True) is True:
            yield policy_of(str(name), namespace, more.place, last.overlay, mapping_of(mapping_of(item).get("spec")))
    switch = leaves[(*at, "enabled")]
    wanted = {n for n in ("denyAll", "allowInNamespace") if _default(leaves, (*at, "defaults"), n)}
    if "denyAll" in wanted:
        yield policy_of("default-deny-all", namespace, switch.place, last.overlay, {})
    if "allowInNamespace" in wanted and namespace:
        rules = {"rules": [{"from": [{"source": {"namespaces": [namespace]}}]}]}
        yield policy_of("default-allow-in-namespace", namespace, switch.place, last.overlay, rules)
    if _flag(leaves, *at, "generateFromNetpol"):
        yield from generated(leaves, namespace, last.overlay)


def generated(leaves: Leaves, namespace: str | None, overlay: Overlay) -> Iterator[Policy]:
    """One for every way in with a service account before its namespace; others get none."""
    for path, leaf in leaves.items():
        if len(path) != 6 or path[:2] != ("np", "in") or path[4] != "k8s" or not on(leaf.value):
            continue
        match = K8S_IN.match(path[5])
        if match is None or not match.group(1):
            continue
        principal = f"cluster.local/ns/{match.group(2)}/sa/{match.group(1).rstrip('@')}"
        selector = {"matchLabels": dict(local_selector(leaves, "in", path[3]).labels)}
        rules = [{"from": [{"source": {"principals": [principal]}}]}]
        yield policy_of(f"allow-{path[3]}", namespace, leaf.place, overlay, {"selector": selector, "rules": rules})


def _default(leaves: Leaves, at: tuple[str, ...], name: str) -> bool:
    return _flag(leaves, *at, "enabled", default=True) and _flag(leaves, *at, name, default=True)


def _flag(leaves: Leaves, *path: str, default: bool = False) -> bool:
    leaf = leaves.get(path)
    return default if leaf is None else leaf.value is True


def _custom(leaves: Leaves, namespace: str | None, mesh: bool) -> Iterator[ServiceEntry]:
    """The older list and the newer one together; neither reads an `enabled` of its items."""
    switch = leaves.get(("istio", "enabled"))
    for name in ("legacy", "custom"):
        leaf = leaves.get((name,))
        for entry in leaf.value if leaf else ():
            place = switch.place if switch else entry.place
            off = None if mesh else finding("EGR100", place, switch="istio.enabled", entry=entry.name)
            yield replace(entry, namespace=namespace, off=off)


def _routes(leaves: Leaves, values: Values, namespace: str | None) -> Iterator[ServiceEntry]:
    for path, leaf in leaves.items():
        if path[0] != "route" or path[2] != "spot":
            continue
        parts = {key: leaves.get(("route", path[1], key)) for key in ("enabled", "hosts", "ports", "resolution")}
        hosts, ports, resolution = parts["hosts"], parts["ports"], parts["resolution"]
        enabled = parts["enabled"]
        rendered_too = enabled is not None and enabled.value is True
        place = enabled.place if enabled else leaf.place
        off = (
            None
            if rendered_too
            else finding("EGR100", place, switch=f"routes.outbound.{path[1]}.enabled", entry=path[1])
        )
        default = (ListedPort(443, "HTTPS", "https", leaf.place),)
        yield checked(
            ServiceEntry(
                path[1],
                namespace,
                hosts.place if hosts else leaf.place,
                leaf.value,
                values.overlay,
                "route",
                hosts=hosts.value if hosts else (),
                ports=ports.value if ports and ports.value else default,
                resolution=str(resolution.value).upper() if resolution else "DNS",
                off=off,
            )
        )
