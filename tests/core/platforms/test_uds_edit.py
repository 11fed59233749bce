"""Drafts on Packages: the smallest change, in the file's own style, for exactly whom it was asked."""

from __future__ import annotations

import difflib

import pytest
import yaml

from tests.core.platforms.uds_drafts import BLOCK, added, drafted, says
from tests.core.platforms.uds_support import BUNDLE, PORTS, deployment, package, repository

# --- the file's own style


def test_a_new_host_in_block_style() -> None:
    made = drafted(repository(package(BLOCK)), "https://files.example.com")
    assert (
        added(made)
        == """\
+      - direction: Egress
+        selector:
+          app: web
+        remoteHost: files.example.com
+        remoteProtocol: TLS
+        port: 443
+        description: "Egress to files.example.com\""""
    )
    assert (made.change.proof.before, made.change.proof.after) == ("denied", "allowed")


def test_keys_stand_in_the_order_of_the_neighbours() -> None:
    rule = """
    - description: Stripe
      direction: Egress
      port: 443
      remoteHost: api.stripe.com
      selector: {app: web}
      serviceAccount: web
    """
    made = drafted(repository(package(rule)), "http://files.example.com", account="web")
    assert (
        added(made)
        == """\
+      - description: Egress to files.example.com
+        direction: Egress
+        port: 80
+        remoteHost: files.example.com
+        remoteProtocol: HTTP
+        selector: {app: web}
+        serviceAccount: web"""
    )


def test_rules_in_flow_style_stay_in_flow_style() -> None:
    rule = "- {direction: Egress, selector: {app: web}, remoteHost: api.stripe.com, port: 443, description: 'Stripe'}"
    made = drafted(repository(package(rule)), "https://files.example.com")
    assert added(made) == (
        "+      - {direction: Egress, selector: {app: web}, remoteHost: files.example.com, remoteProtocol: TLS, "
        "port: 443, description: 'Egress to files.example.com'}"
    )


@pytest.mark.parametrize(
    "head",
    [
        "spec:\n  network:\n    allow: []\n",
        "spec:\n  network:\n    allow:\n",
        "spec:\n  network:\n    serviceMesh:\n      mode: ambient\n",
        "spec:\n  network:\n",
        "spec:\n  sso: []\n",
        "spec: {}\n",
        "spec:\n",
        "",
    ],
)
def test_the_list_is_made_where_it_is_missing(head: str) -> None:
    text = f"apiVersion: uds.dev/v1alpha1\nkind: Package\nmetadata:\n  name: web\n  namespace: web\n{head}# the end\n"
    made = drafted(repository(text), "https://files.example.com")
    assert made.change.proof.after == "allowed"
    new = made.change.edits[0].new_text
    assert "# the end" in new
    rules = yaml.safe_load(new)["spec"]["network"]["allow"]
    assert [rule["remoteHost"] for rule in rules] == ["files.example.com"]


def test_other_documents_and_comments_stay_as_they_are() -> None:
    text = f"# head\n{deployment('web')}---\n{package(BLOCK)}      # below\n---\nkind: ConfigMap\ndata: {{a:   b}}\n"
    made = drafted(repository(text), "https://files.example.com", for_="web/web")
    new = made.change.edits[0].new_text
    assert [line for line in difflib.ndiff(text.splitlines(), new.splitlines()) if line[0] == "-"] == []
    assert made.change.proof.after == "allowed"


def test_windows_line_ends_stay() -> None:
    text = package(BLOCK).replace("\n", "\r\n")
    new = drafted(repository(text), "https://files.example.com").change.edits[0].new_text
    assert new.count("\n") == new.count("\r\n")


# --- ports and protocols


@pytest.mark.parametrize(
    ("ports", "to", "change"),
    [
        ("port: 443", "tls://api.stripe.com:8443", "-        port: 443\n+        ports: [443, 8443]"),
        ("ports: [443, 80]", "tls://api.stripe.com:8443", "-        ports: [443, 80]\n+        ports: [443, 80, 8443]"),
        ("ports:\n    - 443", "tls://api.stripe.com:8443", "+          - 8443"),
        ("port: 443", "api.stripe.com:8443", "-        port: 443\n+        ports: [443, 8443]"),
        ("port: 443", "tls://api.stripe.com:8443-8444", "-        port: 443\n+        ports: [443, 8443, 8444]"),
    ],
)
def test_a_port_of_a_present_host_goes_into_its_rule(ports: str, to: str, change: str) -> None:
    made = drafted(repository(package(BLOCK.replace("port: 443", ports))), to)
    assert added(made) == change
    assert made.change.proof.after == "allowed"


