"""Skips are counted by name, and where all must run a skip is a failure, in one process and in several."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.shared import ROOT

Run = Callable[..., str]

SAMPLE = """
import pytest

@pytest.mark.needs("no-such-program")
def test_program(): raise AssertionError

@pytest.mark.needs("sys")
def test_module(): pass

@pytest.mark.needs_shared
def test_data(shared): raise AssertionError

def test_fixture(shared): raise AssertionError

@pytest.mark.xfail(strict=True)
def test_expected(): raise AssertionError
"""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    tests = tmp_path / "tests"
    tests.mkdir()
    for name in ("conftest.py", "shared.py"):
        shutil.copy(ROOT / "tests" / name, tests)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tests / "test_sample.py").write_text(SAMPLE)

    def start(*words: str, all_must_run: bool = False) -> str:
        env = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "POSTERN_"))}
        env |= {"POSTERN_REQUIRE_ALL": "1"} if all_must_run else {}
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words]
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False).stdout

    return start


@pytest.mark.parametrize("workers", ["0", pytest.param("1", marks=pytest.mark.slow)])
def test_skips_are_counted_by_name(run: Run, workers: str) -> None:
    said = run("-n", workers)
    assert "skipped by name: no-such-program 1, shared corpus 2" in said
    assert "1 passed, 3 skipped, 1 xfailed" in said


def test_a_skip_fails_where_all_must_run(run: Run) -> None:
    said = run("-n", "0", all_must_run=True)
    assert "skipped where all must run: needs no-such-program" in said
    assert "1 passed, 1 xfailed, 3 errors" in said
