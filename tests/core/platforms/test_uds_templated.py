"""G-D16: Packages that are Helm templates get a rule of rows that stand above all others and outside every block."""

from __future__ import annotations

import pytest

from skills.core.allowlist import Allowlist
from skills.core.change import Draft
from skills.core.reading import read_file
from tests.core.platforms.uds_drafts import drafted, says
from tests.core.platforms.uds_support import deployment

PATH = "chart/templates/uds-package.yaml"
TEMPLATE = """\
{{- $gateway := .Values.gateway }}
apiVersion: uds.dev/v1alpha1
kind: Package
metadata: {name: web, namespace: web}
spec:
  network:
    serviceMesh: {mode: ambient}
    allow:
      # what the application needs
      - direction: Egress
        selector:
          app: web
        remoteHost: api.example.com
        port: 443
        description: {{ .Values.title | quote }}
"""
PUT = """\
      - direction: Egress
        selector:
          app: web
        remoteHost: hooks.example.com
        remoteProtocol: TLS
        port: 443
        description: Egress to hooks.example.com
"""
TO = "https://hooks.example.com"


def asked(template: str) -> Draft:
    texts = {PATH: template, "web.yaml": deployment("web")}
    return drafted(Allowlist({path: read_file(path, text) for path, text in texts.items()}, texts), TO, for_="web/web")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_rule_stands_first_and_every_other_byte_stays(end: str) -> None:
    template = TEMPLATE.replace("\n", end)
    made = asked(template)
    (edit,) = made.change.edits
    assert edit.new_text == template.replace(f"    allow:{end}", f"    allow:{end}{PUT.replace(chr(10), end)}")
    assert (made.change.proof.before, made.change.proof.after) == ("undecided", "allowed")
    assert [grant.target for grant in made.change.proof.newly_allowed] == ["hooks.example.com"]
    assert asked(edit.new_text).change.edits == ()


@pytest.mark.parametrize(
    "template",
    [
        TEMPLATE.replace("    allow:\n", "    allow: {{ toYaml .Values.allow | nindent 6 }}\n").partition(
            "      # what"
        )[0],
        TEMPLATE.replace("    allow:\n", "    allow: []\n").partition("      # what")[0],
        TEMPLATE.replace("name: web, namespace: web", "name: {{ .Values.name }}, namespace: web")
        + "---\n"
        + TEMPLATE.replace("name: web, namespace: web", "name: {{ .Values.other }}, namespace: other"),
    ],
)
def test_where_no_rule_stands_or_nobody_knows_which_package_it_is_nothing_is_written(template: str) -> None:
    made = asked(template)
    assert made.change.edits == ()
    assert made.change.proof.after != "allowed"


def test_of_two_packages_in_one_template_the_right_one_is_changed() -> None:
    other = TEMPLATE.replace("name: web, namespace: web", "name: other, namespace: other")
    (edit,) = asked(f"{other}---\n{TEMPLATE}").change.edits
    assert edit.new_text == f"{other}---\n" + TEMPLATE.replace("    allow:\n", f"    allow:\n{PUT}")


def test_a_list_that_a_block_may_leave_out_is_no_proof() -> None:
    made = asked(TEMPLATE.replace("    allow:\n", "    {{- if .Values.on }}\n    allow:\n") + "    {{- end }}\n")
    assert made.change.proof.after == "undecided"
    assert "EGR846" not in says(made)
