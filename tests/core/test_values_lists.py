"""A rule in a chart that makes its policies of a list: one more item in the values, rendered and proved with Helm."""

from __future__ import annotations

import pytest

from bot.world.helm import renderer
from skills.core import change
from skills.core.change import unified_diff
from skills.core.flows import read_flow
from skills.core.model import Change
from tests.core.kube import DENY_EGRESS, deployment
from tests.worlds import allowlist

pytestmark = pytest.mark.needs("helm_python")

TEMPLATE = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web-out, namespace: shop}
spec:
  podSelector:
    matchLabels: {app: web}
  policyTypes: [Egress]
  egress:
  {{- range .Values.egress }}
  # {{ .name }}
  - to: [{ipBlock: {cidr: {{ .cidr }}}}]
    ports: [{protocol: {{ .protocol | default "TCP" }}, port: {{ .port }}}]
  {{- end }}
"""
VALUES = """\
# What the shop may reach.
tolerations:
  - key: gpu
egress:
  - name: ledger   # the bank
    cidr: 198.51.100.7/32
    port: 5432
"""
FILES = {
    "web.yaml": deployment("web"),
    "charts/net/Chart.yaml": "apiVersion: v2\nname: net\nversion: 0.1.0\n",
    "charts/net/values.yaml": VALUES,
    "charts/net/templates/out.yaml": TEMPLATE,
}
TO = "203.0.113.9:443"


def drafted(
    files: dict[str, str], *to: str, for_: str = "shop/web", ip: tuple[str, ...] = (), remove: bool = False
) -> Change:
    made = allowlist(files, render=renderer())
    need = read_flow(made, for_, to or (TO,), ip).need("OPS-7", None, remove=remove)
    assert need is not None
    return change.draft(made, need).change


def codes(found: Change) -> set[str]:
    return {finding.code for finding in found.findings}


def added(found: Change, path: str) -> str:
    (edit,) = found.edits
    assert edit.path == path
    rows = unified_diff(edit).split("\n")[2:]
    assert not [row for row in rows if row.startswith("-")], "nothing that stood is touched"
    return "\n".join(row[1:] for row in rows if row.startswith("+"))


def test_an_item_like_the_last_one_is_added_and_proved() -> None:
    found = drafted(FILES)
    assert added(found, "charts/net/values.yaml") == ("  - name: 203-0-113-9\n    cidr: 203.0.113.9/32\n    port: 443")
    assert (found.proof.before, found.proof.after, found.proof.wider_than_asked) == ("denied", "allowed", ())
    assert [(grant.target, grant.ports) for grant in found.proof.newly_allowed] == [("203.0.113.9/32", "443")]
    assert "EGR387" in codes(found)


def test_a_name_gets_an_item_for_each_of_its_addresses() -> None:
    found = drafted(FILES, "api.example:443", ip=("203.0.113.9", "203.0.113.10"))
    assert added(found, "charts/net/values.yaml").count("cidr: 203.0.113.") == 2
    assert found.proof.after == "allowed"


@pytest.mark.parametrize(
    ("values", "template"),
    [
        (VALUES.replace("port: 5432", "port: 5432\n    ticket: OPS-1"), TEMPLATE),
        (VALUES, TEMPLATE.replace("port: {{ .port }}", "endPort: 65535, port: 1")),
        (VALUES, TEMPLATE.replace("    matchLabels: {app: web}", "    matchLabels: {}")),
        (VALUES, TEMPLATE.replace("{{ .cidr }}", "198.51.100.0/24")),
    ],
    ids=["a field that nobody can fill in", "every port is open", "other pods too", "the list does not decide"],
)
def test_what_is_not_exact_is_left_to_a_person(values: str, template: str) -> None:
    other = {"other.yaml": deployment("api")}
    found = drafted({**FILES, **other, "charts/net/values.yaml": values, "charts/net/templates/out.yaml": template})
    assert not [edit for edit in found.edits if edit.path.endswith("values.yaml")]
    assert "EGR387" not in codes(found)


def test_a_plain_policy_beside_a_chart_is_edited_as_ever() -> None:
    found = drafted({**FILES, "deny.yaml": DENY_EGRESS, "charts/net/templates/out.yaml": "# nothing yet\n"})
    assert "EGR387" not in codes(found)


RELEASE = """\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: net, namespace: shop}
spec:
  chart:
    spec: {chart: charts/net, valuesFiles: [charts/net/values.yaml, charts/net/values-prod.yaml]}
"""
INLINE = "  values:\n    egress:\n      - {name: ledger, cidr: 198.51.100.7/32, port: 5432}\n"


@pytest.mark.parametrize(
    ("release", "path", "line"),
    [
        (RELEASE, "charts/net/values-prod.yaml", "  - {name: 203-0-113-9, cidr: 203.0.113.9/32, port: 443}"),
        (RELEASE + INLINE, "release.yaml", "      - {name: 203-0-113-9, cidr: 203.0.113.9/32, port: 443}"),
    ],
    ids=["the file on top", "the values of the release itself"],
)
def test_the_list_that_is_in_force_is_chosen(release: str, path: str, line: str) -> None:
    on_top = {"charts/net/values-prod.yaml": "egress:\n  - {name: bank, cidr: 198.51.100.8/32, port: 5432}\n"}
    found = drafted({**FILES, **on_top, "release.yaml": release})
    assert added(found, path) == line
    assert found.proof.after == "allowed"


APPLICATION = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: net, namespace: argocd}
spec:
  destination: {namespace: shop}
  source:
    path: charts/net
    helm:
      values: |
        # what the shop may reach
        egress:
          - name: ledger   # the bank
            cidr: 198.51.100.7/32
            port: 5432
      releaseName: net
"""


