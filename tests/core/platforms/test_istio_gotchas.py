"""The gotchas of the dialect, each with a repository that has it and one that has not."""

from __future__ import annotations

import pytest

from skills.core.platforms.istio.bb_keys import parted
from tests.core.platforms.istio_repo import (
    DEPLOYMENT,
    REGISTRY_ONLY,
    audit,
    check,
    codes,
    decision,
    drafted,
    entry,
    near,
    repository,
    texts_of,
)

BASE = (DEPLOYMENT, REGISTRY_ONLY)
CHART = {"chart/Chart.yaml": "name: shop\nversion: 1.0.0\ndependencies: [{name: bb-common, version: 0.14.1}]\n"}


def values(egress: str, rest: str = "") -> dict[str, str]:
    rows = "".join(f"    {row}\n" for row in egress.splitlines())
    return {**CHART, "chart/values.yaml": f"networkPolicies:\n  enabled: true\n  egress:\n{rows}{rest}"}


def reach(key: str, kind: str = "cidr", value: str = "true") -> str:
    return (
        f"from:\n  web:\n    podSelector: {{matchLabels: {{app: web}}}}\n    to:\n      {kind}:\n        {key}: {value}"
    )


def annotated(*notes: str, labels: str = "app: web") -> str:
    listed = ", ".join(f'{note.partition("=")[0]}: "{note.partition("=")[2]}"' for note in notes)
    return DEPLOYMENT.replace("{labels: {app: web}}", f"{{labels: {{{labels}}}, annotations: {{{listed}}}}}")


def namespace(labels: str, name: str = "shop") -> str:
    return f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}, labels: {{{labels}}}}}\n"


# --- G-A01: one layer alone is half a change


def test_a_registered_host_without_a_network_rule_is_denied_and_both_are_drafted() -> None:
    mesh = (
        "istio: {enabled: true, sidecar: {enabled: true}}\nroutes: {outbound: {a: {enabled: true, hosts: [a.com]}}}\n"
    )
    allowed = repository(DEPLOYMENT, files=values(reach("198.51.100.0/24:443"), mesh))
    verdict = check(allowed, "a.com", ip=["203.0.113.9"])
    assert {layer.layer: layer.decision for layer in verdict.layers} == {"mesh": "allowed", "network_policy": "denied"}
    made = drafted(allowed, "a.com", ip=["203.0.113.9"])
    assert "            203.0.113.9/32:443: true\n" in texts_of(made)["chart/values.yaml"]
    assert made.change.proof.after == "allowed"


# --- G-A02, G-A04 to G-A09: see test_istio_values and test_istio_decide; G-A03 as well


@pytest.mark.parametrize(
    ("extra", "code"),
    [
        ("resolution: STATIC", "EGR531"),
        ("resolution: SOMETIMES", "EGR530"),
        ("resolution: DYNAMIC_DNS", "EGR530"),
        ("resolution: NONE\n  endpoints: [{address: 10.0.0.1}]", "EGR532"),
        ("resolution: DNS_ROUND_ROBIN\n  endpoints: [{address: a.x.com}, {address: b.x.com}]", "EGR532"),
        ("resolution: DNS\n  endpoints: [{address: a.x.com, ports: {nope: 1}}]", "EGR532"),
        ("resolution: DNS\n  addresses: [10.0.0.0/8]", "EGR971"),
    ],
)
def test_what_istio_refuses_opens_nothing(extra: str, code: str) -> None:
    refused = entry("x.com", extra=extra)
    assert code in audit(*BASE, refused)
    assert decision(*BASE, refused, to="x.com") == "denied"
    sound = entry("x.com", extra="resolution: DNS\n  endpoints: [{address: a.x.com, ports: {tls: 8443}}]")
    assert not audit(*BASE, sound) & {"EGR530", "EGR531", "EGR532"}
    assert decision(*BASE, sound, to="x.com") == "allowed"


@pytest.mark.parametrize("name", ["Tls", "tls_1", "-tls"])
def test_port_names_are_labels(name: str) -> None:
    assert "EGR968" in audit(*BASE, entry("x.com", port=f"{{number: 443, name: {name}, protocol: TLS}}"))


