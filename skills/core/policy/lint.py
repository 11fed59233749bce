"""What a policy says and can't mean: faults with their line, and rules that do nothing in this repository."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from skills.core.environments import canonical, known
from skills.core.globs import path_matches
from skills.core.hosts import near
from skills.core.model import Fact, Finding
from skills.core.policy import levels, questions
from skills.core.policy.people import HandOff, heads
from skills.core.policy.read import faults_in, read_policy
from skills.core.policy.shapes import ApprovalRule
from skills.core.policy.times import is_within, zone_of
from skills.core.policy.values import PATH, Policy, Subject, in_environments

Names = Mapping[str, Sequence[str]]
"""All names of each workload that the repository knows, by the one that is shown."""


def lint(
    text: str | None, paths: Collection[str], workloads: Names, environments: Collection[str], now: datetime
) -> list[Finding]:
    """In the order of the file. `paths` are the files that a change may touch; without them rules are not tried."""
    faults = faults_in(text)
    if faults:
        return [fault.finding for fault in faults]
    policy = read_policy(text)
    if not policy.present:
        return [Finding("EGR401", {"path": PATH})]
    found = [
        *_people(policy),
        *_spelling(policy),
        *_rules(policy, paths, environments),
        *_teams(policy, workloads),
        *_names(policy, environments),
        *_times(policy, now),
    ]
    found += list(_asking(policy))
    return sorted(found, key=lambda finding: int(finding.facts.get("line") or 0))


def _at(policy: Policy, *steps: str | int) -> dict[str, Fact]:
    return {"path": PATH, "line": policy.line(*steps)}


def _people(policy: Policy) -> Iterator[Finding]:
    used = {group for rule in policy.approval for group in rule.groups}
    used |= {*policy.veto, *(policy.break_glass.groups if policy.break_glass else ())}
    used |= {policy.merge.hand_off} if isinstance(policy.merge, HandOff) else set()
    for name, members in policy.groups.items():
        if name in policy.in_gitlab and not any(known.gitlab for known in policy.people.values()):
            yield Finding("EGR1667", {**_at(policy, "groups", name), "group": name})
        if name in used and not members and name not in policy.in_gitlab:
            yield Finding("EGR1550", {**_at(policy, "groups", name), "group": name})
        elif name not in used:
            yield Finding("EGR1551", {**_at(policy, "groups", name), "group": name})
    for index, rule in enumerate(policy.approval):
        people = policy.members(rule)
        yield from _doubles(policy, people, rule, index)
        if policy.in_gitlab.keys() & set(rule.groups):
            continue  # who is in it shows when somebody decides
        if people and len(heads(people)) < rule.count():
            facts = {**_at(policy, "approval", index), "needed": rule.count(), "count": len(heads(people))}
            yield Finding("EGR1552", facts)
        for name in rule.ask:
            if not {each.casefold() for each in policy.groups.get(name, (name,))} & people:
                yield Finding("EGR1553", {**_at(policy, "approval", index), "name": name})
    for group, shifts in policy.on_call.items():
        if group in policy.in_gitlab:
            continue
        own = {each.casefold() for each in policy.groups[group]}
        for name in dict.fromkeys(name for shift in shifts for name in shift.people if name.casefold() not in own):
            yield Finding("EGR1554", {**_at(policy, "on_call", group), "name": name, "group": group})


def _doubles(policy: Policy, people: Collection[str], rule: ApprovalRule, index: int) -> Iterator[Finding]:
    """Where several people are needed, names that may well be one person's make two of them."""
    if rule.count() < 2:
        return
    plain = {name.partition("@")[0]: name for name in people if "@" in name}
    pairs = [(name, plain[name]) for name in people if name in plain]
    ids = sorted(name for name in people if name.startswith("slack:") and name not in policy.known_as)
    if len({name.split(":")[1] for name in ids}) > 1:
        pairs.append((ids[0], ", ".join(ids[1:])))
    for one, other in sorted(pairs):
        yield Finding("EGR1668", {**_at(policy, "approval", index), "one": one, "other": other, "needed": rule.count()})


def _spelling(policy: Policy) -> Iterator[Finding]:
    """Names that no human can tell from another: signs that can't be seen, or that only look like letters."""
    for group, members in policy.groups.items():
        for name in (group, *(members if group not in policy.in_gitlab else ())):
            if not name.isascii() or not name.isprintable():
                shown = name.encode("unicode_escape").decode()
                yield Finding("EGR1669", {**_at(policy, "groups", group), "name": name, "shown": shown})


