"""Packets for a registered host go to the waypoint or gateway first: plain policies are judged on that way."""

from __future__ import annotations

import pytest

from skills.core.model import Decision
from tests.core.platforms.uds_support import check, layer, package, repository

OTHERS = "- {direction: Egress, selector: {app: batch}, remoteHost: api.example.com, description: Api}"
WAYPOINT = "podSelector: {matchLabels: {gateway.networking.k8s.io/gateway-name: egress-waypoint}}"
TO_WAYPOINT = f"namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: istio-egress-ambient}}}}, {WAYPOINT}"
TO_GATEWAY = (
    "namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: istio-egress-gateway}}, "
    "podSelector: {matchLabels: {app: egressgateway}}"
)


def plain(rule: str) -> str:
    return (
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: out, namespace: web}\n"
        f"spec: {{podSelector: {{matchLabels: {{app: web}}}}, policyTypes: [Egress], egress: [{rule}]}}\n"
    )


@pytest.mark.parametrize(
    ("rule", "decision"),
    [
        ("{to: [{ipBlock: {cidr: 0.0.0.0/0}}], ports: [{port: 443}]}", "denied"),
        ("{ports: [{port: 443}]}", "denied"),
        (f"{{to: [{{{TO_WAYPOINT}}}], ports: [{{port: 443}}]}}", "denied"),
        (f"{{to: [{{{TO_WAYPOINT}}}], ports: [{{port: 15008}}]}}", "allowed"),
        ("{ports: [{port: 15008}]}", "allowed"),
        ("{}", "allowed"),
    ],
)
def test_a_plain_policy_must_open_the_waypoint_for_a_registered_host(rule: str, decision: Decision) -> None:
    allowed = repository(package(OTHERS), plain(rule))
    assert check(allowed, "web{app=web}", "api.example.com").decision == decision


def test_it_opens_the_direct_way_to_a_host_that_nobody_registers() -> None:
    allowed = repository(package(OTHERS), plain("{to: [{ipBlock: {cidr: 0.0.0.0/0}}], ports: [{port: 443}]}"))
    assert check(allowed, "web{app=web}", "other.example.com").decision == "allowed"


@pytest.mark.parametrize(
    ("rule", "decision"),
    [
        ("{to: [{ipBlock: {cidr: 0.0.0.0/0}}], ports: [{port: 443}]}", "denied"),
        (f"{{to: [{{{TO_GATEWAY}}}], ports: [{{port: 8443}}]}}", "allowed"),
        (f"{{to: [{{{TO_WAYPOINT}}}], ports: [{{port: 8443}}]}}", "denied"),
    ],
)
def test_under_registry_only_it_must_open_the_gateway(rule: str, decision: Decision) -> None:
    rules = """
- {direction: Egress, selector: {app: web}, remoteHost: own.example.com, port: 443, description: Own}
- {direction: Egress, selector: {app: batch}, remoteHost: api.example.com, port: 8443, description: Api}
"""
    verdict = check(repository(package(rules, mode="sidecar"), plain(rule)), "web{app=web}", "api.example.com:8443")
    network = layer(verdict, "network_policy")
    assert network is not None
    assert network.decision == decision
