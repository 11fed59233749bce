"""Terraform: what the folders make together, what stays unknown, and edits of it."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from skills.core import change
from skills.core.allowlist import Allowlist
from skills.core.change import Draft
from skills.core.flow_text import destination, workload
from skills.core.hcl import parse
from skills.core.model import Need, Verdict, Workload
from skills.core.platforms import cloud_foundry
from skills.core.platforms.cloud_foundry.terraform import evaluate, read_terraform
from tests.core.platforms.cloud_foundry_repo import after, codes
from tests.examples import examples
from tests.worlds import allowlist

PUBLIC, TRUSTED = "public_networks_egress", "trusted_local_networks_egress"
CORPUS = "platforms/corpus/c_cloud_gov"


def module(groups: str, *, more: str = "", field: str = "security_group_names", name: str = '"web"') -> dict[str, str]:
    text = f"""module "space" {{
  source        = "github.com/GSA-TTS/terraform-cloudgov//cg_space?ref=v2.0.0"
  cf_org_name   = "acme"
  cf_space_name = {name}
  {field} = {groups}
}}
{more}"""
    return {"tf/main.tf": text}


def find(made: Allowlist, for_: str) -> Workload:
    (mine,) = made.resolve(workload(for_)).workloads
    return mine


def ask(files: Mapping[str, str], to: str, for_: str = "acme/web") -> Verdict:
    made = allowlist(files)
    verdict = made.check(find(made, for_), destination(to)[0])
    codes(list(verdict.findings))
    return verdict


def draft(files: Mapping[str, str], *to: str, for_: str = "acme/web", remove: bool = False) -> Draft:
    made = allowlist(files)
    return change.draft(made, Need(find(made, for_), tuple(destination(each)[0] for each in to), "why", remove=remove))


@pytest.mark.parametrize("field", ["security_group_names", "asg_names", "asgs"])
def test_the_module_binds_under_each_name_that_its_versions_give_the_list(field: str) -> None:
    files = module(f'["{TRUSTED}"]', field=field)
    assert ask(files, "cf-service://rds").decision == "allowed"
    assert ask(files, "api.stripe.com").decision == "denied"


@pytest.mark.parametrize(
    ("groups", "more", "wanted"),
    [
        (f'toset(["{PUBLIC}"])', "", "allowed"),
        (f'concat(["x"], ["{PUBLIC}"])', "", "allowed"),
        (f'setunion(["{TRUSTED}"], var.g)', f'variable "g" {{ default = ["{PUBLIC}"] }}\n', "allowed"),
        ("local.g", f'locals {{ g = ["{PUBLIC}"] }}\n', "allowed"),
        ("[local.g]", f'locals {{ g = "{PUBLIC}" }}\n', "allowed"),
        ('["${local.p}_networks_egress"]', 'locals { p = "public" }\n', "allowed"),
        (f'["{TRUSTED}"]', "", "denied"),
        ("[]", "", "denied"),
        ("var.g", 'variable "g" {}\n', "undecided"),
        (f'var.open ? ["{PUBLIC}"] : []', 'variable "open" { default = true }\n', "allowed"),
        (f'var.open ? ["{PUBLIC}"] : []', 'variable "open" { default = false }\n', "denied"),
        (f'var.open ? ["{PUBLIC}"] : []', 'variable "open" {}\n', "undecided"),
        (f'var.e == "prod" ? [] : ["{PUBLIC}"]', 'variable "e" { default = "dev" }\n', "allowed"),
        (f'var.e != "prod" && !false ? [] : ["{PUBLIC}"]', 'variable "e" { default = "dev" }\n', "denied"),
        (f'[for g in ["{PUBLIC}"] : g if g != ""]', "", "allowed"),
        (f'[for g in ["{PUBLIC}"] : g if g == ""]', "", "denied"),
        (f'[for g in ["{PUBLIC}"] : g if var.x]', 'variable "x" {}\n', "undecided"),
        (f"[for name, on in {{ {PUBLIC} = true, {TRUSTED} = false }} : name if on]", "", "allowed"),
        (f"[for name, on in {{ {PUBLIC} = false, {TRUSTED} = true }} : name if on]", "", "denied"),
        (f'keys({{ for g in ["{PUBLIC}"] : g => true }})', "", "allowed"),
        (f'lookup({{ web = ["{PUBLIC}"] }}, "web", [])', "", "allowed"),
        (f'lookup({{ dev = ["{PUBLIC}"] }}, "web", [])', "", "denied"),
        (f'merge({{ web = ["{PUBLIC}"] }}, {{ web = [] }})["web"]', "", "denied"),
        (f'merge({{ web = ["{PUBLIC}"] }}, var.m)["web"]', 'variable "m" {}\n', "undecided"),
        (f'split(",", "{TRUSTED},{PUBLIC}")', "", "allowed"),
        ('[format("%s_networks_egress", "public")]', "", "allowed"),
        ('[format("%d_networks_egress", 1)]', "", "undecided"),
        ('[join("_", ["public", "networks", "egress"])]', "", "allowed"),
        (f'[one(["{PUBLIC}"])]', "", "allowed"),
        (f'compact(["", "{PUBLIC}"])', "", "allowed"),
        ('compact([""])', "", "denied"),
        ("compact([var.x])", 'variable "x" {}\n', "undecided"),
        ('[local.l[length(["x"])]]', f'locals {{ l = ["{TRUSTED}", "{PUBLIC}"] }}\n', "allowed"),
        (f'contains(["a"], "a") ? ["{PUBLIC}"] : []', "", "allowed"),
        (f'contains(["a"], "b") ? ["{PUBLIC}"] : []', "", "denied"),
        (f'[for g in ["{PUBLIC}"] : g]', "", "allowed"),
        ("local.g", "locals { g = local.g }\n", "undecided"),
        ("data.http.groups.body", "", "undecided"),
    ],
)
def test_a_list_is_followed_as_far_as_the_files_say_it(groups: str, more: str, wanted: str) -> None:
    assert ask(module(groups, more=more), "api.stripe.com").decision == wanted


def test_values_of_the_run_come_before_defaults() -> None:
    files = module("var.g", more=f'variable "g" {{ default = ["{PUBLIC}"] }}\n')
    assert ask({**files, "tf/terraform.tfvars": "g = []\n"}, "api.stripe.com").decision == "denied"
    assert ask({**files, "tf/x.auto.tfvars": f'g = ["{TRUSTED}"]\n'}, "cf-service://rds").decision == "allowed"


def test_values_at_the_top_of_the_repository_hold_for_every_run_of_it() -> None:
    """So spaces are not told apart by a file of values that is read anyway; any other file is one run among several."""
    text = module("var.g", name='"web"', more='variable "g" {}\nvariable "e" {}\n')["tf/main.tf"]
    values = {"terraform.tfvars": f'g = ["{TRUSTED}"]\n', "x.auto.tfvars": f'g = ["{PUBLIC}"]\n'}
    assert ask({"main.tf": text, **values}, "api.stripe.com").decision == "allowed"
    assert ask({"main.tf": text, **values, "my-terraform.tfvars": "g = []\n"}, "api.stripe.com").decision == "denied"


def test_each_file_of_values_makes_spaces_of_its_own() -> None:
    files = module("var.g", name='"web-${var.e}"', more='variable "g" {}\nvariable "e" {}\n')
    files |= {
        "tf/env/prod.tfvars": f'e = "prod"\ng = ["{TRUSTED}"]\n',
        "tf/env/dev.tfvars": f'e = "dev"\ng = ["{PUBLIC}"]\n',
    }
    assert ask(files, "api.stripe.com", "acme/web-prod").decision == "denied"
    assert ask(files, "api.stripe.com", "acme/web-dev").decision == "allowed"


def test_a_space_of_which_only_the_run_knows_the_name_is_no_space() -> None:
    made = allowlist(module(f'["{PUBLIC}"]', name="var.x"))
    assert made.resolve(workload("acme/web")).workloads == ()
    assert "EGR776" in codes(made.audit())


BLOCKS = f"""
data "cloudfoundry_org" "o" {{ name = "acme" }}
resource "cloudfoundry_space" "web" {{
  name = "web"
  org  = data.cloudfoundry_org.o.id
}}
data "cloudfoundry_security_group" "public" {{ name = "{PUBLIC}" }}
resource "cloudfoundry_security_group" "partner" {{
  name = "partner"
  rules = [
    {{ protocol = "tcp", destination = "198.51.100.0/24", ports = "5432" }},
    {{ protocol = "tcp", destination = var.address, ports = "8443" }},
  ]
}}
"""


def binding(group: str, phase: str = "running") -> str:
    return f"""resource "cloudfoundry_security_group_space_bindings" "b" {{
  security_group = {group}.id
  {phase}_spaces = [cloudfoundry_space.web.id]
}}
"""


@pytest.mark.parametrize(
    ("group", "phase", "to", "wanted"),
    [
        ("data.cloudfoundry_security_group.public", "running", "api.stripe.com", "allowed"),
        ("data.cloudfoundry_security_group.public", "staging", "api.stripe.com", "undecided"),
        ("cloudfoundry_security_group.partner", "running", "198.51.100.7:5432", "allowed"),
        ("cloudfoundry_security_group.partner", "running", "203.0.113.7:5432", "undecided"),
        ("cloudfoundry_security_group.partner", "running", "203.0.113.7:8443", "undecided"),
        ("data.cloudfoundry_security_group.gone", "running", "api.stripe.com", "undecided"),
    ],
)
def test_bindings_of_the_official_provider(group: str, phase: str, to: str, wanted: str) -> None:
    found = ask({"main.tf": BLOCKS + binding(group, phase)}, to).decision
    # A space that is bound for staging alone is not said to be closed while it runs.
    assert found == (wanted if phase == "running" else "denied")


def test_a_foundation_of_which_no_file_says_what_is_bound_everywhere_is_undecided() -> None:
    files = {"main.tf": BLOCKS + binding("cloudfoundry_security_group.partner")}
    verdict = ask(files, "203.0.113.7:5432")
    assert (verdict.decision, "EGR169" in [each.code for each in verdict.findings]) == ("undecided", True)
    for more in (
        {"global.sh": "cf bind-running-security-group partner\n"},
        {
            "global.tf": 'resource "cloudfoundry_security_group" "g" {\n  name = "g"\n  globally_enabled_running = true\n  rules = []\n}\n'
        },
    ):
        assert ask({**files, **more}, "203.0.113.7:5432").decision == "denied", more


@pytest.mark.parametrize(("phase", "wanted"), [("running", "allowed"), ("staging", "denied")])
def test_a_command_for_the_whole_foundation_counts_in_its_own_phase(phase: str, wanted: str) -> None:
    files = {
        "config/acme/web/spaceConfig.yml": "org: acme\nspace: web\nnamed-security-groups: []\n",
        "config/asgs/partner.json": '[{"protocol": "tcp", "destination": "198.51.100.7", "ports": "443"}]',
        "global.sh": f"cf bind-{phase}-security-group partner\n",
    }
    assert ask(files, "198.51.100.7:443").decision == wanted


@pytest.mark.parametrize(
    ("verb", "wanted"),
    [("bind-security-group {} acme --space web", "allowed"), ("unbind-security-group {} acme web", "undecided")],
)
def test_a_binding_stands_unless_a_condition_may_take_it_away(verb: str, wanted: str) -> None:
    bound = f"cf bind-security-group {PUBLIC} acme --space web\n"
    files = {"bind.sh": f'{bound}if [ "$MORE" = yes ]; then\n  cf {verb.format(PUBLIC)}\nfi\n'}
    assert ask(files, "api.stripe.com").decision == wanted


@pytest.mark.parametrize(("verb", "wanted"), [("unbind", "undecided"), ("bind", "allowed")])
def test_what_a_function_above_takes_away_may_come_after_the_binding(verb: str, wanted: str) -> None:
    script = f"""change() {{
  cf {verb}-security-group {PUBLIC} acme{" --space" if verb == "bind" else ""} web
}}
cf bind-security-group {PUBLIC} acme --space web
change
"""
    assert ask({"bind.sh": script}, "api.stripe.com").decision == wanted


UNDONE = [
    module(f'["{TRUSTED}"]'),
    module(f'[\n    "{TRUSTED}", # the database\n  ]'),
    module(f'[\n    "a",\n    "{TRUSTED}"\n  ]'),
    module("[]"),
    {"bin/bind.sh": f"cf bind-security-group {TRUSTED} acme --space web\n"},
    {
        "bin/bind.sh": f"cf target -o acme\ncf bind-security-group {TRUSTED} acme --space web --lifecycle running\ncf apps\n"
    },
]


@pytest.mark.parametrize("files", UNDONE)
def test_removal_undoes_a_binding_in_terraform_and_in_a_script(files: dict[str, str]) -> None:
    there = after(files, draft(files, "api.stripe.com"))
    assert there != files
    made = draft(there, "api.stripe.com", remove=True)
    assert after(there, made) == files
    assert made.change.proof.before == "allowed" != made.change.proof.after
    assert [question.id for question in made.change.questions] == [f"unbind:{PUBLIC}"]


@pytest.mark.parametrize(
    "script",
    [
        f"for s in web prod; do\n  cf bind-security-group {PUBLIC} acme --space $s\ndone\n",
        f"cf bind-security-group {PUBLIC} acme --space web && cf apps\ncf apps\n",
        f"cf bind-security-group {PUBLIC} acme\ncf bind-security-group {TRUSTED} acme --space web\n",  # for all spaces
        f"cf bind-security-group {PUBLIC} \\\n  acme --space web\ncf apps\n",
        f"cf bind-security-group {PUBLIC} acme --space web\n",  # nothing beside it: a block might be left empty
    ],
)
def test_a_line_of_a_script_that_does_more_stays(script: str) -> None:
    files = {"bin/bind.sh": script, "config/acme/spaces.yml": "org: acme\nspaces:\n- web\n"}
    made = draft(files, "api.stripe.com", remove=True)
    assert made.change.edits == ()
    assert "EGR780" in [each.code for each in made.change.findings]


def test_two_kinds_of_block_for_one_space_contradict_each_other() -> None:
    twin = 'resource "cloudfoundry_space_asgs" "a" {\n  space = cloudfoundry_space.web.id\n  running_asgs = []\n}\n'
    text = BLOCKS + binding("data.cloudfoundry_security_group.public")
    assert "EGR748" in codes(allowlist({"main.tf": text + twin}).audit())
    assert "EGR748" not in codes(allowlist({"main.tf": text}).audit())


def test_the_community_provider_keeps_rules_in_blocks() -> None:
    text = """resource "cloudfoundry_asg" "a" {
  name = "a"
  rule {
    protocol    = "tcp"
    destination = "198.51.100.7"
    ports       = "443"
  }
}
resource "cloudfoundry_space" "web" {
  name = "web"
  org  = "6d3c"
  asgs = [cloudfoundry_asg.a.id]
}
"""
    verdict = ask({"main.tf": text}, "198.51.100.7:443", "web")
    assert verdict.decision == "allowed"
    assert [hit.place.line for layer in verdict.layers for hit in layer.rules] == [5]


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ('protocol = "tcp", destination = "db.acme.example", ports = "443"', "EGR771"),
        ('protocol = "tcp", destination = "10.0.0.9-10.0.0.1", ports = "443"', "EGR771"),
        ('protocol = "tcp", destination = "10.0.0.1, 10.0.0.2", ports = "443"', "EGR771"),
        ('protocol = "tcp", destination = "10.0.0.1,10.0.0.2", ports = "443"', "EGR772"),
        ('protocol = "tcp", destination = "10.0.0.1", ports = "80,8000-8100"', "EGR774"),
        ('protocol = "tcp", destination = "10.0.0.1"', "EGR775"),
        ('protocol = "all", destination = "10.0.0.1", ports = "443"', "EGR775"),
        ('protocol = "icmp", destination = "10.0.0.1"', "EGR778"),
        ('protocol = "sctp", destination = "10.0.0.1", ports = "443"', "EGR777"),
        ('protocol = "tcp", ports = "443"', "EGR771"),
    ],
)
def test_rules_that_the_cloud_controller_refuses(rule: str, code: str) -> None:
    text = f'resource "cloudfoundry_security_group" "g" {{\n  name = "g"\n  rules = [{{ {rule} }}]\n}}\n'
    assert code in codes(allowlist({"main.tf": text}).audit())


def test_a_group_that_is_named_after_itself_is_no_group() -> None:
    text = (
        'resource "cloudfoundry_security_group" "g" {\n  name = cloudfoundry_security_group.g.name\n  rules = []\n}\n'
    )
    assert ask({**module("[]"), "tf/more.tf": text}, "api.stripe.com").decision == "denied"


@pytest.mark.parametrize(
    ("bound", "wanted"), [("[]", "denied"), ('["ours"]', "undecided"), (f'["{PUBLIC}"]', "allowed")]
)
def test_a_proxy_is_dead_only_where_all_is_known_of_its_own_space(bound: str, wanted: str) -> None:
    """`ours` is a group that no file defines: it may open the way out."""
    proxy = """module "proxy" {
  source        = "github.com/GSA-TTS/cg-egress-proxy?ref=v1"
  name          = "proxy"
  cf_space_name = "out"
  client_configuration = { app = { allowlist = ["api.stripe.com"] } }
}
resource "cloudfoundry_network_policy" "p" {
  policies = [{ source_app = "app", destination_app = module.proxy.app_id, port = "61443" }]
}
"""
    (own,) = module(bound, name='"out"').values()
    files = module(f'["{TRUSTED}"]', more=proxy) | {"tf/out.tf": own.replace('"space"', '"out"')}
    assert ask(files, "api.stripe.com", "acme/web/app").decision == wanted


@pytest.mark.parametrize(
    ("protocol", "ports", "wanted"),
    [
        ("tcp", "443", "allowed"),
        ("tcp", "400-500", "allowed"),
        ("tcp", "80", "denied"),
        ("udp", "443", "denied"),
    ],
)
def test_a_proxy_needs_a_group_that_opens_its_port(protocol: str, ports: str, wanted: str) -> None:
    rule = f'{{ protocol = "{protocol}", destination = "0.0.0.0/0", ports = "{ports}" }}'
    proxy = f"""module "proxy" {{
  source        = "github.com/GSA-TTS/cg-egress-proxy?ref=v1"
  name          = "proxy"
  cf_space_name = "out"
  client_configuration = {{ app = {{ allowlist = ["api.stripe.com"] }} }}
}}
resource "cloudfoundry_security_group" "mine" {{
  name  = "mine"
  rules = [{rule}]
}}
resource "cloudfoundry_network_policy" "p" {{
  policies = [{{ source_app = "app", destination_app = module.proxy.app_id, port = "61443" }}]
}}
"""
    (own,) = module('["mine"]', name='"out"').values()
    files = module(f'["{TRUSTED}"]', more=proxy) | {"tf/out.tf": own.replace('"space"', '"out"')}
    assert ask(files, "api.stripe.com", "acme/web/app").decision == wanted


def test_broken_terraform_makes_a_denial_undecided() -> None:
    files = {**module(f'["{TRUSTED}"]'), "tf/more.tf": 'resource "cloudfoundry_security_group_space_bindings" "b" {\n'}
    verdict = ask(files, "api.stripe.com")
    assert verdict.decision == "undecided"
    assert "EGR571" in codes(list(verdict.findings))


# --- edits


@pytest.mark.parametrize(
    "groups",
    [f'["{TRUSTED}"]', f'[\n    "{TRUSTED}", # the database\n  ]', "[]", f'toset(["{TRUSTED}"])', "local.g"],
)
def test_a_group_more_then_allowed_and_the_second_draft_is_empty(groups: str) -> None:
    files = module(groups, more=f'locals {{\n  g = ["{TRUSTED}"]\n}}\n')
    made = draft(files, "api.stripe.com")
    assert (made.change.proof.before, made.change.proof.after, made.change.proof.newly_denied) == (
        "denied",
        "allowed",
        (),
    )
    assert "EGR788" in codes(list(made.change.proof.wider_than_asked))
    new = after(files, made)
    parse(new["tf/main.tf"])
    assert not draft(new, "api.stripe.com").change.edits


def test_both_kinds_at_once() -> None:
    made = draft(module("[]"), "api.stripe.com", "cf-service://rds")
    (edit,) = made.change.edits
    assert f'["{PUBLIC}", "{TRUSTED}"]' in edit.new_text
    assert made.change.proof.after == "allowed"


def test_a_label_in_place_of_a_name_is_mended() -> None:
    (edit,) = draft(module('["public-egress"]'), "api.stripe.com").change.edits
    assert f'= ["{PUBLIC}"]' in edit.new_text


def test_the_space_joins_those_of_the_group() -> None:
    other = 'resource "cloudfoundry_space" "api" {\n  name = "api"\n  org = data.cloudfoundry_org.o.id\n}\n'
    bound = binding("cloudfoundry_security_group.partner").replace('"b"', '"c"').replace("space.web", "space.api")
    text = BLOCKS + other + binding("data.cloudfoundry_security_group.public") + bound
    (edit,) = draft({"main.tf": text}, "api.stripe.com", for_="acme/api").change.edits
    assert "running_spaces = [cloudfoundry_space.web.id, cloudfoundry_space.api.id]" in edit.new_text


@pytest.mark.parametrize("groups", [f'var.open ? ["{TRUSTED}"] : []', f'[for g in ["{TRUSTED}"] : g]', '"x"'])
def test_what_no_list_says_is_a_command(groups: str) -> None:
    made = draft(module(groups, more='variable "open" {}\n'), "api.stripe.com")
    assert made.change.edits == ()
    assert made.change.commands == (f"cf bind-security-group {PUBLIC} acme --space web",)


HOSTS = st.lists(st.sampled_from(["api.sam.gov", "a.example", "b.example", "*.c.example", "z.example"]), unique=True)


@hypothesis_settings(max_examples=examples(25), deadline=None)
@given(HOSTS, st.booleans())
def test_a_host_more_on_a_proxy_then_less_is_as_before(hosts: list[str], rows: bool) -> None:
    quoted = [f'"{host}"' for host in hosts]
    listed = (
        "[" + "".join(f"\n      {each}," for each in quoted) + "\n    ]" if rows and hosts else f"[{', '.join(quoted)}]"
    )
    proxy = f"""module "proxy" {{
  source = "github.com/GSA-TTS/cg-egress-proxy?ref=v1"
  name   = "proxy"
  client_configuration = {{
    app = {{ allowlist = {listed} }}
  }}
}}
resource "cloudfoundry_network_policy" "p" {{
  policies = [{{ source_app = "app", destination_app = module.proxy.app_id, port = "61443" }}]
}}
"""
    files = module(f'["{TRUSTED}"]', more=proxy)
    made = draft(files, "new.example", for_="acme/web/app")
    assert made.change.proof.after == "allowed"
    assert codes(list(made.change.proof.wider_than_asked)) == ["EGR1916"]
    new = after(files, made)
    assert ask(new, "other.example", "acme/web/app").decision == "denied"
    assert after(new, draft(new, "new.example", for_="acme/web/app", remove=True)) == files


# --- the corpus


def terraform(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in sorted(folder.rglob("*.tf"))}


@pytest.mark.parametrize(
    ("space", "to", "wanted"),
    [
        ("services", "api.stripe.com", "allowed"),
        ("services", "cf-service://rds", "allowed"),
        ("services", "169.254.169.254:80", "allowed"),
        ("opensearch-dashboards-proxy", "api.stripe.com", "allowed"),
        ("aws-broker-tests", "api.stripe.com", "denied"),
        ("aws-broker-tests", "cf-service://redis", "allowed"),
        ("aws-broker-tests", "10.1.2.3:9200", "denied"),
        ("aws-broker-tests", "10.1.2.3:5432", "undecided"),
        ("s3-broker-tests", "api.stripe.com", "undecided"),
    ],
)
def test_the_platforms_own_spaces(shared: Path, space: str, to: str, wanted: str) -> None:
    """As its asg.tf reads: groups of both generations by reference; addresses of services are outputs of other state."""
    assert ask(terraform(shared / CORPUS / "deploy-cf"), to, space).decision == wanted


def test_the_platforms_matrix_agrees_with_its_own_definitions(shared: Path) -> None:
    """The matrix' spaces as Terraform would bind them to the groups that asg.tf defines."""
    defined = terraform(shared / CORPUS / "deploy-cf")
    rows = csv.reader((shared / CORPUS / "deploy-cf/ci/test-space-egress/test-matrix").read_text().splitlines())
    groups = {
        "closed-egress": "[]",
        "restricted-egress": f'["{TRUSTED}"]',
        "public-egress": f'["{TRUSTED}", "{PUBLIC}"]',
    }
    probes = {"/test-internal-networks": "cf-service://rds", "/test-external-networks": "www.example.com:443"}
    run = [(name, probes[probe], status) for name, probe, status, *_ in rows if probe in probes]
    agreed = [
        (ask({**defined, **module(groups[name])}, to).decision == "allowed") == (status == "200")
        for name, to, status in run
    ]
    assert (len(run), sum(agreed)) == (6, 6)


