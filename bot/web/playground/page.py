"""The page and what it asks for. Loopback only, and only whoever was given the address that `make demo` printed.

Three locks: the Host must be this server's own (a foreign name that leads to 127.0.0.1 gets nothing), every request for
data carries a key in a header that other web pages can't set, and the key stands in the address's fragment, which no
browser sends or logs. The page itself runs no script but its own and reaches nothing but this server.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from bot.web.playground.acts import Acts
from bot.web.playground.workspace import Json, SlackError, Workspace

ASSETS = Path(__file__).resolve().parent / "assets"
_KINDS = {"html": "text/html", "js": "text/javascript", "css": "text/css", "svg": "image/svg+xml", "txt": "text/plain"}
# Mermaid writes style elements while it measures text; everything else keeps to the page's own files.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_LOOK = 20.0  # seconds that a request for news waits for some
_LARGEST = 4 * 1024 * 1024  # bytes of one request


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page shows beside the workspace: whom one may be, what may be tried, and merge requests.

    `people` are user ids; `examples` have `title`, `channel` and `text`; `shortcuts` have `callback_id` and `name`;
    `commands` have `command`, `description` and `usage_hint`. `merge_requests` lists, `merge_request` gives one by its
    address: both are awaited, and None says that there is no such thing.
    """

    people: tuple[str, ...]
    examples: tuple[Json, ...] = ()
    shortcuts: tuple[Json, ...] = ()
    commands: tuple[Json, ...] = ()
    merge_requests: Callable[[], Awaitable[list[Json]]] | None = None
    merge_request: Callable[[str], Awaitable[Json | None]] | None = None


class Page:
    def __init__(self, here: Workspace, acts: Acts, shown: Shown, key: str) -> None:
        self.here = here
        self.acts = acts
        self.shown = shown
        self.hosts: frozenset[str] = frozenset()
        self._key = key.encode()
        self._news = asyncio.Event()
        here.changed = self._news.set

    def add_to(self, served: web.Application) -> None:
        served.router.add_get("/", self._file)
        served.router.add_get("/merge_requests/{number}", self._file)
        served.router.add_get("/assets/{name}", self._file)
        served.router.add_get("/ui/state", self._state)
        served.router.add_get("/ui/merge_requests", self._merge_requests)
        served.router.add_get("/ui/merge_request", self._merge_request)
        served.router.add_post("/ui/act", self._act)

    @web.middleware
    async def guard(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Host and key, then the headers that keep the page to itself."""
        if request.host not in self.hosts:
            return web.Response(status=421, text="This server answers to its own address only.")
        if request.path.startswith("/ui/") and not self._knows(request):
            return web.Response(status=403, text="Open the address that `make demo` printed.", headers=_HEADERS)
        answer = await handler(request)
        answer.headers.update(_HEADERS)
        return answer

    def _knows(self, request: web.Request) -> bool:
        origin = request.headers.get("Origin")
        if origin is not None and origin.removeprefix("http://") not in self.hosts:
            return False
        return hmac.compare_digest(request.headers.get("X-Postern-Key", "").encode(), self._key)

    async def _file(self, request: web.Request) -> web.Response:
        name = request.match_info.get("name", "index.html")
        path = ASSETS / name
        kind = _KINDS.get(name.rpartition(".")[2])
        if path.parent != ASSETS or kind is None or not path.is_file():
            raise web.HTTPNotFound
        return web.Response(body=await asyncio.to_thread(path.read_bytes), content_type=kind, charset="utf-8")

    async def _state(self, request: web.Request) -> web.Response:
        """Everything that one person sees; with `since`, only when something has changed after that."""
        user, since = self._user(request.query.get("as", "")), int(request.query.get("since", "-1"))
        if since == self.here.version:
            self._news.clear()
            try:
                async with asyncio.timeout(_LOOK):
                    while since == self.here.version:
                        await self._news.wait()
                        self._news.clear()
            except TimeoutError:
                return web.json_response({"version": since})
        return web.json_response(self._seen_by(user))

    def _user(self, user: str) -> str:
        if user not in self.shown.people:
            raise web.HTTPBadRequest(text="nobody of that id can be played here")
        return user

    def _seen_by(self, user: str) -> Json:
        here, shown = self.here, self.shown
        return {
            "version": here.version,
            "team": here.name,
            "bot": here.bot.id,
            "people": list(shown.people),
            "users": {
                each.id: {"name": each.name, "real_name": each.real_name, "title": each.title, "is_bot": each.is_bot}
                for each in here.users.values()
            },
            "channels": [
                {
                    "id": each.id,
                    "name": each.name,
                    "kind": each.kind,
                    "topic": each.topic,
                    "messages": [said for said in each.messages if said.get("only_for") in (None, user)],
                }
                for each in here.channels.values()
                if user in each.members
            ],
            "modals": here.modals.get(user, []),
            "home": here.homes.get(user),
            "statuses": [
                {"channel": channel, "thread": thread, **note} for (channel, thread), note in here.statuses.items()
            ],
            "examples": list(shown.examples),
            "shortcuts": list(shown.shortcuts),
            "commands": list(shown.commands),
        }

    async def _merge_requests(self, _request: web.Request) -> web.Response:
        return web.json_response(await self.shown.merge_requests() if self.shown.merge_requests else [])

    async def _merge_request(self, request: web.Request) -> web.Response:
        found = await self.shown.merge_request(request.query.get("url", "")) if self.shown.merge_request else None
        if found is None:
            raise web.HTTPNotFound(text="There is no merge request at this address.")
        return web.json_response(found)

    async def _act(self, request: web.Request) -> web.Response:
        """One deed: `{"do", "as", ...}`. A refusal comes back as `{"error"}`, in Slack's words."""
        if request.content_type != "application/json":
            raise web.HTTPUnsupportedMediaType
        given = await request.json()
        try:
            return web.json_response(await self._done(given, self._user(str(given.get("as")))))
        except SlackError as refused:
            return web.json_response({"error": refused.error})
        except KeyError as missing:
            raise web.HTTPBadRequest(text=f"{missing} is missing") from None

    async def _done(self, given: Json, user: str) -> Json:
        acts, text = self.acts, {name: str(value) for name, value in given.items() if isinstance(value, str)}
        where: Any = given.get("where") or {}
        match given.get("do"):
            case "say":
                return await acts.say(user, text["channel"], text["text"], text.get("thread"))
            case "edit":
                return await acts.edit(user, text["channel"], text["ts"], text["text"])
            case "delete":
                return await acts.delete(user, text["channel"], text["ts"])
            case "stop":
                return await acts.stop(user, text["channel"], text["thread"])
            case "shortcut":
                return await acts.shortcut(user, text["channel"], text["ts"], text["callback"])
            case "press":
                picked, values = given.get("picked") or {}, given.get("values") or {}
                return await acts.press(user, where, text["block"], text["action"], picked, values)
            case "suggest":
                return await acts.suggest(user, where, text["block"], text["action"], text.get("typed", ""))
            case "submit":
                return await acts.submit(user, text["view"], given.get("values") or {})
            case "close":
                return await acts.close(user, text["view"])
            case "home":
                return await acts.home(user)
        raise web.HTTPBadRequest(text="nothing that can be done")


def application(page: Page) -> web.Application:
    return web.Application(middlewares=[page.guard], client_max_size=_LARGEST)
