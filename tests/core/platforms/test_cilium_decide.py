"""Verdicts of Cilium policies: for every case that allows, one that does not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skills.core.model import Workload
from tests.core.kube import deployment, namespace, service, to
from tests.core.platforms.cilium_support import API, WEB, ccnp, cnp, egress, names, world

STRIPE = to("api.stripe.com")


def decided(body: str, host: str = "api.stripe.com", port: int = 443, **more: str) -> str:
    return world(cnp(body), WEB, **more).decision(to(host, port))


# --- who is isolated


@pytest.mark.parametrize("body", ["egress: [{}]", "egress: []", "egressDeny: []", "egress: [{toEndpoints: [{}]}]"])
def test_an_egress_section_of_any_kind_isolates(body: str) -> None:
    assert decided(body) == "denied"


@pytest.mark.parametrize(
    "body",
    ["ingress: [{}]", "enableDefaultDeny: {egress: false}\negress: [{toEntities: [cluster]}]"],
)
def test_without_default_deny_everything_leaves(body: str) -> None:
    assert decided(body) == "allowed"


def test_only_selected_pods_are_isolated() -> None:
    made = world(cnp("egress: [{}]"), WEB, deployment("other"))
    assert made.decision(STRIPE) == "denied"
    assert made.decision(STRIPE, "shop/other") == "allowed"
    assert made.findings(STRIPE, "shop/other") == ["EGR868"]


def test_a_policy_of_another_namespace_is_not_about_these_pods() -> None:
    assert world(cnp("egress: [{}]", namespace="back"), WEB).views(STRIPE) == []


@pytest.mark.parametrize(
    ("select", "expected"),
    [
        ("{}", "denied"),
        ("{matchLabels: {k8s:app: web}}", "denied"),
        ("{matchLabels: {any:app: web}}", "denied"),
        ("{matchLabels: {container:app: web}}", "allowed"),
        ('{matchLabels: {"k8s:io.kubernetes.pod.namespace": shop}}', "denied"),
        ('{matchLabels: {"k8s:io.kubernetes.pod.namespace": back}}', "allowed"),
        ("{matchExpressions: [{key: app, operator: In, values: [web, api]}]}", "denied"),
        ("{matchExpressions: [{key: app, operator: NotIn, values: [web]}]}", "allowed"),
        ('{matchExpressions: [{key: "k8s:io.kubernetes.pod.namespace", operator: In, values: [shop, pay]}]}', "denied"),
        ('{matchExpressions: [{key: "k8s:io.kubernetes.pod.namespace", operator: NotIn, values: [pay]}]}', "denied"),
        ('{matchExpressions: [{key: "k8s:io.kubernetes.pod.namespace", operator: NotIn, values: [shop]}]}', "allowed"),
        ("{matchLabels: {io.cilium.k8s.policy.serviceaccount: default}}", "denied"),
        ("{matchLabels: {io.cilium.k8s.policy.serviceaccount: other}}", "allowed"),
        ("{matchLabels: {io.cilium.k8s.namespace.labels.team: pay}}", "denied"),
        ("{matchLabels: {io.cilium.k8s.namespace.labels.team: ops}}", "allowed"),
        ('{matchLabels: {app: "{{ .Values.app }}"}}', "undecided"),
    ],
)
def test_clusterwide_selectors(select: str, expected: str) -> None:
    made = world(ccnp("egress: [{}]", select=select), WEB, namespace("shop", team="pay"))
    assert (made.decision(STRIPE) if made.views(STRIPE) else "allowed") == expected


def test_a_node_selector_is_about_no_pod() -> None:
    text = ccnp("egress: [{}]").replace("endpointSelector", "nodeSelector")
    assert world(text, WEB).decision(STRIPE) == "allowed"


def test_specs_are_a_union() -> None:
    text = cnp("").split("spec:")[0] + (
        "specs:\n- endpointSelector: {}\n  egress: [{}]\n"
        "- endpointSelector: {matchLabels: {app: web}}\n  egress: [{toEntities: [world]}]\n"
    )
    made = world(text, WEB, deployment("other"))
    assert made.decision(STRIPE) == "allowed"
    assert made.decision(STRIPE, "shop/other") == "denied"


def test_unknown_labels_are_undecided() -> None:
    made = world(cnp("egress: [{}]"))
    assert made.decision(STRIPE, Workload("k8s", "kubernetes", "shop", "shop", namespace="shop")) == "undecided"


def test_the_host_network_is_not_governed() -> None:
    made = world(
        cnp("egress: [{}]", select="{}"), WEB.replace("spec:\n      con", "spec:\n      hostNetwork: true\n      con")
    )
    assert made.findings(STRIPE) == ["EGR867"]
    assert made.decision(STRIPE) == "allowed"


# --- names


@pytest.mark.parametrize(
    ("listed", "host", "expected"),
    [
        ("api.stripe.com", "api.stripe.com", "allowed"),
        ("API.Stripe.com.", "api.stripe.com", "allowed"),
        ("*.stripe.com", "api.stripe.com", "allowed"),
        ("*.stripe.com", "stripe.com", "denied"),
        ("*.stripe.com", "a.api.stripe.com", "denied"),
        ("**.stripe.com", "a.api.stripe.com", "allowed"),
        ("*", "anything.example", "allowed"),
    ],
)
def test_names(listed: str, host: str, expected: str) -> None:
    assert decided(egress(names(listed)), host) == expected


def test_a_name_needs_the_dns_proxy() -> None:
    made = world(cnp(egress(names("api.stripe.com"), dns=False)), WEB)
    assert made.decision(STRIPE) == "denied"
    assert made.near(STRIPE) == ["EGR193"]
    assert made.findings(STRIPE) == ["EGR863"]
    plain = '{toEndpoints: [{matchLabels: {k8s:io.kubernetes.pod.namespace: kube-system}}], toPorts: [{ports: [{port: "53"}]}]}'
    without = world(cnp(egress(names("api.stripe.com"), plain, dns=False)), WEB)
    assert (without.decision(STRIPE), without.near(STRIPE), without.findings(STRIPE)) == ("denied", ["EGR193"], [])


def test_the_dns_rule_must_cover_the_name() -> None:
    body = egress(names("api.stripe.com")).replace('"*"', '"*.github.com"')
    made = world(cnp(body), WEB)
    assert made.decision(STRIPE) == "denied"
    assert made.near(STRIPE) == ["EGR194"]
    assert made.findings(STRIPE) == ["EGR864"]
    assert decided(body.replace("*.github.com", "*.stripe.com")) == "allowed"


def test_the_dns_rule_may_stand_in_another_policy_of_the_same_pods() -> None:
    own = cnp(egress(names("api.stripe.com"), dns=False))
    assert world(own, cnp(egress(), "dns", select="{}"), WEB).decision(STRIPE) == "allowed"
    assert world(own, ccnp(egress(), "dns"), WEB).decision(STRIPE) == "allowed"
    assert world(own, cnp(egress(), "dns", select="{matchLabels: {app: api}}"), WEB).decision(STRIPE) == "denied"


def test_names_never_hold_addresses() -> None:
    made = world(cnp(egress(names("api.stripe.com"))), WEB)
    assert made.decision(to("198.51.100.7")) == "denied"
    assert made.near(to("198.51.100.7")) == ["EGR196"]


def test_a_templated_name_is_undecided_where_it_could_fit() -> None:
    body = egress(names("api.${DOMAIN}"))
    assert decided(body) == "undecided"
    assert decided(body, "www.stripe.com") == "denied"


@pytest.mark.parametrize(
    ("listed", "host", "code"),
    [
        ("*.stripe.com", "stripe.com", "EGR190"),
        ("*.stripe.com", "a.b.stripe.com", "EGR191"),
        ("stripe.com", "api.stripe.com", "EGR192"),
        ("api.stripe.com", "files.stripe.com", "EGR192"),
    ],
)
def test_near_names(listed: str, host: str, code: str) -> None:
    made = world(cnp(egress(names(listed))), WEB)
    assert made.near(to(host)) == [code]
    assert made.near(to("unrelated.example")) == []


# --- ports


@pytest.mark.parametrize(
    ("ports", "port", "protocol", "expected"),
    [
        ('{port: "443", protocol: TCP}', 443, "tcp", "allowed"),
        ('{port: "443", protocol: TCP}', 8443, "tcp", "denied"),
        ('{port: "443", protocol: TCP}', 443, "udp", "denied"),
        ('{port: "443"}', 443, "udp", "allowed"),
        ('{port: "443", protocol: ANY}', 443, "udp", "allowed"),
        ('{port: "0", protocol: TCP}', 9999, "tcp", "allowed"),
        ('{port: "8000", endPort: 8100, protocol: TCP}', 8050, "tcp", "allowed"),
        ('{port: "8000", endPort: 8100, protocol: TCP}', "8050-8200", "tcp", "denied"),
        ("{port: https, protocol: TCP}", 443, "tcp", "denied"),
    ],
)
def test_ports(ports: str, port: int | str, protocol: str, expected: str) -> None:
    made = world(cnp(f"egress: [{{toEntities: [world], toPorts: [{{ports: [{ports}]}}]}}]"), WEB)
    assert made.decision(to("api.stripe.com", port, protocol)) == expected


def test_port_and_protocol_near_misses() -> None:
    made = world(cnp(egress(names("api.stripe.com"))), WEB)
    assert made.near(to("api.stripe.com", 8443)) == ["EGR130"]
    assert made.near(to("api.stripe.com", 443, "udp")) == ["EGR131"]


def test_ports_without_peers_open_them_to_everyone() -> None:
    body = 'egress: [{toPorts: [{ports: [{port: "443"}]}]}]'
    assert decided(body) == "allowed"
    assert decided(body, port=80) == "denied"


def test_icmp_rules_open_no_port() -> None:
    assert decided("egress: [{toEntities: [world], icmps: [{fields: [{type: 8}]}]}]") == "denied"


def test_requests_are_limited_but_the_connection_passes() -> None:
    rule = '{toEntities: [world], toPorts: [{ports: [{port: "80", protocol: TCP}], rules: {http: [{method: GET}]}}]}'
    made = world(cnp(egress(rule)), WEB)
    assert made.decision(to("example.com", 80)) == "allowed"
    assert made.findings(to("example.com", 80)) == ["EGR862"]
    wider = world(cnp(egress(rule, "{toEntities: [world]}")), WEB)
    assert wider.findings(to("example.com", 80)) == []


def test_a_parser_of_requests_cannot_read_tls() -> None:
    """Envoy's HTTP parser gets the bytes of a handshake and gives up, unless the rule takes TLS off."""
    port = '{toEntities: [world], toPorts: [{ports: [{port: "443", protocol: TCP}], rules: {http: [{method: GET}]}%s}]}'
    assert world(cnp(egress(port % "")), WEB).decision(to("example.com", 443)) == "undecided"
    opened = port % ", terminatingTLS: {secret: {name: a}}, originatingTLS: {secret: {name: b}}"
    assert world(cnp(egress(opened)), WEB).decision(to("example.com", 443)) == "allowed"
    wider = world(cnp(egress(port % "", "{toEntities: [world]}")), WEB)
    assert wider.decision(to("example.com", 443)) == "allowed"