def _rules(policy: Policy, paths: Collection[str], environments: Collection[str]) -> Iterator[Finding]:
    if not policy.approval:
        yield Finding("EGR1555", {"path": PATH, "line": 1})
        return
    reached: set[ApprovalRule] = set()
    for each in ((), *((name,) for name in (*environments, *_named(policy)))):
        reached |= {
            demand.rule for path in paths for demand in policy.demands(Subject((path,), each, fields={path: ("",)}))
        }
    for index, rule in enumerate(policy.approval):
        if paths and rule not in reached and not rule.fields:
            yield Finding("EGR1556", {**_at(policy, "approval", index), "paths": ", ".join(rule.paths)})
        if rule in policy.approval[:index]:
            yield Finding(
                "EGR1557",
                {**_at(policy, "approval", index), "first": policy.line("approval", policy.approval.index(rule))},
            )
    bare = [path for path in paths if policy.uncovered(Subject((path,)))]
    if bare:
        yield Finding("EGR1558", {"path": PATH, "line": policy.line("approval"), "file": bare[0], "count": len(bare)})


def _teams(policy: Policy, workloads: Names) -> Iterator[Finding]:
    owned: dict[str, set[str]] = {name: set() for name in policy.teams}
    for shown, names in workloads.items():
        for owner in levels.owners(policy, names):
            owned[owner.team].add(shown)
    seen: dict[str, str] = {}
    for name, mine in owned.items():
        for glob in policy.teams[name].workloads if workloads else ():
            if not any(path_matches(glob.rpartition(":")[2], each) for names in workloads.values() for each in names):
                yield Finding("EGR1559", {**_at(policy, "teams", name), "team": name, "glob": glob})
        for workload in sorted(mine):
            other = seen.setdefault(workload, name)
            if other != name and _meet(policy.teams[name].environments, policy.teams[other].environments):
                yield Finding(
                    "EGR1560", {**_at(policy, "teams", name), "team": name, "other": other, "workload": workload}
                )
    if policy.teams and policy.line("level") == 1 and "level" not in policy.lines:
        yield Finding("EGR1561", {"path": PATH, "line": policy.line("teams")})


def _meet(one: Collection[str], other: Collection[str]) -> bool:
    return not one or not other or bool({canonical(name) for name in one} & {canonical(name) for name in other})


def _named(policy: Policy) -> list[str]:
    """Every environment that the policy names."""
    sections: list[Iterable[str]] = [rule.environments for rule in policy.approval]
    sections += [team.environments for team in policy.teams.values()] + [
        freeze.environments for freeze in policy.freeze
    ]
    sections += [asking.environments for asking in policy.questions]
    sections.append(policy.lifetime.environments if policy.lifetime else ())
    return list(dict.fromkeys(name for section in sections for name in section))


def _names(policy: Policy, environments: Collection[str]) -> Iterator[Finding]:
    there = {canonical(name) for name in environments}
    places = [("approval", index, rule.environments) for index, rule in enumerate(policy.approval)]
    places += [("freeze", index, each.environments) for index, each in enumerate(policy.freeze)]
    places += [("questions", index, each.environments) for index, each in enumerate(policy.questions)]
    steps: list[tuple[tuple[str | int, ...], Sequence[str]]] = [
        ((section, index), named) for section, index, named in places
    ]
    steps += [(("teams", name), team.environments) for name, team in policy.teams.items()]
    steps += [(("lifetime",), policy.lifetime.environments)] if policy.lifetime else []
    steps += [(("production_after",), (policy.production_after,))] if policy.production_after else []
    for where, named in steps:
        for name in named:
            if there and canonical(name) not in there and not known(name):
                meant = near(name, environments)
                facts = {**_at(policy, *where), "environment": name, "known": ", ".join(sorted(environments))}
                yield Finding("EGR1562", {**facts, "meant": f"; did you mean `{meant[0]}`?" if meant else ""})


def _times(policy: Policy, now: datetime) -> Iterator[Finding]:
    for index, freeze in enumerate(policy.freeze):
        if zone_of(freeze.zone) is None:
            yield Finding("EGR1563", {**_at(policy, "freeze", index), "zone": freeze.zone or ""})
        elif freeze.weekly and len(set(freeze.weekly.split(" - "))) == 1:
            yield Finding("EGR1671", {**_at(policy, "freeze", index), "weekly": freeze.weekly})
        elif freeze.until and not is_within(None, freeze.until, freeze.zone, now):
            yield Finding("EGR1564", {**_at(policy, "freeze", index), "until": freeze.until})
    if policy.production_after and in_environments(policy.production, policy.production_after):
        facts = {"first": policy.production_after, "production": ", ".join(policy.production)}
        yield Finding("EGR1670", {**_at(policy, "production_after"), **facts})
    denied = {entry.to for entry in policy.deny}
    for index, entry in enumerate(policy.deny):
        apex = entry.to.removeprefix("*.")
        if entry.to.startswith("*.") and apex not in denied:
            yield Finding("EGR1565", {**_at(policy, "deny", index), "wildcard": entry.to, "apex": apex})


def _asking(policy: Policy) -> Iterator[Finding]:
    for index, asking in enumerate(policy.questions):
        for each in asking.ask:
            if isinstance(each, str) and each not in questions.KNOWN:
                meant = near(each, questions.KNOWN)
                facts = {**_at(policy, "questions", index), "id": each, "known": ", ".join(questions.KNOWN)}
                yield Finding("EGR1566", {**facts, "meant": f"; did you mean `{meant[0]}`?" if meant else ""})
