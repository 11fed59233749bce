"""The door in front of several desks, one for each allowlist repository: finds the one that an ask is for.

What the ask names decides: the key of a request, then a repository. Else each allowlist is asked whether it knows the
workload. Several that do are a question and never a guess; one that can't be read keeps the others from nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial

from bot.desk import Desk, Handled, Problem, attempt, guard
from bot.gather import Where
from bot.world.snapshots import Read
from skills.contract import Ask, World
from skills.core.among import Among, knowing
from skills.core.errors import AskUnclear
from skills.core.messages import say
from skills.core.model import Finding, Person
from skills.joined import JOINED

_KEYS = ("key", "redraw", "ends", "widens")


@dataclass(frozen=True, slots=True)
class Place:
    """One repository: what it is called, the name that its rows bear, its desk, and its allowlist of this moment, as of
    the target branch or of what `--config` names."""

    name: str
    repository: str
    desk: Callable[[], Desk]
    read: Callable[[bool], Read]

    run: Callable[[Sequence[str]], object]
    """Carries out what is to do for these requests of it."""


@dataclass(frozen=True, slots=True)
class _Read:
    """The allowlists that could be read, by name, and what is to be said of the others."""

    known: Mapping[str, Read]
    silent: tuple[Finding, ...]

    def knowing(self, words: str) -> list[str]:
        """The names of those that know this workload. Raises AskUnclear for words that can be none."""
        return knowing({name: read.allowlist for name, read in self.known.items()}, words)


_Looked = Callable[[Place], tuple[Read | None, Problem | None]]


def _looked(on_target: bool) -> _Looked:
    """Reads each repository at most once, however often one ask comes back to it."""
    return cache(lambda place: attempt(partial(place.read, on_target)))


class Reception:
    """A desk like any other for whoever asks. `repository_of` gives the one in whose rows a key stands."""

    def __init__(self, places: Sequence[Place], repository_of: Callable[[str], str | None]) -> None:
        self._places = {place.name: place for place in places}
        self._repository_of = repository_of
        self._first = places[0]

    def handle(self, name: str, ask: Ask, who: Person, where: Where, *, on_target: bool = False) -> Handled:
        return guard(lambda: self._handled(name, ask, who, where, on_target))

    def _handled(self, name: str, ask: Ask, who: Person, where: Where, on_target: bool) -> Handled:
        meant = self._named(ask, where)
        if meant is not None:
            return meant.desk().handle(name, ask, who, where, on_target=on_target)
        words = str(getattr(ask, "for_", None) or getattr(ask, "default_deny", None) or "")
        if words:
            return self._by_workload(words, name, ask, who, where, on_target)
        if name in JOINED:
            return self._all(name, ask, who, where, on_target)
        return self._preferred(where).desk().handle(name, ask, who, where, on_target=on_target)

    def refusal(self, name: str, ask: Ask, who: Person, where: Where, *, noted: bool = False) -> Finding | None:
        """By the desk of the repository in whose rows the request stands."""
        meant = self._named(ask, where) or self._preferred(where)
        return meant.desk().refusal(name, ask, who, where, noted=noted)

    def worlds(self, who: Person, where: Where) -> Sequence[World]:
        return [world for place in self._places.values() for world in place.desk().worlds(who, where)]

    # --- several at once

    @property
    def names(self) -> list[str]:
        return [*self._places]

    @property
    def called(self) -> Mapping[str, str]:
        """What each is called, by the name that its rows bear."""
        return {place.repository: place.name for place in self._places.values()}

    def standing(self, workloads: Sequence[str]) -> list[tuple[str, str]]:
        """Each repository that knows one of these workloads, with that workload, among those that can be read."""
        read = self._read(_looked(on_target=True))
        return [(repository, workload) for workload in workloads for repository in read.knowing(workload)]

    def foresee(self, name: str, ask: Ask, who: Person, where: Where) -> Handled:
        """As the desk of the repository that `where` names."""
        return self.place(where.repository).desk().foresee(name, ask, who, where)

    def carry_on(self, keys: Sequence[str]) -> None:
        """What the parts of one ask left to do for one another, once all are there."""
        for key in keys:
            if place := self._standing(key):
                place.run([key])

    # --- which one

    def _named(self, ask: Ask, where: Where) -> Place | None:
        """Where a request stands, its key says, wherever it is given."""
        key = next((str(given) for name in _KEYS if (given := getattr(ask, name, None))), "")
        if key:
            return self._standing(key.strip().upper()) or self._preferred(where)
        return self.place(where.repository) if where.repository else None

    def _standing(self, key: str) -> Place | None:
        """The one in whose rows a request stands."""
        stands = self._repository_of(key)
        return next((each for each in self._places.values() if each.repository == stands), None)

    def place(self, name: str) -> Place:
        """Raises AskUnclear EGR1864 for a name that none has."""
        found = next((each for each in self._places.values() if each.name.casefold() == name.casefold()), None)
        if found is None:
            raise AskUnclear("EGR1864", repository=name[:60], choices=", ".join(self._places))
        return found

    def _preferred(self, where: Where) -> Place:
        return self._places.get(where.prefers, self._first)

    def _by_workload(self, words: str, name: str, ask: Ask, who: Person, where: Where, on_target: bool) -> Handled:
        """No other is asked where the thread's own knows it. Raises AskUnclear for words that name no workload."""
        looked = _looked(on_target)
        read = self._read(looked, where.prefers)
        fits = read.knowing(words)
        if not fits:
            read = self._read(looked)
            fits = read.knowing(words)
        if where.prefers in fits:
            fits = [where.prefers]
        if len(fits) == 1:
            return self._with(read, self._places[fits[0]].desk().handle(name, ask, who, where, on_target=on_target))
        among = _among(fits, {workload for found in read.known.values() for workload in found.allowlist.names()})
        meant = self._places[fits[0]] if fits else self._preferred(where)
        if meant.name not in read.known:
            meant = next((place for name, place in self._places.items() if name in read.known), meant)
        return self._with(read, meant.desk().handle(name, ask, who, where, on_target=on_target, lens=among))

    def _read(self, looked: _Looked, only: str = "") -> _Read:
        known: dict[str, Read] = {}
        silent = []
        for place in [self._places[only]] if only in self._places else self._places.values():
            found, problem = looked(place)
            if found is not None:
                known[place.name] = found
            elif problem:
                silent.append(_silent(place, problem.finding))
        return _Read(known, tuple(silent))

    def _with(self, read: _Read, handled: Handled) -> Handled:
        """What could not be asked is said with the answer; where nothing answers, that is all there is to say."""
        if handled.answer is None or not read.silent:
            return handled
        return replace(handled, answer=handled.answer.aside(*read.silent))

    # --- all of them

    def _all(self, name: str, ask: Ask, who: Person, where: Where, on_target: bool) -> Handled:
        """The answers of all that answer, as one. Where none does, the problem of the first."""
        made = {
            place: place.desk().handle(name, ask, who, where, on_target=on_target) for place in self._places.values()
        }
        answered = {place.name: handled.answer for place, handled in made.items() if handled.answer}
        if not answered:
            return next(iter(made.values()))
        silent = [_silent(place, each.problem.finding) for place, each in made.items() if each.problem]
        worlds = [handled.world for handled in made.values() if handled.world]
        return Handled(JOINED[name](answered).aside(*silent), world=worlds[0] if worlds else None)


def _silent(place: Place, why: Finding) -> Finding:
    return Finding("EGR1865", {"repository": place.name, "why": say(why).says})


def _among(repositories: Sequence[str], names: set[str]) -> Callable[[World], World]:
    return lambda world: replace(world, allowlist=Among(world.allowlist, repositories, names), called="")