def test_unusual_families_are_said() -> None:
    """G-A08."""
    assert "EGR976" in audit(*BASE, entry("x.com", port="{number: 443, name: http, protocol: HTTP}"))
    assert "EGR976" not in audit(*BASE, entry("x.com"))


# --- G-A10, G-A11


def test_exports() -> None:
    hidden = entry("x.com", extra='exportTo: ["~"]')
    assert "EGR521" in audit(*BASE, hidden)
    assert decision(*BASE, hidden, to="x.com") == "denied"
    shared = repository(*BASE, entry("x.com", namespace="other"))
    assert texts_of(drafted(shared, "x.com")) == {}


def test_the_mesh_may_export_to_the_own_namespace_by_default() -> None:
    mesh = {"istiod.yaml": 'meshConfig:\n  defaultServiceExportTo: ["."]\n'}
    other = entry("x.com", namespace="other")
    assert decision(*BASE, other, to="x.com", files=mesh) == "denied"
    assert decision(*BASE, entry("x.com"), to="x.com", files=mesh) == "allowed"


# --- two entries of one host


def test_an_entry_of_another_namespace_may_lose_to_one_without_the_port() -> None:
    narrow = entry("x.com", namespace="alpha", name="a", port="{number: 80, name: http, protocol: HTTP}")
    both = (*BASE, entry("x.com", namespace="beta", name="b"), narrow)
    verdict = check(repository(*both), "x.com")
    assert (verdict.decision, "EGR526" in codes(verdict.findings)) == ("undecided", True)
    assert decision(*both, entry("x.com", name="own"), to="x.com") == "allowed"


# --- G-A13 to G-A18, G-A27


@pytest.mark.parametrize(
    ("egress", "code"),
    [
        (reach("sso", "definition"), "EGR535"),
        (reach('"1.2.3.4:443"'), "EGR540"),
        (reach('"10.0.0.0/8 :443"'), "EGR540"),
        (reach("nobody", "definition"), "EGR539"),
        (reach("10.0.0.0/8:443", value="null"), "EGR536"),
        (reach("10.0.0.0/8:443", value='"true"'), "EGR536"),
        ("definitions: {kubeAPI: {to: [{ipBlock: {cidr: 10.1.0.0/16}}]}}\n" + reach("kubeAPI", "definition"), "EGR537"),
        (reach("kube-system/kube-dns:53", "k8s"), "EGR534"),
    ],
)
def test_what_is_wrong_in_values_is_said(egress: str, code: str) -> None:
    assert code in audit(DEPLOYMENT, files=values(egress))
    assert not audit(DEPLOYMENT, files=values(reach("10.0.0.0/8:443")))


@pytest.mark.parametrize(
    "egress", [reach('"1.2.3.4:443"') + "\n        203.0.113.0/24:443: true", reach("nobody", "definition")]
)
def test_a_release_that_does_not_render_is_no_answer(egress: str) -> None:
    """G-A14: what stands in the cluster then is the release before, which nobody sees here."""
    assert decision(DEPLOYMENT, to="203.0.113.9:443", files=values(egress)) == "undecided"


def test_the_older_list_is_ignored_beside_the_newer_one() -> None:
    """G-A17."""
    spec = "spec: {podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: %s}}]}]}"
    older = f"  additional:\n  - name: b\n    {spec % '203.0.113.0/24'}\n"
    newer = f"  additionalPolicies:\n  - name: a\n    {spec % '198.51.100.0/24'}\n"
    head = {**CHART, "chart/values.yaml": f"networkPolicies:\n  enabled: true\n{older}"}
    assert decision(DEPLOYMENT, to="203.0.113.9:443", files=head) == "allowed"
    both = {**head, "chart/values.yaml": head["chart/values.yaml"] + newer}
    assert "EGR538" in audit(DEPLOYMENT, files=both)
    assert decision(DEPLOYMENT, to="203.0.113.9:443", files=both) == "denied"
    assert decision(DEPLOYMENT, to="198.51.100.9:443", files=both) == "allowed"


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [
        ("{to: [{ipBlock: {cidr: not-a-range}}]}", "denied"),
        ("{to: [{}]}", "denied"),
        ("{to: [{ipBlock: {cidr: 203.0.113.0/24}}], ports: [{port: https}]}", "denied"),
        ("{to: [{ipBlock: {cidr: 203.0.113.0/24}}], ports: [{port: 443}]}", "allowed"),
        ("{ports: [{port: 443}]}", "allowed"),
        ("{to: [{ipBlock: {cidr: 203.0.113.0/24, except: [203.0.113.8/29]}}]}", "denied"),
        ("{to: [{ipBlock: {cidr: 203.0.113.0/24, except: [203.0.113.16/29]}}]}", "allowed"),
        ("{to: [{ipBlock: {cidr: 203.0.113.0/24}}], ports: [{port: 440, endPort: 443}]}", "allowed"),
    ],
)
def test_a_rule_without_a_sound_form_opens_nothing(rule: str, wanted: str) -> None:
    egress = reach("here", "literal", f"{{enabled: true, spec: [{rule}]}}")
    assert decision(DEPLOYMENT, to="203.0.113.9:443", files=values(egress)) == wanted


