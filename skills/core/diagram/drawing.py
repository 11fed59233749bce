"""The block of one team's file for the state of an allowlist, with what requests say of its connections."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from skills.core.allowlist import Allowlist
from skills.core.diagram.block import Told, block, rows
from skills.core.diagram.reach import reaches, scope
from skills.core.errors import AskUnclear
from skills.core.flow_text import destination as read_destination
from skills.core.model import Destination, Need
from skills.core.model.requests import ISOLATION, STANDING_STATES, Request


def drawn(allowlist: Allowlist, globs: Sequence[str], requests: Iterable[Request], need: Need | None = None) -> str:
    """All that the workloads may reach in `allowlist`. `need` is what a change that is in it was asked for.

    The text is a function of the allowlist and of what requests say, so that drawing it twice gives the same bytes.
    Raises TooMany.
    """
    asked = [each for request in requests if request.state in STANDING_STATES for each in _asked(request)]
    asked += _needed(need) if need else []
    workloads = scope(allowlist, globs)
    found = reaches(allowlist, workloads, [(each.workload, destination) for each, destination in asked])
    return block(rows(found, [each for each, _ in asked], allowlist.texts))


def _asked(request: Request) -> list[tuple[Told, Destination]]:
    if request.remove or request.destinations == ISOLATION:
        return []
    found = []
    for words in request.destinations:
        try:
            destination, _ = read_destination(words)
        except AskUnclear:
            continue
        found.append(_told(request.workload, destination, request.reason, request.since[:10], request.until))
    return found


def _needed(need: Need) -> list[tuple[Told, Destination]]:
    if need.remove:
        return []
    workloads = (need.workload, *need.others)
    return [_told(str(each), to, need.reason, need.on, need.until) for each in workloads for to in need.destinations]


def _told(workload: str, destination: Destination, why: str, since: str, until: str | None) -> tuple[Told, Destination]:
    ports = str(destination.ports) if destination.ports else "every port"
    return Told(workload, destination.name, ports, why, since, until or ""), destination
