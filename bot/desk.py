"""The one door: gather, may they?, run the skill, record answer and intents, nudge the runner, answer.

Every surface ends here. The only handler that catches everything stands in `guard`.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from bot.gather import Gather, Where
from bot.world.people import InForge, also_them
from skills.all_skills import by_name
from skills.contract import Answer, Ask, World, card
from skills.core.errors import Mendable, NotAllowed, Outdated, Unreachable
from skills.core.messages import say
from skills.core.model import UNDER_WAY, Finding, Person, Standing
from skills.core.rights import approvals, identified, may_ask, refuse_own
from skills.levels import may_go_on, may_go_this_far

if TYPE_CHECKING:
    from bot.world.memory import Memory

log = logging.getLogger("postern")
_REFUSED = (NotAllowed.exit_status, Outdated.exit_status)
_PASSES = ("renewal", "timers")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Problem:
    """Why there is no answer: a finding that names who must act, and the exit status of the command line."""

    finding: Finding
    exit_status: int
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Handled:
    """Exactly one of `answer` and `problem` is set. `world` is what the answer was made from."""

    answer: Answer | None = None
    problem: Problem | None = None
    world: World | None = None

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is said, the most important first: why there is no answer, or the answer's own."""
        if self.problem:
            return (self.problem.finding,)
        return self.answer.findings if self.answer else ()

    @property
    def exit_status(self) -> int:
        if self.problem:
            return self.problem.exit_status
        return self.answer.exit_status if self.answer else 1


class Door(Protocol):
    """Where every ask goes: the desk of a repository, or what finds the right one among several."""

    def handle(self, name: str, ask: Ask, who: Person, where: Where, *, on_target: bool = False) -> Handled: ...

    def refusal(self, name: str, ask: Ask, who: Person, where: Where, *, noted: bool = False) -> Finding | None: ...

    def worlds(self, who: Person, where: Where) -> Sequence[World]:
        """Each allowlist of this moment with its policy. Raises what keeps one from being read."""


Lens = Callable[[World], World]


def _as_it_is(world: World) -> World:
    return world


class Runner(Protocol):
    """Carries out intents."""

    def ready(self) -> None:
        """Raises a mendable failure when there is nothing to carry them out with."""

    def run(self, keys: Sequence[str]) -> Mapping[str, Problem]:
        """Carries out what is to do for these requests; gives what could not be done, by request key."""


