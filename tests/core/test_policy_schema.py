"""The published JSON Schema and the reader say the same of a file, as far as a schema can say it."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.sample import files
from skills.core.policy import PATH, faults_in
from skills.core.policy.read import FILE
from tests.shared import ROOT

SCHEMA = json.loads((ROOT / "docs/schema/egress-policy.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
WHOLE: dict[str, Any] = {
    "version": 1,
    "effects": True,
    "level": "answer",
    "groups": {"sec": ["sam", "ines"], "data": ["noor"]},
    "teams": {
        "pay": {"workloads": ["org/pay/*"], "environments": ["staging"], "channels": ["slack:T1:C1"], "level": "decide"}
    },
    "approval": [
        {
            "paths": ["**"],
            "groups": ["sec"],
            "needed": {"low": 1, "high": 2},
            "environments": ["production"],
            "ask": ["sam"],
        },
        {"paths": ["**"], "groups": ["data"], "needed": 1, "fields": ["spec.allow"]},
    ],
    "delegates": {"sec": ["noor"]},
    "people": {"slack:T1:U1": {"gitlab": "sam", "email": "sam@x.example", "also": ["sam.old"]}},
    "veto": ["sec"],
    "merge": {"hand_off": "sec"},
    "bot_approves": True,
    "break_glass": {"groups": ["sec"], "environments": ["staging"]},
    "on_call": {"sec": [{"people": ["sam"], "from": "2026-01-01", "until": "2026-01-08"}]},
    "freeze": [
        {"weekly": "fri 16:00 - mon 06:00", "zone": "UTC", "why": "the weekend"},
        {"from": "2026-12-20", "until": "2027-01-03"},
    ],
    "deny": ["evil.example", {"to": "10.0.0.0/8", "why": "ours"}],
    "inside": ["*.dsop.example"],
    "questions": [
        {
            "ask": ["boundary", {"id": "dpo", "asks": "Agreed?", "choices": ["yes"]}],
            "to": ["*.mil"],
            "platforms": ["istio"],
        }
    ],
    "widths": {
        "wildcards": False,
        "wildcard_labels": 2,
        "ipv4": 24,
        "ipv6": 64,
        "ports": [443, "8000-8100"],
        "range": 10,
    },
    "lifetime": {"days": 90, "environments": ["production"]},
    "production_after": "staging",
    "production": ["production", "live"],
    "diagrams": [{"workloads": ["pay"], "path": "docs/A.md", "repository": "../b.git"}],
    "help_desk": {"project": "g/desk", "platforms": ["istio"], "labels": ["egress"]},
    "timers": {"reminders": 0, "request_days": 30, "warn_days": 7},
    "uds_core": "1.4.0",
    "model": "strict",
}


def accepted(data: Any) -> bool:
    return not faults_in(yaml.safe_dump(data, default_flow_style=None))


def validates(data: Any) -> bool:
    return bool(VALIDATOR.is_valid(data))


def test_a_file_with_every_section_is_accepted_by_both() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert set(WHOLE) == set(SCHEMA["properties"])
    assert accepted(WHOLE)
    VALIDATOR.validate(WHOLE)


def test_the_shipped_sample_is_accepted_by_both() -> None:
    data = yaml.safe_load(files()[PATH])
    assert accepted(data)
    VALIDATOR.validate(data)


PLACES: list[tuple[Any, ...]] = []


def _walk(node: Any, at: tuple[Any, ...]) -> None:
    PLACES.append(at)
    for step in node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ():
        _walk(node[step], (*at, step))


_walk(WHOLE, ())
JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 100_000), st.sampled_from([1.5, "", " ", "x", "sec", "10.0.0.0/8", "2026-01-01", "draft"]),
    st.just([]), st.just({}), st.just(["x"]), st.just({"x": 1}), st.just([[1]]),
)  # fmt: skip


def _changed(at: tuple[Any, ...], what: str, junk: Any) -> Any:
    data = json.loads(json.dumps(WHOLE))
    if not at:
        return junk if what == "put" else data
    node = data
    for step in at[:-1]:
        node = node[step]
    if what == "put":
        node[at[-1]] = junk
    elif what == "drop":
        del node[at[-1]]
    elif isinstance(node, dict):
        node[f"{at[-1]}x"] = node.pop(at[-1])
    return data


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(PLACES), st.sampled_from(["put", "drop", "rename"]), JUNK)
def test_what_the_reader_accepts_validates_and_what_the_schema_refuses_is_refused(
    at: Any, what: str, junk: Any
) -> None:
    data = _changed(at, what, junk)
    if isinstance(data, dict):
        assert validates(data) or not accepted(data)


BEYOND_A_SCHEMA = [
    ({"approval": [{"paths": ["**"], "groups": ["nobody"]}]}, "another section"),
    ({"deny": ["EVIL.example"]}, "a spelling"),
    ({"timers": {"request_days": 5}}, "one number against another"),
]


@pytest.mark.parametrize(("more", "why"), BEYOND_A_SCHEMA)
def test_only_what_no_schema_can_say_is_refused_beyond_it(more: dict[str, Any], why: str) -> None:
    data = {**WHOLE, **more}
    assert validates(data), why
    assert not accepted(data)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([place for place in PLACES if place]), JUNK)
def test_every_fault_names_a_line_of_the_file(at: Any, junk: Any) -> None:
    text = yaml.safe_dump(_changed(at, "put", junk), sort_keys=False)
    for fault in faults_in(text):
        assert 1 <= fault.line <= text.count("\n") + 1
        assert fault.what.strip()
        assert "\n" not in fault.what
        assert "pydantic" not in fault.what.casefold()


def test_the_schema_is_made_of_the_shapes_that_read() -> None:
    assert {key: value for key, value in SCHEMA.items() if key != "$schema"} == FILE.json_schema(by_alias=True)
