"""Names that can be mistaken for one that is known."""

from __future__ import annotations

from functools import lru_cache

from skills.core.hosts import edit_distance, looks_like

_DIGITS = str.maketrans("0135", "oles")
_SHORTEST = 5


def twin_of(host: str, known: frozenset[str]) -> str:
    """The known name that a host looks like and is not: by signs of other scripts, digits for letters, one edit, a
    hyphen more or less, another ending, or the whole name in front of another one. Empty where it is itself known, lies
    below one that is, or is like none.

    Only the registered part is compared, taken as the last two labels, as `hosts.sibling` does.
    """
    bare = host.removeprefix("*.")
    labels = bare.split(".")
    if any(name in known or f"*.{name}" in known for name in (".".join(labels[at:]) for at in range(len(labels)))):
        return ""
    domains = _domains(known)
    by_signs = looks_like(bare)
    if by_signs and _domain(by_signs) in domains:
        return by_signs
    inside = (".".join(labels[at : at + 2]) for at in range(len(labels) - 2))
    if held := next((name for name in inside if name in domains), ""):
        return held
    mine = _domain(by_signs or bare)
    return "" if mine in domains else next((domain for domain in sorted(domains) if _alike(mine, domain)), "")


@lru_cache(maxsize=4)
def _domains(known: frozenset[str]) -> frozenset[str]:
    return frozenset(_domain(name.removeprefix("*.")) for name in known)


def _domain(name: str) -> str:
    return ".".join(name.rsplit(".", 2)[-2:])


def _alike(one: str, other: str) -> bool:
    (name, _, ending), (there, _, end) = one.rpartition("."), other.rpartition(".")
    if len(there) < _SHORTEST:
        return False
    if name == there:
        return ending != end and len(there) > _SHORTEST
    if name.replace("-", "") == there.replace("-", "") or name.translate(_DIGITS) == there.translate(_DIGITS):
        return True
    if "-" in name and there in name.split("-"):
        return True
    return ending == end and edit_distance(name, there, 1) == 1
