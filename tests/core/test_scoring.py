"""Scores count what they say, and our own labelled cases are read at least as well as when they were kept.

`clients.jsonl` is what the laboratory recorded (tests/errors_lab): real clients, real faulty servers. `pasted.jsonl` was
written by hand in the forms in which people paste. The floors stand below what docs/READING.md says was measured.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from skills.core.errors import AskUnclear
from skills.core.scoring import Score, case, mark, score

LAB = Path(__file__).parents[1] / "errors_lab"
FLOORS = {
    "symptom_exact": 0.90, "symptom_lenient": 0.96, "first_host": 0.95, "no_wrong_host": 0.97, "client": 0.96,
    "egress_block": 0.90,
}  # fmt: skip


def scored(rows: list[dict[str, Any]]) -> Score:
    return score([mark(case(row, number)) for number, row in enumerate(rows, 1)])


@pytest.mark.parametrize("name", ["clients", "pasted"])
def test_our_own_cases(name: str) -> None:
    rows = [json.loads(line) for line in (LAB / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]
    result = scored(rows)
    below = {
        measure: result.shares[measure] for measure, floor in FLOORS.items() if (result.shares[measure] or 0) < floor
    }
    assert not below, [(item.case.id, item.faults) for item in result.worst]
    assert (result.shares["yes_for_no"] or 0) <= 0.02, [item.case.id for item in result.worst if item.yes_for_no]


REFUSED = "curl: (7) Failed to connect to api.example.com port 443 after 1 ms: Connection refused"


def test_a_right_reading_scores_one() -> None:
    row = {
        "text": REFUSED,
        "symptom": "connection_refused",
        "destination": [{"host": "api.example.com", "port": 443, "scheme": "https", "stated": True}],
        "client": "curl",
        "envoy_flags": [],
        "egress_block_plausible": "yes",
    }
    shares = scored([row]).shares
    assert {name: share for name, share in shares.items() if share != 1.0} == {"yes_for_no": None}


def test_another_symptom_counts_as_lenient_only() -> None:
    shares = scored([{"text": REFUSED, "symptom": "no_route", "symptom_alt": ["connection_refused"]}]).shares
    assert (shares["symptom_exact"], shares["symptom_lenient"]) == (0.0, 1.0)
    assert shares["first_host"] is None


def test_a_wrong_host_and_a_yes_for_a_no_are_the_worst() -> None:
    quiet = {"text": REFUSED, "symptom": "connection_refused", "destination": None, "egress_block_plausible": "no"}
    result = scored([{"text": REFUSED, "symptom": "connection_refused", "client": "git"}, quiet])
    assert result.worst[0].faults == ("yes_for_no", "no_wrong_host", "first_host", "egress_block")
    assert result.worst[1].faults == ("client",)
    assert result.shares["yes_for_no"] == 1.0
    assert result.confusion == {("connection_refused", "connection_refused"): 2}


def test_a_host_that_is_only_implied_is_not_missed() -> None:
    row = {"text": "nothing here", "symptom": "no_error", "destination": [{"host": "a.example", "stated": False}]}
    assert scored([row]).shares["host_recall"] is None


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"symptom": "no_error"}, "text"),
        ({"text": "a"}, "symptom"),
        ({"text": "a", "symptom": "slow"}, "symptom"),
        ({"text": "a", "symptom": "no_error", "symptom_alt": ["slow"]}, "symptom_alt"),
        ({"text": "a", "symptom": "no_error", "destination": "a.example"}, "destination"),
        ({"text": "a", "symptom": "no_error", "destination": [{"port": 1}]}, "destination"),
        ({"text": "a", "symptom": "no_error", "destination": [{"host": "a", "port": [1]}]}, "destination"),
        ({"text": "a", "symptom": "no_error", "envoy_flags": "UH"}, "envoy_flags"),
        ({"text": "a", "symptom": "no_error", "client": 7}, "client"),
        ({"text": "a", "symptom": "no_error", "egress_block_plausible": "maybe"}, "egress_block_plausible"),
    ],
)
def test_a_bad_case_says_which_field(row: dict[str, Any], field: str) -> None:
    with pytest.raises(AskUnclear) as raised:
        case(row, 1)
    assert raised.value.finding.facts["field"] == field
