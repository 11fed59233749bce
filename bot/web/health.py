"""`/healthz`: the process lives. `/readyz`: what it needs, part by part, naming in a sentence what is down.

Nobody's call is slower than a few seconds, whatever hangs behind it, and many calls are one look.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from skills.core.messages import level, say
from skills.core.model import Finding, finding

_WITHIN = 2.0  # seconds that one part may take to say how it is

Look = Callable[[], Awaitable[Sequence[Finding]]]


@dataclass(slots=True)
class Part:
    """Something that the service needs. Without a `vital` part nobody can be answered; without another one a part of
    the work waits. A look counts for `seconds`; one that hangs is not begun a second time."""

    name: str
    look: Look
    seconds: float
    vital: bool = True
    _under_way: asyncio.Task[Sequence[Finding]] | None = None
    _ended: float = field(default=0.0)

    @property
    def busy(self) -> bool:
        return self._under_way is not None and not self._under_way.done()

    async def findings(self) -> Sequence[Finding]:
        """What is to be said of it. Raises nothing: what `look` raises is a mistake of ours and ends the call."""
        loop = asyncio.get_running_loop()
        if self._under_way is None or (self._under_way.done() and loop.time() - self._ended >= self.seconds):
            self._under_way = asyncio.ensure_future(self.look())
            self._under_way.add_done_callback(lambda _: setattr(self, "_ended", loop.time()))
        await asyncio.wait({self._under_way}, timeout=_WITHIN)
        if not self._under_way.done():
            return [finding("EGR099", part=self.name, seconds=_WITHIN)]
        return self._under_way.result()


def add_health(served: web.Application, parts: Sequence[Part], mask: Callable[[str], str]) -> None:
    """`mask` goes over every sentence: an address of somebody else may hold what nobody may see."""

    async def health(_request: web.Request) -> web.Response:
        return web.json_response({"ok": True})

    async def ready(_request: web.Request) -> web.Response:
        found = await asyncio.gather(*(part.findings() for part in parts))
        shown = {part.name: _shown(part, findings, mask) for part, findings in zip(parts, found, strict=True)}
        faults = [said for each in shown.values() if each["vital"] for said in each["faults"]]
        lacking = [said for each in shown.values() if not each["vital"] for said in each["faults"]]
        answer = {"ok": not faults, "faults": faults, "waiting": lacking, "parts": shown}
        return web.json_response(answer, status=503 if faults else 200)

    served.router.add_get("/healthz", health)
    served.router.add_get("/readyz", ready)


def _shown(part: Part, findings: Sequence[Finding], mask: Callable[[str], str]) -> dict[str, Any]:
    faults = [mask(say(each).says) for each in findings if level(each) == "error"]
    warnings = [mask(say(each).says) for each in findings if level(each) == "warning"]
    return {"ok": not faults, "vital": part.vital, "faults": faults, "warnings": warnings}
