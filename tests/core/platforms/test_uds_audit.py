"""What the audit says without being asked, and that it stays silent on what is right."""

from __future__ import annotations

import pytest

from skills.core.messages import say
from skills.core.platforms import uds
from tests.core.platforms.uds_support import BUNDLE, PORTS, audit_codes, index_of, package, repository

OUT = "direction: Egress"
HOST = f"{OUT}, remoteHost: api.example.com"


def rule(text: str, mode: str = "ambient") -> str:
    return package(f"- {{{text}}}", mode=mode)


@pytest.mark.parametrize(
    ("right", "wrong", "code"),
    [
        (rule(HOST), rule("direction: Egress, remoteHost: '*.example.com'"), "EGR802"),
        (rule(f"{HOST}, ports: [443, 80]"), rule(f"{HOST}, ports: [443], port: 80"), "EGR803"),
        (rule(f"{HOST}, serviceAccount: web"), rule(f"{HOST}, serviceAccount: web", "sidecar"), "EGR810"),
        (rule(f"{HOST}, remoteProtocol: HTTP"), rule(f"{HOST}, remoteProtocol: TCP"), "EGR812"),
        (rule(f"{OUT}, remoteGenerated: Anywhere"), rule(f"{OUT}, remoteCidr: 0.0.0.0/0"), "EGR834"),
        (rule(HOST), rule("direction: Egress, remoteHost: 'https://api.example.com'"), "EGR822"),
        (rule(HOST), rule("direction: Egress, remoteHost: API.example.com"), "EGR822"),
        (rule(HOST), rule("direction: Egress, remoteHost: 'api.example.com:443'"), "EGR822"),
        (rule(HOST), rule("direction: Egress, remoteHost: 192.0.2.7"), "EGR825"),
        (rule(f"{OUT}, remoteCidr: 192.0.2.7/32"), rule(f"{OUT}, remoteCidr: 192.0.2.7"), "EGR826"),
    ],
)  # fmt: skip
def test_one_rule(right: str, wrong: str, code: str) -> None:
    assert audit_codes(right) == set()
    assert audit_codes(wrong) - {"EGR1304"} == {code}


def test_conflicts_of_protocol_are_per_mode_and_port() -> None:
    tls = rule(HOST)
    http = package(f"- {{{HOST}, port: 443, remoteProtocol: HTTP}}", name="b", namespace="b")
    assert audit_codes(tls, http) == {"EGR804"}
    assert audit_codes(tls, http.replace("ambient", "sidecar")) == set()
    assert audit_codes(tls, http.replace("443", "80")) == set()


def test_names_of_resources_that_fall_together() -> None:
    one = package("- {direction: Egress, remoteHost: foo-bar.example}")
    assert audit_codes(one, package("- {direction: Egress, remoteHost: foo.bar.example}", namespace="b")) == {"EGR824"}
    assert audit_codes(one, package("- {direction: Egress, remoteHost: foo.baz.example}", namespace="b")) == set()
    numbered = [package(f"- {{direction: Egress, remoteHost: {n}.example}}", namespace=f"n{n}") for n in (1, 2)]
    assert audit_codes(*numbered) == set()


def test_an_override_of_ports_must_repeat_the_defaults() -> None:
    assert audit_codes(BUNDLE % ("istio-egress-gateway", PORTS)) == set()
    short = "{path: service.ports, value: [{port: 9200}]}"
    found = uds.audit(index_of(repository(BUNDLE % ("istio-egress-gateway", short))))
    assert [(item.code, item.facts["missing"]) for item in found] == [("EGR809", "15021, 80, 443")]


def test_a_bundle_without_uds_core_says_nothing() -> None:
    other = "kind: UDSBundle\nmetadata: {name: b}\npackages: [{name: gitlab, repository: registry.example/gitlab}]\n"
    assert audit_codes(rule(HOST, "sidecar"), other) == set()
    assert audit_codes(rule(HOST, "sidecar"), BUNDLE % ("none", "")) == {"EGR807"}


def test_extra_rules_of_a_bundle_are_noted() -> None:
    bundle = (
        "kind: UDSBundle\nmetadata: {name: b}\npackages:\n- name: valkey\n  overrides: {valkey: {config: {values: "
        "[{path: additionalNetworkAllow, value: [{direction: Ingress, remoteNamespace: web}]}]}}}\n"
    )
    assert audit_codes(bundle) == {"EGR848"}
    assert audit_codes(bundle.replace("additionalNetworkAllow", "replicas")) == set()
    assert audit_codes(bundle.replace("[{direction: Ingress, remoteNamespace: web}]", "3")) == set()


def test_every_finding_has_a_place_and_a_sentence_without_holes() -> None:
    text = package(
        f"- {{{HOST}, port: '1'}}\n- {{{HOST}, remoteProtocol: UDP}}\n- {{direction: Ingress, remoteHost: '*.a.b'}}\n"
    )
    for item in uds.audit(index_of(repository(text, package("", name="b"), BUNDLE % ("none", PORTS)))):
        said = say(item)
        assert "?)" not in said.says + said.do + said.because
        assert item.evidence
        assert item.evidence[0].place is not None
        assert item.evidence[0].place.line > 0


NARROW = f"{OUT}, selector: {{app: web}}"


@pytest.mark.parametrize(
    ("item", "wide"),
    [
        (f"{NARROW}, remoteHost: api.example.com", ""),
        (f"{NARROW}, remoteGenerated: KubeAPI", ""),
        (f"{NARROW}, remoteNamespace: db, remoteSelector: {{app: db}}, port: 5432", ""),
        ("direction: Ingress, remoteNamespace: web", ""),
        (f"{NARROW}, remoteGenerated: Anywhere, port: 443", "to every address (Anywhere) (line 11)"),
        (f"{OUT}, remoteCidr: 192.0.2.7/32, port: 443", "for all pods of the namespace (line 11)"),
        (f"{NARROW}, remoteNamespace: db, port: 5432", "to all pods of another namespace (line 11)"),
        (f"{NARROW}, remoteCidr: 192.0.2.7/32", "on every port (line 11)"),
        (f"{NARROW}, remoteCidr: 192.0.2.7/32, port: 53, remoteProtocol: UDP", "over UDP (line 11)"),
        (
            f"{NARROW}, remoteGenerated: Anywhere",
            "to every address (Anywhere) (line 11); on every port (line 11)",
        ),
    ],
)
def test_wide_rules_are_said_once_a_package(item: str, wide: str) -> None:
    found = uds.audit(index_of(repository(rule(item))))
    assert [said.facts["wide"] for said in found if said.code == "EGR1301"] == ([wide] if wide else [])
