"""What changed between releases of UDS Core, as data.

Source: defenseunicorns/uds-core, changelog and commits 0.44 to 1.4; the customer's document describes 0.51 to 0.58.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Mode = Literal["ambient", "sidecar"]


@dataclass(frozen=True, slots=True)
class Version:
    """The rules of one release.

    `default_mode` holds where a Package names no mode. `strict_conflicts`: a host that two packages
    share must have the same ports and protocol; else only the same port must have the same protocol.
    `admits_namespace`: a rule without a service account admits every pod of its namespace at the
    waypoint; else only the namespace's `default` account. `transport_protocols`: remoteProtocol may be TCP or UDP.
    `closed_port_fails`: a port that the egress gateway does not expose makes the whole Package fail; else that
    port alone is dead.
    """

    since: tuple[int, ...]
    default_mode: Mode = "sidecar"
    ambient_egress: bool = False
    strict_conflicts: bool = True
    admits_namespace: bool = False
    remote_required: bool = False
    transport_protocols: bool = False
    closed_port_fails: bool = False

    def __str__(self) -> str:
        return ".".join(map(str, self.since))


_V0_44 = Version((0, 44, 0))
_V0_51 = replace(_V0_44, since=(0, 51, 0), ambient_egress=True)
_V0_59 = replace(_V0_51, since=(0, 59, 0), strict_conflicts=False, admits_namespace=True, closed_port_fails=True)
_V0_60 = replace(_V0_59, since=(0, 60, 0), default_mode="ambient")
_V1_0 = replace(_V0_60, since=(1, 0, 0), remote_required=True)
_V1_4 = replace(_V1_0, since=(1, 4, 0), transport_protocols=True)

VERSIONS = (_V0_44, _V0_51, _V0_59, _V0_60, _V1_0, _V1_4)
NEWEST = VERSIONS[-1]
OLD_DEFAULT = _V0_59


def rules_of(release: str) -> Version:
    """The rules that hold in a release such as `0.58.1`, `v1.4` or `0.60.0-upstream`.

    ValueError when it is no release that has egress.
    """
    parts = release.strip().removeprefix("v").partition("-")[0].split(".")
    if not 1 < len(parts) < 4 or not all(part.isdecimal() and len(part) < 6 for part in parts):
        raise ValueError(release)
    wanted = tuple(map(int, parts)) + (0,) * (3 - len(parts))
    fitting = [version for version in VERSIONS if version.since <= wanted]
    if not fitting:
        raise ValueError(release)
    return fitting[-1]


def known_rules(release: str | None) -> Version | None:
    """The rules of a release, or None where nothing is said or no release with egress is named."""
    try:
        return None if release is None else rules_of(release)
    except ValueError:
        return None
