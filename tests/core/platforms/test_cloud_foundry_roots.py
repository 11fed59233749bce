"""Egress proxies that Terraform runs: their own ports and routes, and apps that stand in another root than they do."""

from __future__ import annotations

import pytest

from skills.core.allowlist import Allowlist
from skills.core.flows import read_flow
from tests.worlds import allowlist

SPACE = """\
module "%s" {
  source               = "github.com/GSA-TTS/terraform-cloudgov//cg_space?ref=v2.3.0"
  cf_org_name          = "acme"
  cf_space_name        = "%s"
  security_group_names = %s
}
"""
PROXY = """\
module "egress_proxy" {
  source          = "github.com/GSA-TTS/terraform-cloudgov//egress_proxy?ref=v2.3.0"
  cf_org_name     = "acme"
  cf_egress_space = module.egress_space.space
  name            = "egress"
  allowlist       = ["%s"]
}
"""
APP = 'resource "cloudfoundry_app" "app" {\n  name       = "web"\n  space_name = "%s"\n  org_name   = "acme"\n}\n'
POLICY = """\
resource "cloudfoundry_network_policy" "out" {
  policies = [{ source_app = cloudfoundry_app.app.id, destination_app = %s, port = %s }]
}
"""
LOOKED_UP = (
    'data "cloudfoundry_app" "proxy" {\n  name       = "egress"\n  space_name = "%s"\n  org_name   = "acme"\n}\n'
)
HOST, OTHER = "api.example.com", "https://other.example.com"


def proxy(space: str, host: str = HOST) -> str:
    return SPACE % ("egress_space", f"{space}-egress", '["public_networks_egress"]') + PROXY % host


def app(space: str, *, to: str = "module.egress_proxy.app_id", port: str = "module.egress_proxy.https_port") -> str:
    return SPACE % ("space", space, "[]") + APP % space + POLICY % (to, port)


def decided(files: dict[str, str], to: str, space: str = "web") -> str:
    made: Allowlist = allowlist(files)
    return read_flow(made, f"acme/{space}/web", [to]).verdicts(made)[0].decision


@pytest.mark.parametrize(
    ("port", "wanted"),
    [
        ("module.egress_proxy.https_port", "allowed"),
        ("module.egress_proxy.http_port", "allowed"),
        ("module.egress_proxy.port", "allowed"),
        ('"61443"', "allowed"),
        ("module.space.https_port", "undecided"),  # no output of that module
        ('"22"', "denied"),
    ],
)
def test_the_module_says_on_which_port_its_proxy_listens(port: str, wanted: str) -> None:
    files = {"tf/main.tf": proxy("web") + app("web", port=port)}
    assert (decided(files, f"https://{HOST}"), decided(files, OTHER)) == (wanted, "denied")


@pytest.mark.parametrize(("space", "wanted"), [("web-egress", "allowed"), ("elsewhere", "denied")])
def test_an_app_reaches_the_proxy_of_another_root_whose_space_it_names(space: str, wanted: str) -> None:
    to = LOOKED_UP % space + app("web", to="data.cloudfoundry_app.proxy.id", port='"61443"')
    files = {"tf/egress/main.tf": proxy("web"), "tf/app/main.tf": to}
    assert (decided(files, f"https://{HOST}"), decided(files, OTHER)) == (wanted, "denied")


@pytest.mark.parametrize(("host", "wanted"), [(HOST, "undecided"), ("first.example.com", "denied")])
def test_any_of_several_policies_may_be_the_one_that_leads_to_the_proxy(host: str, wanted: str) -> None:
    unsure = "module.space.https_port"
    second = (PROXY % host).replace('"egress_proxy"', '"second"').replace('"egress"', '"second"')
    policy = (POLICY % ("module.second.app_id", unsure)).replace('"out"', '"second"')
    files = {"tf/main.tf": proxy("web", "first.example.com") + second + app("web", port=unsure) + policy}
    assert (decided(files, f"https://{HOST}"), decided(files, OTHER)) == (wanted, "denied")


@pytest.mark.parametrize("client", ["a", "b"])
def test_any_client_of_a_proxy_may_be_the_app(client: str) -> None:
    listed = ", ".join(f'{each} = {{ allowlist = ["{each}.example.com"] }}' for each in "ab")
    clients = (PROXY % HOST).replace(f'allowlist       = ["{HOST}"]', f"client_configuration = {{ {listed} }}")
    here = SPACE % ("egress_space", "web-egress", '["public_networks_egress"]') + clients
    files = {"tf/main.tf": here + app("web", port="module.space.https_port")}
    assert decided(files, f"https://{client}.example.com") == "undecided"


@pytest.mark.parametrize("spaces", [("web-egress", "elsewhere"), ("elsewhere", "web-egress")])
def test_each_of_two_proxies_of_one_name_is_reached(spaces: tuple[str, str]) -> None:
    here = SPACE % ("space", "web", "[]") + APP % "web"
    for number, space in enumerate(spaces):
        looked_up, policy = LOOKED_UP % space, POLICY % (f"data.cloudfoundry_app.proxy{number}.id", '"61443"')
        here += looked_up.replace('"proxy"', f'"proxy{number}"') + policy.replace('"out"', f'"out{number}"')
    files = {"tf/egress/main.tf": proxy("web"), "tf/app/main.tf": here}
    assert (decided(files, f"https://{HOST}"), decided(files, OTHER)) == ("allowed", "denied")


