"""The evaluation against a naive reading of the documentation, on random small clusters; and no crash on nonsense."""

from __future__ import annotations

import ipaddress
import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skills.core.messages import say
from skills.core.platforms import network_policy
from tests.core.kube import World, half_decision, to, world_of
from tests.examples import examples

NAMESPACES = {"a": {"team": "x"}, "b": {"team": "y"}}
PODS = {"p": {"app": "p"}, "q": {"app": "q", "tier": "t"}}
PORTS = (79, 80, 81)
ADDRESSES = ("10.0.0.1", "10.0.1.1", "11.0.0.1")

_LABELS = st.sampled_from([{}, {"app": "p"}, {"app": "q"}, {"tier": "t"}])
_EXPRESSIONS = st.sampled_from(
    [
        [{"key": "app", "operator": "In", "values": ["p"]}],
        [{"key": "app", "operator": "NotIn", "values": ["p"]}],
        [{"key": "tier", "operator": "Exists"}],
        [{"key": "tier", "operator": "DoesNotExist"}],
    ]
)
_POD_SELECTOR = st.one_of(
    _LABELS.map(lambda labels: {"matchLabels": labels} if labels else {}),
    _EXPRESSIONS.map(lambda items: {"matchExpressions": items}),
)
_NAMESPACE_SELECTOR = st.sampled_from(
    [{}, {"matchLabels": {"team": "x"}}, {"matchLabels": {"kubernetes.io/metadata.name": "b"}}]
)
_BLOCK = st.sampled_from(
    [
        {"cidr": "10.0.0.0/8"},
        {"cidr": "10.0.0.0/8", "except": ["10.0.1.0/24"]},
        {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"]},
        {"cidr": "11.0.0.1/32"},
    ]
)
_PEER = st.one_of(
    _BLOCK.map(lambda block: {"ipBlock": block}),
    _POD_SELECTOR.map(lambda pods: {"podSelector": pods}),
    _NAMESPACE_SELECTOR.map(lambda namespaces: {"namespaceSelector": namespaces}),
    st.builds(lambda n, p: {"namespaceSelector": n, "podSelector": p}, _NAMESPACE_SELECTOR, _POD_SELECTOR),
)
_PORT = st.sampled_from(
    [
        {"port": 80},
        {"port": 80, "protocol": "UDP"},
        {"port": 80, "endPort": 81},
        {"port": "http"},
        {"protocol": "TCP"},
        {},
    ]
)


def _rules(key: str) -> st.SearchStrategy[list[dict[str, Any]]]:
    fields = {key: st.lists(_PEER, max_size=2), "ports": st.lists(_PORT, max_size=2)}
    return st.lists(st.fixed_dictionaries({}, optional=fields), max_size=2)


_SPEC = st.fixed_dictionaries(
    {"podSelector": _POD_SELECTOR},
    optional={
        "policyTypes": st.sampled_from([["Ingress"], ["Egress"], ["Ingress", "Egress"]]),
        "egress": _rules("to"),
        "ingress": _rules("from"),
    },
)


def cluster(policies: list[tuple[str, dict[str, Any]]]) -> World:
    """Two namespaces with the same two pods each, which listen on `http` (80), and these policies."""
    items: list[dict[str, Any]] = []
    for name, labels in NAMESPACES.items():
        items.append({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
        for pod, pod_labels in PODS.items():
            spec = {"containers": [{"ports": [{"name": "http", "containerPort": 80}]}]}
            metadata = {"name": pod, "namespace": name, "labels": pod_labels}
            items.append({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    for number, (name, spec) in enumerate(policies):
        metadata = {"name": f"policy-{number}", "namespace": name}
        items.append(
            {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}
        )
    return world_of({"all.json": json.dumps({"apiVersion": "v1", "kind": "List", "items": items})})


# --- the naive reading


def selects(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    for item in selector.get("matchExpressions", []):
        has, value = item["key"] in labels, labels.get(item["key"])
        fits = {
            "In": has and value in item.get("values", []),
            "NotIn": not has or value not in item.get("values", []),
            "Exists": has,
            "DoesNotExist": not has,
        }
        if not fits[item["operator"]]:
            return False
    return True


def peer_fits(peer: dict[str, Any], home: str, there: tuple[str, str] | str) -> bool:
    """`there` is (namespace, pod) or an address outside. Blocks in this test never mean pods."""
    if "ipBlock" in peer:
        block = peer["ipBlock"]
        inside = not isinstance(there, tuple) and _in(there, block["cidr"])
        return inside and not any(_in(str(there), hole) for hole in block.get("except", []))
    if not isinstance(there, tuple):
        return False
    namespace, pod = there
    labels = {**NAMESPACES[namespace], "kubernetes.io/metadata.name": namespace}
    where = selects(peer["namespaceSelector"], labels) if "namespaceSelector" in peer else namespace == home
    return where and selects(peer.get("podSelector", {}), PODS[pod])


def _in(address: str, cidr: str) -> bool:
    return ipaddress.ip_address(address) in ipaddress.ip_network(cidr)


def port_fits(item: dict[str, Any], port: int, protocol: str, *, pod: bool) -> bool:
    if item.get("protocol", "TCP").lower() != protocol:
        return False
    wanted = item.get("port")
    if wanted == "http":
        return pod and port == 80
    return wanted is None or wanted <= port <= item.get("endPort", wanted)


def half(
    policies: list[tuple[str, dict[str, Any]]],
    kind: str,
    near: tuple[str, str],
    far: tuple[str, str] | str,
    port: int,
    protocol: str,
) -> bool:
    section, key = ("egress", "to") if kind == "Egress" else ("ingress", "from")
    receiver_is_pod = kind == "Ingress" or isinstance(far, tuple)
    isolated = False
    for home, spec in policies:
        types = spec.get("policyTypes") or (["Ingress", "Egress"] if spec.get("egress") else ["Ingress"])
        if home != near[0] or kind not in types or not selects(spec["podSelector"], PODS[near[1]]):
            continue
        isolated = True
        for rule in spec.get(section, []):
            peers, ports = rule.get(key), rule.get("ports")
            if (not peers or any(peer_fits(peer, home, far) for peer in peers)) and (
                not ports or any(port_fits(item, port, protocol, pod=receiver_is_pod) for item in ports)
            ):
                return True
    return not isolated


_POLICIES = st.lists(st.tuples(st.sampled_from(sorted(NAMESPACES)), _SPEC), min_size=1, max_size=4)
_SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much]


@given(_POLICIES, st.sampled_from(PORTS), st.sampled_from(["tcp", "udp"]))
@settings(max_examples=examples(150), deadline=None, suppress_health_check=_SLOW)
def test_pods_and_addresses_agree_with_the_naive_reading(
    policies: list[tuple[str, dict[str, Any]]], port: int, protocol: str
) -> None:
    made = cluster(policies)
    source = ("a", "p")
    for target in (("a", "q"), ("b", "p")):
        views = made.views("a/p", to("workload://" + "/".join(target), port, protocol))
        if any("ipBlock" in json.dumps(spec) for _, spec in policies) and any(view.unknown for view in views):
            continue  # whether 10.0.0.0/8 holds a pod is not for us to say
        answers = [half_decision(view) == "allowed" for view in views]
        assert answers == [
            half(policies, "Egress", source, target, port, protocol),
            half(policies, "Ingress", target, source, port, protocol),
        ]
    for address in ADDRESSES:
        (view,) = made.views("a/p", to(address, port, protocol))
        assert (half_decision(view) == "allowed") == half(policies, "Egress", source, address, port, protocol)


# --- nonsense

_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 70000),
    st.text(max_size=6),
    st.sampled_from(["Egress", "Ingress", "TCP", "10.0.0.0/8", "0.0.0.0/0", "::/0", "{{ x }}", "http", "In"]),
)
_KEYS = st.sampled_from(
    [
        *("podSelector", "namespaceSelector", "ipBlock", "cidr", "except", "ports", "port", "endPort", "protocol"),
        *("to", "from", "egress", "ingress", "policyTypes", "matchLabels", "matchExpressions", "key", "operator"),
        *("values", "app"),
    ]
)
_ANYTHING = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_KEYS, inner, max_size=4)),
    max_leaves=20,
)


@given(st.dictionaries(_KEYS, _ANYTHING, max_size=6), _ANYTHING)
@settings(max_examples=examples(150), deadline=None, suppress_health_check=_SLOW)
def test_nonsense_gets_an_answer_and_every_finding_a_sentence(spec: dict[str, Any], metadata: Any) -> None:
    made = cluster([("a", spec)])
    nonsense = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}
    also = world_of({**made.texts, "more.json": json.dumps(nonsense)})
    for where in (to("api.example.com"), to("10.0.0.1", "1-100"), to("workload://b/q", 80), to("q.b.svc", 80)):
        for view in also.views("a/p", where):
            assert all(say(item).says for item in (*view.findings, *view.unknown, *(m.finding for m in view.near)))
    assert all(say(item).says for item in network_policy.audit(also.index))
    assert len(network_policy.grants(also.index)) >= len(set(network_policy.grants(also.index)))
    network_policy.isolations(also.index)
