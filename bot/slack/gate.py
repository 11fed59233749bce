"""The one crossing from async surfaces to synchronous work: a bounded pool, so that nothing blocks the event loop."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
log = logging.getLogger("postern.slack")


class Gate:
    """`run` awaits synchronous work in the pool; `later` lets a coroutine go on after the acknowledgement."""

    def __init__(self, workers: int = 4) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="postern")
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        context = contextvars.copy_context()  # so that its log lines name what they are about
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, lambda: context.run(work, *args, **kwargs))

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception():
            log.error("a turn could not be answered", exc_info=task.exception())

    async def drained(self) -> None:
        """Waits until every started turn has ended, for shutdown and tests."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
