"""NetworkPolicy semantics, gotcha by gotcha: what fires, and beside it what must not."""

from __future__ import annotations

import pytest

from tests.core.kube import DENY_EGRESS, deployment, namespace, policy, service, to, world

WEB = deployment("web")
API = deployment("api", "back", ports="{name: http, containerPort: 8080}")
FROM_WEB = "podSelector: {matchLabels: {app: web}}\npolicyTypes: [Egress]\negress:\n"


def from_web(rule: str) -> str:
    return policy(FROM_WEB + rule)


HTTPS_TO_INTERNET = from_web("- to: [{ipBlock: {cidr: 0.0.0.0/0}}]\n  ports: [{port: 443}]")


# --- isolation


def test_a_pod_that_no_policy_selects_is_free() -> None:
    free = world(policy("podSelector: {matchLabels: {app: other}}\npolicyTypes: [Egress]"), WEB)
    assert free.decision("shop/web", to("example.com")) == "allowed"


def test_a_pod_that_a_policy_selects_is_isolated() -> None:
    isolated = world(DENY_EGRESS, WEB)
    assert isolated.decision("shop/web", to("example.com")) == "denied"
    (view,) = isolated.views("shop/web", to("example.com"))
    assert [place.text for place in view.isolators] == ["name: default-deny-egress"]


def test_a_namespace_without_policies_says_so() -> None:
    other = world(DENY_EGRESS, deployment("web", "free"))
    assert other.decision("free/web", to("example.com")) == "allowed"
    assert "EGR928" in other.findings("free/web", to("example.com"))


def test_a_repository_without_policies_says_nothing() -> None:
    assert world(WEB).decision("shop/web", to("example.com")) == "none"


@pytest.mark.parametrize(
    ("spec", "egress"),
    [
        ("podSelector: {}", "allowed"),  # Ingress only
        ("podSelector: {}\negress: []", "allowed"),  # an empty section is no section
        ("podSelector: {}\negress:\n- to: [{podSelector: {}}]", "denied"),
        ("podSelector: {}\npolicyTypes: []\negress:\n- to: [{podSelector: {}}]", "denied"),
        ("podSelector: {}\npolicyTypes: [Ingress]\negress:\n- to: [{podSelector: {}}]", "allowed"),
        ("podSelector: {}\npolicyTypes: [Ingress, Egress]", "denied"),
        ("podSelector:\npolicyTypes: [Egress]", "denied"),  # a null selector is an empty one
    ],
)
def test_effective_policy_types(spec: str, egress: str) -> None:
    assert world(policy(spec), WEB).decision("shop/web", to("example.com")) == egress


# --- destinations outside


@pytest.mark.parametrize(
    ("rule", "decision"),
    [
        ("- {}", "allowed"),
        ("- ports: [{port: 443}]", "allowed"),
        ("- to: []\n  ports: [{port: 443}]", "allowed"),
        ("- to: [{ipBlock: {cidr: 0.0.0.0/0}}]", "allowed"),
        ("- to: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8, 169.254.0.0/16]}}]", "allowed"),
        ("- to: [{ipBlock: {cidr: 0.0.0.0/1}}, {ipBlock: {cidr: 128.0.0.0/1}}]", "allowed"),
        ("- to: [{ipBlock: {cidr: 0.0.0.0/0, except: [3.0.0.0/8]}}]", "undecided"),
        ("- to: [{ipBlock: {cidr: 203.0.113.0/24}}]", "undecided"),
        ("- to: [{ipBlock: {cidr: '::/0'}}]", "undecided"),
        ("- to: [{ipBlock: {cidr: 203.0.113.0/24}}]\n  ports: [{port: 80}]", "denied"),
        ("- to: [{namespaceSelector: {}}]", "denied"),
        ("- to: [{podSelector: {}}]", "denied"),
        ("- to: [{ipBlock: {cidr: 0.0.0.0/0}}]\n  ports: [{port: 443, protocol: UDP}]", "denied"),
        ("- to: [{ipBlock: {cidr: 0.0.0.0/0}}]\n  ports: [{port: https}]", "denied"),
        ("- to: [{ipBlock: {cidr: 0.0.0.0/0}}]\n  ports: [{protocol: TCP}]", "allowed"),
    ],
)
def test_a_host_without_addresses(rule: str, decision: str) -> None:
    assert world(DENY_EGRESS, from_web(rule), WEB).decision("shop/web", to("api.stripe.com")) == decision


