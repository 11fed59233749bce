"""The command line starts at once: a thousand `postern check` in a pipeline pay for every import."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.house.source import existing, none_of
from tests.shared import ROOT

COMMAND_LINE = "bot.cli"
YARDSTICK = "pydantic"
AT_MOST = 3.0
TRIES = 7
HEAVY = ("langchain", "langchain_core", "gitlab", "slack_bolt", "slack_sdk", "dbos", "sqlalchemy", "git", "aiohttp")

TIMED = "import time; began = time.perf_counter(); import {name}; print(time.perf_counter() - began)"


def _run(code: str, cache: Path) -> str:
    """A fresh interpreter with compiled files of its own, as an installed package has them."""
    env = {key: value for key, value in os.environ.items() if key not in {"PYTHONDONTWRITEBYTECODE", "COVERAGE_RUN"}}
    env["PYTHONPYCACHEPREFIX"] = str(cache)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr.splitlines()[-1:]
    return done.stdout


def test_import_costs_at_most_three_times_pydantic(tmp_path: Path) -> None:
    existing("bot", "cli.py")

    def seconds(name: str) -> float:
        return float(_run(TIMED.format(name=name), tmp_path))

    seconds(COMMAND_LINE), seconds(YARDSTICK)  # the first of each compiles
    pairs = [(seconds(COMMAND_LINE), seconds(YARDSTICK)) for _ in range(TRIES)]
    ours, yardstick = (min(times) for times in zip(*pairs, strict=True))
    assert ours <= AT_MOST * yardstick, f"{ours * 1000:.0f} ms against {yardstick * 1000:.0f} ms"


def test_import_leaves_heavy_libraries_alone(tmp_path: Path) -> None:
    existing("bot", "cli.py")
    loaded = _run(f"import sys, {COMMAND_LINE}; print(*sorted(sys.modules))", tmp_path).split()
    none_of(library for library in HEAVY if library in loaded)
