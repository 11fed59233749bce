"""Reading security groups and cf-mgmt's files, finding spaces by name, and what a space's groups let out."""

from __future__ import annotations

import pickle
from collections.abc import Mapping

import pytest

from skills.core.flow_text import workload
from skills.core.model import Place
from skills.core.platform_base import Platform
from skills.core.platforms import cloud_foundry
from skills.core.platforms.cloud_foundry.documents import App, Group, SpaceConfig
from skills.core.platforms.cloud_foundry.rules import read_rule
from skills.core.yaml_text import read_documents
from tests.core.platforms.cloud_foundry_repo import (
    CONFIG,
    asg,
    codes,
    decide,
    find,
    group,
    index_of,
    near,
    rule,
    settings,
    space,
    view,
)

HERE = Place("x.json", 1)
PUBLIC, TRUSTED = "public_networks_egress", "trusted_local_networks_egress"


def found(files: Mapping[str, str], text: str) -> list[str]:
    return [str(each) for each in cloud_foundry.resolve(index_of(files), workload(text))]


def test_the_package_is_a_platform() -> None:
    adapter: Platform = cloud_foundry
    assert (adapter.NAME, adapter.KIND) == ("cloud_foundry", "cf")


# --- rules


@pytest.mark.parametrize(
    ("written", "spans"),
    [
        ("10.0.0.7", ((0x0A000007, 0x0A000007),)),
        ("10.0.0.0/30", ((0x0A000000, 0x0A000003),)),
        ("10.0.0.1-10.0.0.9", ((0x0A000001, 0x0A000009),)),
        ("10.0.0.5/30", ((0x0A000004, 0x0A000007),)),
    ],
)
def test_destinations_that_are_read(written: str, spans: tuple[tuple[int, int], ...]) -> None:
    seen = read_rule(rule(written), HERE, 0)
    assert (seen.addresses, seen.fault) == (spans, None)


@pytest.mark.parametrize(
    ("ports", "spans"),
    [
        ("443", ((443, 443),)),
        ("80,443", ((80, 80), (443, 443))),
        ("8080-8090", ((8080, 8090),)),
        ("80, 443", ((80, 80), (443, 443))),
    ],
)
def test_ports_that_are_read(ports: str, spans: tuple[tuple[int, int], ...]) -> None:
    seen = read_rule(rule("10.0.0.0/8", ports), HERE, 0)
    assert (seen.ports, seen.fault) == (spans, None)


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (rule("api.stripe.com"), "EGR771"),
        (rule("10.0.0.0/8 "), "EGR771"),
        (rule(""), "EGR771"),
        (rule("10.0.0.1,10.0.0.2"), "EGR772"),
        (rule("10.0.0.9-10.0.0.1"), "EGR771"),
        (rule("10.0.0.0/8", "80,8000-8100"), "EGR774"),
        (rule("10.0.0.0/8", "8100-8000"), "EGR774"),
        (rule("10.0.0.0/8", "0"), "EGR774"),
        (rule("10.0.0.0/8", "65536"), "EGR774"),
        ({**rule("10.0.0.0/8"), "ports": 443}, "EGR774"),
        (rule("10.0.0.0/8", None), "EGR775"),
        (rule("10.0.0.0/8", "443", "all"), "EGR775"),
        (rule("10.0.0.0/8", "443", "sctp"), "EGR777"),
        (rule("0.0.0.0/0", None, "icmp"), "EGR778"),
        (rule("10.0.0.0/8", port="443"), "EGR777"),
    ],
)
def test_rules_that_the_platform_refuses(data: Mapping[str, object], fault: str) -> None:
    assert read_rule(data, HERE, 0).fault == fault


@pytest.mark.parametrize(
    "data",
    [
        rule("0.0.0.0/0", None, "icmp", type=-1, code=-1),
        rule("0.0.0.0/0", None, "all", log=True, description="everything"),
        rule("10.0.0.0/8", "1-65535", "udp"),
    ],
)
def test_rules_that_the_platform_takes(data: Mapping[str, object]) -> None:
    assert read_rule(data, HERE, 0).fault is None


# --- documents


def test_entries_know_their_lines_and_can_be_pickled() -> None:
    documents, _ = read_documents("config/asgs/partner.json", group(rule("198.51.100.0/24")))
    (entry,) = cloud_foundry.read(documents[0])
    assert isinstance(entry, Group)
    assert (entry.name, entry.role, entry.folder, entry.rules[0].place.line) == ("partner", "named", "config", 2)
    assert pickle.loads(pickle.dumps(entry)) == entry


