"""`postern serve` dies of SIGKILL while people ask in Slack: no answer is lost, none is given twice.

Real processes over HTTP: Slack's side signs, repeats what is not acknowledged as Slack does, and remembers each post.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import pytest

pytest.importorskip("slack_bolt")
pytest.importorskip("dbos")

from tests.apps import app_on_sample
from tests.durable.services import PATIENCE
from tests.fakes.loopback import free_port, listens
from tests.fakes.slack_api import SlackApi, slack_api
from tests.fakes.slack_says import SECRET, event, signed, written
from tests.shared import ROOT

pytestmark = pytest.mark.asyncio
CHANNELS = 100


class Town:
    """Slack on one side, a service that can be killed on the other."""

    def __init__(self, api: SlackApi, folder: Path) -> None:
        app = app_on_sample(folder)
        self.port = free_port()
        self.api = api
        self.env = {
            **os.environ,
            "POSTERN_HOME": str(app.settings.home),
            "POSTERN_CONFIG": app.repo.where,
            "POSTERN_SLACK_BOT_TOKEN": "xoxb-not-real",
            "POSTERN_SLACK_SIGNING_SECRET": SECRET,
            "POSTERN_SLACK_API": api.url,
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.log = folder / "log"

    async def start(self) -> None:
        command = [sys.executable, "-m", "bot", "serve", "--port", str(self.port), "--host", "127.0.0.1"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=self.env, stdout=log, stderr=log)
        await self.until(self.answers)

    def answers(self) -> bool:
        assert self.process is None or self.process.poll() is None, self.log.read_text()
        return listens(self.port)

    def kill(self, number: int = signal.SIGKILL) -> None:
        assert self.process
        self.process.send_signal(number)
        self.process.wait(PATIENCE)

    async def until(self, what: Any, patience: float = PATIENCE) -> None:
        async with asyncio.timeout(patience):
            while not what():
                await asyncio.sleep(0.05)

    async def say(self, session: aiohttp.ClientSession, number: int) -> None:
        """As Slack: what was not acknowledged within three seconds comes again."""
        text = "<@UBOT> payment-gateway must reach hooks.slack.com"
        body, kind = written(event(text, ts=f"{number}.0", channel=f"C{number % CHANNELS}", event_id=f"E{number}"))
        for attempt in range(1000):
            headers = signed(body, kind, x_slack_retry_num=str(attempt))
            url, wait = f"http://127.0.0.1:{self.port}/slack/events", aiohttp.ClientTimeout(3)
            try:
                async with session.post(url, data=body.encode(), headers=headers, timeout=wait) as answer:
                    if answer.status == 200:
                        return
            except (aiohttp.ClientError, TimeoutError):
                pass
            await asyncio.sleep(0.2)

    async def people_ask(self, count: int, per_second: float, die_after: float) -> Counter[str]:
        """How often each thread was answered, when all were acknowledged and nothing waits."""
        async with aiohttp.ClientSession() as session:
            began, asking = time.monotonic(), []
            killed = asyncio.create_task(self._die(die_after))
            for number in range(count):
                asking.append(asyncio.create_task(self.say(session, number)))
                await asyncio.sleep(max(0.0, began + number / per_second - time.monotonic()))
            await asyncio.gather(killed, *asking)
        await self.until(lambda: len(self.threads()) == count, PATIENCE + count)
        await asyncio.sleep(1.0)  # for what might come a second time
        return self.threads()

    async def _die(self, after: float) -> None:
        await asyncio.sleep(after)
        self.kill()
        await self.start()

    def threads(self) -> Counter[str]:
        return Counter(str(each["thread_ts"]) for each in self.api.posted)


@pytest.mark.parametrize(
    ("count", "per_second"),
    [(30, 15), pytest.param(3000, 50, marks=pytest.mark.slow)],
    ids=["two seconds", "a minute"],
)
async def test_no_answer_is_lost_and_none_is_given_twice(tmp_path: Path, count: int, per_second: int) -> None:
    async with slack_api() as api:
        town = Town(api, tmp_path)
        await town.start()
        try:
            when = count / per_second * random.Random(7).uniform(0.3, 0.7)
            answered = await town.people_ask(count, per_second, when)
        finally:
            town.kill(signal.SIGTERM)
        assert len(answered) == count
        assert {thread: times for thread, times in answered.items() if times != 1} == {}
        assert all("Yes: payment-gateway" in text for text in api.texts())
