"""The remote keys of bb-common's values: `[protocol://]far[:ports]`, put together and taken apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from skills.core.platforms.istio.bb_leaves import Leaves, on

_MOST = 64


@dataclass(frozen=True, slots=True)
class Remote:
    """One far end: `far` with its protocol, its ports (none: all of them), and the value behind the key."""

    kind: str
    far: str
    numbers: frozenset[int]
    value: Any


def remote_key(remote: Remote) -> str:
    """As people write it: one port bare, neighbours as a range, others as a list."""
    numbers = sorted(remote.numbers)
    if not numbers:
        return remote.far
    if len(numbers) == 1:
        return f"{remote.far}:{numbers[0]}"
    if len(numbers) > 2 and numbers[-1] - numbers[0] == len(numbers) - 1:
        return f"{remote.far}:{numbers[0]}-{numbers[-1]}"
    return f"{remote.far}:[{','.join(map(str, numbers))}]"


def spread(leaves: Leaves, side: str, local: str, remote: Remote) -> tuple[str, frozenset[int]] | None:
    """The key for the same far end that stands there, with its ports; None without one, or where it has no ports."""
    for path, leaf in leaves.items():
        if path[:5] != ("np", side, "to", local, remote.kind) or leaf.value is False:
            continue
        far, numbers = parted(path[5])
        same = isinstance(leaf.value, bool) == (remote.value is True) and on(leaf.value)
        if far == remote.far and same and (numbers or not remote.numbers):
            return path[5], numbers
    return None


def parted(key: str) -> tuple[str, frozenset[int]]:
    """A key's far end and ports; a long range counts as none that could be changed."""
    protocol, sign, rest = key.rpartition("://")
    far, _, written = rest.partition(":")
    numbers: set[int] = set()
    for part in written.strip("[]").split(",") if written else ():
        first, _, last = part.partition("-")
        if not first.isdecimal() or not (last or first).isdecimal():
            return protocol + sign + far, frozenset()
        start, end = int(first[:6]), int((last or first)[:6])
        if end - start > _MOST:
            return protocol + sign + far, frozenset()
        numbers |= set(range(start, end + 1))
    return protocol + sign + far, frozenset(numbers)
