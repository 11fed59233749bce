"""What nobody opens, how wide and how long an ask may be, and when nothing is approved: each breach with its line."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from skills.core.model import Destination, Finding, Need
from skills.core.policy.far_ends import is_within as is_part_of
from skills.core.policy.far_ends import meets, of_destination, of_policy, of_words
from skills.core.policy.shapes import Freeze
from skills.core.policy.times import is_within, is_within_week, zone_of
from skills.core.policy.values import PATH, Policy, in_environments


def denied(policy: Policy, destinations: Iterable[Destination], targets: Iterable[str] = ()) -> Finding | None:
    """The first far end that the deny list names, or that takes in something of it. Nothing overrides it."""
    asked = [far for to in destinations for far in of_destination(to)]
    beside = [far for each in targets if (far := of_words(each))]
    entries = [(index, entry, of_policy(entry.to)) for index, entry in enumerate(policy.deny)]
    for far in (*asked, *beside):
        for index, entry, named in entries:
            if meets(named, far):
                opened = "EGR1513" if far.unlisted else "EGR1512"
                code = opened if far not in asked else "EGR1510" if is_part_of(named, far) else "EGR1511"
                why = f" ({entry.why})" if entry.why else ""
                facts = {"destination": far.text, "denied": entry.to, "why": why}
                return Finding(code, {**_where(policy, "deny", index), **facts})
    return None


def too_wide(policy: Policy, destinations: Iterable[Destination]) -> Iterator[Finding]:
    """What is wider than the policy lets anybody ask for."""
    widths, where = policy.widths, _where(policy, "widths")
    for to in destinations:
        facts = {**where, "destination": str(to)}
        host = to.host or ""
        if host.startswith("*") and not widths.wildcards:
            yield Finding("EGR1520", facts)
        elif host.startswith("*.") and host.count(".") < widths.wildcard_labels:
            yield Finding("EGR1521", {**facts, "least": widths.wildcard_labels})
        if to.network:
            network = ipaddress.ip_network(to.network, strict=False)
            least = widths.ipv4 if network.version == 4 else widths.ipv6
            if network.prefixlen < least:
                yield Finding("EGR1522", {**facts, "least": least})
        if to.ports and to.ports.last - to.ports.first + 1 > widths.range:
            yield Finding("EGR1523", {**facts, "most": widths.range})
        elif to.ports and widths.ports and not _allowed(widths.ports, to):
            yield Finding("EGR1524", {**facts, "ports": ", ".join(map(str, widths.ports))})


def too_long(policy: Policy, until: str | None, environments: Iterable[str], now: datetime) -> Finding | None:
    """A last day that is missing, or too far away. A change for no environment in particular is for all."""
    life = policy.lifetime
    named = list(environments)
    if life is None or (life.environments and named and not any(in_environments(life.environments, e) for e in named)):
        return None
    latest = (now.date() + timedelta(days=life.days)).isoformat()
    if until is None or until > latest:
        code = "EGR1525" if until is None else "EGR1526"
        return Finding(code, {**_where(policy, "lifetime"), "days": life.days, "latest": latest, "until": until or ""})
    return None


def frozen(policy: Policy, environments: Iterable[str], now: datetime) -> Finding | None:
    """The freeze in force for one of these environments (none named: for any). What is not clear freezes."""
    named = list(environments)
    for index, freeze in enumerate(policy.freeze):
        meant = not freeze.environments or not named or any(in_environments(freeze.environments, e) for e in named)
        if meant and _is_open(freeze, now):
            facts = {**_where(policy, "freeze", index), "why": freeze.why, "window": in_words(freeze)}
            if now.tzinfo is None or zone_of(freeze.zone) is None:
                return Finding("EGR1541", {**facts, "zone": freeze.zone or "no zone"})
            return Finding("EGR1540", facts)
    return None


def of_need(policy: Policy, need: Need, now: datetime) -> tuple[Finding, ...]:
    """What keeps a need from being proposed, beside the deny list. What only takes away keeps to no bounds."""
    if need.remove or need.isolate:
        return ()
    late = too_long(policy, need.until, environments_of(need), now)
    return (*too_wide(policy, need.destinations), *((late,) if late else ()))


def environments_of(need: Need) -> list[str]:
    """The environments that a need is for; none where its dialect has none."""
    found = [each.environment for each in (need.workload, *need.others)]
    return [each for each in found if each] if all(found) else []


def in_words(freeze: Freeze) -> str:
    zone = f" {freeze.zone}" if freeze.zone else " anywhere on earth"
    if freeze.weekly:
        return f"every week {freeze.weekly}{zone}"
    begins, ends = (
        (f"from {freeze.from_} " if freeze.from_ else ""),
        (f"until {freeze.until}" if freeze.until else "on"),
    )
    return f"{begins}{ends}{zone}"


def _is_open(freeze: Freeze, now: datetime) -> bool:
    if freeze.weekly:
        return is_within_week(freeze.weekly, freeze.zone, now)
    return is_within(freeze.from_, freeze.until, freeze.zone, now)


def _allowed(ports: Sequence[int | str], to: Destination) -> bool:
    spans = [str(port).partition("-") for port in ports]
    asked = to.ports
    return asked is not None and any(
        int(first) <= asked.first and asked.last <= int(last or first) for first, _, last in spans
    )


def _where(policy: Policy, *steps: str | int) -> dict[str, str | int | float | bool | None]:
    return {"path": PATH, "line": policy.line(*steps), "who": policy.keepers}
