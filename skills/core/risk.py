"""A deterministic score of what a change opens, with a reason for every point. Nothing is guessed."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from skills.core.model import Destination, Finding, Grant, Need, Proof

_WIDE_PREFIX = {4: 24, 6: 64}
_MEDIUM, _HIGH = 15, 40


@dataclass(frozen=True, slots=True)
class Risk:
    """`score` from 0 (a plain host on its port) to 100; each reason is a finding."""

    score: int
    reasons: tuple[Finding, ...]

    @property
    def band(self) -> str:
        """`low`, `medium` or `high`, as labels say it."""
        return "high" if self.score >= _HIGH else "medium" if self.score >= _MEDIUM else "low"


def assess(need: Need, proof: Proof) -> Risk:
    points: list[tuple[int, Finding]] = []
    for destination in need.destinations:
        points += _of_destination(destination)
    points += [(40, Finding("EGR325", {"target": g.target})) for g in proof.newly_allowed if _whole_internet(g)][:1]
    points += [(15, Finding("EGR326"))] if proof.lost else []
    points += [(5, Finding("EGR327"))] if need.until is None and not need.remove else []
    if need.remove:
        points = [(40, finding) for finding in proof.wider_than_asked if finding.code == "EGR316"]
    return Risk(min(100, sum(score for score, _ in points)), tuple(reason for _, reason in points))


def _of_destination(destination: Destination) -> list[tuple[int, Finding]]:
    facts = {"destination": str(destination)}
    points: list[tuple[int, Finding]] = []
    if destination.host and destination.host.startswith("*."):
        points.append((30, Finding("EGR320", facts)))
    if destination.network:
        network = ipaddress.ip_network(destination.network, strict=False)
        points.append((15, Finding("EGR321", facts)))
        if network.prefixlen < _WIDE_PREFIX[network.version]:
            points.append((25, Finding("EGR322", {**facts, "addresses": network.num_addresses})))
        if network.is_link_local or network.is_loopback:
            points.append((40, Finding("EGR323", facts)))
    if destination.application == "http":
        points.append((10, Finding("EGR324", facts)))
    return points


# The words of the platforms' grants for everything, or everything outside.
_ANYWHERE = frozenset(
    {"everything", "Anywhere", "every public address", "the entity world", "the entity all", "*", "every host"}
)


def _whole_internet(grant: Grant) -> bool:
    return grant.target.startswith(("0.0.0.0/0", "::/0")) or grant.target in _ANYWHERE
