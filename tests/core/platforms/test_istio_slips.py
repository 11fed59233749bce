"""Fields and words that Istio does not know: the API server drops or refuses them, so nothing rests on them unsaid."""

from __future__ import annotations

import pytest

from tests.core.platforms.istio_repo import (
    DEPLOYMENT,
    REGISTRY_ONLY,
    audit,
    check,
    codes,
    decision,
    entry,
    repository,
)

MESH = "meshConfig:\n  outboundTrafficPolicy: {mode: %s}\n"
SIDECAR = "apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {name: own, namespace: shop}\nspec: {%s}\n"
ONLY, ANY = (f"outboundTrafficPolicy: {{mode: {mode}}}" for mode in ("REGISTRY_ONLY", "ALLOW_ANY"))
LISTED = entry("listed.com")


@pytest.mark.parametrize(
    ("spec", "mesh", "wanted"),
    [
        (ONLY, "ALLOW_ANY", "denied"),
        ("workloadSelectors: {labels: {app: other}}, " + ANY, "REGISTRY_ONLY", "undecided"),
        ("workloadSelector: {label: {app: other}}, " + ONLY, "ALLOW_ANY", "undecided"),
        ("workloadSelector: {matchLabels: {app: other}}, " + ONLY, "ALLOW_ANY", "undecided"),
        ("outboundTraficPolicy: {mode: REGISTRY_ONLY}", "ALLOW_ANY", "allowed"),
        ("outboundTraficPolicy: {mode: ALLOW_ANY}", "REGISTRY_ONLY", "denied"),
        ("outboundTrafficPolicy: {modes: ALLOW_ANY}", "REGISTRY_ONLY", "denied"),
        ("outboundTrafficPolicy: {mode: allow_any}", "REGISTRY_ONLY", "undecided"),
        ("outboundTrafficPolicy: {mode: registry_only}", "ALLOW_ANY", "undecided"),
        ("outboundTrafficPolicy: {mode: DENY}", "ALLOW_ANY", "undecided"),
        ('outboundTrafficPolicy: {mode: "{{ .Values.mode }}"}', "ALLOW_ANY", "undecided"),
        ("owner: payments, " + ONLY, "ALLOW_ANY", "denied"),
    ],
)
def test_a_sidecar_with_a_slip_is_taken_without_it_or_is_not_there(spec: str, mesh: str, wanted: str) -> None:
    files = {"istiod.yaml": MESH % mesh}
    allowed = repository(DEPLOYMENT, SIDECAR % spec, LISTED, files=files)
    assert check(allowed, "x.com").decision == wanted
    assert check(allowed, "listed.com").decision == "allowed"
    slips = {"EGR945", "EGR1310", "EGR1311"}
    slipped = spec not in {ONLY, "owner: payments, " + ONLY}
    assert bool(slips & codes(check(allowed, "x.com").findings)) is slipped
    assert bool(slips & audit(DEPLOYMENT, SIDECAR % spec, files=files)) is slipped


def test_what_a_list_of_hosts_was_meant_to_be_is_open() -> None:
    assert decision(DEPLOYMENT, SIDECAR % ("egres: [{hosts: [istio-system/*]}], " + ONLY), LISTED, to="x.com") == (
        "undecided"
    )
    hosts = "egress: [{%s: [istio-system/*]}], " + ONLY
    assert decision(DEPLOYMENT, SIDECAR % (hosts % "host"), LISTED, to="listed.com") == "undecided"
    assert decision(DEPLOYMENT, SIDECAR % (hosts % "hosts"), LISTED, to="listed.com") == "denied"


def test_a_sound_sidecar_for_the_pods_goes_before_one_with_a_slip_for_all() -> None:
    slipped = SIDECAR % ("workloadSelectors: {labels: {app: other}}, " + ANY)
    sound = (SIDECAR % ("workloadSelector: {labels: {app: web}}, " + ONLY)).replace("own", "sound")
    assert decision(DEPLOYMENT, slipped, sound, LISTED, to="x.com") == "denied"


