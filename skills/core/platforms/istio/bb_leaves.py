"""What values say below `networkPolicies`, as leaves by path, and the keys that keep a chart from rendering.

Leaves are `("np", side, what, ...)`, where `side` is `out` for egress and `in` for ingress.
Source: bb-common chart/values.schema.json and chart/templates/network-policies/.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import re2

from skills.core.enforce.known_fields import PlaceOf
from skills.core.model import Finding, finding
from skills.core.platforms.istio.entries import Setting
from skills.core.yaml_text import Map, Seq

Leaves = Mapping[tuple[str, ...], Setting]

_PORTS = r"(:(\d+|\d+-\d+|\[?\d+(,\d+)*\]?))?$"
_K8S = r"^((tcp|udp)://)?([A-Za-z0-9-]+|\*)(/([A-Za-z0-9-]+|\*))?"
K8S = re2.compile(_K8S + _PORTS)
CIDR = re2.compile(r"^((tcp|udp)://)?((\d+\.){3}\d+/\d+)" + _PORTS)
# A service account before the peer is legal on the way in alone, and ports stand in the local key there.
K8S_IN = re2.compile(r"^([\w.-]+@)?([A-Za-z0-9-]+|\*)(/([A-Za-z0-9-]+|\*))?" + _PORTS)
LOCAL_IN = re2.compile(r"^((tcp|udp)://)?([\w-]+|\*)" + _PORTS)
_LOCAL = re2.compile(r"^([\w-]+|\*)$")
_NAME = re2.compile(r"^[\w-]+$")
_GRAMMARS = {
    ("out", "k8s"): K8S,
    ("in", "k8s"): K8S_IN,
    ("out", "cidr"): CIDR,
    ("in", "cidr"): CIDR,
    ("out", "definition"): _NAME,
    ("in", "definition"): _NAME,
}
# Definitions that Big Bang's umbrella or bb-common itself bring along.
BUILT_IN = frozenset({"kubeAPI", "sso", "storage-subnets", "redis-subnets", "kafka-subnets", "database-subnets"})
# What `faults` says: the release as a whole does not render.
UNRENDERED = frozenset({"EGR539", "EGR540"})
LISTS = ("additionalPolicies", "additional")
_SIDES = (("out", "egress", "from", "to"), ("in", "ingress", "to", "from"))
_SWITCHES = ("hbonePortInjection", "defaultsAsHooks")


def leaves_of(tree: Map, place: PlaceOf) -> dict[tuple[str, ...], Setting]:
    """The leaves of a `networkPolicies` mapping."""
    found: dict[tuple[str, ...], Setting] = {}
    if "enabled" in tree:
        found["np", "enabled"] = Setting(tree["enabled"], place(tree, "enabled"))
    for name in LISTS:
        items = tree.get(name)
        if isinstance(items, Seq) and items:
            made = tuple((item, place(items, at)) for at, item in enumerate(items) if isinstance(item, Map))
            found["np", name] = Setting(made, place(tree, name))
    for name in _SWITCHES:
        switch = tree.get(name)
        if isinstance(switch, Map) and "enabled" in switch:
            found["np", name] = Setting(switch["enabled"], place(switch, "enabled"))
    for side, key, locals_key, remotes_key in _SIDES:
        half = tree.get(key)
        if isinstance(half, Map):
            found |= _half(half, side, place)
            found |= _locals(half, side, (locals_key, remotes_key), place)
    return found


def common(leaves: Leaves) -> bool:
    """Whether the leaves are what only bb-common reads: a bare `networkPolicies.enabled` is many charts' own."""
    return any(path[0] == "np" and path != ("np", "enabled") for path in leaves)