def test_server_names_limit_tls() -> None:
    body = 'egress: [{toPorts: [{ports: [{port: "443", protocol: TCP}], serverNames: ["*.stripe.com"]}]}]'
    assert decided(body) == "allowed"
    assert decided(body, "example.com") == "denied"


# --- entities and addresses


@pytest.mark.parametrize(
    ("entity", "outside", "inside"),
    [
        ("all", "allowed", "allowed"),
        ("world", "allowed", "denied"),
        ("world-ipv4", "allowed", "denied"),
        ("world-ipv6", "denied", "denied"),
        ("cluster", "denied", "allowed"),
        ("kube-apiserver", "denied", "denied"),
        ("host", "denied", "denied"),
    ],
)
def test_entities(entity: str, outside: str, inside: str) -> None:
    made = world(cnp(f"egress: [{{toEntities: [{entity}]}}]"), WEB, API)
    assert made.decision(STRIPE) == outside
    assert made.decision(to("workload://back/api", 8080)) == inside


def test_the_api_server() -> None:
    there = to("kubernetes.default.svc")
    for entity, expected in (("kube-apiserver", "allowed"), ("cluster", "allowed"), ("host", "undecided")):
        assert world(cnp(f"egress: [{{toEntities: [{entity}]}}]"), WEB).decision(there) == expected
    assert world(cnp("egress: [{toEndpoints: [{}]}]"), WEB).decision(there) == "denied"
    assert "EGR1209" in world(cnp(egress()), WEB).findings(to("10.96.0.1"))
    assert "EGR1209" not in world(cnp(egress()), WEB).findings(to("10.96.0.9"))


