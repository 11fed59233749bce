"""Verdicts on UDS Packages. For every rule that lets something through there is one that must not."""

from __future__ import annotations

from textwrap import indent

import pytest

from skills.core.model import Decision
from tests.core.platforms.uds_drafts import drafted, says
from tests.core.platforms.uds_support import (
    ANYWHERE,
    API_SERVICE,
    BUNDLE,
    PORTS,
    STRIPE,
    WEB_OUT,
    check,
    codes,
    decisions,
    deployment,
    layer,
    near_codes,
    package,
    payments,
    repository,
)

# --- a host in ambient mode


@pytest.mark.parametrize(
    ("to", "decision"),
    [
        ("https://api.stripe.com", "allowed"),
        ("api.stripe.com:443", "allowed"),
        ("http://api.stripe.com:443", "denied"),
        ("https://api.stripe.com:8443", "denied"),
        ("http://api.stripe.com", "denied"),
        ("https://stripe.com", "denied"),
        ("https://www.api.stripe.com", "denied"),
        ("203.0.113.9:443", "denied"),
        ("udp://api.stripe.com:443", "denied"),
    ],
)
def test_a_host_rule_allows_its_host_port_and_protocol_only(to: str, decision: Decision) -> None:
    assert decisions(package(STRIPE), to=to) == decision


def test_both_layers_name_the_rule() -> None:
    verdict = check(repository(package(STRIPE)), "web{app=web}", "https://api.stripe.com")
    assert [item.layer for item in verdict.layers] == ["mesh", "network_policy"]
    for item in verdict.layers:
        assert [(rule.place.path, rule.place.text) for rule in item.rules] == [("0.yaml", "remoteHost: api.stripe.com")]


def test_the_waypoint_admits_the_named_service_account_only() -> None:
    text = package(STRIPE + "  serviceAccount: payer\n")
    assert decisions(text, to="https://api.stripe.com", account="payer") == "allowed"
    verdict = check(repository(text), "web{app=web}", "https://api.stripe.com", account="other")
    assert verdict.decision == "denied"
    assert near_codes(verdict) == {"EGR156"}
    unknown = check(repository(text), "web{app=web}", "https://api.stripe.com")
    assert unknown.decision == "undecided"
    assert "EGR830" in codes(unknown.findings)


def test_a_deployment_says_its_service_account() -> None:
    text = package(STRIPE + "  serviceAccount: payer\n")
    payer, default = deployment("web", account="payer"), deployment("web")
    assert decisions(text, payer, for_="web/web", to="https://api.stripe.com") == "allowed"
    assert decisions(text, default, for_="web/web", to="https://api.stripe.com") == "denied"


def test_another_selector_does_not_reach_the_waypoint() -> None:
    verdict = check(repository(package(STRIPE)), "web{app=batch}", "https://api.stripe.com")
    assert verdict.decision == "denied"
    network = layer(verdict, "network_policy")
    assert network is not None
    assert network.decision == "denied"


def test_without_a_service_account_any_pod_of_the_namespace_that_reaches_the_waypoint_is_admitted() -> None:
    other = "- {direction: Egress, selector: {app: batch}, remoteHost: files.example, description: Files}\n"
    text = package(STRIPE + other)
    assert decisions(text, for_="web{app=batch}", to="https://api.stripe.com") == "allowed"
    named = package(STRIPE + "  serviceAccount: payer\n" + other)
    assert decisions(named, for_="web{app=batch}", to="https://api.stripe.com", account="batch") == "denied"


def test_unknown_labels_are_undecided_unless_the_rule_is_for_all_pods() -> None:
    verdict = check(repository(package(STRIPE)), "web", "https://api.stripe.com")
    assert verdict.decision == "undecided"
    assert "EGR831" in codes(verdict.findings)
    everyone = package("- {direction: Egress, remoteHost: api.stripe.com}")
    assert decisions(everyone, for_="web", to="https://api.stripe.com") == "allowed"


def test_ports_hide_port_from_the_mesh() -> None:
    rules = "- {direction: Egress, remoteHost: api.stripe.com, port: 8443, ports: [443]}"
    assert decisions(package(rules), to="tls://api.stripe.com:443") == "allowed"
    assert decisions(package(rules), to="tls://api.stripe.com:8443") == "denied"


def test_the_default_port_is_that_of_the_protocol() -> None:
    rules = "- {direction: Egress, remoteHost: old.example.com, remoteProtocol: HTTP}"
    assert decisions(package(rules), to="http://old.example.com") == "allowed"
    assert decisions(package(rules), to="http://old.example.com:443") == "denied"


