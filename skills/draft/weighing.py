"""The risk of a draft with all that is known around it: rules that stand, whose the far end is, what was answered."""

from __future__ import annotations

from collections.abc import Iterable

from skills.contract import World
from skills.core import risk
from skills.core.known_hosts import known_hosts
from skills.core.model import Change, Destination, Need, Proof
from skills.core.policy import Subject, environments_of, levels, touched
from skills.draft import asking


def assess(need: Need, proof: Proof, given: Iterable[str], world: World) -> risk.Risk:
    """`given` are answers as `ID=TEXT`."""
    level = next((each.answer for each in asking.answers(given, need, world) if each.id == "impact_level"), "")
    teams = {str(to): team for to in need.destinations if (team := _other_team(to, need, world))}
    return risk.assess(need, proof, risk.Around(known_hosts(world.allowlist), teams, level))


def groups_for(change: Change, need: Need, assessed: risk.Risk, world: World) -> list[str]:
    """The groups that the policy asks approvals of, for these files, fields and environments, with this risk."""
    fields = touched(change.edits) or None
    return world.policy.groups_for(Subject(change.governed, tuple(environments_of(need)), assessed.band, fields))


def _other_team(to: Destination, need: Need, world: World) -> str:
    """Whose it is, where it lies in this cluster and belongs to somebody else; empty where it does not."""
    namespace, name = _inside(to)
    if not namespace or namespace == need.workload.namespace:
        return ""
    mine = {owner.team for owner in levels.owners(world.policy, levels.names_of(need.workload))}
    theirs = {owner.team for owner in levels.owners(world.policy, [namespace, f"{namespace}/{name}"])}
    return "" if mine & theirs else ", ".join(sorted(theirs)) or f"namespace {namespace}"


def _inside(to: Destination) -> tuple[str, str]:
    """Namespace and name of a workload or service of the cluster."""
    if to.workload:
        namespace, _, name = to.workload.partition("{")[0].partition("/")
        return namespace, name
    parts = (to.host or "").removesuffix(".cluster.local").split(".")
    return (parts[-2], parts[-3]) if len(parts) >= 3 and parts[-1] == "svc" else ("", "")
