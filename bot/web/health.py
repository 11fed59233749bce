"""`/healthz`: whether repository and state answer, naming what does not."""

from __future__ import annotations

from aiohttp import web

from bot.app import App
from bot.doctor import quick_faults
from bot.slack.gate import Gate


def add_health(served: web.Application, app: App, gate: Gate) -> None:
    async def health(_request: web.Request) -> web.Response:
        faults = await gate.run(quick_faults, app)
        return web.json_response({"ok": not faults, "faults": faults}, status=503 if faults else 200)

    served.router.add_get("/healthz", health)
