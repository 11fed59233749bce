"""`postern eval` as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from bot.cli import main

SCHEMA = Path(__file__).parents[2] / "docs" / "schema" / "eval.json"
GOOD = {
    "id": "one",
    "text": "connect ECONNREFUSED 198.51.100.7:5432",
    "symptom": "connection_refused",
    "client": "node",
}


def written(path: Path, *lines: object) -> str:
    path.write_text("".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines))
    return str(path)


def test_figures_for_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = GOOD | {"id": "two", "symptom": "dns_failure"}
    assert main(["eval", written(tmp_path / "cases", GOOD, "\n", wrong)]) == 0
    out = capsys.readouterr().out
    assert "2 cases" in out
    assert "symptom, exact                    50.0 %" in out
    assert "dns_failure              connection_refused       1" in out
    assert "two: symptom" in out


def test_json_keeps_its_schema_and_a_bad_line_is_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path / "cases", GOOD, "nonsense\n", {"text": "a"}, [1])
    assert main(["eval", path, "--json"]) == 2
    data = json.loads(capsys.readouterr().out)
    jsonschema.validate(data, json.loads(SCHEMA.read_text()))
    assert data["cases"] == 1
    assert [bad["line"] for bad in data["bad_lines"]] == [2, 3, 4]
    assert [bad["error"]["code"] for bad in data["bad_lines"]] == ["EGR672", "EGR669", "EGR672"]


def test_a_bad_line_gets_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", written(tmp_path / "cases", "nonsense\n")]) == 2
    told = capsys.readouterr()
    left_out, nothing = told.err.splitlines()
    assert left_out == "Line 1 is left out. It is not a JSON object."
    assert "holds no cases" in nothing
    assert not told.out


@pytest.mark.parametrize("name", ["missing", "empty"])
def test_no_cases(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    (tmp_path / "empty").write_text("\n")
    assert main(["eval", str(tmp_path / name)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_case_that_tries_to_steer_a_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = {"id": "\x1b[2J", "text": "\x1b]0;x\x07 ECONNREFUSED", "symptom": "no_error"}
    assert main(["eval", written(tmp_path / "cases", row)]) == 0
    assert "\x1b" not in capsys.readouterr().out
