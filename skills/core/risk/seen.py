"""Which hosts some rule names already."""

from __future__ import annotations

from functools import lru_cache

from skills.core.all_platforms import ALL
from skills.core.allowlist import Allowlist


@lru_cache(maxsize=2)
def known_hosts(allowlist: Allowlist) -> frozenset[str]:
    """Hosts and wildcards of every permission, worked out once for each commit that is drawn on."""
    targets = {
        grant.target.casefold() for platform in ALL for grant in platform.grants(allowlist.indexes[platform.NAME])
    }
    return frozenset(each for each in targets if "." in each and " " not in each and "/" not in each)
