"""Puts the parts together and serves them on loopback, on a port that is free."""

from __future__ import annotations

import secrets
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from bot.web.playground.acts import Acts
from bot.web.playground.api import Api
from bot.web.playground.calls import Calls
from bot.web.playground.page import Page, Shown, application
from bot.web.playground.workspace import Workspace

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Keys:
    """What the bot signs in with (`token`), what it checks signatures with, and what the page is opened with."""

    token: str
    signing_secret: str
    page: str

    @classmethod
    def new(cls) -> Keys:
        return cls(f"xoxb-{secrets.token_hex(16)}", secrets.token_hex(16), secrets.token_urlsafe(24))


@dataclass(slots=True)
class Playground:
    """A served workspace. `url` has no slash at its end; `address` is what a person opens."""

    here: Workspace
    api: Api
    acts: Acts
    calls: Calls
    keys: Keys
    url: str = ""

    @property
    def address(self) -> str:
        return f"{self.url}/#{self.keys.page}"

    @property
    def api_url(self) -> str:
        return f"{self.url}/api/"


@asynccontextmanager
async def playground(
    here: Workspace, shown: Callable[[Playground], Shown], bot_url: str, keys: Keys | None = None, port: int = 0
) -> AsyncIterator[Playground]:
    """Serves the workspace until the block ends. `bot_url` is the bot's request URL, `port` 0 is any that is free."""
    given = keys or Keys.new()
    calls = Calls(here, given.signing_secret, bot_url)
    made = Playground(here, Api(here, given.token), Acts(here, calls), calls, given)
    page = Page(here, made.acts, shown(made), given.page)
    served = application(page)
    made.api.add_to(served)
    page.add_to(served)
    runner = web.AppRunner(served, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, HOST, port).start()
    there = f"{HOST}:{runner.addresses[0][1]}"
    made.url = made.api.url = made.acts.url = f"http://{there}"
    page.hosts = frozenset({there, there.replace(HOST, "localhost")})
    try:
        yield made
    finally:
        await calls.close()
        await runner.cleanup()


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
