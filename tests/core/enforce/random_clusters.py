"""Small random clusters as manifests, from a seed: the same seed always gives the same cluster.

Everything that a NetworkPolicy can say occurs: both kinds of selectors with all four operators, one item and two
items, blocks with exceptions in both address families, ranges, names and protocols of ports, absent, empty and full
lists, and every way to write or leave out policyTypes. No pod is on the host network and no policy is invalid. What
network-config-analyzer is known to read otherwise than Kubernetes is left out here; docs/TRUTH.md lists it and the
tests beside this file show it.
"""

from __future__ import annotations

from random import Random
from typing import Any

NAMESPACES = ("a", "b", "c", "d")
_TEAMS = ("red", "blue")
_APPS = ("web", "api", "db")
_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")
_PROTOCOLS = ("TCP", "UDP", "SCTP")
_PORT_NAMES = ("http", "dns", "extra")
_BLOCKS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("0.0.0.0/0", ()),
    ("0.0.0.0/0", ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")),
    ("8.8.0.0/16", ("8.8.8.0/24", "8.8.8.128/25")),
    ("203.0.113.7/32", ()),
    ("198.51.100.0/24", ("198.51.100.64/26",)),
    ("2001:db8::/32", ("2001:db8:1::/48",)),
    ("::/0", ()),
)


def manifests(seed: int) -> list[dict[str, Any]]:
    """Two to four namespaces, two to six pods and one to eight policies."""
    random = Random(seed)
    homes = NAMESPACES[: random.randint(2, len(NAMESPACES))]
    items = [_namespace(random, name) for name in homes]
    # The analyzer keeps what it knows of a pod, by its name, from one cluster to the next: names must not recur.
    items += [_pod(random, f"pod{seed}-{number}", random.choice(homes)) for number in range(random.randint(2, 6))]
    items += [_policy(random, f"policy{number}", random.choice(homes)) for number in range(random.randint(1, 8))]
    return items


def _namespace(random: Random, name: str) -> dict[str, Any]:
    labels = {"kubernetes.io/metadata.name": name}
    if random.random() < 0.7:
        labels["team"] = random.choice(_TEAMS)
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def _pod(random: Random, name: str, home: str) -> dict[str, Any]:
    labels = {"app": random.choice(_APPS)}
    if random.random() < 0.5:
        labels["tier"] = random.choice(("front", "back"))
    names = random.sample(_PORT_NAMES, random.randint(0, 2))
    ports = [
        {"name": each, "containerPort": random.choice((53, 80, 443, 8080)), "protocol": random.choice(_PROTOCOLS)}
        for each in names
    ]
    spec = {"containers": [{"name": "main", "image": "example", "ports": ports}]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": home, "labels": labels},
        "spec": spec,
    }


def _policy(random: Random, name: str, home: str) -> dict[str, Any]:
    spec: dict[str, Any] = {"podSelector": _selector(random, pods=True)}
    types = random.choice((None, ["Egress"], ["Ingress"], ["Ingress", "Egress"]))
    if types is not None:
        spec["policyTypes"] = types
    for section, peers in (("egress", "to"), ("ingress", "from")):
        # Rules of a direction that policyTypes leave out: the analyzer stops there, the API server takes them.
        if (types is None or section.capitalize() in types) and random.random() < 0.75:
            # `egress: []` without policyTypes isolates nothing in Kubernetes, and everything for the analyzer.
            fewest = int(types is None and section == "egress")
            spec[section] = [_rule(random, peers) for _ in range(max(fewest, random.choice((0, 1, 1, 2, 3))))]
    metadata = {"name": name, "namespace": home}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}


def _rule(random: Random, key: str) -> dict[str, Any]:
    rule: dict[str, Any] = {}
    if random.random() < 0.85:
        rule[key] = [_peer(random) for _ in range(random.choice((0, 1, 1, 2, 3)))]
    if random.random() < 0.75:
        rule["ports"] = [_port(random) for _ in range(random.choice((0, 1, 1, 2)))]
    return rule


def _peer(random: Random) -> dict[str, Any]:
    kind = random.choice(("block", "pods", "namespaces", "both", "both"))
    if kind == "block":
        cidr, excepts = random.choice(_BLOCKS)
        return {"ipBlock": {"cidr": cidr, **({"except": list(excepts)} if excepts else {})}}
    peer: dict[str, Any] = {}
    if kind != "pods":
        peer["namespaceSelector"] = _selector(random, pods=False)
    if kind != "namespaces":
        # Exists and DoesNotExist beside a namespaceSelector: the analyzer looks only into the policy's own namespace.
        operators = _OPERATORS if kind == "pods" else _OPERATORS[:2]
        peer["podSelector"] = _selector(random, pods=True, operators=operators)
    return peer


def _selector(random: Random, *, pods: bool, operators: tuple[str, ...] = _OPERATORS) -> dict[str, Any]:
    values: dict[str, tuple[str, ...]] = (
        {"app": (*_APPS, "none"), "tier": ("front", "back")}
        if pods
        else {"team": (*_TEAMS, "none"), "kubernetes.io/metadata.name": NAMESPACES}
    )
    selector: dict[str, Any] = {}
    if random.random() < 0.5:
        key = random.choice(list(values))
        selector["matchLabels"] = {key: random.choice(values[key])}
    if random.random() < 0.4:
        selector["matchExpressions"] = [_expression(random, values, operators) for _ in range(random.choice((1, 1, 2)))]
    return selector


def _expression(random: Random, values: dict[str, tuple[str, ...]], operators: tuple[str, ...]) -> dict[str, Any]:
    key = random.choice(list(values))
    operator = random.choice(operators)
    if operator in ("Exists", "DoesNotExist"):
        return {"key": key, "operator": operator}
    return {"key": key, "operator": operator, "values": random.sample(values[key], random.randint(1, 2))}


def _port(random: Random) -> dict[str, Any]:
    port: dict[str, Any] = {}
    if random.random() < 0.7:
        port["protocol"] = random.choice(_PROTOCOLS)
    kind = random.choice(("number", "number", "range", "name", "none"))
    if kind == "number":
        port["port"] = random.choice((53, 80, 443, 8080))
    elif kind == "range":
        port["port"] = random.choice((50, 400))
        port["endPort"] = random.choice((443, 8079))
    elif kind == "name":
        port["port"] = random.choice(_PORT_NAMES)
    return port