# --- Anywhere


@pytest.mark.parametrize(
    ("to", "decision"),
    [
        ("https://news.example.com", "allowed"),
        ("tcp://db.example.com:5432", "allowed"),
        ("203.0.113.9:8443", "allowed"),
        ("169.254.169.254:80", "denied"),
        ("[2001:db8::1]:443", "denied"),
        ("udp://time.example.com:123", "denied"),
    ],
)
def test_anywhere_is_tcp_over_ipv4_without_the_metadata_address(to: str, decision: Decision) -> None:
    assert decisions(package(ANYWHERE), to=to) == decision


def test_anywhere_over_udp_is_udp_alone() -> None:
    rules = "- {direction: Egress, remoteGenerated: Anywhere, remoteProtocol: UDP, port: 123}"
    assert decisions(package(rules), to="udp://time.example.com:123") == "allowed"
    assert decisions(package(rules), to="tcp://time.example.com:123") == "denied"


def test_anywhere_takes_part_in_hosts_that_others_register_on_their_ports_only() -> None:
    other = package(STRIPE.replace("web", "pay"), name="pay", namespace="pay")
    assert decisions(package(ANYWHERE), other, to="https://api.stripe.com") == "allowed"
    assert decisions(package(ANYWHERE), other, to="https://api.stripe.com:8443") == "denied"
    assert decisions(package(ANYWHERE), to="https://api.stripe.com:8443") == "allowed"


def test_udp_anywhere_never_takes_part() -> None:
    other = package(STRIPE.replace("web", "pay"), name="pay", namespace="pay")
    cidr = "- {direction: Egress, remoteCidr: 0.0.0.0/0}\n"
    udp = "- {direction: Egress, remoteGenerated: Anywhere, remoteProtocol: UDP}\n"
    assert decisions(package(cidr + udp), other, to="https://api.stripe.com") == "denied"


# --- addresses


@pytest.mark.parametrize(
    ("to", "decision"),
    [
        ("198.51.100.7:22", "allowed"),
        ("198.51.100.0/25:22", "allowed"),
        ("198.51.100.0/23:22", "denied"),
        ("198.51.100.7:23", "denied"),
        ("203.0.113.7:22", "denied"),
    ],
)
def test_a_cidr_allows_what_lies_wholly_inside(to: str, decision: Decision) -> None:
    rules = "- {direction: Egress, remoteCidr: 198.51.100.0/24, port: 22}"
    assert decisions(package(rules), to=to) == decision


def test_a_name_needs_its_addresses_for_a_cidr() -> None:
    text = repository(package("- {direction: Egress, remoteCidr: 198.51.100.0/24, port: 22}"))
    assert check(text, "web{app=web}", "tcp://sftp.example.com:22").decision == "undecided"
    inside = check(text, "web{app=web}", "tcp://sftp.example.com:22", ip=["198.51.100.4"])
    assert inside.decision == "allowed"
    assert check(text, "web{app=web}", "tcp://sftp.example.com:22", ip=["203.0.113.4"]).decision == "denied"


def test_a_cidr_is_no_participant_where_somebody_registered_the_host() -> None:
    own = package("- {direction: Egress, remoteCidr: 0.0.0.0/0}")
    other = package(STRIPE.replace("web", "pay"), name="pay", namespace="pay")
    assert decisions(own, to="https://api.stripe.com") == "allowed"
    assert decisions(own, other, to="https://api.stripe.com") == "denied"
    in_sidecar_mode = package(STRIPE.replace("web", "pay"), name="pay", namespace="pay", mode="sidecar")
    assert decisions(own, in_sidecar_mode, to="https://api.stripe.com") == "allowed"


def test_the_cluster_api_and_the_metadata_service_have_names_of_their_own() -> None:
    api = package("- {direction: Egress, remoteGenerated: KubeAPI}")
    metadata = package("- {direction: Egress, remoteGenerated: CloudMetadata}")
    assert decisions(api, to="kubernetes.default.svc:443") == "allowed"
    assert decisions(metadata, to="kubernetes.default.svc:443") == "denied"
    assert decisions(metadata, to="169.254.169.254:80") == "allowed"
    assert decisions(api, to="169.254.169.254:80") == "denied"
    assert decisions(api, to="203.0.113.9:443") == "denied"
    assert decisions(api, to="10.0.0.9:6443") == "undecided"