def test_addresses_decide_where_a_block_is_narrow() -> None:
    narrow = world(DENY_EGRESS, from_web("- to: [{ipBlock: {cidr: 203.0.113.0/24}}]"), WEB)
    assert narrow.unknown("shop/web", to("api.stripe.com")) == ["EGR906"]
    assert narrow.decision("shop/web", to("api.stripe.com", ips=["203.0.113.7"])) == "allowed"
    assert narrow.decision("shop/web", to("api.stripe.com", ips=["203.0.113.7", "198.51.100.7"])) == "denied"


def test_a_private_address_is_not_the_internet() -> None:
    spared = world(DENY_EGRESS, from_web("- to: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8]}}]"), WEB)
    assert spared.decision("shop/web", to("git.example.com", ips=["10.1.2.3"])) == "denied"
    assert spared.near("shop/web", to("10.1.2.3")) == ["EGR138"]
    assert spared.decision("shop/web", to("git.corp")) == "undecided"
    assert spared.findings("shop/web", to("git.example.com"))[-1] == "EGR913"


@pytest.mark.parametrize(
    ("network", "decision"),
    [
        ("198.51.100.0/24", "allowed"),
        ("198.51.100.0/23", "denied"),
        ("198.51.100.128/25", "allowed"),
        ("203.0.112.0/23", "allowed"),  # two halves from two rules
        ("2001:db8::/32", "allowed"),
        ("2001:db9::/32", "denied"),
        ("192.0.2.0/24", "denied"),  # a hole of one address
        ("192.0.2.128/25", "allowed"),
    ],
)
def test_a_network_is_allowed_only_whole(network: str, decision: str) -> None:
    rules = (
        "- to: [{ipBlock: {cidr: 198.51.100.0/24}}, {ipBlock: {cidr: 203.0.112.0/24}}]\n"
        "- to: [{ipBlock: {cidr: 203.0.113.0/24}}, {ipBlock: {cidr: '2001:db8::/32'}}]\n"
        "- to: [{ipBlock: {cidr: 192.0.2.0/24, except: [192.0.2.7/32]}}]"
    )
    assert world(DENY_EGRESS, from_web(rules), WEB).decision("shop/web", to(network)) == decision


@pytest.mark.parametrize(
    ("ports", "asked", "decision"),
    [
        ("{port: 8000, endPort: 8100}", "8000-8100", "allowed"),
        ("{port: 8000, endPort: 8100}", "8050", "allowed"),
        ("{port: 8000, endPort: 8100}", "8000-8101", "denied"),
        ("{port: 8000, endPort: 8050}, {port: 8051, endPort: 8100}", "8000-8100", "allowed"),
        ("{port: 8000, endPort: 8050}, {port: 8052, endPort: 8100}", "8000-8100", "denied"),
        ("{port: 443}", "80-443", "denied"),
    ],
)
def test_a_port_range_is_allowed_only_whole(ports: str, asked: str, decision: str) -> None:
    rules = f"- to: [{{ipBlock: {{cidr: 198.51.100.0/24}}}}]\n  ports: [{ports}]"
    assert world(DENY_EGRESS, from_web(rules), WEB).decision("shop/web", to("198.51.100.7", asked)) == decision


def test_a_range_of_ports_to_a_network_is_covered_by_the_union_of_rectangles() -> None:
    rules = (
        "- to: [{ipBlock: {cidr: 198.51.100.0/25}}]\n  ports: [{port: 1, endPort: 100}]\n"
        "- to: [{ipBlock: {cidr: 198.51.100.128/25}}]\n  ports: [{port: 1, endPort: 99}]\n"
    )
    partly = world(DENY_EGRESS, from_web(rules), WEB)
    assert partly.decision("shop/web", to("198.51.100.0/24", "1-99")) == "allowed"
    assert partly.decision("shop/web", to("198.51.100.0/24", "1-100")) == "denied"


# --- pods


