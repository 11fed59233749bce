"""The Slack-compatible server: what it refuses, and that what it sends passes Slack's own checks."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import pytest

pytest.importorskip("slack_sdk")

from aiohttp import ClientSession, web
from slack_sdk.errors import SlackApiError
from slack_sdk.signature import SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient

from bot.web.playground.page import Shown
from bot.web.playground.serving import Playground, playground
from bot.web.playground.workspace import Channel, SlackError, User, Workspace

DANA, BOT = User("UDANA", "dana", "Dana", "dana@fincorp.example"), User("UBOT", "postern", "Postern", is_bot=True)
MODAL = {"type": "modal", "title": {"type": "plain_text", "text": "Ask"}, "blocks": [{"type": "divider"}]}


@dataclass
class Bot:
    """What a bot would hear, checked by slack_sdk's own verifier; `answers` are given in their order."""

    verifier: SignatureVerifier
    heard: list[tuple[dict[str, str], dict[str, Any]]] = field(default_factory=list)
    answers: list[tuple[int, Any]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.text()
        assert self.verifier.is_valid_request(body, dict(request.headers))
        form = {name: values[0] for name, values in parse_qs(body, keep_blank_values=True).items()}
        told = json.loads(form["payload"]) if "payload" in form else form
        self.heard.append((dict(request.headers), json.loads(body) if body.startswith("{") else told))
        status, given = self.answers.pop(0) if self.answers else (200, None)
        return web.json_response(given, status=status) if given is not None else web.Response(status=status)


@dataclass
class Stage:
    made: Playground
    bot: Bot
    client: AsyncWebClient

    async def refused(self, call: Callable[..., Any], **given: Any) -> str:
        with pytest.raises(SlackApiError) as failure:
            await call(**given)
        return str(failure.value.response["error"])


@asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    here = Workspace(BOT, [DANA])
    here.add_channel(Channel("C1", "payments", "channel", ["UDANA", "UBOT"]))
    here.add_channel(Channel("C2", "elsewhere", "channel", ["UDANA"]))
    served = web.Application()
    runner = web.AppRunner(served)
    bot = Bot(SignatureVerifier("set below"))
    served.router.add_post("/slack/events", bot.answer)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
    async with playground(here, lambda _made: Shown(("UDANA",)), url) as made:
        bot.verifier = SignatureVerifier(made.keys.signing_secret)
        client = AsyncWebClient(token=made.keys.token, base_url=made.api_url, retry_handlers=[])
        yield Stage(made, bot, client)
    await runner.cleanup()


# --- the page's locks


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"X-Postern-Key": "guessed"}, 403),
        ({"Host": "attacker.example", "X-Postern-Key": "{key}"}, 421),
        ({"Origin": "https://attacker.example", "X-Postern-Key": "{key}"}, 403),
        ({"X-Postern-Key": "{key}"}, 200),
    ],
)
async def test_data_is_for_whoever_has_the_key_and_for_no_other_page(headers: dict[str, str], status: int) -> None:
    async with stage() as on, ClientSession() as session:
        given = {name: value.replace("{key}", on.made.keys.page) for name, value in headers.items()}
        async with session.get(f"{on.made.url}/ui/state?as=UDANA", headers=given) as answer:
            assert answer.status == status
        async with session.post(f"{on.made.url}/ui/act", headers=given, json={"do": "home", "as": "UDANA"}) as answer:
            assert answer.status == status


async def test_the_page_itself_may_load_its_own_files_only() -> None:
    async with stage() as on, ClientSession() as session:
        async with session.get(f"{on.made.url}/") as answer:
            policy = answer.headers["Content-Security-Policy"]
            assert answer.status == 200
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        for path in ("/assets/..%2Fpage.py", "/assets/page.py", "/assets/SOURCES.json", "/assets/%2e%2e/page.py"):
            async with session.get(f"{on.made.url}{path}") as answer:
                assert answer.status == 404, path


async def test_nobody_but_the_named_people_can_be_played() -> None:
    async with stage() as on, ClientSession() as session:
        headers = {"X-Postern-Key": on.made.keys.page}
        asked = session.get(f"{on.made.url}/ui/state?as=UBOT", headers=headers)
        assert (await asked).status == 400


# --- the Web API


async def test_calls_need_the_bots_token() -> None:
    async with stage() as on:
        stranger = AsyncWebClient(token="xoxb-other", base_url=on.made.api_url, retry_handlers=[])
        assert await on.refused(stranger.auth_test) == "invalid_auth"
        assert (await on.client.auth_test())["bot_id"] == "B0POSTERN"
        assert await on.refused(on.client.api_call, api_method="admin.users.list") == "unknown_method"


async def test_what_slack_refuses_is_refused_in_its_words() -> None:
    async with stage() as on:
        post = on.client.chat_postMessage
        assert await on.refused(post, channel="C9", text="x") == "channel_not_found"
        assert await on.refused(post, channel="C2", text="x") == "not_in_channel"
        assert await on.refused(on.client.api_call, api_method="chat.postMessage", json={"channel": "C1"}) == "no_text"
        dividers = [{"type": "divider"}] * 51
        assert await on.refused(post, channel="C1", text="x", blocks=dividers) == "invalid_blocks"
        assert await on.refused(on.client.chat_update, channel="C1", ts="1.0", text="x") == "message_not_found"
        assert await on.refused(on.client.conversations_replies, channel="C1", ts="1.0") == "thread_not_found"


