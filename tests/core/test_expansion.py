"""Kustomize in the whole: what a patch closes is closed, what it opens is open, and places stay where people wrote."""

from __future__ import annotations

import pytest

from skills.core import change
from skills.core.flows import read_flow
from skills.core.model import Verdict
from tests.core.kube import DENY_EGRESS, deployment, policy
from tests.worlds import allowlist

OPEN = policy("podSelector: {}\npolicyTypes: [Egress]\negress:\n- to: [{ipBlock: {cidr: 198.51.100.0/24}}]", "out")
WEB = deployment("web")
TO = "198.51.100.7:443"
PATCH = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: out, namespace: shop}
spec:
  egress:
  - to: [{ipBlock: {cidr: 203.0.113.0/24}}]
"""


def asked(files: dict[str, str], to: str = TO, for_: str = "shop/web") -> Verdict:
    made = allowlist(files)
    return read_flow(made, for_, (to,)).verdicts(made)[0]


def codes(verdict: Verdict) -> set[str]:
    return {finding.code for finding in verdict.findings}


BASE = {
    "base/web.yaml": WEB,
    "base/deny.yaml": DENY_EGRESS,
    "base/open.yaml": OPEN,
    "base/kustomization.yaml": "resources: [web.yaml, deny.yaml, open.yaml]\n",
}


def overlay(text: str, name: str = "live") -> dict[str, str]:
    base = "../" * (name.count("/") + 1) + "base"
    return {**BASE, f"{name}/kustomization.yaml": f"resources: [{base}]\n{text}"}


def test_a_base_without_patches_stands_as_it_is() -> None:
    assert asked(overlay("")).decision == "allowed"


def test_a_patch_file_is_no_policy_of_its_own() -> None:
    files = overlay("patches: [{path: out.yaml}]\n") | {"live/out.yaml": PATCH}
    assert asked(files).decision == "denied"
    found = asked(files, "203.0.113.1:443")
    assert found.decision == "allowed"
    (rule,) = found.layers[0].rules
    assert (rule.place.path, rule.place.line) == ("live/out.yaml", 6)
    assert rule.place.text == "- to: [{ipBlock: {cidr: 203.0.113.0/24}}]"


def test_what_an_inline_patch_adds_stands_in_the_kustomization() -> None:
    patch = """\
patches:
- target: {kind: NetworkPolicy, name: out}
  patch: |-
    - op: add
      path: /spec/egress/-
      value:
        to: [{ipBlock: {cidr: 203.0.113.0/24}}]
"""
    found = asked(overlay(patch), "203.0.113.1:443")
    assert found.decision == "allowed"
    assert {(rule.place.path, rule.place.line) for rule in found.layers[0].rules} == {("live/kustomization.yaml", 8)}
    assert asked(overlay(patch)).decision == "allowed"


def test_a_patch_that_deletes_closes() -> None:
    patch = "patches:\n- patch: |-\n    apiVersion: networking.k8s.io/v1\n    kind: NetworkPolicy\n    metadata: {name: out, namespace: shop}\n    $patch: delete\n"
    assert asked(overlay(patch)).decision == "denied"


def test_labels_reach_selectors_and_pods_alike() -> None:
    assert asked(overlay("commonLabels: {team: x}\n")).decision == "allowed"
    made = allowlist(overlay("commonLabels: {team: x}\nnamePrefix: eu-\n"))
    assert read_flow(made, "shop/eu-web{team=x}", (TO,)).verdicts(made)[0].decision == "allowed"
    assert read_flow(made, "shop/web", (TO,)).verdicts(made)[0].decision == "undecided"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("patches: [{path: gone.yaml}]\n", "EGR515"),
        ("namePrefix: ''\nresources: [../base, gone.yaml]\n", "EGR515"),
        ("transformers: [t.yaml]\n", "EGR516"),
        ("patchesStrategicMerge:\n- |-\n  apiVersion: v1\n  kind: Service\n  metadata: {name: nobody}\n", "EGR517"),
        ("replacements:\n- source: {kind: X}\n  targets: [{select: {kind: NetworkPolicy}}]\n", "EGR516"),
    ],
)
def test_what_is_not_worked_out_is_undecided(text: str, code: str) -> None:
    files = {**BASE, "live/kustomization.yaml": text if "resources" in text else f"resources: [../base]\n{text}"}
    for destination in (TO, "192.0.2.1:443"):
        verdict = asked(files, destination)
        assert verdict.decision == "undecided"
        assert code in codes(verdict)


def test_a_remote_base_could_allow_what_is_denied_and_closes_nothing() -> None:
    files = overlay("components: [https://example.com/parts/egress?ref=v1]\n")
    assert asked(files).decision == "allowed"
    assert asked(files, "192.0.2.1:443").decision == "undecided"
    assert "EGR514" in codes(asked(files, "192.0.2.1:443"))


def test_a_component_counts_only_where_it_is_included() -> None:
    component = {
        "part/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [more.yaml]\n"
    }
    component["part/more.yaml"] = policy("podSelector: {}\negress: [{}]\npolicyTypes: [Egress]", "more")
    to = "192.0.2.1:443"
    assert asked({**overlay("components: [../part]\n"), **component}, to).decision == "allowed"
    left_out = asked({**overlay("namePrefix: a-\n"), **component}, to, "shop/a-web")
    assert left_out.decision == "undecided"
    assert "EGR519" in codes(left_out)


def test_overlays_that_differ_are_told_apart_by_environment() -> None:
    patch = overlay("patches: [{path: out.yaml}]\n", "overlays/staging") | {"overlays/staging/out.yaml": PATCH}
    files = {**patch, **overlay("", "overlays/prod")}
    assert asked(files, for_="prod:shop/web").decision == "allowed"
    assert asked(files, for_="staging:shop/web").decision == "denied"
    assert asked(files).decision == "undecided"


def test_a_component_of_another_environment_is_not_in_force_here() -> None:
    component = {"part/kustomization.yaml": "kind: Component\nresources: [more.yaml]\n"}
    component["part/more.yaml"] = policy("podSelector: {}\negress: [{}]\npolicyTypes: [Egress]", "more")
    files = {**overlay("components: [../../part]\n", "overlays/prod"), **overlay("", "overlays/staging"), **component}
    assert asked(files, "192.0.2.1:443", "prod:shop/web").decision == "allowed"
    assert asked(files, "192.0.2.1:443", "staging:shop/web").decision != "allowed"


def test_a_patched_object_is_changed_by_hand() -> None:
    files = overlay("patches: [{path: out.yaml}]\n") | {"live/out.yaml": PATCH}
    made = allowlist(files)
    need = read_flow(made, "shop/web", ("203.0.114.1:443",)).need("", None, remove=False)
    assert need is not None
    drafted = change.draft(made, need).change
    for edit in drafted.edits:
        assert edit.path not in made.expanded.by_hand or edit.new_text.startswith(files[edit.path].rstrip())
    assert set(made.expanded.by_hand) == {"base/open.yaml"}


def test_a_draft_goes_through_kustomize_before_it_is_shown() -> None:
    made = allowlist(overlay("namespace: pay\ncommonLabels: {team: x}\n"))
    need = read_flow(made, "pay/web", ("203.0.113.1:443",)).need("", None, remove=False)
    assert need is not None
    drafted = change.draft(made, need).change
    assert [edit.path for edit in drafted.edits]
    assert drafted.proof.after == "allowed"
    after = made.with_edits(drafted.edits)
    assert read_flow(after, "pay/web", ("203.0.113.1:443",)).verdicts(after)[0].decision == "allowed"
