"""Who may approve what, how many it takes and who is asked: by path, environment, field and risk."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skills.core.errors import AskUnclear
from skills.core.model import Edit
from skills.core.policy import Subject, faults_in, read_policy
from skills.core.policy.touched import touched

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
GROUPS = "groups: {sec: [sam, ines, noor], data: [noor], net: [nils]}\n"


def policy(text: str) -> object:
    return read_policy(GROUPS + text)


def needs(text: str, *paths: str, **more: object) -> set[tuple[tuple[str, ...], int]]:
    made = read_policy(GROUPS + text)
    return {(each.rule.groups, each.needed) for each in made.demands(Subject(paths or ("a.yaml",), **more))}  # type: ignore[arg-type]


BY_RISK = "approval: [{paths: ['**'], groups: [sec], needed: {low: 1, high: 3}}]\n"


@pytest.mark.parametrize(("band", "count"), [("low", 1), ("medium", 1), ("high", 3)])
def test_more_risk_needs_more_people(band: str, count: int) -> None:
    assert needs(BY_RISK, band=band) == {(("sec",), count)}


def test_what_was_never_weighed_counts_as_high() -> None:
    assert needs(BY_RISK) == {(("sec",), 3)}


def test_more_risk_never_needs_fewer() -> None:
    with pytest.raises(AskUnclear, match="EGR421"):
        policy("approval: [{paths: ['**'], groups: [sec], needed: {low: 2, high: 1}}]\n")


BY_ENVIRONMENT = """
approval:
  - {paths: ["**"], groups: [data], environments: [staging]}
  - {paths: ["**"], groups: [sec], needed: 2, environments: [production]}
"""


def test_each_environment_finds_its_own_entry() -> None:
    assert needs(BY_ENVIRONMENT, environments=("staging",)) == {(("data",), 1)}
    assert needs(BY_ENVIRONMENT, environments=("prod",)) == {(("sec",), 2)}
    both = {(("data",), 1), (("sec",), 2)}
    assert needs(BY_ENVIRONMENT, environments=("staging", "production")) == both


def test_a_change_for_no_environment_in_particular_needs_all_of_them_and_more() -> None:
    made = read_policy(GROUPS + BY_ENVIRONMENT)
    assert needs(BY_ENVIRONMENT) == {(("data",), 1), (("sec",), 2)}
    assert made.uncovered(Subject(("a.yaml",))) == ("a.yaml",)
    assert not made.is_met_by(Subject(("a.yaml",)), {"sam", "ines", "noor"})
    assert made.uncovered(Subject(("a.yaml",), ("qa",))) == ("a.yaml",)


def test_a_folder_that_is_called_after_an_environment_says_which() -> None:
    assert needs(BY_ENVIRONMENT, "overlays/prod/a.yaml") == {(("sec",), 2)}
    assert needs(BY_ENVIRONMENT, "overlays/stg/a.yaml", environments=("production",)) == {(("sec",), 2)}


BY_FIELD = """
approval:
  - {paths: ["**"], groups: [net], fields: [spec.network.allow]}
  - {paths: ["**"], groups: [sec]}
