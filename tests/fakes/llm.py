"""fakellm behind real HTTP in OpenAI's and Anthropic's shapes, and a line before it that waits, refuses and breaks off."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import yaml

from tests.fakes.loopback import free_port, wait_for

CHECK = {"name": "check", "arguments": {"for": "payment-gateway", "to": ["api.twilio.com"]}}
RULES = [
    {"name": "endless", "when": {"model_matches": "*endless*"}, "respond": {"tool_calls": [CHECK]}},
    {
        "name": "malformed",
        "when": {"model_matches": "*malformed*", "turn": 1},
        "respond": {"tool_calls": [{"name": "check", "arguments": "{'for"}]},
    },
    {
        "name": "answer",
        "when": {"tool_result_contains": "payment-gateway"},
        "respond": {"content": "That is the service for the payments. {1} It is allowed."},
    },
    {"name": "look", "when": {"tools_include": "check"}, "respond": {"tool_calls": [CHECK]}},
]


@contextmanager
def fakellm(folder: Path) -> Iterator[str]:
    """Its address; the model's name says how it behaves."""
    rules = folder / "rules.yaml"
    rules.write_text(yaml.safe_dump({"rules": RULES}))
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "fakellm.server:app", "--port", str(port), "--log-level", "error"]
    process = subprocess.Popen(command, env={**os.environ, "FAKELLM_CONFIG": str(rules)})
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{url}/_fakellm/stats", tries=400, pause=0.05)
        yield url
    finally:
        process.terminate()
        process.wait(10)


class Cut(BaseHTTPRequestHandler):
    """Hands everything on, keeps what was sent, waits, refuses, and closes the line in the middle of an answer."""

    to: ClassVar[str] = ""
    after: ClassVar[int | None] = None
    refuses: ClassVar[Mapping[str, int]] = {"busy": 429, "broken": 503}
    bodies: ClassVar[list[bytes]] = []
    may_answer: ClassVar[threading.Event] = threading.Event()
    """Cleared, nothing is answered until it is set."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        Cut.bodies.append(body)
        Cut.may_answer.wait(30)
        status = next((code for name, code in self.refuses.items() if name in json.loads(body)["model"]), None)
        if status:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        request = urllib.request.Request(f"{Cut.to}{self.path}", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            whole = answer.read()
        self.send_response(200)
        self.send_header("Content-Type", answer.headers["Content-Type"])
        self.send_header("Content-Length", str(len(whole)))
        self.end_headers()
        self.wfile.write(whole if Cut.after is None else whole[: Cut.after])

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@contextmanager
def line_to(server: str) -> Iterator[str]:
    """A line that hands on everything, and forgets what went over it before."""
    Cut.to, Cut.after = server, None
    Cut.bodies.clear()
    Cut.may_answer.set()
    line = ThreadingHTTPServer(("127.0.0.1", 0), Cut)
    threading.Thread(target=line.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{line.server_address[1]}"
    finally:
        Cut.may_answer.set()
        line.shutdown()
        line.server_close()
