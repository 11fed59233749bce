"""The composition root: the only file that builds real things and ties them together."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from bot import output
from bot.desk import Desk, Door, attempt
from bot.forges import Forges, opened_repository
from bot.gather import Gather, Where
from bot.origins import Origins
from bot.repositories import chosen
from bot.settings import Settings
from bot.shared import Shared
from bot.world import helm
from bot.world.config_repo import ConfigRepo, Source
from bot.world.people import ByEmail, InForge, whoami
from bot.world.snapshots import Read, Snapshots, at_commit, once, wanted
from skills.core import permit
from skills.core.errors import AskUnclear
from skills.core.messages import say
from skills.core.model import OPEN_STATES, Brought, Edit, Finding, Person, Request
from skills.core.policy import PATH as POLICY_PATH
from skills.core.policy import Policy, Remembered, policy_or_fault, read_policy

if TYPE_CHECKING:
    from bot.ai.assistant import Assistant
    from bot.conversation import Conversation
    from bot.deliveries import Deliveries
    from bot.follow import Follower
    from bot.lifecycle import InlineRunner, Steps
    from bot.lifecycle.durable import DurableRunner
    from bot.renewal import Renewal
    from bot.timers import Timers
    from bot.together import Together
    from bot.world.forge import Forge
    from bot.world.memory import Memory

log = logging.getLogger("postern")


class App:
    """Everything for one allowlist repository. Costly parts are built when first used.

    `shared` is what it has in common with the other repositories that are served with it.
    """

    def __init__(
        self,
        settings: Settings,
        repo: ConfigRepo,
        *,
        at: str | None = None,
        acting_as: str | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        shared: Shared | None = None,
        called: str = "",
    ) -> None:
        """`called` is the repository's name where several are served."""
        self.settings = settings
        self.called = called
        self.repo = repo
        self.shared = shared or Shared(settings, acting_as, clock)
        self.clock = self.shared.clock
        self._at = at
        self.where = Where("cli", "")
        self.forges = Forges(settings, repo, self.clock)
        self.snapshots = Snapshots(output.ReadingLine(), helm.renderer())
        self.source: Source = at_commit(repo, at)

    @classmethod
    def build(
        cls, settings: Settings, *, config: str | None = None, at: str | None = None, acting_as: str | None = None
    ) -> App:
        """Opens the repository that is named by flag or setting, else the folder that we stand in."""
        return cls(settings, opened_repository(settings, config or settings.config or "."), at=at, acting_as=acting_as)

    # --- the parts

    @property
    def memory(self) -> Memory:
        return self.shared.memory

    @cached_property
    def forge(self) -> Forge:
        """GitLab where a token is set and the repository is a URL of it, else the local forge."""
        return self.forges.own

    @cached_property
    def target(self) -> Source | None:
        """What merge requests are drawn on; None where there is no Git to open one in."""
        return self.forge.source(wanted, self.settings.target) if self.forges.has_git else None

    @cached_property
    def runner(self) -> InlineRunner | DurableRunner:
        """In this process; where a service runs, it only writes rows."""
        from bot.lifecycle import InlineRunner  # noqa: PLC0415

        steps, is_served = self.steps(), self.is_served
        return InlineRunner(self.memory, steps, self.clock, repository=self.repository, is_served=is_served)

    def steps(self) -> Steps:
        from bot.lifecycle import Steps  # noqa: PLC0415

        return Steps(
            self.memory,
            lambda: self.forge,
            self.clock,
            self.forges.elsewhere,
            self.stopped,
            lambda: self.in_forge.filled(self.policy()),
        )

    def durable(self) -> DurableRunner:
        """As `carried_out`, for this repository alone."""
        return carried_out(self.shared, self.steps(), [self], self.repository)

    @cached_property
    def follower(self) -> Follower:
        from bot.follow import Follower  # noqa: PLC0415

        return Follower(self.memory, lambda: self.forge, self.clock)

    @cached_property
    def deliveries(self) -> Deliveries:
        from bot.deliveries import Deliveries  # noqa: PLC0415

        return Deliveries(
            self.memory,
            self.follower,
            lambda: self.forge,
            self.renewal.renew,
            self.clock,
            repository=self.repository,
            target=self.settings.target,
        )

    @cached_property
    def renewal(self) -> Renewal:
        from bot.renewal import Renewal  # noqa: PLC0415

        return Renewal(self.desk, self.gather, self.memory, self.clock, self.follower.follow)

    @cached_property
    def timers(self) -> Timers:
        from bot.timers import Timers  # noqa: PLC0415

        return Timers(self.desk, self.gather, self.memory, lambda: self.forge, lambda: self.runner, self.clock)

    @cached_property
    def gather(self) -> Gather:
        return Gather(
            self.snapshots,
            self.source,
            lambda: self.target,
            self._requests,
            self.clock,
            lambda commit, requests: Origins(self.repo, commit, requests),
            self._files,
            self._brought,
            self._remembered,
            self.called,
            self.in_forge.filled,
            self.shared.request,
        )

    @cached_property
    def desk(self) -> Desk:
        effects = self.settings.carries_out
        made = Desk(self.gather, lambda: self.memory, lambda: self.runner, self.shared.kept, effects=effects)
        made.in_forge = self.in_forge
        return made

    @cached_property
    def in_forge(self) -> InForge:
        """Only GitLab knows people and groups of its own."""
        return InForge(lambda: self.forge if self.forges.on_gitlab else None)

    @cached_property
    def conversation(self) -> Conversation:
        return talk(self.shared, self.desk, self.names, self.of_team)

    @cached_property
    def person(self) -> Person:
        """Who acts: `--as`, else POSTERN_PERSON, else git's user.email."""
        if self.shared.acting_as and self.repo.kind == "url":
            raise AskUnclear("EGR648")
        if self.shared.acting_as is not None and not self.shared.acting_as.strip():
            raise AskUnclear("EGR581", written=self.shared.acting_as)
        named = self.shared.acting_as or self.settings.person
        short_name = named is not None and "@" not in named
        return whoami(named, ByEmail(self._members() if short_name else ()))

    def assistant(self) -> Assistant:
        return model_of(self.shared, self.desk)

    # --- what surfaces ask for

    @property
    def repository(self) -> str:
        return self.repo.where

    @property
    def repository_name(self) -> str:
        return self.called or Path(self.repo.where).name.removesuffix(".git")

    def names(self) -> tuple[list[str], list[str]]:
        """Workloads and environments that the allowlist knows now."""
        allowlist = self.snapshots.read(self.target or self.source).allowlist
        return allowlist.names(), list(allowlist.environments)

    def read(self, on_target: bool) -> Read:
        """The allowlist of this moment, of the target branch or as `--config` and `--at` name it."""
        return self.snapshots.read((self.target if on_target else None) or self.source)

    def policy(self) -> Policy:
        return read_policy(self.snapshots.read(self.target or self.source).text(POLICY_PATH))

    def stopped(self, merging: Request | None = None) -> Finding | None:
        """Why nothing is carried out now: the setting, else the target branch's policy, which may freeze a merge."""
        if not self.settings.carries_out:
            return Finding("EGR1502")
        if self.forges.on_gitlab and merging is None:  # a merge asks the policy of this moment
            from bot.world.forge_checks import lately  # noqa: PLC0415

            text = lately(self.repo, self.settings.target, POLICY_PATH)
        else:
            text = self.snapshots.read(self.target or self.source).text(POLICY_PATH)
        return permit.standstill(policy_or_fault(text), merging, self.clock())

    def of_team(self, channel: str, team: str = "") -> Mapping[str, str]:
        """What the policy says of the team of this name, else of the one whose channel it is, with our own name."""
        policy, _ = attempt(self.policy)
        found = policy.spoken_of(channel, self.names, team) if policy else {}
        return {**found, "repository": self.called} if found and self.called else found

    def in_chat(self) -> Callable[[str], str]:
        """Gives the name under which somebody can be written to in Slack, as the policy of this moment says."""
        policy, _ = attempt(self.policy)
        return policy.in_chat if policy else str

    def past_approval(self) -> Callable[[Request], tuple[str, ...]]:
        """Says what the policy of this moment gives somebody past its approvals: a veto, to break the glass."""
        policy, _ = attempt(self.policy)

        def of(request: Request) -> tuple[str, ...]:
            given = {"veto": policy.vetoers(), "break-glass": policy.breakers(request)} if policy else {}
            return tuple(verb for verb, people in given.items() if people)

        return of

    def people(self) -> list[Person]:
        """Everybody whom the policy names, and whoever acts now."""
        return list({person.id.casefold(): person for person in (self.person, *self._members())}.values())

    def _members(self) -> list[Person]:
        return [Person(member) for group in self.policy().groups.values() for member in group]

    def requests(self) -> tuple[Request, ...]:
        return self._requests(self.repository)

    def read_once(self) -> None:
        """From now on the repository is read only once: a batch is answered from one state of it."""
        self.source = once(self.source)
        self.__dict__.pop("gather", None)
        self.__dict__.pop("desk", None)

    def write(self, edits: Sequence[Edit]) -> None:
        self.repo.write(edits)

    def finish_what_was_left(self) -> None:
        if self.forges.has_git:
            self._settle()
            self.runner.finish_what_was_left()

    def is_served(self) -> bool:
        """Whether some service, perhaps this process, carries out what is recorded for this repository."""
        from bot.lifecycle import served  # noqa: PLC0415

        return not self.forges.has_git or served(self.memory, self.repository, self.clock())

    def reconcile(self) -> None:
        """What a crash left undone is finished, what a lost webhook would have told is looked up, and what the target's
        new commits changed is drawn anew; then what is due by now is said and done."""
        if not self.forges.has_git:
            return
        self.runner.finish_what_was_left()
        for key, problem in self.follower.sync(self.repository).problems.items():
            log.warning("%s: %s", key, say(problem.finding).says)
        if self.stopped():
            return
        self._settle()
        self.renewal.renew()
        self.timers.run()
        self.deliveries.forget_old()

    def _settle(self) -> None:
        """What was opened beside a request hears of its end, however that came."""
        from bot import intents  # noqa: PLC0415

        over = [each.key for each in self.requests() if each.links and each.state not in OPEN_STATES]
        if over:
            self.runner.run(intents.settle(self.memory, over, self.clock()))

    def _files(self, on_target: bool, commit: str | None) -> Callable[[str], str | None]:
        """Single files that are no manifests, read when they are asked for."""
        if on_target and commit:
            return lambda path: self.forge.text(path, commit)
        at = None if self.repo.kind == "folder" and self._at is None else commit
        return lambda path: self.repo.text(path, at)

    def _brought(self, commit: str) -> Brought | None:
        """Only GitLab knows merge requests of others; without its answer the rest is answered all the same."""
        if not self.forges.on_gitlab:
            return None
        found, _ = attempt(lambda: self.forge.brought(commit))
        return found

    def _remembered(self, repository: str, app: str) -> Mapping[str, Remembered]:
        memory = self.shared.kept()
        return memory.answers(repository, app) if memory else {}

    def _requests(self, repository: str) -> tuple[Request, ...]:
        """Without a database nothing was ever asked."""
        memory = self.shared.kept()
        return tuple(row.request for row in memory.requests(repository)) if memory else ()


