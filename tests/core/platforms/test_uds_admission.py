"""What UDS Core refuses, and what it takes: hand-written Packages, and the titles of the operator's own tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from skills.core.platforms.uds.admission import refusals
from skills.core.platforms.uds.audit import audit
from skills.core.platforms.uds.naming import policy_name, sanitize
from skills.core.platforms.uds.package import Package
from skills.core.platforms.uds.read import read
from skills.core.platforms.uds.versions import NEWEST, VERSIONS, rules_of
from skills.core.yaml_text import read_documents
from tests.core.platforms.uds_support import audit_codes, codes, index_of, package, repository


def parsed(text: str) -> Package:
    documents, _ = read_documents("p.yaml", text)
    return next(entry for document in documents for entry in read(document) if isinstance(entry, Package))


def refused(text: str) -> set[str]:
    return codes(refusals(parsed(text)))


def of(rule: str, mode: str = "ambient") -> str:
    return package(f"- {{{rule}}}", mode=mode)


OUT, IN = "direction: Egress", "direction: Ingress"
HOST = "remoteHost: api.example.com"
SIDE = "sidecar"
ALL = "allow-web-egress-all-pods"

# The titles of the operator's tests for `spec.network.allow`, each with a Package that shows it.
TITLES: dict[str, tuple[str, str | None]] = {
    "approves serviceAccount in Ambient mode with remoteHost": (of(f"{OUT}, {HOST}, serviceAccount: a"), None),
    "approves serviceAccount in Ambient mode with remoteGenerated: Anywhere (Egress)": (
        of(f"{OUT}, remoteGenerated: Anywhere, serviceAccount: a"),
        None,
    ),
    "denies serviceAccount in Sidecar mode even with remoteHost": (
        of(f"{OUT}, {HOST}, serviceAccount: a", SIDE),
        "EGR810",
    ),
    "denies serviceAccount in Ambient mode with remoteGenerated: Anywhere on Ingress": (
        of(f"{IN}, remoteGenerated: Anywhere, serviceAccount: a"),
        "EGR810",
    ),
    "denies system namespaces": (package("", namespace="kube-system"), "EGR813"),
    "denies network policies that specify both remoteGenerated and remoteNamespace": (
        of(f"{OUT}, remoteGenerated: Anywhere, remoteNamespace: a"),
        "EGR816",
    ),
    "denies network policies that specify both remoteGenerated and remoteSelector": (
        of(f"{OUT}, remoteGenerated: Anywhere, remoteSelector: {{app: a}}"),
        "EGR816",
    ),
    "denies network policies that specify remoteHost and remoteGenerated": (
        of(f"{OUT}, {HOST}, remoteGenerated: Anywhere"),
        "EGR816",
    ),
    "denies network policies that specify remoteHost and remoteNamespace": (
        of(f"{OUT}, {HOST}, remoteNamespace: a"),
        "EGR816",
    ),
    "denies network policies that specify remoteHost and remoteSelector": (
        of(f"{OUT}, {HOST}, remoteSelector: {{app: a}}"),
        "EGR816",
    ),
    "denies network policies that specify remoteHost and remoteCidr": (
        of(f"{OUT}, {HOST}, remoteCidr: 192.0.2.0/24"),
        "EGR816",
    ),
    "denies network policies that specify TLS remoteProtocol with no remote target": (
        of(f"{OUT}, remoteProtocol: TLS"),
        "EGR817",
    ),
    "denies network policies that specify HTTP remoteProtocol with no remote target": (
        of(f"{OUT}, remoteProtocol: HTTP"),
        "EGR817",
    ),
    "denies network policies that specify UDP remoteProtocol with remoteHost": (
        of(f"{OUT}, {HOST}, remoteProtocol: UDP"),
        "EGR812",
    ),
    "denies network policies that specify TCP remoteProtocol with remoteHost": (
        of(f"{OUT}, {HOST}, remoteProtocol: TCP"),
        "EGR812",
    ),
    "denies network policies that specify UDP remoteProtocol with KubeAPI": (
        of(f"{OUT}, remoteGenerated: KubeAPI, remoteProtocol: UDP"),
        "EGR818",
    ),
    "denies network policies that specify UDP remoteProtocol with KubeNodes": (
        of(f"{OUT}, remoteGenerated: KubeNodes, remoteProtocol: UDP"),
        "EGR818",
    ),
    "denies network policies that specify UDP remoteProtocol with CloudMetadata": (
        of(f"{OUT}, remoteGenerated: CloudMetadata, remoteProtocol: UDP"),
        "EGR818",
    ),
    "allows network policies that specify UDP remoteProtocol with remoteGenerated": (
        of(f"{OUT}, remoteGenerated: Anywhere, remoteProtocol: UDP"),
        None,
    ),
    "allows network policies that specify TCP remoteProtocol with remoteNamespace and port": (
        of(f"{OUT}, remoteNamespace: a, remoteProtocol: TCP, port: 80"),
        None,
    ),
    "allows network policies that specify TCP remoteProtocol with remoteGenerated and port": (
        of(f"{OUT}, remoteGenerated: KubeAPI, remoteProtocol: TCP, port: 443"),
        None,
    ),
    "allows network policies that specify UDP remoteProtocol with remoteCidr and port": (
        of(f"{OUT}, remoteCidr: 192.0.2.0/24, remoteProtocol: UDP, port: 53"),
        None,
    ),
    "allows network policies that specify TCP remoteProtocol with remoteCidr and port": (
        of(f"{OUT}, remoteCidr: 192.0.2.0/24, remoteProtocol: TCP, port: 53"),
        None,
    ),
    "allows network policies that specify UDP remoteProtocol with Ingress direction and remoteNamespace": (
        of(f"{IN}, remoteNamespace: a, remoteProtocol: UDP, port: 53"),
        None,
    ),
    "allows TCP remoteProtocol without ports and remoteNamespace": (
        of(f"{OUT}, remoteNamespace: a, remoteProtocol: TCP"),
        None,
    ),
    "allows UDP remoteProtocol without ports and remoteNamespace": (
        of(f"{OUT}, remoteNamespace: a, remoteProtocol: UDP"),
        None,
    ),
    "allows TCP remoteProtocol without ports and remoteCidr": (
        of(f"{OUT}, remoteCidr: 192.0.2.0/24, remoteProtocol: TCP"),
        None,
    ),
    "denies network policies that specify HTTP remoteProtocol with Ingress direction": (
        of(f"{IN}, remoteNamespace: a, remoteProtocol: HTTP"),
        "EGR817",
    ),
    "allows network policies that specify TCP remoteProtocol with Ingress direction and port": (
        of(f"{IN}, remoteNamespace: a, remoteProtocol: TCP, port: 80"),
        None,
    ),
    "denies network policies that specify remoteProtocol TLS with Ingress direction": (
        of(f"{IN}, remoteNamespace: a, remoteProtocol: TLS"),
        "EGR817",
    ),
    "denies network policies that specify ingress and remoteHost": (of(f"{IN}, {HOST}"), "EGR819"),
    "denies network policies that specify remoteHost as a wildcard": (
        of(f"{OUT}, remoteHost: '*.example.com'"),
        "EGR802",
    ),
    "denies network policies that specify serviceAccount without a remoteHost": (
        of(f"{OUT}, remoteNamespace: a, serviceAccount: a"),
        "EGR810",
    ),
    "denies network policies with no remote specified": (of(f"{OUT}, port: 80"), "EGR815"),
    "allows network policies with remoteNamespace set to empty string (any namespace in cluster)": (
        of(f"{OUT}, remoteNamespace: ''"),
        None,
    ),
    "allows network policies with remoteSelector set to empty object (all pods)": (
        of(f"{OUT}, remoteSelector: {{}}"),
        None,
    ),
    "denies network policies that are the same name": (
        package(f"- {{{OUT}, {HOST}}}\n- {{{OUT}, remoteHost: other.example.com}}"),
        "EGR801",
    ),
}
# About a whole repository, not one Package.
NAMESPACES = {
    "allows one package per namespace": ((package(""), package("", name="second")), "EGR814"),
    "allows packages to be created in unique namespaces": ((package(""), package("", namespace="second")), None),
}
# What refuses a Package refuses its egress rules with it, so these count here as well.
UDP = "{protocol: UDP, service: a, selector: {app: a}, port: 53%s}"
PUBLIC = "{clientId: app, name: App, publicClient: true, serviceAccountsEnabled: true%s}"
DEVICE = ", standardFlowEnabled: false, attributes: {oauth2.device.authorization.grant.enabled: 'true'}"


def exposing(*items: str) -> str:
    return package("") + f"    expose: [{', '.join(items)}]\n"


REST: dict[str, tuple[str, str | None]] = {
    "denies duplicate UDP ports on the same gateway in one package": (exposing(UDP % "", UDP % ""), "EGR896"),
    "denies duplicate UDP ports on the same user-managed gateway in one package": (
        exposing(UDP % ", gateway: own", UDP % ", gateway: own"),
        "EGR896",
    ),
    "allows UDP gateway port owned by current namespace during update": (
        exposing(UDP % "", UDP % ", gateway: own"),
        None,
    ),
    "denies non-device-flow public clients with serviceAccountsEnabled when ALLOW_PUBLIC_CLIENTS is on": (
        package("") + f"  sso: [{PUBLIC % ''}]\n",
        "EGR897",
    ),
}
TITLES |= REST
COMMITTED = 43


def test_a_public_client_for_the_device_flow_is_admitted() -> None:
    assert refused(package("") + f"  sso: [{PUBLIC % DEVICE}]\n") == set()


@pytest.mark.parametrize("title", TITLES)
def test_admission(title: str) -> None:
    text, code = TITLES[title]
    found = refused(text)
    assert found == set() if code is None else code in found
    assert (code is not None) is title.startswith("denies")


@pytest.mark.parametrize("title", NAMESPACES)
def test_packages_of_a_namespace(title: str) -> None:
    texts, code = NAMESPACES[title]
    assert audit_codes(*texts) == ({code} if code else set())


def test_every_title_of_the_operator_is_covered(shared: Path) -> None:
    lines = (shared / "platforms/corpus/d_uds/EXPECTED_admission.txt").read_text().splitlines()
    titles = {line.strip() for line in lines if line.strip()}
    run = titles & (TITLES.keys() | NAMESPACES.keys())
    assert titles == run
    assert len(run) >= COMMITTED


# --- names


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("allow-web-Egress-Example 1", "allow-web-egress-example"),
        ("allow-web-Egress-Example 2", "allow-web-egress-example"),
        ("Allow  Me!", "allow-me"),
        ("123", ""),
        ("a" * 260, "a" * 250),
        ("é-x", "x"),
    ],
)
def test_sanitized_names(text: str, name: str) -> None:
    assert sanitize(text) == name


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        (f"{OUT}, {HOST}", "allow-web-egress-all-pods-all-pods-tcp"),
        (f"{OUT}, {HOST}, selector: {{app: Web}}", "allow-web-egress-web-all-pods-tcp"),
        (f"{OUT}, remoteGenerated: KubeAPI, selector: {{}}", "allow-web-egress-kubeapi-tcp"),
        (f"{OUT}, remoteNamespace: d, remoteSelector: {{a: b, c: e}}, remoteProtocol: UDP", f"{ALL}-d-b-e-udp"),
        (f"{OUT}, {HOST}, description: 'Stripe API 2'", "allow-web-egress-stripe-api"),
        (f"{OUT}, {HOST}, description: ''", "allow-web-egress-all-pods-all-pods-tcp"),
    ],
)  # fmt: skip
def test_generated_names(rule: str, name: str) -> None:
    assert policy_name("web", parsed(of(rule)).allow[0]) == name


@pytest.mark.parametrize(
    ("one", "other", "clash"),
    [
        ("description: Stripe", "description: stripe!", True),
        ("description: Example 1", "description: Example 2", True),
        ("description: Example one", "description: Example two", False),
        ("port: 443", "port: 8443", True),
        ("selector: {app: a}", "selector: {app: b}", False),
        ("selector: {}", "port: 80", False),
    ],
)
def test_two_rules_of_one_name_are_refused(one: str, other: str, clash: bool) -> None:
    text = package(f"- {{{OUT}, {HOST}, {one}}}\n- {{{OUT}, {HOST}, {other}}}")
    assert (refused(text) == {"EGR801"}) is clash


# --- shapes


@pytest.mark.parametrize(
    "rule",
    [
        f"{OUT}, {HOST}, port: '443'",
        f"{OUT}, {HOST}, port: 0",
        f"{OUT}, {HOST}, port: 65536",
        f"{OUT}, {HOST}, port: true",
        f"{OUT}, {HOST}, ports: 443",
        f"{OUT}, {HOST}, ports: [443, x]",
        f"{OUT}, remoteHost: 12",
        f"{OUT}, remoteHost: [a]",
        f"{OUT}, remoteGenerated: Everywhere",
        f"{OUT}, {HOST}, remoteProtocol: tls",
        f"{OUT}, {HOST}, selector: web",
        f"{HOST}",
        f"direction: egress, {HOST}",
    ],
)
def test_a_field_of_the_wrong_shape_is_refused(rule: str) -> None:
    assert "EGR823" in refused(of(rule))


def test_a_malformed_cidr_is_refused_and_one_with_host_bits_is_not() -> None:
    for cidr in ("192.0.2.1", "192.0.2.0/33", "x/24", "192.0.2.0-192.0.2.9"):
        assert refused(of(f"{OUT}, remoteCidr: {cidr}")) == {"EGR826"}
    assert not refused(of(f"{OUT}, remoteCidr: 192.0.2.1/24"))


@pytest.mark.parametrize("allow", ["allow: 1", "allow: {a: b}", "allow: [1, null]", "allow:", "{}", "serviceMesh: x"])
def test_odd_shapes_of_the_network_never_raise(allow: str) -> None:
    network = f"\n    {allow}" if allow != "{}" else " {}"
    head = "apiVersion: uds.dev/v1alpha1\nkind: Package\n"
    assert parsed(f"{head}metadata: {{name: a, namespace: a}}\nspec:\n  network:{network}\n").allow == ()
    for broken in ("spec: 3", "spec: [a]", "spec: {network: 4}", "metadata: 5"):
        assert parsed(f"{head}{broken}\n").allow == ()


def test_old_spellings_are_read() -> None:
    rule = parsed(of(f"{OUT}, podLabels: {{app: web}}, remotePodLabels: {{app: api}}, remoteNamespace: a")).allow[0]
    assert str(rule.pods) == "app=web"
    assert str(rule.remote_selector) == "app=api"


# --- releases


def test_releases() -> None:
    assert rules_of("v1.4.0") is NEWEST
    assert rules_of("0.58") is rules_of("0.51.3")
    assert [str(version) for version in VERSIONS] == ["0.44.0", "0.51.0", "0.59.0", "0.60.0", "1.0.0", "1.4.0"]
    for text in ("", "latest", "0.43.9", "1", "1.2.3.4", "1.x", "9" * 50 + ".1"):
        with pytest.raises(ValueError):
            rules_of(text)


def test_what_changed_between_releases() -> None:
    bare = parsed(of(f"{OUT}, port: 80"))
    assert codes(refusals(bare, rules_of("0.60.0"))) == set()
    assert codes(refusals(bare, rules_of("1.0.0"))) == {"EGR815"}
    udp = parsed(of(f"{OUT}, remoteNamespace: a, remoteProtocol: UDP"))
    assert codes(refusals(udp, rules_of("1.3.9"))) == {"EGR820"}
    assert codes(refusals(udp, rules_of("1.4.0"))) == set()
    silent = parsed(package("", mode=None))
    assert (silent.effective_mode(rules_of("0.59.1")), silent.effective_mode(NEWEST)) == ("sidecar", "ambient")


def test_conflicts_were_stricter_once() -> None:
    other_port = package(f"- {{{OUT}, {HOST}, port: 8443}}", name="b", namespace="b")
    two = repository(package(f"- {{{OUT}, {HOST}}}"), other_port)
    assert codes(audit(index_of(two, rules_of("0.58.0")))) - {"EGR1301"} == {"EGR804"}
    assert codes(audit(index_of(two))) - {"EGR1301"} == set()
    same = repository(package(f"- {{{OUT}, {HOST}}}"), package(f"- {{{OUT}, {HOST}}}", name="b", namespace="b"))
    assert codes(audit(index_of(same, rules_of("0.58.0")))) - {"EGR1301"} == set()