def test_blocks_hold_addresses_but_never_pods() -> None:
    made = world(cnp("egress: [{toCIDRSet: [{cidr: 198.51.100.0/24, except: [198.51.100.8/32]}]}]"), WEB, API)
    assert made.decision(to("198.51.100.7")) == "allowed"
    assert made.decision(to("198.51.100.8")) == "denied"
    assert made.decision(to("partner.example", ips=["198.51.100.9"])) == "allowed"
    assert made.decision(to("partner.example", ips=["198.51.101.9"])) == "denied"
    assert made.near(to("partner.example", ips=["198.51.101.9"])) == ["EGR142"]
    assert made.decision(to("partner.example")) == "undecided"
    whole = world(cnp("egress: [{toCIDR: [0.0.0.0/0]}]"), WEB, API)
    assert whole.decision(STRIPE) == "allowed"
    assert whole.decision(to("workload://back/api", 8080)) == "denied"
    assert whole.near(to("workload://back/api", 8080)) == ["EGR195"]


def test_a_part_of_the_internet_needs_addresses() -> None:
    made = world(cnp("egress: [{toCIDR: [8.8.0.0/16]}]"), WEB)
    assert made.decision(to("dns.google")) == "undecided"
    assert made.unknown(to("dns.google")) == ["EGR906"]


