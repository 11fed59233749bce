"""Calls the bot as Slack does: signed, patient for three seconds, events repeated until they are acknowledged.

Sources: https://docs.slack.dev/authentication/verifying-requests-from-slack, https://docs.slack.dev/apis/events-api.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
from urllib.parse import urlencode

from aiohttp import ClientError, ClientSession, ClientTimeout

from bot.web.playground.workspace import Json, SlackError, Workspace

log = logging.getLogger("postern.playground")

_PATIENCE = 3.0  # seconds until a command, a click or a submission counts as failed
_AGAIN = (0.0, 1.0, 5.0)  # seconds before an event is sent once more; Slack takes its time: at once, 1 and 5 minutes
_FORM = "application/x-www-form-urlencoded"


class Calls:
    """`url` is the bot's request URL. Events go out in the background; `settled` waits for all of them."""

    def __init__(self, here: Workspace, secret: str, url: str) -> None:
        self.here = here
        self.url = url
        self._secret = secret.encode()
        self._session: ClientSession | None = None
        self._sending: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        for task in self._sending:
            task.cancel()
        await self.settled()
        if self._session:
            await self._session.close()

    async def settled(self) -> None:
        while self._sending:
            await asyncio.gather(*self._sending, return_exceptions=True)

    def event(self, event: Json) -> None:
        body = {
            "token": "not-used",
            "team_id": self.here.team,
            "api_app_id": self.here.app_id,
            "type": "event_callback",
            "event_id": self.here.new("Ev"),
            "event_time": int(self.here.clock()),
            "authorizations": [{"team_id": self.here.team, "user_id": self.here.bot.id, "is_bot": True}],
            "event": event,
        }
        task = asyncio.get_running_loop().create_task(self._deliver(json.dumps(body)))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _deliver(self, body: str) -> None:
        retry: dict[str, str] = {}
        for number, pause in enumerate((*_AGAIN, None), 1):
            try:
                await self._post(body, "application/json", retry)
                return
            except SlackError as failed:
                if pause is None:
                    log.warning("the bot did not take an event: %s", failed.error)
                    return
                retry = {"X-Slack-Retry-Num": str(number), "X-Slack-Retry-Reason": failed.error}
                await asyncio.sleep(pause)

    async def interaction(self, payload: Json) -> Json | None:
        """A click, a submission or a request for options; what the bot answers, if anything."""
        return _object(await self._post(urlencode({"payload": json.dumps(payload)}), _FORM, {}))

    async def command(self, fields: dict[str, str]) -> Json | None:
        text = await self._post(urlencode(fields), _FORM, {})
        return _object(text) or ({"text": text} if text.strip() else None)

    async def _post(self, body: str, kind: str, more: dict[str, str]) -> str:
        """Raises SlackError `operation_timeout` or `dispatch_failed`, the words that people see in Slack."""
        at = str(int(self.here.clock()))
        signed = hmac.new(self._secret, f"v0:{at}:{body}".encode(), hashlib.sha256).hexdigest()
        headers = {"X-Slack-Request-Timestamp": at, "X-Slack-Signature": f"v0={signed}", "Content-Type": kind, **more}
        self._session = self._session or ClientSession(timeout=ClientTimeout(total=_PATIENCE))
        try:
            async with self._session.post(self.url, data=body.encode(), headers=headers) as answer:
                text = await answer.text()
        except TimeoutError:
            raise SlackError("operation_timeout") from None
        except (ClientError, OSError):
            raise SlackError("dispatch_failed") from None
        if answer.status != 200:
            raise SlackError("dispatch_failed", status=answer.status)
        return text


def _object(text: str) -> Json | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
