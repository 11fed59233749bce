"""Connections inside the cluster: both Packages must agree."""

from __future__ import annotations

import pytest

from skills.core.model import Decision
from tests.core.platforms.uds_support import (
    ANYWHERE,
    API_IN,
    API_SERVICE,
    WEB_OUT,
    check,
    codes,
    decisions,
    deployment,
    near_codes,
    package,
    payments,
    repository,
)


@pytest.mark.parametrize(
    ("out", "into", "decision"),
    [
        (WEB_OUT, API_IN, "allowed"),
        ("", API_IN, "denied"),
        (WEB_OUT, "", "denied"),
        (WEB_OUT.replace("8080", "80"), API_IN, "denied"),
        (WEB_OUT.replace("app: api", "app: db"), API_IN, "denied"),
        (WEB_OUT, API_IN.replace("remoteNamespace: web", "remoteNamespace: shop"), "denied"),
        (WEB_OUT, API_IN.replace("app: web", "app: batch"), "denied"),
        (ANYWHERE, API_IN, "allowed"),
        (WEB_OUT.replace("payments", '""'), API_IN.replace("Namespace: web", 'Namespace: "*"'), "allowed"),
    ],
)
def test_both_halves_of_an_internal_connection_count(out: str, into: str, decision: Decision) -> None:
    texts = (package(out), payments(into), deployment("api", namespace="payments"), API_SERVICE)
    assert decisions(*texts, to="api.payments.svc.cluster.local:80") == decision


def test_the_pods_of_a_workload_are_reached_on_their_own_port() -> None:
    texts = (package(WEB_OUT), payments(API_IN), deployment("api", namespace="payments"))
    assert decisions(*texts, to="workload://payments/api:8080") == "allowed"
    assert decisions(*texts, to="workload://payments/api:9090") == "denied"


def test_within_one_namespace_both_directions_are_needed() -> None:
    out = "- {direction: Egress, remoteGenerated: IntraNamespace}\n"
    both = out + "- {direction: Ingress, remoteGenerated: IntraNamespace}\n"
    pods = deployment("cache")
    assert decisions(package(both), pods, to="workload://web/cache:6379") == "allowed"
    assert decisions(package(out), pods, to="workload://web/cache:6379") == "denied"


def test_a_far_package_that_is_kept_elsewhere_leaves_it_open() -> None:
    rules = "- {direction: Egress, selector: {app: web}, remoteNamespace: keycloak}"
    verdict = check(repository(package(rules)), "web{app=web}", "keycloak.keycloak.svc.cluster.local:8080")
    assert verdict.decision == "undecided"
    assert "EGR829" in codes(verdict.findings)
    denied = check(repository(package("")), "web{app=web}", "keycloak.keycloak.svc.cluster.local:8080")
    assert denied.decision == "denied"


def test_the_far_package_may_ask_for_a_service_account() -> None:
    into = API_IN + "  remoteServiceAccount: web\n"
    texts = (package(WEB_OUT), payments(into), deployment("api", namespace="payments"), API_SERVICE)
    let_in = check(repository(*texts), "web{app=web}", "api.payments.svc:80", account="web")
    assert (let_in.decision, near_codes(let_in)) == ("allowed", set())
    assert decisions(*texts, to="api.payments.svc:80", account="batch") == "denied"
    assert decisions(*texts, to="api.payments.svc:80") == "undecided"


def test_cluster_dns_is_open_over_udp_alone() -> None:
    for mode in ("ambient", "sidecar"):
        assert decisions(package("", mode=mode), to="udp://kube-dns.kube-system.svc.cluster.local:53") == "allowed"
        assert decisions(package("", mode=mode), to="tcp://kube-dns.kube-system.svc.cluster.local:53") == "denied"
        assert decisions(package("", mode=mode), to="udp://192.0.2.53:53") == "denied"
