"""Misspelt kinds and versions are said, as the API server's own schema sees them."""

from __future__ import annotations

import pytest
import yaml

from skills.core.reading import read_file
from tests.core.kube import policy

GOOD = policy("podSelector: {}\npolicyTypes: [Egress]")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("x", "x", False),
        ("kind: NetworkPolicy", "kind: networkpolicy", True),
        ("kind: NetworkPolicy", "kind: NetworkPolicies", True),
        ("networking.k8s.io/v1", "networking.k8s.io/v1beta1", True),
        ("networking.k8s.io/v1", "extensions/v1beta1", True),
        ("networking.k8s.io/v1", "network.k8s.io/v1", True),
        ("networking.k8s.io/v1", "projectcalico.org/v3", False),
        ("kind: NetworkPolicy", "kind: NetworkPolicyList", False),
    ],
)
def test_what_no_api_server_knows(old: str, new: str, said: bool) -> None:
    reading = read_file("n.yaml", GOOD.replace(old, new))
    assert [item.finding.code for item in reading.unreadable] == ["EGR597"] * said
    assert not reading.blind, "it is never in force, so it turns nothing"


@pytest.mark.needs("kubernetes_validate")
@pytest.mark.parametrize("spec", ["policyTypes: [egress]", "policyTypes: [Egress]", "policyTypes: Egress"])
def test_policy_types_are_refused_as_the_schema_refuses_them(spec: str) -> None:
    import kubernetes_validate

    text = policy(f"podSelector: {{}}\n{spec}")
    (entry,) = read_file("n.yaml", text).entries["network_policy"]
    try:
        kubernetes_validate.validate(yaml.safe_load(text), "1.31", strict=True)
        valid = True
    except kubernetes_validate.ValidationError:
        valid = False
    # The schema leaves the words of policyTypes open; the API server's own validation does not.
    assert bool(entry.policy.faults) is (not valid or "egress" in spec)
