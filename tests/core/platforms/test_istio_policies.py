"""Whom an AuthorizationPolicy means, and what an egress gateway, a route or an IPv6 address changes on the way out."""

from __future__ import annotations

import pytest

from skills.core.flows import read_flow
from tests.core.platforms.istio_repo import (
    DEPLOYMENT,
    REGISTRY_ONLY,
    audit,
    check,
    codes,
    decision,
    entry,
    repository,
)

POLICY = (
    "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: who, namespace: shop}\nspec:\n"
    "  targetRefs: [{kind: ServiceEntry, group: networking.istio.io, name: partner}]\n"
)
TLS = (DEPLOYMENT, REGISTRY_ONLY, entry("x.com"))
HTTP = (DEPLOYMENT, REGISTRY_ONLY, entry("x.com", port="{number: 80, name: http, protocol: HTTP}"))


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("principals: ['*']", "allowed"),
        ("principals: [cluster.local/ns/shop/sa/*]", "allowed"),
        ("principals: [cluster.local/ns/other/sa/*]", "denied"),
        ("principals: [cluster.local/ns/shop/*]", "allowed"),
        ("principals: [cluster.local/ns/other/*]", "denied"),
        ("principals: ['*/sa/default']", "allowed"),
        ("principals: ['*/sa/other']", "denied"),
        ("principals: [cluster.local/ns/shop/sa/def*]", "allowed"),
        ("principals: [cluster.local/ns/shop/sa/oth*]", "denied"),
        ("namespaces: ['*hop']", "allowed"),
        ("namespaces: ['*hat']", "denied"),
        ("serviceAccounts: [default]", "allowed"),
        ("serviceAccounts: [other/default]", "denied"),
        ("namespaces: [shop], notPrincipals: [cluster.local/ns/shop/sa/default]", "denied"),
        ("namespaces: [shop], notPrincipals: [cluster.local/ns/shop/sa/other]", "allowed"),
        ("namespaces: [shop], notNamespaces: [sho*]", "denied"),
        ("namespaces: [shop], notNamespaces: [other]", "allowed"),
        ("namespaces: [shop], remoteIpBlocks: [10.0.0.0/8]", "undecided"),
    ],
)
def test_sources(source: str, wanted: str) -> None:
    rule = f"  rules: [{{from: [{{source: {{{source}}}}}]}}]\n"
    assert decision(*TLS, POLICY + rule, to="x.com") == wanted
    refused = {"allowed": "denied", "denied": "allowed"}.get(wanted, wanted)
    assert decision(*TLS, POLICY + "  action: DENY\n" + rule, to="x.com") == refused


MESH = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    trustDomain: prod.example
    trustDomainAliases: [old.example]