def test_values_that_argo_holds_as_one_text_are_edited_line_by_line() -> None:
    found = drafted({**FILES, "app.yaml": APPLICATION})
    assert added(found, "app.yaml") == (
        "          - name: 203-0-113-9\n            cidr: 203.0.113.9/32\n            port: 443"
    )
    assert found.proof.after == "allowed"


SECOND = "  - name: rates\n    cidr: 203.0.113.9/32\n    port: 443\n"


@pytest.mark.parametrize("path", ["charts/net/values.yaml", "app.yaml"])
def test_an_item_is_taken_out_and_nothing_else(path: str) -> None:
    files = {**FILES, "charts/net/values.yaml": VALUES + SECOND}
    if path == "app.yaml":
        inner = "".join(f"        {row}\n" for row in SECOND.splitlines())
        files["app.yaml"] = APPLICATION.replace("      releaseName", inner + "      releaseName")
    found = drafted(files, remove=True)
    (edit,) = found.edits
    assert edit.path == path
    gone = [row for row in unified_diff(edit).split("\n")[2:] if row[:1] in "+-"]
    assert [row.strip("- ") for row in gone if row] == ["name: rates", "cidr: 203.0.113.9/32", "port: 443"]
    assert (found.proof.before, found.proof.after) == ("allowed", "denied")
    assert "EGR398" in codes(found)


def test_the_last_item_stays_where_an_empty_list_would_open_everything() -> None:
    template = TEMPLATE.partition("  egress:")[0] + (
        "  egress:\n  - to:\n    {{- range .Values.egress }}\n    - ipBlock: {cidr: {{ .cidr }}}\n    {{- end }}\n"
    )
    only = VALUES.replace("198.51.100.7/32", "203.0.113.9/32")
    files = {**FILES, "charts/net/values.yaml": only, "charts/net/templates/out.yaml": template}
    found = drafted(files, remove=True)
    assert not [edit for edit in found.edits if edit.path.endswith("values.yaml")]


PACKAGE = """\
apiVersion: uds.dev/v1alpha1
kind: Package
metadata: {name: shop, namespace: shop}
spec:
  network:
    serviceMesh: {mode: ambient}
    allow:
    {{- range .Values.additionalNetworkAllow }}
    - {{- . | toYaml | nindent 6 }}
    {{- end }}
"""


def test_a_host_goes_into_the_list_of_a_package() -> None:
    listed = "  - direction: Egress\n    selector: {app: web}\n    remoteHost: bank.example\n    port: 443\n"
    values = f"additionalNetworkAllow:\n{listed}    description: The bank\n"
    files = {**FILES, "charts/net/values.yaml": values, "charts/net/templates/out.yaml": PACKAGE}
    found = drafted(files, "api.example:443")
    assert "    remoteHost: api.example\n" in added(found, "charts/net/values.yaml")
    assert found.proof.after == "allowed"


@pytest.mark.parametrize(
    ("template", "to", "line"),
    [
        (PACKAGE, "api.example:443", "  remoteHost: api.example"),
        (PACKAGE, "198.51.100.0/24:5432", "  remoteCidr: 198.51.100.0/24"),
        (PACKAGE, "*.example:443", None),
        (PACKAGE, "tcp://api.example:5432", None),
        (
            PACKAGE.replace(". | toYaml", 'pick . "direction" "port" "remoteGenerated" | toYaml'),
            "api.example:443",
            None,
        ),
    ],
)
def test_an_empty_list_of_a_package_gets_its_first_rule_where_the_template_passes_it_on(
    template: str, to: str, line: str | None
) -> None:
    """Charts of packages come with an empty list; some of their templates drop the host (G-D15)."""
    files = {**FILES, "charts/net/values.yaml": "replicas: 1\nadditionalNetworkAllow: []\n"}
    found = drafted({**files, "charts/net/templates/out.yaml": template}, to)
    rows = [row for edit in found.edits for row in unified_diff(edit).splitlines() if row[:1] in "+-"]
    rows = [row for row in rows if not row.startswith(("+++", "---"))]
    assert rows[:2] == (["-additionalNetworkAllow: []", "+additionalNetworkAllow:"] if line else [])
    assert line is None or f"+{line}" in rows
    assert found.proof.after == ("allowed" if line else "denied")


def test_the_list_that_the_template_names_is_tried_first() -> None:
    others = "".join(f"other{n}:\n  - {{cidr: 198.51.100.7/32, port: 1}}\n" for n in range(9))
    found = drafted({**FILES, "charts/net/values.yaml": others + VALUES})
    assert added(found, "charts/net/values.yaml").startswith("  - name: 203-0-113-9")
