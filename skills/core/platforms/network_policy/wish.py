"""What a draft would write: the pods it is for, the peers and ports it opens, and its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import re2

from skills.core.enforce.cluster import Cluster
from skills.core.enforce.kube_policy import (
    NAMESPACE_KEY,
    Direction,
    NetworkPolicy,
    Peer,
    PolicyPort,
    ip_block,
    labels_match,
)
from skills.core.enforce.kube_policy import Pods as PodSet
from skills.core.enforce.selectors import OPEN, LabelSelector, Match
from skills.core.model import Destination, Place

# What a rule for an Internet host spares: private networks and the shared range of carriers and clouds, where pods and
# Services live, and link-local addresses, where cloud metadata answers.
SPARED = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10")
SPARED_V6 = ("fc00::/7", "fe80::/10")

_NOWHERE = Place("")
_LONGEST_NAME = 63  # a policy's name may be longer, but people and tools cut there
_NOT_SLUG = re2.compile(r"[^a-z0-9]+")
_PREFERRED = ("app", "app.kubernetes.io/name", "k8s-app", "app.kubernetes.io/component", "app.kubernetes.io/instance")
_VOLATILE = ("pod-template-hash", "controller-revision-hash", "version", "chart", "managed-by", "heritage", "checksum")


@dataclass(frozen=True, slots=True)
class Wish:
    """One rule that must come to be: in `namespace`, for pods with `labels`, between them and `peers` on `ports`.

    `who` and `what` are the short names of both ends for the policy's name; `comment` says why.
    """

    direction: Direction
    namespace: str
    labels: Mapping[str, str]
    peers: tuple[Peer, ...]
    ports: tuple[PolicyPort, ...]
    who: str
    what: str
    comment: str

    @property
    def section(self) -> str:
        return "egress" if self.direction == "Egress" else "ingress"

    def rule(self) -> dict[str, Any]:
        """The rule as it stands in a manifest."""
        key = "to" if self.direction == "Egress" else "from"
        rule: dict[str, Any] = {key: [peer_data(peer) for peer in self.peers]}
        if self.ports:
            rule["ports"] = [port_data(port) for port in self.ports]
        return rule

    def spec(self) -> dict[str, Any]:
        """The spec of a policy for nothing but this."""
        return {
            "podSelector": {"matchLabels": dict(self.labels)} if self.labels else {},
            "policyTypes": [self.direction],
            self.section: [self.rule()],
        }


def peer_data(peer: Peer) -> dict[str, Any]:
    if peer.block is not None:
        block: dict[str, Any] = {"cidr": peer.block.cidr}
        if peer.block.excepts:
            block["except"] = list(peer.block.excepts)
        return {"ipBlock": block}
    data: dict[str, Any] = {}
    if peer.namespaces is not None:
        data["namespaceSelector"] = selector_data(peer.namespaces)
    if peer.pods is not None:
        data["podSelector"] = selector_data(peer.pods)
    return data


def selector_data(selector: LabelSelector) -> dict[str, Any]:
    data: dict[str, Any] = {"matchLabels": dict(selector.labels)} if selector.labels else {}
    if selector.requirements:
        data["matchExpressions"] = [
            {"key": item.key, "operator": item.operator, **({"values": list(item.values)} if item.values else {})}
            for item in selector.requirements
        ]
    return data


def port_data(port: PolicyPort) -> dict[str, Any]:
    data: dict[str, Any] = {"protocol": port.protocol.upper()}
    if port.name is not None:
        data["port"] = port.name
    elif port.ports is not None:
        data["port"] = port.ports.first
        if port.ports.last != port.ports.first:
            data["endPort"] = port.ports.last
    return data


def pods_peer(namespace: str, labels: Mapping[str, str] | None) -> Peer:
    """Namespace and pods in one item, so that both must hold."""
    pods = LabelSelector(dict(labels)) if labels else None
    return Peer(_NOWHERE, pods=pods, namespaces=LabelSelector({NAMESPACE_KEY: namespace}))


def selected_pods_peer(namespace: str, selector: LabelSelector) -> Peer:
    """The pods that a selector chooses in one namespace."""
    return Peer(
        _NOWHERE, pods=None if selector.empty else selector, namespaces=LabelSelector({NAMESPACE_KEY: namespace})
    )


def block_peer(network: str) -> Peer:
    return Peer(_NOWHERE, block=ip_block(network))


def internet_peers() -> list[Peer]:
    """The public Internet in both address families: which of them a host is reached by, only the resolver says."""
    return [Peer(_NOWHERE, block=ip_block("0.0.0.0/0", SPARED)), Peer(_NOWHERE, block=ip_block("::/0", SPARED_V6))]


def ports_for(destination: Destination, pods: Sequence[PodSet]) -> tuple[PolicyPort, ...]:
    """The ports to open: those of the pods where they are known, else as asked. None at all means every port."""
    known: list[PolicyPort] = []
    for end in pods:
        if end.ports is None and end.port_name:
            known.append(PolicyPort(_NOWHERE, destination.protocol, name=end.port_name))
        else:
            known.append(PolicyPort(_NOWHERE, destination.protocol, end.ports or destination.ports))
    known = known or [PolicyPort(_NOWHERE, destination.protocol, destination.ports)]
    return () if any(port.ports is None and port.name is None for port in known) else tuple(dict.fromkeys(known))


def peer_key(peer: Peer, home: str | None) -> object:
    """Equal for peers that mean the same, however they are written. `home` is their policy's namespace."""
    if peer.block is not None:
        return ("block", peer.block.version, peer.block.spans)
    if peer.namespaces is None:
        there: object = home
    elif len(peer.namespaces.labels) == 1 and NAMESPACE_KEY in peer.namespaces.labels:
        there = peer.namespaces.labels[NAMESPACE_KEY] if not peer.namespaces.requirements else str(peer.namespaces)
    else:
        there = str(peer.namespaces)
    pods = "" if peer.pods is None or peer.pods.empty else _selector_key(peer.pods)
    return ("pods", there, pods)