async def test_an_ephemeral_message_is_seen_by_one_person_and_by_no_method() -> None:
    async with stage() as on:
        await on.client.chat_postEphemeral(channel="C1", user="UDANA", text="only you")
        assert (await on.client.conversations_history(channel="C1"))["messages"] == []


async def test_a_trigger_opens_one_modal_within_three_seconds() -> None:
    async with stage() as on:
        here = on.made.here
        good, late = here.new_trigger("UDANA"), here.new_trigger("UDANA")
        await on.client.views_open(trigger_id=good, view=MODAL)
        assert await on.refused(on.client.views_open, trigger_id=good, view=MODAL) == "exchanged_trigger_id"
        assert await on.refused(on.client.views_open, trigger_id="made.up", view=MODAL) == "invalid_trigger_id"
        now = here.clock()
        here.clock = lambda: now + 3.5
        assert await on.refused(on.client.views_open, trigger_id=late, view=MODAL) == "expired_trigger_id"


async def test_a_view_that_somebody_changed_meanwhile_is_not_overwritten() -> None:
    async with stage() as on:
        opened = await on.client.views_open(trigger_id=on.made.here.new_trigger("UDANA"), view=MODAL)
        view: Any = opened["view"]
        await on.client.views_update(view_id=view["id"], hash=view["hash"], view=MODAL)
        update = on.client.views_update
        assert await on.refused(update, view_id=view["id"], hash=view["hash"], view=MODAL) == "hash_conflict"


async def test_a_snippet_is_uploaded_as_slacks_client_does() -> None:
    async with stage() as on:
        await on.client.files_upload_v2(
            channel="C1", content="+ api.twilio.com\n", filename="change.diff", title="Change"
        )
        message = on.made.here.channels["C1"].messages[-1]
        assert message["files"][0]["content"] == "+ api.twilio.com\n"


# --- what the bot is sent


async def test_a_mention_is_sent_twice_as_slack_does_and_repeated_until_it_is_taken() -> None:
    async with stage() as on:
        on.bot.answers = [(500, None)]
        await on.made.acts.say("UDANA", "C1", "@Postern <!channel> why?")
        await on.made.calls.settled()
        kinds = sorted(body["event"]["type"] for _, body in on.bot.heard)
        assert kinds in (["app_mention", "app_mention", "message"], ["app_mention", "message", "message"])
        assert on.bot.heard[0][1]["event"]["text"] == "<@UBOT> &lt;!channel&gt; why?"
        again = [headers for headers, _ in on.bot.heard if "X-Slack-Retry-Num" in headers]
        assert [headers["X-Slack-Retry-Num"] for headers in again] == ["1"]


async def test_a_channel_without_the_bot_tells_it_nothing() -> None:
    async with stage() as on:
        await on.made.acts.say("UDANA", "C2", "@Postern why?")
        await on.made.calls.settled()
        assert on.bot.heard == []


async def test_a_command_carries_who_and_where_and_answers_five_times() -> None:
    async with stage() as on, ClientSession() as session:
        await on.made.acts.say("UDANA", "C1", "/egress check shop/web")
        (_, fields) = on.bot.heard[0]
        assert (fields["command"], fields["text"], fields["user_id"]) == ("/egress", "check shop/web", "UDANA")
        statuses = []
        for number in range(6):
            async with session.post(fields["response_url"], json={"text": f"answer {number}"}) as answer:
                statuses.append(answer.status)
        assert statuses == [200] * 5 + [404]
        said = on.made.here.channels["C1"].messages
        assert [message["only_for"] for message in said] == ["UDANA"] * 5


async def test_a_command_that_fails_is_said_to_whoever_typed_it() -> None:
    async with stage() as on:
        on.bot.answers = [(500, None)]
        await on.made.acts.say("UDANA", "C1", "/egress check")
        assert on.made.here.channels["C1"].messages[-1]["text"] == "/egress failed with the error “dispatch_failed”."


async def test_a_submission_shows_errors_then_closes() -> None:
    async with stage() as on:
        opened = await on.client.views_open(trigger_id=on.made.here.new_trigger("UDANA"), view=MODAL)
        view: Any = opened["view"]
        on.bot.answers = [(200, {"response_action": "errors", "errors": {"why": "Say why."}})]
        assert await on.made.acts.submit("UDANA", view["id"], {}) == {"errors": {"why": "Say why."}}
        assert await on.made.acts.submit("UDANA", view["id"], {"b": {"a": {"type": "x", "value": "y"}}}) == {}
        assert on.made.here.modals["UDANA"] == []
        assert on.bot.heard[-1][1]["view"]["state"]["values"]["b"]["a"]["value"] == "y"


async def test_a_click_is_only_sent_for_what_is_there() -> None:
    async with stage() as on:
        button = {"type": "button", "action_id": "go", "value": "v", "text": {"type": "plain_text", "text": "Go"}}
        blocks = [{"type": "actions", "block_id": "b", "elements": [button]}]
        posted: Any = await on.client.chat_postMessage(channel="C1", text="x", blocks=blocks)
        where = {"channel": "C1", "ts": posted["ts"]}
        await on.made.acts.press("UDANA", where, "b", "go", {}, {})
        action = on.bot.heard[-1][1]["actions"][0]
        assert (action["value"], action["block_id"]) == ("v", "b")
        with pytest.raises(SlackError, match="element_gone"):
            await on.made.acts.press("UDANA", where, "b", "other", {}, {})
