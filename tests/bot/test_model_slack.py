"""In Slack with a language model: signed events through the real app, real clients over real HTTP, the rules' answer first.

Whatever the provider does, the answer by rule stands there already; what the model adds comes below it in the same thread, marked.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

pytest.importorskip("langchain_openai")
pytest.importorskip("slack_bolt")

from bot.serve import slack_person
from bot.settings import Secret
from bot.slack.service import Slack
from tests.apps import app_on_sample, head_of, set_to
from tests.bot.test_slack import POLICY
from tests.bot.test_surfaces import Office, Workplace
from tests.fakes.block_kit import check_message
from tests.fakes.llm import Cut, fakellm, line_to
from tests.fakes.slack_api import slack_api

pytestmark = [pytest.mark.needs("fakellm"), pytest.mark.asyncio]
LOOSE = "hmm, that thing which takes the card payments fails on the way to api.twilio.com"
RULES = "No workload in this repository is called payments"
MARK = "Written by a language model"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with fakellm(tmp_path_factory.mktemp("fakellm")) as url:
        yield url


Open = Callable[..., Any]


@pytest.fixture
def opened(tmp_path: Path, server: str) -> Open:
    """An office whose model has this name; the name says how it behaves."""

    @asynccontextmanager
    async def at(model: str, **settings: Any) -> AsyncIterator[Office]:
        app, api = app_on_sample(tmp_path, policy=POLICY), Workplace()
        with line_to(server) as url:
            settings |= {"model": model, "model_url": f"{url}/v1", "model_key": Secret("sk-canary-key")}
            set_to(app, **settings)
            async with slack_api(api):
                parts = (app.memory, app.repository, app.clock, app.conversation, slack_person)
                office: Office
                slack = Slack(*parts, secret="not-a-real-signing-secret", token="xoxb-not-real", client=api.client)
                office = Office(app, api, slack)
                yield office
                Cut.may_answer.set()
                await until(
                    office, lambda: office.api.statuses.count("active") >= office.api.statuses.count("processing")
                )
                for sent in api.posted:
                    check_message(sent)
                assert "sk-canary-key" not in json.dumps(api.posted)
                slack.close()

    return at


async def until(office: Office, what: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not what():
            await asyncio.sleep(0.02)
            await office.slack.drained()


def shown(office: Office) -> str:
    return "\n".join(str(each["text"]) for each in office.api.posted)


async def asked(office: Office, text: str = "", ts: str = "1.0") -> None:
    """A message to the bot itself; the rules' answer is there when this returns."""
    await office.say(text or f"{LOOSE} {uuid4().hex}", channel="D1", ts=ts, type="message", channel_type="im")


async def test_the_rules_answer_stands_there_before_the_model_says_a_word(opened: Open) -> None:
    async with opened("openai:gpt-good") as office:
        Cut.may_answer.clear()
        await asked(office)
        assert RULES in shown(office)
        assert MARK not in shown(office)
        await until(office, lambda: len(Cut.bodies) == 1)
        before = len(office.api.posted)
        Cut.may_answer.set()
        await until(office, lambda: MARK in shown(office))
        assert {each.get("thread_ts") for each in office.api.posted} == {"1.0"}
        assert len(office.api.posted) > before
        said = next(str(each["text"]) for each in office.api.posted if MARK in str(each["text"]))
        assert said.startswith(MARK)
        assert "That is the service for the payments." in said
        assert "It is allowed" not in shown(office)


async def test_slack_shows_that_the_model_is_at_work_until_it_has_ended(opened: Open) -> None:
    async with opened("openai:gpt-good") as office:
        Cut.may_answer.clear()
        await asked(office)
        await until(office, lambda: len(Cut.bodies) == 1)
        await until(office, lambda: office.api.statuses.count("processing") == 2)
        Cut.may_answer.set()
        await until(office, lambda: office.api.statuses.count("active") == 2)
        await until(office, lambda: MARK in shown(office))


async def test_the_stop_button_ends_what_the_model_would_add(opened: Open) -> None:
    async with opened("openai:gpt-good") as office:
        Cut.may_answer.clear()
        await asked(office)
        await until(office, lambda: len(Cut.bodies) == 1)
        stop = {"type": "agent_session_stopped", "channel": "D1", "thread_ts": "1.0", "user": "UDANA"}
        await office.send({"type": "event_callback", "team_id": "T1", "event_id": "Es", "event": stop})
        assert office.last.startswith("Stopped.")
        count, state = len(office.api.posted), office.app.memory.thread("slack:T1:D1:1.0").state
        Cut.may_answer.set()
        await until(
            office, lambda: office.api.statuses.count("processing") == 2 and "active" in office.api.statuses[3:]
        )
        assert len(office.api.posted) == count
        assert len(Cut.bodies) == 1
        assert office.app.memory.thread("slack:T1:D1:1.0").state == state
        await asked(office, ts="2.0")
        await until(office, lambda: MARK in shown(office))


@pytest.mark.parametrize("model", [pytest.param("openai:gpt-busy", marks=pytest.mark.slow), "openai:gpt-broken"])
async def test_a_provider_that_refuses_is_a_note_below_the_answer(opened: Open, model: str) -> None:
    async with opened(model) as office:
        await asked(office)
        assert RULES in shown(office)
        await until(office, lambda: "The language model does not answer at the moment" in office.last)
        assert office.api.posted[-1]["thread_ts"] == "1.0"


@pytest.mark.parametrize(
    ("model", "after"),
    [
        pytest.param("openai:gpt-good", 300, marks=pytest.mark.slow),
        pytest.param("openai:gpt-malformed", None, marks=pytest.mark.slow),
        ("openai:gpt-endless", None),
    ],
)
async def test_whatever_comes_of_a_bad_stream_nothing_false_is_shown(
    opened: Open, model: str, after: int | None
) -> None:
    async with opened(model, model_budget="steps=3") as office:
        Cut.after, before = after, head_of(office.app)
        await asked(office)
        await until(office, lambda: office.api.statuses.count("active") == 2)
        await office.slack.drained()
        assert RULES in shown(office)
        assert "It is allowed" not in shown(office)
        assert shown(office).count("No: payment-gateway (production) can't reach api.twilio.com:443.") <= 1
        assert (head_of(office.app), office.app.requests()) == (before, ())


@pytest.mark.slow
async def test_a_thread_waits_for_no_model(opened: Open) -> None:
    """Two models at work hold both their places; a third person is answered by rule all the same."""
    async with opened("openai:gpt-good") as office:
        Cut.may_answer.clear()
        for ts in ("1.0", "2.0", "3.0"):
            await asked(office, ts=ts)
        await asked(office, "payment-gateway must reach api.twilio.com", ts="4.0")
        await until(office, lambda: "payment-gateway (production) can't reach api.twilio.com:443" in shown(office))
        assert MARK not in shown(office)
