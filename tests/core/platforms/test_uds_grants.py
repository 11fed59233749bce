"""What a change of Packages opens and closes, as the difference of grants and isolations."""

from __future__ import annotations

import pytest

from skills.core.model import Destination, Grant, Isolation, Need, Ports, Workload
from skills.core.platforms import uds
from tests.core.platforms.uds_support import codes, deployment, index_of, package, repository

WEB = "- {direction: Egress, selector: {app: web}, remoteHost: api.example.com, description: Api}\n"
BATCH = "- {direction: Egress, selector: {app: batch}, remoteHost: hooks.example.com, description: Hooks}\n"


def grants(*texts: str) -> set[tuple[str, str, str, str, str]]:
    found = uds.grants(index_of(repository(*texts)))
    return {(grant.source, grant.target, grant.ports, grant.protocol, grant.layer) for grant in found}


def isolations(*texts: str) -> set[tuple[str, str]]:
    return {(scope.source, scope.layer) for scope in uds.isolations(index_of(repository(*texts)))}


def test_sidecar_hosts_are_granted_to_every_workload_with_a_host_rule() -> None:
    before, after = grants(package(WEB, mode="sidecar")), grants(package(WEB + BATCH, mode="sidecar"))
    assert before == {("web pods app=web", "api.example.com", "443", "tls", "mesh")}
    assert after - before == {
        ("web pods app=web", "hooks.example.com", "443", "tls", "mesh"),
        ("web pods app=batch", "hooks.example.com", "443", "tls", "mesh"),
        ("web pods app=batch", "api.example.com", "443", "tls", "mesh"),
    }


def test_a_service_account_keeps_a_host_to_itself_in_ambient_mode() -> None:
    named = WEB.replace("description", "serviceAccount: web, description")
    own = ("web pods app=web (service account web)", "api.example.com", "443", "tls", "mesh")
    assert grants(package(named)) == {own}
    to_api = {source for source, target, *_ in grants(package(named + BATCH)) if target == "api.example.com"}
    assert to_api == {own[0]}
    batch = deployment("batch", account="web")
    to_api = {source for source, target, *_ in grants(package(named + BATCH), batch) if target == "api.example.com"}
    assert to_api == {own[0], "web pods app=batch (service account web)"}


def test_without_a_service_account_all_who_reach_the_waypoint_share() -> None:
    assert grants(package(WEB)) == {("web pods app=web (any service account)", "api.example.com", "443", "tls", "mesh")}
    shared = {source for source, target, *_ in grants(package(WEB + BATCH)) if target == "api.example.com"}
    assert shared == {"web pods app=web (any service account)", "web pods app=batch (any service account)"}
    inside = "- {direction: Egress, selector: {app: batch}, remoteNamespace: pay, port: 80}\n"
    alone = {source for source, target, *_ in grants(package(WEB + inside)) if target == "api.example.com"}
    assert alone == {"web pods app=web (any service account)"}


def test_network_grants_are_one_a_port() -> None:
    rules = (
        "- {direction: Egress, remoteCidr: 198.51.100.9/24, ports: [22, 443]}\n"
        "- {direction: Egress, remoteGenerated: Anywhere, remoteProtocol: UDP}\n"
        "- {direction: Egress, selector: {app: web}, remoteNamespace: pay, remoteSelector: {app: api}, port: 80}\n"
        "- {direction: Ingress, selector: {app: web}, remoteNamespace: '*', port: 80}\n"
        "- {direction: Egress, remoteGenerated: IntraNamespace}\n"
    )
    assert grants(package(rules)) == {
        ("web all pods", "198.51.100.0/24", "22", "tcp", "network_policy"),
        ("web all pods", "198.51.100.0/24", "443", "tcp", "network_policy"),
        ("web all pods", "Anywhere", "every port", "udp", "network_policy"),
        ("web pods app=web", "pay pods app=api", "80", "tcp", "network_policy"),
        ("every namespace all pods", "entry to web pods app=web", "80", "tcp", "network_policy"),
        ("web all pods", "web all pods", "every port", "tcp", "network_policy"),
    }


