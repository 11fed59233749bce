"""`postern serve` as it is started and stopped: SIGTERM, SIGINT, and a second one on the same SQLite database."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.apps import app_on_sample
from tests.durable.services import PATIENCE, until
from tests.fakes.loopback import free_port, listens
from tests.shared import ROOT

pytest.importorskip("slack_bolt")


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    app = app_on_sample(tmp_path)
    settings = {
        "POSTERN_HOME": str(app.settings.home),
        "POSTERN_CONFIG": app.repo.where,
        "POSTERN_SLACK_BOT_TOKEN": "xoxb-nobody",
        "POSTERN_SLACK_SIGNING_SECRET": "nothing",
    }
    return {**os.environ, **settings}


def serve(env: dict[str, str], port: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "bot", "serve", "--port", str(port), "--host", "127.0.0.1"]
    return subprocess.Popen(command, cwd=ROOT, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.fixture
def served(env: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    port = free_port()
    process = serve(env, port)
    until(lambda: process.poll() is not None or listens(port), "it answers")
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_it_ends_when_it_is_told_to(served: subprocess.Popen[str], number: signal.Signals) -> None:
    served.send_signal(number)
    _, said = served.communicate(timeout=PATIENCE)
    assert served.returncode == 0
    assert "Traceback" not in said


def test_a_second_one_is_refused_in_one_sentence(served: subprocess.Popen[str], env: dict[str, str]) -> None:
    second = serve(env, 0)
    _, said = second.communicate(timeout=PATIENCE)
    assert second.returncode == 7
    assert said.strip().count("\n") == 0
    assert f"Another postern serve (process {served.pid}) works on the database" in said
