"""Every right with the right person and with every kind of wrong one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skills.core.errors import AskUnclear, NotAllowed
from skills.core.model import Person, Request
from skills.core.policy import read_policy
from skills.core.rights import complete, may_ask, may_decide

POLICY = read_policy(
    """
version: 1
groups:
  security: [sam@x.example, Ines@X.example]
  data: [noor@x.example, ines@x.example]
  nobody: []
approval:
  - {paths: ["prod/**"], groups: [security], needed: 2}
  - {paths: ["data/*.yaml"], groups: [data]}
  - {paths: ["empty/**"], groups: [nobody]}
  - {paths: ["staging/**"], groups: [security, data]}
"""
)


def request(*paths: str, asked_by: str = "dana@x.example") -> Request:
    return Request(
        "EG-AAAAAAA",
        "waiting",
        1,
        "app",
        ("h:443",),
        "d" * 64,
        "b",
        "egress/EG-AAAAAAA",
        asked_by,
        "why",
        None,
        "now",
        paths,
    )


def allowed(who: str, made: Request, policy: object = POLICY) -> bool:
    try:
        may_decide(Person(who), made, policy)  # type: ignore[arg-type]
    except NotAllowed:
        return False
    return True


@pytest.mark.parametrize(
    ("who", "paths", "may"),
    [
        ("sam@x.example", ["prod/a.yaml"], True),
        ("SAM@X.EXAMPLE", ["prod/a.yaml"], True),
        ("ines@x.example", ["prod/deep/er/a.yaml"], True),
        ("noor@x.example", ["prod/a.yaml"], False),
        ("noor@x.example", ["data/a.yaml"], True),
        ("noor@x.example", ["data/deep/a.yaml"], False),
        ("noor@x.example", ["prod/a.yaml", "data/a.yaml"], True),
        ("dana@x.example", ["prod/a.yaml"], False),
        ("eve@x.example", ["prod/a.yaml"], False),
        ("", ["prod/a.yaml"], False),
        ("   ", ["prod/a.yaml"], False),
        ("sam", ["prod/a.yaml"], False),
        ("security", ["prod/a.yaml"], False),
        ("sam@x.example ", ["prod/a.yaml"], True),
        ("sam@x.example", ["elsewhere/a.yaml"], False),
        ("sam@x.example", ["prod/a.yaml", "elsewhere/a.yaml"], False),
        ("sam@x.example", ["empty/a.yaml"], False),
        ("sam@x.example", ["notprod/a.yaml"], False),
        ("sam@x.example", ["prod"], False),
    ],
)
def test_who_may_decide(who: str, paths: list[str], may: bool) -> None:
    assert allowed(who, request(*paths)) is may


def test_an_approver_cannot_decide_what_they_asked_for() -> None:
    assert not allowed("sam@x.example", request("prod/a.yaml", asked_by="Sam@x.example"))
    assert allowed("ines@x.example", request("prod/a.yaml", asked_by="Sam@x.example"))


def test_without_a_policy_nobody_may() -> None:
    none = read_policy(None)
    assert not allowed("sam@x.example", request("prod/a.yaml"), none)
    with pytest.raises(NotAllowed) as error:
        may_decide(Person("sam@x.example"), request("prod/a.yaml"), none)
    assert error.value.code == "EGR401"


def test_who_has_no_name_may_not_even_ask() -> None:
    may_ask(Person("dana@x.example"))
    with pytest.raises(NotAllowed):
        may_ask(Person(" "))


@pytest.mark.parametrize(
    ("approvals", "paths", "enough"),
    [
        ({"sam@x.example"}, ["prod/a.yaml"], False),
        ({"sam@x.example", "ines@x.example"}, ["prod/a.yaml"], True),
        ({"sam@x.example", "SAM@x.example"}, ["prod/a.yaml"], False),
        ({"sam@x.example", "noor@x.example"}, ["prod/a.yaml"], False),
        ({"sam@x.example", "dana@x.example"}, ["prod/a.yaml"], False),
        ({"noor@x.example"}, ["data/a.yaml"], True),
        ({"noor@x.example"}, ["data/a.yaml", "prod/a.yaml"], False),
        ({"noor@x.example", "sam@x.example", "ines@x.example"}, ["data/a.yaml", "prod/a.yaml"], True),
        ({"sam@x.example", "ines@x.example"}, ["elsewhere/a.yaml"], False),
        ({"sam@x.example", "ines@x.example"}, [], False),
        (set(), ["data/a.yaml"], False),
    ],
)
def test_how_many_approvals_are_enough(approvals: set[str], paths: list[str], enough: bool) -> None:
    assert complete(request(*paths), POLICY, approvals) is enough


@given(
    st.sets(st.sampled_from(["sam@x.example", "ines@x.example", "noor@x.example", "dana@x.example", "eve@x.example"]))
)
def test_the_requester_never_counts(approvals: set[str]) -> None:
    made = request("prod/a.yaml", asked_by="sam@x.example")
    assert complete(made, POLICY, approvals) == complete(made, POLICY, approvals - {"sam@x.example"})
    assert not complete(made, POLICY, approvals), "with sam as requester only one of two approvers is left"


@pytest.mark.parametrize(
    "text",
    [
        "- a list",
        "groups: [a]",
        "groups: {a: x}",
        "groups: {a: [1]}",
        "approval: {}x",
        "approval: 3",
        "groups: {a: [x]}\napproval: [{paths: ['**'], groups: [b]}]",
        "groups: {a: [x]}\napproval: [{paths: '**', groups: [a]}]",
        "groups: {a: [x]}\napproval: [{paths: [], groups: [a]}]",
        "groups: {a: [x]}\napproval: [{paths: ['**'], groups: [a], needed: 0}]",
        "groups: {a: [x]}\napproval: [{paths: ['**'], groups: [a], needed: true}]",
        "groups: {a: [x]}\napproval: [paths]",
        "groups: {a: [x]}\ngroups: {a: [eve]}",
        "groups: {a: [x]}\n---\ngroups: {a: [eve]}",
        "groups: {a: [x",
    ],
)
def test_a_policy_that_is_not_clear_is_refused(text: str) -> None:
    with pytest.raises(AskUnclear):
        read_policy(text)


def test_an_empty_policy_names_nobody() -> None:
    assert read_policy("").approvers(["prod/a.yaml"]) == set()
    assert read_policy("version: 1\n").approvers(["prod/a.yaml"]) == set()


@pytest.mark.parametrize(
    "text", ["aproval: []", "groups: {a: [x]}\napproval: [{paths: ['**'], groups: [a], neded: 2}]"]
)
def test_a_misspelt_key_is_refused_and_not_ignored(text: str) -> None:
    with pytest.raises(AskUnclear) as error:
        read_policy(text)
    assert error.value.code == "EGR421"
