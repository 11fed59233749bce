"""The Web API over HTTP, as the bot's client calls it: `/api/METHOD`, response URLs, uploads and downloads of files."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from bot.web.playground import methods, views
from bot.web.playground.workspace import Json, Responding, SlackError, Workspace

METHODS = methods.METHODS | views.METHODS
_IN_JSON = ("attachments", "blocks", "files", "metadata", "prompts", "view")  # fields that forms carry as JSON text


class Api:
    """Answers for one workspace. `token` is the bot's; `url` is where this server is reached, without a slash."""

    def __init__(self, here: Workspace, token: str, url: str = "") -> None:
        self.here = here
        self.url = url
        self._token = token

    def add_to(self, served: web.Application) -> None:
        served.router.add_route("*", "/api/{method}", self.call)
        served.router.add_post("/respond/{id}", self.respond)
        served.router.add_post("/upload/{id}", self.upload)
        served.router.add_get("/files/{id}", self.download)

    async def call(self, request: web.Request) -> web.Response:
        method, given = request.match_info["method"], await _arguments(request)
        try:
            self._check(request, given)
            if method not in METHODS:
                raise SlackError("unknown_method", req_method=method)
            return web.json_response({"ok": True, **self._complete(METHODS[method](self.here, given))})
        except SlackError as refused:
            return web.json_response({"ok": False, "error": refused.error, **refused.more})

    def _check(self, request: web.Request, given: Mapping[str, Any]) -> None:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ") or str(given.get("token", ""))
        if not token:
            raise SlackError("not_authed")
        if not hmac.compare_digest(token.encode(), self._token.encode()):
            raise SlackError("invalid_auth")

    def _complete(self, answer: Json) -> Json:
        if "upload_url" in answer:
            return {**answer, "upload_url": self.url + answer["upload_url"]}
        return answer

    async def respond(self, request: web.Request) -> web.Response:
        """A response_url: at most five answers within half an hour, without a token."""
        behind = self.here.responses.get(request.match_info["id"])
        if behind is None:
            return web.Response(status=404, text="no_service")
        if behind.left < 1 or self.here.clock() > behind.until:
            return web.json_response({"ok": False, "error": "expired_url"}, status=404)
        behind.left -= 1
        try:
            answered(self.here, behind, await _arguments(request))
        except SlackError as refused:
            return web.json_response({"ok": False, "error": refused.error})
        return web.json_response({"ok": True})

    async def upload(self, request: web.Request) -> web.Response:
        file = self.here.files.get(request.match_info["id"])
        if file is None:
            return web.Response(status=404)
        content = await request.read()
        if request.content_type.startswith("multipart/"):
            form = await request.post()
            part = next((each for each in form.values() if isinstance(each, web.FileField)), None)
            content = part.file.read() if part else b""
        file |= {"content": content.decode("utf-8", "replace"), "size": len(content)}
        return web.Response(text=f"OK - {len(content)}")

    async def download(self, request: web.Request) -> web.Response:
        """What `url_private` leads to: for the bot's token only."""
        file = self.here.files.get(request.match_info["id"])
        try:
            self._check(request, {})
        except SlackError:
            return web.Response(status=403)
        return web.Response(text=file["content"]) if file else web.Response(status=404)


def answered(here: Workspace, behind: Responding, given: Json) -> None:
    """Does what an answer to a command or a click asks for."""
    channel = here.channel(behind.channel)
    there = next((each for each in channel.messages if each["ts"] == behind.message), None)
    if given.get("delete_original") and there:
        channel.messages.remove(there)
        here.touch()
        return
    said = methods.spoken(here, given)
    if given.get("replace_original") and there:
        there["text"] = said["text"]
        there["blocks"] = here.with_ids(said.get("blocks", []))
        here.touch()
        return
    private = {} if given.get("response_type") == "in_channel" else {"only_for": behind.user}
    thread = given.get("thread_ts") or behind.thread
    here.post(channel, {**said, **private, **({"thread_ts": thread} if thread else {})})


async def _arguments(request: web.Request) -> Json:
    """Of a call in any of its shapes: JSON, a form, or the address."""
    if request.content_type == "application/json":
        body = await request.json()
        given = dict(body) if isinstance(body, dict) else {}
    else:
        given = {**request.query, **(await request.post())}
    for name in _IN_JSON:
        if isinstance(given.get(name), str):
            try:
                given[name] = json.loads(given[name])
            except ValueError:
                raise web.HTTPBadRequest(text="invalid_json") from None
    return given
