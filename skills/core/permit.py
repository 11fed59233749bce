"""Whether the policy lets a change be proposed or approved at all, whoever approves it. One door for every skill.

Raises NotAllowed with the breach, its line and who can change the policy. Levels and the switch stand at the desk.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from skills.core import flow_text
from skills.core.allowlist import Allowlist
from skills.core.environments import canonical, environments_in
from skills.core.errors import AskUnclear, NotAllowed, Outdated
from skills.core.model import ISOLATION, Change, Destination, Fact, Finding, Need, Request, Workload, WorkloadRef
from skills.core.policy import PATH, Policy, bounds, in_environments, levels
from skills.core.rights import is_still_approved


def refuse_denied(policy: Policy, need: Need, change: Change) -> None:
    """The deny list, at the draft already: what is named, and what would become allowed beside it."""
    if policy.deny and not need.remove and not need.isolate:
        targets = [grant.target for grant in change.proof.newly_allowed]
        _refuse(bounds.denied(policy, need.destinations, targets))


def breaches(policy: Policy, need: Need, change: Change, allowlist: Allowlist, now: datetime) -> tuple[Finding, ...]:
    """All that keeps a draft from being proposed: widths, the last day, what has to be tested first."""
    return (*bounds.of_need(policy, need, now), *_untested(policy, need, change, allowlist))


def refuse_proposal(policy: Policy, need: Need, change: Change, allowlist: Allowlist, now: datetime) -> None:
    refuse_denied(policy, need, change)
    _refuse(next(iter(breaches(policy, need, change, allowlist, now)), None))


def refuse_approval(policy: Policy, request: Request, now: datetime) -> None:
    """By the policy as it stands now: it may be stricter than when the request was drawn, or frozen."""
    refuse_frozen(policy, request, now)
    refuse_what_stands(policy, request, request.until, now)


def may_be_approved(policy: Policy, request: Request, now: datetime) -> bool:
    try:
        refuse_approval(policy, request, now)
    except NotAllowed:
        return False
    return True


def refuse_frozen(policy: Policy, request: Request, now: datetime) -> None:
    _refuse(bounds.frozen(policy, request.environments, now))


def refuse_what_stands(policy: Policy, request: Request, until: str | None, now: datetime) -> None:
    """Deny list, widths and last day, of a request as its row has it."""
    if request.remove or request.destinations == ISOLATION:
        return
    destinations = _destinations(request.destinations)
    _refuse(bounds.denied(policy, destinations, request.weighed.targets if request.weighed else ()))
    _refuse(next(bounds.too_wide(policy, destinations), None))
    began = datetime.fromisoformat(request.since) if request.since[:4].isdecimal() else now
    start = began if until == request.until else now
    _refuse(bounds.too_long(policy, until, request.environments, start))


def standstill(policy: Policy, merging: Request | None, now: datetime) -> Finding | None:
    """Why nothing is carried out now, by the policy as it stands. What was approved before a freeze began and is to be
    merged only now waits for its end."""
    stopped = policy.fault or levels.stopped(policy)
    frozen = bounds.frozen(policy, merging.environments, now) if merging and not stopped else None
    return Finding("EGR1613", {**frozen.facts, "key": merging.key}) if merging and frozen else stopped


def refuse_merge(policy: Policy, request: Request, now: datetime, broke: str = "") -> None:
    """What was approved and waited, for a pipeline or for a forge that was away, by the policy of the moment at which
    it would be merged. `broke`: who broke the glass for it. Raises Outdated where the approval is void by now.
    """
    try:
        refuse_what_stands(policy, request, request.until, now)
    except NotAllowed as refused:
        raise Outdated(refused.code, **refused.facts) from None
    if not is_still_approved(request, policy, broke):
        raise Outdated("EGR1648", key=request.key, path=PATH)


def freeze_ahead(policy: Policy, need: Need, now: datetime) -> tuple[Finding, ...]:
    """What an asker should know: it can be asked for now, and approved later."""
    found = bounds.frozen(policy, bounds.environments_of(need), now)
    return (Finding("EGR1542", found.facts),) if found else ()


# --- production after staging


def _untested(policy: Policy, need: Need, change: Change, allowlist: Allowlist) -> Iterable[Finding]:
    first = policy.production_after
    if first is None or need.remove or need.isolate or in_environments(policy.production, first):
        return
    for workload in (need.workload, *need.others):
        if not _is_production(policy, workload, change, allowlist):
            continue
        facts: dict[str, Fact] = {
            "path": PATH,
            "line": policy.line("production_after"),
            "workload": workload.name,
            "first": first,
        }
        there = _in(allowlist, workload, first)
        if not there:
            yield Finding("EGR1532", facts)
        for to in need.destinations:
            if there and not all(allowlist.check(each, to).allowed for each in there):
                yield Finding("EGR1530", {**facts, "destination": str(to)})


def _is_production(policy: Policy, workload: Workload, change: Change, allowlist: Allowlist) -> bool:
    """Whether a change reaches production: as it says, or since it is for every environment in which it is answered."""
    if workload.environment:
        return in_environments(policy.production, workload.environment)
    production = {canonical(name) for name in policy.production}
    if not production & {canonical(name) for name in allowlist.apart(workload)}:
        return False
    folders = [environments_in(path) for path in change.governed]
    return any(not named or named & production for named in folders)


def _in(allowlist: Allowlist, workload: Workload, environment: str) -> Sequence[Workload]:
    parts = tuple(levels.app_of(workload).split("/"))
    ref = WorkloadRef(workload.name, workload.kind, environment, parts, workload.labels, workload.service_account)
    return allowlist.resolve(ref).workloads


# --- rows


def _destinations(written: Iterable[str]) -> list[Destination]:
    """What a row says, read as it was asked. What can't be read any more is compared as the words that it is."""
    found = []
    for words in written:
        try:
            found.append(flow_text.destination(words)[0])
        except AskUnclear:
            found.append(Destination(words, host=words.rpartition("://")[2].rpartition(":")[0] or words))
    return found


def _refuse(found: Finding | None) -> None:
    if found is not None:
        raise NotAllowed(found.code, **found.facts)