"""


@pytest.mark.parametrize(
    ("principal", "said", "unsaid"),
    [
        ("cluster.local/ns/shop/sa/default", "allowed", "allowed"),
        ("prod.example/ns/shop/sa/default", "allowed", "undecided"),
        ("old.example/ns/shop/sa/default", "allowed", "undecided"),
        ("partner.example/ns/shop/sa/default", "denied", "undecided"),
        ("partner.example/ns/other/sa/default", "denied", "denied"),
        ("'*/ns/shop/sa/default'", "allowed", "allowed"),
        ("'*.example/ns/shop/*'", "allowed", "undecided"),
    ],
)
def test_pods_of_another_trust_domain_are_others(principal: str, said: str, unsaid: str) -> None:
    """Whoever has the same namespace and account in a foreign mesh is somebody else."""
    texts = (*TLS, POLICY + f"  rules: [{{from: [{{source: {{principals: [{principal}]}}}}]}}]\n")
    assert (decision(*texts, MESH, to="x.com"), decision(*texts, to="x.com")) == (said, unsaid)


@pytest.mark.parametrize(
    ("hosts", "wanted"),
    [("[x.com]", "allowed"), ("['x.com:80']", "allowed"), ("['*.com']", "allowed"), ("[y.com]", "denied")],
)
def test_hosts_of_a_policy_are_names_in_http(hosts: str, wanted: str) -> None:
    rule = f"  rules: [{{to: [{{operation: {{hosts: {hosts}}}}}]}}]\n"
    assert decision(*HTTP, POLICY + rule, to="http://x.com") == wanted


@pytest.mark.parametrize("action", ["ALLOW", "DENY"])
@pytest.mark.parametrize("host", ["x.com", "y.com"])
def test_hosts_of_a_policy_say_nothing_certain_of_tls(action: str, host: str) -> None:
    """No proxy reads a name inside TLS: Istio drops such a rule of ALLOW, and such a condition of DENY."""
    rule = f"  action: {action}\n  rules: [{{to: [{{operation: {{hosts: [{host}]}}}}]}}]\n"
    assert decision(*TLS, POLICY + rule, to="x.com") == "undecided"


@pytest.mark.parametrize(("ports", "wanted"), [("['443']", "allowed"), ("['8443']", "denied")])
def test_ports_of_a_policy(ports: str, wanted: str) -> None:
    assert decision(*TLS, POLICY + f"  rules: [{{to: [{{operation: {{ports: {ports}}}}}]}}]\n", to="x.com") == wanted


def test_one_admitting_policy_is_enough_and_an_audit_refuses_nothing() -> None:
    """ALLOW policies are a union; AUDIT only writes a log."""
    strict = POLICY + "  rules: [{from: [{source: {namespaces: [other]}}]}]\n"
    mild = strict.replace("name: who", "name: too").replace("[other]", "[shop]")
    assert decision(*TLS, strict, to="x.com") == "denied"
    assert decision(*TLS, strict, mild, to="x.com") == "allowed"
    assert decision(*TLS, POLICY + "  action: AUDIT\n", to="x.com") == "allowed"


def test_a_policy_of_another_entry_or_namespace_is_not_asked() -> None:
    closed = POLICY + "  rules: [{from: [{source: {namespaces: [other]}}]}]\n"
    assert decision(*TLS, closed.replace("name: partner", "name: stranger"), to="x.com") == "allowed"
    assert decision(*TLS, closed.replace("namespace: shop", "namespace: else"), to="x.com") == "allowed"


# --- routes to an egress gateway

ROUTE = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: through, namespace: shop}
spec:
  hosts: [x.com]
  gateways: [mesh, istio-system/out]
  tls:
  - match: [{gateways: [mesh], port: 443, sniHosts: [x.com]}]
    route: [{destination: {host: istio-egressgateway.istio-system.svc.cluster.local, port: {number: 443}}}]
"""
GATEWAY = """\
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: out, namespace: istio-system}
spec:
  selector: {istio: egressgateway}
  servers:
  - {port: {number: 443, name: tls, protocol: TLS}, tls: {mode: PASSTHROUGH}, hosts: [y.com]}
"""


def test_a_gateway_that_lacks_the_host_closes_it() -> None:
    assert decision(*TLS, ROUTE, GATEWAY, to="x.com") == "denied"


def test_a_gateway_of_another_repository_leaves_it_open() -> None:
    verdict = check(repository(*TLS, ROUTE), "x.com")
    assert (verdict.decision, {"EGR525", "EGR500"} <= codes(verdict.findings)) == ("undecided", True)


ONWARD = """\
  - match: [{gateways: [istio-system/out], port: 443, sniHosts: [x.com]}]
    route: [{destination: {host: x.com, port: {number: 443}}}]
"""


@pytest.mark.parametrize(
    ("route", "wanted"),
    [
        (ROUTE + ONWARD, "allowed"),
        (ROUTE, "undecided"),
        (ROUTE + ONWARD.replace("host: x.com", "host: a.svc.cluster.local"), "undecided"),
        ((ROUTE + ONWARD).replace("  gateways: [mesh,", "  exportTo: ['.']\n  gateways: [mesh,"), "undecided"),
    ],
)
def test_a_gateway_lets_out_what_a_route_takes_on(route: str, wanted: str) -> None:
    assert decision(*TLS, route, GATEWAY.replace("y.com", "x.com"), to="x.com") == wanted