def test_both_halves_of_an_internal_connection() -> None:
    egress = from_web("- to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: back}}}]")
    deny_ingress = policy("podSelector: {}", "default-deny", "back")
    ingress = policy(
        "podSelector: {matchLabels: {app: api}}\ningress:\n"
        "- from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: shop}},"
        " podSelector: {matchLabels: {app: web}}}]\n"
        "  ports: [{port: http}]",
        "allow-web",
        "back",
    )
    destination = to("api.back.svc.cluster.local", 80)
    everything = (WEB, API, service("api", "back", target="http"))
    assert world(DENY_EGRESS, egress, *everything).decision("shop/web", destination) == "allowed"
    assert world(DENY_EGRESS, egress, deny_ingress, *everything).decision("shop/web", destination) == "denied"
    assert world(DENY_EGRESS, egress, deny_ingress, *everything).near("shop/web", destination) == ["EGR139"]
    assert world(DENY_EGRESS, egress, deny_ingress, ingress, *everything).decision("shop/web", destination) == "allowed"
    assert world(DENY_EGRESS, ingress, *everything).decision("shop/web", destination) == "denied"


def test_one_item_is_and_two_items_are_or() -> None:
    """G-E04: one dash decides."""
    back = "namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: back}}"
    cache = "podSelector: {matchLabels: {app: cache}}"
    both = world(DENY_EGRESS, from_web(f"- to: [{{{back}, {cache}}}]"), WEB, API, deployment("cache"))
    either = world(DENY_EGRESS, from_web(f"- to: [{{{back}}}, {{{cache}}}]"), WEB, API, deployment("cache"))
    assert both.decision("shop/web", to("workload://back/api", 8080)) == "denied"
    assert both.decision("shop/web", to("workload://shop/cache", 6379)) == "denied"
    assert either.decision("shop/web", to("workload://back/api", 8080)) == "allowed"
    assert either.decision("shop/web", to("workload://shop/cache", 6379)) == "allowed"


def test_a_pod_selector_alone_means_the_own_namespace() -> None:
    own = world(DENY_EGRESS, from_web("- to: [{podSelector: {}}]"), WEB, deployment("cache"), API)
    assert own.decision("shop/web", to("workload://shop/cache", 6379)) == "allowed"
    assert own.decision("shop/web", to("workload://back/api", 8080)) == "denied"
    assert own.near("shop/web", to("workload://back/api", 8080)) == ["EGR145"]


def test_the_port_that_counts_is_the_pods() -> None:
    """G-E10: rules compare the target port, not the Service's."""
    backends = (WEB, API, service("api", "back", port=80, target="http"))
    by_service = world(DENY_EGRESS, from_web("- to: [{namespaceSelector: {}}]\n  ports: [{port: 80}]"), *backends)
    by_pod = world(DENY_EGRESS, from_web("- to: [{namespaceSelector: {}}]\n  ports: [{port: 8080}]"), *backends)
    by_name = world(DENY_EGRESS, from_web("- to: [{namespaceSelector: {}}]\n  ports: [{port: http}]"), *backends)
    destination = to("api.back", 80)
    assert by_service.decision("shop/web", destination) == "denied"
    assert by_service.near("shop/web", destination) == ["EGR140"]
    assert by_pod.decision("shop/web", destination) == "allowed"
    assert by_name.decision("shop/web", destination) == "allowed"


def test_namespace_labels_must_be_set_by_a_manifest() -> None:
    """G-E02."""
    rule = from_web("- to: [{namespaceSelector: {matchLabels: {name: back}}}]")
    destination = to("workload://back/api", 8080)
    assert world(DENY_EGRESS, rule, WEB, API).decision("shop/web", destination) == "denied"
    assert world(DENY_EGRESS, rule, WEB, API).near("shop/web", destination) == ["EGR133"]
    assert (
        world(DENY_EGRESS, rule, WEB, API, namespace("back", name="back")).decision("shop/web", destination)
        == "allowed"
    )


