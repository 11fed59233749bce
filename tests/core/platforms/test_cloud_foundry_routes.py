"""Routes between apps: which network policy opens one, and what nobody can know before Terraform runs."""

from __future__ import annotations

import pytest

from skills.core.flows import read_flow
from skills.core.model import Verdict
from skills.core.platforms import cloud_foundry
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
    assert {view.layer for view in verdict.layers} <= set(cloud_foundry.LAYERS)
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


TARGETED = "add-network-policy web reports --protocol tcp --port 8085"
CF_MGMT = {
    "config/acme/orgConfig.yml": "org: acme\n",
    "config/acme/spaces.yml": "org: acme\nspaces: [dev, prod]\n",
    "config/acme/dev/spaceConfig.yml": "org: acme\nspace: dev\n",
    "config/acme/prod/spaceConfig.yml": "org: acme\nspace: prod\n",
}


def in_space(space: str, *parts: dict[str, str]) -> str:
    made = allowlist(CF_MGMT | {path: text for part in parts for path, text in part.items()})
    return read_flow(made, f"acme/{space}/web", [REPORTS]).verdicts(made)[0].decision


@pytest.mark.parametrize(
    ("lines", "dev", "prod"),
    [
        (["target -o acme -s dev", TARGETED], "allowed", "denied"),
        (["target -o other -s dev", TARGETED], "denied", "denied"),
        (["login -a https://api.example -o acme -s prod", TARGETED], "denied", "allowed"),
        (["target -s dev", "target -s prod", TARGETED], "denied", "allowed"),
        (['target -s "$SPACE"', TARGETED], "undecided", "undecided"),
        ([TARGETED], "allowed", "allowed"),
    ],
)
def test_a_script_makes_its_policies_in_the_space_that_it_chose(lines: list[str], dev: str, prod: str) -> None:
    assert (in_space("dev", script(*lines)), in_space("prod", script(*lines))) == (dev, prod)


def test_a_loop_over_spaces_makes_them_in_each() -> None:
    loop = {"bin/all.sh": f"for s in dev test; do\n  cf target -o acme -s $s\n  cf {TARGETED}\ndone\n"}
    assert (in_space("dev", loop), in_space("prod", loop)) == ("allowed", "denied")


def test_one_job_of_a_pipeline_does_not_choose_for_another() -> None:
    jobs = f"a:\n  script: [cf target -o acme -s dev]\nb:\n  script: [cf target -o acme -s prod, cf {TARGETED}]\n"
    assert (in_space("dev", {".gitlab-ci.yml": jobs}), in_space("prod", {".gitlab-ci.yml": jobs})) == (
        "denied",
        "allowed",
    )


def terraform_app(space: str) -> dict[str, str]:
    app = f'resource "cloudfoundry_app" "web" {{\n  name = "web"\n  org_name = "acme"\n  space_name = {space}\n}}\n'
    policy = '{ source_app = cloudfoundry_app.web.id, destination_app = "reports", port = "8085" }'
    return {"tf/policies.tf": f'{app}resource "cloudfoundry_network_policy" "p" {{\n  policies = [{policy}]\n}}\n'}


@pytest.mark.parametrize(
    ("space", "dev", "prod"), [('"dev"', "allowed", "denied"), ("var.space", "undecided", "undecided")]
)
def test_a_policy_of_terraform_counts_for_a_space_that_cf_mgmt_configures(space: str, dev: str, prod: str) -> None:
    found = terraform_app(space)
    assert (in_space("dev", found), in_space("prod", found)) == (dev, prod)


ADD, REMOVE = (f"{verb}-network-policy web reports --protocol tcp --port %s" for verb in ("add", "remove"))


@pytest.mark.parametrize(
    ("scripts", "wanted"),
    [
        ([[REMOVE % 8085, ADD % 8085]], "allowed"),
        ([[ADD % 8085, REMOVE % 8085]], "denied"),
        ([[ADD % 8085, REMOVE % 8086]], "allowed"),
        ([[ADD % 8085], [REMOVE % 8085]], "undecided"),
        ([[REMOVE % 8085], [REMOVE % 8085]], "denied"),
        ([[ADD % 8085, f"apps\ntest -n x && cf {REMOVE % 8085}"]], "undecided"),
    ],
)
def test_in_one_script_the_later_command_counts(scripts: list[list[str]], wanted: str) -> None:
    files = {f"bin/{at}.sh": "".join(f"cf {line}\n" for line in lines) for at, lines in enumerate(scripts)}
    assert ask(files).decision == wanted


@pytest.mark.parametrize(("port", "near"), [("8085 --protocol udp", "8085 (udp)"), ("8086", "8086")])
def test_a_policy_for_something_else_is_named_and_a_removal_is_not(port: str, near: str) -> None:
    verdict = ask(script(f"add-network-policy web reports --port {port}", REMOVE % 8085))
    misses = [miss for layer in verdict.layers for miss in layer.near_misses]
    assert [miss.finding.facts["have"] for miss in misses] == [near]
