"""Files that are not YAML: scripts, Caddyfiles and their lists; and nothing in any of them can crash the dialect."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from skills.core.enforce.cluster import compile_cluster
from skills.core.flow_text import destination
from skills.core.model import WorkloadRef
from skills.core.platforms import cloud_foundry
from skills.core.platforms.cloud_foundry.caddy import with_line, without_line
from skills.core.platforms.cloud_foundry.commands import Command, Policy, read_script
from tests.core.platforms.cloud_foundry_repo import codes
from tests.examples import examples


def bindings(text: str) -> list[tuple[str, str, str, bool]]:
    """Group, organisation, space, and whether it is sure."""
    found = [each for each in read_script("x.sh", text) if isinstance(each, Command)]
    return [(each.group, each.org, each.space, not each.unsure) for each in found]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("cf bind-security-group g o --space s", [("g", "o", "s", True)]),
        ("O=o\nexport S='s'\ncf bind-security-group g $O --space \"${S}\"", [("g", "o", "s", True)]),
        (
            "for s in a b; do\n cf bind-security-group g o --space $s\ndone",
            [("g", "o", "a", True), ("g", "o", "b", True)],
        ),
        (
            "for s in a b\ndo\n cf bind-security-group g o --space $s\ndone",
            [("g", "o", "a", True), ("g", "o", "b", True)],
        ),
        ("cf bind-security-group g o --space $S", [("g", "o", "$S", False)]),
        ("S=$(cat space)\ncf bind-security-group g o --space $S", [("g", "o", "$(cat", False)]),
        ("S=${1:-dev}\ncf bind-security-group g o --space $S", [("g", "o", "${1:-dev}", False)]),
        ("cf7 -v bind-security-group g o --space s", [("g", "o", "s", True)]),
        ("/usr/bin/cf8 bind-security-group g o --space s", [("g", "o", "s", True)]),
        ("cfx bind-security-group g o --space s", []),
        ("if x; then\n cf bind-security-group g o --space s\nfi", [("g", "o", "s", False)]),
        ("if x; then\n y\nfi\ncf bind-security-group g o --space s", [("g", "o", "s", True)]),
        ("open() { cf bind-security-group g o --space s; }", [("g", "o", "s", False)]),
        ("if x; then cf bind-security-group g o --space s; fi", [("g", "o", "s", False)]),
        ("while x; do cf bind-security-group g o --space s; done", [("g", "o", "s", False)]),
        ("for s in s; do cf bind-security-group g o --space $s; done", [("g", "o", "s", True)]),
        ("A=1 B=2 cf bind-security-group g o --space s", [("g", "o", "s", True)]),
        ("env A=1 nohup cf bind-security-group g o --space s", [("g", "o", "s", True)]),
        ("echo A=1 cf bind-security-group g o --space s", []),
        ("open() {\n cf bind-security-group g o --space s\n}", [("g", "o", "s", False)]),
        ("[ -n x ] && cf bind-security-group g o --space s", [("g", "o", "s", False)]),
        ("cat <<E\ncf bind-security-group g o --space s\nE\n", []),
        ("# cf bind-security-group g o --space s", []),
        ("echo cf bind-security-group g o --space s", []),
        ("cf bind-security-group g o \\\n  --space s", [("g", "o", "s", True)]),
    ],
)
def test_what_a_script_binds(text: str, wanted: list[tuple[str, str, str, bool]]) -> None:
    found = bindings(text)
    assert [each[3] for each in found] == [each[3] for each in wanted]
    assert [each[:3] for each in found if each[3]] == [each[:3] for each in wanted if each[3]]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("cf add-network-policy a b", ("a", "b", "tcp", "8080")),
        ("cf add-network-policy a --destination-app b --protocol udp --port 53-54", ("a", "b", "udp", "53-54")),
        ("cf add-network-policy a b -s other -o org --protocol tcp --port 61443", ("a", "b", "tcp", "61443")),
    ],
)
def test_network_policies_of_a_script(text: str, wanted: tuple[str, str, str, str]) -> None:
    (found,) = read_script("x.sh", text)
    assert isinstance(found, Policy)
    assert (found.source, found.target, found.protocol, found.ports) == wanted


LISTED = st.lists(st.sampled_from(["a.example", "b.example", "*.c.example", "# why", "", "z.example"]), max_size=8)


@given(LISTED, st.booleans())
def test_a_line_more_in_a_list_then_less_is_as_before(rows: list[str], crlf: bool) -> None:
    text = "\n".join([*rows, ""]).replace("\n", "\r\n" if crlf else "\n")
    new = with_line(text, "m.example")
    assert "m.example" in new.split()
    assert without_line(new, "m.example") == text


PIECES = st.sampled_from(
    [
        "cf bind-security-group g o --space s", "for x in a b; do", "done", "if true; then", "fi", "X=$(y)", "cat <<EOF", "EOF",
        "cf add-network-policy a b", "}", "{", 'resource "cloudfoundry_space" "x" {', "name = var.n", 'module "m" {',
        'source = "../x//cg_space"', "security_group_names = [", "]", '"${each.value}",', 'variable "n" {', "default = local.n", "locals {",
        "n = var.n", "forward_proxy {", "acl {", "allow_file a.acl", "deny all", "ports 443 x 70000", "allow *.x 10.0.0.0/8", "\\", "'", '"',
        "rules = [{ protocol = 1, destination = [] }]", "for_each = toset(var.n)", "client_configuration = { a = 1 }",
        'source = "cg-egress-proxy"', "policies = [{ port = [] }]", "space = module.m.space_id", "org = cloudfoundry_space.x.id",
    ]
)  # fmt: skip
PATHS = st.sampled_from(["a/x.sh", "a/main.tf", "a/x/main.tf", "a/p.tfvars", "a/Caddyfile", "a/a.acl"])


@hypothesis_settings(max_examples=examples(150), deadline=None)
@given(st.lists(st.tuples(PATHS, st.lists(PIECES, max_size=14)), max_size=5))
def test_nothing_that_a_text_holds_can_crash_the_dialect(files: list[tuple[str, list[str]]]) -> None:
    entries: list[object] = []
    for path, rows in files:
        found, unreadable = cloud_foundry.read_source(path, "\n".join(rows))
        entries += found
        codes([each.finding for each in unreadable])
    index = cloud_foundry.compile(entries, compile_cluster([]))  # type: ignore[arg-type]
    codes(list(cloud_foundry.audit(index)))
    cloud_foundry.grants(index)
    for name in cloud_foundry.names(index):
        for mine in cloud_foundry.resolve(index, WorkloadRef(name, parts=tuple(name.split("/")))):
            for to in ("api.stripe.com", "cf-service://rds", "cf-route://b"):
                assert cloud_foundry.decide(index, mine, destination(to)[0])


BLOCKS = st.lists(
    st.sampled_from(
        [
            'resource "cloudfoundry_space" "x" {\n name = var.n\n org = cloudfoundry_space.x.id\n asgs = local.g\n}',
            'variable "n" {\n default = "s"\n}',
            'locals {\n g = concat(local.h, ["a"])\n h = [local.g]\n}',
            'module "m" {\n source = "../a"\n n = module.m.out\n}',
            'module "m" {\n source = "./"\n}',
            'output "out" {\n value = module.m.out\n}',
            'module "s" {\n source = "x//cg_space"\n for_each = toset(local.g)\n cf_space_name = each.key\n asgs = { a = 1 }\n}',
            'module "p" {\n source = "cg-egress-proxy"\n name = module.s.space\n client_configuration = { a = { allowlist = var.n } }\n}',
            'resource "cloudfoundry_security_group_space_bindings" "b" {\n security_group = module.p\n running_spaces = [module.s["a"].space_id, 1]\n}',
            'resource "cloudfoundry_security_group" "g" {\n name = "g"\n rules = [{ protocol = "tcp", destination = 1, ports = 0 }, 3, var.n]\n}',
        ]
    ),
    max_size=7,
)


@hypothesis_settings(max_examples=examples(100), deadline=None)
@given(BLOCKS, BLOCKS)
def test_references_in_a_circle_end(one: list[str], other: list[str]) -> None:
    entries = [
        *cloud_foundry.read_source("a/main.tf", "\n".join(one) + "\n")[0],
        *cloud_foundry.read_source("b/main.tf", "\n".join(other) + "\n")[0],
    ]
    index = cloud_foundry.compile(entries, compile_cluster([]))
    codes(list(cloud_foundry.audit(index)))
    assert isinstance(cloud_foundry.names(index), list)