def test_a_space_config_is_read_with_the_lines_of_its_list() -> None:
    text = "org: acme\nspace: dev\nnamed-security-groups:\n- one\n- two\nenable-security-group: yes\n"
    documents, _ = read_documents(CONFIG, text)
    (entry,) = cloud_foundry.read(documents[0])
    assert isinstance(entry, SpaceConfig)
    assert [(named.name, named.place.line) for named in entry.groups or ()] == [("one", 4), ("two", 5)]
    assert (entry.enabled, entry.unassigns, entry.root) == (True, None, "config")


def test_apps_of_a_manifest() -> None:
    text = "applications:\n- name: web\n  services:\n  - db\n  - name: cache\n"
    documents, _ = read_documents("manifest.yml", text)
    (entry,) = cloud_foundry.read(documents[0])
    assert isinstance(entry, App)
    assert (entry.name, entry.services) == ("web", ("db", "cache"))


@pytest.mark.parametrize(
    "text",
    [
        "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\n",
        "[1, 2]\n",
        "- protocol: tcp\n",
        "x\n",
        "",
        "rules: [a]\n",
        "resources: []\n",
    ],
)
def test_other_documents_are_not_ours(text: str) -> None:
    assert [entry for d in read_documents("x.yaml", text)[0] for entry in cloud_foundry.read(d)] == []


def test_a_group_as_the_api_prints_it() -> None:
    text = '{"resources": [{"name": "partner", "globally_enabled": {"running": true, "staging": false}, "rules": [{"protocol": "tcp", "destination": "198.51.100.0/24", "ports": "443"}]}]}'
    index = index_of(space(), {"groups.json": text})
    assert decide(index, "198.51.100.7:443") == "allowed"
    assert decide(index, "198.51.100.7:444") == "denied"


# --- names

TWO = {**space(), **space(name="prod"), **space(org="globex")}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("acme/dev", ["acme/dev"]),
        ("cf/ACME/Dev", ["acme/dev"]),
        ("prod", ["acme/prod"]),
        ("dev", ["acme/dev", "globex/dev"]),
        ("acme/dev/web", ["acme/dev/web"]),
        ("production:acme/prod", ["acme/prod"]),
        ("staging:acme/prod", []),
        ("k8s/acme/dev", []),
        ("acme/nothing", []),
        ("acme/dev{app=web}", []),
        ("a/b/c/d", []),
    ],
)
def test_spaces_by_name(text: str, names: list[str]) -> None:
    assert found(TWO, text) == names


def test_an_app_of_a_manifest_may_be_in_any_space() -> None:
    files = {**TWO, "manifest.yml": "applications: [{name: web-frontend}]\n"}
    assert found(files, "web-frontend") == [
        "acme/dev/web-frontend",
        "acme/prod/web-frontend",
        "globex/dev/web-frontend",
    ]
    assert found(files, "acme/dev/web-frontent") == []
    assert found(files, "acme/dev/reports") == ["acme/dev/reports"]


def test_the_same_space_of_two_foundations_is_told_apart() -> None:
    east = {path.replace("config/", "east/config/"): text for path, text in space(PUBLIC).items()}
    west = {path.replace("config/", "west/config/"): text for path, text in space().items()}
    index = index_of(east, west)
    assert decide(index, "api.stripe.com:443", for_="east:acme/dev") == "allowed"
    assert decide(index, "api.stripe.com:443", for_="west:acme/dev") == "denied"
    assert found({**east, **west}, "acme/dev") == ["acme/dev (east)", "acme/dev (west)"]


# --- addresses

PARTNER = asg("partner", rule("198.51.100.0/24", "443,8443"), rule("10.1.0.0-10.1.0.99", "9000-9010", "udp"))


@pytest.mark.parametrize(
    ("to", "wanted"),
    [
        ("198.51.100.7:443", "allowed"),
        ("198.51.100.0/25:8443", "allowed"),
        ("198.51.100.0/23:443", "denied"),
        ("198.51.100.7:444", "denied"),
        ("udp://198.51.100.7:443", "denied"),
        ("udp://10.1.0.99:9010", "allowed"),
        ("udp://10.1.0.100:9010", "denied"),
        ("udp://10.1.0.50:9000-9010", "allowed"),
        ("udp://10.1.0.50:9000-9011", "denied"),
        ("[2001:db8::1]:443", "denied"),
    ],
)
def test_addresses_and_ports(to: str, wanted: str) -> None:
    assert decide(index_of(space("partner"), PARTNER), to) == wanted


