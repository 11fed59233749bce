"""What lint finds in a policy: each fault beside a file that is like it and has none."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.cli import main
from bot.sample import files
from skills.core.errors import Mendable
from skills.core.messages import say
from skills.core.model import OpenMergeRequest
from skills.core.policy import PATH, read_policy
from skills.linted import linted
from skills.propose import skill as propose
from tests.shared import ROOT
from tests.worlds import world

HEAD = "groups: {sec: [sam, ines], data: [noor]}\n"
ALL = "approval: [{paths: ['**'], groups: [sec]}, {paths: ['x/**'], groups: [data]}]\n"
WORLD = world(files())


def found(text: str) -> dict[str, str]:
    return {each.code: say(each).says for each in linted(WORLD, text)}


CASES = [
    ("EGR1550", "groups: {sec: []}\napproval: [{paths: ['**'], groups: [sec]}]\n", "groups: {sec: [sam]}\napproval: [{paths: ['**'], groups: [sec]}]\n"),
    ("EGR1551", "groups: {sec: [sam], idle: [eve]}\napproval: [{paths: ['**'], groups: [sec]}]\n", HEAD + ALL),
    ("EGR1552", HEAD + "approval: [{paths: ['**'], groups: [data], needed: {low: 1, high: 2}}]\n", HEAD + "approval: [{paths: ['**'], groups: [sec], needed: 2}]\n"),
    ("EGR1553", HEAD + "approval: [{paths: ['**'], groups: [sec], ask: [noor]}]\n", HEAD + "approval: [{paths: ['**'], groups: [sec], ask: [ines]}]\n"),
    ("EGR1554", HEAD + ALL + "on_call: {sec: [{people: [noor]}]}\n", HEAD + ALL + "on_call: {sec: [{people: [SAM]}]}\n"),
    ("EGR1555", HEAD, HEAD + ALL),
    ("EGR1667", "groups: {sec: {gitlab: a/b}}\napproval: [{paths: ['**'], groups: [sec]}]\n", "people: {'slack:T1:U1': {gitlab: sam}}\ngroups: {sec: {gitlab: a/b}}\napproval: [{paths: ['**'], groups: [sec]}]\n"),
    ("EGR1668", "groups: {sec: [sam, sam@x.example]}\napproval: [{paths: ['**'], groups: [sec], needed: 2}]\n", "people: {sam@x.example: {gitlab: sam}}\ngroups: {sec: [sam, ines]}\napproval: [{paths: ['**'], groups: [sec], needed: 2}]\n"),
    ("EGR1668", "groups: {sec: ['slack:T1:U1', 'slack:T2:U2']}\napproval: [{paths: ['**'], groups: [sec], needed: 2}]\n", "groups: {sec: ['slack:T1:U1', 'slack:T1:U2']}\napproval: [{paths: ['**'], groups: [sec], needed: 2}]\n"),
    ("EGR1669", "groups: {sec: ['s\\u0430m']}\napproval: [{paths: ['**'], groups: [sec]}]\n".replace("'s", '"s').replace("m'", 'm"'), HEAD + ALL),
    ("EGR1670", HEAD + ALL + "production_after: prod\n", HEAD + ALL + "production_after: staging\n"),
    ("EGR1671", HEAD + ALL + "freeze: [{weekly: 'fri 16:00 - fri 16:00', zone: UTC}]\n", HEAD + ALL + "freeze: [{weekly: 'fri 16:00 - fri 17:00', zone: UTC}]\n"),
    ("EGR1556", HEAD + ALL, HEAD + "approval: [{paths: ['uds/**'], groups: [sec]}, {paths: ['**'], groups: [data]}]\n"),
    ("EGR1557", HEAD + "approval: [{paths: ['**'], groups: [sec]}, {paths: ['**'], groups: [sec]}]\n", HEAD + ALL),
    ("EGR1558", HEAD + "approval: [{paths: ['uds/**'], groups: [sec]}]\n", HEAD + ALL),
    ("EGR1558", HEAD + "approval: [{paths: ['**'], groups: [sec], environments: [production]}]\n", HEAD + ALL),
    ("EGR1559", HEAD + ALL + "teams: {a: {workloads: [clams]}}\n", HEAD + ALL + "teams: {a: {workloads: [claims]}}\n"),
    ("EGR1560", HEAD + ALL + "teams: {a: {workloads: [claims]}, b: {workloads: ['cl*/*']}}\n", HEAD + ALL + "teams: {a: {workloads: [claims]}, b: {workloads: [kyc]}}\n"),
    ("EGR1560", HEAD + ALL + "teams: {a: {workloads: [claims]}, b: {workloads: ['claims/*']}}\n", HEAD + ALL + "teams: {a: {workloads: [claims], environments: [staging]}, b: {workloads: ['claims/*'], environments: [production]}}\n"),
    ("EGR1561", HEAD + ALL + "teams: {a: {workloads: [claims]}}\n", HEAD + ALL + "level: answer\nteams: {a: {workloads: [claims]}}\n"),
    ("EGR1562", HEAD + ALL + "lifetime: {days: 9, environments: [prodution]}\n", HEAD + ALL + "lifetime: {days: 9, environments: [prod]}\n"),
    ("EGR1562", HEAD + ALL + "production_after: stagging\n", HEAD + ALL + "production_after: stg\n"),
    ("EGR1563", HEAD + ALL + "freeze: [{from: 2027-01-01, zone: Europe/Berlim}]\n", HEAD + ALL + "freeze: [{from: 2027-01-01, zone: Europe/Berlin}]\n"),
    ("EGR1564", HEAD + ALL + "freeze: [{until: 2026-01-01, zone: UTC}]\n", HEAD + ALL + "freeze: [{until: 2027-01-01, zone: UTC}]\n"),
    ("EGR1565", HEAD + ALL + "deny: ['*.evil.example']\n", HEAD + ALL + "deny: ['*.evil.example', evil.example]\n"),
    ("EGR1566", HEAD + ALL + "questions: [{ask: [boundry]}]\n", HEAD + ALL + "questions: [{ask: [boundary]}]\n"),
    ("EGR421", HEAD + ALL + "widhts: {}\n", HEAD + ALL + "widths: {}\n"),
    ("EGR420", "groups: [", HEAD + ALL),
]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "wrong", "right"), CASES, ids=[f"{code}-{at}" for at, (code, _, _) in enumerate(CASES)]
)
def test_each_fault_is_found_where_it_is_and_not_where_it_is_not(code: str, wrong: str, right: str) -> None:
    assert code in found(wrong)
    assert code not in found(right)


def test_slips_are_named() -> None:
    assert (
        "did you mean `production`?"
        in found(HEAD + ALL + "lifetime: {days: 9, environments: [prodution]}\n")["EGR1562"]
    )
    assert "did you mean `boundary`?" in found(HEAD + ALL + "questions: [{ask: [boundry]}]\n")["EGR1566"]
    assert "did you mean `widths`?" in found(HEAD + ALL + "widhts: {}\n")["EGR421"]
    assert found(HEAD + ALL + "lifetime: {days: 9, environments: [prodution]}\n")["EGR1562"].startswith(f"{PATH}:3:")


def test_the_shipped_sample_has_no_fault_and_an_absent_policy_is_one() -> None:
    assert "EGR1567" in {each.code for each in linted(WORLD)}
    assert [each.code for each in linted(WORLD, "")] == ["EGR401"]


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, object]]:
    status = main([*words, "--json"])
    return status, json.loads(capsys.readouterr().out)


def test_the_commands_and_their_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POSTERN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("POSTERN_PERSON", "dana@fincorp.example")
    schema = json.loads((ROOT / "docs/schema/policy.json").read_text())
    config = str(ROOT / "bot" / "sample" / "allowlist")
    (tmp_path / "asks.yaml").write_text("asks: [{for: payment-gateway, to: a.example, expect: {level: answer}}]\n")
    (tmp_path / "bad.yaml").write_text("asks: [{for: payment-gateway, two: a.example, expect: {}}]\n")
    (tmp_path / "policy.yaml").write_text("grups: {}\n")
    for words, wanted in (
        (("lint",), 0),
        (("lint", str(tmp_path / "policy.yaml")), 3),
        (("test", str(tmp_path / "asks.yaml")), 3),
        (("explain", "--for", "payment-gateway", "--to", "a.example", "--who", "sam@fincorp.example"), 0),
    ):
        status, data = run(capsys, "policy", *words, "--config", config)
        assert status == wanted, words
        jsonschema.validate(data, schema)
    assert data["who"] == "sam@fincorp.example"
    assert data["asked"] == ["ines@fincorp.example"], "never whoever asks"
    status, data = run(capsys, "policy", "test", str(tmp_path / "bad.yaml"), "--config", config)
    assert (status, data["error"]["code"]) == (2, "EGR1547")  # type: ignore[index]
    assert main(["policy", "schema", "--config", config]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads((ROOT / "docs/schema/egress-policy.json").read_text())
    assert main(["policy", "explain", "--config", config, "--for", "payment-gateway", "--to", "a.example"]) == 0
    assert "Needs 1 of platform-security (egress-policy.yaml:12)" in capsys.readouterr().out


DENIED = read_policy(files()[PATH].decode() + "deny: [evil.example, '*.evil.example', 203.0.113.0/24]\n")
WORKLOADS = [
    "payment-gateway",
    "claims/claims-api",
    "data-platform/notebook",
    "treasury-direct/bonds-dev",
    "production:mission-tracker/tracker-api",
]
FAR = st.one_of(
    st.sampled_from(["evil.example", "www.evil.example", "*.evil.example", "*.example", "EVIL.example.", "fine.example", "notevil.example"]),
    st.sampled_from(["203.0.113.7", "203.0.112.0/22", "0.0.0.0/0", "198.51.100.0/24", "[::ffff:203.0.113.7]", "128.0.0.0/1"]),
    st.from_regex(r"[a-z]{1,4}\.(evil\.)?example", fullmatch=True),
)  # fmt: skip


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(WORKLOADS),
    st.lists(FAR, min_size=1, max_size=3),
    st.sampled_from(["", "public", "cilium"]),
    st.booleans(),
)
def test_no_ask_whatever_reaches_a_merge_request_with_a_denied_destination(
    who: str, to: list[str], choose: str, vouched: bool
) -> None:
    given = {"for": who, "to": tuple(f"{each}:443" for each in to), "reason": "x", "choose": choose or None}
    given |= {"ip": ("203.0.113.9",)} if vouched and len(to) == 1 else {}
    try:
        answer = propose.run(propose.Ask.model_validate(given), replace(WORLD, policy=DENIED))
    except Mendable:
        return
    for effect in (each for each in answer.effects if isinstance(each, OpenMergeRequest)):
        for edit in effect.edits:
            added = set(edit.new_text.splitlines()) - set((edit.old_text or "").splitlines())
            assert not [
                line for line in added if "evil.example" in line.replace("notevil.example", "") or "203.0.11" in line
            ]
            assert not [line for line in added if "0.0.0.0/0" in line or "128.0.0.0/1" in line]
