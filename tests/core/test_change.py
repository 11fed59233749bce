"""Drafts: what the digest covers, and that the proof names what is gained, wider and lost."""

from __future__ import annotations

from dataclasses import replace
from difflib import SequenceMatcher

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.sample import files
from skills.core.change import Draft, digest, draft, unified_diff
from skills.core.flows import read_flow
from skills.core.model import Edit
from skills.core.risk import assess
from tests.worlds import allowlist

EDIT = Edit("a.yaml", "a: 1\n", "a: 2\n")


def drafted(for_: str, to: str, *, remove: bool = False, reason: str = "tests") -> Draft:
    made = allowlist(files())
    need = read_flow(made, for_, (to,)).need(reason, remove=remove)
    assert need is not None
    return draft(made, need)


def test_the_digest_covers_base_path_role_and_text() -> None:
    one = digest("c1", [EDIT])
    others = [
        digest("c2", [EDIT]),
        digest(None, [EDIT]),
        digest("c1", [replace(EDIT, path="b.yaml")]),
        digest("c1", [replace(EDIT, new_text="a: 2")]),
        digest("c1", [replace(EDIT, role="counterpart")]),
        digest("c1", []),
        digest("c1", [EDIT, replace(EDIT, path="b.yaml")]),
    ]
    assert len({one, *others}) == len(others) + 1
    assert one == digest("c1", [replace(EDIT, old_text="something else")])


@given(st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5)), max_size=3, unique_by=lambda pair: pair[0]))
def test_the_order_of_edits_does_not_matter(pairs: list[tuple[str, str]]) -> None:
    edits = [Edit(path, None, text) for path, text in pairs]
    assert digest("c", edits) == digest("c", reversed(edits))


def test_drawing_twice_gives_the_same_change() -> None:
    assert drafted("payment-gateway", "api.twilio.com").change == drafted("payment-gateway", "api.twilio.com").change


def test_the_proof_of_an_addition() -> None:
    proof = drafted("payment-gateway", "api.twilio.com").change.proof
    assert (proof.before, proof.after) == ("denied", "allowed")
    assert [grant.target for grant in proof.newly_allowed] == ["api.twilio.com"]
    assert proof.newly_denied == ()
    assert proof.wider_than_asked, "an Infrastream entry serves every port and every app, which must be said"


def test_the_proof_of_a_removal_names_what_is_lost() -> None:
    proof = drafted("payment-gateway", "smtp.sendgrid.net:587", remove=True).change.proof
    assert (proof.before, proof.after) == ("allowed", "denied")
    assert not proof.newly_allowed
    assert any("smtp.sendgrid.net" in line for line in proof.newly_denied)


def test_a_first_remote_host_isolates_and_says_so() -> None:
    """claims has hosts already; a sidecar package without any would turn REGISTRY_ONLY on (G-D07)."""
    package = """
apiVersion: uds.dev/v1alpha1
kind: Package
metadata: {name: shop, namespace: shop}
spec:
  network:
    serviceMesh: {mode: sidecar}
    allow:
      - direction: Egress
        selector: {app: web}
        remoteGenerated: Anywhere
        port: 8443
        description: partners
"""
    made = allowlist({"p.yaml": package})
    need = read_flow(made, "shop{app=web}", ("api.twilio.com:443",)).need("tests")
    assert need is not None
    proof = draft(made, need).change.proof
    assert proof.after == "allowed"
    assert any("mesh" in line for line in proof.newly_denied), proof
    assert proof.lost


def test_nothing_changes_when_it_is_allowed_already() -> None:
    made = drafted("payment-gateway", "hooks.slack.com")
    assert made.change.edits == ()
    assert made.change.proof.newly_allowed == ()


def test_only_the_file_of_the_workload_is_touched() -> None:
    for for_, to in (("payment-gateway", "api.twilio.com"), ("claims/claims-api", "api.twilio.com")):
        change = drafted(for_, to).change
        assert len(change.edits) == 1
        edit = change.edits[0]
        old, new = (edit.old_text or "").splitlines(), edit.new_text.splitlines()
        steps = {step for step, *_ in SequenceMatcher(None, old, new, autojunk=False).get_opcodes()}
        assert steps <= {"equal", "insert"}, "no line that stood was changed or moved"


def test_a_diff_says_when_the_last_line_has_no_end() -> None:
    shown = unified_diff(Edit("a.yaml", "a: 1", "a: 1\nb: 2"))
    assert shown.count("\\ No newline at end of file") == 2
    assert shown.startswith("--- a/a.yaml\n+++ b/a.yaml\n")
    assert unified_diff(Edit("n.yaml", None, "a: 1\n")).startswith("--- /dev/null\n")


WIDE = """
apiVersion: uds.dev/v1alpha1
kind: Package
metadata: {name: shop, namespace: shop}
spec:
  network:
    serviceMesh: {mode: sidecar}
    allow:
      - direction: Egress
        selector: {app: web}
        remoteHost: api.stripe.com
        port: 443
        description: Stripe
      - direction: Egress
        selector: {app: web}
        remoteGenerated: Anywhere
        description: everything else
"""


def test_a_removal_that_ends_an_isolation_is_no_removal() -> None:
    made = allowlist({"p.yaml": WIDE})
    need = read_flow(made, "shop{app=web}", ("api.stripe.com:443",)).need("tests", remove=True)
    assert need is not None
    change = draft(made, need).change
    codes = {finding.code for finding in (*change.findings, *change.proof.wider_than_asked)}
    assert change.proof.after == "allowed"
    assert {"EGR316", "EGR317"} <= codes
    assert any(grant.target == "everything" for grant in change.proof.newly_allowed)
    assert assess(need, change.proof).score >= 40


@pytest.mark.parametrize(
    ("for_", "to", "wide"),
    [
        ("treasury-direct/bonds-prod", "api.data.gov", True),
        ("k8s/data-platform/spark-driver", "python-index.example", True),
        ("payment-gateway", "api.twilio.com", False),
    ],
)
def test_opening_the_internet_is_a_risk_and_one_host_is_not(for_: str, to: str, wide: bool) -> None:
    made = allowlist(files())
    need = read_flow(made, for_, (to,)).need("tests")
    assert need is not None
    assessed = assess(need, draft(made, need).change.proof)
    assert ("EGR325" in {reason.code for reason in assessed.reasons}) is wide
    assert (assessed.score >= 40) is wide


def test_only_a_line_feed_ends_a_line_of_a_diff() -> None:
    old = 'a: "x\u2028y"\nb:\n- one\n'
    shown = unified_diff(Edit("a.yaml", old, old + "- two\n"))
    assert "@@ -1,3 +1,4 @@" in shown
