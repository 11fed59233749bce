"""The tables of known fields against Kubernetes' own schema, and what a slip in a field costs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from skills.core.enforce.known_fields import CILIUM_RULE, NETWORK_POLICY, Fields, strangers
from skills.core.flows import read_flow
from skills.core.model import Verdict
from skills.core.yaml_text import read_documents
from tests.core.kube import DENY_EGRESS, deployment, policy
from tests.worlds import allowlist

RULE = "podSelector: {matchLabels: {app: web}}\npolicyTypes: [Egress]\negress:\n- to: [{ipBlock: {cidr: 198.51.100.0/24}}]\n"
PORT = "  ports: [{port: 443}]\n"


@pytest.mark.needs("kubernetes_validate")
def test_the_table_is_the_schema_of_kubernetes() -> None:
    import kubernetes_validate

    folder = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema"
    schema = json.loads((folder / "v1.31.0-local-strict/_definitions.json").read_text())["$defs"]
    found = known(schema, "io.k8s.api.networking.v1.NetworkPolicy", NETWORK_POLICY)
    assert {**found, "status": None} == NETWORK_POLICY, "`status` stands in old exports and is no field of today's API"


def known(schema: Mapping[str, Any], kind: str, like: Fields) -> dict[str, Any]:
    """The schema's fields in the form of the table, as deep as the table goes."""
    found: dict[str, Any] = {}
    for name, below in schema[kind]["properties"].items():
        inner = below.get("items", below).get("$ref", "").rpartition("/")[2]
        found[name] = known(schema, inner, like[name]) if like.get(name) is not None else None
    return found


def asked(text: str, to: str = "198.51.100.7:443") -> Verdict:
    made = allowlist({"web.yaml": deployment("web"), "deny.yaml": DENY_EGRESS, "allow.yaml": text})
    return read_flow(made, "shop/web", (to,)).verdicts(made)[0]


@pytest.mark.parametrize(
    ("old", "new", "meant"),
    [
        ("egress:\n", "egres:\n", "egress"),
        ("ports:", "port:", "ports"),
        ("port: 443", "prot: 443", "port"),
        ("- to:", "- too:", "to"),
        ("- to:", "- from:", "to"),
        ("podSelector", "podSelectors", "podSelector"),
        ("policyTypes", "policyType", "policyTypes"),
        ("matchLabels", "matchLabel", "matchLabels"),
        ("cidr: 198.51.100.0/24", "cidr: 198.51.100.0/24, expect: [198.51.100.8/32]", "except"),
        (
            "[{ipBlock: {cidr: 198.51.100.0/24}}]",
            "[{ipBlock: {cidr: 198.51.100.0/24}, podSelectors: {}}]",
            "podSelector",
        ),
    ],
)
def test_a_slip_leaves_open_what_stands(old: str, new: str, meant: str) -> None:
    verdict = asked(policy(RULE + PORT).replace(old, new))
    assert verdict.decision == "undecided"
    (said,) = [item for item in verdict.findings if item.code == "EGR945"]
    place = next(piece.place for piece in said.evidence if piece.place)
    assert (place.path, said.facts["meant"]) == ("allow.yaml", meant)
    assert str(said.facts["key"]) in place.text


def test_rules_beside_their_spec_are_meant_all_the_same() -> None:
    lifted = (
        policy(RULE + PORT).replace("  egress:", "egress:").replace("  - to", "- to").replace("    ports", "  ports")
    )
    assert asked(lifted).decision == "undecided"
    assert asked(policy(RULE + PORT).replace("spec:", "specs:")).decision == "undecided"


@pytest.mark.parametrize("more", ["description: of the shop\n", "order: 10\n"])
def test_a_field_that_decides_nothing_is_only_said(more: str) -> None:
    text = policy(RULE + PORT + more)
    assert asked(text).decision == "allowed"
    made = allowlist({"web.yaml": deployment("web"), "allow.yaml": text})
    assert "EGR1203" in {item.code for item in made.audit()}


@pytest.mark.parametrize("text", [policy(RULE + PORT), policy(RULE)])
def test_a_policy_without_slips_is_certain(text: str) -> None:
    assert asked(text).decision == "allowed"
    assert not {"EGR945", "EGR1203"} & {item.code for item in asked(text).findings}


CILIUM = """\
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: out, namespace: shop}
spec:
  endpointSelector: {}
  egress:
  - toCIDRSet: [{cidr: 198.51.100.0/24, except: [198.51.100.9/32]}]
    toPorts: [{ports: [{port: "443", protocol: TCP}]}]
"""


@pytest.mark.parametrize(
    ("old", "new"), [("except", "excepts"), ("toPorts: [{ports", "toPorts: [{port"), ("protocol", "proto")]
)
def test_a_slip_deep_in_a_rule_of_cilium(old: str, new: str) -> None:
    assert asked(CILIUM).decision == "allowed"
    verdict = asked(CILIUM.replace(old, new))
    assert verdict.decision == "undecided"
    assert "EGR945" in {item.code for item in verdict.findings}


def test_every_known_field_of_a_cilium_rule_is_known() -> None:
    (document,) = read_documents("a.yaml", CILIUM)[0]
    assert not list(strangers(document.data["spec"]["egress"][0], CILIUM_RULE))
