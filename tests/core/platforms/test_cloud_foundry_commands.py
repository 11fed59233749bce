"""Pipelines whose commands bind groups to spaces."""

from __future__ import annotations

import pytest

from skills.core.platforms import cloud_foundry
from skills.core.platforms.cloud_foundry.commands import Command, Policy
from skills.core.platforms.cloud_foundry.shell import calls
from skills.core.yaml_text import read_documents
from tests.core.platforms.cloud_foundry_repo import codes, decide, index_of, near, space, view

PUBLIC, TRUSTED = "public_networks_egress", "trusted_local_networks_egress"
SHELL, EVAL = "citizen-of-planet-earth/cf-cli-action@master", "cloud-gov/cg-cli-tools@main"
BIND = "bind-security-group g acme --space dev"


def pipeline(*lines: str) -> dict[str, str]:
    body = "".join(f"        {line}\n" for line in lines)
    return {".github/workflows/space.yml": f"on: push\njobs:\n  bind:\n    steps:\n    - run: |\n{body}"}


ACTION = """\
jobs:
  policy:
    steps:
    - uses: cloud-gov/cg-cli-tools@main
      with:
        cf_org: acme
        cf_space: %s
        %s
"""


@pytest.mark.parametrize(
    ("space_", "command", "found"),
    [
        ("dev", "cf_command: add-network-policy web proxy --port 61443", ("web", "acme", "dev", "")),
        ("dev", "command: cf add-network-policy web proxy --port 61443", ("web", "acme", "dev", "")),
        (
            "${{ vars.SPACE }}",
            "cf_command: add-network-policy web proxy",
            ("web", "acme", "${{ vars.SPACE }}", "unsure"),
        ),
    ],
)
def test_an_action_says_in_which_space_its_commands_run(
    space_: str, command: str, found: tuple[str, str, str, str]
) -> None:
    text = ACTION % (space_, command)
    entries = [entry for d in read_documents("w.yml", text)[0] for entry in cloud_foundry.read(d)]
    (policy,) = [entry for entry in entries if isinstance(entry, Policy)]
    assert (policy.source, policy.org, policy.space) == found[:3]
    assert bool(policy.unsure) == bool(found[3])
    assert policy.place.line == 8


@pytest.mark.parametrize(
    ("action", "runs", "bound"),
    [
        (EVAL, ["command: cf %s", "cf_command: apps"], True),
        (EVAL, ["command: cf apps", "cf_command: %s"], False),  # `command` runs, then it ends
        (EVAL, ["command: %s"], False),  # a whole command, and this is none
        (SHELL, ["command: %s"], True),
        (SHELL, ["cf_command: %s"], False),  # an input that it has not got
    ],
)
def test_what_the_two_families_of_actions_run(action: str, runs: list[str], bound: bool) -> None:
    line = "bind-security-group g acme --space dev"
    text = ACTION.replace(EVAL, action) % ("dev", "\n        ".join(runs).replace("%s", line))
    entries = [entry for d in read_documents("w.yml", text)[0] for entry in cloud_foundry.read(d)]
    assert [each.group for each in entries if isinstance(each, Command)] == (["g"] if bound else [])


def test_an_action_that_targets_nothing_runs_its_command_all_the_same() -> None:
    step = "- uses: mlucascardoso/cf-cli-action@master\n  with:\n    command: bind-security-group g acme --space dev\n"
    entries = [entry for d in read_documents("w.yml", f"steps:\n{step}")[0] for entry in cloud_foundry.read(d)]
    assert [(each.group, each.space) for each in entries if isinstance(each, Command)] == [("g", "dev")]


def test_an_action_binds_a_group() -> None:
    text = ACTION % ("dev", "cf_command: bind-security-group g acme --space dev")
    entries = [entry for d in read_documents("w.yml", text)[0] for entry in cloud_foundry.read(d)]
    assert [(each.group, each.space) for each in entries if isinstance(each, Command)] == [("g", "dev")]


@pytest.mark.parametrize(
    ("action", "rows", "found"),
    [
        (SHELL, [BIND], ["sure"]),
        (SHELL, ["apps", f"cf {BIND}"], ["sure"]),
        (SHELL, ["apps", BIND], []),  # only the first row is handed to `cf`
        (EVAL, [f"cf {BIND}"], ["sure"]),
        (EVAL, ["cf apps", f"cf {BIND}"], ["unsure"]),  # cf apps cf bind-security-group ...
        (EVAL, [f"cf {BIND}", "cf apps"], ["unsure"]),  # more words than the command takes
        (EVAL, ["# the way out", f"cf {BIND}"], ["unsure"]),  # all of it is a comment
        (EVAL, ["cf apps &&", f"cf {BIND}"], ["sure"]),
        (EVAL, ["cf apps;", f"cf {BIND}"], ["sure"]),
        (EVAL, ["cf apps", f"&& cf {BIND}"], ["sure"]),
        (EVAL, ["cf bind-security-group g acme", "  --space dev"], ["sure"]),
        (EVAL, ["cf bind-security-group g acme \\", "  --space dev"], ["unsure"]),
    ],
)
def test_rows_of_an_action_are_one_command_where_it_joins_them(action: str, rows: list[str], found: list[str]) -> None:
    command = "command: |\n" + "".join(f"          {row}\n" for row in rows)
    text = ACTION.replace(EVAL, action) % ("dev", command)
    entries = [entry for d in read_documents("w.yml", text)[0] for entry in cloud_foundry.read(d)]
    made = [each for each in entries if isinstance(each, Command)]
    assert [(each.group, each.space, "unsure" if each.unsure else "sure") for each in made] == [
        ("g", "dev", how) for how in found
    ]