def _selector_key(selector: LabelSelector) -> object:
    return tuple(sorted(selector.labels.items())), selector.requirements


def labels_for(cluster: Cluster, policies: Sequence[NetworkPolicy], pods: PodSet) -> dict[str, str] | None:
    """The labels by which a policy should select these pods: as policies here do already, else by app label.

    Never empty: an empty selector would mean every pod of the namespace. None where no label is known.
    """
    if not pods.labels:
        return None
    if pods.partial:
        return dict(pods.labels)
    for labels in _usual_labels(policies, pods):
        if not strays(cluster, pods, LabelSelector(labels)):
            return labels
    stable = {key: value for key, value in pods.labels.items() if not any(word in key for word in _VOLATILE)}
    stable = {key: value for key, value in stable.items() if OPEN not in value} or stable
    order = [*(key for key in _PREFERRED if key in stable), *sorted(key for key in stable if key not in _PREFERRED)]
    chosen: dict[str, str] = {}
    for key in order or sorted(pods.labels):
        chosen[key] = pods.labels[key]
        if not strays(cluster, pods, LabelSelector(chosen)):
            break
    return chosen


def _usual_labels(policies: Sequence[NetworkPolicy], pods: PodSet) -> list[dict[str, str]]:
    """Label sets by which policies here select the pods: those that name the app first, then the most used."""
    counted: dict[tuple[tuple[str, str], ...], int] = {}
    for policy in policies:
        selector = policy.selector
        if selector is None or selector.requirements or not selector.labels or OPEN in str(selector):
            continue
        if labels_match(selector, pods) is Match.YES:
            key = tuple(selector.labels.items())
            counted[key] = counted.get(key, 0) + 1
    ranked = sorted(counted, key=lambda labels: (not any(key in _PREFERRED for key, _ in labels), -counted[labels]))
    return [dict(labels) for labels in ranked]


def strays(cluster: Cluster, pods: PodSet, selector: LabelSelector) -> int:
    """How many other known workloads of the namespace the selector would choose as well."""
    own = {key: value for key, value in (pods.labels or {}).items() if key not in _VOLATILE}
    count = 0
    for other in cluster.pods.get(pods.namespace, ()):
        same = {key: value for key, value in other.labels.items() if key not in _VOLATILE} == own
        count += not same and selector.matches(other.labels) is Match.YES
    return count


def policy_name(wish: Wish, taken: set[str]) -> str:
    """`allow-WHAT-WHO`, unique in its namespace; the other way round for the receiving side."""
    ends = (wish.what, wish.who) if wish.direction == "Egress" else ("ingress", wish.who, wish.what)
    base = "-".join(("allow", *(slug(end) for end in ends)))[: _LONGEST_NAME - 3].strip("-")
    name, number = base, 2
    while name in taken:
        name, number = f"{base}-{number}", number + 1
    return name


def slug(text: str) -> str:
    return _NOT_SLUG.sub("-", text.lower()).strip("-")[:40].strip("-") or "pods"
