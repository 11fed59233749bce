"""Approve a part: an approver chooses less than was asked, and the request is drawn anew as just that.

It gets a digest of its own, so that approvals of the whole fall. What the chooser chose they approve, where they may;
whoever else the policy wants sees the part before they do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_network

from skills.contract import Answer, World
from skills.core import permit
from skills.core.errors import AskUnclear, Outdated
from skills.core.model import (
    ApproveDrawn,
    Decided,
    Destination,
    Finding,
    Need,
    Person,
    Request,
    Tell,
)
from skills.core.rights import complete, may_decide
from skills.core.until import read_until
from skills.decide.merging import decision
from skills.draft import skill as draft
from skills.propose import skill as propose


@dataclass(frozen=True, slots=True)
class Choice:
    """What is chosen; what is empty stays as it was asked."""

    to: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    until: str | None = None


def run(choice: Choice, request: Request, decided: Decided, world: World) -> Answer:
    """Draws the part under the same key, in the name of whoever asked, and records the chooser's approval of it."""
    if request.drawn is None:
        raise Outdated("EGR058", key=request.key, asked_by=request.asked_by)
    whole = propose.Ask.model_validate_json(request.drawn.asked)
    asked = _chosen(choice, whole, request, world)
    need = _less(asked, whole, request, world)
    drafted = draft.drawn(asked, need, world, asked.comment)
    draft.refuse_unproved(drafted, need)
    if not drafted.change.edits or drafted.change.digest == request.digest:
        raise AskUnclear("EGR1609", key=request.key)
    asker = replace(world, person=Person(request.asked_by), thread=request.thread)
    made = propose.redrawn(request, asked, drafted, need, asker)
    may_decide(world.person, made, world.policy)
    permit.refuse_approval(world.policy, made, world.now)
    decided = replace(decided, digest=made.digest)
    enough = complete(made, world.policy, {decided.by})
    answer = propose.opened(made, request, drafted, need, asker)
    lead = Finding("EGR1610", {"key": request.key, "by": world.person.shown, "part": _said(made), **_more(enough)})
    told = Tell(request.key, f"part:{made.digest[:12]}", lead, (request.asked_by, *request.watchers))
    return replace(
        answer,
        data={"key": request.key, "state": made.state, "by": decided.by, "digest": made.digest},
        findings=(lead, *answer.findings[1:]),
        records=(*answer.records, ApproveDrawn(request.key, decided), told),
        effects=(*answer.effects, decision(request, decided, world, merge=enough, head="")),
    )


def _chosen(choice: Choice, whole: propose.Ask, request: Request, world: World) -> propose.Ask:
    if not (choice.to or choice.environments or choice.until) or whole.default_deny:
        raise AskUnclear("EGR1609", key=request.key)
    fields: dict[str, object] = {}
    if choice.to:
        fields["to"] = choice.to
    if choice.environments:
        name = whole.for_.rpartition(":")[2] if ":" in whole.for_ else whole.for_
        fields["for_"] = f"{','.join(choice.environments)}:{name}"
        fields["answer"] = tuple(each for each in whole.answer if not each.startswith("environment"))
    until = choice.until or request.until
    if choice.until:
        until = read_until(choice.until, world.now.date())
        if request.until and until > request.until:
            raise AskUnclear("EGR1611", key=request.key, what=f"until {until}", asked=f"until {request.until}")
    return whole.model_copy(update={**fields, "until": until})


def _less(asked: propose.Ask, whole: propose.Ask, request: Request, world: World) -> Need:
    """The need that is chosen. Raises AskUnclear EGR1611 where it is no part of what was asked."""
    wanted, _ = draft.need_of(whole.model_copy(update={"until": None}), world)
    if wanted is None:
        raise Outdated("EGR061", key=request.key, workload=request.workload)
    need, _ = draft.need_of(asked, world)
    if need is None:
        raise AskUnclear("EGR1611", key=request.key, what=asked.for_, asked=request.workload)
    _refuse_more(need, wanted, request)
    return need


def _refuse_more(need: Need, wanted: Need, request: Request) -> None:
    """A part is never anything that was not asked for: not another host, port, workload or environment."""
    asked = ", ".join(map(str, wanted.destinations))
    for each in need.destinations:
        if not any(is_part(each, whole) for whole in wanted.destinations):
            raise AskUnclear("EGR1611", key=request.key, what=str(each), asked=asked)
    known = {str(each) for each in (wanted.workload, *wanted.others)}
    for workload in (need.workload, *need.others):
        if str(workload) not in known:
            raise AskUnclear("EGR1611", key=request.key, what=str(workload), asked=", ".join(sorted(known)))


def is_part(one: Destination, whole: Destination) -> bool:
    """Whether all of `one` is in `whole`: the same far end or a narrower one, on no other port and protocol."""
    if (one.protocol, one.application) != (whole.protocol, whole.application):  # plain TCP is more than TLS
        return False
    if whole.ports is not None and (one.ports is None or not whole.ports.covers(one.ports)):
        return False
    if whole.network and one.network:
        mine, theirs = ip_network(one.network), ip_network(whole.network)
        return mine.version == theirs.version and mine.subnet_of(theirs)  # type: ignore[arg-type]
    if one.host and whole.host:
        return one.host == whole.host or (
            whole.host.startswith("*.") and one.host.endswith(whole.host[1:]) and one.host != whole.host[1:]
        )
    return one.name == whole.name and (one.workload, one.service) == (whole.workload, whole.service)


def _said(made: Request) -> str:
    until = f", until {made.until}" if made.until else ""
    return f"{made.workload} to {_listed(made.destinations)}{until}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)


def _more(enough: bool) -> dict[str, str]:
    return {"more": "That is enough." if enough else "The policy asks for more approvals of it before it is merged."}
