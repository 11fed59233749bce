"""The one authorisation function. What a card's `who` promises is enforced here and nowhere else."""

from __future__ import annotations

from skills.core.errors import NotAllowed
from skills.core.model import Person, Request
from skills.core.policy import PATH, Policy

POSTERN = Person("postern", "Postern")
"""Who draws anew where nobody asked for it. It may do nothing else."""


def may_ask(person: Person) -> None:
    """Anybody whom the surface could name may ask; without a name there is nobody to answer for the change."""
    if not person.id.strip():
        raise NotAllowed("EGR404")


def may_redraw(person: Person, request: Request, policy: Policy) -> None:
    """Drawing anew changes nothing that was asked, but approvals fall: only for those whom the request concerns."""
    concerned = {request.asked_by, *request.watchers, *policy.approvers(request), POSTERN.id}
    if person.id.strip().casefold() not in {name.strip().casefold() for name in concerned}:
        raise NotAllowed("EGR063", key=request.key, asked_by=request.asked_by)


def may_tick(person: Person, request: Request, policy: Policy) -> None:
    """That a diagram is up to date is said by whom the request concerns: it changes no rule and decides nothing."""
    may_ask(person)
    concerned = {request.asked_by, *request.watchers, *policy.approvers(request)}
    if person.id.strip().casefold() not in {name.strip().casefold() for name in concerned}:
        raise NotAllowed("EGR043", key=request.key, asked_by=request.asked_by)


def only_asker(person: Person, request: Request, verb: str) -> None:
    """Taking an ask back, and moving its last day: nobody does so for somebody else."""
    may_ask(person)
    if not person.is_same(request.asked_by):
        raise NotAllowed("EGR076", key=request.key, asked_by=request.asked_by, verb=verb)


def may_decide(person: Person, request: Request, policy: Policy) -> None:
    """Approve, reject or hold: a member of a group that the target branch's policy names, never the requester."""
    may_ask(person)
    approvers = policy.approvers(request)
    if not policy.present:
        raise NotAllowed("EGR401", path=PATH)
    uncovered = policy.uncovered(request)
    if uncovered or not approvers:
        raise NotAllowed("EGR405", path=PATH, file=uncovered[0] if uncovered else "")
    asked = {name.strip().casefold() for name in (request.asked_by, *request.watchers)}
    if person.id.strip().casefold() in asked:
        raise NotAllowed("EGR402", approvers=_listed(approvers - asked))
    if person.id.strip().casefold() not in approvers:
        raise NotAllowed("EGR403", person=person.shown, groups=", ".join(policy.groups_for(request)))


def complete(request: Request, policy: Policy, approvals: set[str]) -> bool:
    """Whether these distinct approvers satisfy every rule that a changed file falls under, in each of its environments
    and with its risk.

    Whoever asked, drew or watches it never counts, whoever recorded it.
    """
    asked = {name.strip().casefold() for name in (request.asked_by, *request.watchers)}
    counted = {name.strip().casefold() for name in approvals} - asked
    return policy.is_met_by(request, counted)


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "nobody else"
