"""Drafts for routes between apps: beside the policies of the same app, where a file has any."""

from __future__ import annotations

import pytest

from skills.core.change import Draft
from tests.core.platforms import cloud_foundry_repo
from tests.core.platforms.cloud_foundry_repo import Files, after

SCRIPT = """\
cf target -o acme -s dev
cf bind-security-group trusted_local_networks_egress acme --space dev
# what web calls
cf add-network-policy web api --port 8080 --protocol tcp
cf apps
"""
TERRAFORM = """\
data "cloudfoundry_org" "o" {
  name = "acme"
}
resource "cloudfoundry_space" "dev" {
  name = "dev"
  org  = data.cloudfoundry_org.o.id
}
resource "cloudfoundry_app" "web" {
  name       = "web"
  space_name = "dev"
  org_name   = "acme"
}
data "cloudfoundry_app" "api" {
  name       = "api"
  space_name = "dev"
  org_name   = "acme"
}
data "cloudfoundry_app" "mail" {
  name       = "mail"
  space_name = "dev"
  org_name   = "acme"
}
resource "cloudfoundry_network_policy" "web" {
  policies = [
    {
      source_app      = cloudfoundry_app.web.id
      destination_app = data.cloudfoundry_app.api.id
      port            = "8080"
      protocol        = "tcp"
    },
%s  ]
}
"""
MORE = """\
    {
      source_app      = cloudfoundry_app.web.id
      destination_app = data.cloudfoundry_app.%s.id
      port            = "%s"
      protocol        = "%s"
    },
"""
WEB = "acme/dev/web"


def draft(files: Files, to: str, for_: str = WEB, *, remove: bool = False) -> Draft:
    return cloud_foundry_repo.draft(files, for_, to, why="why", remove=remove)


@pytest.mark.parametrize(
    ("to", "line"),
    [
        ("mail.apps.internal:8080", "cf add-network-policy web mail --protocol tcp --port 8080"),
        ("api.apps.internal:9090", "cf add-network-policy web api --protocol tcp --port 9090"),
        ("udp://api.apps.internal:8080", "cf add-network-policy web api --protocol udp --port 8080"),
        ("https://mail.apps.internal", "cf add-network-policy web mail --protocol tcp --port 61443"),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_script_gets_one_line_and_loses_it_again(to: str, line: str, newline: str) -> None:
    files = {"bin/net.sh": SCRIPT.replace("\n", newline)}
    drafted = draft(files, to)
    changed = after(files, drafted)
    assert changed["bin/net.sh"] == SCRIPT.replace("cf apps", f"{line}\ncf apps").replace("\n", newline)
    assert (drafted.change.proof.after, drafted.change.commands) == ("allowed", (line,))
    assert draft(changed, to).change.edits == ()
    assert after(changed, draft(changed, to, remove=True)) == files


@pytest.mark.parametrize(
    ("to", "more"),
    [
        ("mail.apps.internal:8080", MORE % ("mail", "8080", "tcp")),
        ("https://api.apps.internal", MORE % ("api", "61443", "tcp")),
        ("udp://mail.apps.internal:53", MORE % ("mail", "53", "udp")),
    ],
)
def test_terraform_gets_one_object_like_its_neighbour_and_loses_it_again(to: str, more: str) -> None:
    files = {"tf/main.tf": TERRAFORM % ""}
    drafted = draft(files, to)
    changed = after(files, drafted)
    assert changed == {"tf/main.tf": TERRAFORM % more}
    assert (drafted.change.proof.after, drafted.change.commands) == ("allowed", ())
    assert draft(changed, to).change.edits == ()
    assert after(changed, draft(changed, to, remove=True)) == files


@pytest.mark.parametrize(
    ("files", "for_", "to"),
    [
        ({"tf/main.tf": TERRAFORM % ""}, WEB, "nobody.apps.internal:8080"),  # no block names that app
        ({"tf/main.tf": TERRAFORM % "", "x.sh": ""}, "acme/dev/worker", "api.apps.internal:8080"),
        ({"bin/net.sh": SCRIPT}, "acme/dev/worker", "mail.apps.internal:8080"),
        ({"bin/net.sh": SCRIPT}, "acme/dev", "mail.apps.internal:8080"),  # of a whole space nobody knows the app
        ({"bin/net.sh": SCRIPT.replace("cf add", "true && cf add")}, WEB, "mail.apps.internal:8080"),
    ],
)
def test_where_no_file_can_say_it_the_command_stands_in(files: Files, for_: str, to: str) -> None:
    drafted = draft(files, to, for_)
    assert drafted.change.edits == ()
    assert [each.partition(" ")[2].split()[0] for each in drafted.change.commands] == ["add-network-policy"]


def test_a_remark_inside_a_neighbour_is_not_copied() -> None:
    files = {"tf/main.tf": (TERRAFORM % "").replace('"8080"', '"8080" # their plain port')}
    assert draft(files, "mail.apps.internal:8080").change.edits == ()
