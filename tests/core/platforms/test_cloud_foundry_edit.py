"""What the files open, what contradicts itself in them, and the smallest change that opens a way."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from skills.core.flow_text import destination
from skills.core.model import Grant, Isolation, Need, Plan, WorkloadRef
from skills.core.platforms import cloud_foundry
from tests.core.platforms.cloud_foundry_repo import (
    CONFIG,
    asg,
    codes,
    decide,
    group,
    index_of,
    near,
    need,
    rule,
    settings,
    sources,
    space,
)
from tests.examples import examples

PUBLIC, TRUSTED = "public_networks_egress", "trusted_local_networks_egress"
PARTNER = asg("partner", rule("198.51.100.0/24"))


def audited(*parts: Mapping[str, str]) -> list[str]:
    return codes(list(cloud_foundry.audit(index_of(*parts))))


def plan(files: Mapping[str, str], *to: str, ip: tuple[str, ...] = (), reason: str = "", remove: bool = False) -> Plan:
    index = index_of(files)
    made = cloud_foundry.edit(index, sources(files), need(index, *to, ip=ip, reason=reason, remove=remove))
    codes(list(made.findings))
    return made


def after(files: Mapping[str, str], made: Plan) -> dict[str, str]:
    assert all(edit.old_text == files.get(edit.path) for edit in made.edits)
    return {**files, **{edit.path: edit.new_text for edit in made.edits}}


def added(made: Plan) -> list[str]:
    """Lines that are new, file by file."""
    lines: list[str] = []
    for edit in made.edits:
        old = (edit.old_text or "").splitlines()
        lines += [line for line in edit.new_text.splitlines() if line not in old]
    return lines


# --- audit


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({**space(), **settings(staging=["partner"]), **PARTNER}, ["EGR769", "EGR768"]),
        ({**space("partner"), **settings(staging=["other"]), **PARTNER}, ["EGR768"]),
        ({**space("partner"), **settings(staging=[PUBLIC]), **PARTNER}, []),
        ({**space(), **PARTNER}, ["EGR769"]),
        ({**space("partner"), **PARTNER}, []),
        ({**space(), **settings(running=["partner"]), **PARTNER}, []),
        ({**space(), "rules/partner.json": group(rule("198.51.100.0/24"))}, ["EGR770"]),
        ({**space(), "config/acme/dev/security-group.json": group(rule("10.0.0.1"))}, ["EGR781"]),
        ({**space(), "config/acme/dev/security-group.json": "[]"}, []),
        (space(more="enable-security-group: true\n"), ["EGR786"]),
        (
            {
                **space(more="enable-security-group: true\n"),
                "config/acme/dev/security-group.json": group(rule("10.0.0.1")),
            },
            [],
        ),
        ({**space("partner"), **settings(running=["partner"]), **PARTNER}, ["EGR782"]),
        (space("mystery"), ["EGR760"]),
        (space(PUBLIC), []),
        (space("public-egress"), ["EGR765"]),
        (space("closed-egress"), ["EGR766"]),
        ({**space(), "config/acme/dev2/spaceConfig.yml": space()[CONFIG]}, ["EGR785"]),
        ({**space("x"), **asg("x", rule("10.0.0.0/8"), rule("10.1.0.0/16"))}, ["EGR787"]),
        ({**space("x"), **asg("x", rule("10.0.0.0/8"), rule("10.0.0.0/8"))}, ["EGR787"]),
        ({**space("x"), **asg("x", rule("10.0.0.0/8"), rule("10.1.0.0/16", "80"))}, []),
        ({**space("x"), **asg("x", rule("api.example.com"))}, ["EGR771"]),
        ({**space("x"), **asg("x", rule("10.0.0.0/8", "80,90-99"))}, ["EGR774"]),
        ({**space("x"), **asg("x", rule("0.0.0.0/0", None, "icmp"))}, ["EGR778"]),
    ],
)
def test_contradictions(files: Mapping[str, str], found: list[str]) -> None:
    assert audited(files) == found


# --- what is open


def test_grants_and_isolations() -> None:
    index = index_of(space("partner", TRUSTED), settings(), PARTNER)
    assert set(cloud_foundry.grants(index)) == {
        Grant("acme/dev", "198.51.100.0/24", "443", "tcp", "security_group"),
        Grant("acme/dev", "brokered rds", "5432, 3306, 1433, 1521", "tcp", "security_group"),
        Grant("acme/dev", "brokered redis", "6379", "tcp", "security_group"),
        Grant("acme/dev", "brokered elasticsearch", "443", "tcp", "security_group"),
        Grant("acme/dev", "brokered s3", "443", "tcp", "security_group"),
    }
    assert list(cloud_foundry.isolations(index)) == [Isolation("every space", "security_group")]


def test_a_refused_group_grants_nothing() -> None:
    index = index_of(space("x"), settings(), asg("x", rule("10.0.0.0/8"), rule("a.example")))
    assert list(cloud_foundry.grants(index)) == []


def test_the_public_group_is_said_to_open_the_internet() -> None:
    wanted = need(index_of(space()), "api.stripe.com")
    opened = Grant("acme/dev", "every public address", "every port", "any", "security_group")
    assert codes(list(cloud_foundry.wider(opened, wanted))) == ["EGR788"]


def test_exactly_what_was_asked_still_serves_the_whole_space() -> None:
    wanted = need(index_of(space()), "198.51.100.7:443")
    exact = Grant("acme/dev", "198.51.100.7", "443", "tcp", "security_group")
    assert codes(list(cloud_foundry.wider(exact, wanted))) == ["EGR790"]
    more = Grant("acme/dev", "198.51.100.0/24", "443", "tcp", "security_group")
    assert codes(list(cloud_foundry.wider(more, wanted))) == ["EGR789"]
    others = Grant("acme/prod", "198.51.100.7", "443", "tcp", "security_group")
    assert codes(list(cloud_foundry.wider(others, wanted))) == ["EGR789"]


# --- binding


def test_a_public_host_needs_one_more_name_in_the_list() -> None:
    files = space(TRUSTED)
    made = plan(files, "api.stripe.com", reason="card payments")
    assert added(made) == [f"- {PUBLIC}  # card payments"]
    assert made.commands == ("cf restart APP",)
    assert codes(list(made.findings)) == ["EGR728"]
    assert decide(index_of(after(files, made)), "api.stripe.com") == "allowed"


def test_internet_and_database_need_both_groups() -> None:
    files = space()
    made = plan(files, "cf-service://rds", "api.stripe.com")
    assert after(files, made)[CONFIG].count("_networks_egress") == 2
    assert decide(index_of(after(files, made)), "cf-service://rds") == "allowed"


def test_a_flow_list_stays_a_flow_list() -> None:
    files = {CONFIG: f"org: acme\nspace: dev\nnamed-security-groups: [{TRUSTED}]  # by hand\n"}
    made = plan(files, "api.stripe.com")
    assert added(made) == [f"named-security-groups: [{TRUSTED}, {PUBLIC}]  # by hand"]


def test_a_new_list_repeats_the_defaults_that_it_replaces() -> None:
    files = {CONFIG: "org: acme\nspace: dev\n", "config/spaceDefaults.yml": f"named-security-groups: [{TRUSTED}]\n"}
    index = index_of(after(files, plan(files, "api.stripe.com")))
    assert decide(index, "cf-service://rds") == "allowed"
    assert decide(index, "api.stripe.com") == "allowed"


def test_a_label_is_replaced_by_the_name_that_it_means() -> None:
    files = space("public-egress")
    assert added(plan(files, "api.stripe.com")) == [f"- {PUBLIC}"]


def test_an_empty_key_becomes_a_list() -> None:
    files = {CONFIG: "org: acme\nspace: dev\nnamed-security-groups:\n"}
    assert decide(index_of(after(files, plan(files, "api.stripe.com"))), "api.stripe.com") == "allowed"


def test_the_narrowest_group_of_the_repository_is_bound() -> None:
    files = {**space(), **PARTNER, **asg("wide", rule("0.0.0.0/0"))}
    assert added(plan(files, "198.51.100.7:443")) == ["named-security-groups: [partner]"]


def test_without_a_file_that_binds_the_command_is_given() -> None:
    files = {"config/acme/spaces.yml": "org: acme\nspaces:\n- dev\n"}
    made = plan(files, "api.stripe.com", "cf-service://rds")
    assert made.edits == ()
    assert made.commands == (
        f"cf bind-security-group {PUBLIC} acme --space dev",
        f"cf bind-security-group {TRUSTED} acme --space dev",
    )
    assert "EGR795" in codes(list(made.findings))


def test_a_hostile_name_stays_one_word_of_the_command() -> None:
    name = "dev'; rm -rf ~ #"
    files = {"config/acme/spaces.yml": f'org: acme\nspaces:\n- "{name}"\n'}
    index = index_of(files)
    (mine,) = cloud_foundry.resolve(index, WorkloadRef(name, parts=("acme", name)))
    made = cloud_foundry.edit(index, sources(files), Need(mine, (destination("api.stripe.com")[0],)))
    (command,) = made.commands
    assert shlex.split(command) == ["cf", "bind-security-group", PUBLIC, "acme", "--space", name]


def test_what_cf_mgmt_lists_for_all_is_bound_by_command() -> None:
    made = plan({**space(), **settings(staging=[PUBLIC])}, "api.stripe.com")
    assert (made.edits, made.commands) == ((), (f"cf bind-security-group {PUBLIC} acme --space dev",))
    assert "EGR794" in codes(list(made.findings))


def test_an_own_bucket_needs_the_public_group_and_the_endpoint() -> None:
    made = plan(space(), "reports.s3.us-gov-west-1.amazonaws.com")
    assert added(made) == [f"named-security-groups: [{PUBLIC}]"]
    assert made.commands == (
        "cf restart APP",
        "aws --endpoint-url https://reports.vpce-01beaa66570dfb2b9-1hlav4x8.s3.us-gov-west-1.vpce.amazonaws.com s3 ls s3://reports",
    )
    host = "reports.s3.us-gov-west-1.amazonaws.com"
    asked = plan(space(TRUSTED), host)
    assert (asked.edits, [question.id for question in asked.questions]) == ((), [f"bucket:{host}"])


def test_an_internal_route_needs_a_network_policy() -> None:
    made = plan(space(), "cf-route://reports")
    assert (made.edits, made.commands) == ((), ("cf add-network-policy APP reports --protocol tcp --port 61443",))
    index = index_of(space())
    named = cloud_foundry.edit(index, sources(space()), need(index, "cf-route://reports:8080", for_="acme/dev/web"))
    assert named.commands == ("cf add-network-policy web reports --protocol tcp --port 8080",)


def test_what_is_open_is_not_opened_again() -> None:
    made = plan(space(PUBLIC), "api.stripe.com")
    assert (made.edits, made.commands, codes(list(made.findings))) == ((), (), ["EGR791"])


APP = {
    "apps/quotes/manifest.yml": "applications:\n- name: quotes\n  services:\n  - quotes-rds\n  - quotes-redis\n  - search-index\n"
}


@pytest.mark.parametrize(
    ("to", "service"),
    [
        ("10.11.34.9:5432", "rds"),
        ("172.20.0.7:3306", "rds"),
        ("10.11.34.9:6379", "redis"),
        ("10.11.34.9:443", "elasticsearch"),
    ],
)
@pytest.mark.parametrize("for_", ["acme/dev", "acme/dev/quotes"])
def test_a_private_address_on_the_port_of_a_bound_service_is_asked_about(to: str, service: str, for_: str) -> None:
    files = {**space(PUBLIC), **APP}
    index = index_of(files)
    made = cloud_foundry.edit(index, sources(files), need(index, to, for_=for_))
    (question,) = made.questions
    assert (made.edits, codes(list(made.findings))) == ((), ["EGR123"])
    assert (question.id, question.choices) == (f"service:{to}", (f"cf-service://{service}", "the address itself"))
    assert near(index, to, for_=for_)[0] == "EGR123"
    assert decide(index, to, for_=for_) == "denied"
    itself = replace(need(index, to, for_=for_), choice="the address itself")
    assert codes(list(cloud_foundry.edit(index, sources(files), itself).findings)) == ["EGR792"]


@pytest.mark.parametrize(
    ("to", "for_", "found"),
    [
        ("10.11.34.9:22", "acme/dev", ["EGR792"]),  # no service has the port
        ("10.11.34.9:27017", "acme/dev", ["EGR792"]),
        ("10.11.34.0/24:5432", "acme/dev", ["EGR792"]),  # no single address
        ("udp://10.11.34.9:5432", "acme/dev", ["EGR792"]),
        ("10.11.34.9:5432", "acme/dev/other", ["EGR369", "EGR792"]),  # an app without a manifest binds nothing known
        ("10.11.34.9:443", "acme/dev/other", ["EGR792"]),
        ("10.11.34.9:5432-5433", "acme/dev", ["EGR792"]),
    ],
)
def test_another_private_address_is_not_taken_for_a_service(to: str, for_: str, found: list[str]) -> None:
    files = {**space(PUBLIC), **APP}
    index = index_of(files)
    made = cloud_foundry.edit(index, sources(files), need(index, to, for_=for_))
    assert (made.questions, codes(list(made.findings))) == ((), found)
    assert "EGR123" not in near(index, to, for_=for_)


def test_only_cloud_gov_is_asked_about_its_services() -> None:
    files = {**space("partner"), **PARTNER, **APP}
    made = plan(files, "10.11.34.9:5432")
    assert (made.questions, [edit.path for edit in made.edits]) == ((), ["config/asgs/partner.json"])


def test_a_private_address_is_for_the_platform_team() -> None:
    made = plan(space(PUBLIC), "10.0.0.1:22")
    assert (made.edits, codes(list(made.findings))) == ((), ["EGR792"])


def test_another_foundation_can_not_name_a_host() -> None:
    made = plan({**space("partner"), **PARTNER}, "api.stripe.com")
    assert (made.edits, codes(list(made.findings))) == ((), ["EGR793"])


# --- rules


def test_a_rule_goes_into_the_group_that_serves_this_space_alone() -> None:
    files = {**space("partner"), **PARTNER}
    made = plan(files, "203.0.113.7:5432", reason="partner database")
    (edit,) = made.edits
    assert json.loads(edit.new_text)[-1] == {
        "protocol": "tcp",
        "destination": "203.0.113.7",
        "ports": "5432",
        "description": "partner database",
    }
    assert edit.new_text.startswith((edit.old_text or "").rstrip("]\n").rstrip())
    assert decide(index_of(after(files, made)), "203.0.113.7:5432") == "allowed"


def test_a_group_that_serves_others_is_left_alone() -> None:
    files = {**space("partner"), **space("partner", name="prod"), **PARTNER}
    made = plan(files, "203.0.113.7:5432", "203.0.113.8:5432")
    assert [edit.path for edit in made.edits] == [CONFIG, "config/asgs/acme-dev-egress.json"]
    assert "EGR798" in codes(list(made.findings))
    changed = index_of(after(files, made))
    assert decide(changed, "203.0.113.8:5432") == "allowed"
    assert decide(changed, "203.0.113.7:5432", for_="acme/prod") == "denied"


def test_the_own_group_of_the_space_is_preferred() -> None:
    files = {
        **space("partner", more="enable-security-group: true\n"),
        **PARTNER,
        "config/acme/dev/security-group.json": "[]",
    }
    made = plan(files, "203.0.113.7:5432")
    assert [edit.path for edit in made.edits] == ["config/acme/dev/security-group.json"]


def test_a_new_port_of_a_present_address_grows_its_list() -> None:
    files = {**space("partner"), **PARTNER}
    made = plan(files, "198.51.100.0/24:8443")
    assert added(made) == ['    "ports": "443,8443"']


def test_a_port_never_joins_a_range() -> None:
    files = {**space("x"), **asg("x", rule("198.51.100.0/24", "8000-8100"))}
    made = plan(files, "198.51.100.0/24:443")
    assert decide(index_of(after(files, made)), "198.51.100.7:443") == "allowed"
    assert audited(after(files, made)) == []


def test_the_addresses_of_a_host_become_rules() -> None:
    files = {**space("partner"), **PARTNER}
    made = plan(files, "api.stripe.com:443", ip=("203.0.113.7", "203.0.113.8"))
    index = index_of(after(files, made))
    assert decide(index, "api.stripe.com:443", "203.0.113.7", "203.0.113.8") == "allowed"


# --- removal


def test_removal_undoes_a_rule() -> None:
    files = {**space("partner"), **PARTNER}
    there = after(files, plan(files, "203.0.113.7:5432"))
    assert after(there, plan(there, "203.0.113.7:5432", remove=True)) == files


def test_removal_undoes_a_port() -> None:
    files = {**space("partner"), **PARTNER}
    there = after(files, plan(files, "198.51.100.0/24:8443"))
    assert after(there, plan(there, "198.51.100.0/24:8443", remove=True)) == files


def test_a_rule_is_narrower_than_the_public_group() -> None:
    files = {**space("partner", TRUSTED), **PARTNER}
    assert [edit.path for edit in plan(files, "203.0.113.7:443").edits] == ["config/asgs/partner.json"]
    assert [edit.path for edit in plan(files, "api.stripe.com").edits] == [CONFIG]
    assert [edit.path for edit in plan(space(TRUSTED), "203.0.113.7:443").edits] == [CONFIG]


def test_the_remark_behind_a_command_is_about_that_one_alone() -> None:
    bound = f"cf bind-security-group {TRUSTED} acme --space dev"
    files = {"ci.yml": f"script:\n  - {bound}  # the database\n  - cf apps\n"}
    assert after(files, plan(files, "api.stripe.com"))["ci.yml"] == (
        f"script:\n  - {bound}  # the database\n  - {bound.replace(TRUSTED, PUBLIC)}\n  - cf apps\n"
    )


@pytest.mark.parametrize(
    "files",
    [
        space(),
        space(TRUSTED),
        {CONFIG: f"org: acme\nspace: dev\nnamed-security-groups: [{TRUSTED}]  # by hand\n"},
        {CONFIG: f"org: acme\nspace: dev\nnamed-security-groups:\n- {TRUSTED} # the database\nallow-ssh: true\n"},
        {CONFIG: "org: acme\nspace: dev\n"},
        {CONFIG: "org: acme\nspace: dev\n", "config/spaceDefaults.yml": f"named-security-groups: [{TRUSTED}]\n"},
        {"ci.yml": f"script:\n  - cf bind-security-group {TRUSTED} acme --space dev\n"},
    ],
)
@pytest.mark.parametrize("reason", ["", "card payments"])
def test_removal_undoes_a_binding(files: Mapping[str, str], reason: str) -> None:
    there = after(files, plan(files, "api.stripe.com", reason=reason))
    assert there != files
    made = plan(there, "api.stripe.com", remove=True)
    assert after(there, made) == files
    assert [question.id for question in made.questions] == [f"unbind:{PUBLIC}"]


def test_unbinding_says_what_else_is_lost_and_waits_for_an_answer() -> None:
    files = {**space(TRUSTED), **APP}
    made = plan(files, "cf-service://rds", remove=True)
    (question,) = made.questions
    assert question.facts["also"] == "brokered redis (6379), brokered elasticsearch (443), brokered s3 (443)"
    assert codes(list(made.findings)) == ["EGR349", "EGR389"]
    assert made.commands == (f"cf unbind-security-group {TRUSTED} acme dev", "cf restart APP")
    index = index_of(files)
    wanted = need(index, "cf-service://rds", remove=True)
    left = cloud_foundry.edit(index, sources(files), replace(wanted, choice="leave it bound"))
    assert (left.edits, left.commands, codes(list(left.findings))) == ((), (), ["EGR780"])
    meant = cloud_foundry.edit(index, sources(files), replace(wanted, choice="unbind it"))
    assert (meant.edits, meant.questions) == (made.edits, ())


@pytest.mark.parametrize(("to", "asked"), [("198.51.100.0/24:443", False), ("198.51.100.7:443", True)])
def test_a_shared_group_that_opens_just_this_is_unbound_without_a_question(to: str, asked: bool) -> None:
    files = {**space("partner"), **space("partner", name="prod"), **PARTNER}
    made = plan(files, to, remove=True)
    assert ([edit.path for edit in made.edits], bool(made.questions)) == ([CONFIG], asked)


def test_cf_mgmt_unbinds_by_itself_where_it_is_told_to() -> None:
    made = plan(space(PUBLIC, more="enable-unassign-security-group: true\n"), "api.stripe.com", remove=True)
    assert made.commands == ("cf restart APP",)


@pytest.mark.parametrize(
    ("files", "steps"),
    [
        # two groups open it: to unbind one closes nothing
        ({**space("partner", PUBLIC), **PARTNER}, ["EGR395", "EGR395"]),
        ({**space(), **settings(running=["partner"]), **PARTNER}, ["EGR397"]),  # serves every space
        (
            {CONFIG: "org: acme\nspace: dev\n", "config/spaceDefaults.yml": f"named-security-groups: [{PUBLIC}]\n"},
            ["EGR395"],
        ),
        # an empty list would stay
        ({"ci.yml": f"script:\n  - cf bind-security-group {PUBLIC} acme --space dev\n"}, ["EGR395"]),
    ],
)
def test_a_binding_that_serves_more_stays_and_the_steps_by_hand_are_said(
    files: Mapping[str, str], steps: list[str]
) -> None:
    spaces = {"config/acme/spaces.yml": "org: acme\nspaces:\n- dev\n"}
    made = plan({**spaces, **files}, "198.51.100.7:443", remove=True)
    assert (made.edits, made.commands, codes(list(made.findings))) == ((), (), ["EGR780", *steps])
    for found in made.findings[1:]:
        assert str(found.facts["command"]).startswith("cf unbind-")


def test_a_route_between_apps_is_closed_by_its_own_command() -> None:
    made = plan(space(), "https://reports.apps.internal:61443", remove=True)
    assert codes(list(made.findings)) == ["EGR396"]
    assert made.findings[0].facts["command"] == "cf remove-network-policy APP reports --protocol tcp --port 61443"


# --- properties

ADDRESSES = st.ip_addresses(v=4).map(str)


@hypothesis_settings(max_examples=examples(60))
@given(st.lists(st.tuples(ADDRESSES, st.integers(1, 65535)), min_size=1, max_size=4, unique=True))
def test_what_was_edited_is_open_and_a_second_time_changes_nothing(wanted: list[tuple[str, int]]) -> None:
    files = {**space("partner"), **PARTNER}
    to = [f"{address}:{port}" for address, port in wanted]
    done = after(files, plan(files, *to))
    index = index_of(done)
    assert [decide(index, each) for each in to] == ["allowed"] * len(to)
    assert plan(done, *to).edits == ()
    assert audited(done) == []


@hypothesis_settings(max_examples=examples(60))
@given(
    st.lists(st.tuples(ADDRESSES, st.integers(8, 32), st.integers(1, 65535)), max_size=6),
    ADDRESSES,
    st.integers(1, 65534),
)
def test_the_verdict_of_a_union_is_the_union_of_verdicts(
    rules: list[tuple[str, int, int]], address: str, port: int
) -> None:
    written = [rule(f"{each}/{length}", str(opened)) for each, length, opened in [*rules, (address, 24, port + 1)]]
    one = decide(index_of(space("a"), asg("a", *written)), f"{address}:{port}")
    split = {path: text for at, each in enumerate(written) for path, text in asg(f"g{at}", each).items()}
    names = [f"g{at}" for at in range(len(written))]
    assert decide(index_of(space(*names), split), f"{address}:{port}") == one
    single = [decide(index_of(space(name), split), f"{address}:{port}") for name in names]
    assert ("allowed" in single) == (one == "allowed")
