"""`postern serve`: Slack by Socket Mode when an app token is set, else over HTTP, with a health page beside it."""

from __future__ import annotations

import asyncio

from aiohttp import web

from bot.app import App
from bot.doctor import quick_faults
from bot.settings import Settings
from bot.slack.gate import Gate
from bot.slack.listeners import Listeners, build, listen_by_socket
from bot.web.health import add_health
from skills.core.errors import AskUnclear
from skills.core.model import Person


def serve(settings: Settings, config: str | None, *, port: int, host: str) -> int:
    """Runs until it is stopped. Raises AskUnclear EGR659 when a Slack setting is missing."""
    missing = [
        name
        for name, value in (
            ("POSTERN_SLACK_BOT_TOKEN", settings.slack_bot_token),
            ("POSTERN_SLACK_SIGNING_SECRET", settings.slack_signing_secret or settings.slack_app_token),
        )
        if value is None
    ]
    if missing:
        raise AskUnclear("EGR659", missing=" and ".join(missing))
    app = App.build(settings, config=config)
    app.finish_what_was_left()
    asyncio.run(_serve(app, settings, port, host))
    return 0


async def _serve(app: App, settings: Settings, port: int, host: str) -> None:
    assert settings.slack_bot_token is not None
    secret = settings.slack_signing_secret.reveal() if settings.slack_signing_secret else ""
    bolt = build(secret, settings.slack_bot_token.reveal())
    gate = Gate()
    Listeners(bolt, app.conversation, slack_person, gate)
    served = bolt.web_app(path="/slack/events") if secret else web.Application()
    add_health(served, lambda: gate.run(quick_faults, app))
    runner = web.AppRunner(served)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    try:
        if settings.slack_app_token:
            await listen_by_socket(bolt, settings.slack_app_token.reveal())
        else:
            await asyncio.Event().wait()
    finally:
        await gate.drained()
        await runner.cleanup()


def slack_person(team: str, user: str) -> Person:
    """The person of a signed Slack identity, as policies write it: `slack:TEAM:USER`."""
    return Person(f"slack:{team}:{user}")
