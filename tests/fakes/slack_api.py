"""A Slack Web API on loopback that remembers what was posted and breaks as a test wants it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.web.async_client import AsyncWebClient

from tests.fakes.block_kit import check_message, check_view


@dataclass
class Break:
    """Breaks the next call of a method: `status` with a body, or the connection (0); `after` it was done, or before."""

    method: str
    status: int = 200
    error: str = ""
    after: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    fields: dict[str, str] = field(default_factory=dict)


@dataclass
class SlackApi:
    posted: list[dict[str, Any]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    breaks: list[Break] = field(default_factory=list)
    said: list[dict[str, Any]] = field(default_factory=list)
    """What people and other bots wrote, for whoever looks above a mention."""
    faults: list[str] = field(default_factory=list)
    """Payloads that Slack would refuse, or that we should not send. Whoever uses the fake fails by them at its end."""
    url: str = ""

    @property
    def client(self) -> AsyncWebClient:
        return AsyncWebClient(token="xoxb-not-real", base_url=self.url, retry_handlers=[], timeout=5)

    def texts(self, channel: str | None = None) -> list[str]:
        return [str(each["text"]) for each in self.posted if channel in (None, each["channel"])]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        self.calls.append(method)
        given = await request.json() if request.content_type == "application/json" else dict(await request.post())
        given = {**request.query, **given}
        broken = next((each for each in self.breaks if each.method == method), None)
        done = {"ok": True} if broken and not broken.after else self._do(method, given)
        if broken is None:
            return web.json_response(done)
        self.breaks.remove(broken)
        if broken.status == 0:
            assert request.transport
            request.transport.abort()
        return web.json_response(
            {"ok": False, "error": broken.error or "made_up", **broken.fields},
            status=broken.status or 500,
            headers=broken.headers,
        )

    def judge(self, method: str, given: dict[str, Any]) -> None:
        try:
            if method.startswith("views.") and "view" in given:
                check_view(given["view"])
            elif method in _MESSAGES:
                check_message(given if given.get("blocks") else {"text": given["text"], "blocks": PLAIN})
        except (AssertionError, SlackObjectFormationError, KeyError) as fault:
            self.faults.append(f"{method}: {fault!r} in {json.dumps(given)[:2000]}")

    async def respond(self, request: web.Request) -> web.StreamResponse:
        """A response address."""
        self.calls.append("respond")
        broken = next((each for each in self.breaks if each.method == "respond"), None)
        if broken:
            self.breaks.remove(broken)
            return web.Response(status=broken.status, text=broken.error)
        given = await request.json()
        self.judge("respond", given)
        self.posted.append({"channel": "", **given, "ts": "", "method": "respond"})
        return web.Response(text="ok")

    def _do(self, method: str, given: dict[str, Any]) -> dict[str, Any]:
        for name in ("blocks", "metadata", "view"):
            if isinstance(given.get(name), str):
                given[name] = json.loads(given[name])
        self.judge(method, given)
        if method == "auth.test":
            return {"ok": True, "user_id": "UBOT", "bot_id": "B1", "team_id": "T1"}
        if method == "chat.postEphemeral":
            self.posted.append({**given, "ts": "", "method": method})
            return {"ok": True, "message_ts": "1.0"}
        if method == "chat.postMessage":
            ts = f"9.{len(self.posted)}"
            self.posted.append({**given, "ts": ts})
            return {"ok": True, "ts": ts, "channel": given["channel"]}
        if method == "chat.delete":
            self.posted = [each for each in self.posted if each["ts"] != given["ts"]]
        if method == "chat.update":
            message = next(each for each in self.posted if each["ts"] == given["ts"])
            message.update({name: given[name] for name in ("text", "blocks") if name in given})
            return {"ok": True, "ts": given["ts"], "channel": given["channel"]}
        if method in ("conversations.replies", "conversations.history"):
            thread = given.get("ts")
            if self.said:
                return {"ok": True, "messages": self.said[-1:]}
            found = [each for each in self.posted if each["channel"] == given["channel"]]
            found = [each for each in found if thread is None or each.get("thread_ts") == thread]
            # One a page, so that whoever looks must turn it.
            page = int(given.get("cursor") or 0)
            more = {"response_metadata": {"next_cursor": str(page + 1)}} if page + 1 < len(found) else {}
            return {"ok": True, "messages": found[page : page + 1], **more}
        return {"ok": True}


_MESSAGES = ("chat.postMessage", "chat.update", "chat.postEphemeral", "respond")
PLAIN = [{"type": "divider"}]


@asynccontextmanager
async def slack_api(made: SlackApi | None = None) -> AsyncIterator[SlackApi]:
    api, served = made or SlackApi(), web.Application()
    served.router.add_post("/respond", api.respond)
    served.router.add_route("*", "/api/{method}", api.answer)
    runner = web.AppRunner(served)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    api.url = f"http://127.0.0.1:{runner.addresses[0][1]}/api/"
    try:
        yield api
    finally:
        await runner.cleanup()
    assert api.faults == []
