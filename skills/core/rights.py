"""The one authorisation function. What a card's `who` promises is enforced here and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable

from skills.core.errors import NotAllowed
from skills.core.model import Membership, Person, Request, Standing
from skills.core.policy import PATH, Policy, heads

DEVELOPER = 30
"""The access level in a GitLab project from which on somebody may approve there, and so here."""
POSTERN = Person("postern", "Postern")
"""Who draws anew where nobody asked for it. It may do nothing else."""


def may_ask(person: Person) -> None:
    """Anybody whom the surface could name may ask; without a name there is nobody to answer for the change."""
    if not person.id.strip():
        raise NotAllowed("EGR404")


def identified(person: Person, policy: Policy, standing: Standing | None = None, *, by_email: bool = False) -> Person:
    """Who acts, under the one name that rows carry. `standing` is what the chat says of them at this moment, where
    somebody decides; an address counts only `by_email`.

    Raises NotAllowed: EGR1631 deactivated, EGR1632 guest, EGR1633 of another workspace, EGR1634 no person, EGR1635 an
    address that is not one person's alone.
    """
    named = policy.entry(person.id)
    if standing is not None:
        _in_good_standing(person, standing)
        if named is None and by_email and standing.email:
            return Person(_by_email(standing.email, policy), standing.name or person.name, (person.id,))
    if named is None:
        return person
    return Person(named, person.name, tuple(dict.fromkeys((person.id, *person.also, *policy.people[named].names))))


def _in_good_standing(person: Person, standing: Standing) -> None:
    wrong = {"EGR1634": standing.bot, "EGR1631": not standing.active, "EGR1633": standing.external}
    for code, is_so in {**wrong, "EGR1632": standing.guest}.items():
        if is_so:
            raise NotAllowed(code, person=person.shown)


def gone(there: Membership) -> str | None:
    """Why somebody of whom the forge says this decides nothing; None where nothing is against it."""
    if not there.known:
        return "EGR1659"
    if not there.active:
        return "EGR1660"
    if there.level is None:
        return "EGR1661"
    return "EGR1662" if there.level < DEVELOPER else None


def refuse_gone(person: Person, name: str, there: Membership) -> None:
    """`name` is theirs in the forge. Raises NotAllowed EGR1659 to EGR1662."""
    code = gone(there)
    if code:
        raise NotAllowed(code, person=person.shown, name=name)


def are_one(mine: Standing, other: Standing, *, by_email: bool) -> bool:
    """Whether the chat says that two of its users are one person: by the organisation's id, or by their address where
    that counts."""
    if mine.org_id and mine.org_id == other.org_id:
        return True
    return by_email and bool(mine.email) and mine.email.casefold() == other.email.casefold()


def _by_email(email: str, policy: Policy) -> str:
    """Whose address it is. An entry with another name of the same address would make two people of one."""
    known = [key for key, each in policy.people.items() if (each.email or "").casefold() == email.casefold()]
    if len(known) > 1 or any(key.casefold().startswith("slack:") for key in known):
        raise NotAllowed("EGR1635", email=email)
    return known[0] if known else email


def may_redraw(person: Person, request: Request, policy: Policy) -> None:
    """Drawing anew changes nothing that was asked, but approvals fall: only for those whom the request concerns."""
    concerned = {*_asked(request, policy), *policy.approvers(request), POSTERN.id}
    if not _names(person, policy) & concerned:
        raise NotAllowed("EGR063", key=request.key, asked_by=request.asked_by)


def may_tick(person: Person, request: Request, policy: Policy) -> None:
    """That a diagram is up to date is said by whom the request concerns: it changes no rule and decides nothing."""
    may_ask(person)
    if not _names(person, policy) & {*_asked(request, policy), *policy.approvers(request)}:
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
    _refuse_others(person, request, policy, approvers, policy.groups_for(request))


def _refuse_others(person: Person, request: Request, policy: Policy, may: set[str], groups: Iterable[str]) -> None:
    """Only those who `may`, the members of `groups`, and of them nobody who asked."""
    refuse_own(person, request, policy)
    if not _names(person, policy) & may:
        _refuse_unmapped(person, policy)
        raise NotAllowed("EGR403", person=person.shown, groups=", ".join(groups))


def refuse_own(person: Person, request: Request, policy: Policy) -> None:
    """Whoever asked, drew or watches it decides nothing of it, under whichever of their names."""
    asked = (request.asked_by, *request.watchers)
    if _selves((person.id, *person.also), policy) & _selves(asked, policy):
        raise NotAllowed("EGR402", approvers=_listed(policy.approvers(request) - _asked(request, policy)))


def may_veto(person: Person, request: Request, policy: Policy) -> None:
    """End it past every approval: a member of a group that the policy lets, never the requester."""
    may_ask(person)
    vetoers = policy.vetoers()
    if not vetoers:
        raise NotAllowed("EGR1636", path=PATH)
    _refuse_others(person, request, policy, vetoers, policy.veto)


def may_break_glass(person: Person, request: Request, policy: Policy) -> None:
    """Approve alone past what the policy demands, where it lets them; whoever asked may not even so."""
    may_ask(person)
    breakers = policy.breakers(request)
    if policy.break_glass is None or not breakers:
        raise NotAllowed("EGR1637", key=request.key, path=PATH)
    _refuse_others(person, request, policy, breakers, policy.break_glass.groups)


def may_review(person: Person, request: Request, policy: Policy) -> None:
    """Look at what was let through by breaking the glass: an approver, and never who broke it."""
    broke = (request.review.broke,) if request.review is not None else ()
    if _selves(broke, policy) & _selves((person.id, *person.also), policy):
        raise NotAllowed("EGR1638", key=request.key)
    may_decide(person, request, policy)


def approved_in_the_forge(request: Request, policy: Policy) -> set[str]:
    """Approvals of exactly this commit that people gave in the forge: of those whom the policy maps, and no others.

    Only what stands as their name there counts: another one of theirs may be somebody else's user name in the forge.
    """
    known = {each.gitlab.casefold(): key for key, each in policy.people.items() if each.gitlab}
    return {known[name.casefold()] for name in request.approved_there if name.casefold() in known}


def approvals(request: Request, policy: Policy) -> tuple[set[str], set[str]]:
    """Who approved what stands now and has not said otherwise since: here, and in the forge. What was written down of
    the forge counts only as long as it stands there."""
    latest = {past.by: past for past in request.decisions if past.digest == request.digest}
    otherwise = {by for by, past in latest.items() if past.verb != "approve"}
    there = approved_in_the_forge(request, policy) - otherwise
    stands = {"", *(name.casefold() for name in request.approved_there)}
    return {by for by in latest.keys() - otherwise if latest[by].there.casefold() in stands}, there


def is_still_approved(request: Request, policy: Policy, broke: str = "") -> bool:
    """Whether what was decided permits the merge by the policy as it is when it is merged. `broke`: who broke the
    glass for it."""
    if broke:
        return bool(_counted({broke}, request, policy) & policy.breakers(request))
    return complete(request, policy, set().union(*approvals(request, policy)))


def may_count(name: str, request: Request, policy: Policy) -> bool:
    """Whether an approval of this person, given elsewhere, is one of an approver who neither asked nor watches."""
    return bool(_counted({name}, request, policy) & policy.approvers(request))


def complete(request: Request, policy: Policy, approvals: set[str]) -> bool:
    """Whether these distinct approvers satisfy every rule that a changed file falls under, in each of its environments
    and with its risk.

    Whoever asked, drew or watches it never counts, whoever recorded it.
    """
    return policy.is_met_by(request, _counted(approvals, request, policy))


def _counted(names: set[str], request: Request, policy: Policy) -> set[str]:
    asked = _selves((request.asked_by, *request.watchers), policy)
    return {policy.canon(name) for name in names if not _selves((name,), policy) & asked}


def _selves(names: Iterable[str], policy: Policy) -> set[str]:
    """All names of whom these may be. A user of Slack has one id in every workspace of an organisation, so that the
    same id in another workspace is taken for the same person wherever that only forbids something."""
    own = {policy.canon(name) for name in names if name.strip()}
    own |= {name for name, key in policy.known_as.items() if policy.canon(key) in own}
    own |= {name.strip().casefold() for name in names if name.strip()}
    return own | heads(own)


def _names(person: Person, policy: Policy) -> set[str]:
    return {policy.canon(name) for name in (person.id, *person.also) if name.strip()}


def _asked(request: Request, policy: Policy) -> set[str]:
    return {policy.canon(name) for name in (request.asked_by, *request.watchers)}


def _refuse_unmapped(person: Person, policy: Policy) -> None:
    """Where people are mapped, somebody who is not is told so: they may well be an approver under another name."""
    chat = person.id.casefold().startswith("slack:")
    if chat and policy.people and policy.entry(person.id) is None:
        raise NotAllowed("EGR1630", person=person.shown, path=PATH)


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "nobody else"