@pytest.mark.parametrize(
    ("key", "team", "wanted"),
    [("nowhere/api:8080", "pay", "allowed"), ("pay/api:8080", "other", "denied"), ("pay/api:9090", "pay", "denied")],
)
def test_a_selector_in_values_replaces_the_namespace_of_its_key(key: str, team: str, wanted: str) -> None:
    """And the pods, where it says so; the port of the key stays."""
    selectors = f"namespaceSelector: {{matchLabels: {{team: {team}}}}}, podSelector: {{matchLabels: {{app: api}}}}"
    files = values(reach(key, "k8s", f"{{enabled: true, {selectors}}}"))
    texts = (DEPLOYMENT, API, SERVICE, namespace("team: pay", "pay"))
    assert decision(*texts, to="http://api.pay.svc.cluster.local", files=files) == wanted


@pytest.mark.parametrize(("to", "wanted"), [("[2001:db8:1::9]:443", "denied"), ("[2001:db8:2::9]:443", "allowed")])
def test_exceptions_from_ipv6_ranges_count(to: str, wanted: str) -> None:
    rule = "{to: [{ipBlock: {cidr: '2001:db8::/32', except: ['2001:db8:1::/48']}}]}"
    egress = reach("here", "literal", f"{{enabled: true, spec: [{rule}]}}")
    assert decision(DEPLOYMENT, to=to, files=values(egress)) == wanted


def test_a_chart_of_bb_common_denies_with_the_switch_alone() -> None:
    switch = "networkPolicies:\n  enabled: true\n"
    assert decision(DEPLOYMENT, to="203.0.113.9:443", files={**CHART, "chart/values.yaml": switch}) == "denied"
    other = {"chart/Chart.yaml": "name: shop\nversion: 1.0.0\n", "chart/values.yaml": switch}
    assert not check(repository(DEPLOYMENT, files=other), "203.0.113.9:443").layers


def test_definitions_of_the_umbrella_reach_its_packages() -> None:
    umbrella = (
        "networkPolicies:\n  enabled: true\n  egress:\n    definitions:\n      partner:\n"
        "        to: [{ipBlock: {cidr: 203.0.113.0/24}}]\n        ports: [{port: 443, protocol: TCP}]\n"
        "packages:\n  shop:\n    values:\n      networkPolicies:\n        egress:\n          from:\n"
        '            "*":\n              to:\n                definition:\n                  partner: true\n'
    )
    files = {"bigbang/values.yaml": umbrella}
    assert decision(to="203.0.113.9:443", for_="shop", files=files) == "allowed"
    assert decision(to="203.0.113.9:8443", for_="shop", files=files) == "denied"


# --- G-A19, G-A20 and the mesh without a proxy


@pytest.mark.parametrize(
    ("pods", "home", "wanted"),
    [
        (DEPLOYMENT, "istio-injection: enabled", "denied"),
        (DEPLOYMENT, "istio.io/rev: 1-24", "denied"),
        (DEPLOYMENT, "istio-injection: disabled", "no say"),
        (DEPLOYMENT, "team: shop", "undecided"),
        (annotated(labels="app: web, sidecar.istio.io/inject: 'false'"), "istio-injection: enabled", "no say"),
        (annotated("sidecar.istio.io/inject=false"), "istio-injection: enabled", "no say"),
        (annotated(labels="app: web, sidecar.istio.io/inject: 'true'"), "team: shop", "denied"),
        (DEPLOYMENT, "{istio.io/dataplane-mode: ambient}"[1:-1], "allowed"),
        (DEPLOYMENT, "istio.io/dataplane-mode: ambient, istio-injection: enabled", "denied"),
    ],
)
def test_whether_a_proxy_is_in_the_way(pods: str, home: str, wanted: str) -> None:
    verdict = check(repository(pods, REGISTRY_ONLY, namespace(home)), "x.com")
    mesh = next((layer.decision for layer in verdict.layers if layer.layer == "mesh"), "no say")
    assert mesh == wanted


