"""The NetworkPolicies that bb-common renders from `networkPolicies` of its values.

Source: bb-common chart/templates/network-policies/ and chart/values.schema.json.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from skills.core.enforce.kube_objects import mapping_of, sequence_of, text_of
from skills.core.enforce.kube_policy import (
    NAMESPACE_KEY,
    Direction,
    NetworkPolicy,
    Peer,
    PolicyPort,
    PolicyRule,
    ip_block,
)
from skills.core.enforce.selectors import LabelSelector, parse
from skills.core.model import Place, Ports
from skills.core.platforms.istio.bb_leaves import CIDR, K8S, K8S_IN, LISTS, LOCAL_IN, Leaves, faults, on
from skills.core.platforms.istio.bb_names import DEFAULTS, distinct, name_of
from skills.core.platforms.istio.bb_rules import block_of, from_spec, raw_rule
from skills.core.platforms.istio.entries import Setting

NAME_KEY = "app.kubernetes.io/name"
METADATA = "169.254.169.254/32"
_HBONE = 15008
_KUBELET = "169.254.7.127/32"
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
_INWARD = {
    "gateway": ("istio-gateway", {"istio": "ingressgateway"}),
    "monitoring": ("monitoring", {NAME_KEY: "prometheus"}),
}
_DIRECTIONS: dict[str, Direction] = {"out": "Egress", "in": "Ingress"}


def policies(leaves: Leaves, namespace: str | None, place: Place, *, ambient: bool = False) -> Iterator[NetworkPolicy]:
    """All policies of one release. Where the release does not render, what stands in the cluster is not known,
    so every policy carries the fault."""
    broken = tuple(faults(leaves))
    made: Iterable[NetworkPolicy] = [
        *_defaults_out(leaves, namespace, place),
        *_defaults_in(leaves, namespace, place, ambient=ambient),
        *_listed(leaves, namespace),
        *_additional(leaves, namespace),
    ]
    if _flag(leaves, "hbonePortInjection"):
        made = map(_with_hbone, made)
    for policy in distinct(made):
        yield policy._replace(faults=(*policy.faults, *broken)) if broken else policy


def local_selector(leaves: Leaves, side: str, key: str) -> LabelSelector:
    """The pods that a local key means."""
    chosen = leaves.get(("np", side, "pods", key))
    if chosen is not None:
        return parse(chosen.value)
    match = LOCAL_IN.match(key)
    name = match.group(3) if side == "in" and match else key
    return LabelSelector({} if name == "*" else {NAME_KEY: name})


def _listed(leaves: Leaves, namespace: str | None) -> Iterator[NetworkPolicy]:
    for path, leaf in leaves.items():
        if len(path) != 6 or path[0] != "np" or not on(leaf.value):
            continue
        _, side, _, key, kind, remote = path
        pods = local_selector(leaves, side, key)
        rules = tuple(_rules(leaves, side, key, kind, remote, leaf))
        if rules:
            yield _policy(name_of(side, key, kind, remote), namespace, leaf.place, pods, side, rules)


def _policy(
    name: str, namespace: str | None, place: Place, pods: LabelSelector, side: str, rules: tuple[PolicyRule, ...]
) -> NetworkPolicy:
    direction = _DIRECTIONS[side]
    egress, ingress = (rules, ()) if side == "out" else ((), rules)
    return NetworkPolicy(name, namespace, place, pods, frozenset({direction}), egress, ingress)


def _flag(leaves: Leaves, *path: str, default: bool = False) -> bool:
    leaf = leaves.get(("np", *path))
    return default if leaf is None else leaf.value is True


def _wanted(leaves: Leaves, side: str, name: str) -> bool:
    return _flag(leaves, side, "defaults", "enabled", default=True) and _flag(
        leaves, side, "defaults", name, default=True
    )


def _defaults_out(leaves: Leaves, namespace: str | None, place: Place) -> Iterator[NetworkPolicy]:
    dns = (PolicyPort(place, "udp", Ports(53, 53)), PolicyPort(place, "tcp", Ports(53, 53)))
    istiod = (PolicyPort(place, "tcp", Ports(15012, 15012)),)
    rules: dict[str, tuple[PolicyRule, ...]] = {
        "denyAll": (),
        "allowInNamespace": (PolicyRule(place, (_home(place, namespace),)),),
        "allowKubeDns": (PolicyRule(place, (_peer(place, "kube-system", {"k8s-app": "kube-dns"}),), dns),),
        "allowIstiod": (PolicyRule(place, (_peer(place, "istio-system", {"app": "istiod"}),), istiod),),
    }
    for name, made in rules.items():
        if _wanted(leaves, "out", name):
            yield from _default("out", name, namespace, place, made, hooked=_flag(leaves, "defaultsAsHooks"))


def _defaults_in(leaves: Leaves, namespace: str | None, place: Place, *, ambient: bool) -> Iterator[NetworkPolicy]:
    scrape = (PolicyPort(place, "tcp", Ports(15020, 15020)),)
    rules: dict[str, tuple[PolicyRule, ...]] = {
        "denyAll": (),
        "allowInNamespace": (PolicyRule(place, (_home(place, namespace),)),),
        "allowPrometheusToIstioSidecar": (
            PolicyRule(place, (_peer(place, "monitoring", {NAME_KEY: "prometheus"}),), scrape),
        ),
    }
    if ambient:
        rules["allowAmbientKubelet"] = (PolicyRule(place, (Peer(place, block=ip_block(_KUBELET)),)),)
    for name, made in rules.items():
        if _wanted(leaves, "in", name):
            yield from _default("in", name, namespace, place, made, hooked=_flag(leaves, "defaultsAsHooks"))


def _default(
    side: str, name: str, namespace: str | None, place: Place, rules: tuple[PolicyRule, ...], *, hooked: bool
) -> Iterator[NetworkPolicy]:
    """A default policy, and its copy that Helm's hooks put up while the release is not there yet."""
    made = _policy(DEFAULTS[side, name], namespace, place, LabelSelector(), side, rules)
    yield made
    if hooked:
        yield made._replace(name=f"{made.name}-as-hook")


