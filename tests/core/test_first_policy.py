"""A first policy says of files what CODEOWNERS says of them, and nothing that CODEOWNERS does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skills.core.codeowners import owners
from skills.core.errors import AskUnclear
from skills.core.first_policy import propose, text_of
from skills.core.globs import path_matches
from skills.core.policy import Policy, read_policy

TEAMS = "/teams/pay/ @sam ines@fincorp.example\n/teams/web/ @fincorp/web\n"
FILES = ("teams/pay/a.yaml", "teams/pay/deep/b.yaml", "teams/web/c.yaml", "platform/d.yaml")


def first(codeowners: str, files: tuple[str, ...] = FILES, approvers: tuple[str, ...] = ()) -> tuple[Policy, str]:
    texts = {"CODEOWNERS": codeowners} if codeowners else {}
    text = text_of(propose(files, lambda paths: owners(texts, paths), approvers), ["uds"])
    return read_policy(text), text


def people(policy: Policy, path: str) -> set[str]:
    return policy.approvers([path])


def test_people_of_codeowners_approve_what_they_own_and_new_files_beside_it() -> None:
    policy, _ = first(TEAMS)
    assert (
        people(policy, "teams/pay/a.yaml") == people(policy, "teams/pay/new/x.yaml") == {"sam", "ines@fincorp.example"}
    )
    assert people(policy, "platform/d.yaml") == set()


def test_a_group_of_gitlab_is_named_and_has_nobody_in_it_yet() -> None:
    policy, text = first(TEAMS)
    assert policy.groups["web"] == ()
    assert "CODEOWNERS names @fincorp/web" in text


def test_the_owner_of_everything_comes_last_and_has_new_folders_too() -> None:
    policy, _ = first(f"* @ruth\n{TEAMS}")
    assert people(policy, "platform/d.yaml") == people(policy, "brand/new.yaml") == {"ruth"}
    assert people(policy, "teams/pay/a.yaml") == {"sam", "ines@fincorp.example"}
    assert policy.approval[-1].paths == ("**",)


@pytest.mark.parametrize(
    ("codeowners", "expected"), [("", {"eve"}), (TEAMS, {"eve"}), (f"* @ruth\n{TEAMS}", {"ruth", "eve"})]
)
def test_who_is_named_beside_them_approves_what_is_left(codeowners: str, expected: set[str]) -> None:
    policy, _ = first(codeowners, approvers=("eve",))
    assert people(policy, "platform/d.yaml") == expected
    assert people(policy, "teams/pay/a.yaml") == ({"sam", "ines@fincorp.example"} if codeowners else {"eve"})


def test_without_owners_and_names_it_says_that_nobody_approves() -> None:
    policy, text = first("")
    assert people(policy, "platform/d.yaml") == set()
    assert '"approvers": []' in text


def test_it_answers_and_does_nothing_else() -> None:
    policy, _ = first(TEAMS)
    assert policy.level == "answer"


def test_a_name_that_would_speak_for_other_files_is_left_out() -> None:
    policy, _ = first("/odd/*.yaml @sam\n", ("odd/a*b.yaml", "odd/other.txt", "x/y.yaml"))
    assert people(policy, "odd/axb.yaml") == set()


def test_a_name_that_can_not_stand_in_the_file_is_refused_and_not_written() -> None:
    with pytest.raises(AskUnclear):
        first("", approvers=("  ",))


NAMES = st.sampled_from(["@sam", "@ruth", "ines@fincorp.example", "@fincorp/web", "@fincorp/pay", "@@maintainer"])
FOLDERS = st.sampled_from(["/", "/a/", "/a/b/", "/c/", "*", "/a/b/x.yaml", "!/a/b/"])
PATHS = ("a/x.yaml", "a/b/x.yaml", "a/b/y.yaml", "c/x.yaml", "d.yaml")


@given(st.lists(st.tuples(FOLDERS, st.lists(NAMES, max_size=2, unique=True)), max_size=5))
def test_nobody_approves_a_file_whom_codeowners_does_not_name_for_it(lines: list[tuple[str, list[str]]]) -> None:
    written = "\n".join(f"{pattern} {' '.join(names)}" for pattern, names in lines)
    policy, _ = first(written, PATHS)
    for path in PATHS:
        named = {name.removeprefix("@") for name in owners({"CODEOWNERS": written}, [path])}
        assert people(policy, path) <= {name.casefold() for name in named}, written
        assert any(path_matches(glob, path) for rule in policy.approval for glob in rule.paths) or not named, written