def test_what_stands_behind_an_exit_is_not_sure() -> None:
    bind = "cf bind-security-group g acme --space dev"
    sure = [next(iter(calls(f"{first}\n{bind}"))).unsure for first in ("exit 0", "true", "if x; then\n  exit 1\nfi")]
    assert sure == ["exit 0", "", ""]


def commands(*lines: str) -> list[tuple[str, str, str, str]]:
    (text,) = pipeline(*lines).values()
    entries = [entry for d in read_documents("w.yml", text)[0] for entry in cloud_foundry.read(d)]
    return [(each.group, each.org, each.space, each.phase) for each in entries if isinstance(each, Command)]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("cf bind-security-group g acme --space dev", [("g", "acme", "dev", "running")]),
        ("cf bind-security-group g acme dev", [("g", "acme", "dev", "running")]),
        ("cf bind-security-group g 'acme corp' --space=dev || true", [("g", "acme corp", "dev", "running")]),
        ("cf bind-security-group --lifecycle staging g acme --space dev", [("g", "acme", "dev", "staging")]),
        ("cf bind-security-group g acme", [("g", "acme", "", "running")]),
        ("cf login && cf bind-security-group g acme --space dev; echo done", [("g", "acme", "dev", "running")]),
        ("echo bind-security-group g acme", []),
        ("cf bind-security-group g", []),
        ("cf bind-security-group 'g acme", []),
        ("cf security-groups", []),
        ("# cf bind-security-group g acme --space dev", []),
    ],
)
def test_commands_in_a_pipeline(line: str, found: list[tuple[str, str, str, str]]) -> None:
    assert commands(line) == found


def test_a_command_over_two_lines_is_one() -> None:
    assert commands("cf bind-security-group g acme \\", "  --space dev") == [("g", "acme", "dev", "running")]


def test_a_binding_by_command_counts_and_has_its_line() -> None:
    index = index_of(pipeline("cf login", f"cf bind-security-group {PUBLIC} acme --space dev"))
    seen = view(index, "api.stripe.com")
    assert [(hit.place.path, hit.place.line) for hit in seen.allows] == [(".github/workflows/space.yml", 7)]
    assert decide(index, "cf-service://rds") == "denied"


def test_staging_alone_opens_nothing_for_running_apps() -> None:
    index = index_of(
        pipeline(
            f"cf bind-security-group {TRUSTED} acme --space dev",
            f"cf bind-security-group {PUBLIC} acme --space dev --lifecycle staging",
        )
    )
    assert decide(index, "api.stripe.com") == "denied"
    assert near(index, "api.stripe.com")[0] == "EGR181"


def test_a_whole_organisation_means_the_spaces_that_are_known() -> None:
    index = index_of(space(), space(org="globex"), pipeline(f"cf bind-security-group {PUBLIC} acme"))
    assert decide(index, "api.stripe.com") == "allowed"
    assert decide(index, "api.stripe.com", for_="globex/dev") == "denied"


def test_a_later_unbinding_takes_it_away() -> None:
    bind, unbind = f"cf bind-security-group {PUBLIC} acme --space dev", f"cf unbind-security-group {PUBLIC} acme dev"
    assert decide(index_of(space(), pipeline(bind, unbind)), "api.stripe.com") == "denied"
    assert decide(index_of(space(), pipeline(unbind, bind)), "api.stripe.com") == "allowed"


def test_a_variable_is_said_and_not_guessed() -> None:
    index = index_of(space(), pipeline(f'cf bind-security-group {PUBLIC} acme --space "$SPACE"'))
    assert decide(index, "api.stripe.com") == "undecided"
    assert decide(index, "cf-service://rds") == "denied"
    assert codes(list(cloud_foundry.audit(index))) == ["EGR776"]


def test_a_variable_of_the_pipeline_is_known_where_it_says_one_thing_only() -> None:
    ((path, text),) = pipeline(f'cf bind-security-group {PUBLIC} acme --space "$SPACE"').items()
    known = {path: f"env: {{SPACE: dev}}\n{text}"}
    assert decide(index_of(space(), known), "api.stripe.com") == "allowed"
    torn = {path: f"env: {{SPACE: dev}}\nother: {{env: {{SPACE: prod}}}}\n{text}"}
    assert decide(index_of(space(), torn), "api.stripe.com") == "undecided"


def test_a_helper_script_whose_group_and_space_are_parameters_says_nothing() -> None:
    helper = pipeline('cf bind-security-group "$1" acme --space "$2"')
    assert decide(index_of(space(), helper), "api.stripe.com") == "denied"


def test_kubernetes_objects_are_not_searched() -> None:
    text = f"apiVersion: v1\nkind: ConfigMap\ndata:\n  a: cf bind-security-group {PUBLIC} acme --space dev\n"
    assert [entry for d in read_documents("c.yaml", text)[0] for entry in cloud_foundry.read(d)] == []


@pytest.mark.parametrize(
    ("step", "job", "wanted"),
    [
        ("", "", "allowed"),
        ("      if: false\n", "", "undecided"),
        ("      if: ${{ false }}\n", "", "undecided"),
        ("", "    if: false\n", "undecided"),
        ("", "    when: never\n", "undecided"),
        ("      if: github.ref == 'refs/heads/main'\n", "", "allowed"),  # it ran when that branch was pushed
        ("      name: 'if: false'\n", "", "allowed"),
    ],
)
def test_a_step_that_is_switched_off_binds_nothing_for_sure(step: str, job: str, wanted: str) -> None:
    run = f"    - run: |\n        cf bind-security-group {PUBLIC} acme --space dev\n{step}"
    text = f"on: push\njobs:\n  bind:\n{job}    steps:\n{run}"
    assert decide(index_of(space(), {".github/workflows/space.yml": text}), "api.stripe.com") == wanted
