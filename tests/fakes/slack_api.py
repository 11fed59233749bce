"""A Slack Web API on loopback that remembers what was posted and breaks as a test wants it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from slack_sdk.web.async_client import AsyncWebClient


@dataclass
class Break:
    """Breaks the next call of a method: `status` with a body, or the connection (0); `after` it was done, or before."""

    method: str
    status: int = 200
    error: str = ""
    after: bool = False
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class SlackApi:
    posted: list[dict[str, Any]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    breaks: list[Break] = field(default_factory=list)
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
            {"ok": False, "error": broken.error or "made_up"}, status=broken.status or 500, headers=broken.headers
        )

    def _do(self, method: str, given: dict[str, Any]) -> dict[str, Any]:
        if method == "chat.postMessage":
            for name in ("blocks", "metadata"):
                if isinstance(given.get(name), str):
                    given[name] = json.loads(given[name])
            ts = f"9.{len(self.posted)}"
            self.posted.append({**given, "ts": ts})
            return {"ok": True, "ts": ts, "channel": given["channel"]}
        if method == "chat.update":
            blocks = given.get("blocks")
            given["blocks"] = json.loads(blocks) if isinstance(blocks, str) else blocks
            message = next(each for each in self.posted if each["ts"] == given["ts"])
            message.update({name: given[name] for name in ("text", "blocks")})
            return {"ok": True, "ts": given["ts"], "channel": given["channel"]}
        if method in ("conversations.replies", "conversations.history"):
            thread = given.get("ts")
            found = [each for each in self.posted if each["channel"] == given["channel"]]
            found = [each for each in found if thread is None or each.get("thread_ts") == thread]
            # One a page, so that whoever looks must turn it.
            page = int(given.get("cursor") or 0)
            more = {"response_metadata": {"next_cursor": str(page + 1)}} if page + 1 < len(found) else {}
            return {"ok": True, "messages": found[page : page + 1], **more}
        return {"ok": True}


@asynccontextmanager
async def slack_api(made: SlackApi | None = None) -> AsyncIterator[SlackApi]:
    api, served = made or SlackApi(), web.Application()
    served.router.add_route("*", "/api/{method}", api.answer)
    runner = web.AppRunner(served)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    api.url = f"http://127.0.0.1:{runner.addresses[0][1]}/api/"
    try:
        yield api
    finally:
        await runner.cleanup()