@pytest.mark.parametrize(
    "peer",
    ["toGroups: [{aws: {region: eu-west-1}}]", "toNodes: [{}]", "toCIDRSet: [{cidrGroupRef: partners}]"],
)
def test_what_only_the_cluster_knows_is_undecided(peer: str) -> None:
    made = world(cnp(f"egress: [{{{peer}}}]"), WEB)
    assert made.decision(STRIPE) == "undecided"
    assert made.unknown(STRIPE) == ["EGR861"]


# --- inside the cluster


def test_endpoints_mean_the_own_namespace_unless_they_name_another() -> None:
    there = to("workload://back/api", 8080)
    made = world(cnp("egress: [{toEndpoints: [{matchLabels: {app: api}}]}]"), WEB, API)
    assert made.decision(there) == "denied"
    assert made.near(there) == ["EGR145"]
    named = "egress: [{toEndpoints: [{matchLabels: {app: api, k8s:io.kubernetes.pod.namespace: back}}]}]"
    assert world(cnp(named), WEB, API).decision(there) == "allowed"
    everyone = world(ccnp("egress: [{toEndpoints: [{}]}]"), WEB, API)
    assert everyone.decision(there) == "allowed"


def test_all_pods_of_the_namespace_and_none() -> None:
    there = to("workload://shop/db", 5432)
    assert world(cnp("egress: [{toEndpoints: [{}]}]"), WEB, deployment("db")).decision(there) == "allowed"
    assert world(cnp("egress: [{toEndpoints: []}]"), WEB, deployment("db")).decision(there) == "denied"


def test_services_by_name_and_pod_port() -> None:
    docs = (WEB, API, service("api", "back"))
    body = "egress: [{toServices: [{k8sService: {serviceName: api, namespace: back}}]}]"
    assert world(cnp(body), *docs).decision(to("api.back", 80)) == "allowed"
    assert world(cnp(body), *docs).decision(to("workload://back/api", 8080)) == "allowed"
    assert (
        world(cnp(body.replace("serviceName: api", "serviceName: db")), *docs).decision(to("api.back", 80)) == "denied"
    )
    port = "egress: [{toEntities: [cluster], toPorts: [{ports: [{port: PORT, protocol: TCP}]}]}]"
    for number, expected in (('"8080"', "allowed"), ('"80"', "denied"), ("http", "allowed"), ("grpc", "denied")):
        assert world(cnp(port.replace("PORT", number)), *docs).decision(to("api.back", 80)) == expected