def test_every_terraform_file_of_the_corpus_is_read(shared: Path) -> None:
    files = {**terraform(shared / CORPUS)}
    unread = [each for path, text in files.items() for each in cloud_foundry.read_source(path, text)[1]]
    assert (len(files), unread) == (19, [])


# --- rules of groups that Terraform defines

OBJECTS = [
    '[\n    { protocol = "tcp", destination = "198.51.100.0/24", ports = "5432" },\n  ]',
    '[\n    {\n      protocol    = "tcp"\n      destination = "198.51.100.0/24"\n      ports       = "5432"\n    },\n  ]',
    '[{\n    protocol = "tcp"\n    destination = "198.51.100.0/24"\n    ports = "5432"\n  }]',
    '[{ protocol = "tcp", destination = "198.51.100.0/24", ports = "5432" }]',
]


@pytest.mark.parametrize("rules", OBJECTS)
def test_a_rule_more_opens_just_that_and_goes_again(rules: str) -> None:
    group = f'resource "cloudfoundry_security_group" "own" {{\n  name  = "own"\n  rules = {rules}\n}}\n'
    files = module("[cloudfoundry_security_group.own.name]", more=group)
    made = draft(files, "203.0.113.7:8443")
    assert made.change.proof.after == "allowed"
    assert codes(list(made.change.proof.wider_than_asked)) == ["EGR790"]
    new = after(files, made)
    assert ask(new, "198.51.100.9:5432").decision == "allowed"
    assert after(new, draft(new, "203.0.113.7:8443", remove=True)) == files