def test_two_virtual_services_make_one_way() -> None:
    """One for the mesh and one for the gateway, as people write it too."""
    mesh = ROUTE.replace("gateways: [mesh, istio-system/out]", "gateways: [mesh]")
    out = (
        ROUTE[: ROUTE.index("  - match")]
        .replace("through", "out")
        .replace("[mesh, istio-system/out]", "[istio-system/out]")
    )
    gateway = GATEWAY.replace("y.com", "x.com")
    assert decision(*TLS, mesh, out + ONWARD, gateway, to="x.com") == "allowed"
    assert decision(*TLS, mesh, out + ONWARD, GATEWAY, to="x.com") == "denied"
    assert decision(*TLS, mesh, gateway, to="x.com") == "undecided"


def test_a_gateway_knows_only_hosts_that_are_exported_to_it() -> None:
    gateway = GATEWAY.replace("y.com", "x.com")
    shut, seen = (
        (*TLS[:-1], entry("x.com", extra=f"resolution: DNS\n  exportTo: {to}"))
        for to in ("['.']", "['.', istio-system]")
    )
    assert decision(*shut, ROUTE + ONWARD, gateway, to="x.com") == "denied"
    assert decision(*seen, ROUTE + ONWARD, gateway, to="x.com") == "allowed"


TO_GATEWAY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: out, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
  - to:
    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: istio-system}}
      podSelector: {matchLabels: {istio: egressgateway}}
