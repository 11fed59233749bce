"""Helm charts: rendered with Helm itself, and what remains readable without it."""

from __future__ import annotations

import pytest

from bot.world.helm import renderer
from skills.core import change
from skills.core.charts import Render
from skills.core.flows import read_flow
from skills.core.model import Verdict
from tests.core.kube import DENY_EGRESS, deployment, policy
from tests.worlds import allowlist

TO = "198.51.100.7:443"
CHART = "apiVersion: v2\nname: net\nversion: 0.1.0\n"
OPEN = """\
{{- if .Values.egress.enabled }}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "net.name" . }}-out
  namespace: {{ .Values.home | default .Release.Namespace }}
  labels:
    {{- include "net.labels" . | nindent 4 }}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
  {{- range .Values.egress.cidrs }}
  - to:
    - ipBlock:
        cidr: {{ . }}
  {{- end }}
{{- end }}
"""
HELPERS = '{{- define "net.name" -}}{{ .Chart.Name }}{{- end }}\n{{- define "net.labels" -}}\nteam: x\n{{- end }}\n'
VALUES = "home: shop\negress:\n  enabled: true\n  cidrs: [198.51.100.0/24]\n"
BASE = {"web.yaml": deployment("web"), "deny.yaml": DENY_EGRESS}
FILES = {
    **BASE,
    "charts/net/Chart.yaml": CHART,
    "charts/net/values.yaml": VALUES,
    "charts/net/templates/_helpers.tpl": HELPERS,
    "charts/net/templates/out.yaml": OPEN,
}


@pytest.fixture(scope="module")
def helm() -> Render:
    found = renderer()
    assert found is not None
    return found


def asked(files: dict[str, str], render: Render | None, to: str = TO, for_: str = "shop/web") -> Verdict:
    made = allowlist(files, render=render)
    return read_flow(made, for_, (to,)).verdicts(made)[0]


def codes(verdict: Verdict) -> set[str]:
    return {finding.code for finding in verdict.findings}


@pytest.mark.needs("helm_python")
def test_a_complete_chart_counts_with_its_own_values(helm: Render) -> None:
    verdict = asked(FILES, helm)
    assert verdict.decision == "allowed"
    (rule,) = verdict.layers[0].rules
    assert rule.place.path == "charts/net/templates/out.yaml"
    assert 13 <= rule.place.line <= 16
    assert asked(FILES, helm, "192.0.2.1:443").decision == "denied", "a rendered template is no blind spot"


def test_without_helm_the_template_could_say_anything() -> None:
    verdict = asked(FILES, None)
    assert verdict.decision == "undecided"
    assert "EGR591" in codes(verdict)


@pytest.mark.needs("helm_python")
def test_values_of_environments_count_where_they_agree(helm: Render) -> None:
    files = {**FILES, "charts/net/values-prod.yaml": "egress: {cidrs: [203.0.113.0/24]}\n"}
    files["charts/net/values-staging.yaml"] = "egress: {enabled: false}\n"
    verdict = asked(files, helm)
    assert verdict.decision == "undecided"
    assert "EGR592" in codes(verdict)
    files["charts/net/values-staging.yaml"] = "egress: {cidrs: [203.0.113.0/24]}\n"
    assert asked(files, helm).decision == "denied"
    assert asked(files, helm, "203.0.113.1:443").decision == "allowed"


RELEASE = """\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: net, namespace: shop}
spec:
  chart: {spec: {chart: ./charts/net, sourceRef: {kind: GitRepository, name: here}}}
  values:
    home: ""
    egress: {cidrs: [203.0.113.0/24]}
"""


@pytest.mark.needs("helm_python")
def test_a_release_gives_values_and_namespace(helm: Render) -> None:
    files = {**FILES, "release.yaml": RELEASE}
    assert asked(files, helm, "203.0.113.1:443").decision == "allowed"
    assert asked(files, helm).decision == "denied"
    unknown = {**FILES, "release.yaml": RELEASE + "  valuesFrom: [{kind: Secret, name: s}]\n"}
    assert asked(unknown, helm).decision == "undecided"


@pytest.mark.needs("helm_python")
def test_a_release_namespace_that_nothing_says_is_not_known(helm: Render) -> None:
    files = {**FILES, "charts/net/values.yaml": VALUES.replace("home: shop", "home: ''")}
    assert asked(files, helm).decision == "undecided"


@pytest.mark.needs("helm_python")
def test_a_chart_that_helm_refuses_is_undecided_and_says_why(helm: Render) -> None:
    files = {**FILES, "charts/net/templates/out.yaml": OPEN.replace('include "net.name" .', 'fail "no"')}
    verdict = asked(files, helm)
    assert verdict.decision == "undecided"
    (said,) = [item for item in verdict.findings if item.code == "EGR593"]
    assert "no" in str(said.facts["why"])


