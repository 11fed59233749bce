"""Small repositories of each dialect, made at random, with the questions that are put to all of them.

A repository is one or more files, a few workloads and a few destinations. The destinations are neighbours of one
another (a name, its parent, its child, another port, the other transport), because a draft goes wrong next door.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from hypothesis import strategies as st

HOSTS = ("acme.example", "api.acme.example", "a.api.acme.example", "files.acme.example", "db.partner.example")
ADDRESSES = ("198.51.100.7", "198.51.100.200", "203.0.113.5")
NAMED = (*(f"{host}:443" for host in HOSTS), "api.acme.example:8443", "udp://api.acme.example:443")
ADDRESSED = (*(f"{address}:443" for address in ADDRESSES), "198.51.100.7:8443", "udp://198.51.100.7:443")
INSIDE = (
    "workload://back/api:8080",
    "workload://back/api:9090",
    "api.back.svc.cluster.local:80",
    "workload://back/db:8080",
)


APPS = "apps.yaml"


@dataclass(frozen=True)
class Repository:
    """`workloads` and `destinations` are the words after --for and --to."""

    dialect: str
    files: Mapping[str, str]
    workloads: tuple[str, ...]
    destinations: tuple[str, ...]

    @property
    def words(self) -> str:
        """All but the workloads, which never differ, for a failure that somebody has to read."""
        return "\n".join(f"=== {path}\n{text}" for path, text in self.files.items() if path != APPS)


@st.composite
def written(draw: st.DrawFn, documents: Sequence[Mapping[str, Any]]) -> str:
    """Documents as different people write them: indentation, flow style, comments, line ends."""
    flow = draw(st.sampled_from([False, False, None]))
    shift = draw(st.booleans())
    texts = []
    for document in documents:
        dumper = _Shifted if shift else _Plain
        text = yaml.dump(document, Dumper=dumper, sort_keys=False, default_flow_style=flow, width=4096)
        texts.append(f"# {document['metadata']['name']}: kept\n{text}" if draw(st.booleans()) else text)
    whole = "---\n".join(texts)
    return whole.replace("\n", "\r\n") if draw(st.sampled_from([False, False, False, True])) else whole


class _Plain(yaml.SafeDumper):
    """What stands twice is written twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


class _Shifted(_Plain):
    """Items of a list stand two columns to the right of their key."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


@st.composite
def in_files(draw: st.DrawFn, documents: Sequence[Mapping[str, Any]], names: Sequence[str]) -> dict[str, str]:
    """The documents dealt out to files; a file without any is not there."""
    dealt: dict[str, list[Mapping[str, Any]]] = {}
    for document in documents:
        dealt.setdefault(draw(st.sampled_from(names)), []).append(document)
    return {path: draw(written(group)) for path, group in dealt.items()}


def some(items: st.SearchStrategy[Any], most: int, least: int = 0) -> st.SearchStrategy[list[Any]]:
    return st.lists(items, min_size=least, max_size=most)


# --- a Kubernetes cluster

PODS = {"web": "shop", "job": "shop", "api": "back", "db": "back"}
SENDERS = ("shop/web", "shop/job")


def labels(name: str) -> dict[str, str]:
    return {"app": name, "tier": "front" if PODS[name] == "shop" else "rear"}


def cluster() -> str:
    """Four Deployments in two namespaces and one Service whose port is not the pods'."""
    found: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {"team": name}}}
        for name in ("shop", "back")
    ]
    found += [_deployment(name, namespace) for name, namespace in PODS.items()]
    ports = [{"port": 80, "targetPort": 8080}]
    found.append(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "api", "namespace": "back"},
            "spec": {"selector": {"app": "api"}, "ports": ports},
        }
    )
    return "---\n".join(yaml.safe_dump(document, sort_keys=False) for document in found)


def _deployment(name: str, namespace: str) -> dict[str, Any]:
    pod = {"metadata": {"labels": labels(name)}, "spec": {"containers": [{"name": "main", "image": "example"}]}}
    spec = {"selector": {"matchLabels": labels(name)}, "template": pod}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def selectors(namespace: str) -> st.SearchStrategy[dict[str, Any]]:
    """Everyone, one workload, or the two that share a label."""
    own = [{"matchLabels": {"app": name}} for name, home in PODS.items() if home == namespace]
    shared = {"matchLabels": {"tier": "front" if namespace == "shop" else "rear"}}
    expression = {"matchExpressions": [{"key": "app", "operator": "In", "values": [own[0]["matchLabels"]["app"]]}]}
    return st.sampled_from([{}, *own, *own, shared, expression])


