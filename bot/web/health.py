"""`/healthz`: whether repository and state answer, naming what does not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web


def add_health(served: web.Application, faults: Callable[[], Awaitable[list[str]]]) -> None:
    """`faults` gives sentences about what keeps the service from answering; none when it is well."""

    async def health(_request: web.Request) -> web.Response:
        found = await faults()
        return web.json_response({"ok": not found, "faults": found}, status=503 if found else 200)

    served.router.add_get("/healthz", health)
