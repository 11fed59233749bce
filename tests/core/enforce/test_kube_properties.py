"""What holds of NetworkPolicies whatever they say: they only allow, they are a union, and no order counts."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skills.core.model import Destination
from tests.core.enforce.random_clusters import manifests
from tests.core.kube import World, half_decision, to, world_of

_SLOW = [HealthCheck.too_slow]
_SEEDS = st.integers(1, 1_000_000)
_PORTS = ((53, "udp"), (80, "tcp"), (443, "tcp"), (8080, "sctp"))
_OUTSIDE = ("8.8.8.8", "8.8.9.9", "203.0.113.7", "2001:db8::1", "2001:db8:1::1")


def cluster(items: list[dict[str, Any]]) -> World:
    """One file an object, so that the order of objects is that of files."""
    return world_of({f"{number:03}.json": json.dumps(item) for number, item in enumerate(items)})


def policies_of(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [item for item in items if item["kind"] == "NetworkPolicy"]


def isolated(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A policy for each namespace that isolates all its pods both ways and allows nothing."""
    homes = [item["metadata"]["name"] for item in items if item["kind"] == "Namespace"]
    spec = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    return [
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "deny", "namespace": home},
            "spec": spec,
        }
        for home in homes
    ]


def flows(items: list[dict[str, Any]]) -> list[tuple[str, Destination]]:
    pods = [f"{i['metadata']['namespace']}/{i['metadata']['name']}" for i in items if i["kind"] == "Pod"]
    inside = [(pods[0], to(f"workload://{pod}", port, kind)) for pod in pods[1:] for port, kind in _PORTS]
    return inside + [(pods[0], to(where, port, kind)) for where in _OUTSIDE for port, kind in _PORTS]


def halves(made: World, source: str, where: Destination) -> list[str]:
    return [half_decision(view) for view in made.views(source, where)]


@given(_SEEDS)
@settings(max_examples=15, deadline=None, suppress_health_check=_SLOW)
def test_the_verdict_of_a_union_is_the_union_of_the_verdicts(seed: int) -> None:
    """With isolation fixed, each half is allowed by all policies together exactly where one of them allows it."""
    items = manifests(seed)
    plain = [item for item in items if item["kind"] != "NetworkPolicy"] + isolated(items)
    together = cluster(plain + policies_of(items))
    alone = [cluster([*plain, policy]) for policy in policies_of(items)]
    for source, where in flows(items):
        each = [halves(made, source, where) for made in alone]
        got = halves(together, source, where)
        for number, decision in enumerate(got):
            words = {said[number] for said in each}
            if "undecided" not in words:
                assert decision == ("allowed" if "allowed" in words else "denied"), (source, where)
            elif "allowed" in words:
                assert decision == "allowed", (source, where)


@given(_SEEDS, st.randoms(use_true_random=False))
@settings(max_examples=15, deadline=None, suppress_health_check=_SLOW)
def test_the_order_of_files_does_not_matter(seed: int, random: Any) -> None:
    items = manifests(seed)
    shuffled = random.sample(items, len(items))
    one, other = cluster(items), cluster(shuffled)
    for source, where in flows(items):
        assert halves(one, source, where) == halves(other, source, where)


@given(_SEEDS)
@settings(max_examples=15, deadline=None, suppress_health_check=_SLOW)
def test_another_policy_for_isolated_pods_takes_nothing_away(seed: int) -> None:
    items = manifests(seed)
    plain = [item for item in items if item["kind"] != "NetworkPolicy"] + isolated(items)
    policies = policies_of(items)
    fewer, more = cluster(plain + policies[:-1]), cluster(plain + policies)
    for source, where in flows(items):
        for before, after in zip(halves(fewer, source, where), halves(more, source, where), strict=True):
            assert before != "allowed" or after == "allowed"
