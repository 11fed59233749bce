"""The platforms, in the order in which they speak for a workload and are asked to edit."""

from __future__ import annotations

from skills.core.platform_base import Platform
from skills.core.platforms import cloud_foundry, infrastream, network_policy, uds

ALL: list[Platform] = [
    uds,
    network_policy,
    infrastream,
    cloud_foundry,
]