def test_a_rule_without_ports_keeps_its_default_beside_the_new_one() -> None:
    made = drafted(repository(package(BLOCK.replace("  port: 443\n", ""))), "tls://api.stripe.com:8443")
    rule = yaml.safe_load(made.change.edits[0].new_text)["spec"]["network"]["allow"][0]
    assert rule["ports"] == [443, 8443]


def test_another_protocol_needs_a_rule_of_its_own_with_a_name_of_its_own() -> None:
    made = drafted(repository(package(BLOCK)), "http://api.stripe.com")
    assert "remoteProtocol: HTTP" in added(made)
    assert "-" not in {line[0] for line in added(made).splitlines()}
    assert made.change.proof.after == "allowed"


def test_a_port_for_another_service_account_is_a_rule_of_its_own() -> None:
    text = package(BLOCK + "  serviceAccount: payer\n")
    made = drafted(repository(text), "tls://api.stripe.com:8443", account="other")
    assert "serviceAccount: other" in added(made)
    assert "-" not in {line[0] for line in added(made).splitlines()}
    assert made.change.proof.after == "allowed"


@pytest.mark.parametrize(
    "to", ["tcp://mail.example.com:587", "tcp://db.example.com:5432", "udp://time.example.com:123"]
)
def test_what_is_neither_tls_nor_http_is_asked_about(to: str) -> None:
    made = drafted(repository(package(BLOCK)), to)
    assert made.change.edits == ()
    assert "EGR836" in says(made)
    assert [question.id for question in made.change.questions] == [f"protocol:{to}"]


def test_vouched_addresses_make_a_cidr_rule_each() -> None:
    made = drafted(repository(package(BLOCK)), "tcp://db.example.com:5432", ip=["203.0.113.4", "203.0.113.5"])
    assert made.change.proof.after == "allowed"
    assert made.change.questions == ()
    assert [line for line in added(made).splitlines() if "remoteCidr" in line] == [
        "+        remoteCidr: 203.0.113.4/32",
        "+        remoteCidr: 203.0.113.5/32",
    ]
    assert "EGR843" in says(made)


def test_a_known_host_on_a_database_port_is_not_taken_for_tls() -> None:
    made = drafted(repository(package(BLOCK)), "tcp://api.stripe.com:5432")
    assert made.change.edits == ()
    assert "EGR836" in says(made)


# --- addresses


def test_a_cidr_is_written_without_a_protocol_that_nobody_else_spells_out() -> None:
    made = drafted(repository(package(BLOCK)), "198.51.100.0/24:22")
    assert "+        remoteCidr: 198.51.100.0/24" in added(made)
    assert "remoteProtocol" not in added(made)
    spelled = BLOCK + "- {direction: Egress, remoteNamespace: a, remoteProtocol: TCP, port: 1}\n"
    assert "remoteProtocol: TCP" in added(drafted(repository(package(spelled)), "198.51.100.0/24:22"))
    over_udp = drafted(repository(package(BLOCK)), "udp://198.51.100.0/24:53")
    assert "remoteProtocol: UDP" in added(over_udp)
    assert over_udp.change.proof.after == "allowed"


def test_the_metadata_address_has_a_name_and_everything_is_warned_about() -> None:
    made = drafted(repository(package(BLOCK)), "169.254.169.254:80")
    assert "remoteGenerated: CloudMetadata" in added(made)
    assert made.change.proof.after == "allowed"
    assert "EGR834" in says(drafted(repository(package(BLOCK)), "0.0.0.0/0:443"))
    assert "EGR834" not in says(drafted(repository(package(BLOCK)), "198.51.100.0/24:22"))