def test_rules_of_several_groups_are_a_union() -> None:
    halves = {**asg("low", rule("198.51.100.0/25")), **asg("high", rule("198.51.100.128/25"))}
    index = index_of(space("low", "high"), halves)
    assert decide(index, "198.51.100.0/24:443") == "allowed"
    assert [hit.place.path for hit in view(index, "198.51.100.0/24:443").allows] == [
        "config/asgs/low.json",
        "config/asgs/high.json",
    ]
    assert decide(index_of(space("low"), halves), "198.51.100.0/24:443") == "denied"


def test_all_opens_every_protocol_and_port() -> None:
    index = index_of(space("any"), asg("any", rule("198.51.100.0/24", None, "all")))
    assert decide(index, "198.51.100.7:1-65535") == "allowed"
    assert decide(index, "sctp://198.51.100.7:99") == "allowed"


def test_an_ipv6_rule_opens_ipv6_only() -> None:
    index = index_of(space("six"), asg("six", rule("2001:db8::/32")))
    assert decide(index, "[2001:db8::7]:443") == "allowed"
    assert decide(index, "[2001:db9::7]:443") == "denied"


# --- hosts


def test_a_host_needs_an_address_where_only_addresses_decide() -> None:
    index = index_of(space("partner"), PARTNER, asg("other", rule("203.0.113.0/24")))
    assert codes(
        list(view(index_of(space("wide"), asg("wide", rule("20.0.0.0/8"))), "api.partner.example:443").unknown)
    ) == ["EGR752"]
    assert decide(index, "api.partner.example:443", "198.51.100.7") == "allowed"
    assert decide(index, "api.partner.example:443", "192.0.2.1") == "denied"
    assert codes(list(view(index, "api.partner.example:443", "198.51.100.7", "192.0.2.1").unknown)) == ["EGR753"]


def test_a_rule_for_all_public_addresses_covers_every_host() -> None:
    index = index_of(space("web"), asg("web", rule("0.0.0.0/0")))
    assert decide(index, "api.stripe.com:443") == "allowed"
    assert decide(index, "api.stripe.com:444") == "denied"


def test_a_rule_for_private_addresses_says_nothing_of_a_public_host() -> None:
    index = index_of(space("inside"), asg("inside", rule("10.0.0.0/8")))
    assert decide(index, "api.stripe.com:443") == "denied"
    assert decide(index, "db.corp.internal:443") == "undecided"
    assert decide(index, "db.corp.internal:5432") == "denied"


# --- the platform's own groups


@pytest.mark.parametrize(
    ("groups", "to", "wanted"),
    [
        ((), "api.stripe.com:443", "denied"),
        ((TRUSTED,), "api.stripe.com:443", "denied"),
        ((PUBLIC,), "api.stripe.com:443", "allowed"),
        ((PUBLIC,), "smtp.example.com:587", "allowed"),
        ((PUBLIC,), "93.184.216.34:22", "allowed"),
        ((PUBLIC,), "10.0.0.1:22", "denied"),
        ((PUBLIC,), "172.31.255.255:22", "denied"),
        ((PUBLIC,), "192.168.1.1:22", "denied"),
        ((PUBLIC,), "169.254.169.254:80", "denied"),
        ((PUBLIC,), "100.64.0.1:22", "allowed"),
        ((PUBLIC,), "10.0.0.0/7:443", "denied"),
        ((), "cf-service://rds", "denied"),
        ((TRUSTED,), "cf-service://rds", "allowed"),
        ((PUBLIC,), "cf-service://rds", "denied"),
        ((TRUSTED,), "cf-service://redis", "allowed"),
        ((PUBLIC,), "cf-service://redis", "denied"),
        ((TRUSTED,), "cf-service://elasticsearch", "allowed"),
        ((PUBLIC,), "cf-service://elasticsearch", "denied"),
        ((), "cf-service://s3", "denied"),
        ((TRUSTED,), "cf-service://s3", "allowed"),
        ((PUBLIC,), "cf-service://s3", "allowed"),
        ((), "cf-route://reports", "undecided"),  # no group blocks it; a network policy may be missing
        ((TRUSTED,), "cf-route://reports", "undecided"),  # no group blocks it; a network policy may be missing
        ((PUBLIC,), "cf-route://reports", "undecided"),  # no group blocks it; a network policy may be missing
        ((), "https://reports.apps.internal:61443", "undecided"),  # no group blocks it; a network policy may be missing
        ((TRUSTED,), "cf-service://rds:5432", "allowed"),
        ((TRUSTED,), "cf-service://rds:9999", "denied"),
        ((TRUSTED,), "10.2.3.4:5432", "undecided"),
        ((TRUSTED,), "10.2.3.4:22", "denied"),
        ((), "udp://10.0.0.2:53", "allowed"),
        ((PUBLIC,), "db.c1.us-gov-west-1.rds.amazonaws.com:5432", "denied"),
        ((TRUSTED,), "db.c1.us-gov-west-1.rds.amazonaws.com:5432", "allowed"),
        ((TRUSTED,), "reports.s3.us-gov-west-1.amazonaws.com:443", "undecided"),
        ((PUBLIC,), "reports.s3.us-gov-west-1.amazonaws.com:443", "allowed"),
        ((), "reports.s3.us-gov-west-1.amazonaws.com:443", "denied"),
        ((PUBLIC,), "b.vpce-01beaa66570dfb2b9-1hlav4x8.s3.us-gov-west-1.vpce.amazonaws.com:443", "allowed"),
        ((TRUSTED,), "b.vpce-01beaa66570dfb2b9-1hlav4x8.s3.us-gov-west-1.vpce.amazonaws.com:443", "denied"),
        (("trusted_local_networks",), "cf-service://rds", "allowed"),
        (("public_networks",), "api.stripe.com:443", "allowed"),
        (("public-egress",), "api.stripe.com:443", "denied"),
        (("mystery",), "api.stripe.com:443", "undecided"),
        (("mystery", PUBLIC), "api.stripe.com:443", "allowed"),
    ],
)
def test_the_table_of_group_types(groups: tuple[str, ...], to: str, wanted: str) -> None:
    assert decide(index_of(space(*groups)), to) == wanted


