"""The labelled reports beside the project: floors, on all of them and on each half by thread.

The floors stand below what was measured: exact 97.9 %, lenient 98.9 %, first host 99.5 %, egress block 94.2 %.
Rules were written with these reports in sight, so the figures on unseen ones are lower: keep the distance.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from skills.core.all_symptoms import Judgement, judge
from skills.core.report import read_report

Labelled = dict[str, Any]
Judged = list[tuple[Labelled, Judgement]]


@pytest.fixture(scope="module")
def judged(shared: Path) -> Judged:
    lines = (shared / "errors" / "dev.jsonl").read_text(encoding="utf-8").splitlines()
    rows: list[Labelled] = [json.loads(line) for line in lines]
    return [(row, judge(read_report(row["text"]))) for row in rows]


def exact(row: Labelled, judgement: Judgement) -> bool:
    return bool(judgement.symptom == row["symptom"])


def lenient(row: Labelled, judgement: Judgement) -> bool:
    return exact(row, judgement) or judgement.symptom in (row.get("symptom_alt") or ())


def wanted(row: Labelled) -> set[str]:
    return {item["host"].lower() for item in row["destination"] or ()}


def first_host(row: Labelled, judgement: Judgement) -> bool:
    """The first remote is one of the wanted ones; none where none is named."""
    if not judgement.destinations:
        return not wanted(row)
    return judgement.destinations[0].host in wanted(row)


def no_wrong_host(row: Labelled, judgement: Judgement) -> bool:
    return {seen.host for seen in judgement.destinations} <= wanted(row)


def client(row: Labelled, judgement: Judgement) -> bool:
    return bool(judgement.client == row["client"])


def flags(row: Labelled, judgement: Judgement) -> bool:
    return bool(set(judgement.envoy_flags) == set(row["envoy_flags"]))


def block(row: Labelled, judgement: Judgement) -> bool:
    """All `no_error` reports are labelled `no`, so they prove nothing here."""
    return bool(row["symptom"] == "no_error" or judgement.egress_block == row["egress_block_plausible"])


def not_yes_for_no(row: Labelled, judgement: Judgement) -> bool:
    return not (row["egress_block_plausible"] == "no" and judgement.egress_block == "yes")


Measure = Callable[[Labelled, Judgement], bool]
FLOORS: list[tuple[Measure, float]] = [
    (exact, 0.93), (lenient, 0.95), (first_host, 0.95), (no_wrong_host, 0.96), (client, 0.95), (flags, 0.98),
    (block, 0.90), (not_yes_for_no, 0.98),
]  # fmt: skip


@pytest.mark.needs_shared
@pytest.mark.parametrize("half", ["all", "first", "second"])
@pytest.mark.parametrize(("measure", "floor"), FLOORS, ids=[measure.__name__ for measure, _ in FLOORS])
def test_floor(judged: Judged, measure: Measure, floor: float, half: str) -> None:
    chosen = [
        (row, judgement)
        for row, judgement in judged
        if half == "all" or (zlib.crc32(row["group"].encode()) % 2 == 0) == (half == "first")
    ]
    missed = [row["id"] for row, judgement in chosen if not measure(row, judgement)]
    share = 1 - len(missed) / len(chosen)
    assert share >= floor, f"{measure.__name__}: {share:.1%}, missed {missed}"


@pytest.mark.needs_shared
def test_real_clients_against_real_servers(shared: Path) -> None:
    """Texts of curl, requests and git against squid, nginx and TLS servers: the proxy's denial is always heard."""
    rows = json.loads((shared / "errors" / "symptoms.json").read_text(encoding="utf-8"))
    for row in rows:
        judgement = judge(read_report(row["text"]))
        if row["case"] == "not in allowlist":
            assert (judgement.symptom, judgement.egress_block) == ("forbidden_403", "yes"), row
        if row["client"] == "nginx->curl":
            assert judgement.egress_block == "no", row
        if row["case"] in ("expired certificate", "name mismatch", "self-signed"):
            assert judgement.symptom.startswith("tls_") and judgement.egress_block != "yes", row