def test_host_network_pods_are_no_pods_to_selectors() -> None:
    host = deployment("api", "back").replace("    spec:\n", "    spec:\n      hostNetwork: true\n")
    rule = from_web("- to: [{namespaceSelector: {}}]")
    assert world(DENY_EGRESS, rule, WEB, host).decision("shop/web", to("workload://back/api", 80)) == "denied"
    assert world(DENY_EGRESS, rule, WEB, host).near("shop/web", to("workload://back/api", 80)) == ["EGR147"]
    assert world(DENY_EGRESS, rule, WEB, API).decision("shop/web", to("workload://back/api", 80)) == "allowed"


def test_a_sender_on_the_host_network_is_free() -> None:
    host = deployment("web").replace("    spec:\n", "    spec:\n      hostNetwork: true\n")
    assert world(DENY_EGRESS, host).decision("shop/web", to("example.com")) == "allowed"
    assert world(DENY_EGRESS, host).findings("shop/web", to("example.com")) == ["EGR922"]
    guarded = world(
        DENY_EGRESS, policy("podSelector: {}\ningress:\n- from: [{podSelector: {}}]", "in", "back"), host, API
    )
    assert guarded.decision("shop/web", to("workload://back/api", 80)) == "denied"


def test_the_api_server_is_no_pod() -> None:
    """G-E11."""
    selector = from_web("- to: [{namespaceSelector: {}}]\n  ports: [{port: 443}]")
    block = from_web("- to: [{ipBlock: {cidr: 10.0.0.1/32}}]\n  ports: [{port: 443}]")
    destination = to("kubernetes.default.svc")
    assert world(DENY_EGRESS, selector, WEB).decision("shop/web", destination) == "denied"
    assert "EGR141" in world(DENY_EGRESS, selector, WEB).near("shop/web", destination)
    assert world(DENY_EGRESS, block, WEB).decision("shop/web", destination) == "undecided"
    assert world(DENY_EGRESS, HTTPS_TO_INTERNET, WEB).decision("shop/web", destination) == "allowed"


@pytest.mark.parametrize(
    ("where", "port", "ips", "code"),
    [
        ("10.96.0.1", 443, (), "EGR1209"),
        ("172.20.0.1", 443, (), "EGR1209"),
        ("10.96.0.1", 6443, (), None),  # no Service's port
        ("10.96.0.2", 443, (), None),
        ("kubernetes.default.svc", 443, ("10.0.0.7",), "EGR1210"),
        ("kubernetes.default.svc", 6443, ("10.0.0.7",), None),
        ("kubernetes.default.svc", 443, (), None),
    ],
)
def test_what_a_rule_for_the_api_server_would_need(
    where: str, port: int, ips: tuple[str, ...], code: str | None
) -> None:
    """G-E11: its Service's address leads elsewhere, and so may the port."""
    for rules in ((), (HTTPS_TO_INTERNET,)):
        said = world(DENY_EGRESS, *rules, WEB).findings("shop/web", to(where, port, ips=ips))
        assert [item for item in said if item in {"EGR1209", "EGR1210"}] == ([code] if code else [])
    assert world(WEB).findings("shop/web", to(where, port, ips=ips)) == []


def test_blocks_and_pods_are_the_network_plugins_business() -> None:
    destination = to("workload://back/api", 443)
    everything = world(DENY_EGRESS, HTTPS_TO_INTERNET, WEB, API)
    assert everything.decision("shop/web", destination) == "allowed"
    assert "EGR914" in everything.findings("shop/web", destination)
    spared = "- to: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10]}}]"
    assert world(DENY_EGRESS, from_web(spared), WEB, API).decision("shop/web", destination) == "denied"
    some = from_web("- to: [{ipBlock: {cidr: 10.0.0.0/8}}]")
    assert world(DENY_EGRESS, some, WEB, API).unknown("shop/web", destination) == ["EGR911"]


def test_every_workload_behind_a_service_must_be_reachable() -> None:
    selector = "app: api, track: canary"
    canary = deployment("canary", "back").replace("{app: canary}", f"{{{selector}}}")
    rule = from_web(
        "- to: [{namespaceSelector: {}, podSelector: {matchExpressions: [{key: track, operator: DoesNotExist}]}}]"
    )
    destination = to("api.back", 80)
    one = world(DENY_EGRESS, rule, WEB, API, service("api", "back"))
    two = world(DENY_EGRESS, rule, WEB, API, canary, service("api", "back"))
    assert one.decision("shop/web", destination) == "allowed"
    assert two.decision("shop/web", destination) == "denied"
    assert "EGR921" in two.findings("shop/web", destination)


