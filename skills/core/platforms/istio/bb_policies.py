"""The NetworkPolicies that bb-common renders from `networkPolicies.egress` of its values.

Source: bb-common chart/templates/network-policies/ and chart/values.schema.json.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping

import re2

from skills.core.enforce.kube_objects import mapping_of, sequence_of, text_of
from skills.core.enforce.kube_policy import (
    NAMESPACE_KEY,
    IpBlock,
    NetworkPolicy,
    Peer,
    PolicyPort,
    PolicyRule,
    ip_block,
)
from skills.core.enforce.selectors import LabelSelector, parse
from skills.core.model import Finding, Place, Ports, finding
from skills.core.platforms.istio.entries import Setting
from skills.core.platforms.istio.fields import PlaceOf
from skills.core.yaml_text import Map

NAME_KEY = "app.kubernetes.io/name"
METADATA = "169.254.169.254/32"
_PORTS = r"(:(\d+|\d+-\d+|\[?\d+(,\d+)*\]?))?$"
_K8S = re2.compile(r"^((tcp|udp)://)?([A-Za-z0-9-]+|\*)(/([A-Za-z0-9-]+|\*))?" + _PORTS)
_CIDR = re2.compile(r"^((tcp|udp)://)?((\d+\.){3}\d+/\d+)" + _PORTS)
# Built in, where no values define them. Sources: bb-common and bigbang chart/values.yaml.
_PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
_ANYWHERE = ("0.0.0.0/0",)
_DEFINITIONS: dict[str, tuple[tuple[str, ...], tuple[int, ...]]] = {
    "kubeAPI": (_PRIVATE, ()),
    "sso": (_ANYWHERE, ()),
    "storage-subnets": (_ANYWHERE, (443,)),
    "redis-subnets": (_PRIVATE, (6379,)),
    "kafka-subnets": (_ANYWHERE, (9092, 9093)),
    "database-subnets": (_PRIVATE, (5432,)),
}

Leaves = Mapping[tuple[str, ...], Setting]


def leaves_of(tree: Map, place: PlaceOf) -> dict[tuple[str, ...], Setting]:
    """The leaves of a `networkPolicies` mapping; none if it says nothing of egress."""
    egress = tree.get("egress")
    if not isinstance(egress, Map):
        return {}
    found: dict[tuple[str, ...], Setting] = {}

    def keep(path: tuple[str, ...], holder: Map, key: object) -> None:
        found[path] = Setting(holder[key], place(holder, key))

    if "enabled" in tree:
        keep(("np", "enabled"), tree, "enabled")
    for key in [key for key in ("excludeCIDRs",) if key in egress]:
        keep(("np", key), egress, key)
    defaults = egress.get("defaults")
    if isinstance(defaults, Map):
        for name, value in defaults.items():
            if isinstance(value, Map) and "enabled" in value:
                keep(("np", "defaults", str(name)), value, "enabled")
            elif name == "enabled":
                keep(("np", "defaults", "enabled"), defaults, name)
    definitions = egress.get("definitions")
    if isinstance(definitions, Map):
        for name in definitions:
            keep(("np", "definition", str(name)), definitions, name)
    return found | _locals(egress, place)


def _locals(egress: Map, place: PlaceOf) -> dict[tuple[str, ...], Setting]:
    found: dict[tuple[str, ...], Setting] = {}
    sources = egress.get("from")
    for key, local in sources.items() if isinstance(sources, Map) else ():
        if not isinstance(local, Map):
            continue
        if isinstance(local.get("podSelector"), Map):
            found["np", "pods", str(key)] = Setting(local["podSelector"], place(local, "podSelector"))
        targets = local.get("to")
        for kind, remotes in targets.items() if isinstance(targets, Map) else ():
            for remote in remotes if isinstance(remotes, Map) else ():
                found["np", "to", str(key), str(kind), str(remote)] = Setting(remotes[remote], place(remotes, remote))
    return found


def faults(leaves: Leaves) -> Iterator[Finding]:
    """Keys that break the grammar; one of them keeps the whole release from rendering (G-A14)."""
    for path, leaf in leaves.items():
        if path[:2] == ("np", "to") and _on(leaf.value):
            pattern = {"k8s": _K8S, "cidr": _CIDR}.get(path[3])
            if pattern is not None and not pattern.match(path[4]):
                yield finding("EGR971", leaf.place, address=path[4], entry="networkPolicies.egress")


def policies(leaves: Leaves, namespace: str | None, place: Place) -> Iterator[NetworkPolicy]:
    """All policies for egress of one release; none where they are switched off or the release doesn't render."""
    if any(True for _ in faults(leaves)):
        return
    yield from _defaults(leaves, namespace, place)
    for path, leaf in leaves.items():
        if path[:2] != ("np", "to") or not _on(leaf.value):
            continue
        _, _, key, kind, remote = path
        chosen = leaves.get(("np", "pods", key))
        pods = parse(chosen.value) if chosen else LabelSelector({} if key == "*" else {NAME_KEY: key})
        rules = tuple(_rules(leaves, kind, remote, leaf))
        if rules:
            name = f"allow-egress-from-{'any-pod' if key == '*' else key}-to-{remote}"
            yield NetworkPolicy(name, namespace, leaf.place, pods, frozenset({"Egress"}), rules)


def _on(value: object) -> bool:
    """What is neither a mapping nor a truth value is skipped silently (G-A15)."""
    if isinstance(value, Mapping):
        return value.get("enabled", True) is True
    return value is True


