"""The platforms, in the order in which they speak for a workload and are asked to edit.

Those that may send packets on a detour stand before those that judge the network on the way there.
"""

from __future__ import annotations

from skills.core.platform_base import Platform, TextReader
from skills.core.platforms import cilium, cloud_foundry, infrastream, istio, network_policy, uds

ALL: list[Platform] = [
    uds,
    istio,
    cilium,
    network_policy,
    infrastream,
    cloud_foundry,
]

TEXTS: list[TextReader] = [cloud_foundry]  # those that read more than YAML
