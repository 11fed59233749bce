"""What came to the door with a wrong signature stands in the audit log: once a minute and place, with how often."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from time import monotonic

from aiohttp import web
from aiohttp.typedefs import Handler

log = logging.getLogger("postern")
_REFUSED = (401, 403)
_PAUSE = 60.0  # seconds: whoever knocks all day shall not fill the database
_MOST_PLACES = 20

Note = Callable[[str, int, int], Awaitable[None]]
"""Keeps that a path answered with this status so many times since it was kept last."""


def note_refusals(served: web.Application, note: Note, ticks: Callable[[], float] = monotonic) -> None:
    """Nothing of a request is kept: neither its body nor its headers are anybody's words."""
    since: dict[tuple[str, int], tuple[float, int]] = {}

    async def count(path: str, status: int) -> None:
        known = (path, status)
        if known not in since and len(since) >= _MOST_PLACES:
            return
        before, times = since.get(known, (-_PAUSE, 0))
        if ticks() - before < _PAUSE:
            since[known] = (before, times + 1)
            return
        since[known] = (ticks(), 0)
        await note(path, status, times + 1)

    @web.middleware
    async def refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
        answer = await handler(request)
        if answer.status in _REFUSED:
            await count(request.path, answer.status)
        return answer

    served.middlewares.append(refusals)
