"""The demo as people start it, in a process of its own, and a real Chromium before it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.shared import ROOT

playwright = pytest.importorskip("playwright.sync_api")

CHROMIUM = shutil.which("chromium") or "chromium"
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync"
)
PATIENCE = 30_000  # milliseconds: a loaded machine takes longer


@contextmanager
def demo(folder: Path) -> Iterator[str]:
    """Gives the address that the demo prints. It stops as on Ctrl+C, and must end in order."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(folder), "DISPLAY": "", "WAYLAND_DISPLAY": ""}
    command = [sys.executable, "-m", "bot", "demo", "--page"]
    started = subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert started.stdout
        first = started.stdout.readline()
        address = re.search(r"http://127\.0\.0\.1:\d+/#\S+", first)
        assert address, first + (started.stderr.read() if started.stderr else "")
        yield address[0]
    finally:
        started.send_signal(signal.SIGINT)
        _, said = started.communicate(timeout=30)
    assert started.returncode == 0
    assert "Traceback" not in said


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with demo(tmp_path_factory.mktemp("demo")) as made:
        yield made


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Ends with its module: while Playwright is open its loop runs, and no test that is a coroutine could."""
    with playwright.sync_playwright() as here:
        browser = here.chromium.launch(executable_path=CHROMIUM, args=FLAGS.split())
        yield browser
        browser.close()


Open = Callable[..., Any]


@pytest.fixture
def open_page(chromium: Any, address: str) -> Iterator[Open]:
    """Opens the workspace, with options of a browser's context. What the page logs or asks elsewhere is a failure."""
    wrong: list[str] = []
    home = address.partition("#")[0]

    def opened(**options: Any) -> Any:
        page = stack.enter_context(closing(chromium.new_context(**options))).new_page()
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda failure: wrong.append(str(failure)))
        page.on("console", lambda said: wrong.append(said.text) if said.type in ("error", "warning") else None)
        page.on("request", lambda asked: None if asked.url.startswith((home, "data:")) else wrong.append(asked.url))
        page.goto(address)
        page.get_by_role("heading", name="# payments").wait_for()
        return page

    with ExitStack() as stack:
        yield opened
    assert wrong == []


@contextmanager
def closing(context: Any) -> Iterator[Any]:
    yield context
    context.close()
