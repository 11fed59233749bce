"""Spaces of one name in several roots of Terraform, modules that are called several times, and blocks that fight."""

from __future__ import annotations

import pytest

from skills.core import change
from skills.core.allowlist import Allowlist
from skills.core.flow_text import destination
from skills.core.flows import read_flow
from skills.core.model import Need
from tests.core.platforms.cloud_foundry_repo import codes
from tests.worlds import allowlist

PUBLIC, TRUSTED = "public_networks_egress", "trusted_local_networks_egress"
ORG = 'data "cloudfoundry_org" "o" {\n  name = "acme"\n}\n'
MODULE = """\
module "s" {
  source               = "github.com/GSA-TTS/terraform-cloudgov//cg_space?ref=v2"
  cf_org_name          = "acme"
  cf_space_name        = "web"
  security_group_names = %s
}
"""
LOOKED_UP = (
    ORG
    + """\
data "cloudfoundry_space" "web" {
  name = "web"
  org  = data.cloudfoundry_org.o.id
}
data "cloudfoundry_security_group" "g" {
  name = "%s"
}
resource "cloudfoundry_security_group_space_bindings" "g" {
  security_group = data.cloudfoundry_security_group.g.id
  running_spaces = [data.cloudfoundry_space.web.id]
}
"""
)


def decided(files: dict[str, str], for_: str, to: str = "api.stripe.com") -> str:
    made: Allowlist = allowlist(files)
    verdict = read_flow(made, for_, [to]).verdicts(made)[0]
    codes(list(verdict.findings))
    return verdict.decision


@pytest.mark.parametrize(("environment", "wanted"), [("east", "allowed"), ("west", "denied")])
def test_roots_that_each_create_a_space_of_one_name_are_for_different_foundations(
    environment: str, wanted: str
) -> None:
    roots = {"tf/east/main.tf": MODULE % f'["{PUBLIC}"]', "tf/west/main.tf": MODULE % "[]"}
    runs = {
        "tf/main.tf": 'variable "g" {}\n' + MODULE % "var.g",
        "tf/east.tfvars": f'g = ["{PUBLIC}"]\n',
        "tf/west.tfvars": "g = []\n",
    }
    assert [decided(files, f"{environment}:acme/web") for files in (roots, runs)] == [wanted, wanted]


@pytest.mark.parametrize(("group", "wanted"), [(PUBLIC, "allowed"), (TRUSTED, "denied")])
def test_a_root_that_looks_a_space_up_means_the_one_that_another_creates(group: str, wanted: str) -> None:
    files = {"tf/spaces/main.tf": MODULE % "[]", "tf/groups/main.tf": LOOKED_UP % group}
    assert decided(files, "acme/web") == wanted


def test_where_no_root_creates_the_space_nobody_knows_whether_they_mean_the_same() -> None:
    files = {"tf/a/main.tf": LOOKED_UP % PUBLIC, "tf/b/main.tf": LOOKED_UP % TRUSTED}
    assert (decided(files, "a:acme/web"), decided(files, "b:acme/web")) == ("allowed", "undecided")


@pytest.mark.parametrize(("environment", "wanted"), [("east", "allowed"), ("west", "undecided")])
def test_a_group_for_all_spaces_of_one_root_is_not_taken_for_that_of_another(environment: str, wanted: str) -> None:
    group = """resource "cloudfoundry_security_group" "all" {
      name                     = "all"
      globally_enabled_running = true
      rules                    = [{ protocol = "tcp", destination = "0.0.0.0/0", ports = "443" }]
    }
    """
    files = {"tf/east/main.tf": MODULE % "[]" + group, "tf/west/main.tf": MODULE % "[]"}
    assert decided(files, f"{environment}:acme/web") == wanted


OWN_MODULE = {
    "modules/space/main.tf": ORG
    + """\
variable "name" {}
variable "groups" {}
data "cloudfoundry_security_group" "g" {
  for_each = toset(var.groups)
  name     = each.value
}
resource "cloudfoundry_space" "s" {
  name = var.name
  org  = data.cloudfoundry_org.o.id
}
resource "cloudfoundry_security_group_space_bindings" "g" {
  for_each       = data.cloudfoundry_security_group.g
  security_group = each.value.id
  running_spaces = [cloudfoundry_space.s.id]
}
output "id" {
  value = cloudfoundry_space.s.id
}
"""
}
CALL = 'module "s" {\n  source = "../modules/space"\n  %s\n  name   = %s\n  groups = %s\n}\n'


@pytest.mark.parametrize(
    ("times", "name", "groups", "more", "wanted"),
    [
        ("", '"web"', f'["{PUBLIC}"]', "", "allowed"),
        ("count = 0", '"web"', f'["{PUBLIC}"]', MODULE % "[]", "denied"),
        ("count = var.on ? 1 : 0", '"web"', f'["{PUBLIC}"]', 'variable "on" {}\n', "undecided"),
        ("count = 2", "local.n[count.index]", f'["{PUBLIC}"]', 'locals { n = ["dev", "web"] }\n', "allowed"),
        (f'for_each = {{ web = ["{PUBLIC}"], dev = [] }}', "each.key", "each.value", "", "allowed"),
        (f'for_each = {{ dev = ["{PUBLIC}"], web = ["{TRUSTED}"] }}', "each.key", "each.value", "", "denied"),
    ],
)
def test_a_module_of_the_repository_is_made_as_often_as_it_is_called(
    times: str, name: str, groups: str, more: str, wanted: str
) -> None:
    assert decided({**OWN_MODULE, "live/main.tf": CALL % (times, name, groups) + more}, "acme/web") == wanted