# --- sidecar mode


SIDECAR = """
- {direction: Egress, selector: {app: web}, remoteHost: api.stripe.com, description: Stripe}
- {direction: Egress, selector: {app: batch}, remoteHost: hooks.example.com, description: Hooks}
- {direction: Egress, selector: {app: loader}, remoteGenerated: Anywhere}
- {direction: Egress, selector: {app: web}, remoteGenerated: Anywhere}
"""


@pytest.mark.parametrize(
    ("labels", "to", "decision"),
    [
        ("app=web", "https://api.stripe.com", "allowed"),
        ("app=web", "https://hooks.example.com", "allowed"),
        ("app=batch", "https://api.stripe.com", "allowed"),
        ("app=web", "https://news.example.com", "denied"),
        ("app=loader", "https://news.example.com", "allowed"),
        ("app=loader", "https://api.stripe.com", "allowed"),
        ("app=web", "203.0.113.9:443", "denied"),
        ("app=other", "https://api.stripe.com", "denied"),
    ],
)
def test_sidecars_share_the_hosts_of_their_package_and_nothing_else(labels: str, to: str, decision: Decision) -> None:
    assert decisions(package(SIDECAR, mode="sidecar"), for_=f"web{{{labels}}}", to=to) == decision


def test_anywhere_under_registry_only_is_named_as_what_came_close() -> None:
    verdict = check(repository(package(SIDECAR, mode="sidecar")), "web{app=web}", "https://news.example.com")
    assert "EGR158" in near_codes(verdict)
    mesh, network = layer(verdict, "mesh"), layer(verdict, "network_policy")
    assert mesh is not None
    assert network is not None
    assert (mesh.decision, network.decision) == ("denied", "allowed")
    free = check(repository(package(SIDECAR, mode="sidecar")), "web{app=loader}", "https://news.example.com")
    assert layer(free, "mesh") is None


def test_a_host_shared_on_another_port_is_stopped_by_the_network_policy() -> None:
    rules = """
    - {direction: Egress, selector: {app: web}, remoteHost: api.stripe.com, port: 443, description: Stripe}
    - {direction: Egress, selector: {app: batch}, remoteHost: hooks.example.com, port: 8443, description: Hooks}
    """
    verdict = check(repository(package(rules, mode="sidecar")), "web{app=web}", "tls://hooks.example.com:8443")
    mesh, network = layer(verdict, "mesh"), layer(verdict, "network_policy")
    assert mesh is not None
    assert network is not None
    assert (mesh.decision, network.decision) == ("undecided", "denied")
    listed = repository(
        package(rules, mode="sidecar"), BUNDLE % ("istio-egress-gateway", PORTS.replace("9200", "8443"))
    )
    verdict = check(listed, "web{app=web}", "tls://hooks.example.com:8443")
    assert {view.layer: view.decision for view in verdict.layers} == {"mesh": "allowed", "network_policy": "denied"}


@pytest.mark.parametrize(
    ("component", "ports", "port", "decision", "code"),
    [
        ("istio-egress-gateway", "", 443, "allowed", None),
        ("metrics-server", "", 443, "denied", "EGR807"),
        ("istio-egress-gateway", "", 9200, "denied", "EGR808"),
        ("istio-egress-gateway", PORTS, 9200, "allowed", None),
        ("istio-egress-gateway", PORTS, 8443, "denied", "EGR808"),
    ],
)
def test_a_bundle_says_whether_the_gateway_is_there_and_listens(
    component: str, ports: str, port: int, decision: Decision, code: str | None
) -> None:
    rules = f"- {{direction: Egress, selector: {{app: web}}, remoteHost: search.example.com, port: {port}}}"
    texts = repository(package(rules, mode="sidecar"), BUNDLE % (component, ports))
    verdict = check(texts, "web{app=web}", f"tls://search.example.com:{port}")
    assert verdict.decision == decision
    assert codes(verdict.findings) & {"EGR807", "EGR808", "EGR811"} == ({code} if code else set())


def test_without_a_bundle_a_port_that_the_gateway_has_not_by_itself_is_open() -> None:
    rules = "- {direction: Egress, selector: {app: web}, remoteHost: search.example.com, port: 9200}"
    verdict = check(repository(package(rules, mode="sidecar")), "web{app=web}", "tls://search.example.com:9200")
    assert verdict.decision == "undecided"
    assert codes(verdict.findings) & {"EGR811", "EGR1302"} == {"EGR1302"}
    beside = rules.replace("search", "beside").replace("9200", "443, description: Beside")
    usual = check(repository(package(f"{rules}\n{beside}", mode="sidecar")), "web{app=web}", "beside.example.com")
    assert usual.decision == "allowed"
    assert codes(usual.findings) & {"EGR811", "EGR1302"} == {"EGR811"}
    ambient = check(repository(package(rules)), "web{app=web}", "tls://search.example.com:9200")
    assert not codes(ambient.findings) & {"EGR811", "EGR1302"}


