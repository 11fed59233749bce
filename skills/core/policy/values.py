"""The policy as it stands: who may approve a change, how many of them it takes, and who of them is asked."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from skills.core.environments import canonical, environments_in
from skills.core.globs import path_matches
from skills.core.model import Finding, LeftTo, Request
from skills.core.policy.beside import DiagramSetting, HelpDesk, Timers
from skills.core.policy.people import BreakGlass, HandOff, Known, Merge, aliases, heads
from skills.core.policy.shapes import (
    BANDS,
    ApprovalRule,
    Asking,
    Band,
    Denied,
    Freeze,
    Level,
    Lifetime,
    Model,
    Shift,
    Team,
    Widths,
)
from skills.core.policy.times import is_within

PATH = "egress-policy.yaml"
TEMPLATE = "egress-merge-request.md.j2"
"""Where a team may keep a text of its own for merge requests, beside the policy."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What approvals are asked for. `fields` are those that each file's change touches, None where nobody knows."""

    paths: tuple[str, ...]
    environments: tuple[str, ...] = ()
    band: Band = "high"
    fields: Mapping[str, tuple[str, ...]] | None = None

    @classmethod
    def of(cls, request: Request) -> Subject:
        """A request as its row says. One that was drawn before risk was noted counts as high."""
        weighed = request.weighed
        if weighed is None:
            return cls(request.paths, request.environments)
        band = next((band for band in BANDS if band == weighed.band), BANDS[-1])
        return cls(request.paths, request.environments, band, weighed.fields or None)


