"""`postern serve` dies of SIGKILL while a language model is asked: the rules' answer stands, once, and nothing half beside it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest

pytest.importorskip("langchain_openai")
pytest.importorskip("slack_bolt")
pytest.importorskip("dbos")

from tests.durable.test_slack_kill import Town
from tests.fakes.llm import Cut, fakellm, line_to
from tests.fakes.slack_api import slack_api
from tests.fakes.slack_says import event, signed, written

pytestmark = [pytest.mark.slow, pytest.mark.needs("fakellm"), pytest.mark.asyncio]


async def say(town: Town, text: str, ts: str) -> None:
    body, kind = written(event(text, ts=ts, channel="D1", kind="message", channel_type="im", event_id=f"E{ts}"))
    url, headers = f"http://127.0.0.1:{town.port}/slack/events", signed(body, kind)
    async with aiohttp.ClientSession() as session, session.post(url, data=body.encode(), headers=headers) as answer:
        assert answer.status == 200


async def test_killed_between_the_two_the_rules_answer_is_left(tmp_path: Path) -> None:
    (tmp_path / "llm").mkdir()
    with fakellm(tmp_path / "llm") as server, line_to(server) as url:
        async with slack_api() as api:
            town = Town(api, tmp_path)
            town.env |= {"POSTERN_MODEL": "openai:gpt-good", "POSTERN_MODEL_URL": f"{url}/v1"}
            await town.start()
            try:
                Cut.may_answer.clear()
                await say(town, "hmm, that thing which takes the card payments fails to api.twilio.com", "1.0")
                await town.until(lambda: Cut.bodies and api.posted)
                answered = list(api.texts())
                town.kill()
                await town.start()
                Cut.may_answer.set()
                await asyncio.sleep(2.0)  # for what might come a second time
                assert api.texts() == answered
                assert "No workload in this repository is called payments" in answered[0]
                await say(town, "hmm, and what of that other thing for the cards with api.twilio.com", "2.0")
                await town.until(lambda: any("That is the service for the payments." in text for text in api.texts()))
                assert [each["thread_ts"] for each in api.posted].count("1.0") == len(answered)
            finally:
                town.kill()