def _defaults(leaves: Leaves, namespace: str | None, place: Place) -> Iterator[NetworkPolicy]:
    def wanted(name: str) -> bool:
        every, one = leaves.get(("np", "defaults", "enabled")), leaves.get(("np", "defaults", name))
        return (every is None or every.value is True) and (one is None or one.value is True)

    everyone = LabelSelector()
    egress = frozenset({"Egress"})
    rules: dict[str, tuple[PolicyRule, ...]] = {
        "denyAll": (),
        "allowInNamespace": (PolicyRule(place, (Peer(place, pods=everyone),)),),
        "allowKubeDns": (
            PolicyRule(
                place,
                (_peer(place, "kube-system", LabelSelector({"k8s-app": "kube-dns"})),),
                (PolicyPort(place, "udp", Ports(53, 53)), PolicyPort(place, "tcp", Ports(53, 53))),
            ),
        ),
        "allowIstiod": (
            PolicyRule(
                place,
                (_peer(place, "istio-system", LabelSelector({"app": "istiod"})),),
                (PolicyPort(place, "tcp", Ports(15012, 15012)),),
            ),
        ),
    }
    for name, made in rules.items():
        if wanted(name):
            yield NetworkPolicy(f"default-egress-{name}", namespace, place, everyone, egress, made)  # type: ignore[arg-type]


def _peer(place: Place, namespace: str, pods: LabelSelector) -> Peer:
    return Peer(place, pods=pods, namespaces=LabelSelector({NAMESPACE_KEY: namespace}))


def _rules(leaves: Leaves, kind: str, remote: str, leaf: Setting) -> Iterator[PolicyRule]:
    place = leaf.place
    if kind == "k8s":
        yield _service_rule(remote, leaf)
    elif kind == "cidr":
        match = _CIDR.match(remote)
        block = _block(match.group(3), _excluded(leaves))
        if block is not None:
            yield PolicyRule(place, (Peer(place, block=block),), tuple(_ports(remote, match.group(2), place)))
    elif kind == "definition":
        yield from _definition(leaves, remote, place)
    elif kind == "literal":
        for item in sequence_of(mapping_of(leaf.value).get("spec")):
            yield _raw(mapping_of(item), place)


def _service_rule(remote: str, leaf: Setting) -> PolicyRule:
    match = _K8S.match(remote)
    namespace, pod = match.group(3), match.group(5) or "*"
    given = mapping_of(leaf.value)
    namespaces = LabelSelector({} if namespace == "*" else {NAMESPACE_KEY: namespace})
    pods = LabelSelector({} if pod == "*" else {NAME_KEY: pod})
    peer = Peer(
        leaf.place,
        pods=parse(given["podSelector"]) if "podSelector" in given else pods,
        namespaces=parse(given["namespaceSelector"]) if "namespaceSelector" in given else namespaces,
    )
    return PolicyRule(leaf.place, (peer,), tuple(_ports(remote, match.group(2), leaf.place)))


def _ports(remote: str, protocol: str | None, place: Place) -> Iterator[PolicyPort]:
    """No port part: every port and protocol."""
    written = remote.removeprefix(f"{protocol}://").partition(":")[2].strip("[]")
    for part in written.split(",") if written else ():
        first, _, last = part.partition("-")
        numbers = int(first[:6]), int((last or first)[:6])
        yield PolicyPort(place, protocol or "tcp", Ports(*numbers))


def _excluded(leaves: Leaves) -> list[str]:
    leaf = leaves.get(("np", "excludeCIDRs"))
    return [METADATA] if leaf is None else [text_of(item) for item in sequence_of(leaf.value)]


def _block(cidr: str, excluded: list[str]) -> IpBlock | None:
    """An exception counts only where it lies inside the range."""
    try:
        whole = ipaddress.ip_network(cidr, strict=False)
        inside = [text for text in excluded if _smaller(ipaddress.ip_network(text, strict=False), whole)]
        return ip_block(cidr, inside)
    except ValueError:
        return None


def _smaller(one: ipaddress.IPv4Network | ipaddress.IPv6Network, whole: object) -> bool:
    return (
        isinstance(whole, ipaddress.IPv4Network)
        and isinstance(one, ipaddress.IPv4Network)
        and (one != whole and one.subnet_of(whole))
    )


def _definition(leaves: Leaves, name: str, place: Place) -> Iterator[PolicyRule]:
    """A definition in values replaces the built-in one of its name as a whole (G-A18)."""
    leaf = leaves.get(("np", "definition", name))
    if leaf is not None:
        yield _raw(mapping_of(leaf.value), place)
    elif name in _DEFINITIONS:
        blocks, ports = _DEFINITIONS[name]
        peers = tuple(Peer(place, block=ip_block(block)) for block in blocks)
        yield PolicyRule(place, peers, tuple(PolicyPort(place, "tcp", Ports(port, port)) for port in ports))


def _raw(item: Mapping[str, object], place: Place) -> PolicyRule:
    """A rule written as Kubernetes writes it. What has no sound form matches nothing."""
    peers = []
    for each in map(mapping_of, sequence_of(item.get("to"))):
        block = mapping_of(each.get("ipBlock"))
        if block:
            excluded = [text_of(text) for text in sequence_of(block.get("except"))]
            made = _block(text_of(block.get("cidr")), excluded)
            peers += [Peer(place, block=made)] if made else []
        else:
            halves = [parse(each[key]) if key in each else None for key in ("podSelector", "namespaceSelector")]
            peers.append(Peer(place, pods=halves[0], namespaces=halves[1]))
    ports = []
    for each in map(mapping_of, sequence_of(item.get("ports"))):
        first = each.get("port")
        last = each.get("endPort", first)
        number = Ports(first, last) if isinstance(first, int) and isinstance(last, int) else None
        ports.append(PolicyPort(place, (text_of(each.get("protocol")) or "TCP").lower(), number))
    return PolicyRule(place, tuple(peers), tuple(ports))