# --- what is not known


def test_unknown_labels_are_undecided_only_where_they_matter() -> None:
    targeted = world(DENY_EGRESS, HTTPS_TO_INTERNET, namespace("shop"))
    assert targeted.decision("shop", to("example.com")) == "undecided"
    assert targeted.unknown("shop", to("example.com")) == ["EGR905"]
    assert targeted.decision("shop", to("example.com", 80)) == "denied"
    for_all = world(DENY_EGRESS, policy("podSelector: {}\npolicyTypes: [Egress]\negress: [{}]"))
    assert for_all.decision("shop", to("example.com")) == "allowed"


def test_unknown_isolation_is_allowed_only_if_every_possible_policy_allows() -> None:
    one = world(HTTPS_TO_INTERNET)
    assert one.decision("shop", to("example.com")) == "allowed"
    assert one.decision("shop", to("example.com", 80)) == "undecided"
    other = policy("podSelector: {matchLabels: {app: job}}\npolicyTypes: [Egress]", "job")
    assert world(HTTPS_TO_INTERNET, other).decision("shop", to("example.com")) == "undecided"


def test_a_named_port_of_pods_that_no_file_declares_is_undecided() -> None:
    by_name = policy(f"{FROM_WEB}- to: [{{namespaceSelector: {{}}}}]\n  ports: [{{port: http}}]")
    told = service("api", "back")
    assert world(by_name, WEB, told).decision("shop/web", to("api.back", 80)) == "undecided"
    assert world(by_name, WEB, told, deployment("api", "back")).decision("shop/web", to("api.back", 80)) == "denied"
    named = deployment("api", "back", ports="{name: http, containerPort: 8080}")
    assert world(by_name, WEB, told, named).decision("shop/web", to("api.back", 80)) == "allowed"


def test_a_service_that_nobody_declares() -> None:
    home = "namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: back}}"
    destination = to("api.back.svc", 80)
    every_port = world(DENY_EGRESS, from_web(f"- to: [{{{home}}}]"), WEB)
    one_port = world(DENY_EGRESS, from_web(f"- to: [{{{home}}}]\n  ports: [{{port: 80}}]"), WEB)
    some_pods = world(DENY_EGRESS, from_web(f"- to: [{{{home}, podSelector: {{matchLabels: {{app: api}}}}}}]"), WEB)
    elsewhere = world(DENY_EGRESS, from_web("- to: [{podSelector: {}}]"), WEB)
    assert every_port.decision("shop/web", destination) == "allowed"
    assert one_port.unknown("shop/web", destination) == ["EGR912"]
    assert some_pods.unknown("shop/web", destination) == ["EGR907"]
    assert elsewhere.decision("shop/web", destination) == "denied"


def test_a_workload_destination_that_nobody_declares_is_never_allowed() -> None:
    open_door = world(DENY_EGRESS, policy("podSelector: {}\npolicyTypes: [Egress]\negress: [{}]"), WEB, API)
    assert open_door.decision("shop/web", to("workload://back/api", 80)) == "allowed"
    assert open_door.decision("shop/web", to("workload://back/apo", 80)) == "undecided"
    assert open_door.unknown("shop/web", to("workload://back/apo", 80)) == ["EGR916"]


def test_a_rejected_policy_is_not_trusted() -> None:
    broken = from_web("- to: [{}]")
    targeted = world(DENY_EGRESS, broken, WEB, deployment("job"))
    assert targeted.unknown("shop/web", to("example.com")) == ["EGR908"]
    assert targeted.decision("shop/job", to("example.com")) == "denied"
    assert (
        world(DENY_EGRESS, broken, HTTPS_TO_INTERNET.replace("name: allow", "name: good"), WEB).decision(
            "shop/web", to("example.com")
        )
        == "allowed"
    )


