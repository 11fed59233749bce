"""Drafts that write rules, enable a space's own group, or look a group up: where they go, and that nothing else changes."""

from __future__ import annotations

import json

import pytest

from skills.core.change import Draft
from tests.core.platforms import cloud_foundry_repo
from tests.core.platforms.cloud_foundry_repo import Files, after, asg, codes, rule, space

CONFIG, OWN = "config/acme/dev/spaceConfig.yml", "config/acme/dev/security-group.json"
GROUP = """\
data "cloudfoundry_org" "o" {
  name = "acme"
}

resource "cloudfoundry_asg" "partner" {
  name = "partner"

  rule { # their API
    protocol    = "tcp"
    destination = "198.51.100.0/24"
    ports       = "443"
  }
%s}

resource "cloudfoundry_space" "dev" {
  name = "dev"
  org  = data.cloudfoundry_org.o.id
  asgs = [cloudfoundry_asg.partner.id]
}
"""
BLOCK = """
  rule {
    protocol    = "tcp"
    destination = "203.0.113.9"
    ports       = "5432"
    description = "why ${x}"
  }
""".replace("${", "$${")


def draft(files: Files, to: str, *ip: str, remove: bool = False) -> Draft:
    return cloud_foundry_repo.draft(files, "acme/dev", to, *ip, why="" if remove else "why ${x}", remove=remove)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_group_with_blocks_gets_one_more_block_and_loses_it_again(newline: str) -> None:
    files = {"tf/main.tf": (GROUP % "").replace("\n", newline)}
    drafted = draft(files, "203.0.113.9:5432")
    changed = after(files, drafted)
    assert changed == {"tf/main.tf": (GROUP % BLOCK).replace("\n", newline)}
    assert drafted.change.proof.after == "allowed"
    assert draft(changed, "203.0.113.9:5432").change.edits == ()
    assert after(changed, draft(changed, "203.0.113.9:5432", remove=True)) == files


def test_running_apps_are_told_of_when_rules_change() -> None:
    files = {**space("partner"), **asg("partner", rule("198.51.100.0/24"))}
    for drafted in (draft(files, "203.0.113.9:5432"), draft(files, "198.51.100.0/24:443", remove=True)):
        assert drafted.change.commands == ("cf restart APP",)
        assert "EGR1908" in codes(list(drafted.change.findings))


@pytest.mark.parametrize(
    ("config", "own", "to", "edited"),
    [
        ("enable-security-group: true\n", "[]\n", "203.0.113.9:5432", [OWN]),
        ("enable-security-group: false\n", "[]\n", "203.0.113.9:5432", [CONFIG, OWN]),
        ("", "[]\n", "203.0.113.9:5432", [CONFIG, OWN]),
        ("", json.dumps([rule("203.0.113.0/24", "5432")]), "203.0.113.9:5432", [CONFIG]),
        ("", json.dumps([rule("203.0.113.0/24", "443")]), "203.0.113.9:5432", [CONFIG, OWN]),
        ("", json.dumps([rule("0.0.0.0/0", "443")]), "api.stripe.com:443", [CONFIG]),
    ],
)
def test_the_spaces_own_group_is_enabled_before_the_internet_is_opened(
    config: str, own: str, to: str, edited: list[str]
) -> None:
    files = {CONFIG: f"org: acme\nspace: dev\n{config}", OWN: own}
    drafted = draft(files, to)
    changed = after(files, drafted)
    assert sorted(edit.path for edit in drafted.change.edits) == sorted(edited)
    assert drafted.change.proof.after == "allowed"
    assert "named-security-groups" not in changed[CONFIG]
    assert all(isinstance(each, dict) for each in json.loads(changed[OWN]))  # JSON, also where the list was empty
    assert draft(changed, to).change.edits == ()


def test_where_the_rule_can_not_be_written_the_group_is_not_enabled_either() -> None:
    shared = '[{"protocol":"tcp","destination":"203.0.113.9","ports":&p "443"},{"protocol":"tcp","destination":"198.51.100.9","ports":*p}]'
    drafted = draft({CONFIG: "org: acme\nspace: dev\n", OWN: shared}, "203.0.113.9:5432")
    assert (drafted.change.edits, drafted.change.commands) == ((), ())
    said = codes(list(drafted.change.findings))
    assert "EGR799" in said
    assert "EGR1911" not in said


@pytest.mark.parametrize(("address", "said"), [("2001:db8::1", True), ("198.51.101.1", False)])
def test_an_ipv6_address_may_be_refused(address: str, said: bool) -> None:
    files = {**space("partner"), **asg("partner", rule("198.51.100.0/24"))}
    assert ("EGR1909" in codes(list(draft(files, "h.example:443", address).change.findings))) == said


LOOKED_UP = """\
data "cloudfoundry_org" "o" {
  name = "acme"
}

data "cloudfoundry_asg" "trusted" {
  provider = cloudfoundry-community
  name     = "trusted_local_networks_egress"
}
%s
resource "cloudfoundry_space" "dev" {
  name = "dev"
  org  = data.cloudfoundry_org.o.id
}

resource "cloudfoundry_space_asgs" "dev" {
  space        = cloudfoundry_space.dev.id
  running_asgs = [data.cloudfoundry_asg.trusted.id%s]
}
"""
LOOK_UP = """
data "cloudfoundry_asg" "public_networks_egress" {
  provider = cloudfoundry-community
  name     = "public_networks_egress"
}
"""


def test_a_group_that_no_file_looks_up_is_looked_up_as_its_neighbour_is() -> None:
    files = {"tf/main.tf": LOOKED_UP % ("", "")}
    drafted = draft(files, "api.stripe.com")
    more = ", data.cloudfoundry_asg.public_networks_egress.id"
    assert after(files, drafted) == {"tf/main.tf": LOOKED_UP % (LOOK_UP, more)}
    assert drafted.change.proof.after == "allowed"


def test_a_label_that_is_taken_is_left_alone() -> None:
    taken = 'data "cloudfoundry_asg" "public_networks_egress" {\n  name = var.which\n}\n'
    files = {"tf/main.tf": LOOKED_UP % ("", ""), "tf/more.tf": f'{taken}variable "which" {{}}\n'}
    drafted = draft(files, "api.stripe.com")
    assert drafted.change.edits == ()
    assert drafted.change.commands[0] == "cf bind-security-group public_networks_egress acme --space dev"


def test_a_list_whose_value_stands_elsewhere_is_named() -> None:
    module = """module "s" {
      source               = "github.com/GSA-TTS/terraform-cloudgov//cg_space?ref=v2"
      cf_org_name          = "acme"
      cf_space_name        = "dev"
      security_group_names = var.groups
    }
    variable "groups" {}
    """
    drafted = draft({"tf/main.tf": module}, "api.stripe.com")
    found = codes(list(drafted.change.findings))
    assert ("EGR1910" in found, "EGR795" in found, drafted.change.edits) == (True, False, ())