# --- Packages that don't take effect as they stand


def test_a_refused_package_never_makes_allowed() -> None:
    twice = STRIPE + STRIPE.replace("api.stripe.com", "files.stripe.com")
    verdict = check(repository(package(twice)), "web{app=web}", "https://api.stripe.com")
    assert verdict.decision == "undecided"
    assert {"EGR801", "EGR827"} <= codes(verdict.findings)
    mended = package(STRIPE + STRIPE.replace("api.stripe.com", "files.stripe.com").replace(": Stripe", ": Files"))
    assert decisions(mended, to="https://api.stripe.com") == "allowed"


def test_a_conflict_of_protocols_leaves_both_packages_open() -> None:
    other = package(STRIPE + "  remoteProtocol: HTTP\n", name="pay", namespace="pay")
    verdict = check(repository(package(STRIPE), other), "web{app=web}", "https://api.stripe.com")
    assert verdict.decision == "undecided"
    assert "EGR804" in codes(verdict.findings)
    on_another_port = other.replace("443", "80")
    assert decisions(package(STRIPE), on_another_port, to="https://api.stripe.com") == "allowed"


def test_two_packages_in_one_namespace_must_agree() -> None:
    verdict = check(repository(package(STRIPE), package("", name="second")), "web{app=web}", "https://api.stripe.com")
    assert verdict.decision == "undecided"
    assert "EGR814" in codes(verdict.findings)
    assert decisions(package(STRIPE), package(STRIPE), to="https://api.stripe.com") == "allowed"
    # a host that only one of them registers is not there for the other: what is refused registers nothing
    apart = package(STRIPE.replace("api.stripe.com", "api.other.com"), name="second")
    assert decisions(package(STRIPE), apart, to="https://api.stripe.com") == "undecided"


def test_a_label_that_was_not_named_may_bring_registry_only() -> None:
    rules = "- {direction: Egress, remoteGenerated: Anywhere, description: all}\n"
    rules += "- {direction: Egress, selector: {role: payer}, remoteHost: api.stripe.com, port: 443, description: pay}"
    texts = repository(package(rules, mode="sidecar"))
    assert check(texts, "web{app=web}", "https://api.other.com").decision == "undecided"
    assert check(texts, "web{app=web,role=none}", "https://api.other.com").decision == "allowed"
    assert check(texts, "web{role=payer}", "https://api.other.com").decision == "denied"


def test_a_mesh_that_only_one_of_two_packages_asks_for_is_no_sure_denial() -> None:
    strict = package(STRIPE + "  serviceAccount: payer\n")
    open_, elsewhere = package(ANYWHERE, name="second", mode="sidecar"), "https://api.stripe.com"
    assert decisions(strict, to=elsewhere, account="web") == "denied"
    assert decisions(strict, strict, to=elsewhere, account="web") == "denied"
    assert decisions(strict, open_, to=elsewhere, account="web") == "undecided"


@pytest.mark.parametrize(
    "rule",
    [
        'selector: {app: web}, remoteHost: "${HOST}"',
        'selector: {app: "${APP}"}, remoteHost: api.stripe.com',
        'remoteCidr: "${CIDR}"',
        'remoteHost: api.stripe.com, port: "${PORT}"',
        'remoteHost: api.stripe.com, ports: ["${PORT}"]',
        'remoteGenerated: "${WHO}"',
    ],
)
@pytest.mark.parametrize("mode", ["ambient", "sidecar"])
def test_a_rule_that_a_template_completes_makes_a_denial_undecided(rule: str, mode: str) -> None:
    text = package(f"- {{direction: Egress, {rule}}}", mode=mode)
    verdict = check(repository(text), "web{app=web}", "https://api.stripe.com")
    assert verdict.decision == "undecided"
    assert codes(verdict.findings) >= {"EGR167"}
    assert "EGR827" not in codes(verdict.findings)


