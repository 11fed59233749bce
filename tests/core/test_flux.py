"""Variables that Flux fills in: known, defaulted, or undecided with their name."""

from __future__ import annotations

import pytest

from skills.core.flows import read_flow
from tests.core.kube import DENY_EGRESS, deployment, policy
from tests.worlds import allowlist

OPEN = policy(
    "podSelector: {}\npolicyTypes: [Egress]\negress:\n- to:\n  - ipBlock:\n      cidr: CIDR\n  ports:\n  - port: PORT",
    "out",
)
FLUX = """\
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: apps, namespace: flux-system}
spec:
  path: ./apps
  postBuild:
"""
INLINE = "    substitute: {cidr: 198.51.100.0/24, port: '443'}\n"
CONFIG = (
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: vars, namespace: flux-system}\ndata: {cidr: 198.51.100.0/24}\n"
)
FROM = "    substituteFrom: [{kind: ConfigMap, name: vars}]\n"


@pytest.mark.parametrize(
    ("cidr", "port", "build", "more", "decision"),
    [
        ("${cidr}", "${port}", INLINE, {}, "allowed"),
        ("${cidr}", "443", FROM, {"vars.yaml": CONFIG}, "allowed"),
        ("${cidr}", "443", FROM, {}, "undecided"),
        ("${cidr:=198.51.100.0/24}", "443", "    substitute: {x: y}\n", {}, "allowed"),
        ("${cidr:-203.0.113.0/24}", "443", "    substitute: {x: y}\n", {}, "denied"),
        ("${cidr:=198.51.100.0/24}", "443", "    substituteFrom: [{kind: Secret, name: s}]\n", {}, "undecided"),
        ("${other}", "443", INLINE, {}, "undecided"),
        ("${cidr}", "$${port}", INLINE, {}, "undecided"),
        ("${cidr}", "443", INLINE, {"b.yaml": (FLUX + INLINE.replace("198", "203"))}, "undecided"),
        ("203.0.113.0/24", "443", INLINE, {}, "denied"),
    ],
)
def test_variables(cidr: str, port: str, build: str, more: dict[str, str], decision: str) -> None:
    files = {
        "flux/apps.yaml": FLUX + build,
        "apps/web.yaml": deployment("web"),
        "apps/deny.yaml": DENY_EGRESS,
        "apps/out.yaml": OPEN.replace("CIDR", f'"{cidr}"').replace("PORT", port),
        **more,
    }
    made = allowlist(files)
    assert read_flow(made, "shop/web", ("198.51.100.7:443",)).verdicts(made)[0].decision == decision


@pytest.mark.parametrize(("value", "decision"), [("true", "allowed"), ("false", "denied")])
def test_a_yes_or_no_is_filled_in_as_yaml_writes_it(value: str, decision: str) -> None:
    selector = 'podSelector: {matchLabels: {egress: "is-${egress}"}}\npolicyTypes: [Egress]\negress: [{}]'
    files = {
        "flux/apps.yaml": FLUX + f"    substitute: {{egress: {value}}}\n",
        "apps/web.yaml": deployment("web", labels="egress: is-true"),
        "apps/deny.yaml": DENY_EGRESS,
        "apps/out.yaml": policy(selector, "out"),
    }
    made = allowlist(files)
    assert read_flow(made, "shop/web", ("198.51.100.7:443",)).verdicts(made)[0].decision == decision


def test_a_variable_that_nothing_fills_in_is_undecided() -> None:
    files = {"web.yaml": deployment("web"), "deny.yaml": DENY_EGRESS}
    files["out.yaml"] = OPEN.replace("CIDR", "${CIDR:=198.51.100.0/24}").replace("PORT", "443")
    made = allowlist(files)
    verdict = read_flow(made, "shop/web", ("198.51.100.7:443",)).verdicts(made)[0]
    assert verdict.decision == "undecided"
    named = [finding.facts for finding in verdict.findings if finding.code == "EGR596"]
    assert named == [{"path": "out.yaml", "line": 12, "variable": "CIDR"}]


def test_a_target_namespace_is_where_all_of_it_stands() -> None:
    target = FLUX.replace("  postBuild:\n", "  targetNamespace: shop\n")
    files = {"flux/apps.yaml": target, "apps/web.yaml": deployment("web", "any"), "apps/deny.yaml": DENY_EGRESS}
    made = allowlist(files)
    assert read_flow(made, "shop/web", ("198.51.100.7:443",)).verdicts(made)[0].decision == "denied"


def test_variables_reach_through_kustomize() -> None:
    files = {
        "flux/apps.yaml": FLUX + INLINE,
        "apps/kustomization.yaml": "resources: [../base]\nnamePrefix: a-\n",
        "base/kustomization.yaml": "resources: [all.yaml]\n",
        "base/all.yaml": "---\n".join(
            [deployment("web"), DENY_EGRESS, OPEN.replace("CIDR", '"${cidr}"').replace("PORT", '"${port}"')]
        ),
    }
    made = allowlist(files)
    assert read_flow(made, "shop/a-web", ("198.51.100.7:443",)).verdicts(made)[0].decision == "allowed"