"""


@pytest.mark.parametrize(
    ("policy", "wanted"),
    [
        (TO_GATEWAY, "allowed"),
        (TO_GATEWAY.replace("istio: egress", "istio: ingress"), "denied"),
        (TO_GATEWAY.replace("name: istio-system", "name: elsewhere"), "denied"),
        (TO_GATEWAY[: TO_GATEWAY.index("  - to")] + "  - to: [{ipBlock: {cidr: 203.0.113.0/24}}]\n", "denied"),
    ],
)
def test_the_network_sees_the_gateway_and_not_the_host(policy: str, wanted: str) -> None:
    assert decision(*TLS, ROUTE + ONWARD, GATEWAY.replace("y.com", "x.com"), policy, to="x.com") == wanted


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  gateways: [mesh,", "  exportTo: ['.']\n  gateways: [mesh,"),
        ("istio-egressgateway.istio-system.svc.cluster.local", "x.com"),
        ("port: 443, sni", "port: 8443, sni"),
        ("sniHosts: [x.com]", "sniHosts: [z.com]"),
        ("match: [{gateways: [mesh]", "match: [{gateways: [istio-system/out]"),
        ("hosts: [x.com]\n  gateways", "hosts: [z.com]\n  gateways"),
    ],
)
def test_a_route_that_is_not_this_flow_s_steers_nothing(old: str, new: str) -> None:
    """The gateway would close the host, if the route led there. An export of `.` is for its own namespace alone."""
    route = ROUTE.replace(old, new)
    assert route != ROUTE
    home = route.replace("namespace: shop", "namespace: elsewhere") if "exportTo" in route else route
    verdict = check(repository(*TLS, home, GATEWAY), "x.com")
    assert (verdict.decision, "EGR525" in codes(verdict.findings)) == ("allowed", False)


def test_two_routes_of_one_host_are_said_and_one_is_not() -> None:
    assert "EGR583" not in audit(*TLS, ROUTE)
    assert "EGR583" in audit(*TLS, ROUTE, ROUTE.replace("name: through", "name: again"))


# --- addresses


@pytest.mark.parametrize(
    ("to", "wanted"),
    [
        ("tcp://[2001:db8::9]:5432", "allowed"),
        ("tcp://[2001:db8:1::9]:5432", "denied"),
        ("tcp://203.0.113.9:5432", "denied"),
    ],
)
def test_registered_ipv6_ranges(to: str, wanted: str) -> None:
    ranges = "resolution: NONE\n  addresses: ['2001:db8::/64']"
    listed = entry("db.x.com", port="{number: 5432, name: tcp, protocol: TCP}", extra=ranges)
    assert decision(DEPLOYMENT, REGISTRY_ONLY, listed, to=to) == wanted


@pytest.mark.parametrize(
    ("note", "to", "wanted"),
    [
        ("excludeOutboundIPRanges=2001:db8::/64", "tcp://[2001:db8::9]:5432", "allowed"),
        ("excludeOutboundIPRanges=2001:db8::/64", "tcp://[2001:db8:1::9]:5432", "denied"),
        ("excludeOutboundIPRanges=2001:db8::/64", "tcp://203.0.113.9:5432", "denied"),
        ("excludeOutboundIPRanges=203.0.113.0/28", "203.0.113.0/24", "undecided"),
        ("excludeOutboundIPRanges=*", "203.0.113.9:443", "allowed"),
        ("excludeOutboundIPRanges=nonsense", "203.0.113.9:443", "denied"),
        ("includeOutboundPorts=443", "203.0.113.9:443", "denied"),
    ],
)
def test_ranges_that_the_proxy_leaves_alone(note: str, to: str, wanted: str) -> None:
    name, _, value = note.partition("=")
    pods = DEPLOYMENT.replace(
        "{labels: {app: web}}", f'{{labels: {{app: web}}, annotations: {{traffic.sidecar.istio.io/{name}: "{value}"}}}}'
    )
    assert decision(pods, REGISTRY_ONLY, to=to) == wanted


def test_a_wide_range_of_ports_needs_every_one_registered() -> None:
    assert decision(*TLS, to="x.com:443") == "allowed"
    assert decision(*TLS, to="x.com:443-444") != "allowed"
    assert decision(*TLS, to="x.com:1-65535") != "allowed"


def test_only_tcp_goes_through_a_proxy() -> None:
    layers = [
        {layer.layer for layer in check(repository(*TLS), to).layers} for to in ("udp://y.com:53", "tcp://y.com:53")
    ]
    assert layers == [set(), {"mesh"}]


# --- TLS that the proxy begins

ORIGIN = """\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: begin, namespace: shop}
spec:
  host: x.com
  trafficPolicy: {portLevelSettings: [{port: {number: 80}, tls: {mode: SIMPLE}}]}
"""
PLAIN = entry("x.com", port="{number: 80, name: http, protocol: HTTP, targetPort: 443}")
WIRE = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: out, namespace: shop}
spec: {podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0}}], ports: [{port: 443}]}]}
"""


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [
        (ORIGIN, "EGR576"),
        (ORIGIN.replace("SIMPLE", "DISABLE"), "EGR579"),
        (ORIGIN.replace("number: 80", "number: 443"), "EGR579"),
        (ORIGIN.replace("host: x.com", "host: y.com"), "EGR579"),
        (ORIGIN.replace("host: x.com", "host: '*.com'"), "EGR576"),
        (ORIGIN.replace("spec:\n", "spec:\n  exportTo: [other]\n"), "EGR579"),
    ],
)
def test_the_application_speaks_http_where_the_proxy_begins_tls(rule: str, wanted: str) -> None:
    verdict = check(repository(DEPLOYMENT, REGISTRY_ONLY, PLAIN, rule), "http://x.com")
    assert (verdict.decision, codes(verdict.findings) & {"EGR576", "EGR577", "EGR579"}) == ("allowed", {wanted})


def test_the_network_sees_the_port_on_the_wire() -> None:
    assert decision(DEPLOYMENT, REGISTRY_ONLY, PLAIN, ORIGIN, WIRE, to="http://x.com") == "allowed"
    other = WIRE.replace("port: 443", "port: 80")
    assert decision(DEPLOYMENT, REGISTRY_ONLY, PLAIN, ORIGIN, other, to="http://x.com") == "denied"