def _half(half: Map, side: str, place: PlaceOf) -> dict[tuple[str, ...], Setting]:
    found: dict[tuple[str, ...], Setting] = {}
    if "excludeCIDRs" in half:
        found["np", side, "excludeCIDRs"] = Setting(half["excludeCIDRs"], place(half, "excludeCIDRs"))
    defaults = half.get("defaults")
    for name, value in defaults.items() if isinstance(defaults, Map) else ():
        if isinstance(value, Map) and "enabled" in value:
            found["np", side, "defaults", str(name)] = Setting(value["enabled"], place(value, "enabled"))
        elif name == "enabled" and isinstance(defaults, Map):
            found["np", side, "defaults", "enabled"] = Setting(value, place(defaults, name))
    definitions = half.get("definitions")
    if isinstance(definitions, Map):
        for name, value in definitions.items():
            found["np", side, "definition", str(name)] = Setting(value, place(definitions, name))
    return found


def _locals(half: Map, side: str, keys: tuple[str, str], place: PlaceOf) -> dict[tuple[str, ...], Setting]:
    found: dict[tuple[str, ...], Setting] = {}
    sources = half.get(keys[0])
    for key, local in sources.items() if isinstance(sources, Map) else ():
        if not isinstance(local, Map):
            continue
        if isinstance(local.get("podSelector"), Map):
            found["np", side, "pods", str(key)] = Setting(local["podSelector"], place(local, "podSelector"))
        targets = local.get(keys[1])
        for kind, remotes in targets.items() if isinstance(targets, Map) else ():
            for remote in remotes if isinstance(remotes, Map) else ():
                path = ("np", side, "to", str(key), str(kind), str(remote))
                found[path] = Setting(remotes[remote], place(remotes, remote))
    return found


def on(value: object) -> bool:
    """What is neither a mapping nor a truth value is skipped silently (G-A15)."""
    if isinstance(value, Mapping):
        return value.get("enabled", True) is True
    return value is True


def faults(leaves: Leaves) -> Iterator[Finding]:
    """Keys that break the grammar or name no definition; one of them keeps the whole release from rendering (G-A14)."""
    for path, leaf in leaves.items():
        if path[:1] != ("np",) or len(path) != 6 or not on(leaf.value):
            continue
        _, side, _, key, kind, remote = path
        pattern = _GRAMMARS.get((side, kind))
        local = _LOCAL if side == "out" else LOCAL_IN
        if not local.match(key):
            yield finding("EGR540", leaf.place, key=key)
        elif pattern is not None and not pattern.match(remote):
            yield finding("EGR540", leaf.place, key=remote)
        elif side == "out" and kind == "definition" and not _defined(leaves, remote):
            yield finding("EGR539", leaf.place, name=remote)


def _defined(leaves: Leaves, name: str) -> bool:
    return name in BUILT_IN or ("np", "out", "definition", name) in leaves


def remarks(leaves: Leaves) -> Iterator[Finding]:
    """What a chart reads without a word, and not as it was meant (G-A13, G-A15, G-A17, G-A18, G-A27)."""
    lists = [leaves[("np", name)] for name in LISTS if ("np", name) in leaves]
    if len(lists) == len(LISTS):
        yield finding("EGR538", lists[1].place)
    for path, leaf in leaves.items():
        if path[:3] == ("np", "out", "definition") and path[3] in BUILT_IN and isinstance(leaf.value, Mapping):
            missing = next((key for key in ("to", "ports") if not leaf.value.get(key)), None)
            if missing is not None:
                yield finding("EGR537", leaf.place, name=path[3], missing=missing)
        if len(path) != 6 or path[0] != "np":
            continue
        _, side, _, _, kind, remote = path
        if not isinstance(leaf.value, (bool, Mapping)):
            yield finding("EGR536", leaf.place, key=remote)
        elif side == "out" and kind == "definition" and remote == "sso" and on(leaf.value):
            if ("np", "out", "definition", "sso") not in leaves:
                yield finding("EGR535", leaf.place, name=remote)
        elif (side, kind) == ("out", "k8s") and on(leaf.value):
            yield from _dns_pods(remote, leaf)


def _dns_pods(remote: str, leaf: Setting) -> Iterator[Finding]:
    """CoreDNS pods carry `k8s-app: kube-dns`, so the short key selects none of them."""
    plain = remote.rpartition("://")[2].partition(":")[0]
    selected = isinstance(leaf.value, Mapping) and "podSelector" in leaf.value
    if plain == "kube-system/kube-dns" and not selected:
        yield finding("EGR534", leaf.place, key=remote)
