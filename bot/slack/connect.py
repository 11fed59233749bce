"""How Slack reaches us: signed requests over HTTP, or a socket that we open. Both end in the same inbox."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from typing import Any

from slack_bolt.adapter.socket_mode.async_internals import run_async_bolt_app, send_async_response
from slack_bolt.async_app import AsyncApp
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.inbox import Inbox
from bot.slack.refusals import FAILURES, FATAL, unsent
from skills.core.errors import Unreachable
from skills.core.messages import say
from skills.core.model import finding

log = logging.getLogger("postern.slack")

_FIRST, _LONGEST = 1.0, 60.0  # seconds between attempts to open the socket


def build(signing_secret: str, bot_token: str, inbox: Inbox, client: AsyncWebClient | None = None) -> AsyncApp:
    """An `AsyncApp` that verifies signatures and hands all to the inbox, before it would ask Slack who we are."""
    return AsyncApp(
        signing_secret=signing_secret,
        client=client or AsyncWebClient(token=bot_token, retry_handlers=[]),
        process_before_response=True,
        before_authorize=inbox,
    )


async def listen_by_socket(app: AsyncApp, app_token: str, first: float = _FIRST) -> None:
    """Socket Mode: no inbound port. Ends only by Unreachable EGR1453, when Slack takes the token no more.

    `first` is how long the second attempt to open the socket waits; each further one waits longer.
    """
    socket: Any = _Socket(app_token, app.client, first)

    async def hear(client: Any, request: SocketModeRequest) -> None:
        await send_async_response(client, request, await run_async_bolt_app(app, request), time.time())

    socket.socket_mode_request_listeners.append(hear)
    connecting = asyncio.ensure_future(socket.connect())
    try:
        await socket.refused
    finally:
        connecting.cancel()
        await socket.close()


class _Socket(SocketModeClient):
    """Slack's client, but it backs off with jitter, asks for a new address each time (one is good for one connection),
    and gives up where nobody but an administrator can help."""

    def __init__(self, app_token: str, client: AsyncWebClient, first: float) -> None:
        self._address: str | None = None
        super().__init__(app_token=app_token, web_client=client)
        self._first = first
        self.refused: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property  # type: ignore[override]
    def wss_uri(self) -> str | None:
        address, self._address = self._address, None
        return address

    @wss_uri.setter
    def wss_uri(self, address: str | None) -> None:
        self._address = address

    async def issue_new_wss_url(self) -> str:
        wait = self._first
        while True:
            try:
                answer = await self.web_client.apps_connections_open(app_token=self.app_token)
                return str(answer["url"])
            except FAILURES as error:
                failed = unsent(error)
            if failed.why in FATAL and not self.refused.done():
                self.refused.set_exception(Unreachable("EGR1453", why=f"{failed.why}, for POSTERN_SLACK_APP_TOKEN"))
            pause = max(wait * random.uniform(0.5, 1.5), failed.wait if failed.limited else 0.0)
            log.warning("%s", say(finding("EGR1459", why=failed.why, seconds=round(pause, 1))).says)
            await asyncio.sleep(pause)
            wait = min(wait * 2, _LONGEST)
