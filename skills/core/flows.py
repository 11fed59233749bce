"""From the words after --for and --to to a workload and destinations, and on to verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address
from types import MappingProxyType

import re2

from skills.core.allowlist import Allowlist, Resolution, unresolved
from skills.core.among import among_several
from skills.core.errors import AskUnclear
from skills.core.flow_text import destination as read_destination
from skills.core.flow_text import workloads as read_workloads
from skills.core.hosts import CLOUD_GOV_REGION
from skills.core.model import (
    OPEN_STATES,
    Destination,
    Finding,
    Need,
    Request,
    Verdict,
    Workload,
    WorkloadRef,
)
from skills.core.report import Seen

MOST_DESTINATIONS = 50
# What people call the services that Cloud Foundry brokers.
_WHOSE = r"(?i)\b(?:its|our|my|their|the|own|brokered) (?:brokered |own )?"
_BROKERED = {
    "rds": re2.compile(_WHOSE + r"(?:database|db|postgres\w*|mysql|rds)\b"),
    "redis": re2.compile(_WHOSE + r"(?:redis|cache)\b"),
    "elasticsearch": re2.compile(_WHOSE + r"(?:elasticsearch|opensearch|search index)\b"),
    "s3": re2.compile(_WHOSE + r"(?:s3|bucket)\b"),
}


@dataclass(frozen=True, slots=True)
class Flow:
    """What was asked, looked up: `workload` is None when the name fits nothing or more than one thing."""

    ref: WorkloadRef
    resolution: Resolution
    destinations: tuple[Destination, ...]
    findings: tuple[tuple[Finding, ...], ...]
    others: tuple[Flow, ...] = ()
    """The same for each further environment that was named."""

    @property
    def workload(self) -> Workload | None:
        return self.resolution.workloads[0] if len(self.resolution.workloads) == 1 else None

    def verdicts(self, allowlist: Allowlist) -> list[Verdict]:
        """One verdict a destination; what was assumed while reading the words leads its findings' tail."""
        out = []
        for destination, findings in zip(self.destinations, self.findings, strict=True):
            if self.workload is None:
                among = among_several(allowlist, self.ref, destination)
                verdict = among or unresolved(self.ref, destination, self.resolution)
            else:
                verdict = allowlist.check(self.workload, destination)
            out.append(replace(verdict, findings=(*verdict.findings, *findings)) if findings else verdict)
        return out + [verdict for other in self.others for verdict in other.verdicts(allowlist)]

    def need(self, reason: str = "", until: str | None = None, *, remove: bool = False) -> Need | None:
        """None when any of the names fits nothing or more than one thing."""
        workloads = [flow.workload for flow in (self, *self.others)]
        known = [workload for workload in workloads if workload is not None]
        if len(known) < len(workloads):
            return None
        return Need(known[0], self.destinations, reason, until, remove, others=tuple(known[1:]))


def read_flow(
    allowlist: Allowlist,
    for_: str,
    to: Sequence[str],
    ip: Sequence[str] = (),
    service_account: str | None = None,
    tried: Mapping[str, str] = MappingProxyType({}),
) -> Flow:
    """`tried` gives, for words of `to`, the address that a client connected to."""
    if not to:
        raise AskUnclear("EGR640")
    if len(to) > MOST_DESTINATIONS:
        raise AskUnclear("EGR641", most=MOST_DESTINATIONS, given=len(to))
    if ip and len(to) > 1:
        raise AskUnclear("EGR638")
    resolved = [(ref, allowlist.resolve(ref)) for ref in read_workloads(for_, service_account=service_account)]
    known = resolved[0][1].workloads
    region = CLOUD_GOV_REGION if known and all(workload.kind == "cf" for workload in known) else ""
    given = {words: tuple(ip) or ((tried[words],) if words in tried else ()) for words in to}
    read = [read_destination(words, given[words], region) for words in to]
    destinations, findings = tuple(destination for destination, _ in read), tuple(found for _, found in read)
    first, *others = (Flow(ref, resolution, destinations, findings) for ref, resolution in resolved)
    return replace(first, others=tuple(others))


def brokered(allowlist: Allowlist, for_: str | None, text: str) -> str:
    """The brokered service that words like “its database” mean for an app of Cloud Foundry, as `--to` has it; or ''."""
    said = next((name for name, pattern in _BROKERED.items() if pattern.search(text)), None)
    if said is None or not for_:
        return ""
    found = allowlist.resolve(read_workloads(for_)[0]).workloads
    return f"cf-service://{said}" if found and all(workload.kind == "cf" for workload in found) else ""


def readable(seen: Sequence[Seen]) -> list[str]:
    """Destinations in the words of `--to`; what the grammar refuses (a bare wildcard, a bad port) is left out."""
    out = []
    for item in seen:
        written = _written(item)
        try:
            read_destination(written)
        except AskUnclear:
            continue
        out.append(written)
    return list(dict.fromkeys(out))


def addresses(seen: Sequence[Seen]) -> dict[str, str]:
    """The addresses that a client printed beside its hosts, by the words of `--to`.

    Not those that only stand in: of the pod itself, and of the range from which a sidecar makes addresses up.
    """
    return {_written(item): item.resolved for item in seen if item.resolved and not _made_up(item.resolved)}


def _made_up(address: str) -> bool:
    ip = ip_address(address)
    return ip.is_loopback or ip.is_link_local or ip.is_reserved or ip.is_unspecified


def _written(item: Seen) -> str:
    return f"{item.scheme}://{item}" if item.scheme in ("http", "https") else str(item)


def with_pending(verdict: Verdict, requests: Sequence[Request]) -> Verdict:
    """Names the open requests that would allow it: the nearest miss of all."""
    if verdict.allowed or verdict.workload is None:
        return verdict
    pending = tuple(
        Finding("EGR109", {"key": request.key, "asked_by": request.asked_by, "url": request.url or request.key})
        for request in requests
        if request.state in OPEN_STATES
        and not request.remove
        and request.is_for(verdict.workload)
        and str(verdict.destination) in request.destinations
    )
    return replace(verdict, findings=(*pending, *verdict.findings))
