"""why: the rules that allow a destination, each with its history and with what our own records say of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import Field

from skills import contract
from skills.contract import Answer, World
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


class Ask(contract.Ask):
    """What is allowed; without a workload, for all that the repository names."""

    to: tuple[str, ...] = Field(description="what is allowed: host, host:port, URL, CIDR:port or service")
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
    verdicts, cut = _verdicts(ask, world)
    allowed = [verdict for verdict in verdicts if verdict.allowed]
    reasons = _reasons(allowed, world)
    findings = _findings(ask, verdicts, reasons, cut)
    decision = "allowed" if allowed else contract.worst([verdict.decision for verdict in verdicts] or ["undecided"])
    return Answer(
        {"rules": [_row(reason) for reason in reasons]},
        findings,
        verdicts[0].questions if ask.for_ and verdicts else (),
        exit_status=contract.EXIT_STATUS[decision],
        detail={"reasons": reasons},
    )


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


def _reasons(allowed: Sequence[Verdict], world: World) -> list[Reason]:
    """One a rule, in the order of files and lines."""
    served: dict[Place, dict[str, None]] = {}
    for verdict in allowed:
        for layer in verdict.layers:
            for rule in layer.rules:
                if rule.effect == "allow":
                    served.setdefault(rule.place, {})[str(verdict.workload)] = None
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