_OWN = "apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {{name: {}, namespace: shop}}\nspec: {{{}}}\n"
_ANY, _ONLY = (f"outboundTrafficPolicy: {{mode: {mode}}}" for mode in ("ALLOW_ANY", "REGISTRY_ONLY"))
_WEB = "workloadSelector: {labels: {app: web}}, "


@pytest.mark.parametrize(
    ("sidecars", "to", "wanted"),
    [
        ([_ONLY, _ANY], "x.com", "undecided"),
        ([_ONLY, _ONLY], "x.com", "denied"),
        ([_ONLY, _ANY], "listed.com", "allowed"),
        ([_ONLY, _ONLY + ", egress: [{hosts: ['./*']}]"], "listed.com", "undecided"),
        ([_WEB + _ONLY, _WEB + _ANY], "x.com", "undecided"),
        ([_WEB + _ANY, _ONLY], "x.com", "allowed"),
        ([_WEB.replace("web", "other") + _ANY, _ONLY], "x.com", "denied"),
    ],
)
def test_which_of_two_sidecars_counts_nobody_knows(sidecars: list[str], to: str, wanted: str) -> None:
    texts = [_OWN.format(f"s{at}", spec) for at, spec in enumerate(sidecars)]
    assert decision(DEPLOYMENT, *texts, entry("listed.com", namespace="other"), to=to) == wanted


@pytest.mark.parametrize(
    ("field", "wanted"),
    [
        ("exportto: ['.']", "undecided"),
        ("resolutions: DNS", "undecided"),
        ("exportTo: ['.']", "allowed"),
        ("owner: payments", "allowed"),
    ],
)
def test_an_entry_with_a_slip_is_taken_or_refused(field: str, wanted: str) -> None:
    listed = entry("x.com", extra=f"resolution: DNS\n  {field}")
    assert decision(DEPLOYMENT, REGISTRY_ONLY, listed, to="x.com") == wanted
    sound = entry("x.com", name="sound")
    assert decision(DEPLOYMENT, REGISTRY_ONLY, listed, sound, to="x.com") == "allowed"


def test_pods_that_leave_the_ambient_mesh_may_have_no_proxy_at_all() -> None:
    pods = annotated(labels="app: web, istio.io/dataplane-mode: none")
    assert decision(pods, REGISTRY_ONLY, to="x.com") == "undecided"
    assert decision(DEPLOYMENT, REGISTRY_ONLY, to="x.com") == "denied"


@pytest.mark.parametrize(
    ("note", "to", "ip", "wanted"),
    [
        ("excludeOutboundPorts=5432", "tcp://db.x.com:5432", (), "allowed"),
        ("excludeOutboundPorts=5432", "x.com", (), "denied"),
        ("excludeOutboundIPRanges=203.0.113.0/24", "203.0.113.9:443", (), "allowed"),
        ("excludeOutboundIPRanges=203.0.113.0/24", "198.51.100.9:443", (), "denied"),
        ("excludeOutboundIPRanges=203.0.113.0/24", "x.com", ("203.0.113.9",), "allowed"),
        ("excludeOutboundIPRanges=8.0.0.0/8", "x.com", (), "undecided"),
        ("excludeOutboundIPRanges=10.0.0.0/8", "x.com", (), "denied"),
        ("includeOutboundIPRanges=10.0.0.0/8", "198.51.100.9:443", (), "allowed"),
        ("includeOutboundIPRanges=10.0.0.0/8", "10.1.2.3:443", (), "denied"),
        ("includeOutboundIPRanges=*", "x.com", (), "denied"),
    ],
)
def test_traffic_that_no_proxy_takes(note: str, to: str, ip: tuple[str, ...], wanted: str) -> None:
    pods = annotated(f"traffic.sidecar.istio.io/{note}")
    assert check(repository(pods, REGISTRY_ONLY), to, ip=ip).decision == wanted


