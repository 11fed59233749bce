"""What in the repository contradicts itself, or has no effect."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from skills.core.enforce.spans import covers
from skills.core.model import Finding, Place, finding
from skills.core.platforms.cloud_foundry import known
from skills.core.platforms.cloud_foundry.documents import Group, Named, Settings
from skills.core.platforms.cloud_foundry.index import Index, Space
from skills.core.platforms.cloud_foundry.rules import Rule

_MOST_COMPARED = 200


def audit(index: Index) -> Sequence[Finding]:
    """Groups first, then spaces, then the settings of each foundation."""
    found: list[Finding] = []
    in_use = _in_use(index)
    used = {name for _, name in in_use}
    for group in index.groups:
        found += _faults(group)
        found += _covered(group)
        if group.role != "space" and not group.globally and group.name not in used:
            found.append(finding("EGR770" if group.role == "loose" else "EGR769", group.place, group=group.name))
    for space in index.spaces.values():
        found += _space(index, space)
    for proxy in index.proxies:
        found += [
            finding("EGR779" if entry.has_port else "EGR1902", entry.place, entry=entry.said, proxy=proxy.name)
            for entry in (*proxy.deny, *proxy.allow)
            if entry.has_port or not entry.is_valid
        ]
    for scope, kinds in index.binders.items():
        found += _twins(scope, kinds)
    for each in index.commands:
        if each.unsure:
            found.append(finding("EGR776", each.place, group=each.group, unsure=each.unsure))
    for settings in index.settings.values():
        found += _staging_only(index, settings, in_use)
    return found


def _twins(scope: str, kinds: Sequence[tuple[str, Place]]) -> Iterator[Finding]:
    """Blocks of two kinds that both claim to say all that a space binds."""
    first = dict(kinds)
    if len(first) > 1:
        (kind, one), (other_kind, other), *_ = first.items()
        facts = {"first": kind, "one": str(one), "second": other_kind, "other": str(other), "space": scope}
        yield finding("EGR748", one, other, **facts)


def _in_use(index: Index) -> set[tuple[str, str]]:
    """Folder and name of every group that something binds for running apps, or that a list names for all."""
    used = {(space.root, named.name) for space in index.spaces.values() for named in space.named}
    for settings in index.settings.values():
        used |= {(settings.root, named.name) for named in settings.running or ()}
    return used


def _faults(group: Group) -> Iterator[Finding]:
    for rule in group.rules:
        if rule.fault:
            yield finding(rule.fault, rule.place, group=group.name, why=rule.why, rule=str(rule))


def _covered(group: Group) -> Iterator[Finding]:
    """Rules that another rule of the group makes superfluous; of two equal ones the later."""
    rules = [rule for rule in group.rules[:_MOST_COMPARED] if not rule.fault and rule.ports and rule.addresses]
    for at, rule in enumerate(rules):
        wider = next((other for place, other in enumerate(rules) if _is_wider(other, rule, earlier=place < at)), None)
        if wider is not None:
            yield finding("EGR787", rule.place, rule=str(rule), wider=str(wider), group=group.name)


def _is_wider(other: Rule, rule: Rule, *, earlier: bool) -> bool:
    if other is rule or other.version != rule.version or not other.speaks(rule.protocol):
        return False
    if not covers(other.addresses, rule.addresses) or not covers(other.ports or (), rule.ports or ()):
        return False
    same = other.protocol == rule.protocol and (other.addresses, other.ports) == (rule.addresses, rule.ports)
    return earlier or not same


def _space(index: Index, space: Space) -> Iterator[Finding]:
    if len(space.configs) > 1:
        places = [config.place for config in space.configs]
        facts = {"space": str(space), "first": str(places[0]), "second": str(places[-1])}
        yield finding("EGR785", *places, **facts)
    own = index.own_group(space)
    if own is not None and own.rules and not space.enabled:
        yield finding("EGR781", own.place, space=str(space))
    if own is None and space.enabled:
        place = next((each.enabled_place for each in space.configs if each.enabled_place), space.place)
        yield finding("EGR786", place, space=str(space))
    for named in space.named:
        yield from _named(index, space, named)


def _named(index: Index, space: Space, named: Named) -> Iterator[Finding]:
    facts = {"group": named.name, "space": str(space)}
    if named.name in known.LABELS:
        right = known.LABELS[named.name]
        yield finding("EGR765" if right else "EGR766", named.place, label=named.name, right=right, space=str(space))
        return
    listed = index.globally_listed(space.root, named.name)
    if listed is not None:
        yield finding("EGR782", named.place, listed=str(listed.place), **facts)
    elif index.definition(named.name, space.root) is None and named.name not in known.GROUPS:
        yield finding("EGR760", named.place, **facts)


def _staging_only(index: Index, settings: Settings, in_use: set[tuple[str, str]]) -> Iterator[Finding]:
    for named in settings.staging or ():
        defined = index.definition(named.name, settings.root) is not None
        if (settings.root, named.name) not in in_use and (defined or named.name not in known.GROUPS):
            yield finding("EGR768", named.place, group=named.name)
