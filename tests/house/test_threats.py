"""docs/THREATS.md names tests that exist: a promise without a test is none."""

from __future__ import annotations

import re

from tests.house.source import none_of
from tests.shared import ROOT

NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def test_every_test_that_the_threats_name_is_there() -> None:
    named = NAMED.findall((ROOT / "docs" / "THREATS.md").read_text(encoding="utf-8"))
    assert len(named) > 30
    none_of(f"{path}::{name}" for path, name in named if not _is_there(path, name))


def _is_there(path: str, name: str) -> bool:
    file = ROOT / path
    return file.is_file() and bool(re.search(rf"(?m)^\s*(?:async def|def|class) {name}\b", file.read_text("utf-8")))