def test_tls_inside_tls_is_said() -> None:
    both = ORIGIN.replace("portLevelSettings: [{port: {number: 80}, tls: {mode: SIMPLE}}]", "tls: {mode: SIMPLE}")
    wrapped = check(repository(*TLS, both), "https://x.com")
    assert "EGR577" in codes(wrapped.findings)
    assert "EGR577" not in codes(check(repository(*TLS, ORIGIN), "https://x.com").findings)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("", ""), True),
        (("ISTIO_MUTUAL", "DISABLE"), False),
        (("host: x.com", "host: '*.local'"), False),
    ],
)
def test_the_mesh_s_own_tls_to_a_host_outside_is_said(change: tuple[str, str], said: bool) -> None:
    rule = ORIGIN.replace("portLevelSettings: [{port: {number: 80}, tls: {mode: SIMPLE}}]", "tls: {mode: ISTIO_MUTUAL}")
    verdict = check(repository(*TLS, rule.replace(*change)), "https://x.com")
    assert (verdict.decision, "EGR999" in codes(verdict.findings)) == ("allowed", said)


def test_the_mesh_s_own_tls_is_right_inside_the_mesh() -> None:
    rule = ORIGIN.replace("portLevelSettings: [{port: {number: 80}, tls: {mode: SIMPLE}}]", "tls: {mode: ISTIO_MUTUAL}")
    inside = [text.replace("MESH_EXTERNAL", "MESH_INTERNAL") for text in TLS]
    assert "EGR999" not in codes(check(repository(*inside, rule), "https://x.com").findings)


def test_http_on_443_is_meant_where_the_proxy_begins_tls() -> None:
    listed = entry("x.com", port="{number: 443, name: http, protocol: HTTP}")
    assert "EGR976" in audit(DEPLOYMENT, REGISTRY_ONLY, listed)
    assert "EGR976" not in audit(DEPLOYMENT, REGISTRY_ONLY, listed, ORIGIN.replace("number: 80", "number: 443"))


@pytest.mark.parametrize(
    ("account", "wanted"), [("web", "allowed"), ("default", "allowed"), ("other", "denied"), (None, "undecided")]
)
def test_a_waypoint_that_admits_somebody_is_an_answer(account: str | None, wanted: str) -> None:
    """ztunnel holds nobody back: where a policy asks who they are, its rule is what lets them through."""
    names = ", ".join(f"cluster.local/ns/shop/sa/{name}" for name in ("web", "default"))
    rule = f"  rules: [{{from: [{{source: {{principals: [{names}]}}}}]}}]\n"
    home = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {istio.io/dataplane-mode: ambient}}\n"
    allowed = repository(home, entry("x.com"), POLICY + rule)
    verdict = read_flow(allowed, "shop{app=web}", ["x.com"], (), account).verdicts(allowed)[0]
    assert verdict.decision == wanted
    assert verdict.layers or wanted == "undecided"


@pytest.mark.parametrize(
    ("listed", "wanted"),
    [("x.com", "allowed"), ("./x.com", "denied"), ("shop/x.com", "allowed"), ("other/x.com", "denied")],
)
def test_a_gateway_takes_routes_of_the_namespaces_that_its_hosts_name(listed: str, wanted: str) -> None:
    assert decision(*TLS, ROUTE + ONWARD, GATEWAY.replace("y.com", listed), to="x.com") == wanted


def test_a_route_that_only_fails_leads_nowhere() -> None:
    route = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: r, namespace: shop}\nspec:\n"
    route += (
        "  hosts: [x.com]\n  http: [{route: [{destination: {host: x.com}}], fault: {%s: {percentage: {value: %s}}}}]\n"
    )
    assert decision(*HTTP, route % ("abort", 100), to="http://x.com") == "undecided"
    assert decision(*HTTP, route % ("abort", 5), to="http://x.com") == "allowed"
    assert decision(*HTTP, route % ("delay", 100), to="http://x.com") == "allowed"
