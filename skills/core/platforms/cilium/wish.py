"""What a draft would write: rules as they stand in a manifest, labels to select by, names and comments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from skills.core.enforce.cluster import Cluster
from skills.core.enforce.kube_policy import Direction, Pods
from skills.core.enforce.selectors import OPEN
from skills.core.messages import say
from skills.core.model import Destination, Finding, Need, Ports
from skills.core.platforms.cilium.endpoints import NAMESPACE
from skills.core.platforms.cilium.entries import Port, PortRule

_PREFERRED = ("app", "app.kubernetes.io/name", "k8s-app", "app.kubernetes.io/component", "app.kubernetes.io/instance")
_VOLATILE = ("pod-template-hash", "controller-revision-hash", "version", "chart", "managed-by", "heritage", "checksum")
_LONGEST_REASON = 300


@dataclass(frozen=True, slots=True)
class Wish:
    """One rule that must come to be for pods with `labels`: `item` below the key `family`, on `ports`."""

    direction: Direction
    namespace: str
    labels: Mapping[str, str]
    family: str
    item: Any
    ports: tuple[dict[str, Any], ...]
    who: str
    what: str
    comment: str

    @property
    def section(self) -> str:
        return "egress" if self.direction == "Egress" else "ingress"

    def rule(self) -> dict[str, Any]:
        rule: dict[str, Any] = {self.family: [self.item]}
        if self.ports:
            rule["toPorts"] = [{"ports": [dict(port) for port in self.ports]}]
        return rule


def dns_rule(name: Mapping[str, str]) -> dict[str, Any]:
    """Lookups of such names at the cluster's resolver, through Cilium's DNS proxy."""
    return {
        "toEndpoints": [{"matchLabels": {f"k8s:{NAMESPACE}": "kube-system", "k8s-app": "kube-dns"}}],
        "toPorts": [{"ports": [{"port": "53", "protocol": "ANY"}], "rules": {"dns": [dict(name)]}}],
    }


def ports_for(destination: Destination, pods: Sequence[Pods]) -> tuple[dict[str, Any], ...]:
    """The ports to open, as text: those of the pods where they are known, else as asked. None means every port."""
    found: list[dict[str, Any]] = []
    for ports, name in [(end.ports, end.port_name) for end in pods] or [(destination.ports, None)]:
        known = ports or (None if name else destination.ports)
        if known is None and name is None:
            return ()
        port = port_data(known, name, destination.protocol)
        found += [port] if port not in found else []
    return tuple(found)


def port_data(ports: Ports | None, name: str | None, protocol: str) -> dict[str, Any]:
    data: dict[str, Any] = {"port": str(ports.first) if ports else name}
    if ports and ports.last != ports.first:
        data["endPort"] = ports.last
    return {**data, "protocol": protocol.upper()}


def port_of(port: Port) -> dict[str, Any]:
    """A port that stands already, in the form of those that a draft wants."""
    return port_data(port.ports, port.name, port.protocol)


def same_ports(rules: Sequence[PortRule] | None, wanted: Sequence[Mapping[str, Any]], *, exactly: bool) -> bool:
    """Whether a rule's ports hold the wanted ones, and with `exactly` no other number. No L7 rule may stand there."""
    if rules is None or any(rule.http or rule.dns is not None or rule.server_names for rule in rules):
        return rules is None and not wanted
    have = [port for rule in rules for port in rule.ports]
    fits = all(any(_is_port(port, item) for port in have) for item in wanted)
    return fits and bool(wanted) and (not exactly or all(any(_is_port(p, item) for item in wanted) for p in have))


def same_protocols(rules: Sequence[PortRule] | None, wanted: Sequence[Mapping[str, Any]]) -> bool:
    """Whether ports that speak any protocol stand only where that is wanted."""
    asked = {item["protocol"].lower() for item in wanted}
    return all(port.protocol in asked for rule in rules or () for port in rule.ports)


def port_number(rules: Sequence[PortRule] | None, wanted: Sequence[Mapping[str, Any]]) -> int | None:
    """Where the one wanted port stands in the only list of ports, which must hold others besides."""
    if rules is None or len(rules) != 1 or len(wanted) != 1 or len(rules[0].ports) < 2:
        return None
    return next((number for number, port in enumerate(rules[0].ports) if _is_port(port, wanted[0])), None)


def _is_port(port: Port, wanted: Mapping[str, Any]) -> bool:
    first = str(port.ports.first) if port.ports else port.name
    last = port.ports.last if port.ports and port.ports.last != port.ports.first else None
    return port.speaks(wanted["protocol"].lower()) and first == wanted["port"] and last == wanted.get("endPort")


def endpoint_item(namespace: str, labels: Mapping[str, str], home: str | None) -> dict[str, Any]:
    """A selector of pods; the namespace is left out where it is that of the policy anyway."""
    where = {} if namespace == home else {f"k8s:{NAMESPACE}": namespace}
    return {"matchLabels": {**where, **labels}}


def labels_for(cluster: Cluster, pods: Pods) -> dict[str, str] | None:
    """The labels by which a policy should select these pods; never empty, None where no label is known."""
    if not pods.labels:
        return None
    if pods.partial:
        return dict(pods.labels)
    stable = {key: value for key, value in pods.labels.items() if not any(word in key for word in _VOLATILE)}
    stable = {key: value for key, value in stable.items() if OPEN not in value} or stable
    order = [*(key for key in _PREFERRED if key in stable), *sorted(key for key in stable if key not in _PREFERRED)]
    chosen: dict[str, str] = {}
    for key in order or sorted(pods.labels):
        chosen[key] = pods.labels[key]
        if not strays(cluster, pods, chosen):
            break
    return chosen


def strays(cluster: Cluster, pods: Pods, labels: Mapping[str, str]) -> bool:
    """Whether another known workload of the namespace carries these labels as well."""
    own = {key: value for key, value in (pods.labels or {}).items() if key not in _VOLATILE}
    for other in cluster.pods.get(pods.namespace, ()):
        same = {key: value for key, value in other.labels.items() if key not in _VOLATILE} == own
        if not same and all(other.labels.get(key) == value for key, value in labels.items()):
            return True
    return False


def comment_for(need: Need, destination: Destination) -> str:
    """Why the rule is there, on one line. What people typed can neither end the comment nor wake a template."""
    reason = one_line(need.reason)
    facts = {"workload": need.workload.name, "destination": str(destination), "reason": reason}
    said = [say(Finding("EGR958" if reason else "EGR959", facts)).says]
    if need.until:
        said.append(say(Finding("EGR963", {"until": need.until})).says)
    return one_line(" ".join(said))


def one_line(text: str) -> str:
    flat = "".join(char for char in " ".join(text.split()) if char.isprintable())
    for mark in ("{{", "}}", "${"):
        while mark in flat:
            flat = flat.replace(mark, f"{mark[0]} {mark[1]}")
    return flat if len(flat) <= _LONGEST_REASON else f"{flat[:_LONGEST_REASON]}…"
