"""Contradictions of a repository that bear on a flow: they leave it open, and nothing is drafted into them."""

from __future__ import annotations

import pytest

from skills.core.platforms import uds
from tests.core.platforms.uds_drafts import drafted, says
from tests.core.platforms.uds_support import audit_codes, check, codes, deployment, index_of, package, repository


def rule(host: str, more: str = "", name: str = "Api") -> str:
    return f"- {{direction: Egress, selector: {{app: web}}, remoteHost: {host}, description: {name}{more}}}"


def other(host: str, more: str = "") -> str:
    return package(rule(host, more), name="pay", namespace="pay")


def test_a_host_whose_resources_another_overwrites_is_not_sure() -> None:
    verdict = check(
        repository(package(rule("foo-bar.example.com")), other("foo.bar.example.com")),
        "web{app=web}",
        "foo-bar.example.com",
    )
    assert verdict.decision == "undecided"
    assert "EGR824" in codes(verdict.findings)
    assert check(
        repository(package(rule("foo-bar.example.com")), other("foobar.example.com")),
        "web{app=web}",
        "foo-bar.example.com",
    ).allowed


@pytest.mark.parametrize("mode", ["ambient", "sidecar"])
def test_such_a_host_is_not_drafted(mode: str) -> None:
    there = package(rule("foo-bar.example.com"), name="pay", namespace="pay", mode=mode)
    made = drafted(repository(package("", mode=mode), there), "foo.bar.example.com")
    assert made.change.edits == ()
    assert "EGR824" in says(made)
    elsewhere = package(
        rule("foo-bar.example.com"), name="pay", namespace="pay", mode="sidecar" if mode == "ambient" else "ambient"
    )
    assert drafted(repository(package("", mode=mode), elsewhere), "foo.bar.example.com").change.edits


def test_a_clash_for_one_host_leaves_the_other_hosts_of_both_packages_open() -> None:
    mine = package(rule("shared.example.com") + "\n" + rule("own.example.com", name="Own"))
    clashing = repository(mine, other("shared.example.com", ", remoteProtocol: HTTP, port: 443"))
    verdict = check(clashing, "web{app=web}", "own.example.com")
    assert verdict.decision == "undecided"
    assert {"EGR804", "EGR891"} <= codes(verdict.findings)
    agreeing = repository(mine, other("shared.example.com", ", remoteProtocol: HTTP, port: 80"))
    assert check(agreeing, "web{app=web}", "own.example.com").allowed


def test_rules_for_nobody_are_found_where_the_pods_are_known() -> None:
    lone = package(rule("api.example.com", ", serviceAccount: web"))
    assert audit_codes(lone) == set()
    assert audit_codes(lone, deployment("web", account="web")) == set()
    assert audit_codes(lone, deployment("web", account="other")) == {"EGR893"}
    assert audit_codes(lone, deployment("batch")) == {"EGR892"}
    templated = deployment("batch", labels={"app": "batch", "role": '"${ROLE}"'})
    assert audit_codes(lone, templated) == set()
    assert audit_codes(lone, deployment("batch"), deployment("web", account="web")) == set()


BUNDLED = """
kind: UDSBundle
metadata: {name: prod}
packages:
  - name: %s
    repository: registry.example/web
    ref: 1.0.0
    overrides: {web: {chart: {values: [{path: additionalNetworkAllow, value: [{direction: %s, remoteGenerated: Anywhere}]}]}}}
"""


@pytest.mark.parametrize(
    ("name", "direction", "decision"),
    [("web", "Egress", "undecided"), ("web", "Ingress", "denied"), ("batch", "Egress", "denied")],
)
def test_rules_that_a_bundle_adds_may_open_what_is_asked(name: str, direction: str, decision: str) -> None:
    verdict = check(
        repository(package(rule("api.example.com")), BUNDLED % (name, direction)), "web{app=web}", "x.example.com"
    )
    assert verdict.decision == decision
    assert ("EGR848" in codes(verdict.findings)) is (decision == "undecided")


def test_an_allowed_flow_says_what_to_look_at_when_it_fails_all_the_same() -> None:
    for mode, there in (("ambient", "istio-egress-ambient"), ("sidecar", "web")):
        verdict = check(
            repository(package(rule("api.example.com"), mode=mode)), "web{app=web}", "api.example.com", account="sa"
        )
        facts = next(item.facts for item in verdict.findings if item.code == "EGR894")
        assert (facts["labels"], facts["account"], facts["namespace"], facts["there"]) == (
            "app=web",
            "sa",
            "web",
            there,
        )
    denied = check(repository(package(rule("api.example.com"))), "web{app=web}", "x.example.com")
    assert "EGR894" not in codes(denied.findings)


def test_labels_that_are_not_plain_stay_out_of_the_command() -> None:
    text = package(rule("api.example.com").replace("{app: web}", "{}"), mode="sidecar")
    pods = deployment("web", labels={"app": "'$(reboot)'"})
    verdict = check(repository(text, pods), "web/web", "api.example.com")
    assert verdict.allowed
    assert next(item.facts for item in verdict.findings if item.code == "EGR894")["pod"] == "POD"


def test_a_component_of_the_platform_is_changed_in_the_bundle() -> None:
    text = package(
        "- {direction: Egress, selector: {app: loki}, remoteNamespace: a, description: A}",
        name="loki",
        namespace="loki",
    )
    bundle = "kind: UDSBundle\nmetadata: {name: b}\npackages:\n  - {name: core, repository: x/core, ref: 1.4.0}\n"
    made = drafted(repository(text, bundle), "s3.example.com", for_="loki{app=loki}")
    assert made.change.edits == ()
    assert "EGR895" in says(made)
    alone = drafted(repository(text), "s3.example.com", for_="loki{app=loki}")
    assert alone.change.edits
    assert "EGR895" in says(alone)


def test_limits_of_the_platform_are_said_once() -> None:
    made = drafted(repository(package("")), ["a.example.com", "b.example.com"])
    said = [item.code for item in made.change.findings]
    assert said.count("EGR850") == 1
    assert said.count("EGR849") == 2
    assert uds.audit(index_of(repository(package("")))) == []
