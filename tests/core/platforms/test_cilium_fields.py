"""Cilium's rarer fields: CIDR groups, TLS names, the host firewall, the enforcement mode, lists that say nothing."""

from __future__ import annotations

import pytest

from skills.core.model import Destination, Ports
from tests.core.kube import deployment, namespace
from tests.core.platforms.cilium_support import API, WEB, ccnp, cnp, egress, names, world

GROUP = """\
apiVersion: cilium.io/v2alpha1
kind: CiliumCIDRGroup
metadata:
  name: partner
  labels: {role: partner}
spec:
  externalCIDRs: ["198.51.100.0/24", "203.0.113.5/32"]
"""
MODE = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cilium-config, namespace: kube-system}\ndata:\n  enable-policy: %s\n"
ON_NODE = deployment("agent").replace("spec:\n      containers", "spec:\n      hostNetwork: true\n      containers")
HOST_POLICY = ccnp("egress: [{toEntities: [cluster]}]", "nodes").replace("endpointSelector: {}", "nodeSelector: {}")


def address(text: str, port: int = 443) -> Destination:
    return Destination(text, ip=text, network=f"{text}/32", ports=Ports(port, port))


def host(name: str, port: int = 443, application: str | None = "tls") -> Destination:
    return Destination(name, host=name, ports=Ports(port, port), application=application)


# --- CIDR groups


@pytest.mark.parametrize(
    ("item", "far", "expected"),
    [
        ("{cidrGroupRef: partner}", "198.51.100.9", "allowed"),
        ("{cidrGroupRef: partner}", "203.0.113.5", "allowed"),
        ("{cidrGroupRef: partner}", "192.0.2.1", "denied"),
        ("{cidrGroupRef: partner, except: [198.51.100.0/25]}", "198.51.100.9", "denied"),
        ("{cidrGroupRef: partner, except: [198.51.100.0/25]}", "198.51.100.200", "allowed"),
        ("{cidrGroupSelector: {matchLabels: {role: partner}}}", "198.51.100.9", "allowed"),
        ("{cidrGroupSelector: {matchLabels: {role: other}}}", "198.51.100.9", "undecided"),
        ("{cidrGroupRef: elsewhere}", "198.51.100.9", "undecided"),
    ],
)
def test_groups_are_the_addresses_that_their_documents_list(item: str, far: str, expected: str) -> None:
    made = world(cnp(egress(f"{{toCIDRSet: [{item}]}}")), WEB, GROUP)
    assert made.decision(address(far)) == expected


def test_a_group_in_two_texts_is_undecided() -> None:
    other = GROUP.replace("198.51.100.0/24", "192.0.2.0/24")
    made = world(cnp(egress("{toCIDRSet: [{cidrGroupRef: partner}]}")), WEB, GROUP, copy=other)
    assert made.decision(address("198.51.100.9")) == "undecided"


def test_a_group_with_a_template_is_undecided() -> None:
    made = world(
        cnp(egress("{toCIDRSet: [{cidrGroupRef: partner}]}")), WEB, GROUP.replace("203.0.113.5/32", "${RANGE}")
    )
    assert made.decision(address("198.51.100.9")) == "undecided"


def test_a_denied_group_beats_the_world() -> None:
    body = "egress: [{toEntities: [world]}]\negressDeny: [{toCIDRSet: [{cidrGroupRef: partner}]}]"
    made = world(cnp(body), WEB, GROUP)
    assert [made.decision(address(far)) for far in ("198.51.100.9", "192.0.2.1")] == ["denied", "allowed"]


@pytest.mark.parametrize("peer", ["toNodes: [{}]", "toGroups: [{}]", "toCIDRSet: [{cidrGroupRef: partner}]"])
def test_addresses_and_nodes_are_never_pods(peer: str) -> None:
    made = world(cnp(egress(f"{{{peer}}}")), WEB, API)
    assert made.decision(Destination("back/api", workload="back/api", ports=Ports(8080, 8080))) == "denied"


# --- ports and TLS names


def test_an_empty_list_of_ports_limits_nothing() -> None:
    made = world(cnp(egress("{toCIDR: [198.51.100.0/24], toPorts: []}")), WEB)
    assert made.decision(address("198.51.100.9", 12345)) == "allowed"
    assert world(cnp(egress("{toPorts: []}")), WEB).decision(address("198.51.100.9")) == "denied"


@pytest.mark.parametrize(
    ("far", "expected"),
    [
        (host("api.acme.example"), "allowed"),
        (host("api.acme.example", application="http"), "denied"),
        (host("files.acme.example"), "denied"),
        (address("198.51.100.9"), "undecided"),
    ],
)
def test_server_names_pass_only_tls_for_these_names(far: Destination, expected: str) -> None:
    rule = '{toEntities: [world], toPorts: [{ports: [{port: "443"}], serverNames: [api.acme.example]}]}'
    assert world(cnp(egress(rule)), WEB).decision(far) == expected