@pytest.mark.needs("helm_python")
def test_an_unread_template_says_what_its_chart_lacks(helm: Render) -> None:
    needs = "dependencies: [{name: common, version: 1.0.0, repository: https://charts.example}]\n"
    includes = OPEN.replace("net.name", "common.name")
    for template in (includes, OPEN):
        files = {**FILES, "charts/net/templates/out.yaml": template, "charts/net/Chart.yaml": CHART + needs}
        verdict = asked(files, helm, "192.0.2.1:443")
        assert (verdict.decision, "EGR1205" in codes(verdict)) == ("undecided", True)
    without = {path: text for path, text in FILES.items() if not path.endswith("Chart.yaml")}
    verdict = asked(without, helm)
    assert verdict.decision == "undecided"
    (said,) = [item for item in verdict.findings if item.code == "EGR1204"]
    assert said.facts["chart"] == "charts/net/Chart.yaml"
    assert not {"EGR1205", "EGR1204", "EGR593"} & codes(asked(FILES, helm)), "a whole chart lacks nothing"


@pytest.mark.needs("helm_python")
def test_values_from_elsewhere_are_named_with_their_place(helm: Render) -> None:
    files = {**FILES, "release.yaml": RELEASE + "  valuesFrom: [{kind: Secret, name: s}]\n"}
    (said,) = [item for item in asked(files, helm).findings if item.code == "EGR592"]
    assert said.facts["values"] == "valuesFrom in release.yaml:3, which is not here"


@pytest.mark.needs("helm_python")
def test_a_missing_dependency_could_hold_rules(helm: Render) -> None:
    files = {
        **FILES,
        "charts/net/Chart.yaml": CHART
        + "dependencies: [{name: db, version: 1.0.0, repository: https://charts.example}]\n",
    }
    assert asked(files, helm).decision == "allowed"
    verdict = asked(files, helm, "192.0.2.1:443")
    assert verdict.decision == "undecided"
    (said,) = [item for item in verdict.findings if item.code == "EGR1205"]
    assert (said.facts["path"], said.facts["line"], said.facts["names"]) == ("charts/net/Chart.yaml", 4, "db")


@pytest.mark.needs("helm_python")
def test_a_template_that_never_ends_is_stopped(helm: Render) -> None:
    bomb = '{{- range until 100000000 }}{{ repeat 100 "x" }}{{- end }}\n'
    verdict = asked({**FILES, "charts/net/templates/bomb.yaml": bomb}, helm)
    assert verdict.decision == "undecided"


@pytest.mark.needs("helm_python")
def test_a_rendered_policy_is_changed_by_hand(helm: Render) -> None:
    made = allowlist(FILES, render=helm)
    need = read_flow(made, "shop/web", ("192.0.2.1:443",)).need("", None, remove=False)
    assert need is not None
    drafted = change.draft(made, need).change
    assert not [edit for edit in drafted.edits if "{{" in edit.new_text]


@pytest.mark.needs("helm_python")
def test_a_template_without_actions_is_edited_as_it_stands(helm: Render) -> None:
    files = {**FILES, "charts/net/templates/out.yaml": policy("podSelector: {}\npolicyTypes: [Egress]", "deny")}
    made = allowlist(files, render=helm)
    assert not made.expanded.by_hand


@pytest.mark.needs("helm_python")
def test_values_that_nothing_confirms_are_named(helm: Render) -> None:
    assert "EGR574" in codes(asked(FILES, helm))
    assert "EGR574" not in codes(asked({**FILES, "release.yaml": RELEASE}, helm, "203.0.113.1:443"))
    literal = {**FILES, "charts/net/templates/out.yaml": SURE}
    assert asked(literal, helm).decision == "allowed"
    assert "EGR574" not in codes(asked(literal, helm)), "it comes out alike whatever the values are"


@pytest.mark.needs("helm_python")
def test_other_values_files_could_be_the_deployed_ones(helm: Render) -> None:
    files = {**FILES, "charts/net/values-eu.yaml": "egress: {cidrs: [203.0.113.0/24]}\n"}
    assert asked(files, helm).decision == "undecided"
    files["charts/net/values-eu.yaml"] = "more: 1\n"
    assert asked(files, helm).decision == "allowed"
    one = {**FILES, "charts/net/values-staging.yaml": "egress: {cidrs: [203.0.113.0/24]}\n"}
    assert asked(one, helm, "203.0.113.1:443").decision == "undecided", "production has the chart's own values"


APPLICATION = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: net, namespace: argocd}
spec:
  destination: {namespace: shop}
  sources:
  - {repoURL: here, ref: values}
  - {repoURL: here, path: charts/net, helm: {valueFiles: [FILE]}}