def test_the_whole_mesh_may_exclude_ranges() -> None:
    files = {"istiod-values.yaml": "global:\n  proxy:\n    excludeIPRanges: 203.0.113.0/24\n"}
    assert decision(*BASE, to="203.0.113.9:443", files=files) == "allowed"
    assert decision(*BASE, to="203.0.114.9:443", files=files) == "denied"


def test_a_listener_with_a_port_carries_that_port_alone() -> None:
    narrow = REGISTRY_ONLY + "  egress:\n  - port: {number: 8443, protocol: TLS, name: a}\n    hosts: ['./*']\n"
    port = "{number: 443, name: tls, protocol: TLS}\n  - {number: 8443, name: tls-8443, protocol: TLS}"
    texts = (DEPLOYMENT, narrow, entry("x.com", port=port))
    assert decision(*texts, to="x.com:443") == "denied"
    assert decision(*texts, to="tls://x.com:8443") == "allowed"


# --- G-A21


def test_overlays_that_differ_are_said() -> None:
    files = {"overlays/staging/se.yaml": entry("x.com"), "overlays/production/se.yaml": entry("y.com", name="y")}
    assert "EGR587" in audit(*BASE, files=files)
    files["overlays/production/se.yaml"] = entry("x.com")
    assert "EGR587" not in audit(*BASE, files=files)


def test_an_environment_in_front_of_the_workload_changes_that_one_alone() -> None:
    files = {f"overlays/{name}/se.yaml": entry("a.com", name="a") for name in ("staging", "production")}
    both = drafted(repository(*BASE, files=files), "x.com")
    assert "EGR586" in codes(both.change.findings)
    one = drafted(repository(*BASE, files=files), "x.com", for_="production:shop/web")
    assert list(texts_of(one)) == ["overlays/production/se.yaml"]
    assert "EGR586" not in codes(one.change.findings)


# --- G-A22

API = DEPLOYMENT.replace("web", "api").replace("shop", "pay")
SERVICE = (
    "apiVersion: v1\nkind: Service\nmetadata: {name: api, namespace: pay}\n"
    "spec: {selector: {app: api}, ports: [{port: 80, targetPort: 8080}]}\n"
)
FAR = {
    "pay/chart/Chart.yaml": "name: pay\nversion: 1.0.0\n",
    "pay/chart/values.yaml": "networkPolicies:\n  enabled: true\n  ingress:\n    to:\n      api:8080:\n"
    "        podSelector: {matchLabels: {app: api}}\n        from:\n          k8s:\n            other/thing: true\n",
}


def test_the_far_side_must_let_in_too_and_its_file_is_the_counterpart() -> None:
    files = {**values(reach("198.51.100.0/24:443")), **FAR}
    allowed = repository(DEPLOYMENT, API, SERVICE, files=files)
    assert check(allowed, "http://api.pay.svc.cluster.local").decision == "denied"
    made = drafted(allowed, "http://api.pay.svc.cluster.local")
    assert {edit.path: edit.role for edit in made.change.edits} == {
        "chart/values.yaml": "allowlist",
        "pay/chart/values.yaml": "counterpart",
    }
    assert "pay/api:8080:" in texts_of(made)["chart/values.yaml"]
    assert "shop/web:" in texts_of(made)["pay/chart/values.yaml"]
    assert made.change.proof.after == "allowed"
    after = allowed.with_edits(made.change.edits)
    undone = after.with_edits(drafted(after, "http://api.pay.svc.cluster.local", remove=True).change.edits)
    assert {path: undone.texts[path] for path in files} == files