@dataclass(frozen=True, slots=True)
class Demand:
    """`needed` distinct people of `people`, who are the members of `rule`'s groups, for the files `paths`."""

    rule: ApprovalRule
    needed: int
    people: frozenset[str]
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """The policy as it stands. Without a file there are no approvers, and so nobody can approve.

    `lines` gives the line of a section (`approval`) and of each of its entries (`approval.0`, `teams.payments`).
    `fault` says why the file can't be read: then questions are answered and nothing else is done. `in_gitlab` are the
    groups that the forge keeps, by their path there: whoever reads the policy for a decision fills them in. `departed`
    are people who may do nothing any more, whatever the file says.
    """

    groups: Mapping[str, tuple[str, ...]]
    approval: tuple[ApprovalRule, ...]
    present: bool = True
    diagrams: tuple[DiagramSetting, ...] = ()
    help_desk: HelpDesk | None = None
    timers: Timers = field(default_factory=Timers)
    delegates: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    effects: bool = True
    level: Level = "decide"
    model: Model = "full"
    teams: Mapping[str, Team] = field(default_factory=dict)
    on_call: Mapping[str, tuple[Shift, ...]] = field(default_factory=dict)
    people: Mapping[str, Known] = field(default_factory=dict)
    veto: tuple[str, ...] = ()
    break_glass: BreakGlass | None = None
    merge: Merge = "bot"
    bot_approves: bool = False
    freeze: tuple[Freeze, ...] = ()
    deny: tuple[Denied, ...] = ()
    inside: tuple[str, ...] = ()
    questions: tuple[Asking, ...] = ()
    widths: Widths = field(default_factory=Widths)
    lifetime: Lifetime | None = None
    production_after: str | None = None
    production: tuple[str, ...] = ("production",)
    lines: Mapping[str, int] = field(default_factory=dict)
    fault: Finding | None = None
    in_gitlab: Mapping[str, str] = field(default_factory=dict)
    departed: frozenset[str] = frozenset()
    known_as: Mapping[str, str] = field(init=False, repr=False, compare=False)
    """For each name of each of `people`, in lower case, the one of their entry."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "known_as", aliases(self.people))

    def line(self, *steps: str | int) -> int:
        """Where an entry stands in the file; 1 where nothing is known of it."""
        return self.lines.get(".".join(map(str, steps)), 1)

    def spoken_of(
        self, channel: str, names: Callable[[], tuple[list[str], list[str]]], team: str = ""
    ) -> Mapping[str, str]:
        """What stands for the team of this name, else for the one whose channel it is: `team`, and its workload as
        `--for` takes it where it has one. Nothing where that is not one team. `names` gives the workloads there are."""
        fits = [name for name, each in self.teams.items() if (name == team if team else channel in each.channels)]
        if len(fits) != 1:
            return {}
        own = self.teams[fits[0]]
        known = {name for name in names()[0] for glob in own.workloads if path_matches(glob, name)}
        alone = known.pop() if len(known) == 1 else ""
        named = ":".join((*own.environments, alone)) if len(own.environments) < 2 else alone
        return {"team": fits[0], **({"for": named} if alone else {})}

    # --- who is who

    def entry(self, name: str) -> str | None:
        """Under which of `people` this name stands; None where none of them is called so."""
        return self.known_as.get(name.strip().casefold())

    def canon(self, name: str) -> str:
        """The one name of a person, in lower case, whichever of theirs is given."""
        return (self.entry(name) or name).strip().casefold()

    def in_chat(self, name: str) -> str:
        """The name under which somebody can be written to in Slack; the given one where the policy knows none."""
        entry = self.entry(name)
        names = (name, *((entry, *self.people[entry].names) if entry else ()))
        return next((each for each in names if each.casefold().startswith("slack:")), name)

    def vetoers(self) -> set[str]:
        return self._in(self.veto)

    def breakers(self, request: Request) -> set[str]:
        """Who may let this request through alone; nobody where one of its environments is not among those named."""
        if self.break_glass is None:
            return set()
        wanted, named = request.environments, self.break_glass.environments
        if named and not (wanted and all(in_environments(named, each) for each in wanted)):
            return set()
        return self._in(self.break_glass.groups)

    # --- who may

    def demands(self, subject: Subject | Request) -> tuple[Demand, ...]:
        """All that has to be met, each for itself. A file that no entry covers is in `uncovered`, not here."""
        asked = _subject(subject)
        found: dict[int, list[str]] = {}
        for path in asked.paths:
            for index in self._entries(asked, path)[0]:
                found.setdefault(index, []).append(path)
        return tuple(
            Demand(rule, rule.count(asked.band), frozenset(self.members(rule)), tuple(paths))
            for index, paths in sorted(found.items())
            for rule in (self.approval[index],)
        )

    def uncovered(self, subject: Subject | Request) -> tuple[str, ...]:
        """Files for which no entry says who approves them, at least in one environment or for one field."""
        asked = _subject(subject)
        return tuple(path for path in asked.paths if not self._entries(asked, path)[1])

    def is_met_by(self, subject: Subject | Request, approvals: Collection[str]) -> bool:
        """Whether these people, each once and in lower case, are enough. Whether they count at all is asked before."""
        demands = self.demands(subject)
        enough = all(len(heads(demand.people & set(approvals))) >= demand.needed for demand in demands)
        return bool(demands) and not self.uncovered(subject) and enough

    def _entries(self, subject: Subject, path: str) -> tuple[list[int], bool]:
        """The entries that a file falls under, and whether that is all of it. Each environment and each touched field
        finds its own first entry; what nobody knows falls under every entry that it may be of. Where no environment
        was named, the folders of the file may be called after one."""
        environments: tuple[str | None, ...] = subject.environments or tuple(sorted(environments_in(path))) or (None,)
        fields: tuple[str | None, ...] = (subject.fields or {}).get(path) or (None,)
        found: set[int] = set()
        whole = True
        for environment in environments:
            for name in fields:
                settled = False
                for index in self._first(path, environment, name):
                    found.add(index)
                    settled = self._settles(self.approval[index], environment, name)
                whole = whole and settled
        return sorted(found), whole

    def _first(self, path: str, environment: str | None, name: str | None) -> Iterator[int]:
        for index, rule in enumerate(self.approval):
            if not _matches(rule, path) or not _may_be(rule, environment, name):
                continue
            yield index
            if self._settles(rule, environment, name):
                return

    def _settles(self, rule: ApprovalRule, environment: str | None, name: str | None) -> bool:
        return not (rule.environments and environment is None) and not (rule.fields and name is None)

    def members(self, rule: ApprovalRule) -> set[str]:
        return self._in(rule.groups)

    def _in(self, groups: Iterable[str]) -> set[str]:
        found = {self.canon(member) for group in groups for member in self.groups.get(group, ())}
        return found - self.departed if self.departed else found

    def approvers(self, subject: Iterable[str] | Subject | Request) -> set[str]:
        """People who may approve at least one of these files; of bare paths, in whatever environment."""
        return {person for demand in self.demands(_subject(subject)) for person in demand.people}

    def groups_for(self, subject: Iterable[str] | Subject | Request) -> list[str]:
        return sorted({group for demand in self.demands(_subject(subject)) for group in demand.rule.groups})

    @property
    def keepers(self) -> str:
        """Who can change the policy itself, in words."""
        return ", ".join(sorted(self.approvers((PATH,)))) or "whoever may merge into the target branch"

    @property
    def merger(self) -> str:
        """Who merges what is approved, in a word or two."""
        if isinstance(self.merge, HandOff):
            return f"the group {self.merge.hand_off}"
        return "Postern" if self.merge == "bot" else "the approver"

    def left_to(self, approver: str) -> LeftTo | None:
        """Who merges what this person's approval completed; None where Postern does."""
        if isinstance(self.merge, HandOff):
            return LeftTo(tuple(sorted(self._in((self.merge.hand_off,)))), self.merge.hand_off)
        return LeftTo((approver,)) if self.merge == "approver" else None

    # --- who is asked

    def asked(self, subject: Subject | Request, now: datetime, but: Iterable[str] = ()) -> tuple[str, ...]:
        """Whom a request waits for: who is on call, else whom the entry asks, else everybody who may; never `but`."""
        own = {self.canon(name) for name in but}
        found: set[str] = set()
        for demand in self.demands(subject):
            may = demand.people - own
            called = self.on_duty(demand.rule.groups, now) & may
            named = {self.canon(name) for each in demand.rule.ask for name in self.groups.get(each, (each,))} & may
            found |= next((some for some in (called, named) if len(some) >= demand.needed), called | named or may)
        return tuple(sorted(found))

    def on_duty(self, groups: Iterable[str], now: datetime) -> set[str]:
        """Who of these groups is on call now. A shift whose clock is unclear counts, for it gives no right."""
        return {
            self.canon(person)
            for group in groups
            for shift in self.on_call.get(group, ())
            if is_within(shift.from_, shift.until, None, now)
            for person in shift.people
        }

    def stand_ins(self, subject: Iterable[str] | Subject | Request, asked: Iterable[str]) -> tuple[str, ...]:
        """Who is told when the groups of these files stay silent, but nobody in `asked`. It gives them no right."""
        known = {name.casefold() for name in asked}
        found = (name for group in self.groups_for(subject) for name in self.delegates.get(group, ()))
        return tuple(name for name in dict.fromkeys(found) if name.casefold() not in known)


NO_POLICY = Policy({}, (), present=False)


def _subject(given: Iterable[str] | Subject | Request) -> Subject:
    if isinstance(given, Request):
        return Subject.of(given)
    return given if isinstance(given, Subject) else Subject(tuple(given))


def _matches(rule: ApprovalRule, path: str) -> bool:
    return any(path_matches(pattern, path) for pattern in rule.paths)


def _may_be(rule: ApprovalRule, environment: str | None, name: str | None) -> bool:
    if rule.environments and environment is not None and not in_environments(rule.environments, environment):
        return False
    return not (rule.fields and name is not None) or any(_touches(pattern, name) for pattern in rule.fields)


def in_environments(named: Iterable[str], environment: str) -> bool:
    """Whether an environment is one of these, by whatever name folders call it."""
    return canonical(environment) in {canonical(name) for name in named}


def _touches(pattern: str, name: str) -> bool:
    """A field is touched with all that stands below it."""
    as_path, wanted = name.replace(".", "/"), pattern.replace(".", "/")
    return path_matches(wanted, as_path) or path_matches(f"{wanted}/**", as_path)