"""
SET = """\
apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: {name: net, namespace: argocd}
spec:
  template:
    metadata: {name: net}
    spec:
      destination: {namespace: shop}
      source: {repoURL: here, path: "PATH", helm: {valueFiles: [mine.yaml]}}
"""


@pytest.mark.needs("helm_python")
@pytest.mark.parametrize(
    ("release", "decision"),
    [
        (APPLICATION.replace("FILE", "mine.yaml"), "allowed"),
        (APPLICATION.replace("FILE", "$values/mine.yaml"), "undecided"),
        (SET.replace("PATH", "charts/net"), "undecided"),
        (SET.replace("PATH", "charts/{{name}}"), "undecided"),
        (SET.replace("PATH", "others/{{name}}"), "allowed"),
        (RELEASE.replace("./charts/net", "net").replace("GitRepository", "HelmRepository"), "undecided"),
        (RELEASE.replace("./charts/net", "other").replace("GitRepository", "HelmRepository"), "allowed"),
    ],
)
def test_what_installs_a_chart_with_unknown_values_leaves_it_open(helm: Render, release: str, decision: str) -> None:
    files = {**FILES, "release.yaml": release, "charts/net/mine.yaml": "{}\n"}
    assert asked(files, helm).decision == decision
    literal = {**files, "charts/net/templates/out.yaml": SURE}
    assert asked(literal, helm).decision == "allowed", "what is literal stands whatever the values are"


@pytest.mark.needs("helm_python")
def test_releases_are_patched_by_kustomize_before_they_are_rendered(helm: Render) -> None:
    overlay = "resources: [../base]\npatches: [{path: patch.yaml}]\n"
    patch = "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: net, namespace: shop}\n"
    files = {
        **FILES,
        "apps/base/kustomization.yaml": "resources: [release.yaml]\n",
        "apps/base/release.yaml": RELEASE,
        "apps/production/kustomization.yaml": "resources: [../base]\n",
        "apps/staging/kustomization.yaml": overlay,
        "apps/staging/patch.yaml": patch + "spec: {values: {egress: {cidrs: [192.0.2.0/24]}}}\n",
    }
    assert asked(files, helm, "203.0.113.1:443", "production:shop/web").decision == "allowed"
    assert asked(files, helm, "203.0.113.1:443", "staging:shop/web").decision == "denied"
    assert asked(files, helm, "192.0.2.1:443", "staging:shop/web").decision == "allowed"
    assert asked(files, helm, "203.0.113.1:443").decision == "undecided"


SURE = policy("podSelector: {}\npolicyTypes: [Egress]\negress:\n- to: [{ipBlock: {cidr: 198.51.100.0/24}}]", "out")


@pytest.mark.parametrize(
    ("text", "decision"),
    [
        (SURE, "allowed"),
        ("# {{ .Chart.Name }}\n" + SURE, "allowed"),
        ("{{- /* why */}}\n{{- $x := .Values }}\n" + SURE, "allowed"),
        (SURE.replace("  name: out\n", "  name: {{ .Release.Name }}\n"), "allowed"),
        (SURE.replace("  name: out\n", '  name: out\n  labels:\n    {{- include "a" . | nindent 4 }}\n'), "allowed"),
        ("{{- if .Values.on }}\n" + SURE + "{{- end }}\n", "undecided"),
        ("{{- if .Values.on }}\n{{- end }}\n" + SURE, "allowed"),
        ('{{ define "a" }}\nb: c\n{{ end }}\n' + SURE, "allowed"),
        ("# {{ if .Values.on }}\n" + SURE + "# {{ end }}\n", "undecided"),
        (SURE.replace("  namespace: shop\n", ""), "undecided"),
        (SURE.replace("shop", "{{ .Release.Namespace }}"), "undecided"),
        (SURE.replace("198.51.100.0/24", '{{ .Values.cidr | default "198.51.100.0/24" }}'), "undecided"),
        (SURE + "  {{- toYaml .Values.more | nindent 2 }}\n", "undecided"),
        (SURE.replace("podSelector: {}", "podSelector: {matchLabels: {app: '{{ .Values.app }}'}}"), "undecided"),
        (SURE.replace("shop", "other") + "  {{- toYaml .Values.more | nindent 2 }}\n", "denied"),
    ],
)
def test_reading_around_actions(text: str, decision: str) -> None:
    note = "{{- /* template */}}\n" if "{{" not in text and "namespace: shop" not in text else ""
    assert asked({**BASE, "charts/net/templates/out.yaml": note + text}, None).decision == decision


NAMED = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: {{ .Release.Name }}-out, namespace: shop}
spec:
  podSelector: {matchLabels: {LABELS}}
  policyTypes: [Egress]
  egress:
  - to: [{ipBlock: {cidr: 198.51.100.0/24}}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: shop}
spec:
  template:
    metadata: {labels: {app: api, app.kubernetes.io/instance: {{ .Release.Name }}}}
    spec: {containers: [{name: main, image: example, env: [{name: N, value: "{{ .Release.Name }}"}]}]}
"""
BY_RELEASE = NAMED.replace("LABELS", "app.kubernetes.io/instance: {{ .Release.Name }}")
BY_RELEASE_NOT = BY_RELEASE.replace(
    "matchLabels: {app.kubernetes.io/instance: {{ .Release.Name }}}",
    "matchExpressions: [{key: app.kubernetes.io/instance, operator: NotIn, values: [other, {{ .Release.Name }}]}]",
)


