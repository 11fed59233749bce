"""why: the rules that allow a destination, or all that a workload may reach, each with its history and what our own
records say of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import Field

from skills import contract
from skills.contract import Answer, World
from skills.core.diagram.reach import TooMany, in_each_environment, reaches
from skills.core.errors import AskUnclear
from skills.core.flows import read_flow
from skills.core.model import (
    Brought,
    Fact,
    Finding,
    Origin,
    Place,
    Request,
    Verdict,
    unique,
)

NAME = "why"
_MOST_WORKLOADS = 2000
_ANYWHERE = "anywhere.invalid:443"  # a workload is looked up with a destination that nobody has


class Ask(contract.Ask):
    """What is allowed; without a workload, for all that the repository names, and without a destination, whichever."""

    to: tuple[str, ...] = Field(
        (), description="what is allowed: host, host:port, URL, CIDR:port or service; without it, all for the workload"
    )
    for_: str | None = Field(None, alias="for", description="your workload; without it, every workload is looked at")
    ip: tuple[str, ...] = Field((), description="an address that you know the host to have")


@dataclass(frozen=True, slots=True)
class Reason:
    """One rule: its place, the workloads that it serves, its last change and how old that is, and the request, or
    else the merge request of somebody else, that brought it."""

    place: Place
    workloads: tuple[str, ...]
    origin: Origin | None
    request: Request | None
    brought: Brought | None = None
    days: int | None = None


def run(ask: Ask, world: World) -> Answer:
    if not ask.to and not ask.for_:
        raise AskUnclear("EGR105")
    if not ask.to:
        return _all_of(str(ask.for_), world)
    verdicts, cut = _verdicts(ask, world)
    allowed = [verdict for verdict in verdicts if verdict.allowed]
    rules = ((rule, str(each.workload)) for each in allowed for layer in each.layers for rule in layer.rules)
    reasons = _reasons(((rule.place, workload) for rule, workload in rules if rule.effect == "allow"), world)
    findings = _findings(ask, verdicts, reasons, cut)
    decision = "allowed" if allowed else contract.worst([verdict.decision for verdict in verdicts] or ["undecided"])
    return Answer(
        {"rules": [_row(reason) for reason in reasons]},
        findings,
        verdicts[0].questions if ask.for_ and verdicts else (),
        exit_status=contract.EXIT_STATUS[decision],
        detail={"reasons": reasons},
    )


def _all_of(for_: str, world: World) -> Answer:
    """Every connection that the rules give the workload, in each environment where that is answered apart."""
    flow = read_flow(world.allowlist, for_, (_ANYWHERE,))
    known = [each.workload for each in (flow, *flow.others)]
    workloads = [apart for each in known if each for apart in in_each_environment(world.allowlist, each)]
    if not all(known):
        asked = flow.verdicts(world.allowlist)
        return Answer({"rules": []}, unique(f for v in asked for f in v.findings), asked[0].questions, exit_status=4)
    try:
        found = reaches(world.allowlist, workloads, ())
    except TooMany:
        raise AskUnclear("EGR686", workload=for_) from None
    reasons = _reasons(((place, str(reach.workload)) for reach in found for place in reach.places), world)
    facts: dict[str, Fact] = {"workload": ", ".join(map(str, workloads)), "count": len(found)}
    finding = Finding("EGR684" if found else "EGR685", facts)
    detail = {"reasons": reasons, "reaches": found}
    return Answer({"rules": [_row(reason) for reason in reasons]}, (finding,), detail=detail)


def _verdicts(ask: Ask, world: World) -> tuple[list[Verdict], bool]:
    """The verdicts to explain; True when not every workload was looked at."""
    if ask.for_:
        return read_flow(world.allowlist, ask.for_, ask.to, ask.ip).verdicts(world.allowlist), False
    names = world.allowlist.names()
    verdicts = [
        world.allowlist.check(workload, destination)
        for name in names[:_MOST_WORKLOADS]
        for flow in [read_flow(world.allowlist, name, ask.to, ask.ip)]
        for workload in flow.resolution.workloads
        for destination in flow.destinations
    ]
    return verdicts, len(names) > _MOST_WORKLOADS


def _reasons(rules: Iterable[tuple[Place, str]], world: World) -> list[Reason]:
    """One a rule, in the order of files and lines, from each place with each workload that it serves."""
    served: dict[Place, dict[str, None]] = {}
    for place, workload in rules:
        served.setdefault(place, {})[workload] = None
    places = sorted(served, key=lambda place: (place.path, place.line, place.text))
    return [_reason(place, tuple(served[place]), world) for place in places]


def _reason(place: Place, workloads: tuple[str, ...], world: World) -> Reason:
    origin = world.origin(place)
    key = origin.request if origin else None
    request = next((each for each in world.requests if each.key == key), None)
    brought = world.brought(origin.commit) if origin and request is None else None
    days = (world.now - datetime.fromisoformat(origin.date)).days if origin else None
    return Reason(place, workloads, origin, request, brought, days)


def _findings(ask: Ask, verdicts: Sequence[Verdict], reasons: Sequence[Reason], cut: bool) -> tuple[Finding, ...]:
    named = list(dict.fromkeys(str(verdict.destination) for verdict in verdicts)) or ask.to
    facts: dict[str, Fact] = {"destination": ", ".join(named), "workload": ask.for_ or "any workload"}
    facts["count"] = len(reasons)
    found = [Finding("EGR341" if reasons else "EGR340", facts)]
    if any(verdict.allowed for verdict in verdicts) and not reasons:
        found = [Finding("EGR342", facts)]
    if ask.for_ and all(verdict.workload is None for verdict in verdicts):
        found = []  # which workload is meant must be said first; until then nothing is denied
    found += [Finding("EGR343", {"count": _MOST_WORKLOADS})] if cut else []
    if ask.for_:
        found += [finding for verdict in verdicts if not verdict.allowed for finding in verdict.findings]
    return unique(found)


def _row(reason: Reason) -> dict[str, Any]:
    origin, request = reason.origin, reason.request
    there = reason.brought.approved_by if reason.brought else ()
    approvals = [past.by for past in request.decisions if past.verb == "approve"] if request else there
    return {
        "path": reason.place.path,
        "line": reason.place.line,
        "text": reason.place.text,
        "for": list(reason.workloads),
        "commit": origin.commit if origin else None,
        "author": origin.author if origin else None,
        "summary": origin.summary if origin else None,
        "merge_request": request.url if request else reason.brought.url if reason.brought else None,
        "request": request.key if request else None,
        "asked_by": request.asked_by if request else None,
        "reason": request.reason if request else None,
        "approved_by": list(dict.fromkeys(approvals)),
        "since": origin.date if origin else None,
        "until": request.until if request else None,
    }
