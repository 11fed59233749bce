"""What Big Bang and bb-common render from values, in one environment: ServiceEntries and Sidecars.

Source: bb-common chart/templates/routes/outbound/_service-entry.tpl and chart/templates/istio/; bigbang
chart/templates/_helpers.tpl, mergeLegacyIstioHardenedKeys.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from skills.core.enforce.kube_policy import NetworkPolicy
from skills.core.model import finding
from skills.core.platforms.istio.bb_policies import policies
from skills.core.platforms.istio.entries import (
    REGISTRY_ONLY,
    ROOT,
    ListedPort,
    MeshConfig,
    ServiceEntry,
    Setting,
    Sidecar,
    Values,
)
from skills.core.platforms.istio.fields import checked
from skills.core.platforms.istio.values import merged

Leaves = Mapping[tuple[str, ...], Setting]


def rendered(
    layers: list[Values], namespace: str | None, meshes: Sequence[MeshConfig]
) -> Iterator[ServiceEntry | Sidecar]:
    """`layers` are the values of one release, the base first."""
    leaves = merged(layers)
    last = layers[-1]
    on = _flag(leaves, "istio", "enabled", default=any(values.umbrella for values in layers))
    yield from _routes(leaves, last, namespace)
    yield from _custom(leaves, namespace, on)
    # In the root namespace it would bind the whole mesh, which no package's chart does.
    if not on or namespace == ROOT or _flag(leaves, "istio", "ambient", "enabled"):
        return
    sidecar = _flag(leaves, "istio", "sidecar", "enabled")
    hardened = _flag(leaves, "istio", "hardened", "enabled")
    blanket = next((mesh for mesh in meshes if mesh.hardens), None)
    if sidecar or hardened or blanket is not None:
        part = "sidecar" if sidecar else "hardened"
        mode = leaves.get(("istio", part, "outboundTrafficPolicyMode"))
        switch = leaves.get(("istio", part, "enabled"))
        place = switch.place if switch and (sidecar or hardened) else blanket.place if blanket else last.place
        yield Sidecar("default", namespace, place, last.overlay, None, str(mode.value) if mode else REGISTRY_ONLY)


def rendered_policies(layers: list[Values], namespace: str | None) -> Iterator[NetworkPolicy]:
    """NetworkPolicies of one release. Without a word on egress there is nothing to know of them."""
    leaves = merged(layers)
    said = [leaf for path, leaf in leaves.items() if path[0] == "np"]
    if said and _flag(leaves, "np", "enabled", default=any(values.umbrella for values in layers)):
        yield from policies(leaves, namespace, said[0].place)


def _flag(leaves: Leaves, *path: str, default: bool = False) -> bool:
    leaf = leaves.get(path)
    return default if leaf is None else leaf.value is True


def _custom(leaves: Leaves, namespace: str | None, on: bool) -> Iterator[ServiceEntry]:
    """The older list and the newer one together; neither reads an `enabled` of its items."""
    switch = leaves.get(("istio", "enabled"))
    for name in ("legacy", "custom"):
        leaf = leaves.get((name,))
        for entry in leaf.value if leaf else ():
            place = switch.place if switch else entry.place
            off = None if on else finding("EGR100", place, switch="istio.enabled", entry=entry.name)
            yield replace(entry, namespace=namespace, off=off)


def _routes(leaves: Leaves, values: Values, namespace: str | None) -> Iterator[ServiceEntry]:
    for path, leaf in leaves.items():
        if path[0] != "route" or path[2] != "spot":
            continue
        parts = {key: leaves.get(("route", path[1], key)) for key in ("enabled", "hosts", "ports", "resolution")}
        hosts, ports, resolution = parts["hosts"], parts["ports"], parts["resolution"]
        enabled = parts["enabled"]
        on = enabled is not None and enabled.value is True
        place = enabled.place if enabled else leaf.place
        off = None if on else finding("EGR100", place, switch=f"routes.outbound.{path[1]}.enabled", entry=path[1])
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