class Desk:
    def __init__(
        self,
        gather: Gather,
        memory: Callable[[], Memory],
        runner: Callable[[], Runner],
        kept: Callable[[], Memory | None] = lambda: None,
        *,
        effects: bool = True,
    ) -> None:
        """`memory` and `runner` are built only when an answer changes something; `kept` gives the memory where there is
        one already, for the audit log of what changes nothing. Without `effects` nothing is changed."""
        self._gather = gather
        self._memory = memory
        self._runner = runner
        self._kept = kept
        self._effects = effects
        self.directory: Callable[[Person], Standing | None] = lambda _who: None
        """What a chat says of a person now; None for who is in none. Raises Unreachable where it does not answer."""
        self.by_email = False
        self.in_forge: InForge | None = None

    def handle(
        self, name: str, ask: Ask, who: Person, where: Where, *, on_target: bool = False, lens: Lens = _as_it_is
    ) -> Handled:
        """`on_target`: draw on the target branch, as a conversation does that may end in a merge request. Through
        `lens` the skill sees the world with what the other repositories know that are served as well."""
        seen: list[World] = []
        handled = guard(lambda: self._handle(name, ask, who, where, on_target, seen, lens))
        key = _under_way(handled)
        if handled.problem and key and not self._is_owed(key):  # it went on since it was read: what is so now is said
            handled = guard(lambda: self._handle(name, ask, who, where, on_target, seen, lens))
        if self._is_noted(handled, where):
            _, problem = attempt(lambda: self._note(name, ask, who, where, handled, seen))
            if problem:
                log.warning("an ask is missing in the audit log: %s", say(problem.finding).says)
        return handled

    def worlds(self, who: Person, where: Where) -> Sequence[World]:
        return (self._gather.world(who, where, on_target=True),)

    def refusal(self, name: str, ask: Ask, who: Person, where: Where, *, noted: bool = False) -> Finding | None:
        """Why this person may not, by policy and rows alone: chat and forge are asked when it is done."""

        def made() -> Handled:
            world = self._gather.world(who, where, on_target=True)
            person = identified(who, world.policy, by_email=self.by_email)
            return Handled(self._ran(name, ask, replace(world, person=person), where))

        handled = guard(made)
        if handled.exit_status not in _REFUSED or handled.problem is None:
            return None
        if noted:
            attempt(lambda: self._note(name, ask, who, where, handled, []))
        return handled.problem.finding

    def foresee(self, name: str, ask: Ask, who: Person, where: Where, *, on_target: bool = True) -> Handled:
        """What would be answered at the highest level, with nothing recorded and nothing done."""
        world, changes = partial(self._gather.world, who, where, on_target=on_target), card(name).changes
        return guard(lambda: Handled(by_name(name).run(ask, self._as_of_now(who, ask, changes, world())[0])))

    def _as_of_now(self, who: Person, ask: Ask, changes: str, world: World) -> tuple[World, tuple[Finding, ...]]:
        """The person by the policy of this moment, and what is to be said of those who decided before them. Whoever
        decides is looked up in the chat and at the forge too."""
        if changes != "decision":
            return replace(world, person=identified(who, world.policy, by_email=self.by_email)), ()
        standing = self.directory(who)
        person = identified(who, world.policy, standing, by_email=self.by_email)
        if self.in_forge:
            self.in_forge.refuse_gone(person, world.policy)
        request = next((each for each in world.requests if each.key == str(getattr(ask, "key", ""))), None)
        if request is None:
            return replace(world, person=person), ()
        before = set[str]().union(*approvals(request, world.policy))
        also = partial(also_them, who, standing, self.directory, by_email=self.by_email)
        for name in also((request.asked_by, *request.watchers)):  # under another id of the chat than this one
            refuse_own(Person(name), request, world.policy)
        gone = self.in_forge.gone(before, world.policy) if self.in_forge else frozenset[str]()
        twice = frozenset(world.policy.canon(name) for name in also(before))
        policy = replace(world.policy, departed=gone | twice)
        said = ((gone, "EGR1665"), (twice, "EGR1672")) if getattr(ask, "verb", "") in ("approve", "part") else ()
        facts = {"key": request.key, "keepers": world.policy.keepers if gone else ""}
        told = tuple(Finding(code, {**facts, "names": ", ".join(sorted(names))}) for names, code in said if names)
        return replace(world, person=person, policy=policy), told

    def _is_noted(self, handled: Handled, where: Where) -> bool:
        """Whether the audit log gets a line of its own: what changes something has one in its own transaction.

        Whoever reads the allowlist at the command line could read it with Git; Postern's own passes ask time and again.
        """
        if handled.problem:
            return where.surface not in _PASSES and (where.surface != "cli" or handled.exit_status in _REFUSED)
        recorded = handled.answer is not None and (handled.answer.records or handled.answer.effects)
        return where.surface != "cli" and not recorded

    def _note(self, name: str, ask: Ask, who: Person, where: Where, handled: Handled, seen: list[World]) -> None:
        memory = self._kept()
        if memory is None:
            return
        from bot import ledger  # noqa: PLC0415

        data = handled.answer.data if handled.answer else {}
        facts = ledger.audited(handled.findings, data, next(iter(seen), None))
        refused = {"refused": dict(handled.problem.finding.facts)} if handled.problem else {}
        ledger.note(memory, name, ask, who, where, {**facts, **refused}, self._gather.now())

    def _handle(
        self, name: str, ask: Ask, who: Person, where: Where, on_target: bool, seen: list[World], lens: Lens
    ) -> Handled:
        rights = card(name)
        if rights.who != "anyone":
            may_ask(who)
        world = self._gather.world(who, where, on_target=on_target or rights.changes != "nothing")
        world, told_of = self._as_of_now(who, ask, rights.changes, world)
        seen.append(world)
        if world.lag and rights.changes != "nothing":
            raise Unreachable("EGR046", where=world.repository, why=world.lag.facts["why"])
        seen_so = lens(world)
        answer = self._ran(name, ask, seen_so, where)
        told = (*(finding for finding in (world.lag, world.policy.fault) if finding), *told_of)
        if told:
            answer = replace(answer, findings=(*answer.findings, *told))
        if seen_so.called:
            answer = answer.among_several(seen_so.called)
        if rights.changes == "nothing" or not (answer.records or answer.effects):
            return Handled(answer, world=world)
        return self._perform(name, answer, world, where)

    def _ran(self, name: str, ask: Ask, world: World, where: Where) -> Answer:
        may_go_on(world.policy, card(name), effects=self._effects)
        answer = by_name(name).run(ask, world)
        may_go_this_far(world.policy, card(name), answer, where.channel)
        return answer

    def _perform(self, name: str, answer: Answer, world: World, where: Where) -> Handled:
        """Rows and intents in one transaction; then the runner, and the answer shows what came of it."""
        self._runner().ready()
        from bot import intents, ledger  # noqa: PLC0415 - only what changes something needs the database

        ledger.record(self._memory(), name, answer, world, where)
        keys = [effect.request_key for effect in answer.effects]
        problems = self._runner().run(keys)
        self._runner().run(intents.settle(self._memory(), keys, world.now))
        for key in keys:
            if key in problems:
                return Handled(problem=problems[key], world=world)
        if not keys and (asked := _under_way(Handled(answer))):
            keys = [asked]
        ledger.owe(self._memory(), keys, world.now)
        return Handled(self._shown(answer, keys), world=world)

    def _is_owed(self, key: str) -> bool:
        """Whether the thread will hear how it ends; True also where nobody can note that."""
        from bot import ledger  # noqa: PLC0415

        memory = self._kept()
        noted, problem = attempt(lambda: memory is None or ledger.owe(memory, [key], self._gather.now()))
        return bool(noted or problem)

    def _shown(self, answer: Answer, keys: Sequence[str]) -> Answer:
        """The row is the truth of a request, so what the row says now is what is shown."""
        from bot import intents  # noqa: PLC0415

        rows = [row for key in keys if (row := self._memory().request(key))]
        if not rows:
            return answer
        request, facts = rows[0].request, rows[0].facts
        now: dict[str, Any] = {"state": request.state, "url": request.url, "commit": request.commit}
        data = {**answer.data, **{name: value for name, value in now.items() if name in answer.data}}
        left = tuple(finding for key in dict.fromkeys(keys) for finding in intents.unfinished(self._memory(), key))
        detail = {**answer.detail, "request": request, "commands": tuple(facts.get("commands", ()))}
        return replace(answer, data=data, detail=detail, findings=(*answer.findings, *left))


