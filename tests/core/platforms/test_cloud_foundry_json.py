"""Terraform as JSON says the same as Terraform; it is read and never edited."""

from __future__ import annotations

import json
from typing import Any

import pytest

from skills.core.flows import read_flow
from skills.core.hcl import Broken, parse_json
from skills.core.model import Verdict
from tests.core.platforms.cloud_foundry_repo import Files, codes, draft
from tests.worlds import allowlist

PUBLIC, TRUSTED = "public_networks_egress", "trusted_local_networks_egress"
SOURCE = "github.com/GSA-TTS/terraform-cloudgov//cg_space?ref=v2"


def text(data: Any) -> str:
    return json.dumps(data, indent=2) + "\n"


def module(groups: Any, name: str = "web") -> dict[str, Any]:
    return {"source": SOURCE, "cf_org_name": "acme", "cf_space_name": name, "security_group_names": groups}


def ask(files: Files, to: str, for_: str = "acme/web") -> Verdict:
    made = allowlist(files)
    verdict = read_flow(made, for_, [to]).verdicts(made)[0]
    codes(list(verdict.findings))
    return verdict


@pytest.mark.parametrize(("group", "wanted"), [(PUBLIC, "allowed"), (TRUSTED, "denied")])
def test_a_module_binds_what_its_list_or_a_file_of_values_says(group: str, wanted: str) -> None:
    literal = {"tf/main.tf.json": text({"module": {"s": module([group])}})}
    chosen = {
        "tf/main.tf.json": text({"variable": {"g": {}}, "module": {"s": module("${var.g}")}}),
        "tf/terraform.tfvars.json": text({"g": [group]}),
    }
    assert [ask(files, "api.stripe.com").decision for files in (literal, chosen)] == [wanted, wanted]


@pytest.mark.parametrize(("environment", "wanted"), [("dev", "allowed"), ("prod", "denied")])
def test_a_file_of_values_for_each_environment(environment: str, wanted: str) -> None:
    code = text({"variable": {"g": {}, "n": {}}, "module": {"s": module("${var.g}", "${var.n}")}})
    files = {
        "tf/main.tf.json": code,
        "tf/dev.tfvars.json": text({"g": [PUBLIC], "n": "dev"}),
        "tf/prod.tfvars": 'g = []\nn = "prod"\n',
    }
    assert ask(files, "api.stripe.com", f"acme/{environment}").decision == wanted


RESOURCES = {
    "data": {"cloudfoundry_org": {"o": {"name": "acme"}}},
    "resource": {
        "cloudfoundry_space": {"s": [{"name": "web", "org": "${data.cloudfoundry_org.o.id}"}]},
        "cloudfoundry_asg": {
            "own": {"name": "own", "rule": [{"protocol": "tcp", "destination": "198.51.100.0/24", "ports": "25"}]}
        },
        "cloudfoundry_space_asgs": {
            "s": {"space": "${cloudfoundry_space.s.id}", "running_asgs": ["${cloudfoundry_asg.own.id}"]}
        },
    },
}


def test_blocks_inside_blocks_and_references_are_followed_and_have_their_line() -> None:
    files = {"tf/main.tf.json": text(RESOURCES)}
    (layer,) = ask(files, "198.51.100.7:25").layers
    assert [rule.place.line for rule in layer.rules] == [files["tf/main.tf.json"].split("\n").index('            "destination": "198.51.100.0/24",') + 1]  # fmt: skip
    assert ask(files, "198.51.100.7:26").decision == "undecided"  # nobody says what is global


def test_a_reference_alone_in_a_text_is_the_thing_itself() -> None:
    """As Terraform before 0.12 wrote them all."""
    old = f"""data "cloudfoundry_org" "o" {{
      name = "acme"
    }}
    data "cloudfoundry_asg" "p" {{
      name = "{PUBLIC}"
    }}
    resource "cloudfoundry_space" "s" {{
      name = "web"
      org  = "${{data.cloudfoundry_org.o.id}}"
      asgs = ["${{data.cloudfoundry_asg.p.id}}"]
    }}
    """
    assert ask({"tf/main.tf": old}, "api.stripe.com").decision == "allowed"


def test_nothing_is_written_into_it() -> None:
    drafted = draft({"tf/main.tf.json": text({"module": {"s": module([TRUSTED])}})}, "acme/web", "api.stripe.com")
    assert drafted.change.edits == ()
    assert drafted.change.commands == (f"cf bind-security-group {PUBLIC} acme --space web",)


@pytest.mark.parametrize("ports", [None, [443]])
@pytest.mark.parametrize("to", ["api.a.gov:8443", "b.gov:8443", "b.gov:443"])
def test_a_proxy_that_it_runs_gets_no_port_or_host_either(ports: list[int] | None, to: str) -> None:
    client = {"allowlist": ["api.a.gov"], **({"ports": ports} if ports else {})}
    clients = {"source": "github.com/GSA-TTS/cg-egress-proxy?ref=v1", "name": "p", "cf_space_name": "out", "client_configuration": {"web": client}}  # fmt: skip
    manifest = "applications:\n- name: web\n  env:\n    https_proxy: https://p.apps.internal:61443\n"
    files = {"tf/main.tf.json": text({"module": {"s": module([]), "p": clients}}), "manifest.yml": manifest}
    assert ask(files, "api.a.gov", "acme/web/web").decision == "allowed"  # through the proxy
    drafted = draft(files, "acme/web/web", to)
    assert drafted.change.edits == ()
    assert drafted.change.commands == (f"cf bind-security-group {PUBLIC} acme --space web",)


@pytest.mark.parametrize("broken", ["[1]", '{"resource": ', "1", '{"a": 1} {"b": 2}'])
def test_what_is_no_object_is_said(broken: str) -> None:
    with pytest.raises(Broken):
        parse_json(broken)
    cut = f'{{"module": {{"cloudfoundry_": {broken}'
    verdict = ask({"tf/a.tf.json": cut, "tf/b.tf.json": text({"module": {"s": module([])}})}, "api.stripe.com")
    assert verdict.decision == "undecided"
    assert "EGR571" in codes(list(verdict.findings))
