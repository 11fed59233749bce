"""Open requests when the target branch moves: what would come out otherwise now is drawn anew, and its thread hears it.

A request that would come out just the same is left alone, whatever else was merged: its approvals stand.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from bot.desk import Desk, Handled, attempt
from bot.gather import Gather, Where
from bot.world.memory import Memory
from skills.all_skills import by_name
from skills.contract import World
from skills.core.model import Finding, Request
from skills.core.rights import POSTERN
from skills.draft.again import still_the_same

_MAY_BE_DRAWN = ("drafted", "proposed", "waiting")
"""What somebody holds is theirs to look at, and what is decided is being merged."""


class Renewal:
    def __init__(
        self,
        desk: Desk,
        gather: Gather,
        memory: Memory,
        clock: Callable[[], datetime],
        look: Callable[[str], object],
    ) -> None:
        """`look` follows one request, by its key: what people did to its merge request comes before what we draw."""
        self._look = look
        self._desk = desk
        self._gather = gather
        self._memory = memory
        self._clock = clock
        self._seen: str | None = None

    def renew(self) -> tuple[Finding, ...]:
        """Looks at every open request once for each commit of the target; gives what their threads hear."""
        world = self._gather.world(POSTERN, Where("renewal"), on_target=True)
        tip = world.allowlist.commit
        if tip is None or tip == self._seen:
            return ()
        said = [heard for request in world.requests if (heard := self._one(request, world))]
        self._seen = tip
        return tuple(said)

    def _one(self, request: Request, world: World) -> Finding | None:
        if request.state not in _MAY_BE_DRAWN or request.drawn is None or request.base == world.allowlist.commit:
            return None
        drawn = request.drawn
        same, _ = attempt(lambda: still_the_same(drawn, world))
        if same or not self._is_still_ours(request.key):
            return None
        ask = by_name("propose").Ask.model_validate({"redraw": request.key})
        handled = self._desk.handle("propose", ask, POSTERN, Where("renewal", request.thread))
        return self._tell(request, handled, world)

    def _is_still_ours(self, key: str) -> bool:
        """What somebody closed is over, and a branch that they pushed to is theirs until they put it back.

        Raises what keeps the forge from telling: then nothing is drawn, and the next pass looks again.
        """
        self._look(key)
        row = self._memory.request(key)
        return row is not None and row.request.state in _MAY_BE_DRAWN and not row.request.pushed

    def _tell(self, request: Request, handled: Handled, world: World) -> Finding | None:
        """Said once for each commit, whichever replica drew it."""
        said = handled.findings
        if not said or said[0].code == "EGR417":  # another replica drew it before us
            return None
        found = said[0]
        with self._memory.transaction() as tx:
            new = tx.tell(request, f"{request.key}:renewed:{world.allowlist.commit}", found, self._clock())
        return found if new else None
