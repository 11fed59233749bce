"""The allowlist repositories that one Postern serves. With a single one this is that one and costs nothing more."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import TYPE_CHECKING

from bot.app import App, carried_out, opened, talk
from bot.desk import Door, attempt
from bot.shared import Settings, Shared
from skills.core.errors import AskUnclear
from skills.core.model import Person, Request

if TYPE_CHECKING:
    from bot.conversation import Conversation
    from bot.lifecycle.durable import DurableRunner
    from bot.reception import Reception


__all__ = ["App", "Served"]


class Served:
    """`apps` are the repositories, in the order in which they were named; there is at least one."""

    def __init__(self, apps: Sequence[App]) -> None:
        self.apps = tuple(apps)
        self.first = self.apps[0]
        self.settings, self.shared, self.where = self.first.settings, self.first.shared, self.first.where

    @classmethod
    def build(
        cls,
        settings: Settings,
        *,
        config: Sequence[str] = (),
        repository: str | None = None,
        at: str | None = None,
        acting_as: str | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> Served:
        """Opens what flags or settings name, else the folder that we stand in. A flag may also give the name of one
        that the settings name. Raises AskUnclear EGR1864 for a name that none has, and what opening one raises."""
        return cls(opened(Shared(settings, acting_as, clock), config, repository, at))

    def one(self) -> App:
        """The only one. Raises AskUnclear EGR1866 where there are several."""
        if len(self.apps) > 1:
            raise AskUnclear("EGR1866", choices=", ".join(self.names))
        return self.first

    @property
    def names(self) -> list[str]:
        """What the repositories are called; none where there is only one, for then nobody needs a name."""
        return [app.called for app in self.apps if app.called]

    @property
    def desk(self) -> Door:
        return self.first.desk if len(self.apps) == 1 else self.reception

    @cached_property
    def reception(self) -> Reception:
        """In front of the desks of several."""
        from bot.reception import Place, Reception  # noqa: PLC0415

        places = [
            Place(
                app.called,
                app.repository,
                partial(getattr, app, "desk"),
                app.read,
                lambda keys, app=app: app.runner.run(keys),  # type: ignore[misc]
            )
            for app in self.apps
        ]
        return Reception(places, self.repository_of)

    @cached_property
    def conversation(self) -> Conversation:
        if len(self.apps) == 1:
            return self.first.conversation
        from bot.together import Together  # noqa: PLC0415

        together = Together(self.reception)
        return talk(self.shared, self.desk, self.workloads, self.of_team, together)

    def of_team(self, channel: str, team: str = "") -> Mapping[str, str]:
        """As the one policy says that names the team or its channel; nothing where several do."""
        said = [found for app in self.apps if (found := attempt(partial(app.of_team, channel, team))[0])]
        return said[0] if len(said) == 1 else {}

    def in_chat(self, repository: str) -> Callable[[str], str]:
        """As `App.in_chat` of that repository."""
        return next((app.in_chat() for app in self.apps if app.repository == repository), str)

    def past_approval(self, repository: str) -> Callable[[Request], tuple[str, ...]]:
        """As `App.past_approval` of that repository."""
        return next((app.past_approval() for app in self.apps if app.repository == repository), lambda _request: ())

    def people(self) -> list[Person]:
        """Everybody whom a policy names, and whoever acts now."""
        return list({person.id.casefold(): person for app in self.apps for person in app.people()}.values())

    @property
    def repository(self) -> str:
        """What rows bear; where there are several, each in a line, in whatever order they were named."""
        return "\n".join(sorted(app.repository for app in self.apps))

    def durable(self) -> DurableRunner:
        """One engine for all. Raises what making a forge ready does, and what `carried_out` does."""
        if len(self.apps) == 1:
            return self.first.durable()
        from bot.lifecycle.several import StepsOfSeveral  # noqa: PLC0415

        own = {app.repository: app.steps() for app in self.apps}
        steps = StepsOfSeveral(self.shared.memory, self.shared.clock, own)
        steps.ready()
        return carried_out(self.shared, steps, self.apps, self.repository)

    def finish_what_was_left(self) -> None:
        for app in self.apps:
            app.finish_what_was_left()

    @property
    def repository_name(self) -> str:
        return ", ".join(app.repository_name for app in self.apps)

    def repository_of(self, key: str) -> str | None:
        """The one in whose rows a request stands."""
        memory = self.shared.kept()
        row = memory.request(key) if memory else None
        return row.repository if row else None

    def app_called(self, name: str) -> App:
        """By the name that several have; the only one has none."""
        return next(app for app in self.apps if app.called == name)

    @cached_property
    def person(self) -> Person:
        """Who acts, as the first repository that knows them by a short name says."""
        known = (attempt(partial(getattr, app, "person"))[0] for app in self.apps)
        return next((person for person in known if isinstance(person, Person)), None) or self.first.person

    def workloads(self) -> tuple[list[str], list[str]]:
        """Workloads and environments that any of the allowlists knows now. Raises what is in the way of the first where
        none can be read."""
        if len(self.apps) == 1:
            return self.first.names()
        found = [names for app in self.apps if (names := attempt(app.names)[0])]
        if not found:
            return self.first.names()
        workloads, environments = zip(*found, strict=True)
        return sorted({each for names in workloads for each in names}), sorted({e for es in environments for e in es})
