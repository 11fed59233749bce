"""The platforms, in the order in which they speak for a workload and are asked to edit."""

from __future__ import annotations

from skills.core.platform_base import Platform, TextReader
from skills.core.platforms import cilium, cloud_foundry, infrastream, istio, network_policy, uds

ALL: list[Platform] = [
    uds,
    cilium,
    network_policy,
    istio,
    infrastream,
    cloud_foundry,
]

TEXTS: list[TextReader] = [cloud_foundry]  # those that read more than YAML
