"""From a mention in Slack to the first useful answer in its thread: request, inbox, turn, outbox, Slack's server.

    python -m benchmarks.slack_answers [MANIFESTS] [MENTIONS]      default 10000 and 40

No language model; the allowlist has been read once, as a running service has it. Slack is a server on loopback.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.check_path import percentile
from benchmarks.manifests import manifests
from bot.serve import slack_person
from bot.slack.service import Slack
from tests.apps import app_on
from tests.fakes.slack_api import slack_api
from tests.fakes.slack_says import SECRET, event, send

ASKS = (
    "<@UBOT> p{0} must reach api1.partner{0}.example",
    "<@UBOT> p{0} gets curl: (28) Failed to connect to api.nobody.example port 443 after 30001 ms: Timeout was reached",
)


async def measure(count: int, mentions: int) -> list[float]:
    """Seconds of each mention, one after the other."""
    waits = []
    with tempfile.TemporaryDirectory() as folder:
        app = app_on(dict(manifests(count)), Path(folder))
        given = (app.memory, app.repository, app.clock, app.conversation, slack_person)
        async with slack_api() as api:
            slack = Slack(*given, secret=SECRET, token="xoxb-not-real", client=api.client)
            told = asyncio.Event()
            slack.told = told.set
            slack.outbox.freed = told.set
            app.names()
            slack.start()
            sending = asyncio.create_task(_send(slack, told))
            for number in range(mentions):
                project = 3 * (number + 1)
                began = time.perf_counter()
                asked = ASKS[number % 2].format(project)
                await send(slack.bolt, event(asked, ts=f"{number}.0", channel=f"C{number}", event_id=f"E{number}"))
                while not any(
                    each["thread_ts"] == f"{number}.0" and "Reading" not in each["text"] for each in api.posted
                ):
                    await asyncio.sleep(0.005)
                waits.append(time.perf_counter() - began)
            sending.cancel()
            await slack.stop()
            slack.close()
    return waits


async def _send(slack: Slack, told: asyncio.Event) -> None:
    while True:
        await slack.outbox.begin()
        await told.wait()
        told.clear()


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    waits = asyncio.run(measure(count, int(sys.argv[2]) if len(sys.argv) > 2 else 40))
    print(
        f"mention to answer, {count} manifests: p50 {percentile(waits, 0.5) * 1000:.0f} ms,"
        f" p95 {percentile(waits, 0.95) * 1000:.0f} ms   (aim: p95 below 1 s)",
        flush=True,
    )


if __name__ == "__main__":
    main()