def _under_way(handled: Handled) -> str | None:
    """The request of which whoever asked is about to hear that Postern is still at it."""
    said = handled.problem.finding.facts if handled.problem else handled.answer.data if handled.answer else {}
    return str(said["key"]) if said.get("state") in UNDER_WAY and said.get("key") else None


def guard(work: Callable[[], Handled]) -> Handled:
    """Mendable failures become a problem with their own sentence; anything else is ours, with a reference."""
    handled, problem = attempt(work)
    return handled or Handled(problem=problem)


def attempt(work: Callable[[], T], *, outside: str | None = None) -> tuple[T | None, Problem | None]:
    """The one place that catches everything: what came of the work, or why nothing did.

    `outside` names a service whose failures are no fault of ours: they are logged by their class alone, because their
    text may hold what was sent.
    """
    try:
        return work(), None
    except Mendable as error:
        return None, Problem(error.finding, error.exit_status)
    except BrokenPipeError:
        raise  # whoever read our output has gone; that is nobody's fault
    except Exception as error:
        if outside:
            log.warning("%s failed: %s", outside, type(error).__name__)
            return None, Problem(Finding("EGR1707"), Unreachable.exit_status)
        reference = secrets.token_hex(4)
        log.exception("our fault, reference %s", reference)
        return None, Problem(Finding("EGR499", {"reference": reference}), 1, reference)