def opened(shared: Shared, config: Sequence[str], repository: str | None, at: str | None) -> list[App]:
    """All repositories that are named, each with its own settings, and with a name where they are several."""
    named = chosen(shared.settings, config, repository)
    return [
        App(own, opened_repository(own, written), at=at, shared=shared, called=name if len(named) > 1 else "")
        for name, (written, own) in named.items()
    ]


def carried_out(shared: Shared, steps: Steps, apps: Sequence[App], repository: str) -> DurableRunner:
    """From now on what is recorded is carried out by durable workflows, as a service does it.

    Raises Unreachable EGR070 when another process does so on the same SQLite database, AskUnclear EGR073 without
    the engine's package.
    """
    try:
        from bot.lifecycle.durable import DurableRunner  # noqa: PLC0415
    except ModuleNotFoundError as missing:
        raise AskUnclear("EGR073", package=missing.name, extra="durable") from None
    url = shared.settings.database.reveal()
    runner = DurableRunner(shared.memory, steps, shared.clock, url=url, repository=repository)
    runner.start()
    for app in apps:
        app.__dict__["runner"] = runner
    return runner


def talk(
    shared: Shared,
    desk: Door,
    names: Callable[[], tuple[list[str], list[str]]],
    of_team: Callable[[str, str], Mapping[str, str]],
    together: Together | None = None,
) -> Conversation:
    """The conversation at a desk; `together` is what knows of several repositories."""
    from bot.additions import Additions  # noqa: PLC0415
    from bot.conversation import Conversation  # noqa: PLC0415

    assistant = model_of(shared, desk) if shared.settings.model else None
    additions = Additions(assistant, shared.memory, shared.clock) if assistant else None
    return Conversation(desk, shared.memory, names, shared.clock, additions, of_team, together)


def model_of(shared: Shared, desk: Door) -> Assistant:
    """The model's side, which loads the model with the first words that it has something to add to."""
    from bot.ai.setup import assistant  # noqa: PLC0415 - off, it costs nothing

    return assistant(shared.settings, desk, shared.memory, shared.clock)
