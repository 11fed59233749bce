"""The pass over requests as time goes: what is due is said and done once, whichever replica runs and whenever it does.

What is due is decided in skills/core/life.py. Here each step is one transaction: the row must still be what was looked
at, what is said has its natural key, and effects are intents that the runner carries out.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from bot.desk import Desk, Runner, attempt
from bot.gather import Gather, Where
from bot.intents import intend, take_back
from bot.world.forge import Forge
from bot.world.memory import Memory
from skills.all_skills import by_name
from skills.contract import World
from skills.core import life
from skills.core.messages import say
from skills.core.model import OPEN_STATES, STANDING_STATES, Finding, Request
from skills.core.rights import POSTERN
from skills.decide import there
from skills.draft.again import stands

log = logging.getLogger("postern.timers")

_MOST_LOOKED_AT = 200  # requests whose verdicts one pass works out; the others come with the next
_FOLLOWED = (*OPEN_STATES, *STANDING_STATES, "removed")


class Timers:
    """`forge` and `runner` are asked for when something is done with them."""

    def __init__(
        self,
        desk: Desk,
        gather: Gather,
        memory: Memory,
        forge: Callable[[], Forge],
        runner: Callable[[], Runner],
        clock: Callable[[], datetime],
    ) -> None:
        self._desk = desk
        self._gather = gather
        self._memory = memory
        self._forge = forge
        self._runner = runner
        self._clock = clock
        self._looked_at: dict[str, object] = {}
        self._written_down: dict[str, object] = {}
        self._left = 0

    def run(self) -> tuple[Finding, ...]:
        """Looks at every request that something may still happen to; gives what people hear. One that fails keeps no
        other back. Nothing is done on a copy that may be old."""
        world = self._gather.world(POSTERN, Where("timers"), on_target=True)
        if world.lag:
            return ()
        rows = [row for row in self._memory.requests(world.repository) if row.request.state in _FOLLOWED]
        self._left, self._in_chat = _MOST_LOOKED_AT, world.policy.in_chat
        said = self._memory.said([row.request.key for row in rows])
        found: list[Finding] = []
        for row in rows:
            request, known = row.request, said.get(row.request.key, {})
            news, problem = attempt(lambda request=request, known=known: self._one(request, known, world))  # type: ignore[misc]
            found += news or ()
            if problem:
                self._looked_at.pop(request.key, None)
                log.warning("%s: %s", request.key, say(problem.finding).says)
        return tuple(found)

    def _one(self, request: Request, said: life.Said, world: World) -> list[Finding]:
        """All that follows for one request now; the first step that moves its row is the last of this pass."""
        if self._decided_there(request, world):
            return []
        heard: list[Finding] = []
        kinds: tuple[Callable[[Request, life.Said, World], life.Step], ...] = (
            lambda request, said, world: life.by_renewal(request, said, world.requests),
            self._by_git,
            self._by_time,
            lambda request, said, world: life.by_review(request, said, world.now, world.policy),
            self._by_rollout,  # last: a forge that does not answer keeps nothing else back
        )
        for kind in kinds:
            made = kind(request, said, world)
            heard += self._ends(request, made) if made.ends else self._take(request, made) if made else []
            if made.to:
                break
        return heard

    def _decided_there(self, request: Request, world: World) -> bool:
        """What people approved in GitLab is written down as soon as it is enough. What is refused is not tried again
        before something moved."""
        seen = (request.version, request.approved_there, world.allowlist.commit, world.policy_id)
        if not there.ready(request, world) or self._written_down.get(request.key) == seen:
            return False
        self._written_down[request.key] = seen
        ask = by_name("decide").Ask.model_validate({"key": request.key, "verb": "approve", "digest": request.digest})
        handled = self._desk.handle("decide", ask, POSTERN, Where("gitlab"))
        if handled.problem:
            log.warning("%s: %s", request.key, say(handled.problem.finding).says)
        return handled.problem is None

    def _by_time(self, request: Request, said: life.Said, world: World) -> life.Step:
        """Who is nobody at the forge any more is not asked; that they are still waited for is said once."""
        made = life.by_time(request, said, world.now, world.policy)
        asked = {name for each in made.told for name in each.to}
        in_forge = self._desk.in_forge
        gone, _ = attempt(lambda: in_forge.gone(asked, world.policy) if in_forge and asked else frozenset[str]())
        if not gone:
            return made
        policy = replace(world.policy, departed=gone)
        still = tuple(name for name in request.waits_for if policy.canon(name) not in gone)
        made = life.by_time(replace(request, waits_for=still), said, world.now, policy)
        told = life.departed(request, gone, policy)
        return made if told.mark in said else replace(made, told=(*made.told, told))

    def _is_due(self, request: Request, world: World) -> bool:
        return request.state not in OPEN_STATES and self._looked_at.get(request.key) != _shape(request, world)

    def _by_git(self, request: Request, said: life.Said, world: World) -> life.Step:
        """Looked at where its files moved; what is merged and not seen to stand, at each new commit."""
        if not self._is_due(request, world) or self._left <= 0:
            return life.NOTHING
        self._left -= 1
        made = life.by_git(request, said, stands(request, world), world.allowlist.commit, world.requests, world.now)
        self._looked_at[request.key] = _shape(request, world)
        return made

    def _by_rollout(self, request: Request, said: life.Said, world: World) -> life.Step:
        if not request.commit or not life.wants_rollout(request, said, world.now):
            return life.NOTHING
        return life.by_rollout(request, said, self._forge().rollout(request.commit))

    def _take(self, request: Request, made: life.Step) -> list[Finding]:
        """All of it or nothing, and nothing where the row moved meanwhile or another replica was quicker."""
        now, heard = self._clock(), []
        with self._memory.transaction() as tx:
            row = tx.request(request.key)
            if row is None or (row.request.version, row.request.state) != (request.version, request.state):
                return []
            fields = {"until": made.until} if made.until else {}
            if made.to and request.state == "decided":
                take_back(tx, request.key, made.to, now)
            if made.to and not tx.move_request(
                request.key,
                request.state,
                made.to,
                request.version,
                now,
                **fields,  # type: ignore[arg-type]
            ):
                return []
            for item in made.told:
                key = f"{request.key}:{item.mark}"
                if tx.tell(row.request, key, item.finding, now, to=map(self._in_chat, item.to), quiet=item.quiet):
                    heard += [] if item.quiet else [item.finding]
            if not made.to and not heard:
                return []
            for effect in made.effects:
                intend(tx, effect, now)
            facts = {"key": request.key, "from": request.state, "to": made.to or request.state}
            tx.add_log(POSTERN.id, "timers", "time", {**facts, "codes": [each.finding.code for each in made.told]}, now)
        if made.effects:
            for key, problem in self._runner().run([effect.request_key for effect in made.effects]).items():
                log.warning("%s: %s", key, say(problem.finding).says)
        return heard

    def _ends(self, request: Request, made: life.Step) -> list[Finding]:
        """The removal is drawn first: it is the same one however often that is tried."""
        ask = by_name("propose").Ask.model_validate({"ends": request.key})
        handled = self._desk.handle("propose", ask, POSTERN, Where("timers", request.thread))
        removal = handled.answer.detail.get("request") if handled.answer else None
        if handled.problem and handled.problem.exit_status in (1, 7):
            log.warning("%s: %s", request.key, say(handled.problem.finding).says)
            return []  # tried again by the next pass
        why = say(handled.findings[0]).says if handled.findings else ""
        told = life.removal_told(request, removal if isinstance(removal, Request) else None, why)
        return self._take(request, replace(made, told=(told,), ends=False))


def _shape(request: Request, world: World) -> object:
    """What a look at a request depends on, as far as it is worth another look."""
    unsettled = request.state in ("merged", "rolled_out")
    files = tuple(hash(world.allowlist.texts.get(path)) for path in request.paths)
    return (request.version, world.allowlist.commit if unsettled else None, files)