def test_a_slip_alone_is_no_answer() -> None:
    """No file says what the mesh does, and a Sidecar that may be meant to say it doesn't."""
    verdict = check(repository(DEPLOYMENT, SIDECAR % "outboundTraficPolicy: {mode: REGISTRY_ONLY}"), "x.com")
    assert (verdict.decision, "EGR945" in codes(verdict.findings)) == ("undecided", True)


POLICY = (
    "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: who, namespace: shop}\nspec:\n"
    "  targetRefs: [{kind: ServiceEntry, group: networking.istio.io, name: partner}]\n"
)


@pytest.mark.parametrize(
    ("rest", "wanted"),
    [
        ("rules: [{from: [{source: {namespaces: [shop]}}]}]", "allowed"),
        ("rules: [{from: [{source: {namespaces: [other]}}]}]", "denied"),
        ("rule: [{from: [{source: {namespaces: [shop]}}]}]", "undecided"),
        ("rules: [{from: [{source: {namespace: [shop]}}]}]", "undecided"),
        ("rules: [{form: [{source: {namespaces: [shop]}}]}]", "undecided"),
        ("action: DENY\n  rules: [{from: [{source: {namespaces: [shop]}}]}]", "denied"),
        ("action: Deny\n  rules: [{from: [{source: {namespaces: [shop]}}]}]", "undecided"),
        ("actions: DENY\n  rules: [{from: [{source: {namespaces: [shop]}}]}]", "allowed"),
        ("action: DENY\n  rules: [{from: [{source: {namespaces: [other]}}], too: []}]", "allowed"),
    ],
)
def test_a_policy_with_a_slip_is_taken_without_it_or_is_not_there(rest: str, wanted: str) -> None:
    verdict = check(repository(DEPLOYMENT, REGISTRY_ONLY, entry("x.com"), f"{POLICY}  {rest}\n"), "x.com")
    assert verdict.decision == wanted
    slipped = wanted == "undecided" or "actions" in rest or "too" in rest
    assert bool({"EGR945", "EGR1310"} & codes(verdict.findings)) is slipped


def test_a_refusal_that_a_policy_with_a_slip_may_lift_is_open() -> None:
    other = POLICY.replace("who", "others") + "  rules: [{from: [{source: {namespaces: [other]}}]}]\n"
    slipped = POLICY + "  rules: [{from: [{source: {namespaces: [shop]}}], form: []}]\n"
    assert decision(DEPLOYMENT, REGISTRY_ONLY, entry("x.com"), other, to="x.com") == "denied"
    assert decision(DEPLOYMENT, REGISTRY_ONLY, entry("x.com"), other, slipped, to="x.com") == "undecided"


@pytest.mark.parametrize(("resolution", "wanted"), [("DNS", "allowed"), ("dns", "denied")])
def test_the_words_of_an_entry_are_capitals(resolution: str, wanted: str) -> None:
    """`protocol` is a text of any case, `resolution` a choice of the schema."""
    listed = entry("x.com", port="{number: 443, name: tls, protocol: tls}", extra=f"resolution: {resolution}")
    assert decision(DEPLOYMENT, REGISTRY_ONLY, listed, to="x.com") == wanted


def test_a_field_of_an_entry_that_decides_nothing_is_said() -> None:
    listed = entry("x.com", extra="resolution: DNS\n  owner: payments")
    assert "EGR1203" in codes(check(repository(DEPLOYMENT, REGISTRY_ONLY, listed), "x.com").findings)
    assert "EGR1203" not in codes(check(repository(DEPLOYMENT, REGISTRY_ONLY, entry("x.com")), "x.com").findings)


@pytest.mark.parametrize(
    ("mode", "wanted"),
    [
        ("REGISTRY_ONLY", "denied"),
        ("ALLOW_ANY", "allowed"),
        ("registry_only", "undecided"),
        ("'{{ .mode }}'", "undecided"),
    ],
)
def test_a_mode_of_the_mesh_that_is_no_word_of_istio_is_not_known(mode: str, wanted: str) -> None:
    allowed = repository(DEPLOYMENT, LISTED, files={"istiod.yaml": MESH % mode})
    assert (check(allowed, "x.com").decision, check(allowed, "listed.com").decision) == (wanted, "allowed")
