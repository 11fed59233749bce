"""Terraform that has no end: it takes few steps, and what stands beside it is answered all the same."""

from __future__ import annotations

import pytest

from skills.core.flows import read_flow
from skills.core.platforms.cloud_foundry import tf_values
from tests.core.platforms.cloud_foundry_repo import after, codes, draft
from tests.worlds import allowlist

SPACE = """\
module "%s" {
  source               = "github.com/GSA-TTS/terraform-cloudgov//cg_space?ref=v2"
  cf_org_name          = "acme"
  cf_space_name        = %s
  security_group_names = %s
}
"""


def doubled(first: str, once: str) -> str:
    """Forty locals, each twice the one before."""
    rows = "".join(f"  a{at + 1} = {once.replace('X', f'local.a{at}')}\n" for at in range(40))
    return f"locals {{\n  a0 = {first}\n{rows}}}\n"


BOMBS = {
    "lists": SPACE % ("bad", '"bad"', "local.a39") + doubled('["x"]', "concat(X, X)"),
    "texts": SPACE % ("bad", '"${local.a39}"', "[]") + doubled('"x"', '"${X}${X}"'),
    "trees": SPACE % ("bad", '"bad"', "flatten(local.a39)") + doubled('["x"]', "[X, X]"),
    "loops": SPACE % ("bad", '"bad"', "[for x in local.l : [for y in local.l : [for z in local.l : z]]]")
    + f"locals {{\n  l = [{', '.join(['1'] * 300)}]\n}}\n",
    "counts": SPACE.replace("{\n", "{\n  count = 1000000000\n", 1) % ("bad", '"d${count.index}"', "[]"),
    "circle": SPACE % ("bad", '"bad"', "local.a") + "locals {\n  a = local.b\n  b = concat(local.a, local.a)\n}\n",
}


def decided(files: dict[str, str], to: str, monkeypatch: pytest.MonkeyPatch) -> tuple[str, int, list[str]]:
    """The decision for acme/web, how many expressions it took, and the codes of what was found."""
    made_of: list[tf_values.Budget] = []
    take = tf_values.Budget.take

    def counted(self: tf_values.Budget, steps: int = 1) -> bool:
        made_of.append(self)
        return take(self, steps)

    monkeypatch.setattr(tf_values.Budget, "take", counted)
    made = allowlist(files)
    verdict = read_flow(made, "acme/web", [to]).verdicts(made)[0]
    return verdict.decision, len(made_of), codes(list(verdict.findings))


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_what_has_no_end_leaves_the_rest_to_be_answered(bomb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"tf/a.tf": bomb, "tf/b.tf": SPACE % ("good", '"web"', '["public_networks_egress"]')}
    decision, steps, _ = decided(files, "api.stripe.com", monkeypatch)
    assert (decision, steps < 100_000) == ("allowed", True)


@pytest.mark.parametrize(("times", "wanted", "said"), [(40, "undecided", True), (2, "denied", False)])
def test_what_an_endless_root_may_bind_is_not_denied(
    times: int, wanted: str, said: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = 'module "m" {\n  source = "./%s"\n  count  = %d\n}\n'
    files = {
        "tf/a.tf": call % ("one", times) + SPACE % ("good", '"web"', "[]"),
        "tf/one/main.tf": call % ("two", times),
        "tf/one/two/main.tf": call % ("three", times),
        "tf/one/two/three/main.tf": SPACE % ("inner", '"inner"', "[]"),
    }
    decision, steps, found = decided(files, "api.stripe.com", monkeypatch)
    assert (decision, "EGR1912" in found, steps < 100_000) == (wanted, said, True)


WHOLE = """\
data "cloudfoundry_org" "o" {
  name = "acme"
}
data "cloudfoundry_asg" "trusted" {
  name = "trusted_local_networks_egress"
}
resource "cloudfoundry_asg" "own" {
  name  = "own"
  rules = [{ protocol = "tcp", destination = "198.51.100.0/24", ports = "443" }]
}
resource "cloudfoundry_space" "s" {
  name = "web"
  org  = data.cloudfoundry_org.o.id
  asgs = [cloudfoundry_asg.own.id, data.cloudfoundry_asg.trusted.id]
}
resource "cloudfoundry_app" "web" {
  name = "web"
}
resource "cloudfoundry_app" "reports" {
  name = "reports"
}
resource "cloudfoundry_app" "other" {
  name = "other"
}
resource "cloudfoundry_network_policy" "p" {
  policies = [
    {
      source_app      = cloudfoundry_app.web.id
      destination_app = cloudfoundry_app.reports.id
      port            = "8080"
      protocol        = "tcp"
    },
  ]
}
"""


@pytest.mark.parametrize("to", ["api.stripe.com", "other.apps.internal:8080", "203.0.113.9:5432"])
@pytest.mark.parametrize(
    ("head", "inside"),
    [
        ("resource", "policies = [{}]"),
        ('resource "cloudfoundry_network_policy"', "policies = [{}]"),
        ('resource "cloudfoundry_app"', 'name = "other"'),
        ('data "cloudfoundry_asg"', 'name = "public_networks_egress"'),
    ],
)
def test_a_block_without_its_labels_changes_no_draft(head: str, inside: str, to: str) -> None:
    bare = f"{head} {{\n  {inside}\n}}\n"
    drafts = [draft({"tf/main.tf": text}, "acme/web/web", to) for text in (WHOLE, bare + WHOLE)]
    plain, beside = (after({"tf/main.tf": WHOLE}, each)["tf/main.tf"] for each in drafts)
    assert beside == bare + plain
    assert plain != WHOLE
