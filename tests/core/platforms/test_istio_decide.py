"""What the mesh lets out: which Sidecar binds the pods, what is registered, and what they see of it."""

from __future__ import annotations

import pytest

from tests.core.platforms.istio_repo import (
    DEPLOYMENT,
    REGISTRY_ONLY,
    audit,
    check,
    codes,
    decision,
    entry,
    near,
    repository,
)

BASE = (DEPLOYMENT, REGISTRY_ONLY)
SELECTED = REGISTRY_ONLY.replace("spec:\n", "spec:\n  workloadSelector: {labels: {app: web}}\n").replace(
    "name: default", "name: own"
)
MESH = "meshConfig:\n  outboundTrafficPolicy:\n    mode: REGISTRY_ONLY\n"
ALLOW_ANY = REGISTRY_ONLY.replace("REGISTRY_ONLY", "ALLOW_ANY")


@pytest.mark.parametrize(
    ("hosts", "to", "wanted"),
    [
        (("api.partner.com",), "api.partner.com", "allowed"),
        (("api.partner.com",), "partner.com", "denied"),
        (("api.partner.com",), "api.partner.com:8443", "denied"),
        (("api.partner.com",), "http://api.partner.com:443", "denied"),
        (("other.com", "api.partner.com"), "api.partner.com", "allowed"),
    ],
)
def test_registered_hosts_pass_on_their_port(hosts: tuple[str, ...], to: str, wanted: str) -> None:
    assert decision(*BASE, entry(*hosts), to=to) == wanted


def test_wildcards_cover_what_is_below_them() -> None:
    texts = (*BASE, entry("*.partner.com", extra="resolution: NONE"))
    assert decision(*texts, to="a.b.partner.com") == "allowed"
    assert decision(*texts, to="partner.com") == "denied"
    assert near(check(repository(*texts), "partner.com")) == ["EGR113"]


def test_wildcard_that_istio_refuses_opens_nothing() -> None:
    texts = (*BASE, entry("*.partner.com"))
    assert decision(*texts, to="a.partner.com") == "denied"
    assert "EGR110" in near(check(repository(*texts), "a.partner.com"))
    assert "EGR966" in audit(*texts)


@pytest.mark.parametrize(
    ("listed", "to", "code"),
    [
        ("www.partner.com", "partner.com", "EGR150"),
        ("api.partnr.com", "api.partner.com", "EGR152"),
        ("a.partner.com", "bbbbbbb.partner.com", "EGR151"),
        ("https://api.partner.com/v1", "api.partner.com", "EGR159"),
        ("api.partner.com", "api.partner.com:8443", "EGR153"),
        ("api.partner.com", "http://api.partner.com:443", "EGR154"),
    ],
)
def test_near_misses(listed: str, to: str, code: str) -> None:
    assert code in near(check(repository(*BASE, entry(listed)), to))


def test_unrelated_entries_are_no_near_miss() -> None:
    assert near(check(repository(*BASE, entry("unrelated.org")), "api.partner.com")) == []


def test_most_special_sidecar_wins() -> None:
    assert decision(DEPLOYMENT, ALLOW_ANY, to="x.com") == "allowed"
    assert decision(DEPLOYMENT, ALLOW_ANY, SELECTED, to="x.com") == "denied"
    root = REGISTRY_ONLY.replace("namespace: shop", "namespace: istio-system")
    assert decision(DEPLOYMENT, root, to="x.com") == "denied"
    assert decision(DEPLOYMENT, root, ALLOW_ANY, to="x.com") == "allowed"


def test_selector_and_unknown_labels_leave_it_open() -> None:
    verdict = check(repository(DEPLOYMENT, ALLOW_ANY, SELECTED), "x.com", "shop")
    assert verdict.decision == "undecided"
    assert "EGR981" in codes(verdict.findings)


def test_mesh_configuration_counts_where_no_sidecar_says_more() -> None:
    files = {"istiod-values.yaml": MESH}
    assert decision(DEPLOYMENT, to="x.com", files=files) == "denied"
    assert decision(DEPLOYMENT, ALLOW_ANY, to="x.com", files=files) == "allowed"
    assert decision(DEPLOYMENT, entry("x.com"), to="x.com", files=files) == "allowed"