"""


def test_each_field_finds_its_own_entry() -> None:
    allow, other = {"a.yaml": ("spec.network.allow",)}, {"a.yaml": ("spec.network.allow", "spec.sso")}
    assert needs(BY_FIELD, fields=allow) == {(("net",), 1)}
    assert needs(BY_FIELD, fields=other) == {(("net",), 1), (("sec",), 1)}
    assert needs(BY_FIELD, fields={"a.yaml": ("spec.sso",)}) == {(("sec",), 1)}
    assert needs(BY_FIELD, fields={"a.yaml": ()}) == {(("net",), 1), (("sec",), 1)}, "nobody knows what is touched"


def test_a_change_says_which_fields_it_touches() -> None:
    old = "kind: P\nmetadata: {name: a}\nspec: {network: {allow: [{port: 443}]}, sso: 1}\n"
    new = old.replace("443", "444")
    assert touched([Edit("a.yaml", old, new)]) == {"a.yaml": ("spec.network.allow",)}
    more = new + "---\nkind: P\nmetadata: {name: b}\nspec: {ports: [1]}\n"
    assert set(touched([Edit("a.yaml", new, more)])["a.yaml"]) == {"kind", "metadata.name", "spec.ports"}
    assert touched([Edit("a.tf", "x = 1\n", "x = 2\n")]) == {"a.tf": ()}
    assert touched([Edit("a.yaml", None, new, "architecture")]) == {}


class TestWhoIsAsked:
    RULE = "approval: [{paths: ['**'], groups: [sec], ask: [data, Ines]}]\n"

    def asked(self, text: str, *but: str) -> tuple[str, ...]:
        return read_policy(GROUPS + text).asked(Subject(("a.yaml",)), NOW, but)

    def test_some_are_asked_and_the_others_merely_may(self) -> None:
        assert self.asked(self.RULE) == ("ines", "noor")
        assert read_policy(GROUPS + self.RULE).approvers(["a.yaml"]) == {"sam", "ines", "noor"}

    def test_who_is_on_call_goes_first(self) -> None:
        assert self.asked(self.RULE + "on_call: {sec: [{people: [sam], from: 2026-11-27, until: 2026-11-29}]}\n") == (
            "sam",
        )
        assert self.asked(self.RULE + "on_call: {sec: [{people: [sam], until: 2026-11-20}]}\n") == ("ines", "noor")

    def test_on_call_gives_no_right(self) -> None:
        text = self.RULE + "on_call: {sec: [{people: [eve]}]}\n"
        assert self.asked(text) == ("ines", "noor")
        assert "eve" not in read_policy(GROUPS + text).approvers(["a.yaml"])

    def test_nobody_is_asked_about_their_own(self) -> None:
        assert self.asked(self.RULE + "on_call: {sec: [{people: [sam]}]}\n", "SAM") == ("ines", "noor")
        assert self.asked("approval: [{paths: ['**'], groups: [net]}]\n", "nils") == ()

    def test_one_on_call_is_not_enough_where_two_are_needed(self) -> None:
        two = "approval: [{paths: ['**'], groups: [sec], needed: 2}]\non_call: {sec: [{people: [sam]}]}\n"
        assert self.asked(two) == ("sam",), "they are asked first; reminders go on to the others by delegates"


PEOPLE = st.sets(st.sampled_from(["sam", "ines", "noor", "nils", "eve"]))
BANDS = st.sampled_from(["low", "medium", "high"])
ENVIRONMENTS = st.lists(st.sampled_from(["staging", "production", "qa"]), max_size=3).map(tuple)
ENTRY = st.fixed_dictionaries(
    {"paths": st.sampled_from([["**"], ["a.yaml"], ["b/**"]]), "groups": st.sampled_from([["sec"], ["data", "net"]])},
    optional={
        "environments": st.sampled_from([["production"], ["staging"]]),
        "fields": st.sampled_from([["spec"], ["spec.a"]]),
        "needed": st.one_of(st.integers(1, 3), st.just({"low": 1, "high": 2})),
    },
)


@given(st.lists(ENTRY, max_size=4), PEOPLE, ENVIRONMENTS, BANDS)
def test_more_of_everything_never_needs_less(
    entries: list[object], people: set[str], envs: tuple[str, ...], band: str
) -> None:
    """What is enough for two environments, unknown fields or high risk is enough for one, known ones or less."""
    made = read_policy(GROUPS + f"approval: {entries}\n")
    wide = Subject(("a.yaml", "b/c.yaml"), envs, "high")
    if made.is_met_by(wide, people):
        narrow = Subject(("a.yaml",), envs[:1] if envs else ("production",), band, {"a.yaml": ("spec.a",)})  # type: ignore[arg-type]
        assert made.is_met_by(narrow, people)


class TestFaults:
    def test_every_fault_is_found_with_its_line(self) -> None:
        found = faults_in(
            "version: 1\ngroops: {}\nlevel: dreft\nteams:\n  pay:\n    workload: [a]\ntimers:\n  warn_days: soon\n"
        )
        assert [(each.line, each.what) for each in found] == [
            (2, "`groops` is no key that I know here; did you mean `groups`?"),
            (3, "`dreft` is no value of `level`; known are answer, draft, propose, decide; did you mean `draft`?"),
            (5, "each entry of `teams` needs `workloads`"),
            (6, "`workload` is no key that I know here; did you mean `workloads`?"),
            (8, "`warn_days` must be a whole number"),
        ]

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("version: 2", "version"),
            ("deny: [EVIL.example]", "write `evil.example` instead"),
            ("deny: ['*evil.example']", "no host, no wildcard"),
            ("deny: [10.0.0.1/8]", "no host, no wildcard"),
            ("freeze: [{why: x}]", "either `weekly`"),
            ("freeze: [{from: soon}]", "no day as 2026-12-20"),
            ("freeze: [{weekly: 'fri 25:00 - mon 06:00'}]", "no time of the week"),
            ("freeze: [{from: 2026-12-20, until: 2026-12-19}]", "not be before"),
            ("widths: {ports: [70000]}", "no port"),
            ("effects: maybe", "true or false"),
            ("lifetime: {days: 0}", "larger number"),
            ("on_call: {nobody: [{people: [x]}]}", "not declared"),
        ],
    )
    def test_each_in_one_sentence(self, text: str, says: str) -> None:
        (fault,) = faults_in(GROUPS + text + "\n")
        assert fault.line == 2
        assert says in fault.what


def test_levels_begin_with_answer_once_a_file_speaks_of_them() -> None:
    assert read_policy(GROUPS).level == "decide", "files of before go on as they did"
    assert read_policy(GROUPS + "teams: {pay: {workloads: [pay], level: draft}}\n").level == "answer"
    assert read_policy(GROUPS + "level: draft\n").level == "draft"