def test_a_policy_that_two_files_declare_differently() -> None:
    """G-E15: whichever was applied last is in force."""
    port_80 = HTTPS_TO_INTERNET.replace("443", "80")
    contested = world(DENY_EGRESS, HTTPS_TO_INTERNET, WEB, other=port_80)
    assert contested.unknown("shop/web", to("example.com")) == ["EGR909"]
    assert contested.decision("shop/web", to("example.com", 8080)) == "denied"
    same = world(DENY_EGRESS, HTTPS_TO_INTERNET, WEB, other=HTTPS_TO_INTERNET)
    assert same.decision("shop/web", to("example.com")) == "allowed"
    wide = HTTPS_TO_INTERNET.replace("{port: 443}", "{port: 443}, {port: 80}")
    both_allow = world(DENY_EGRESS, HTTPS_TO_INTERNET, WEB, other=wide)
    assert both_allow.decision("shop/web", to("example.com")) == "allowed"


def test_a_templated_namespace_may_be_anywhere() -> None:
    floating = policy("podSelector: {}\npolicyTypes: [Egress]", "deny", '"{{ .Release.Namespace }}"')
    assert world(floating, WEB).unknown("shop/web", to("example.com")) == ["EGR910"]
    targeted = policy(
        "podSelector: {matchLabels: {app: job}}\npolicyTypes: [Egress]", "deny", '"{{ .Release.Namespace }}"'
    )
    assert world(targeted, WEB).decision("shop/web", to("example.com")) == "allowed"


def test_policies_of_another_make_leave_it_undecided() -> None:
    calico = (
        "apiVersion: projectcalico.org/v3\nkind: NetworkPolicy\nmetadata: {name: strict, namespace: shop}\n"
        "spec: {selector: all(), egress: [{action: Allow}]}\n"
    )
    assert world(DENY_EGRESS, calico, WEB).decision("shop/web", to("example.com")) == "undecided"
    elsewhere = calico.replace("namespace: shop", "namespace: back")
    assert world(DENY_EGRESS, elsewhere, WEB).decision("shop/web", to("example.com")) == "denied"


# --- near misses


@pytest.mark.parametrize(
    ("rule", "destination", "code"),
    [
        ("- to: [{ipBlock: {cidr: 0.0.0.0/0}}]\n  ports: [{port: 80}]", to("example.com"), "EGR130"),
        ("- to: [{ipBlock: {cidr: 0.0.0.0/0}}]\n  ports: [{port: 443, protocol: UDP}]", to("example.com"), "EGR131"),
        ("- to: [{namespaceSelector: {}}]\n  ports: [{port: 443}]", to("example.com"), "EGR136"),
        ("- to: [{ipBlock: {cidr: 198.51.100.0/24}}]", to("192.0.2.1"), "EGR142"),
        ("- to: [{ipBlock: {cidr: 198.51.100.0/24}}]", to("198.51.100.0/23"), "EGR144"),
        ("- to: [{ipBlock: {cidr: 198.51.100.0/24}}]", to("2001:db8::1"), "EGR146"),
        ("- to: [{ipBlock: {cidr: 0.0.0.0/0}}]\n  ports: [{port: https}]", to("example.com"), "EGR143"),
        (
            "- to: [{namespaceSelector: {}, podSelector: {matchLabels: {app: apis}}}]",
            to("workload://back/api"),
            "EGR137",
        ),
    ],
)
def test_near_misses(rule: str, destination: object, code: str) -> None:
    near = world(DENY_EGRESS, from_web(rule), WEB, API).near("shop/web", destination)  # type: ignore[arg-type]
    assert near == [code]


def test_a_rule_that_is_wrong_in_two_ways_is_no_near_miss() -> None:
    rule = from_web("- to: [{namespaceSelector: {}}]\n  ports: [{port: 80}]")
    assert world(DENY_EGRESS, rule, WEB).near("shop/web", to("example.com")) == []


def test_rules_for_other_pods_are_near_when_one_label_differs() -> None:
    other = deployment("jobs")
    assert world(DENY_EGRESS, HTTPS_TO_INTERNET, other).near("shop/jobs", to("example.com")) == ["EGR132"]
    two = HTTPS_TO_INTERNET.replace("{app: web}", "{app: web, tier: front}")
    assert world(DENY_EGRESS, two, other).near("shop/jobs", to("example.com")) == []