def test_lists_that_double_themselves_end() -> None:
    doubled = "".join(f"  l{at} = concat(local.l{at + 1}, local.l{at + 1})\n" for at in range(35))
    files = module("local.l0", more=f'locals {{\n{doubled}  l35 = ["{PUBLIC}"]\n}}\n')
    assert ask(files, "cf-service://rds").decision == "undecided"


ROOT = {
    "tf/main.tf": 'module "space" {\n  source = "github.com/GSA-TTS/terraform-cloudgov//cg_space?ref=v2.0.0"\n'
    '  cf_org_name = "acme"\n  cf_space_name = var.space\n  security_group_names = []\n}\n'
    'variable "space" {\n  default = "plain"\n}\n'
}


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ({}, {"tf": "plain"}),
        ({"tf/terraform.tfvars": "one"}, {"tf": "one"}),
        ({"tf/a.auto.tfvars": "one"}, {"tf": "one"}),
        ({"tf/dev.tfvars": "one"}, {"tf": "one"}),
        ({"tf/dev.tfvars": "one", "tf/prod.tfvars": "two"}, {"tf/dev": "one", "tf/prod": "two"}),
        ({"tf/env/dev.tfvars": "one", "tf/env/prod.tfvars": "two"}, {"tf/dev": "one", "tf/prod": "two"}),
        ({"tf/terraform.tfvars": "two", "tf/dev.tfvars": "one"}, {"tf": "one"}),
        ({"tfenv/dev.tfvars": "one"}, {"tf": "plain"}),
        ({"tf/stack/main.tf": "", "tf/stack/dev.tfvars": "one"}, {"tf": "plain"}),
        ({"tf/stack/main.tf": "", "tf/stack/env/dev.tfvars": "one"}, {"tf": "plain"}),
    ],
)
def test_files_of_values_belong_to_the_nearest_code(values: dict[str, str], wanted: dict[str, str]) -> None:
    other = 'variable "x" {}\n'
    files = ROOT | {path: f'space = "{name}"\n' if name else other for path, name in values.items()}
    read = [file for path, text in files.items() for file in read_terraform(path, text)[0]]
    assert {made.root: made.space for made in evaluate(read).spaces} == wanted