def test_a_key_of_another_port_lets_nothing_in() -> None:
    """The far side has a key for 9090; the Service leads to 8080, which gets a key of its own."""
    far = {path: text.replace("api:8080", "api:9090") for path, text in FAR.items()}
    allowed = repository(DEPLOYMENT, API, SERVICE, files={**values(reach("198.51.100.0/24:443")), **far})
    made = drafted(allowed, "http://api.pay.svc.cluster.local")
    assert "api:8080:" in texts_of(made)["pay/chart/values.yaml"]
    assert made.change.proof.after == "allowed"
    assert "EGR987" not in codes(made.change.findings)


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        ("{}", "denied"),
        ("{rules: [{}]}", "allowed"),
        ("{rules: [{from: [{source: {namespaces: [shop]}}]}]}", "allowed"),
        ("{rules: [{from: [{source: {namespaces: [sho*]}}]}]}", "allowed"),
        ("{rules: [{from: [{source: {principals: ['*/ns/shop/sa/default']}}]}]}", "allowed"),
        ("{rules: [{from: [{source: {principals: [cluster.local/ns/shop/sa/other]}}]}]}", "denied"),
        ("{rules: [{from: [{source: {serviceAccounts: [shop/default]}}]}]}", "allowed"),
        ("{rules: [{from: [{source: {notNamespaces: [shop]}}]}]}", "denied"),
        ("{rules: [{from: [{source: {namespaces: [shop]}}], to: [{operation: {ports: ['8080']}}]}]}", "allowed"),
        ("{rules: [{from: [{source: {namespaces: [shop]}}], to: [{operation: {ports: ['9090']}}]}]}", "denied"),
        ("{rules: [{from: [{source: {namespaces: [shop]}}], to: [{operation: {methods: [GET]}}]}]}", "undecided"),
        ("{action: DENY, rules: [{from: [{source: {namespaces: [shop]}}]}]}", "denied"),
        ("{action: DENY}", "allowed"),
        ("{action: CUSTOM, provider: {name: opa}, rules: [{}]}", "undecided"),
        ("{selector: {matchLabels: {app: other}}}", "allowed"),
    ],
)
def test_policies_of_the_far_pods(spec: str, wanted: str) -> None:
    """Beside an open NetworkPolicy, so that the mesh alone decides."""
    policy = f"apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: p, namespace: pay}}\nspec: {spec}\n"
    network = (
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: open, namespace: shop}\n"
        "spec: {podSelector: {}, policyTypes: [Egress], egress: [{}]}\n"
    )
    texts = (DEPLOYMENT, API, SERVICE, network, policy)
    assert decision(*texts, to="http://api.pay.svc.cluster.local") == wanted


# --- egress gateways and waypoints

GATEWAY = """\
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: out, namespace: shop}
spec:
  selector: {istio: egressgateway}
  servers:
  - {port: {number: 443, name: tls, protocol: TLS}, tls: {mode: PASSTHROUGH}, hosts: [x.com]}
"""
ROUTE = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: through, namespace: shop}
spec:
  hosts: [x.com]
  gateways: [mesh, out]
  tls:
  - match: [{gateways: [mesh], port: 443, sniHosts: [x.com]}]
    route: [{destination: {host: istio-egressgateway.istio-system.svc.cluster.local, port: {number: 443}}}]
  - match: [{gateways: [out], port: 443, sniHosts: [x.com]}]
    route: [{destination: {host: x.com, port: {number: 443}}}]
