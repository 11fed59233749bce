"""A host that somebody registers in ambient mode is lost to whoever reached it directly; the proof names each."""

from __future__ import annotations

from itertools import product

import pytest

from skills.core.allowlist import Allowlist
from skills.core.change import Draft
from tests.core.platforms.uds_drafts import drafted
from tests.core.platforms.uds_support import check, deployment, package, repository

WEB = package("- {direction: Egress, selector: {app: web}, remoteNamespace: pay, description: Pay}")


def neighbour(rule: str, *, mode: str = "ambient") -> str:
    return package(f"- {{direction: Egress, {rule}}}", name="crm", namespace="crm", mode=mode)


def lost(made: Draft) -> list[tuple[str, str]]:
    """What can't be reached any more: target and ports."""
    return [(str(item.facts["target"]), str(item.facts["ports"])) for item in made.change.proof.lost]


@pytest.mark.parametrize(
    ("rule", "host", "ports"),
    [
        ("remoteCidr: 198.51.100.0/24", "api.example.com", ["every port"]),
        ("remoteCidr: 198.51.100.0/24, port: 443", "api.example.com", ["443"]),
        ("remoteCidr: 198.51.100.0/24, ports: [22, 25]", "api.example.com", ["22", "25"]),
        ("remoteCidr: 10.0.0.0/8", "api.example.com", ["every port"]),
        ("remoteCidr: 10.0.0.0/8, port: 443", "api.example.com", ["443"]),
        ("remoteCidr: 10.0.0.0/8, port: 8443", "api.example.com", ["8443"]),
        ("remoteCidr: 10.0.0.0/8, port: 5432", "api.example.com", []),
        ("remoteCidr: 10.0.0.0/8, port: 5432", "vault.corp.internal", ["5432"]),
        ("remoteCidr: 198.51.100.0/24, remoteProtocol: UDP", "api.example.com", []),
        ("remoteGenerated: Anywhere", "api.example.com", ["ports that no remoteHost rule names"]),
        ("remoteGenerated: Anywhere, ports: [443, 8443]", "api.example.com", ["8443"]),
        ("remoteGenerated: Anywhere, port: 443", "api.example.com", []),
        ("remoteGenerated: KubeAPI", "api.example.com", []),
    ],
)
def test_a_direct_rule_of_another_package_loses_the_host(rule: str, host: str, ports: list[str]) -> None:
    made = drafted(repository(WEB, neighbour(rule)), host)
    by = f" by {rule.partition(',')[0].replace(': ', ' ')}" if "remoteCidr" in rule else ""
    assert lost(made) == [(f"{host}{by}", port) for port in ports]
    assert made.change.proof.after == "allowed"


def test_the_loss_is_real() -> None:
    crm = neighbour("remoteCidr: 10.0.0.0/8, port: 443")
    before = check(repository(WEB, crm), "crm{app=crm}", "api.example.com", ip=["10.1.2.3"])
    named = package("- {direction: Egress, selector: {app: web}, remoteHost: api.example.com, description: Api}")
    after = check(repository(named, crm), "crm{app=crm}", "api.example.com", ip=["10.1.2.3"])
    assert (before.decision, after.decision) == ("allowed", "denied")


def test_sidecar_packages_lose_nothing_to_the_waypoint() -> None:
    assert (
        lost(drafted(repository(WEB, neighbour("remoteCidr: 198.51.100.0/24", mode="sidecar")), "a.example.com")) == []
    )


def test_pods_of_the_same_namespace_lose_it_too_unless_the_new_rule_is_theirs() -> None:
    rules = """
- {direction: Egress, selector: {app: batch}, remoteCidr: 198.51.100.0/24, port: 443, description: Batch}
- {direction: Egress, selector: {app: web}, remoteCidr: 198.51.100.0/24, port: 443, description: Web}
"""
    made = drafted(repository(package(rules)), "api.example.com")
    assert [item.facts["source"] for item in made.change.proof.lost] == ["web pods app=batch"]


def test_pods_that_run_under_another_account_than_the_one_their_rule_names_are_named() -> None:
    crm = neighbour("selector: {app: crm}, remoteGenerated: Anywhere, port: 443, serviceAccount: sync")
    pods = deployment("crm", namespace="crm", account="other")
    assert lost(drafted(repository(WEB, crm, pods), "api.example.com")) == [("api.example.com", "443")]
    assert lost(drafted(repository(WEB, crm, pods.replace("other", "sync")), "api.example.com")) == []


def test_a_new_direct_rule_loses_nothing_and_a_removed_one_frees_nobody() -> None:
    others = "- {direction: Egress, remoteHost: %s, description: %s}"
    crm = package(others % ("api.example.com", "Api"), name="crm", namespace="crm")
    made = drafted(repository(WEB, crm), "198.51.100.7:22")
    assert made.change.edits
    assert lost(made) == []
    gone = drafted(made_with(made, WEB, crm), "198.51.100.7:22", remove=True)
    assert gone.change.edits
    assert gone.change.proof.newly_allowed == ()
    assert gone.change.proof.wider_than_asked == ()


def made_with(made: Draft, *texts: str) -> Allowlist:
    new = {edit.path: edit.new_text for edit in made.change.edits}
    return repository(*(new.get(f"{number}.yaml", text) for number, text in enumerate(texts)))


def test_removing_the_last_registration_gives_the_host_back() -> None:
    named = "- {direction: Egress, selector: {app: web}, remoteHost: api.example.com, description: Api}"
    allowed = repository(package(named), neighbour("remoteCidr: 198.51.100.0/24, port: 443"))
    gone = drafted(allowed, "api.example.com", remove=True)
    targets = [(grant.source, grant.target, grant.ports) for grant in gone.change.proof.newly_allowed]
    assert targets == [("crm all pods", "api.example.com by remoteCidr 198.51.100.0/24", "443")]


def test_anywhere_added_under_registry_only_loses_nothing() -> None:
    rule = "- {direction: Egress, selector: {app: web}, remoteHost: api.example.com, description: Api}\n"
    before = repository(package(rule, mode="sidecar"))
    made = drafted(before, "198.51.100.7:22")
    assert made.change.proof.lost == ()


def test_very_many_neighbours_are_summed_up() -> None:
    hosts = "\n".join(
        f"- {{direction: Egress, remoteHost: h{number}.example.com, description: {name}}}"
        for number, name in enumerate("".join(letters) for letters in product("abcdefghij", repeat=3))
    )
    owner = package(hosts, name="own", namespace="own")
    crowd = [
        package("- {direction: Egress, remoteGenerated: Anywhere}", name=f"n{number}", namespace=f"n{number}")
        for number in range(25)
    ]
    made = drafted(repository(WEB, owner, *crowd), "new.example.com")
    assert lost(made) == [("new.example.com", "those ports that no remoteHost rule names, by a range every port")]
    assert len(made.change.proof.newly_allowed) == 2