def test_the_receiver_must_let_it_in() -> None:
    there = to("workload://back/api", 8080)
    out = cnp("egress: [{toEntities: [cluster]}]")

    def decision(body: str) -> str:
        return world(out, cnp(body, "api", "back", "{matchLabels: {app: api}}"), WEB, API).decision(there)

    assert decision("ingress: [{}]") == "denied"
    assert decision("ingress: [{fromEndpoints: [{matchLabels: {app: web}}]}]") == "denied"
    assert (
        decision("ingress: [{fromEndpoints: [{matchLabels: {app: web, io.kubernetes.pod.namespace: shop}}]}]")
        == "allowed"
    )
    assert decision("ingress: [{fromEntities: [cluster]}]") == "allowed"
    assert decision("ingress: [{fromEntities: [world]}]") == "denied"
    assert decision("ingress: [{fromCIDR: [0.0.0.0/0]}]") == "denied"
    assert decision("ingress: [{fromEntities: [all]}]\ningressDeny: [{fromEntities: [cluster]}]") == "denied"
    assert decision('ingress: [{fromEntities: [all], toPorts: [{ports: [{port: "9090"}]}]}]') == "denied"


def test_the_missing_receiver_is_said() -> None:
    made = world(cnp("egress: [{toEntities: [all]}]"), cnp("ingress: [{}]", "api", "back", "{}"), WEB, API)
    assert made.near(to("workload://back/api", 8080))[0] == "EGR139"


@pytest.mark.parametrize(
    ("protocol", "decision", "codes"), [("TCP", "denied", ["EGR925"]), ("UDP", "allowed", []), ("ANY", "allowed", [])]
)
def test_names_are_looked_up_over_udp(protocol: str, decision: str, codes: list[str]) -> None:
    made = world(cnp(egress(names("api.stripe.com")).replace("protocol: ANY", f"protocol: {protocol}")), WEB)
    assert made.decision(to("api.stripe.com")) == decision
    assert made.findings(to("api.stripe.com")) == codes


@pytest.mark.parametrize(
    ("rule", "codes"),
    [
        ("toCIDR: [0.0.0.0/0]", ["EGR863"]),  # no block holds the resolver's pods
        ("toEntities: [world]", ["EGR863"]),
        ("toEntities: [all]", []),
        ("toEndpoints: [{}]", ["EGR863"]),
        ("toEndpoints: [{matchLabels: {k8s:io.kubernetes.pod.namespace: kube-system}}]", []),
    ],
)
def test_a_rule_for_every_port_opens_dns_where_it_reaches_the_resolver(rule: str, codes: list[str]) -> None:
    made = world(cnp(f"egress: [{{{rule}}}]"), WEB)
    assert [item for item in made.findings(to("api.stripe.com")) if item == "EGR863"] == codes


@pytest.mark.parametrize(
    ("mode", "decision", "codes"),
    [
        ("required", "allowed", ["EGR1206"]),
        ("disabled", "allowed", []),
        ("test-always-fail", "denied", []),
        ("mutual", "undecided", []),  # no mode of Cilium's
    ],
)
def test_a_rule_may_ask_for_authentication(mode: str, decision: str, codes: list[str]) -> None:
    body = f"egress: [{{toCIDR: [203.0.113.0/24], authentication: {{mode: {mode}}}}}]"
    made = world(cnp(body), WEB)
    assert (made.decision(to("203.0.113.9")), made.findings(to("203.0.113.9"))) == (decision, codes)
    beside = world(cnp(body), cnp("egress: [{toEntities: [world]}]", "open"), WEB)
    assert (beside.decision(to("203.0.113.9")), beside.findings(to("203.0.113.9"))) == ("allowed", [])


def test_the_resolver_is_known_without_any_manifest() -> None:
    resolver = to("kube-dns.kube-system.svc.cluster.local", 53, "udp")
    assert world(cnp(egress()), WEB).decision(resolver) == "allowed"
    assert world(cnp("egress: [{toEntities: [world]}]"), WEB).decision(resolver) == "denied"