def test_mesh_configuration_of_operator_and_configmap() -> None:
    operator = (
        "apiVersion: install.istio.io/v1alpha1\nkind: IstioOperator\nmetadata: {name: a}\nspec:\n  "
        + MESH.replace("\n", "\n  ")
    )
    assert decision(DEPLOYMENT, to="x.com", files={"operator.yaml": operator}) == "denied"
    mesh = MESH.replace("meshConfig:\n  ", "").replace("\n    ", "\n  ").rstrip("\n").replace("\n", "\n    ")
    held = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: istio, namespace: istio-system}}\ndata:\n  mesh: |\n    {mesh}\n"
    assert decision(DEPLOYMENT, to="x.com", files={"map.yaml": held}) == "denied"


def test_export_hides_and_shows() -> None:
    other = entry("x.com", namespace="other", extra='exportTo: ["."]')
    assert decision(*BASE, other, to="x.com") == "denied"
    assert "EGR148" in near(check(repository(*BASE, other), "x.com"))
    shown = check(repository(*BASE, entry("x.com", namespace="other")), "x.com")
    assert shown.decision == "allowed"
    assert "EGR985" in codes(shown.findings)


def test_sidecar_that_imports_only_its_own_namespace() -> None:
    narrow = REGISTRY_ONLY + '  egress:\n  - hosts: ["./*", "istio-system/*"]\n'
    other = entry("x.com", namespace="other")
    assert decision(DEPLOYMENT, narrow, entry("x.com"), to="x.com") == "allowed"
    verdict = check(repository(DEPLOYMENT, narrow, other), "x.com")
    assert verdict.decision == "denied"
    assert near(verdict) == ["EGR149"]


def test_services_of_the_cluster_are_registered_by_themselves() -> None:
    service = "apiVersion: v1\nkind: Service\nmetadata: {name: api, namespace: pay}\nspec: {ports: [{port: 80}], selector: {app: api}}\n"
    narrow = REGISTRY_ONLY + '  egress:\n  - hosts: ["./*"]\n'
    open_ = REGISTRY_ONLY + '  egress:\n  - hosts: ["./*", "pay/*"]\n'
    assert not [layer for layer in check(repository(*BASE, service), "api.pay.svc:80").layers if layer.layer == "mesh"]
    assert decision(DEPLOYMENT, narrow, service, to="api.pay.svc:80") == "denied"
    assert decision(DEPLOYMENT, open_, service, to="api.pay.svc:80") == "allowed"


def test_addresses() -> None:
    port = "{number: 5432, name: tcp-db, protocol: TCP}"
    ranged = entry("db.internal", port=port, extra="addresses: [198.51.100.0/24]")
    assert decision(*BASE, ranged, to="198.51.100.7:5432") == "allowed"
    assert decision(*BASE, ranged, to="198.51.100.0/25:5432") == "allowed"
    assert decision(*BASE, ranged, to="198.51.0.0/16:5432") == "denied"
    anything = entry("db.internal", port=port, extra="resolution: NONE")
    assert decision(*BASE, anything, to="203.0.113.9:5432") == "allowed"
    assert decision(*BASE, anything, to="203.0.113.9:5433") == "denied"
    assert "EGR973" in audit(*BASE, anything)
    assert decision(*BASE, entry("x.com"), to="203.0.113.9:443") == "denied"


def test_tcp_entry_that_captures_a_port_is_said() -> None:
    capture = entry("ldap.partner.com", port="{number: 443, name: tcp, protocol: TCP}")
    assert "EGR972" in codes(check(repository(*BASE, capture), "x.com").findings)
    assert "EGR975" in audit(*BASE, capture, entry("x.com", name="x"))
    assert "EGR975" not in audit(*BASE, capture)


