"""The command line starts at once: a thousand `postern check` in a pipeline pay for every import."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.source import existing, none_of
from tests.shared import ROOT

COMMAND_LINE = "bot.cli"
YARDSTICK = "pydantic"
AT_MOST = 1.0
HEAVY = (
    "langchain",
    "langchain_core",
    "gitlab",
    "slack_bolt",
    "slack_sdk",
    "dbos",
    "sqlalchemy",
    "alembic",
    "git",
    "aiohttp",
)

# Functions that run while a module is imported: a loaded machine counts the same.
COUNTED = """
import sys
calls = 0
def count(_frame, event, _what):
    global calls
    calls += event in ("call", "c_call")
sys.setprofile(count)
import {name}
sys.setprofile(None)
print(calls)
"""


def _run(code: str) -> str:
    """A fresh interpreter that finds compiled files, as an installed package has them."""
    env = {key: value for key, value in os.environ.items() if key not in {"PYTHONDONTWRITEBYTECODE", "COVERAGE_RUN"}}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr.splitlines()[-1:]
    return done.stdout


def test_import_costs_no_more_than_pydantic() -> None:
    existing("bot", "cli.py")

    def calls(name: str) -> int:
        return int(_run(COUNTED.format(name=name)))

    calls(COMMAND_LINE), calls(YARDSTICK)  # the first of each compiles
    ours, yardstick = calls(COMMAND_LINE), calls(YARDSTICK)
    assert ours <= AT_MOST * yardstick, f"{ours} calls against {yardstick}"


def test_import_leaves_heavy_libraries_alone() -> None:
    existing("bot", "cli.py")
    loaded = _run(f"import sys, {COMMAND_LINE}; print(*sorted(sys.modules))").split()
    none_of(library for library in HEAVY if library in loaded)


WORKED = """
import io, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.apps import app_on_sample
from bot.cli import main
folder = Path({folder!r})
app_on_sample(folder)
sys.stdin = io.StringIO({said!r})
try:
    status = main([*{words!r}, "--config", str(folder / "allowlist.git")])
except SystemExit as ended:
    status = ended.code
print("STATUS", status, *sorted(name for name in sys.modules if name in ("dbos", "bot.lifecycle.engine")))
"""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("check", "--for", "payment-gateway", "--to", "api.twilio.com"), ""),
        (("propose", "--for", "payment-gateway", "--to", "api.twilio.com", "--reason", "SMS"), ""),
        (("chat",), "let payment-gateway reach api.twilio.com because of SMS\nyes\n"),
    ],
)
def test_only_a_service_pays_for_the_durable_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], said: str
) -> None:
    """Not even where something is proposed and carried out."""
    monkeypatch.setenv("POSTERN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("POSTERN_PERSON", "dana@fincorp.example")
    code = WORKED.format(root=str(ROOT), folder=str(tmp_path), said=said, words=words)
    last = _run(code).splitlines()[-1].split()
    assert last[:2] in (["STATUS", "0"], ["STATUS", "3"])
    assert last[2:] == []