def test_addresses_don_t_help_under_registry_only() -> None:
    made = drafted(repository(package(BLOCK, mode="sidecar")), "198.51.100.7:22")
    assert made.change.edits == ()
    assert "EGR158" in says(made)
    free = drafted(repository(package(BLOCK, mode="sidecar")), "198.51.100.7:22", for_="web{app=batch}")
    assert free.change.proof.after == "allowed"


# --- whom the rule selects


@pytest.mark.parametrize(
    ("labels", "rules", "wanted"),
    [
        ({"app": "web", "version": "2", "pod-template-hash": "abc"}, "", {"app": "web"}),
        ({"app.kubernetes.io/name": "web", "version": "2"}, "", {"app.kubernetes.io/name": "web"}),
        ({"app": "web", "tier": "front"}, "selector: {tier: front}", {"tier": "front"}),
        ({"app": "web", "tier": "front"}, "selector: {tier: back}", {"tier": "front"}),
        ({"team": "red", "helm.sh/chart": "web-1.2"}, "", {"team": "red"}),
    ],
)
def test_the_selector_uses_the_keys_of_the_package(labels: dict[str, str], rules: str, wanted: dict[str, str]) -> None:
    other = f"- {{direction: Egress, remoteNamespace: a, {rules}}}" if rules else ""
    made = drafted(
        repository(package(other), deployment("web", labels=labels)), "https://api.example.com", for_="web/web"
    )
    rule = yaml.safe_load(made.change.edits[0].new_text)["spec"]["network"]["allow"][-1]
    assert rule["selector"] == wanted
    assert made.change.proof.after == "allowed"


def test_asserted_labels_are_taken_as_they_are() -> None:
    made = drafted(repository(package(BLOCK)), "https://a.example.com", for_="web{app=web,version=2}")
    rule = yaml.safe_load(made.change.edits[0].new_text)["spec"]["network"]["allow"][-1]
    assert rule["selector"] == {"app": "web", "version": "2"}


def test_unknown_labels_are_asked_for() -> None:
    made = drafted(repository(package(BLOCK)), "https://a.example.com", for_="web")
    assert made.change.edits == ()
    assert [(question.id, question.choices) for question in made.change.questions] == [("labels", ("web{app=web}",))]


def test_the_service_account_is_named_where_it_is_not_the_default() -> None:
    plain = BLOCK.replace("api.stripe.com", "other.example.com")
    for account, line in (("payer", "+        serviceAccount: payer"), ("", None)):
        files = repository(package(plain), deployment("web", account=account))
        made = drafted(files, "https://api.example.com", for_="web/web")
        assert (line in added(made).splitlines()) if line else ("serviceAccount" not in added(made))
        assert made.change.proof.after == "allowed"
    sidecar = repository(package(plain, mode="sidecar"), deployment("web", account="payer"))
    assert "serviceAccount" not in added(drafted(sidecar, "https://api.example.com", for_="web/web"))


def test_an_account_that_nobody_says_is_that_of_the_rules_for_the_same_pods() -> None:
    """Never that of other pods: it would open the host to them, and not to those who ask."""
    for app, line in (("web", True), ("batch", False)):
        rule = f"- {{direction: Egress, selector: {{app: {app}}}, remoteHost: a.example.com, serviceAccount: payer}}"
        made = drafted(repository(package(rule)), "https://b.example.com")
        assert ("serviceAccount: payer" in added(made)) is line


def test_workloads_with_the_same_labels_are_named() -> None:
    twin = deployment("twin", labels={"app": "web"}, account="twin")
    made = drafted(repository(package(BLOCK), deployment("web"), twin), "https://a.example.com", for_="web/web")
    assert "EGR842" in says(made)
    lone = drafted(
        repository(package(BLOCK), deployment("web"), deployment("b")), "https://a.example.com", for_="web/web"
    )
    assert "EGR842" not in says(lone)