def test_without_any_word_on_the_mode_nothing_is_certain() -> None:
    verdict = check(repository(DEPLOYMENT, entry("x.com")), "y.com")
    assert verdict.decision == "undecided"
    assert "EGR980" in codes(verdict.findings)
    assert decision(DEPLOYMENT, entry("x.com"), to="x.com") == "allowed"
    assert not check(repository(DEPLOYMENT), "x.com").layers


@pytest.mark.parametrize("label", ["istio-injection: disabled", "istio.io/dataplane-mode: ambient"])
def test_pods_without_a_sidecar_are_not_bound(label: str) -> None:
    namespace = f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: shop, labels: {{{label}}}}}\n"
    verdict = check(repository(*BASE, namespace), "x.com")
    assert not [layer for layer in verdict.layers if layer.decision == "denied"]


def test_waypoint_policies() -> None:
    policy = (
        "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: who, namespace: shop}\nspec:\n"
        "  targetRefs: [{kind: ServiceEntry, group: networking.istio.io, name: partner}]\n  rules:\n  - from:\n"
        "    - source: {%s}\n"
    )
    texts = (*BASE, entry("x.com"))
    assert decision(*texts, policy % "namespaces: [shop]", to="x.com") == "allowed"
    assert decision(*texts, policy % "namespaces: [other]", to="x.com") == "denied"
    assert decision(*texts, policy % "principals: [cluster.local/ns/shop/sa/default]", to="x.com") == "allowed"
    refused = check(repository(*texts, policy % "principals: [cluster.local/ns/shop/sa/other]"), "x.com")
    assert (refused.decision, "EGR998" in codes(refused.findings)) == ("denied", True)
    assert decision(*texts, policy % "ipBlocks: [10.0.0.0/8]", to="x.com") != "allowed"
    deny = (policy % "namespaces: [shop]").replace("spec:\n", "spec:\n  action: DENY\n")
    assert decision(*texts, deny, to="x.com") == "denied"


def test_templates_leave_it_open() -> None:
    verdict = check(repository(*BASE, entry("${PARTNER_HOST}")), "x.com")
    assert (verdict.decision, "EGR982" in codes(verdict.findings)) == ("undecided", True)


ROUTE = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: partner, namespace: shop}
spec:
  hosts: [api.partner.com]
  %s
"""


@pytest.mark.parametrize(
    ("route", "wanted"),
    [
        ("http: [{directResponse: {status: 403}}]", "undecided"),
        ("http: [{route: [{destination: {host: other.com}}]}]", "undecided"),
        ("http: [{route: [{destination: {host: api.partner.com}}]}]", "allowed"),
        ("http: [{match: [{uri: {prefix: /x}}], directResponse: {status: 403}}]", "allowed"),  # only some requests
        ("tls: [{match: [{port: 443, sniHosts: [api.partner.com]}], route: [{destination: {host: other.com}}]}]", "allowed"),
        ("gateways: [ingress], http: [{directResponse: {status: 403}}]", "allowed"),
    ],
)  # fmt: skip
def test_a_route_of_the_mesh_may_lead_elsewhere(route: str, wanted: str) -> None:
    """The registry knows the host, but its traffic is taken to another name or answered on the way."""
    web = entry("api.partner.com", port="{number: 80, name: http, protocol: HTTP}")
    texts = (*BASE, web, ROUTE % route.replace(", http", "\n  http"))
    assert decision(*texts, to="http://api.partner.com:80") == wanted


@pytest.mark.parametrize(
    ("ip", "wanted"),
    [((), "undecided"), (("198.51.100.9",), "allowed"), (("203.0.113.9",), "denied")],
)
def test_a_name_may_have_an_address_that_an_entry_opens(ip: tuple[str, ...], wanted: str) -> None:
    extra = "addresses: [198.51.100.0/24]\n  resolution: NONE"
    ranges = entry("partner.internal", port="{number: 5432, name: tcp, protocol: TCP}", extra=extra)
    allowed = repository(DEPLOYMENT, REGISTRY_ONLY, ranges)
    assert check(allowed, "db.example.com:5432", ip=ip).decision == wanted
    assert check(allowed, "db.example.com:5433", ip=ip).decision == "denied"