@pytest.mark.parametrize(("chosen", "wanted"), [("web", "allowed"), ("dev", "denied")])
def test_an_output_of_one_instance_is_that_instance(chosen: str, wanted: str) -> None:
    bound = (LOOKED_UP % PUBLIC).replace("data.cloudfoundry_space.web.id", f'module.s["{chosen}"].id')
    bound = bound[bound.index('data "cloudfoundry_security_group"') :]
    call = CALL % ('for_each = toset(["dev", "web"])', "each.key", f'["{TRUSTED}"]')
    assert decided({**OWN_MODULE, "live/main.tf": call + bound}, "acme/web") == wanted


SPACE = ORG + 'resource "cloudfoundry_space" "s" {\n  name = "web"\n  org  = data.cloudfoundry_org.o.id\n  %s\n}\n'
LISTED = """\
data "cloudfoundry_asg" "p" {
  name = "public_networks_egress"
}
resource "cloudfoundry_space_asgs" "s" {
  space        = cloudfoundry_space.s.id
  running_asgs = [data.cloudfoundry_asg.p.id]
}
"""


@pytest.mark.parametrize(
    ("own", "wanted"),
    [
        ("", "allowed"),
        ("asgs = []", "undecided"),
        ("asgs = [data.cloudfoundry_asg.p.id]", "allowed"),
        ("staging_asgs = []", "allowed"),
    ],
)
def test_what_another_block_takes_away_again_is_not_sure(own: str, wanted: str) -> None:
    assert decided({"tf/main.tf": SPACE % own + LISTED}, "acme/web") == wanted


def test_the_list_of_another_foundation_takes_nothing_away() -> None:
    files = {"tf/east/main.tf": SPACE % "" + LISTED, "tf/west/main.tf": SPACE % "asgs = []"}
    assert (decided(files, "east:acme/web"), decided(files, "west:acme/web")) == ("allowed", "denied")


def test_rules_that_an_override_file_writes_anew_are_not_sure() -> None:
    rule = 'resource "cloudfoundry_asg" "own" {\n%s  rule {\n    protocol = "tcp"\n    destination = "%s"\n    ports = "25"\n  }\n}\n'
    base = SPACE % "asgs = [cloudfoundry_asg.own.id]" + rule % ('  name = "own"\n', "198.51.100.0/24")
    assert decided({"tf/main.tf": base}, "acme/web", "198.51.100.7:25") == "allowed"
    files = {"tf/main.tf": base, "tf/override.tf": rule % ("", "203.0.113.0/24")}
    assert decided(files, "acme/web", "198.51.100.7:25") == "undecided"


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("more.tf", "", "allowed"),
        ("main_override.tf", 'resource "cloudfoundry_space_asgs" "s" {\n  running_asgs = []\n}\n', "undecided"),
        ("override.tf", 'resource "cloudfoundry_space_asgs" "s" {\n  running_asgs = []\n}\n', "undecided"),
        ("override.tf", 'data "cloudfoundry_asg" "p" {\n  name = "other"\n}\n', "undecided"),
        ("override.tf", 'resource "cloudfoundry_space_asgs" "s" {\n  staging_asgs = []\n}\n', "allowed"),
        ("override.tf", 'resource "cloudfoundry_space_asgs" "t" {\n  running_asgs = []\n}\n', "allowed"),
    ],
)
def test_what_an_override_file_sets_anew_is_not_sure(name: str, text: str, wanted: str) -> None:
    files = {"tf/main.tf": SPACE % "" + LISTED, f"tf/{name}": text}
    assert decided(files, "acme/web") == wanted


@pytest.mark.parametrize(
    ("count", "wanted"), [("true", "undecided"), ("1", "allowed"), ("0", "denied"), ("var.on ? 1 : 0", "undecided")]
)
def test_a_proxy_that_may_not_be_run_lets_nothing_through_for_sure(count: str, wanted: str) -> None:
    proxy = f"""module "proxy" {{
      count         = {count}
      source        = "github.com/GSA-TTS/cg-egress-proxy?ref=v1"
      name          = "proxy"
      cf_space_name = "out"
      client_configuration = {{ app = {{ allowlist = ["api.stripe.com"] }} }}
    }}
    variable "on" {{}}
    resource "cloudfoundry_network_policy" "p" {{
      policies = [{{ source_app = "app", destination_app = "proxy", port = "61443" }}]
    }}
    """
    assert decided({"tf/main.tf": MODULE % "[]" + proxy}, "acme/web/app") == wanted


def test_nothing_is_said_to_be_open_where_a_removal_leaves_a_space_that_no_list_names() -> None:
    script = "".join(f"cf bind-security-group {PUBLIC} acme --space {each}\n" for each in ("dev", "web"))
    terraform = LOOKED_UP % PUBLIC
    for files in ({"bind.sh": script}, {"tf/main.tf": terraform}):
        made = allowlist(files)
        web = read_flow(made, "acme/web", ["api.stripe.com"]).workload
        assert web is not None
        drafted = change.draft(made, Need(web, (destination("api.stripe.com")[0],), remove=True))
        assert drafted.change.edits
        assert "EGR316" not in codes(list(drafted.change.proof.wider_than_asked))
