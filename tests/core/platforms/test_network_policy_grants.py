"""Permissions in words, the same before and after whatever was not changed, and what is more than was asked."""

from __future__ import annotations

from skills.core.model import Destination, Grant, Need
from skills.core.platforms import network_policy
from tests.core.kube import DENY_EGRESS, World, deployment, policy, to, world

WEB = deployment("web")
FROM_WEB = "podSelector: {matchLabels: {app: web}}\npolicyTypes: [Egress]\negress:\n"


def granted(made: World) -> list[tuple[str, str, str, str]]:
    return [(g.source, g.target, g.ports, g.protocol) for g in network_policy.grants(made.index)]


def isolated(made: World) -> list[str]:
    return sorted(scope.source for scope in network_policy.isolations(made.index))


def test_one_grant_for_each_peer_and_port() -> None:
    rule = "- to: [{ipBlock: {cidr: 198.51.100.0/24}}, {podSelector: {matchLabels: {app: db}}}]\n"
    made = world(policy(FROM_WEB + rule + "  ports: [{port: 443}, {port: 8000, endPort: 8100, protocol: UDP}]"))
    assert granted(made) == [
        ("shop pods app=web", "198.51.100.0/24", "443", "tcp"),
        ("shop pods app=web", "198.51.100.0/24", "8000-8100", "udp"),
        ("shop pods app=web", "pods app=db in namespace shop", "443", "tcp"),
        ("shop pods app=web", "pods app=db in namespace shop", "8000-8100", "udp"),
    ]


def test_everything_and_every_port() -> None:
    made = world(policy("podSelector: {}\npolicyTypes: [Egress]\negress: [{}]"))
    assert granted(made) == [("shop all pods", "everything", "every port", "any")]


def test_the_receiving_side_is_the_target() -> None:
    made = world(policy("podSelector: {matchLabels: {app: db}}\ningress:\n- from: [{namespaceSelector: {}}]"))
    assert granted(made) == [("all pods in every namespace", "ingress of shop pods app=db", "every port", "any")]


def test_what_is_not_in_force_grants_nothing() -> None:
    assert granted(world(DENY_EGRESS)) == []
    assert granted(world(policy(FROM_WEB + "- to: [{}]"))) == []
    assert granted(world(policy(FROM_WEB.replace("Egress]", "Ingress]") + "- {}"))) == []


def test_isolation_of_a_whole_namespace_hides_that_of_its_parts() -> None:
    targeted = policy(FROM_WEB + "- {}")
    assert isolated(world(DENY_EGRESS)) == ["shop all pods"]
    assert isolated(world(DENY_EGRESS, targeted, WEB)) == ["shop all pods"]
    assert isolated(world(targeted)) == ["shop pods app=web"]


def test_a_second_policy_for_an_isolated_workload_isolates_nothing_new() -> None:
    by_app = policy(FROM_WEB + "- {}")
    by_tier = policy("podSelector: {matchLabels: {tier: front}}\npolicyTypes: [Egress]", "tier")
    web = deployment("web", labels="tier: front")
    assert isolated(world(by_app, web)) == ["shop/web"]
    assert isolated(world(by_app, by_tier, web)) == ["shop/web"]
    assert isolated(world(by_app, by_tier, web, deployment("job", labels="tier: front"))) == ["shop/job", "shop/web"]


def test_narrower_selectors_of_unknown_pods_are_isolated_already() -> None:
    wide = policy("podSelector: {matchLabels: {app: web}}\npolicyTypes: [Egress]", "wide")
    narrow = policy("podSelector: {matchLabels: {app: web, track: canary}}\npolicyTypes: [Egress]", "narrow")
    assert isolated(world(wide, narrow)) == ["shop pods app=web"]
    assert isolated(world(narrow)) == ["shop pods app=web, track=canary"]


# --- wider than the need


def wider(grant: Grant, *destinations: Destination) -> list[str]:
    need = Need(world(WEB, DENY_EGRESS).workload("shop/web"), destinations)
    return [item.code for item in network_policy.wider(grant, need)]


def grant(target: str, ports: str = "443", source: str = "shop pods app=web") -> Grant:
    return Grant(source, target, ports, "tcp", "network_policy")


INTERNET = "0.0.0.0/0 except 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 169.254.0.0/16"


def test_exactly_the_need_is_not_wider() -> None:
    assert wider(grant("198.51.100.0/24"), to("198.51.100.0/24")) == []
    assert wider(grant("198.51.100.7/32"), to("api.stripe.com", ips=["198.51.100.7"])) == []
    assert wider(grant("pods app=api in namespace back", "8080"), to("workload://back/api", 8080)) == []
    assert wider(grant("198.51.100.0/24", "8000-8100"), to("198.51.100.0/24", "8000-8100")) == []
    counterpart = grant("ingress of back pods app=api", source="pods app=web in namespace shop")
    assert wider(counterpart, to("workload://back/api")) == []


def test_what_is_wider_is_named() -> None:
    assert wider(grant(INTERNET), to("api.stripe.com")) == ["EGR901"]
    assert wider(grant(INTERNET, source="shop all pods"), to("api.stripe.com")) == ["EGR902", "EGR901"]
    assert wider(grant("198.51.0.0/16"), to("198.51.100.0/24")) == ["EGR903"]
    assert wider(grant("everything"), to("api.stripe.com")) == ["EGR903"]
    assert wider(grant("all pods in namespace back"), to("workload://back/api")) == ["EGR903"]
    assert wider(grant("198.51.100.0/24", "every port"), to("198.51.100.0/24")) == ["EGR904"]
    assert wider(grant("198.51.100.0/24", "8000-8101"), to("198.51.100.0/24", "8000-8100")) == ["EGR904"]