def test_a_refused_package_grants_nothing() -> None:
    assert grants(package(WEB + WEB)) == set()
    assert isolations(package(WEB + WEB)) == set()


def test_the_first_host_under_sidecars_isolates_pods_that_had_more() -> None:
    anywhere = "- {direction: Egress, selector: {app: web}, remoteGenerated: Anywhere}\n"
    base = {("web all pods", "network_policy")}
    assert isolations(package(anywhere, mode="sidecar")) == base
    assert isolations(package(anywhere + WEB, mode="sidecar")) == {*base, ("web pods app=web", "mesh")}
    assert isolations(package(WEB, mode="sidecar")) == base
    assert isolations(package(anywhere + BATCH, mode="sidecar")) == base


# --- beyond the need

WORKLOAD = Workload("k8s", "uds", "web/web", "web", namespace="web", labels={"app": "web", "version": "2"})
TO = Destination("api.example.com", host="api.example.com", ports=Ports(443, 443), application="tls")
NEED = Need(WORKLOAD, (TO,))


@pytest.mark.parametrize(
    ("source", "target", "ports", "code"),
    [
        ("web pods app=web", "api.example.com", "443", None),
        ("web pods app=web (service account web)", "api.example.com", "443", None),
        ("web pods app=web, version=2", "api.example.com", "443", None),
        ("web pods app=web (any service account)", "api.example.com", "443", "EGR841"),
        ("web pods app=batch", "api.example.com", "443", "EGR840"),
        ("web pods app=batch (any service account)", "api.example.com", "443", "EGR840"),
        ("pay pods app=web", "api.example.com", "443", "EGR840"),
        ("web all pods", "api.example.com", "443", "EGR840"),
        ("web pods app=web", "hooks.example.com", "443", "EGR840"),
        ("web pods app=web", "api.example.com", "8443", "EGR840"),
        ("web pods app=web, tier", "api.example.com", "443", "EGR840"),
    ],
)
def test_what_a_host_grant_opens_beyond_the_need(source: str, target: str, ports: str, code: str | None) -> None:
    found = uds.wider(Grant(source, target, ports, "tls", "mesh"), NEED)
    assert codes(found) == ({code} if code else set())


def test_what_a_network_grant_opens_beyond_the_need() -> None:
    to = Destination("198.51.100.0/24", network="198.51.100.0/24", ports=Ports(22, 22))
    need = Need(WORKLOAD, (to,))

    def of(source: str, target: str, ports: str) -> set[str]:
        return codes(uds.wider(Grant(source, target, ports, "tcp", "network_policy"), need))

    assert of("web pods app=web", "198.51.100.0/24", "22") == set()
    assert of("web pods app=web", "198.51.100.0/24", "every port") == {"EGR842"}
    assert of("web pods app=web", "Anywhere", "22") == {"EGR842"}
    assert of("web all pods", "198.51.100.0/24", "22") == {"EGR842"}
    inside = Need(WORKLOAD, (Destination("api.pay", host="api.pay.svc.cluster.local", ports=Ports(80, 80)),))
    both = [
        Grant("web pods app=web", "pay pods app=api", "8080", "tcp", "network_policy"),
        Grant("web pods app=web", "entry to pay pods app=api", "8080", "tcp", "network_policy"),
    ]
    assert [uds.wider(grant, inside) for grant in both] == [[], []]
    assert codes(uds.wider(Grant("web pods app=web", "pay all pods", "80", "tcp", "network_policy"), inside)) == {
        "EGR842"
    }


def test_all_pods_are_no_surprise_to_whoever_asks_for_the_namespace() -> None:
    everyone = Workload("k8s", "uds", "web", "web", namespace="web")
    grant = Grant("web all pods", "api.example.com", "443", "tls", "mesh")
    assert uds.wider(grant, Need(everyone, (TO,))) == []


def test_isolations_compare_as_values() -> None:
    index = index_of(repository(package(WEB)))
    assert Isolation("web all pods", "network_policy") in uds.isolations(index)