"""


def test_an_egress_gateway_must_expose_the_host() -> None:
    texts = (*BASE, entry("x.com"), ROUTE)
    through = check(repository(*texts, GATEWAY), "x.com")
    assert (through.decision, "EGR525" in codes(through.findings)) == ("allowed", True)
    closed = check(repository(*texts, GATEWAY.replace("hosts: [x.com]", "hosts: [y.com]")), "x.com")
    assert (closed.decision, "EGR524" in near(closed)) == ("denied", True)
    other_port = GATEWAY.replace("number: 443", "number: 8443")
    assert decision(*texts, other_port, to="x.com") == "denied"


def test_a_policy_of_the_egress_gateway_decides() -> None:
    policy = (
        "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: who, namespace: istio-system}\n"
        "spec:\n  selector: {matchLabels: {istio: egressgateway}}\n  rules:\n  - from: [{source: {namespaces: [%s]}}]\n"
    )
    texts = (*BASE, entry("x.com"), ROUTE, GATEWAY)
    assert decision(*texts, policy % "shop", to="x.com") == "allowed"
    assert decision(*texts, policy % "other", to="x.com") == "denied"


def test_a_route_to_an_unregistered_host_is_said() -> None:
    assert "EGR522" in audit(*BASE, ROUTE, GATEWAY)
    assert "EGR522" not in audit(*BASE, ROUTE, GATEWAY, entry("x.com"))


@pytest.mark.parametrize("source", ["label of the entry", "label of the namespace"])
def test_a_policy_of_the_waypoint_decides(source: str) -> None:
    policy = (
        "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: who, namespace: egress}\n"
        "spec:\n  targetRefs: [{kind: Gateway, group: gateway.networking.k8s.io, name: waypoint}]\n"
        "  rules:\n  - from: [{source: {namespaces: [%s]}}]\n"
    )
    listed = entry("x.com", namespace="egress")
    label = "istio.io/use-waypoint: waypoint"
    if source == "label of the entry":
        listed = listed.replace("metadata:\n", f"metadata:\n  labels: {{{label}}}\n")
    home = namespace(label if source == "label of the namespace" else "a: b", "egress")
    texts = (DEPLOYMENT, namespace("istio.io/dataplane-mode: ambient"), home, listed)
    assert decision(*texts, policy % "other", to="x.com") == "denied"
    network = "apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {name: d, namespace: shop}\nspec: {outboundTrafficPolicy: {mode: REGISTRY_ONLY}}\n"
    assert decision(*texts, network, policy % "shop", to="x.com") == "allowed"


def test_nothing_is_registered_where_no_proxy_asks_the_registry() -> None:
    network = (
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: deny, namespace: shop}\n"
        "spec: {podSelector: {}, policyTypes: [Egress]}\n"
    )
    ambient = repository(*BASE, namespace("istio.io/dataplane-mode: ambient"), network)
    assert "ServiceEntry" not in texts_of(drafted(ambient, "x.com", ip=["203.0.113.9"]))["app.yaml"]
    sidecars = repository(*BASE, namespace("istio-injection: enabled"), network)
    assert "ServiceEntry" in texts_of(drafted(sidecars, "x.com", ip=["203.0.113.9"]))["app.yaml"]


# --- contradictions


def test_a_host_under_a_wildcard_is_said() -> None:
    wide = entry("*.x.com", name="wide", extra="resolution: NONE")
    assert "EGR523" in audit(*BASE, wide, entry("a.x.com", name="a"))
    assert "EGR523" not in audit(*BASE, wide, entry("x.com", name="a"))
    assert "EGR523" not in audit(*BASE, wide, entry("a.x.com", port="{number: 8443, name: t, protocol: TLS}"))


def test_selectors_that_select_nothing_are_said() -> None:
    assert "EGR589" in audit(
        DEPLOYMENT, REGISTRY_ONLY.replace("spec:\n", "spec:\n  workloadSelector: {labels: {app: wbe}}\n")
    )
    assert "EGR589" not in audit(
        DEPLOYMENT, REGISTRY_ONLY.replace("spec:\n", "spec:\n  workloadSelector: {labels: {app: web}}\n")
    )


@pytest.mark.parametrize("labels", ["{app: '{{ .Values.app }}'}", ""])
def test_nothing_is_said_of_a_selector_whose_pods_are_not_known(labels: str) -> None:
    """Pods that a tool completes may carry it, and so may those that are kept elsewhere."""
    pods = [DEPLOYMENT.replace("{app: web}", labels)] if labels else []
    sidecar = REGISTRY_ONLY.replace("spec:\n", "spec:\n  workloadSelector: {labels: {app: wbe}}\n")
    assert "EGR589" not in audit(*pods, sidecar)
    elsewhere = DEPLOYMENT.replace("app: web", "app: wbe").replace("namespace: shop", "namespace: other")
    assert "EGR589" not in audit(*pods, elsewhere, sidecar)


@pytest.mark.parametrize(
    ("key", "far", "numbers"),
    [
        ("10.0.0.0/8:[443,8000-8002]", "10.0.0.0/8", {443, 8000, 8001, 8002}),
        ("udp://pay/api:53", "udp://pay/api", {53}),
        ("10.0.0.0/8", "10.0.0.0/8", set()),
        ("10.0.0.0/8:a-443", "10.0.0.0/8", set()),
        ("10.0.0.0/8:443-b", "10.0.0.0/8", set()),
        ("10.0.0.0/8:1-65535", "10.0.0.0/8", set()),
    ],
)
def test_a_key_is_taken_apart(key: str, far: str, numbers: set[int]) -> None:
    """Ports that can't be changed one by one, or are none at all, are as good as no ports."""
    assert parted(key) == (far, frozenset(numbers))
