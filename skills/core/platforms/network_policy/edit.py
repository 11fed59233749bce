"""The smallest change that satisfies a need."""

from __future__ import annotations

from skills.core.model import Need, Plan
from skills.core.platform_base import Sources
from skills.core.platforms.network_policy.decide import Index


def edit(index: Index, sources: Sources, need: Need) -> Plan:
    return Plan()