def test_the_repository_decides_what_a_group_of_that_name_opens() -> None:
    index = index_of(space(PUBLIC), asg(PUBLIC, rule("198.51.100.0/24")))
    assert decide(index, "93.184.216.34:443") == "denied"
    assert decide(index, "198.51.100.1:443") == "allowed"


def test_an_own_bucket_in_the_region_is_told_its_endpoint() -> None:
    seen = view(index_of(space(PUBLIC)), "reports.s3.us-gov-west-1.amazonaws.com:443")
    assert "EGR755" in codes(list(seen.findings))
    assert "EGR755" not in codes(list(view(index_of(space(PUBLIC)), "reports.s3.eu-west-1.amazonaws.com:443").findings))


# --- what is in force


def test_a_platform_wide_group_is_in_force_for_every_space() -> None:
    index = index_of(space(), settings(running=["partner"]), PARTNER)
    assert decide(index, "198.51.100.7:443") == "allowed"


def test_a_stated_list_of_running_groups_replaces_what_is_assumed() -> None:
    assert decide(index_of(space(), settings(running=["dns"])), "udp://10.0.0.2:53") == "allowed"
    assert decide(index_of(space(), settings()), "udp://10.0.0.2:53") == "denied"
    assert decide(index_of(space(), settings(running=["all_access"])), "10.0.0.2:80") == "undecided"


def test_the_own_group_of_a_space_must_be_enabled() -> None:
    own = {"config/acme/dev/security-group.json": group(rule("10.68.192.1-10.68.192.49", None, "all"))}
    off, on = index_of(space(), own), index_of(space(more="enable-security-group: true\n"), own)
    assert decide(on, "10.68.192.49:22") == "allowed"
    assert decide(off, "10.68.192.49:22") == "denied"
    assert near(off, "10.68.192.49:22")[0] == "EGR184"
    assert near(off, "10.68.192.50:22") == []


def test_defaults_hold_for_a_space_that_does_not_say() -> None:
    defaults = {"config/spaceDefaults.yml": f"named-security-groups: [{PUBLIC}]\n"}
    silent = {CONFIG: "org: acme\nspace: dev\n"}
    assert decide(index_of(silent, defaults), "api.stripe.com:443") == "allowed"
    assert decide(index_of(space(), defaults), "api.stripe.com:443") == "denied"


@pytest.mark.parametrize(("listed", "wanted"), [("", "denied"), ("['', null]", "denied"), ("[ghost]", "undecided")])
def test_an_empty_name_is_no_group_of_which_nobody_knows_the_rules(listed: str, wanted: str) -> None:
    files = {CONFIG: f"org: acme\nspace: dev\nnamed-security-groups: {listed}\n", **settings()}
    assert decide(index_of(files), "198.51.100.7:443") == wanted


def test_a_space_that_is_only_listed_is_undecided() -> None:
    index = index_of({"config/acme/spaces.yml": "org: acme\nspaces:\n- dev\n"})
    assert codes(list(view(index, "api.stripe.com:443").unknown)) == ["EGR762"]
    assert codes(list(view(index, "cf-route://reports").unknown)) == ["EGR754"]