@pytest.mark.parametrize(
    ("mode", "remote", "to", "longer"),
    [
        ("ambient", "remoteHost: api.example.com", "https://api.example.com:8443", True),
        ("sidecar", "remoteHost: api.example.com", "https://api.example.com:8443", False),
        ("ambient", "remoteHost: api.example.com, serviceAccount: job", "https://api.example.com:8443", False),
        ("ambient", "remoteCidr: 198.51.100.0/24", "198.51.100.0/24:8443", False),
    ],
)
def test_a_rule_for_more_pods_grows_only_where_that_opens_no_more(
    mode: str, remote: str, to: str, longer: bool
) -> None:
    rule = f"- {{direction: Egress, {remote}, port: 443, description: A}}"
    bundle = BUNDLE % ("istio-egress-gateway", PORTS.replace("9200", "8443"))
    texts = [package(rule, mode=mode), deployment("web"), deployment("batch"), bundle]
    made = drafted(repository(*texts), to, for_="web/web")
    assert ("ports: [443, 8443]" in added(made)) is longer
    assert made.change.proof.after == "allowed"
    assert [grant.ports for grant in made.change.proof.newly_allowed] == ["8443"]
    # A rule without an account admits every pod that reaches the waypoint, whosever it is.
    shared = mode == "ambient" and "Host" in remote
    assert [grant.source.startswith("web all pods") for grant in made.change.proof.newly_allowed] == [shared]


# --- a Package among the items of a List

LIST = """\
apiVersion: v1
kind: List
items:
# the shop
- apiVersion: uds.dev/v1alpha1
  kind: Package
  metadata: {name: web, namespace: web}
  spec:
    network:
      serviceMesh: {mode: ambient}
      allow:
      - direction: Egress
        selector: {app: web}
        remoteHost: a.example.com
        description: a
- apiVersion: uds.dev/v1alpha1
  kind: Package
  metadata: {name: web, namespace: other}   # of the same name
  spec: {}
"""


@pytest.mark.parametrize(
    ("for_", "to", "lines"),
    [
        ("web{app=web}", "a.example.com:8443", ["+        ports:", "+        - 443", "+        - 8443"]),
        (
            "other{app=web}",
            "b.example.com",
            [
                "-  spec: {}",
                "+  spec:",
                "+    network:",
                "+      allow:",
                "+      - direction: Egress",
                "+        selector: {app: web}",
                "+        remoteHost: b.example.com",
                "+        remoteProtocol: TLS",
                "+        port: 443",
                "+        description: Egress to b.example.com",
            ],
        ),
    ],
)
def test_a_package_in_a_list_is_changed_where_it_stands(for_: str, to: str, lines: list[str]) -> None:
    made = drafted(repository(LIST), to, for_=for_)
    assert (added(made).splitlines(), made.change.proof.after) == (lines, "allowed")
    after = repository(made.change.edits[0].new_text)
    assert drafted(after, to, for_=for_).change.edits == ()


def test_a_package_in_a_list_is_found_where_kustomize_moves_it() -> None:
    alone = LIST[: LIST.rindex("- apiVersion")].replace(", namespace: web}", "}")
    moved = repository(alone, kustomization="namespace: shop\nresources: [0.yaml]\n")
    made = drafted(moved, "b.example.com", for_="shop{app=web}")
    assert [edit.path for edit in made.change.edits] == ["0.yaml"]
    assert made.change.proof.after == "allowed"


def test_a_rule_goes_out_of_a_list_again() -> None:
    made = drafted(repository(LIST), "b.example.com", for_="web{app=web}")
    back = drafted(repository(made.change.edits[0].new_text), "b.example.com", for_="web{app=web}", remove=True)
    assert back.change.edits[0].new_text == LIST


def test_no_rule_names_a_wildcard() -> None:
    """UDS would refuse the whole Package (G-D02)."""
    made = drafted(repository(package(BLOCK)), "*.example.com")
    assert (made.change.edits, "EGR1303" in says(made)) == ((), True)
    assert "EGR1303" not in says(drafted(repository(package(BLOCK)), "a.example.com"))


@pytest.mark.parametrize(
    ("to", "said"), [("b.example.com:8443", False), ("b.example.com:5432", True), ("tcp://b.example.com:8443", True)]
)
def test_what_nobody_knows_to_be_plain_is_only_asked(to: str, said: bool) -> None:
    made = drafted(repository(package(BLOCK)), to)
    assert made.change.edits == ()
    assert [question.code for question in made.change.questions] == ["EGR837"]
    assert ("EGR836" in says(made)) is said