def test_a_template_changes_nothing_where_it_has_no_say() -> None:
    ingress = '- {direction: Ingress, remoteNamespace: "${NS}"}'
    assert decisions(package(ingress), to="https://api.stripe.com") == "denied"
    egress = '- {direction: Egress, remoteHost: "${HOST}", description: other}\n'
    assert decisions(package(egress + STRIPE), to="https://api.stripe.com") == "allowed"
    texts = (package(WEB_OUT), payments(ingress), deployment("api", namespace="payments"), API_SERVICE)
    assert decisions(*texts, to="api.payments.svc:80") == "undecided"
    open_before = "- {direction: Egress, selector: {app: web}, remoteGenerated: Anywhere}\n"
    assert decisions(package(open_before + egress, mode="sidecar"), to="https://api.stripe.com") == "undecided"


def test_a_package_whose_namespace_a_template_decides_may_govern_anybody() -> None:
    floating = package(STRIPE, namespace='"${NS}"')
    pods = deployment("job", namespace="batch")
    assert decisions(floating, pods, for_="batch/job", to="https://x.example.com") == "undecided"
    assert decisions(package(""), floating, to="https://x.example.com") == "denied"


def test_packages_in_a_list_are_told_apart() -> None:
    bodies = (package(STRIPE), package("", name="pay", namespace="pay"))
    items = "".join(indent(body, "  ").replace("  apiVersion", "- apiVersion", 1) for body in bodies)
    files = repository(f"apiVersion: v1\nkind: List\nitems:\n{items}")
    assert check(files, "web{app=web}", "https://api.stripe.com").decision == "allowed"
    assert check(files, "pay{app=web}", "https://api.stripe.com").decision == "denied"


def test_a_namespace_without_a_package_is_not_governed() -> None:
    verdict = check(
        repository(package(STRIPE), deployment("job", namespace="batch")), "batch/job", "https://x.example.com"
    )
    assert all("uds" not in item.platforms for item in verdict.layers)


def test_host_network_pods_are_not_governed() -> None:
    pods = deployment("web").replace("containers:", "hostNetwork: true\n      containers:")
    verdict = check(repository(package(""), pods), "web/web", "https://api.stripe.com")
    assert all("uds" not in item.platforms for item in verdict.layers)


# --- fields that are none


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("selector: {app: web}", "selectors: {app: api}", "undecided"),
        ("port: 443", "prots: [8443]", "undecided"),
        ("description: Stripe", "serviceaccount: other\n  description: Stripe", "undecided"),
        ("description: Stripe", "owner: payments\n  description: Stripe", "allowed"),
        ("description: Stripe", "labels: {owner: payments}\n  description: Stripe", "allowed"),
    ],
)
def test_a_rule_with_a_slip_is_taken_without_it_or_refused(old: str, new: str, wanted: str) -> None:
    assert old in STRIPE
    verdict = check(repository(package(STRIPE.replace(old, new))), "web{app=web}", "api.stripe.com")
    assert verdict.decision == wanted
    assert ("EGR945" in codes(verdict.findings)) is (wanted == "undecided")


@pytest.mark.parametrize(("old", "new"), [("allow:", "allows:"), ("network:", "networks:")])
def test_a_misspelt_list_opens_nothing_and_is_said(old: str, new: str) -> None:
    verdict = check(repository(package(STRIPE).replace(old, new)), "web{app=web}", "api.stripe.com")
    assert (verdict.decision, "EGR945" in codes(verdict.findings)) == ("denied", True)


@pytest.mark.parametrize("host", ["my_host.example.com", "https://api.example.com", "api.example.com:443", "192.0.2.7"])
def test_a_host_that_istio_refuses_leaves_open_what_the_whole_package_does(host: str) -> None:
    """UDS admits it, and fails on the ServiceEntry (G-D25)."""
    other = f"- {{direction: Egress, selector: {{app: web}}, remoteHost: '{host}', description: Other}}\n"
    verdict = check(repository(package(STRIPE + other)), "web{app=web}", "api.stripe.com")
    assert (verdict.decision, "EGR827" in codes(verdict.findings)) == ("undecided", True)
    assert codes(verdict.findings) & {"EGR825", "EGR1304"}
    sound = check(
        repository(package(STRIPE + other.replace(host, "API.example.com"))), "web{app=web}", "api.stripe.com"
    )
    assert sound.decision == "allowed"


def test_no_rule_is_drafted_for_a_name_that_istio_refuses() -> None:
    made = drafted(repository(package(STRIPE)), "my_host.example.com")
    assert (made.change.edits, "EGR1304" in says(made)) == ((), True)