def test_a_refused_group_is_doubted_where_it_would_matter() -> None:
    index = index_of(space("bad"), asg("bad", rule("198.51.100.0/24"), rule("10.0.0.0/8", "80,90-99")))
    assert decide(index, "198.51.100.7:443") == "undecided"
    assert near(index, "198.51.100.7:443")[0] == "EGR188"
    assert decide(index, "203.0.113.7:443") == "denied"


# --- near misses


@pytest.mark.parametrize(
    ("files", "to", "code"),
    [
        ({**space(), **settings(staging=[PUBLIC])}, "api.stripe.com", "EGR181"),
        ({**space(), **space(PUBLIC, name="prod")}, "api.stripe.com", "EGR182"),
        ({**space(), **PARTNER}, "198.51.100.7:443", "EGR183"),
        ({**space("partner"), **PARTNER}, "198.51.100.7:22", "EGR185"),
        ({**space("partner"), **PARTNER}, "udp://198.51.100.7:443", "EGR185"),
        ({**space("partner"), **PARTNER}, "198.51.100.0/23:443", "EGR186"),
        (space("public-egress"), "api.stripe.com", "EGR187"),
        (space("public_network_egress", "public_networks"), "cf-service://rds", "EGR187"),
        (space(), "api.stripe.com", "EGR189"),
        (space(PUBLIC), "cf-service://rds", "EGR189"),
    ],
)
def test_what_came_closest(files: Mapping[str, str], to: str, code: str) -> None:
    index = index_of(files)
    assert decide(index, to) in ("denied", "undecided")
    assert near(index, to)[0] == code


@pytest.mark.parametrize(
    ("opened", "to", "close"),
    [
        ("8.0.0.0/8", "api.stripe.com", True),
        ("8.0.0.0/8", "cf-service://rds", False),
        ("10.0.0.0/8", "api.stripe.com", False),
        ("10.0.0.0/8", "cf-service://rds", True),
    ],
)
def test_a_host_may_be_any_public_address_and_a_service_any_private_one(opened: str, to: str, close: bool) -> None:
    index = index_of(space("some"), asg("some", rule(opened, "1-65535")))
    assert ("EGR186" in near(index, to)) is close


def test_nothing_comes_close_to_a_private_address() -> None:
    assert near(index_of(space(PUBLIC)), "10.0.0.1:22") == []


def test_a_denial_says_how_it_looks() -> None:
    assert "EGR764" in codes(list(view(index_of(space()), "api.stripe.com").findings))


def test_a_workload_of_another_kind_is_not_governed() -> None:
    index = index_of(space())
    mine = find(index)
    assert cloud_foundry.governs(index, mine)
    assert not cloud_foundry.governs(index_of(space(name="other")), mine)


def test_another_foundation_is_not_told_of_cloud_gov_groups() -> None:
    own = index_of(space(), space("partner", name="prod"), PARTNER)
    assert near(own, "api.stripe.com") == []
    assert near(index_of(space(), space(TRUSTED, name="prod"), PARTNER), "api.stripe.com") == ["EGR189"]


def test_a_long_name_is_kept_whole_and_no_name_breaks_a_line() -> None:
    long = "g" * 120
    index = index_of(space(long), asg(long, rule("198.51.100.0/24")))
    assert decide(index, "198.51.100.7:443") == "allowed"
    broken = {CONFIG: 'org: acme\nspace: "de\\nv"\nnamed-security-groups: []\n'}
    assert cloud_foundry.names(index_of(broken)) == ["acme/de v"]


def test_what_cloud_gov_binds_everywhere_is_not_assumed_of_another_foundation() -> None:
    own = {**space("partner"), **asg("partner", rule("198.51.100.0/24"))}
    assert decide(index_of(own), "udp://203.0.113.7:53") == "undecided"
    assert decide(index_of({**own, **settings(running=["dns"])}), "udp://203.0.113.7:53") == "allowed"
    assert decide(index_of(space(PUBLIC)), "udp://203.0.113.7:53") == "allowed"


@pytest.mark.parametrize(("ending", "wanted"), [("json", "allowed"), ("yml", "undecided")])
def test_cf_mgmt_takes_groups_from_json_alone(ending: str, wanted: str) -> None:
    files = {**space("partner"), f"config/asgs/partner.{ending}": group(rule("198.51.100.0/24"))}
    assert decide(index_of(files), "198.51.100.7:443") == wanted
