"""A first `egress-policy.yaml`: who approves what, as CODEOWNERS says it of the files that hold rules.

Owners may be groups whose members only GitLab knows; such a group stands there by its name, with nobody in it yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from skills.core.policy import read_policy
from skills.core.rendering import render

EVERYBODYS = "approvers"
"""The group of those whom nobody but whoever sets Postern up named."""
NOBODYS = "nobody"
"""What CODEOWNERS leaves to nobody, while all around it has owners."""

_ANY_OTHER = "a-folder-that-nobody-made-yet/a-file.yaml"


@dataclass(frozen=True, slots=True)
class Group:
    """`members` as a policy names people; `unknown` are CODEOWNERS' groups and roles, whose members are not known."""

    name: str
    members: tuple[str, ...]
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Proposal:
    """`paths` of each entry are globs as the policy has them; the first entry that fits a file counts."""

    groups: tuple[Group, ...]
    entries: tuple[tuple[tuple[str, ...], str], ...]


def propose(
    paths: Iterable[str], owners: Callable[[Sequence[str]], Sequence[str]], approvers: Sequence[str]
) -> Proposal:
    """For the files that hold rules; `owners` gives CODEOWNERS' names for files, `approvers` approve all the rest."""
    owned: dict[tuple[str, ...], list[str]] = {}
    unowned, odd = list[str](), list[str]()
    by_path = {path: tuple(owners([path])) for path in sorted(set(paths))}
    for pattern, names in _alike("", by_path):
        if {"*", "?"} & set(pattern.removesuffix("**")):
            odd.append(pattern)  # as a glob this name speaks for others too
        elif names:
            owned.setdefault(names, []).append(pattern)
        else:
            unowned.append(pattern)
    everywhere = tuple(owners([_ANY_OTHER]))
    if everywhere in owned:
        del owned[everywhere]
        owned[everywhere] = ["**"]  # last, and so for new folders too
    groups: list[Group] = []
    entries: list[tuple[tuple[str, ...], str]] = []
    for names, patterns in owned.items():
        group = _group(names, {each.name for each in groups})
        groups.append(group)
        entries.append((tuple(patterns), group.name))
    barred = [*odd, *(unowned if everywhere in owned else ())]
    if approvers and everywhere in owned:
        groups[-1] = replace(groups[-1], members=tuple(dict.fromkeys((*groups[-1].members, *approvers))))
    elif approvers or not groups:
        groups.append(Group(EVERYBODYS, tuple(dict.fromkeys(approvers))))
        entries.append((("**",), EVERYBODYS))
    if barred and entries[-1][0] == ("**",):
        groups.append(Group(NOBODYS, ()))
        entries.insert(0, (tuple(barred), NOBODYS))
    return Proposal(tuple(groups), tuple(entries))


def text_of(proposal: Proposal, dialects: Sequence[str]) -> str:
    """The file. Raises AskUnclear EGR421 for a name that can't stand in it."""
    text = render("egress_policy.yaml.j2", proposal=proposal, dialects=dialects)
    read_policy(text)
    return text


def _alike(folder: str, owners: Mapping[str, tuple[str, ...]]) -> list[tuple[str, tuple[str, ...]]]:
    """The widest folders all of whose files have the same owners, and the files that have others."""
    if len(set(owners.values())) == 1:
        return [(f"{folder}**", next(iter(owners.values())))]
    below: dict[str, dict[str, tuple[str, ...]]] = {}
    found: list[tuple[str, tuple[str, ...]]] = []
    for path, names in owners.items():
        first, slash, _ = path[len(folder) :].partition("/")
        if slash:
            below.setdefault(f"{folder}{first}/", {})[path] = names
        else:
            found.append((path, names))
    return [*found, *(each for name, inside in below.items() for each in _alike(name, inside))]


def _group(owners: Sequence[str], taken: set[str]) -> Group:
    """Named after the first group among the owners, else after the first person."""
    groups = [name for name in owners if name.startswith("@") and "/" in name]
    roles = [name for name in owners if name.startswith("@@")]
    people = [name.removeprefix("@") for name in owners if name not in (*groups, *roles)]
    named = (groups or [f"owners-{(people or ['of-these-files'])[0].partition('@')[0]}"])[0].rpartition("/")[2]
    name, number = named, 2
    while name in taken or name in (EVERYBODYS, NOBODYS):
        name, number = f"{named}-{number}", number + 1
    return Group(name, tuple(people), (*groups, *roles))