# --- NetworkPolicy


@st.composite
def network_policies(draw: st.DrawFn, most: int = 4) -> list[dict[str, Any]]:
    return [draw(_network_policy(number)) for number in range(draw(st.integers(0, most)))]


@st.composite
def _network_policy(draw: st.DrawFn, number: int) -> dict[str, Any]:
    namespace = draw(st.sampled_from(["shop", "shop", "back"]))
    spec: dict[str, Any] = {"podSelector": draw(selectors(namespace))}
    types = draw(st.sampled_from([["Egress"], ["Egress"], ["Ingress"], ["Ingress", "Egress"]]))
    spec["policyTypes"] = types
    if "Egress" in types:
        spec["egress"] = draw(some(_plain_rule("to"), 2))
    if "Ingress" in types:
        spec["ingress"] = draw(some(_plain_rule("from"), 2))
    name = f"policy-{number}"
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


_PLAIN_PORTS = st.sampled_from(
    [
        None,
        [{"protocol": "TCP", "port": 443}],
        [{"protocol": "TCP", "port": 443}, {"protocol": "TCP", "port": 8443}],
        [{"protocol": "TCP", "port": 8080}],
        [{"protocol": "UDP", "port": 443}],
        [{"protocol": "TCP", "port": 8000, "endPort": 9000}],
        [{"port": 443}],
    ]
)
_PLAIN_PEERS = st.sampled_from(
    [
        {"ipBlock": {"cidr": "198.51.100.7/32"}},
        {"ipBlock": {"cidr": "198.51.100.0/24"}},
        {"ipBlock": {"cidr": "198.51.100.0/24", "except": ["198.51.100.128/25"]}},
        {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}},
        {"podSelector": {}},
        {"podSelector": {"matchLabels": {"app": "web"}}},
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "back"}}},
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "shop"}}},
        {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "back"}},
            "podSelector": {"matchLabels": {"app": "api"}},
        },
    ]
)


@st.composite
def _plain_rule(draw: st.DrawFn, key: str) -> dict[str, Any]:
    rule: dict[str, Any] = {}
    peers, ports = draw(some(_PLAIN_PEERS, 2)), draw(_PLAIN_PORTS)
    if peers:
        rule[key] = peers
    if ports:
        rule["ports"] = ports
    return rule


@st.composite
def network_policy(draw: st.DrawFn) -> Repository:
    files = draw(in_files(draw(network_policies()), ("policies.yaml", "more/netpol.yaml")))
    return Repository("network_policy", {APPS: cluster(), **files}, SENDERS, (*ADDRESSED, *INSIDE))


# --- Cilium

DNS_RULE = {
    "toEndpoints": [{"matchLabels": {"k8s:io.kubernetes.pod.namespace": "kube-system", "k8s-app": "kube-dns"}}],
    "toPorts": [{"ports": [{"port": "53", "protocol": "ANY"}], "rules": {"dns": [{"matchPattern": "*"}]}}],
}
_NARROW_DNS = {
    **DNS_RULE,
    "toPorts": [{"ports": [{"port": "53", "protocol": "ANY"}], "rules": {"dns": [{"matchPattern": "*.acme.example"}]}}],
}
_PLAIN_DNS = {**DNS_RULE, "toPorts": [{"ports": [{"port": "53", "protocol": "UDP"}]}]}
_CILIUM_PORTS = st.sampled_from(
    [
        None,
        [{"ports": [{"port": "443", "protocol": "TCP"}]}],
        [{"ports": [{"port": "443", "protocol": "TCP"}]}],
        [{"ports": [{"port": "443"}]}],
        [{"ports": [{"port": "443", "protocol": "TCP"}, {"port": "8443", "protocol": "TCP"}]}],
        [{"ports": [{"port": "8080", "protocol": "TCP"}]}],
        [{"ports": [{"port": "8000", "endPort": 9000, "protocol": "TCP"}]}],
        [{"ports": [{"port": "0", "protocol": "ANY"}]}],
        [{"ports": [{"port": "443", "protocol": "TCP"}]}, {"ports": [{"port": "8443", "protocol": "TCP"}]}],
        [{"ports": [{"port": "8080", "protocol": "TCP"}], "rules": {"http": [{"method": "GET"}]}}],
    ]
)
_NAMES = st.one_of(
    st.sampled_from(HOSTS).map(lambda host: {"matchName": host}),
    st.sampled_from(["*.acme.example", "**.acme.example", "*", "a*.acme.example"]).map(
        lambda text: {"matchPattern": text}
    ),
)
_PODS = st.sampled_from(
    [
        {},
        {"matchLabels": {"app": "web"}},
        {"matchLabels": {"k8s:io.kubernetes.pod.namespace": "back", "app": "api"}},
        {"matchLabels": {"k8s:io.kubernetes.pod.namespace": "back"}},
        {"matchLabels": {"io.kubernetes.pod.namespace": "shop", "k8s:app": "web"}},
        {"matchLabels": {"k8s:io.cilium.k8s.namespace.labels.team": "shop"}},
    ]
)
_SETS = st.sampled_from(
    [
        {"cidr": "198.51.100.0/24"},
        {"cidr": "198.51.100.0/24", "except": ["198.51.100.128/25"]},
        {"cidr": "203.0.113.5/32"},
    ]
)
_FAMILIES: dict[str, st.SearchStrategy[Any]] = {
    "Endpoints": _PODS,
    "Entities": st.sampled_from(["world", "cluster", "all", "kube-apiserver", "host"]),
    "CIDR": st.sampled_from(["198.51.100.7/32", "198.51.100.0/24", "0.0.0.0/0"]),
    "CIDRSet": _SETS,
}