@pytest.mark.parametrize(
    ("extra", "faulty"),
    [
        ('serverNames: [""]', True),
        ("serverNames: [a.example], rules: {http: [{}]}", True),
        ("serverNames: [a.example], rules: {http: [{}]}, terminatingTLS: {secret: {name: x}}", False),
        ("serverNames: [a.example]", False),
    ],
)
def test_server_names_that_cilium_refuses(extra: str, faulty: bool) -> None:
    rule = f'{{toEntities: [world], toPorts: [{{ports: [{{port: "443", protocol: TCP}}], {extra}}}]}}'
    (policy,) = world(cnp(egress(rule)), WEB).index.policies
    assert bool(policy.faults) is faulty


# --- the whole cluster


def test_pods_on_the_host_network_may_be_under_a_host_policy() -> None:
    assert world(ON_NODE, HOST_POLICY).decision(address("198.51.100.9"), "shop/agent") == "undecided"
    assert world(ON_NODE, cnp("egress: [{}]")).decision(address("198.51.100.9"), "shop/agent") == "allowed"
    ingress = HOST_POLICY.replace("egress: [{toEntities", "ingress: [{fromEntities")
    assert world(ON_NODE, ingress).decision(address("198.51.100.9"), "shop/agent") == "allowed"


@pytest.mark.parametrize(("mode", "expected"), [("always", "denied"), ("default", "allowed"), ("never", "allowed")])
def test_the_enforcement_mode_of_pods_that_nothing_selects(mode: str, expected: str) -> None:
    made = world(cnp("egress: [{}]", select="{matchLabels: {app: other}}"), WEB, config=MODE % mode)
    assert made.decision(address("198.51.100.9")) == expected


def test_never_enforced_is_undecided_where_a_policy_would_count() -> None:
    made = world(cnp("egress: [{}]"), WEB, config=MODE % "never")
    assert made.decision(address("198.51.100.9")) == "undecided"
    assert "EGR882" in made.audit()


def test_always_lets_pass_what_a_policy_allows() -> None:
    made = world(cnp(egress("{toCIDR: [198.51.100.0/24]}")), WEB, config=MODE % "always")
    assert made.decision(address("198.51.100.9")) == "allowed"


def test_labels_of_a_namespace_that_no_file_declares_are_unknown() -> None:
    chosen = cnp(egress("{toEndpoints: [{matchLabels: {k8s:io.cilium.k8s.namespace.labels.team: x}}]}"))
    far = Destination("back/api", workload="back/api", ports=Ports(8080, 8080))
    assert world(chosen, WEB, API).decision(far) == "undecided"
    assert world(chosen, WEB, API, namespace("back", team="x")).decision(far) == "allowed"
    assert world(chosen, WEB, API, namespace("back", team="y")).decision(far) == "denied"


# --- contradictions


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("egress: []", "EGR858"),
        (egress("{toCIDR: [198.51.100.7/32]}") + "egressDeny: [{toCIDR: [198.51.100.0/24]}]", "EGR883"),
        (egress(names("a.example")) + "egressDeny: [{toEntities: [world]}]", "EGR883"),
        ("enableDefaultDeny: {egress: false}\n" + egress("{toEntities: [world]}"), "EGR884"),
        (egress(names("a.acme.example"), names("*.acme.example")), "EGR872"),
        ("enableDefaultDeny: {egress: 'no'}\negress: [{}]", "EGR853"),
        ("egres: [{}]\negress: [{}]", "EGR853"),
    ],
)
def test_contradictions_are_said(body: str, code: str) -> None:
    assert code in world(cnp(body), WEB).audit()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("egress: [{}]", "EGR858"),
        ("egress: []\nenableDefaultDeny: {egress: true}", "EGR858"),
        (egress("{toCIDR: [198.51.100.0/24]}") + "egressDeny: [{toCIDR: [198.51.100.7/32]}]", "EGR883"),
        (
            egress(names("a.example")) + 'egressDeny: [{toEntities: [world], toPorts: [{ports: [{port: "80"}]}]}]',
            "EGR883",
        ),
        (egress("{toEntities: [world]}"), "EGR884"),
        (egress(names("a.acme.example"), names("*.acme.example", port='"8443"')), "EGR872"),
    ],
)
def test_what_is_no_contradiction_is_not_said(body: str, code: str) -> None:
    assert code not in world(cnp(body), WEB).audit()


@pytest.mark.parametrize(("select", "said"), [("web", True), ("db", False)])
def test_a_deny_of_another_policy_shadows_only_what_it_selects_too(select: str, said: bool) -> None:
    deny = cnp("egressDeny: [{toEntities: [world]}]", "deny", select=f"{{matchLabels: {{app: {select}}}}}")
    assert ("EGR883" in world(cnp(egress(names("a.example"))), deny, WEB).audit()) is said


def test_a_second_policy_may_isolate_what_the_first_leaves_open() -> None:
    loose = cnp("enableDefaultDeny: {egress: false}\n" + egress("{toEntities: [world]}"))
    assert "EGR884" not in world(loose, cnp("egress: [{}]", "deny", select="{}"), WEB).audit()
