"""Golden cases: each folder below tests/cases/<skill>/ is one, readable by somebody who knows networks and not Python.

ask.yaml      the ask's fields
config/       the allowlist; without it the shipped sample is read
answer.yaml   what must hold: `exit_status`, `lines` (words that must stand in the reply), `not_lines`
              (words that must not), `data` (a part of the JSON object), `codes`, `not_codes`, `diff`
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from bot.sample import files
from skills.all_skills import by_name
from skills.replies import reply
from tests.worlds import files_of, world

CASES = Path(__file__).parent / "cases"
SCHEMAS = Path(__file__).parents[1] / "docs" / "schema"
SKILLS = ("check", "diagnose", "draft")


def _folders() -> list[Path]:
    return sorted(folder for skill in SKILLS for folder in (CASES / skill).iterdir() if (folder / "ask.yaml").exists())


@pytest.mark.parametrize("folder", _folders(), ids=lambda folder: f"{folder.parent.name}/{folder.name}")
def test_case(folder: Path) -> None:
    skill = by_name(folder.parent.name)
    ask = skill.Ask.model_validate(yaml.safe_load((folder / "ask.yaml").read_text()))
    config = folder / "config"
    answer = skill.run(ask, world(files_of(config) if config.is_dir() else files()))
    wanted = yaml.safe_load((folder / "answer.yaml").read_text())
    assert wanted, "an answer that demands nothing checks nothing"
    made = reply(skill.NAME, answer)
    shown = f"{made.text}\n{made.diff}\n{made.hint}"
    codes = {finding.code for finding in answer.findings}
    assert len(made.lines) + bool(made.hint) <= 6
    assert wanted.get("exit_status", answer.exit_status) == answer.exit_status
    for words in wanted.get("lines", ()):
        assert words in shown
    for words in wanted.get("not_lines", ()):
        assert words not in shown
    assert set(wanted.get("codes", ())) <= codes
    assert not set(wanted.get("not_codes", ())) & codes
    if "diff" in wanted:
        assert changed_lines(made.diff) == wanted["diff"].splitlines()
    jsonschema.validate(answer.data, json.loads((SCHEMAS / f"{skill.NAME}.json").read_text()))
    differences = list(_missing(wanted.get("data", {}), answer.data, "data"))
    assert not differences, "\n".join(differences)


def changed_lines(diff: str) -> list[str]:
    return [line for line in diff.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")]


def _missing(wanted: Any, got: Any, at: str) -> Any:
    """Every place where `got` is not at least what is wanted."""
    if isinstance(wanted, dict) and isinstance(got, dict):
        for name, value in wanted.items():
            yield from _missing(value, got.get(name), f"{at}.{name}")
    elif isinstance(wanted, list) and isinstance(got, list) and len(wanted) == len(got):
        for number, (one, other) in enumerate(zip(wanted, got, strict=True)):
            yield from _missing(one, other, f"{at}[{number}]")
    elif wanted != got:
        yield f"{at}: wanted {wanted!r}, got {got!r}"