@st.composite
def _cilium_rule(draw: st.DrawFn, key: str, *, deny: bool) -> dict[str, Any]:
    ports = draw(_CILIUM_PORTS)
    if deny and ports and "rules" in ports[0]:
        ports = None
    family = draw(st.sampled_from([*_FAMILIES, *(["FQDNs"] * 3 if key == "to" and not deny else []), ""]))
    rule: dict[str, Any] = {}
    if family == "FQDNs":
        rule["toFQDNs"] = draw(some(_NAMES, 2, 1))
    elif family:
        rule[f"{key}{family}"] = draw(some(_FAMILIES[family], 2, 1))
    if ports is not None:
        rule["toPorts"] = ports
    return rule


@st.composite
def _cilium_policy(draw: st.DrawFn, number: int, *, denies: bool) -> dict[str, Any]:
    namespace = draw(st.sampled_from(["shop", "shop", "shop", "back"]))
    spec: dict[str, Any] = {"endpointSelector": draw(selectors(namespace))}
    what = draw(st.sampled_from(["egress", "egress", "egress", "ingress"]))
    spec[what] = draw(some(_cilium_rule("to" if what == "egress" else "from", deny=False), 3, 1))
    if what == "egress":
        spec[what] += draw(st.sampled_from([[], [DNS_RULE], [DNS_RULE], [_NARROW_DNS], [_PLAIN_DNS]]))
    if denies and draw(st.sampled_from([False, False, True])):
        spec[f"{what}Deny"] = draw(some(_cilium_rule("to" if what == "egress" else "from", deny=True), 1, 1))
    if denies and draw(st.sampled_from([False] * 5 + [True])):
        spec["enableDefaultDeny"] = {what: False}
    clusterwide = draw(st.sampled_from([False] * 4 + [True]))
    name = f"cilium-{number}"
    return {
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumClusterwideNetworkPolicy" if clusterwide else "CiliumNetworkPolicy",
        "metadata": {"name": name} if clusterwide else {"name": name, "namespace": namespace},
        **({"specs": [spec]} if draw(st.sampled_from([False] * 5 + [True])) else {"spec": spec}),
    }


@st.composite
def cilium_policies(draw: st.DrawFn, least: int = 0, *, denies: bool = True) -> list[dict[str, Any]]:
    return [draw(_cilium_policy(number, denies=denies)) for number in range(draw(st.integers(least, 3)))]


_CILIUM_FILES = ("policies.yaml", "more/cilium.yaml")


@st.composite
def cilium(draw: st.DrawFn) -> Repository:
    files = draw(in_files(draw(cilium_policies(1)), _CILIUM_FILES))
    return Repository("cilium", {APPS: cluster(), **files}, SENDERS, (*NAMED, *ADDRESSED, *INSIDE))


@st.composite
def cilium_beside_plain(draw: st.DrawFn) -> Repository:
    """Both dialects about the same pods: one union."""
    documents = [*draw(cilium_policies(1)), *draw(network_policies(2))]
    files = draw(in_files(documents, _CILIUM_FILES))
    return Repository("mixed", {APPS: cluster(), **files}, SENDERS, (*NAMED[:3], *ADDRESSED, *INSIDE))
