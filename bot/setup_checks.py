"""What `postern doctor` says of the settings themselves: missing by half, of the wrong sort, without their package."""

from __future__ import annotations

import asyncio
import importlib.util
import os
from collections.abc import Iterator

from bot import logs
from bot.app import App
from bot.settings import Secret, Settings
from skills.core.model import Finding, finding

_TOKENS = (
    ("slack_bot_token", "POSTERN_SLACK_BOT_TOKEN", "xoxb-", "OAuth & Permissions"),
    ("slack_app_token", "POSTERN_SLACK_APP_TOKEN", "xapp-", "Basic Information, App-Level Tokens"),
)


def settings(app: App) -> Iterator[Finding]:
    """Values that can't be meant, and packages that a setting needs."""
    given = app.settings
    if not given.poll_seconds.isdecimal() or int(given.poll_seconds) < 1:
        what = "no number of seconds"
        yield finding("EGR1841", variable="POSTERN_POLL_SECONDS", value=given.poll_seconds[:40], what=what)
    if given.log not in logs.FORMATS:
        what = f"none of {', '.join(logs.FORMATS)}"
        yield finding("EGR1841", variable="POSTERN_LOG", value=given.log[:40], what=what)
    if given.gitlab_ca and not os.access(given.gitlab_ca, os.R_OK):
        yield finding("EGR1843", variable="POSTERN_GITLAB_CA", path=given.gitlab_ca)
    yield from _packages(given)
    if app.repository.startswith("https://"):
        yield from _gitlab(app)


def slack(app: App) -> Iterator[Finding]:
    """Whether all of Slack's settings are there, each the right one, and whether Slack takes them."""
    given = app.settings
    bot, socket, secret = given.slack_bot_token, given.slack_app_token, given.slack_signing_secret
    if not (bot or socket or secret):
        yield finding("EGR1835")
        return
    wrong = [*_wrong_tokens(given)]
    yield from wrong
    missing = [] if bot else ["POSTERN_SLACK_BOT_TOKEN"]
    missing += [] if socket or secret else ["POSTERN_SLACK_APP_TOKEN (or POSTERN_SLACK_SIGNING_SECRET, over HTTP)"]
    if missing:
        yield finding("EGR1836", missing=" and ".join(missing))
    if wrong or missing or bot is None or not _is_there("slack_bolt"):
        return
    yield finding("EGR1839", mode="Socket Mode" if socket else "HTTP")
    yield from _answers(bot, given.slack_api)


def _answers(token: Secret, api: str) -> list[Finding]:
    from bot.slack.refusals import token_answers  # noqa: PLC0415 - most people who ask have no Slack here

    return asyncio.run(token_answers(token.reveal(), api))


def _wrong_tokens(given: Settings) -> Iterator[Finding]:
    for name, variable, prefix, page in _TOKENS:
        token = getattr(given, name)
        if token and not token.reveal().startswith(prefix):
            yield finding("EGR1837", variable=variable, prefix=prefix, page=page)


def _packages(given: Settings) -> Iterator[Finding]:
    is_postgres = given.database.reveal().startswith("postgresql")
    needed = (
        (given.slack_bot_token, "POSTERN_SLACK_BOT_TOKEN", "slack_bolt", "slack"),
        (given.slack_bot_token, "POSTERN_SLACK_BOT_TOKEN", "dbos", "durable"),
        (given.gitlab_token, "POSTERN_GITLAB_TOKEN", "gitlab", "gitlab"),
        (is_postgres, "POSTERN_DATABASE", "psycopg", "postgres"),
    )
    for is_set, variable, package, extra in needed:
        if is_set and not _is_there(package):
            yield finding("EGR1838", variable=variable, package=package, extra=extra)


def _gitlab(app: App) -> Iterator[Finding]:
    if app.settings.gitlab_token is None:
        yield finding("EGR1842", where=app.repository)
    elif app.settings.gitlab_webhook_secret is None:
        yield finding("EGR1840", seconds=app.settings.poll_seconds)


def _is_there(package: str) -> bool:
    return importlib.util.find_spec(package) is not None
