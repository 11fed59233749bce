"""Real clients over real HTTP: fakellm in OpenAI's and Anthropic's shapes, and a proxy that breaks what it sends.

What a provider may do wrong (429, 5xx, cut streams, malformed arguments, no end) costs the addition and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("langchain_openai")
pytest.importorskip("langchain_anthropic")

from bot.app import App
from bot.gather import Where
from bot.settings import Secret
from bot.turns import Replies
from skills.core.model import Person
from skills.replies import Reply
from tests.apps import app_on_sample, set_to
from tests.fakes.llm import Cut, fakellm, line_to
from tests.fakes.loopback import free_port

pytestmark = pytest.mark.needs("fakellm")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with fakellm(tmp_path_factory.mktemp("fakellm")) as url:
        yield url


@pytest.fixture
def proxy(server: str) -> Iterator[str]:
    with line_to(server) as url:
        yield url


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> App:
    return app_on_sample(tmp_path_factory.mktemp("sample"))


def turn(app: App, model: str, url: str, thread: str, words: str = "", **more: Any) -> tuple[Replies, list[Reply]]:
    """One loose turn with a real client for `model`. The fake keeps conversations apart by their first message."""
    base = f"{url}/v1" if model.startswith("openai") else url
    key = Secret("not-a-real-key")
    usual: dict[str, Any] = {"model_fallback": None, "model_budget": ""}
    set_to(app, model=model, model_url=base, model_key=key, **{**usual, **more})
    said = words or f"hmm {thread}, that thing which takes the card payments fails on the way to api.twilio.com"
    replies = app.conversation.hear(said, Person("dana@fincorp.example"), Where("terminal", f"http:{thread}"))
    assert replies.later is not None
    return replies, replies.later()


def text(replies: list[Reply]) -> str:
    return "\n".join(made.text for made in replies)


@pytest.mark.parametrize("model", ["openai:gpt-good", "anthropic:claude-good"])
def test_a_whole_turn_in_both_shapes(app: App, proxy: str, model: str) -> None:
    secret = "glpat-AbCdEfGhIjKlMnOpQrSt"
    words = f"hmm {model}, that thing which takes the card payments fails on the way to api.twilio.com {secret}"
    _, added = turn(app, model, proxy, model, words)
    assert "No: payment-gateway (production) can't reach api.twilio.com:443." in text(added)
    assert "That is the service for the payments." in text(added)
    assert "It is allowed" not in text(added)
    assert len(Cut.bodies) == 2
    sent = b"\n".join(Cut.bodies).decode()
    assert secret not in sent
    assert json.loads(Cut.bodies[0])["stream"] is True
    assert {tool.get("name") or tool["function"]["name"] for tool in json.loads(Cut.bodies[0])["tools"]} >= {
        "check",
        "why",
    }
    rows = [
        row for row in app.memory.model_calls(app.clock().replace(hour=0)) if row["model"] == model.partition(":")[2]
    ]
    assert [row["outcome"] for row in rows] == ["ok", "ok"]
    assert all(row["read"] + row["written"] > 0 for row in rows)


@pytest.mark.parametrize(
    "model", ["openai:gpt-busy", "anthropic:claude-busy", "openai:gpt-broken", "anthropic:claude-broken"]
)
def test_a_provider_that_refuses_costs_the_addition_alone(app: App, proxy: str, model: str) -> None:
    replies, added = turn(app, model, proxy, model)
    assert replies
    assert text(added).startswith("The language model does not answer at the moment")


@pytest.mark.parametrize("model", ["openai:gpt-good", "anthropic:claude-good"])
@pytest.mark.parametrize("after", [0, 300, 700])
def test_a_stream_that_is_cut_shows_nothing_half(
    app: App, proxy: str, monkeypatch: pytest.MonkeyPatch, model: str, after: int
) -> None:
    monkeypatch.setattr(Cut, "after", after)
    _, added = turn(app, model, proxy, f"cut-{after}-{model}")
    assert "It is allowed" not in text(added)
    assert "Traceback" not in text(added)
    assert all(made.lines for made in added)


def test_a_dead_port_and_another_model_in_its_place(app: App, proxy: str) -> None:
    _, added = turn(app, "openai:gpt-good", f"http://127.0.0.1:{free_port()}", "dead")
    assert text(added).startswith("The language model does not answer at the moment")
    _, added = turn(app, "openai:gpt-broken", proxy, "fallback", model_fallback="openai:gpt-good")
    assert "No: payment-gateway (production) can't reach api.twilio.com:443." in text(added)


def test_arguments_that_are_no_arguments(app: App, server: str) -> None:
    _, added = turn(app, "openai:gpt-malformed", server, "malformed")
    assert "It is allowed" not in text(added)


@pytest.mark.parametrize("model", ["openai:gpt-endless", "anthropic:claude-endless"])
def test_a_model_without_an_end_is_ended(app: App, server: str, model: str) -> None:
    _, added = turn(app, model, server, model, model_budget="steps=3")
    assert text(added).count("No: payment-gateway (production) can't reach api.twilio.com:443.") == 1
    name = model.partition(":")[2]
    assert sum(row["model"] == name for row in app.memory.model_calls(app.clock().replace(hour=0))) == 3


def test_zero_retention_is_asked_for_where_it_can_be() -> None:
    from bot.ai.chat_model import options

    assert options("openai", None, None)["store"] is False
    assert options("azure_openai", "https://azure.example", "k")["store"] is False
    assert "store" not in options("openai", "http://own.example/v1", None)
    assert "store" not in options("anthropic", None, None)
