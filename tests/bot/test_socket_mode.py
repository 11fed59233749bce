"""Socket Mode against a small websocket server: the same inbox, other envelopes; sockets that close, tokens that die."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

pytest.importorskip("slack_bolt")

from aiohttp import WSMsgType, web
from slack_sdk.web.async_client import AsyncWebClient

from bot.serve import slack_person
from bot.slack.connect import listen_by_socket
from bot.slack.service import Slack
from skills.core.errors import Unreachable
from tests.apps import app_on_sample
from tests.fakes.slack_api import SlackApi
from tests.fakes.slack_says import command, event

pytestmark = pytest.mark.asyncio
ASKS = "<@UBOT> payment-gateway must reach hooks.slack.com"


@dataclass
class Sockets(SlackApi):
    """Gives addresses of sockets, sends what it is told to, and remembers what was acknowledged."""

    acknowledged: list[str] = field(default_factory=list)
    open: list[web.WebSocketResponse] = field(default_factory=list)
    tickets: list[str] = field(default_factory=list)

    def _do(self, method: str, given: dict[str, Any]) -> dict[str, Any]:
        if method == "apps.connections.open":
            self.tickets.append(f"{len(self.tickets)}")
            return {"ok": True, "url": f"{self.url.replace('http', 'ws').replace('/api/', '/link')}?{self.tickets[-1]}"}
        return super()._do(method, given)

    async def link(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.open.append(socket)
        await socket.send_json({"type": "hello", "num_connections": 1})
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                self.acknowledged.append(json.loads(message.data)["envelope_id"])
        self.open.remove(socket)
        return socket

    async def say(self, kind: str, payload: Mapping[str, Any], envelope: str, **more: Any) -> None:
        await self.open[-1].send_json({"type": kind, "envelope_id": envelope, "payload": dict(payload), **more})


async def until(what: Any) -> None:
    async with asyncio.timeout(20):
        while not what():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def sockets() -> AsyncIterator[Sockets]:
    made, served = Sockets(), web.Application()
    served.router.add_get("/link", made.link)
    served.router.add_post("/respond", made.respond)
    served.router.add_post("/api/{method}", made.answer)
    runner = web.AppRunner(served, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/api/"
    yield made
    await runner.cleanup()
    assert made.faults == []


@dataclass
class Office:
    sockets: Sockets
    slack: Slack
    listening: asyncio.Task[None]

    async def answered(self, count: int) -> list[str]:
        await self.slack.drained()
        assert len(self.sockets.posted) == count
        return self.sockets.texts()


@pytest_asyncio.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with sockets() as api:
        app = app_on_sample(tmp_path)
        given = (app.memory, app.repository, app.clock, app.conversation, slack_person)
        client = AsyncWebClient(token="xoxb-not-real", base_url=api.url, retry_handlers=[])
        slack = Slack(*given, secret="", token="xoxb-not-real", client=client)
        listening = asyncio.create_task(listen_by_socket(slack.bolt, "xapp-not-real", first=0.01))
        await until(lambda: api.open)
        yield Office(api, slack, listening)
        listening.cancel()
        with suppress(asyncio.CancelledError, Unreachable):
            await listening
        slack.close()


async def test_events_and_commands_are_kept_acknowledged_and_answered(office: Office) -> None:
    api = office.sockets
    await api.say("events_api", event(ASKS), "e1")
    url = api.url.replace("/api/", "/respond")
    await api.say("slash_commands", command("is hooks.slack.com allowed for payment-gateway?", response_url=url), "e2")
    await until(lambda: len(api.acknowledged) == 2)
    assert all("Yes: payment-gateway" in text for text in await office.answered(2))


async def test_one_event_in_several_envelopes_is_answered_once(office: Office) -> None:
    api = office.sockets
    for number in range(3):
        more = {"retry_attempt": number, "retry_reason": "timeout", "accepts_response_payload": False}
        await api.say("events_api", event(ASKS), f"e{number}", **more)
    await until(lambda: sorted(api.acknowledged) == ["e0", "e1", "e2"])
    await office.answered(1)


@pytest.mark.parametrize("how", ["told to leave", "cut"])
async def test_a_socket_that_closes_is_opened_anew_with_a_new_address(office: Office, how: str) -> None:
    api = office.sockets
    if how == "told to leave":
        await api.open[0].send_json({"type": "disconnect", "reason": "refresh_requested"})
    else:
        await api.open[0].close()
    await until(lambda: len(api.tickets) >= 2 and api.open)
    await api.say("events_api", event(ASKS), "after")
    await until(lambda: api.acknowledged == ["after"])
    await office.answered(1)


async def test_slack_that_is_away_is_tried_again_and_a_dead_token_ends_it(caplog: pytest.LogCaptureFixture) -> None:
    from slack_bolt.async_app import AsyncApp

    from tests.fakes.slack_api import Break

    async with sockets() as api:
        api.breaks += [
            Break("apps.connections.open", 503),
            Break("apps.connections.open", 0),
            Break("apps.connections.open", 200, "invalid_auth"),
        ]
        client = AsyncWebClient(token="xoxb-not-real", base_url=api.url, retry_handlers=[])
        app = AsyncApp(signing_secret="", client=client)
        async with asyncio.timeout(20):
            with pytest.raises(Unreachable) as ended:
                await listen_by_socket(app, "xapp-not-real", first=0.01)
    assert ended.value.finding.code == "EGR1453"
    assert "invalid_auth, for POSTERN_SLACK_APP_TOKEN" in str(ended.value.finding.facts)
    assert caplog.text.count("Slack's socket can't be reached") >= 2