def test_one_label_less_is_a_near_miss() -> None:
    there = to("workload://back/api", 8080)
    body = "egress: [{toEndpoints: [{matchLabels: {app: api, tier: x, k8s:io.kubernetes.pod.namespace: back}}]}]"
    assert world(cnp(body), WEB, API).near(there) == ["EGR137"]
    other = cnp("egress: [{toEntities: [all]}]", "other", select="{matchLabels: {app: shop}}")
    assert world(cnp("egress: [{}]"), other, WEB, API).near(there) == ["EGR132"]


def test_endpoints_and_entities_of_the_wrong_kind_are_near_misses() -> None:
    assert world(cnp("egress: [{toEndpoints: [{}]}]"), WEB).near(STRIPE) == ["EGR198"]
    assert world(cnp("egress: [{toEntities: [cluster]}]"), WEB).near(STRIPE) == ["EGR197"]


@pytest.mark.parametrize(
    ("entities", "expected"),
    [("host, remote-node", "allowed"), ("host", "undecided"), ("cluster", "allowed"), ("world", "denied")],
)
def test_pods_on_the_host_network_are_nodes(entities: str, expected: str) -> None:
    agent = API.replace("spec:\n      con", "spec:\n      hostNetwork: true\n      con")
    made = world(cnp(f"egress: [{{toEntities: [{entities}]}}]"), WEB, agent)
    assert made.decision(to("workload://back/api", 8080)) == expected
    by_label = "egress: [{toEndpoints: [{matchLabels: {app: api, k8s:io.kubernetes.pod.namespace: back}}]}]"
    assert world(cnp(by_label), WEB, agent).decision(to("workload://back/api", 8080)) == "denied"


@pytest.mark.parametrize(("operator", "expected"), [("Exists", "denied"), ("DoesNotExist", "allowed")])
def test_every_pod_belongs_to_a_cluster(operator: str, expected: str) -> None:
    select = f"{{matchExpressions: [{{key: io.cilium.k8s.policy.cluster, operator: {operator}}}]}}"
    assert world(cnp("egress: [{}]", select=select), WEB).decision(STRIPE) == expected


def test_a_plain_dns_rule_beside_a_narrow_one_leaves_it_open() -> None:
    plain = '{toEntities: [cluster], toPorts: [{ports: [{port: "53", protocol: UDP}]}]}'
    body = egress(names("api.stripe.com"), plain).replace('"*"', '"*.github.com"')
    made = world(cnp(body), WEB)
    assert (made.decision(STRIPE), made.unknown(STRIPE)) == ("undecided", ["EGR866"])


def test_other_ports_are_no_dns_rule() -> None:
    body = egress(names("api.stripe.com"), '{toEntities: [cluster], toPorts: [{ports: [{port: "443"}]}]}', dns=False)
    assert world(cnp(body), WEB).findings(STRIPE) == ["EGR863"]


def test_private_addresses_may_be_inside() -> None:
    inside = world(cnp("egress: [{toEntities: [cluster]}]"), WEB)
    assert inside.decision(to("10.1.2.3")) == "undecided"
    assert inside.decision(to("fd00::7")) == "undecided"
    assert inside.decision(to("203.0.113.7")) == "denied"
    outside = world(cnp("egress: [{toEntities: [world]}]"), WEB)
    assert (outside.decision(to("10.1.2.3")), outside.findings(to("10.1.2.3"))) == ("allowed", ["EGR865"])


# --- laws

NAMES = st.lists(st.sampled_from(["a.example", "*.example", "**.example", "b.a.example", "*"]), min_size=1, max_size=3)


@settings(max_examples=40, deadline=None)
@given(one=NAMES, other=NAMES, host=st.sampled_from(["example", "a.example", "b.a.example", "other"]))
def test_a_union_allows_what_either_allows_in_any_order(one: list[str], other: list[str], host: str) -> None:
    fixed = cnp(egress(), "dns", select="{}")
    first, second = cnp(egress(names(*one)), "one"), cnp(egress(names(*other)), "two")
    there = to(host)
    either = {world(fixed, text, WEB).decision(there) for text in (first, second)}
    assert world(fixed, first, second, WEB).decision(there) == ("allowed" if "allowed" in either else "denied")
    assert world(second, WEB, first, fixed).decision(there) == world(fixed, first, second, WEB).decision(there)