def named(template: str, instance: str = "net", **more: str) -> dict[str, str]:
    raw = deployment("web", labels=f"app.kubernetes.io/instance: {instance}")
    files = {"web.yaml": raw, "charts/net/Chart.yaml": CHART, "charts/net/templates/out.yaml": template}
    return {**files, **more}


@pytest.mark.needs("helm_python")
@pytest.mark.parametrize("instance", ["net", "prod"])
def test_a_release_that_nothing_names_may_be_called_anything(helm: Render, instance: str) -> None:
    verdict = asked(named(BY_RELEASE, instance, **{"deny.yaml": DENY_EGRESS}), helm)
    assert verdict.decision == "undecided", "the label could be the name of the release"
    assert "EGR575" in codes(verdict)
    verdict = asked(named(BY_RELEASE, instance), helm, "192.0.2.1:443")
    assert verdict.decision == "undecided", "and so the policy could isolate the pod"
    assert "EGR575" in codes(verdict)


@pytest.mark.needs("helm_python")
def test_what_a_release_is_not_called_may_be_its_name_too(helm: Render) -> None:
    files = {"deny.yaml": DENY_EGRESS}
    assert asked(named(BY_RELEASE_NOT, "net", **files), helm).decision == "undecided"
    assert asked(named(BY_RELEASE_NOT, "other", **files), helm).decision == "denied"


@pytest.mark.needs("helm_python")
@pytest.mark.parametrize("template", [BY_RELEASE, NAMED.replace("LABELS", "app: api")])
def test_pods_of_the_same_release_carry_its_name_whatever_it_is(helm: Render, template: str) -> None:
    files = named(template, **{"deny.yaml": DENY_EGRESS})
    for to, decision in ((TO, "allowed"), ("192.0.2.1:443", "denied")):
        verdict = asked(files, helm, to, "shop/api")
        assert (verdict.decision, "EGR575" in codes(verdict)) == (decision, False)


@pytest.mark.needs("helm_python")
def test_a_release_with_a_name_is_certain(helm: Render) -> None:
    files = named(BY_RELEASE, "prod", **{"deny.yaml": DENY_EGRESS, "release.yaml": RELEASE})
    assert asked(files, helm).decision == "denied"
    files["release.yaml"] = RELEASE.replace("spec:\n", "spec:\n  releaseName: prod\n", 1)
    assert asked(files, helm).decision == "allowed"
    files["release.yaml"] = RELEASE.replace("spec:\n", "spec:\n  releaseName: ${NAME}\n", 1)
    assert asked(files, helm).decision == "undecided"


@pytest.mark.needs("helm_python")
def test_an_object_that_only_some_names_bring_is_not_known(helm: Render) -> None:
    template = '{{ if eq .Release.Name "net" }}\n' + NAMED.replace("LABELS", "app: web") + "{{ end }}\n"
    assert asked(named(template, **{"deny.yaml": DENY_EGRESS}), helm).decision == "undecided"


@pytest.mark.needs("helm_python")
@pytest.mark.parametrize("namespace", ["{{ .Release.Name }}", "{{ .Release.Name }}-x"])
def test_a_namespace_called_after_its_release_could_be_any(helm: Render, namespace: str) -> None:
    template = NAMED.replace("LABELS", "app: web").replace("namespace: shop", f"namespace: {namespace}")
    raw = named(template.replace("metadata: {name: api", "metadata: {name: apis"), **{"deny.yaml": DENY_EGRESS})
    assert asked(raw, helm).decision == "undecided"


@pytest.mark.needs("helm_python")
def test_an_unknown_label_is_never_written_into_a_draft(helm: Render) -> None:
    made = allowlist(named(BY_RELEASE, **{"deny.yaml": DENY_EGRESS}), render=helm)
    for workload in ("shop/api", "shop/web"):
        need = read_flow(made, workload, ("192.0.2.1:443",)).need("", None, remove=False)
        assert need is not None
        assert not [edit for edit in change.draft(made, need).change.edits if "«" in edit.new_text]
