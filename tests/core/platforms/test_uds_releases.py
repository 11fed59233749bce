"""What changed between releases of UDS Core, and who says which one runs: the bundle, the policy file, or nobody."""

from __future__ import annotations

import pytest

from skills.core.model import Decision, Verdict
from skills.core.platforms import uds
from tests.core.platforms.uds_support import check, codes, package
from tests.worlds import allowlist

HOST = "- {direction: Egress, selector: {app: web}, remoteHost: api.example.com, description: Api}"
BUNDLE = """
kind: UDSBundle
metadata: {name: prod}
packages:
  - {name: core, repository: registry.example/uds/core, %s, optionalComponents: [istio-egress-gateway]}
"""


def asked(files: dict[str, str], *, account: str | None = None, to: str = "api.example.com") -> Verdict:
    return check(allowlist(files), "web{app=web}", to, account=account)


@pytest.mark.parametrize(
    ("release", "account", "decision"),
    [
        ("ref: 0.58.1-upstream", "web", "denied"),
        ("ref: 0.58.1-upstream", "default", "allowed"),
        ("ref: 0.59.0-unicorn", "web", "allowed"),
        ("version: '0.58.0'", "web", "denied"),
        ("ref: latest", "web", "allowed"),
        ("ref: 0.39.0", "web", "allowed"),
    ],
)
def test_the_release_that_the_bundle_deploys_decides(release: str, account: str, decision: Decision) -> None:
    assert asked({"p.yaml": package(HOST), "b.yaml": BUNDLE % release}, account=account).decision == decision


def test_the_policy_file_says_it_where_no_bundle_does() -> None:
    files = {"p.yaml": package(HOST), "egress-policy.yaml": "uds_core: 0.58.0\n"}
    assert asked(files, account="web").decision == "denied"
    assert asked({**files, "b.yaml": BUNDLE % "ref: 1.4.0"}, account="web").decision == "allowed"
    assert asked({"p.yaml": package(HOST), "else/egress-policy.yaml": "uds_core: 0.58.0\n"}, account="web").allowed


@pytest.mark.parametrize(("said", "code"), [("0.58", False), ("1.4.0", False), ("newest", True), ("0.3", True)])
def test_a_release_that_is_none_is_found(said: str, code: bool) -> None:
    allowed = allowlist({"p.yaml": package(HOST), "egress-policy.yaml": f"uds_core: {said}\n"})
    assert ("EGR890" in codes(uds.audit(allowed.indexes["uds"]))) is code


def test_bundles_of_two_releases_leave_open_only_what_differs() -> None:
    files = {"p.yaml": package(HOST), "a.yaml": BUNDLE % "ref: 0.58.0", "b.yaml": BUNDLE % "ref: 1.4.0"}
    open_ = asked(files, account="web")
    assert open_.decision == "undecided"
    assert "EGR800" in codes(open_.findings)
    for account, to, decision in (("default", "api.example.com", "allowed"), ("web", "x.example.com", "denied")):
        verdict = asked(files, account=account, to=to)
        assert verdict.decision == decision
        assert "EGR800" not in codes(verdict.findings)


def test_a_mode_that_nobody_says_is_named_where_it_matters() -> None:
    both = HOST + "\n- {direction: Egress, selector: {app: web}, remoteGenerated: Anywhere, description: All}"
    unsaid = {"p.yaml": package(both, mode=None)}
    assert asked(unsaid, to="other.example.com").decision == "allowed"
    assert "EGR845" in codes(asked(unsaid, to="other.example.com").findings)
    assert "EGR845" not in codes(asked(unsaid).findings)
    assert "EGR845" not in codes(asked({"p.yaml": package(both)}, to="other.example.com").findings)
    older = asked({**unsaid, "egress-policy.yaml": "uds_core: 0.59.2\n"}, to="other.example.com")
    assert older.decision == "denied"
    assert "EGR845" not in codes(older.findings)


def test_a_closed_port_fails_the_whole_package_since_0_59() -> None:
    rules = HOST + "\n- {direction: Egress, remoteHost: db.example.com, port: 9200, description: Search}"
    files = {"p.yaml": package(rules, mode="sidecar")}
    now = asked({**files, "b.yaml": BUNDLE % "ref: 1.4.0"})
    assert now.decision == "undecided"
    assert {"EGR891", "EGR808"} <= codes(now.findings)
    assert asked({**files, "b.yaml": BUNDLE % "ref: 0.58.0"}).decision == "allowed"
