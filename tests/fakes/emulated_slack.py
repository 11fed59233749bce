"""Slacks that nobody here wrote: npm `emulate` as a process, PyPI `backlot` in this one."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from slack_sdk import WebClient

from tests.fakes.slack_says import SECRET
from tests.shared import ROOT

FOLDER = ROOT / "tests" / "counterparts"
BOT_TOKEN, DANA_TOKEN, POOR_TOKEN = "xoxb-postern", "xoxp-dana", "xoxb-poor"
BOT = "U0POSTERN"
_SCOPES = ["chat:write", "channels:history", "channels:read", "users:read", "im:write"]
_ALL = [*_SCOPES, "channels:write", "channels:join", "channels:manage", "users:read.email"]
_APP = {"app_id": "A0POSTERN", "bot_id": "B0POSTERN", "bot_user_id": BOT}
SEED = {
    "slack": {
        "team": {"name": "Fincorp", "domain": "fincorp"},
        "signing_secret": SECRET,
        "strict_scopes": True,
        "users": [
            {"name": name, "real_name": name.title(), "email": f"{name}@fincorp.example"} for name in ("dana", "sam")
        ],
        "channels": [{"name": "egress-help", "topic": "egress"}],
        "oauth_apps": [
            {
                **_APP,
                "client_id": "1.2",
                "client_secret": "x",
                "name": "postern",
                "bot_name": "postern",
                "redirect_uris": ["http://localhost/cb"],
                "scopes": [*_SCOPES, "app_mentions:read"],
            }
        ],
        "tokens": [
            {**_APP, "token": BOT_TOKEN, "type": "bot", "user_id": BOT, "scopes": _SCOPES},
            {**_APP, "token": POOR_TOKEN, "type": "bot", "user_id": BOT, "scopes": ["users:read"]},
            {"token": DANA_TOKEN, "type": "user", "user": "dana", "scopes": _ALL},
        ],
    }
}


def free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]


@dataclass(frozen=True)
class Emulated:
    url: str
    our_port: int
    """Where events are delivered to."""

    @property
    def api(self) -> str:
        return f"{self.url}/api/"

    def client(self, token: str) -> WebClient:
        return WebClient(token=token, base_url=self.api)


@contextmanager
def emulated(folder: Path) -> Iterator[Emulated]:
    port, ours = free_ports()
    seed = folder / "seed.json"
    seed.write_text(json.dumps(SEED), encoding="utf-8")
    command = [
        "node",
        str(FOLDER / "slack_emulate.mjs"),
        str(port),
        str(seed),
        f"http://127.0.0.1:{ours}/slack/events",
        BOT,
    ]
    with (folder / "emulate.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=FOLDER, stdout=subprocess.PIPE, stderr=log, text=True, env={**os.environ}
        )
        assert process.stdout
        said = process.stdout.readline()
        assert said.startswith("READY "), (folder / "emulate.log").read_text()
        try:
            yield Emulated(said.split()[1], ours)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(10)
            process.stdout.close()
