"""How far Postern goes for a team, checked once for every surface: before a skill runs, and with what it found."""

from __future__ import annotations

from skills.contract import Answer, Card
from skills.core.errors import AskUnclear, NotAllowed, Unreachable
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
        environments = [name for name in (request.environment or "").split(",") if name]
    _refuse(levels.refusal(policy, levels.level_for(policy, names, environments, channel), card.level))


def _refuse(found: Finding | None) -> None:
    if found is not None:
        raise NotAllowed(found.code, **found.facts)