def _home(place: Place, namespace: str | None) -> Peer:
    return (
        Peer(place, pods=LabelSelector())
        if namespace is None
        else Peer(place, namespaces=LabelSelector({NAMESPACE_KEY: namespace}))
    )


def _peer(place: Place, namespace: str, labels: dict[str, str]) -> Peer:
    return Peer(place, pods=LabelSelector(labels), namespaces=LabelSelector({NAMESPACE_KEY: namespace}))


def _rules(leaves: Leaves, side: str, key: str, kind: str, remote: str, leaf: Setting) -> Iterator[PolicyRule]:
    """On the way out ports stand behind the remote key, on the way in behind the local one."""
    place, local = leaf.place, LOCAL_IN.match(key)
    written = remote if side == "out" else key
    match = {"k8s": K8S, "cidr": CIDR}.get(kind, K8S).match(remote) if side == "out" else local
    ports = tuple(_ports(written, match.group(2) if match else None, place))
    if kind == "k8s":
        peer = _service_peer(side, remote, leaf)
        if peer is not None:
            yield PolicyRule(place, (peer,), ports)
    elif kind == "cidr":
        found = CIDR.match(remote)
        excluded = _excluded(leaves) if side == "out" else []
        block = block_of(found.group(3), excluded) if found else None
        if block is not None:
            yield PolicyRule(place, (Peer(place, block=block),), ports)
    elif kind == "definition":
        yield from _definition(leaves, side, remote, place, ports)
    elif kind == "literal":
        for item in sequence_of(mapping_of(leaf.value).get("spec")):
            yield raw_rule(mapping_of(item), "to" if side == "out" else "from", place)


def _service_peer(side: str, remote: str, leaf: Setting) -> Peer | None:
    match = (K8S if side == "out" else K8S_IN).match(remote)
    if match is None:
        return None
    namespace, pod = (match.group(3), match.group(5)) if side == "out" else (match.group(2), match.group(4))
    given = mapping_of(leaf.value)
    namespaces = LabelSelector({} if namespace == "*" else {NAMESPACE_KEY: namespace})
    pods = LabelSelector({} if (pod or "*") == "*" else {NAME_KEY: pod})
    return Peer(
        leaf.place,
        pods=parse(given["podSelector"]) if "podSelector" in given else pods,
        namespaces=parse(given["namespaceSelector"]) if "namespaceSelector" in given else namespaces,
    )


def _ports(key: str, protocol: str | None, place: Place) -> Iterator[PolicyPort]:
    """No port part: every port and protocol."""
    written = key.removeprefix(f"{protocol}://").partition(":")[2].strip("[]")
    for part in written.split(",") if written else ():
        first, _, last = part.partition("-")
        if first.isdecimal() and (last or first).isdecimal():
            yield PolicyPort(place, protocol or "tcp", Ports(int(first[:6]), int((last or first)[:6])))


def _excluded(leaves: Leaves) -> list[str]:
    leaf = leaves.get(("np", "out", "excludeCIDRs"))
    return [METADATA] if leaf is None else [text_of(item) for item in sequence_of(leaf.value)]


def _definition(
    leaves: Leaves, side: str, name: str, place: Place, local: tuple[PolicyPort, ...]
) -> Iterator[PolicyRule]:
    """A definition in values replaces the built-in one of its name as a whole (G-A18)."""
    leaf = leaves.get(("np", side, "definition", name))
    if leaf is not None:
        rule = raw_rule(mapping_of(leaf.value), "to" if side == "out" else "from", place)
        yield rule._replace(ports=local) if side == "in" and local and not rule.ports else rule
    elif side == "in" and name in _INWARD:
        yield PolicyRule(place, (_peer(place, *_INWARD[name]),), local)
    elif side == "out" and name in _DEFINITIONS:
        blocks, ports = _DEFINITIONS[name]
        peers = tuple(Peer(place, block=ip_block(block)) for block in blocks)
        yield PolicyRule(place, peers, tuple(PolicyPort(place, "tcp", Ports(port, port)) for port in ports))


def _additional(leaves: Leaves, namespace: str | None) -> Iterator[NetworkPolicy]:
    """Policies written as Kubernetes writes them. The older list counts only where the newer one is empty (G-A17)."""
    leaf = next((leaves[("np", name)] for name in LISTS if ("np", name) in leaves), None)
    for item, place in leaf.value if leaf else ():
        yield from_spec(text_of(item.get("name")), namespace, place, mapping_of(item.get("spec")))


def _with_hbone(policy: NetworkPolicy) -> NetworkPolicy:
    """Ambient traffic arrives on the tunnel's port, which rules that list ports for pods must name too."""

    def opened(rule: PolicyRule) -> PolicyRule:
        if not rule.ports or not any(peer.selects_pods for peer in rule.peers):
            return rule
        tunnel = PolicyPort(rule.place, "tcp", Ports(_HBONE, _HBONE))
        return (
            rule
            if any(port.ports == tunnel.ports for port in rule.ports)
            else rule._replace(ports=(*rule.ports, tunnel))
        )

    return policy._replace(egress=tuple(map(opened, policy.egress)), ingress=tuple(map(opened, policy.ingress)))
