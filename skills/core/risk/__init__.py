"""A deterministic score of what a change opens, with a reason for every point. Nothing is guessed.

Every reason adds points and none takes any away, so that more in an ask never makes it look safer.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from skills.core.hosts import Network, is_private, unicode_form
from skills.core.messages import level
from skills.core.model import Destination, Finding, Grant, Need, Ports, Proof
from skills.core.policy.far_ends import ANYWHERE
from skills.core.risk import lists
from skills.core.risk.names import twin_of

_WIDE_PREFIX = {4: 24, 6: 64}
_MEDIUM, _HIGH = 15, 40
Points = tuple[int, Finding]


@dataclass(frozen=True, slots=True)
class Risk:
    """`score` from 0 (a plain host on its port) to 100; each reason is a finding."""

    score: int
    reasons: tuple[Finding, ...]

    @property
    def band(self) -> Literal["low", "medium", "high"]:
        """`low`, `medium` or `high`, as labels say it."""
        return "high" if self.score >= _HIGH else "medium" if self.score >= _MEDIUM else "low"


@dataclass(frozen=True, slots=True)
class Around:
    """What the ask alone does not show. `hosts` are those of all rules that stand (None: nobody looked), `teams` the
    owner of each destination that is another team's, `impact_level` what was answered about the far end."""

    hosts: frozenset[str] | None = None
    teams: Mapping[str, str] = field(default_factory=dict)
    impact_level: str = ""


NOTHING = Around()


def assess(need: Need, proof: Proof, around: Around = NOTHING) -> Risk:
    points: list[Points] = []
    for destination in need.destinations:
        points += _of_destination(destination, around)
    points += [(40, Finding("EGR325", {"target": g.target})) for g in proof.newly_allowed if _whole_internet(g)][:1]
    points += [(15, Finding("EGR326"))] if proof.lost else []
    points += [(2, Finding("EGR1549", {"count": count}))] if (count := _beyond(proof)) else []
    points += [(5, Finding("EGR327"))] if need.until is None and not need.remove else []
    if around.impact_level.casefold() not in ("", "same", "not needed"):
        points.append((25, Finding("EGR1598", {"level": around.impact_level})))
    if need.remove:
        points = [(40, finding) for finding in proof.wider_than_asked if finding.code == "EGR316"]
    return Risk(min(100, sum(score for score, _ in points)), tuple(reason for _, reason in points))


def _of_destination(destination: Destination, around: Around) -> Iterator[Points]:
    facts = {"destination": str(destination)}
    if destination.host:
        yield from _of_host(destination.host, facts, around)
    for network in filter(None, (destination.network, *destination.addresses)):
        yield from _of_network(ipaddress.ip_network(network, strict=False), facts, given=network != destination.network)
    if destination.application == "http":
        yield 10, Finding("EGR324", facts)
    if destination.ports:
        yield from _of_ports(destination.ports, facts)
    team = around.teams.get(str(destination))
    if team is not None:
        yield 10, Finding("EGR1599", {**facts, "team": team})


def _of_host(host: str, facts: dict[str, str], around: Around) -> Iterator[Points]:
    wild = host.startswith("*")
    anyones = lists.under("anyones", host) or (wild and lists.above("anyones", host)) or ""
    front = lists.under("fronts", host) or (wild and lists.above("fronts", host)) or ""
    if wild:
        yield 30, Finding("EGR320", facts)
        if "." not in host.removeprefix("*.") or host.removeprefix("*.") in lists.hosts("endings"):
            yield 60, Finding("EGR1587", facts)
        if anyones or front:
            yield 40, Finding("EGR1586", {**facts, "domain": anyones or front})
    elif anyones:
        yield 5, Finding("EGR1588", {**facts, "domain": anyones})
    if front:
        yield 10, Finding("EGR1589", {**facts, "domain": front})
    if lists.under("metadata", host):
        yield 60, Finding("EGR1590", facts)
    drop = lists.under("drops", host) or (wild and lists.above("drops", host)) or ""
    if drop:
        yield 40, Finding("EGR1594", {**facts, "domain": drop})
    if lists.under("movers", host):
        yield 20, Finding("EGR1548", facts)
    if "xn--" in host:
        yield 20, Finding("EGR1597", {**facts, "written": unicode_form(host)})
    yield from _of_name(host, facts, around)


def _of_name(host: str, facts: dict[str, str], around: Around) -> Iterator[Points]:
    twin = twin_of(host, _known(around.hosts or frozenset()))
    if twin:
        yield 40, Finding("EGR1596", {**facts, "twin": twin})
    if around.hosts is not None and not _is_seen(host, around.hosts):
        yield 2, Finding("EGR1595", facts)


@lru_cache(maxsize=2)
def _known(hosts: frozenset[str]) -> frozenset[str]:
    return lists.hosts("known") | lists.hosts("anyones") | lists.hosts("fronts") | hosts


def _is_seen(host: str, hosts: frozenset[str]) -> bool:
    labels = host.removeprefix("*.").split(".")
    return host in hosts or any(f"*.{'.'.join(labels[at:])}" in hosts for at in range(1, len(labels)))


def _of_network(network: Network, facts: dict[str, str], *, given: bool) -> Iterator[Points]:
    """`given`: an address that the asker vouches for beside a host, which the rule does not have to say."""
    if not given:
        yield 15, Finding("EGR321", facts)
        if network.prefixlen < _WIDE_PREFIX[network.version]:
            yield 25, Finding("EGR322", {**facts, "addresses": network.num_addresses})
    if any(network.version == each.version and network.overlaps(each) for each in lists.ranges("metadata")):
        yield 60, Finding("EGR1590", facts)
    if network.is_link_local or network.is_loopback:
        yield 40, Finding("EGR323", facts)
    elif is_private(network):
        yield 5, Finding("EGR1591", facts)


def _of_ports(ports: Ports, facts: dict[str, str]) -> Iterator[Points]:
    """Each list once, whatever the length of the range."""
    for name, points, code in (("databases", 10, "EGR1592"), ("admins", 25, "EGR1593")):
        found = [port for port in sorted(lists.ports(name)) if ports.first <= port <= ports.last]
        if found:
            yield points, Finding(code, {**facts, "port": found[0]})


def _beyond(proof: Proof) -> int:
    return sum(level(finding) != "info" for finding in proof.wider_than_asked)


def _whole_internet(grant: Grant) -> bool:
    return grant.target.startswith(("0.0.0.0/0", "::/0")) or grant.target in ANYWHERE
