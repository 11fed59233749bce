"""What Postern does for whom: the level of a team, and the switch that stops every effect."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from skills.core.globs import path_matches
from skills.core.model import Fact, Finding, Request, Workload
from skills.core.policy.shapes import LEVELS, MODELS, Level, Model, Team
from skills.core.policy.values import PATH, Policy, in_environments


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose workload it is as the policy says; `team` is empty where no entry fits."""

    team: str
    level: Level
    line: int


def owners(policy: Policy, names: Iterable[str], environments: Iterable[str] = ()) -> list[Owner]:
    """Every team that a workload belongs to, by any of its names, in any of these environments."""
    there = list(environments)
    called = [*names]
    called += [f"{environment}:{name}" for environment in there for name in called]
    return [_owner(policy, name) for name, team in policy.teams.items() if owns(team, called, there)]


def _owner(policy: Policy, name: str) -> Owner:
    return Owner(name, policy.teams[name].level or policy.level, policy.line("teams", name))


def names_of(workload: Workload) -> list[str]:
    """As a policy may call it: by its own name, its scope or its namespace."""
    return list(dict.fromkeys((workload.name, workload.scope, workload.namespace or workload.scope)))


def app_of(workload: Workload) -> str:
    """One name for it, whatever it was called by."""
    return workload.scope if workload.kind == "infra" else workload.name


def names_in(request: Request) -> list[str]:
    """As `names_of`, from the words of a row."""
    name = request.workload.partition(" (")[0]
    noted = request.weighed.names if request.weighed else ()
    return list(dict.fromkeys((name, *(noted or (name.partition("/")[0],)))))


def level_for(policy: Policy, names: Iterable[str], environments: Iterable[str], channel: str = "") -> Owner:
    """The lowest level of whoever owns it, in each of its environments; where nobody does, that of the file itself.

    Where no workload is named, the team speaks whose channel it is.
    """
    called, there = list(names), list(environments)
    whole = Owner("", policy.level, policy.line("level"))
    if called:
        found = [each for one in there or [""] for each in owners(policy, called, [one] if one else []) or [whole]]
    else:
        found = _talking(policy, channel)
    return min(found, key=lambda owner: LEVELS.index(owner.level), default=whole)


def model_for(policy: Policy, names: Iterable[str], channel: str = "") -> Model:
    """The strictest of all whose workloads these are, in any environment, and of whose channel it is; where nobody is
    named, that of the file itself."""
    concerned = {owner.team for owner in (*owners(policy, names), *_talking(policy, channel))}
    found = [policy.teams[name].model or policy.model for name in concerned]
    return max(found, key=MODELS.index, default=policy.model)


def is_stricter(one: str, other: str) -> bool:
    """Of two values of `model`."""
    return MODELS.index(one) > MODELS.index(other)


def _talking(policy: Policy, channel: str) -> list[Owner]:
    """The teams whose channel it is."""
    return [_owner(policy, name) for name, team in policy.teams.items() if channel and channel in team.channels]


def refusal(policy: Policy, owner: Owner, wanted: Level) -> Finding | None:
    """Why Postern does not do this here: its sentence names the level and who can change it."""
    if LEVELS.index(owner.level) >= LEVELS.index(wanted):
        return None
    facts: dict[str, Fact] = {
        "path": PATH,
        "line": owner.line,
        "level": owner.level,
        "wanted": wanted,
        "who": policy.keepers,
    }
    others = "everybody else" if policy.teams else "everybody"
    return Finding("EGR1500", {**facts, "whose": f"the team {owner.team}" if owner.team else others})


def stopped(policy: Policy) -> Finding | None:
    """Whether the policy's own switch is off."""
    return (
        None
        if policy.effects
        else Finding("EGR1501", {"path": PATH, "line": policy.line("effects"), "who": policy.keepers})
    )


def owns(team: Team, names: Iterable[str], environments: Sequence[str]) -> bool:
    """Whether these are names of the team's workloads, in one of these environments; in any where none is given."""
    if not any(path_matches(glob, name) for glob in team.workloads for name in names):
        return False
    return not (team.environments and environments) or any(in_environments(team.environments, e) for e in environments)