def test_each_environment_has_its_own_proxy_of_one_name() -> None:
    files = {f"tf/{each}/main.tf": proxy(each, f"{each}.example.com") + app(each) for each in ("dev", "prod")}
    assert decided(files, "https://dev.example.com", "dev") == "allowed"
    assert decided(files, "https://dev.example.com", "prod") == "denied"


@pytest.mark.parametrize(
    ("host", "wanted"),
    [("acme-web-egress-egress", "allowed"), ("acme-dev-egress-egress", "denied"), ("egress", "denied")],
)
def test_the_route_of_a_proxy_names_its_space_so_that_no_other_root_is_meant(host: str, wanted: str) -> None:
    manifest = f"applications:\n- name: web\n  env:\n    https_proxy: https://u:p@{host}.apps.internal:61443\n"
    here = SPACE % ("space", "web", "[]") + APP % "web"
    files = {"tf/egress/main.tf": proxy("web"), "tf/app/main.tf": here, "manifest.yml": manifest}
    assert (decided(files, f"https://{HOST}"), decided(files, OTHER)) == (wanted, "denied")


@pytest.mark.parametrize(("space", "wanted"), [("web-egress", "allowed"), ("elsewhere", "undecided")])
def test_a_policy_to_a_proxy_of_the_same_name_does_not_lead_to_that_of_another_root(space: str, wanted: str) -> None:
    manifest = "applications:\n- name: web\n  env:\n    https_proxy: https://acme-web-egress-egress.apps.internal\n"
    to = LOOKED_UP % space + app("web", to="data.cloudfoundry_app.proxy.id", port='"61443"')
    files = {"tf/egress/main.tf": proxy("web"), "tf/app/main.tf": to, "manifest.yml": manifest}
    assert (decided(files, f"https://{HOST}"), decided(files, OTHER)) == (wanted, "denied")


@pytest.mark.parametrize(
    ("flags", "wanted"), [("-s web-egress", "allowed"), ("-s elsewhere", "denied"), ("", "denied")]
)
def test_a_script_says_in_which_space_the_proxy_is(flags: str, wanted: str) -> None:
    script = f"cf target -o acme -s web\ncf add-network-policy web egress {flags} --port 61443\n"
    here = SPACE % ("space", "web", "[]") + APP % "web"
    files = {"tf/egress/main.tf": proxy("web"), "tf/app/main.tf": here, "run.sh": script}
    assert (decided(files, f"https://{HOST}"), decided(files, OTHER)) == (wanted, "denied")


@pytest.mark.parametrize(("org", "space"), [(True, False), (False, True)])
def test_a_proxy_of_which_the_space_or_the_organisation_is_not_known_is_called_by_its_name(
    org: bool, space: bool
) -> None:
    manifest = "applications:\n- name: web\n  env:\n    https_proxy: https://egress.apps.internal:61443\n"
    here = proxy("web") + SPACE % ("space", "web", "[]") + APP % "web" + 'variable "unsaid" {}\n'
    here = here if space else here.replace("module.egress_space.space", "var.unsaid")
    start, end = here.index('module "egress_proxy"'), here.index("cf_egress_space =")
    here = here if org else here[:start] + here[start:end].replace('"acme"', "var.unsaid") + here[end:]
    assert decided({"tf/main.tf": here, "manifest.yml": manifest}, f"https://{HOST}") == "allowed"


@pytest.mark.parametrize(
    ("module", "entry", "to", "wanted"),
    [
        ("terraform-cloudgov//egress_proxy", "api.example.com:8443", HOST, "allowed"),  # its template drops the port
        ("terraform-cloudgov//egress_proxy", "*.example.com:443", HOST, "allowed"),
        ("terraform-cloudgov//egress_proxy", "api.example.com:8443", f"{HOST}:8443", "denied"),
        ("cg-egress-proxy", "api.example.com:8443", HOST, "denied"),
    ],
)
def test_the_older_module_takes_what_stands_before_the_port(module: str, entry: str, to: str, wanted: str) -> None:
    here = proxy("web", entry).replace("terraform-cloudgov//egress_proxy", module)
    assert decided({"tf/main.tf": here + app("web")}, f"https://{to}") == wanted


@pytest.mark.parametrize(
    ("destination", "to", "wanted"),
    [
        ("198.51.100.0/24", "https://198.51.100.7", "allowed"),
        ("34.120.0.0/16", f"https://{HOST}", "undecided"),  # its address may be one of these
        ("10.0.0.0/8", f"https://{HOST}", "denied"),
    ],
)
def test_the_groups_of_the_proxys_own_space_must_open_it_too(destination: str, to: str, wanted: str) -> None:
    rules = f'[{{ protocol = "tcp", destination = "{destination}", ports = "443" }}]'
    group = f'resource "cloudfoundry_security_group" "out" {{\n  name = "out"\n  rules = {rules}\n}}\n'
    glob = 'resource "cloudfoundry_security_group" "dns" {\n  name = "dns"\n  globally_enabled_running = true\n  rules = []\n}\n'
    here = (proxy("web") + app("web")).replace("public_networks_egress", "out")
    listed = here.replace(f'["{HOST}"]', f'["{HOST}", "198.51.100.7"]')
    assert decided({"tf/main.tf": listed + group + glob}, to) == wanted
