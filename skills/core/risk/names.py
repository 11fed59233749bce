"""Names that can be mistaken for one that is known."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from skills.core.hosts import edit_distance, looks_like

_DIGITS = str.maketrans("0135", "oles")
_SHORTEST = 5


def twin_of(host: str, known: Iterable[str]) -> str:
    """The known name that a host looks like and is not: by signs of other scripts, digits for letters, one edit, a
    hyphen more or less, another ending, or the whole name in front of another one. Empty where it is itself known, lies
    below one that is, or is like none.

    Only the registered part is compared, taken as the last two labels, as `hosts.sibling` does.
    """
    bare = host.removeprefix("*.")
    names = frozenset(name.removeprefix("*.") for name in known)
    if any(bare == name or bare.endswith(f".{name}") for name in names):
        return ""
    by_signs = looks_like(bare)
    if by_signs and any(by_signs == name or by_signs.endswith(f".{_domain(name)}") for name in names):
        return by_signs
    inside = next((name for name in sorted(names) if f".{_domain(name)}." in f".{bare}"), "")
    if inside:
        return _domain(inside)
    mine = _domain(by_signs or bare)
    domains = {_domain(name) for name in names}
    if mine in domains:
        return ""
    return next((domain for domain in sorted(domains) if _alike(mine, domain)), "")


@lru_cache(maxsize=65536)
def _domain(name: str) -> str:
    return ".".join(name.split(".")[-2:])


def _alike(one: str, other: str) -> bool:
    (name, _, ending), (there, _, end) = one.rpartition("."), other.rpartition(".")
    if len(there) < _SHORTEST:
        return False
    if name == there:
        return ending != end and len(there) > _SHORTEST
    bare, apart = name.replace("-", ""), there.replace("-", "")
    if bare == apart or name.translate(_DIGITS) == there.translate(_DIGITS):
        return True
    if "-" in name and there in name.split("-"):
        return True
    return ending == end and edit_distance(name, there, 1) == 1
