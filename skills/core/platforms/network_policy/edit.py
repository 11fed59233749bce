"""The smallest change that satisfies a need: add what is missing at each end, take away what only serves it, or deny
a whole namespace by default."""

from __future__ import annotations

from skills.core.model import Need, Plan
from skills.core.platform_base import Sources
from skills.core.platforms.network_policy.add import Adder
from skills.core.platforms.network_policy.default_deny import default_deny
from skills.core.platforms.network_policy.index import Index
from skills.core.platforms.network_policy.remove import Remover
from skills.core.platforms.network_policy.workspace import Workspace


def edit(index: Index, sources: Sources, need: Need) -> Plan:
    """Edits for every destination of the need; or none, and why."""
    workspace = Workspace(index, sources, need.workload.environment)
    if need.isolate:
        return default_deny(workspace, need)
    if need.remove:
        remover = Remover(workspace, need)
        for destination in need.destinations:
            remover.remove(destination)
        return Plan(workspace.edits(), (), tuple(remover.findings))
    adder = Adder(workspace, need)
    for destination in need.destinations:
        adder.add(destination)
    return Plan(workspace.edits(), (), tuple(adder.findings), tuple(adder.questions))
