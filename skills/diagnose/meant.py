"""Which host is meant by whoever names none: "stripe times out"."""

from __future__ import annotations

from collections.abc import Sequence

from skills.contract import World
from skills.core.known_hosts import bare, called
from skills.core.model import Finding, Question

_MOST_OFFERED = 8


def by_word(
    read: list[str], given: Sequence[str], said: str, world: World
) -> tuple[list[str], tuple[Finding, ...], tuple[Question, ...]]:
    """What was `read` in the text; else the one host that rules and requests know by a word of it, and that it was
    taken for that word; else what was `given` beside the text.

    Several are no answer but a question, with all of them to choose from, until one of them is given.
    """
    named = {} if read else called(said, world.allowlist, (to for each in world.requests for to in each.destinations))
    hosts = [host for known in named.values() for host in known]
    if read or not hosts or any(bare(to) in hosts for to in given):
        return read or list(given), (), ()
    facts = {"word": ", ".join(named), "host": hosts[0]}
    if len(hosts) == 1:
        return hosts, (Finding("EGR267", facts),), ()
    return [], (), (Question("destination", "EGR268", facts, tuple(hosts[:_MOST_OFFERED])),)


def several(which: Sequence[Question], cause: Finding) -> Finding:
    """Where one word means several hosts, it was read; what is missing is only which."""
    return Finding("EGR269", which[0].facts) if which and cause.code == "EGR295" else cause
