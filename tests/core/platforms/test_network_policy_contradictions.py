"""Contradictions between policies, pods and Services: each case that fires has a twin that must not."""

from __future__ import annotations

import pytest

from tests.core.kube import DENY_EGRESS, World, deployment, policy, service, to, world

WEB = deployment("web")
API = deployment("api", ports="{name: http, containerPort: 8080}")
DNS = policy(
    "podSelector: {}\npolicyTypes: [Egress]\negress:\n"
    "- to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}]\n"
    "  ports: [{port: 53, protocol: UDP}, {port: 53}]",
    "dns",
)
CILIUM = "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: x, namespace: y}\nspec: {}\n"
POD = (
    "apiVersion: v1\nkind: Pod\nmetadata: {name: db, namespace: back, labels: {app: db}}\n"
    "spec: {containers: []}\nstatus: {podIP: 10.20.0.7}\n"
)
HOST = deployment("agent").replace("    spec:\n", "    spec:\n      hostNetwork: true\n")


def web(rules: str, name: str = "web-egress") -> str:
    return policy(f"podSelector: {{matchLabels: {{app: web}}}}\npolicyTypes: [Egress]\negress:\n{rules}", name)


def says(made: World, code: str) -> bool:
    return code in made.audit()


# --- DNS


@pytest.mark.parametrize("documents", [(DENY_EGRESS,), (DENY_EGRESS, WEB), (web("- to: [{podSelector: {}}]"), WEB)])
def test_isolated_pods_without_dns(documents: tuple[str, ...]) -> None:
    assert says(world(*documents), "EGR332")
    assert not says(world(*documents, DNS), "EGR332")
    assert not says(world(*documents, CILIUM), "EGR332")  # its policies may open it


def test_pods_that_nothing_isolates_need_no_rule_for_dns() -> None:
    assert not says(world(policy("podSelector: {}\npolicyTypes: [Ingress]"), WEB), "EGR332")
    assert not says(world(web("- to: [{podSelector: {}}]"), HOST), "EGR332")


# --- rules that change nothing

NARROW = "- to: [{ipBlock: {cidr: 198.51.100.0/25}}]\n  ports: [{port: 443}]"
COVERED = [
    "- to: [{ipBlock: {cidr: 198.51.100.0/24}}]\n  ports: [{port: 443}]",
    "- to: [{ipBlock: {cidr: 198.51.100.0/25}}]\n  ports: [{port: 400, endPort: 500}]",
    "- to: [{ipBlock: {cidr: 198.51.100.0/25}}, {podSelector: {}}]",
    "- {}",
]
NOT_COVERED = [
    "- to: [{ipBlock: {cidr: 203.0.113.0/26}}]\n  ports: [{port: 443}]",
    "- to: [{ipBlock: {cidr: 198.51.100.0/24, except: [198.51.100.0/30]}}]\n  ports: [{port: 443}]",
    "- to: [{ipBlock: {cidr: 198.51.100.0/24}}]\n  ports: [{port: 443, protocol: UDP}]",
    "- to: [{namespaceSelector: {}}]",
    "- ports: [{port: 444}]",
]


@pytest.mark.parametrize("wide", COVERED)
def test_a_rule_that_a_wider_one_covers(wide: str) -> None:
    assert says(world(web(NARROW), web(wide, "wide"), WEB), "EGR333")
    everyone = policy(f"podSelector: {{}}\npolicyTypes: [Egress]\negress:\n{wide}", "wide")
    assert says(world(web(NARROW), everyone, WEB), "EGR333")


@pytest.mark.parametrize("other", NOT_COVERED)
def test_a_rule_that_no_other_one_covers(other: str) -> None:
    assert not says(world(web(NARROW), web(other, "other"), WEB), "EGR333")


def test_a_rule_for_other_pods_or_another_direction_covers_nothing() -> None:
    wide = COVERED[0]
    others = policy(f"podSelector: {{matchLabels: {{app: job}}}}\npolicyTypes: [Egress]\negress:\n{wide}", "wide")
    assert not says(world(web(NARROW), others), "EGR333")
    elsewhere = policy(f"podSelector: {{}}\npolicyTypes: [Egress]\negress:\n{wide}", "wide", "back")
    assert not says(world(web(NARROW), elsewhere), "EGR333")


def test_of_two_equal_rules_one_is_named() -> None:
    assert world(web(NARROW), web(NARROW, "again")).audit().count("EGR333") == 1


def test_a_rule_that_covers_another_opens_all_of_it() -> None:
    made = world(web(NARROW), web(COVERED[0], "wide"), WEB)
    alone = world(web(COVERED[0], "wide"), WEB)
    for where in (to("198.51.100.7"), to("198.51.100.200"), to("198.51.100.7", 80)):
        assert made.decision("shop/web", where) == alone.decision("shop/web", where)


# --- pods


def test_a_peer_that_selects_no_workload() -> None:
    assert says(world(web("- to: [{podSelector: {matchLabels: {app: apo}}}]"), WEB, API), "EGR345")
    assert not says(world(web("- to: [{podSelector: {matchLabels: {app: api}}}]"), WEB, API), "EGR345")
    # Nothing of that namespace stands here, so its pods may stand elsewhere.
    there = (
        "{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: back}}, podSelector: {matchLabels: {app: x}}}"
    )
    assert not says(world(web(f"- to: [{there}]"), WEB, API), "EGR345")


def test_a_policy_for_pods_on_the_host_network() -> None:
    agent = policy("podSelector: {matchLabels: {app: agent}}\npolicyTypes: [Egress]", "agent")
    assert says(world(agent, HOST), "EGR346")
    assert not says(world(agent, deployment("agent")), "EGR346")
    assert not says(world(DENY_EGRESS, HOST), "EGR346")  # it may be there for pods to come


# --- addresses and Services


def test_a_block_for_what_is_a_pod() -> None:
    assert says(world(web("- to: [{ipBlock: {cidr: 10.20.0.0/16}}]\n  ports: [{port: 5432}]"), POD), "EGR334")
    assert not says(world(web("- to: [{ipBlock: {cidr: 10.21.0.0/16}}]\n  ports: [{port: 5432}]"), POD), "EGR334")
    assert not says(world(web("- to: [{ipBlock: {cidr: 0.0.0.0/0}}]\n  ports: [{port: 5432}]"), POD), "EGR334")


def test_a_port_that_only_the_service_has() -> None:
    there = service("api", port=80, target="8080")
    rule = "- to: [{podSelector: {matchLabels: {app: api}}}]\n  ports: [{port: PORT}]"
    assert says(world(web(rule.replace("PORT", "80")), WEB, API, there), "EGR336")
    for right in ("8080", "http", "80}, {port: 8080"):
        assert not says(world(web(rule.replace("PORT", right)), WEB, API, there), "EGR336")
    assert not says(world(web(rule.replace("PORT", "80")), WEB, API, service("api", port=80, target="80")), "EGR336")


def test_a_denied_private_address_may_be_inside() -> None:
    made = world(DENY_EGRESS, WEB)
    assert "EGR347" in made.findings("shop/web", to("10.1.2.3"))
    assert "EGR347" not in made.findings("shop/web", to("8.8.8.8"))
    opened = world(DENY_EGRESS, web("- to: [{ipBlock: {cidr: 10.0.0.0/8}}]"), WEB)
    assert "EGR347" not in opened.findings("shop/web", to("10.1.2.3"))
