"""Routes between apps: which network policy opens one, and what nobody can know before Terraform runs."""

from __future__ import annotations

import pytest

from skills.core.flows import read_flow
from skills.core.model import Verdict
from tests.core.platforms.cloud_foundry_repo import codes
from tests.worlds import allowlist

REPORTS = "reports.apps.internal:8085"
# Policies of Terraform count where its own root makes the space.
SPACE = """module "space" {
  source               = "github.com/GSA-TTS/terraform-cloudgov//cg_space?ref=v2.0.0"
  cf_org_name          = "acme"
  cf_space_name        = "dev"
  security_group_names = []
}
"""


def manifest(app: str, *routes: str) -> dict[str, str]:
    listed = "".join(f"\n  - route: {each}" for each in routes)
    return {f"apps/{app}/manifest.yml": f"applications:\n- name: {app}\n  routes:{listed}\n"}


def script(*lines: str) -> dict[str, str]:
    return {"bin/policies.sh": "".join(f"cf {line}\n" for line in lines)}


def resource(more: str = "", app: str = '"reports"') -> dict[str, str]:
    policy = f'{{ source_app = "web", destination_app = {app}, port = "8085" }}'
    text = f'resource "cloudfoundry_network_policy" "p" {{\n  {more}\n  policies = [{policy}]\n}}\n'
    return {"tf/policies.tf": f'{text}variable "on" {{}}\n'}


def ask(*parts: dict[str, str], to: str = REPORTS, for_: str = "acme/dev/web") -> Verdict:
    made = allowlist({"tf/main.tf": SPACE} | {path: text for part in parts for path, text in part.items()})
    verdict = read_flow(made, for_, [to]).verdicts(made)[0]
    codes(list(verdict.findings))
    return verdict


@pytest.mark.parametrize(
    ("policy", "wanted"),
    [
        ("add-network-policy web reports --protocol tcp --port 8080-8090", "allowed"),
        ("add-network-policy web reporting --protocol tcp --port 8080-8090", "allowed"),
        ("add-network-policy web reports --protocol tcp --port 8085-8090", "allowed"),
        ("add-network-policy web reports --protocol tcp --port 8080-8085", "allowed"),
        ("add-network-policy web reports --protocol tcp --port 8086-8090", "denied"),
        ("add-network-policy web other --protocol tcp --port 8080-8090", "denied"),
        ("add-network-policy web reports --protocol tcp --port 8080-8084", "denied"),
        ("add-network-policy web reports --protocol udp --port 8080-8090", "denied"),
        ("add-network-policy api reports --protocol tcp --port 8080-8090", "denied"),
    ],
)
def test_a_policy_names_the_app_or_an_app_that_has_the_route(policy: str, wanted: str) -> None:
    apps = manifest("reporting", "reports.apps.internal") | manifest("other", "files.apps.internal")
    assert ask(apps, script(policy)).decision == wanted


def test_a_policy_that_is_taken_away_opens_nothing() -> None:
    given = "network-policy web reports --protocol tcp --port 8085"
    assert ask(script(f"add-{given}", f"remove-{given}")).decision != "allowed"


@pytest.mark.parametrize(
    ("terraform", "wanted"),
    [
        (resource(), "allowed"),
        (resource("count = 1"), "allowed"),
        (resource("count = var.on"), "undecided"),
        (resource(app="var.on"), "undecided"),
        (resource("count = 0", app='"reports"') | script("add-network-policy a b --protocol tcp --port 1"), "denied"),
    ],
)
def test_a_policy_of_which_only_the_run_knows_whether_it_is_made_is_undecided(
    terraform: dict[str, str], wanted: str
) -> None:
    assert ask(terraform).decision == wanted


@pytest.mark.parametrize(("source", "said"), [("web", "EGR128"), ('"$APP"', "EGR127")])
def test_for_a_whole_space_the_app_is_asked_unless_a_policy_may_mean_any(source: str, said: str) -> None:
    verdict = ask(script(f"add-network-policy {source} reports --protocol tcp --port 8085"), for_="acme/dev")
    assert verdict.decision == "undecided"
    assert {"EGR127", "EGR128"} & set(codes(list(verdict.findings))) == {said}
