"""Which hosts some rule names already, and which of them people mean by one word: "stripe" for `api.stripe.com`."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import re2

from skills.core.all_platforms import ALL
from skills.core.allowlist import Allowlist

_NAME = r"([a-z][a-z0-9-]{2,62})"
# Where a far end stands in a sentence: what is reached, or what fails.
_PLACES = tuple(
    re2.compile(pattern)
    for pattern in (
        r"\b(?:(?:reach(?:ing)?|to|with|from|call(?:s|ing)?|contact|access|us(?:es?|ing)|needs?|open|allow)\s+)+"
        rf"(?:the\s+)?{_NAME}\b",
        rf"(?:^|[\s:(\"']){_NAME}(?:'s)?(?:\s+(?:api|service|endpoint|webhooks?|calls?|requests?))?\s+"
        r"(?:times? out|timing out|fail(?:s|ed|ing)?|is|isn't|are|refuses?|returns?|gives?|hangs?|does|doesn't|keeps?"
        r"|can't|cannot|blocked)\b",
    )
)
_LONGEST = 300  # characters: what is longer is no sentence but a paste, and a word of it may mean anything
# Names are registered one label further down below these: https://publicsuffix.org
_SECOND = frozenset(("ac", "co", "com", "edu", "gob", "gov", "gouv", "mil", "ne", "net", "nic", "or", "org"))
_INSIDE = frozenset(("local", "internal", "localdomain", "svc", "arpa"))


@lru_cache(maxsize=2)
def known_hosts(allowlist: Allowlist) -> frozenset[str]:
    """Hosts and wildcards of every permission, worked out once for each commit that is drawn on."""
    targets = {
        grant.target.casefold() for platform in ALL for grant in platform.grants(allowlist.indexes[platform.NAME])
    }
    return frozenset(each for each in targets if "." in each and " " not in each and "/" not in each)


def called(said: str, allowlist: Allowlist, asked: Iterable[str] = ()) -> dict[str, tuple[str, ...]]:
    """The words of a sentence that stand where a far end stands and are the registered name of known hosts, each with
    those hosts in order.

    `asked` are destinations of requests, as they are shown. Workloads, environments and long texts mean no host.
    """
    if len(said) > _LONGEST:
        return {}
    own = {part.casefold() for name in (*allowlist.names(), *allowlist.environments) for part in name.split("/")}
    found = dict.fromkeys(word for place in _PLACES for word in place.findall(said.casefold()))
    words = [word for word in found if word not in own]
    if not words:
        return {}
    named: dict[str, set[str]] = {}
    for host in {*known_hosts(allowlist), *map(bare, asked)}:
        if "*" not in host and (registered := _registered(host)):
            named.setdefault(registered, set()).add(host)
    return {word: tuple(sorted(named[word])) for word in words if word in named}


def bare(destination: str) -> str:
    """The host of a destination as it is written or shown."""
    host = destination.rpartition("://")[2]
    return host.rpartition(":")[0] or host


def _registered(host: str) -> str:
    """`stripe` of `api.stripe.com` and of `pay.stripe.co.uk`; empty for an address and for a name inside."""
    labels = host.split(".")
    if len(labels) < 2 or labels[-1] in _INSIDE or not labels[-1].isalpha():
        return ""
    at = -3 if len(labels) > 2 and labels[-2] in _SECOND and len(labels[-1]) == 2 else -2
    return labels[at]
