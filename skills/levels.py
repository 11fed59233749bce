"""How far Postern goes for a team, checked once for every surface: before a skill runs, and with what it found."""

from __future__ import annotations

from collections.abc import Sequence

from skills.contract import Answer, Card, World
from skills.core.errors import AskUnclear, NotAllowed, Unreachable
from skills.core.flow_text import workload
from skills.core.model import Finding, Need, Request
from skills.core.policy import Policy, levels


def may_go_on(policy: Policy, card: Card, *, effects: bool) -> None:
    """What can be refused without knowing whose workload it is: a policy that can't be read, the switch, and the level
    where it is the same for all."""
    if policy.fault and card.level != "answer":
        raise AskUnclear(policy.fault.code, **policy.fault.facts)
    if card.changes != "nothing":
        if not effects:
            raise Unreachable("EGR1502")
        if policy.fault:
            raise AskUnclear(policy.fault.code, **policy.fault.facts)
        _refuse(levels.stopped(policy))
    if not policy.teams:
        _refuse(levels.refusal(policy, levels.level_for(policy, (), ()), card.level))


def may_go_this_far(policy: Policy, card: Card, answer: Answer, channel: str) -> None:
    """A skill is pure, so nothing has happened yet: what it found is shown and recorded only where the level is met."""
    if card.level == "answer":
        return
    need, request = answer.detail.get("need"), answer.detail.get("request")
    names: list[str] = []
    environments: list[str] = []
    if isinstance(need, Need):
        for each in (need.workload, *need.others):
            names += levels.names_of(each)
            environments += [each.environment] if each.environment else []
    elif isinstance(request, Request):
        names = levels.names_in(request)
        environments = [*request.environments]
    _refuse(levels.refusal(policy, levels.level_for(policy, names, environments, channel), card.level))


def model_use(
    worlds: Sequence[World], asked: str, named: Sequence[str], answers: Sequence[Answer], channel: str
) -> str:
    """What a language model may be sent: the strictest of `asked` and of what each policy says of the workloads
    that are named, or that the answers are about, and of the channel."""
    about = [verdict.workload for answer in answers for verdict in answer.detail.get("verdicts") or ()]
    answered = [name for workload in about if workload for name in levels.names_of(workload)]
    found = asked
    for world in worlds:
        names = [*answered, *(each for name in named for each in all_names(world, name))]
        use = levels.model_for(world.policy, names, channel)
        found = use if levels.is_stricter(use, found) else found
    return found


def kept_from_model(worlds: Sequence[World], use: str) -> frozenset[str]:
    """Names of teams that are stricter than this: they may not leave, though nobody spoke of them."""
    kept: set[str] = set()
    for world in worlds:
        whole = world.policy.model
        teams = [team for team in world.policy.teams.values() if levels.is_stricter(team.model or whole, use)]
        for name in world.allowlist.names() if teams else ():
            called = all_names(world, name)
            if any(levels.owns(team, called, ()) for team in teams):
                kept |= {name, *name.split("/")}
    return frozenset(kept)


def all_names(world: World, name: str) -> list[str]:
    """All names of all that is called so, in whatever environment; itself alone where it is no name."""
    try:
        found = world.allowlist.resolve(workload(name)).workloads
    except AskUnclear:
        return [name]
    return list(dict.fromkeys((name, *(called for each in found for called in levels.names_of(each)))))


def _refuse(found: Finding | None) -> None:
    if found is not None:
        raise NotAllowed(found.code, **found.facts)
