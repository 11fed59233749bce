"""`postern serve` begins: settings are judged, what was left half done goes on, and only then is Slack loaded."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
from collections.abc import Sequence

from bot import logs
from bot.served import Served
from bot.settings import Settings
from skills.core.errors import AskUnclear


def serve(settings: Settings, config: Sequence[str], *, port: int, host: str) -> int:
    """Runs until it is stopped. Raises AskUnclear EGR659 when a Slack setting is missing, EGR645 for a bad one."""
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
    if not settings.poll_seconds.isdecimal() or int(settings.poll_seconds) < 1:
        raise AskUnclear("EGR645", field="POSTERN_POLL_SECONDS", what="not a number of seconds")
    if settings.log not in logs.FORMATS:
        raise AskUnclear("EGR645", field="POSTERN_LOG", what=f"none of {', '.join(logs.FORMATS)}")
    logs.start(sys.stderr, settings.log, logs.masker(settings))
    gc.disable()  # what is loaded now stays: to search it on the way is a tenth of a restart; `run` enables it again
    served = Served.build(settings, config=config)
    runner = served.durable()
    in_order = False
    try:
        from bot.serve import run  # noqa: PLC0415 - what was left half done goes on while Slack's packages are loaded

        in_order = asyncio.run(run(served, settings, port, host))
    finally:
        in_order = runner.stop() and in_order
    if not in_order:
        # A thread hangs, most likely in a call to a forge that does not answer. What it does stands in a row, somebody
        # takes it over; the interpreter would wait for it.
        logging.shutdown()
        os._exit(0)
    return 0