def test_rules_of_another_namespace_and_of_the_wrong_type_are_near() -> None:
    elsewhere = HTTPS_TO_INTERNET.replace("namespace: shop", "namespace: shop-old")
    assert world(DENY_EGRESS, elsewhere, WEB).near("shop/web", to("example.com")) == ["EGR135"]
    ignored = HTTPS_TO_INTERNET.replace("[Egress]", "[Ingress]")
    assert world(DENY_EGRESS, ignored, WEB).near("shop/web", to("example.com")) == ["EGR134"]


# --- DNS and the pod itself


def dns(peer: str, ports: str = "{port: 53, protocol: UDP}, {port: 53, protocol: TCP}") -> str:
    return policy(f"podSelector: {{}}\npolicyTypes: [Egress]\negress:\n- to: [{peer}]\n  ports: [{ports}]", "dns")


KUBE_SYSTEM = "{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}"


@pytest.mark.parametrize(
    ("rules", "code"),
    [
        ([], "EGR924"),
        ([dns(KUBE_SYSTEM)], None),
        ([dns(KUBE_SYSTEM, "{port: 53}")], "EGR925"),
        ([dns("{namespaceSelector: {matchLabels: {name: kube-system}}}")], "EGR926"),
        ([dns("{namespaceSelector: {}}", "{protocol: UDP}")], None),
        ([dns("{ipBlock: {cidr: 169.254.20.10/32}}")], None),
        ([dns("{podSelector: {matchLabels: {app: resolver}}}")], None),
        ([policy("podSelector: {}\npolicyTypes: [Egress]\negress: [{}]")], None),
        ([policy("podSelector: {}\npolicyTypes: [Egress]\negress: [{to: [{podSelector: {}}]}]")], "EGR924"),
    ],
)
def test_dns_is_reported_as_an_error_of_its_own(rules: list[str], code: str | None) -> None:
    made = world(DENY_EGRESS, *rules, WEB)
    found = [item for item in made.findings("shop/web", to("example.com")) if item in {"EGR924", "EGR925", "EGR926"}]
    assert found == ([code] if code else [])
    assert not [item for item in made.findings("shop/web", to("198.51.100.1")) if item.startswith("EGR92")]


@pytest.mark.parametrize(
    ("name", "port", "decision"),
    [("kube-dns", 53, "allowed"), ("kube-dns", 9153, "denied"), ("other", 53, "undecided")],
)
def test_on_which_port_the_clusters_dns_listens_is_known_without_a_manifest(
    name: str, port: int, decision: str
) -> None:
    made = world(DENY_EGRESS, dns(KUBE_SYSTEM), WEB)
    assert made.decision("shop/web", to(f"{name}.kube-system.svc.cluster.local", port, "udp")) == decision


def test_a_free_pod_has_no_dns_trouble() -> None:
    free = world(policy("podSelector: {matchLabels: {app: other}}\npolicyTypes: [Egress]"), WEB)
    assert free.findings("shop/web", to("example.com")) == []


@pytest.mark.parametrize("where", ["localhost", "127.0.0.1", "::1"])
def test_a_pod_is_never_cut_off_from_itself(where: str) -> None:
    assert world(DENY_EGRESS, WEB).decision("shop/web", to(where)) == "allowed"


def test_rules_are_cited_with_their_line() -> None:
    made = world(DENY_EGRESS, HTTPS_TO_INTERNET, WEB)
    (view,) = made.views("shop/web", to("example.com"))
    (hit,) = view.allows
    assert (hit.place.path, hit.place.text) == ("policies.yaml", "- to: [{ipBlock: {cidr: 0.0.0.0/0}}]")


def test_a_value_that_is_filled_in_later_is_no_fault_of_the_policy() -> None:
    body = "podSelector: {{matchLabels: {{app: web}}}}\npolicyTypes: [Egress]\negress: [{{to: [{{ipBlock: {{cidr: '{0}'}}}}]}}]"
    for cidr, code in (("${PARTNER}", "EGR929"), ("203.0.113.0", "EGR908")):
        assert world(DENY_EGRESS, policy(body.format(cidr)), WEB).unknown("shop/web", to("203.0.113.9")) == [code]
