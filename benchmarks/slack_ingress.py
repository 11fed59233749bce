"""What Slack sends, taken in durably, beside a Bolt app that does nothing: requests a second, and how long each waits.

    python -m benchmarks.slack_ingress [SECONDS]      default 3, for each measure and round

Both are served by the same aiohttp in a process of their own, one after the other in each round; a third process asks
over kept connections. The floor verifies signatures and runs an empty listener; ours also commits a row to SQLite (WAL,
a full flush) before it answers. Nothing works the rows off meanwhile: what is measured is what Slack waits for. Both
are as in a service that runs: the database is open, and half a second of the same goes before that is not counted.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_bolt.authorization import AuthorizeResult

from benchmarks.check_path import percentile
from bot.serve import answer_promptly
from bot.slack.connect import build
from bot.slack.inbox import Inbox, Post, Taken
from bot.world.memory import Memory, sqlite_url
from tests.fakes.slack_says import FORM, JSON, SECRET, signed

ROUNDS = 3
WARM_UP = 0.5  # seconds
PATH = "/slack/events"
KINDS = ("event", "command", "click")
TEXT = "<@UBOT> payment-gateway gets curl: (28) Failed to connect to api.twilio.com port 443 after 30001 ms: Timeout. "
AIMS = {
    ("event", 16): "0.60, p99 2 times",
    ("event", 64): "0.70, p99 2 times",
    ("command", 64): "p99 3 times",
    ("click", 64): "p99 3 times",
}
_numbers = count()


@dataclass(frozen=True)
class Measured:
    per_second: float
    p99: float  # milliseconds
    work: float = 0.0  # microseconds of the server's processor time for each request


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 3.0
    for connections, kinds in ((16, ("event",)), (64, KINDS)):
        for kind in kinds:
            found: dict[str, list[Measured]] = {"floor": [], "inbox": []}
            for _ in range(ROUNDS):
                for name, each in found.items():
                    with served(name) as (port, spent):
                        asyncio.run(load(port, kind, connections, WARM_UP))
                        before = spent()
                        found_now = asyncio.run(load(port, kind, connections, seconds))
                        work = (spent() - before) / (found_now.per_second * seconds) * 1e6
                        each.append(replace(found_now, work=work))
            _report(kind, connections, found)


def _report(kind: str, connections: int, found: dict[str, list[Measured]]) -> None:
    rate = {name: statistics.median(each.per_second for each in found[name]) for name in found}
    work = {name: statistics.median(each.work for each in found[name]) for name in found}
    slow = {name: statistics.median(each.p99 for each in found[name]) for name in found}
    print(
        f"{kind}s at {connections} connections: {rate['inbox']:,.0f} / {rate['floor']:,.0f} a second"
        f" = {rate['inbox'] / rate['floor']:.2f}; p99 {slow['inbox']:.1f} / {slow['floor']:.1f} ms"
        f" = {slow['inbox'] / slow['floor']:.1f}; processor time {work['inbox']:.0f} / {work['floor']:.0f} us,"
        f" so {work['floor'] / work['inbox']:.2f} of the floor's rate   (aim: {AIMS[kind, connections]})",
        flush=True,
    )


# --- who asks


async def load(port: int, kind: str, connections: int, seconds: float) -> Measured:
    """Each connection asks anew as soon as it is answered."""
    until = time.perf_counter() + seconds
    waits = await asyncio.gather(*(_ask(port, kind, until) for _ in range(connections)))
    all_of_them = [wait for each in waits for wait in each]
    return Measured(len(all_of_them) / seconds, percentile(all_of_them, 0.99) * 1000)


async def _ask(port: int, kind: str, until: float) -> list[float]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    waits = []
    while time.perf_counter() < until:
        asked = request(kind, next(_numbers))
        began = time.perf_counter()
        writer.write(asked)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.decode())
        length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        await reader.readexactly(length)
        waits.append(time.perf_counter() - began)
    writer.close()
    return waits


def request(kind: str, number: int) -> bytes:
    """A signed request of some 1.6 kB, as Slack sends it."""
    body, content = _body(kind, number)
    head = {"host": "localhost", **signed(body, content), "content-length": str(len(body))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    return f"POST {PATH} HTTP/1.1\r\n{lines}\r\n{body}".encode()


def _body(kind: str, number: int) -> tuple[str, str]:
    if kind == "event":
        event = {"type": "app_mention", "user": f"U{number % 100}", "text": TEXT, "ts": f"1.{number}", "channel": "C1"}
        event |= {"blocks": [{"type": "rich_text", "elements": [{"type": "text", "text": TEXT * 8}]}]}  # type: ignore[dict-item]
        body = {"type": "event_callback", "team_id": "T1", "api_app_id": "A1", "event_id": f"E{number}", "event": event}
        return json.dumps(body), JSON
    if kind == "command":
        given = {"command": "/egress", "text": TEXT, "team_id": "T1", "channel_id": "C1", "user_id": "U1"}
        return urlencode({**given, "trigger_id": str(number)}), FORM
    action = {"type": "button", "action_id": "postern_step_draft", "block_id": "b", "action_ts": str(number)}
    click = {"type": "block_actions", "team": {"id": "T1"}, "user": {"id": "U1"}, "actions": [action]}
    click |= {"channel": {"id": "C1"}, "message": {"ts": "1.0", "text": TEXT * 8}}
    return urlencode({"payload": json.dumps(click)}), FORM


# --- who answers


@contextmanager
def served(name: str) -> Iterator[tuple[int, Callable[[], float]]]:
    """Its port, and what tells how much processor time it has spent so far, in seconds."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    with tempfile.TemporaryDirectory() as folder:
        process = multiprocessing.get_context("spawn").Process(target=_serve, args=(name, folder, theirs), daemon=True)
        process.start()
        try:
            port = int(ours.recv())

            def spent() -> float:
                ours.send("spent")
                return float(ours.recv())

            yield port, spent
        finally:
            process.kill()
            process.join()


def _serve(name: str, folder: str, told: Connection) -> None:
    answer_promptly()
    asyncio.run(_answer(_ours(folder) if name == "inbox" else _floor(), told))


async def _answer(app: AsyncApp, told: Connection) -> None:
    runner = web.AppRunner(app.web_app(path=PATH), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    told.send(runner.addresses[0][1])
    while await asyncio.to_thread(told.recv):
        told.send(time.process_time())


def _floor() -> AsyncApp:
    async def authorize(**_given: Any) -> AuthorizeResult:
        return AuthorizeResult(enterprise_id=None, team_id="T1", bot_token="xoxb-not-real", bot_id="B1")

    app = AsyncApp(signing_secret=SECRET, authorize=authorize, process_before_response=True)

    async def event() -> None: ...

    async def acknowledged(ack: AsyncAck) -> None:
        await ack()

    app.event("app_mention")(event)
    app.command("/egress")(acknowledged)
    app.action("postern_step_draft")(acknowledged)
    return app


def _ours(folder: str) -> AsyncApp:
    memory = Memory(sqlite_url(Path(folder) / "postern.db"))
    memory.todo()  # lays the tables out, as a service has done before anybody can reach it
    inbox = Inbox(memory, "allowlist", lambda: datetime.now(UTC))

    async def nothing(_taken: Taken) -> Sequence[Post]:
        return ()

    for kind in ("event:app_mention", "command:/egress", "action:postern_step_draft"):
        inbox.on(kind, nothing)
    return build(SECRET, "xoxb-not-real", inbox)


if __name__ == "__main__":
    main()