# --- denies


@pytest.mark.parametrize(
    ("deny", "expected"),
    [
        ("{toEntities: [world]}", "denied"),
        ("{toEntities: [cluster]}", "allowed"),
        ("{toCIDR: [0.0.0.0/0]}", "denied"),
        ("{toCIDR: [10.0.0.0/8]}", "allowed"),
        ("{toCIDR: [8.8.0.0/16]}", "undecided"),
        ('{toEntities: [world], toPorts: [{ports: [{port: "443"}]}]}', "denied"),
        ('{toEntities: [world], toPorts: [{ports: [{port: "80"}]}]}', "allowed"),
        ("{}", "allowed"),
    ],
)
def test_a_deny_beats_every_allow(deny: str, expected: str) -> None:
    made = world(cnp(egress(names("api.stripe.com"))), ccnp(f"egressDeny: [{deny}]"), WEB)
    assert made.decision(STRIPE) == expected


def test_a_deny_counts_without_default_deny() -> None:
    made = world(cnp("enableDefaultDeny: {egress: false}\negressDeny: [{toEntities: [world]}]"), WEB, API)
    (view,) = made.views(STRIPE)
    assert [hit.effect for hit in view.denies] == ["deny"]
    assert made.decision(to("workload://back/api", 8080)) == "allowed"


def test_a_deny_says_nothing_of_a_destination_that_nobody_knows() -> None:
    made = world(ccnp("egressDeny: [{toEntities: [world]}]"), WEB)
    assert made.decision(to("workload://back/gone", 80)) == "undecided"


# --- what can't be in force


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ("{toFQDNs: [{matchName: api.stripe.com}], toEntities: [world]}", "EGR851"),
        ("{toEntities: [world], toPorts: [{ports: [{port: 443, protocol: TCP}]}]}", "EGR852"),
        ("{toEntities: [world, moon]}", "EGR853"),
        ('{toFQDNs: [{matchName: api.stripe.com, matchPattern: "*"}], toPorts: [{ports: [{port: "443"}]}]}', "EGR853"),
        ('{toFQDNs: [{matchName: "https://api.stripe.com"}]}', "EGR855"),
        ("{toFQDNs: [{matchName: 5}]}", "EGR855"),
        ('{toEntities: [world], toPorts: [{ports: [{port: ["443"]}]}]}', "EGR853"),
        ('{toEntities: [world], toPorts: [{ports: [{port: "443", protocol: ANY}], rules: {http: [{}]}}]}', "EGR857"),
        ('{toEntities: [world], toPorts: [{ports: [{port: "443"}]}], icmps: [{fields: []}]}', "EGR853"),
        ('{toEntities: [world], toPorts: [{ports: [{port: "70000"}]}]}', "EGR853"),
        ("{toEntities: [world], toRequires: [{}]}", "EGR853"),
        ("{toCIDR: [10.0.0.0/40]}", "EGR853"),
    ],
)
def test_a_rejected_policy_allows_nothing(rule: str, code: str) -> None:
    made = world(cnp(egress(rule)), cnp("egress: [{}]", "deny", select="{}"), WEB)
    assert made.decision(STRIPE) != "allowed"
    assert code in made.audit()
    assert world(cnp(egress(rule)), WEB).decision(STRIPE) != "allowed"


def test_a_rejected_policy_about_something_else_changes_nothing() -> None:
    wrong = cnp("egress: [{toEntities: [cluster], toPorts: [{ports: [{port: 80}]}]}]", "wrong")
    made = world(wrong, cnp(egress(names("api.stripe.com")), "right"), cnp("egress: [{}]", "deny"), WEB)
    assert made.decision(STRIPE) == "allowed"
    assert made.decision(to("example.com")) == "denied"


def test_two_texts_of_one_policy_are_not_known_to_allow() -> None:
    made = world(cnp(egress(names("api.stripe.com"))), cnp("egress: [{}]", "deny"), WEB, other=cnp(egress()))
    assert made.decision(STRIPE) == "undecided"
    assert "EGR909" in made.audit()
    same = world(cnp(egress(names("api.stripe.com"))), WEB, other=cnp(egress(names("api.stripe.com"))))
    assert same.decision(STRIPE) == "allowed"
