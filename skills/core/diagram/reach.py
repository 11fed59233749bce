"""All that a scope may reach: what the rules of its dialects give, each asked for as a verdict over every layer.

A permission of one layer is no connection as long as another layer denies it, so none is listed that the verdict does
not allow; one that the repository alone does not decide is listed as not certain.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from skills.core.all_platforms import ALL
from skills.core.allowlist import Allowlist
from skills.core.diagram.probes import pods_in, probes
from skills.core.flow_text import workload as read_workload
from skills.core.globs import path_matches
from skills.core.model import Destination, Grant, Place, Ports, Verdict, Workload

_INBOUND = ("ingress of ", "entry to ")
_EVERYTHING = Grant("", "everything", "every port", "any", "")
_NO_PORTS = ("none", "unknown")
_MOST_CHECKS = 6_000


class TooMany(Exception):
    """A scope has more possible connections than are worked out for one file."""


@dataclass(frozen=True, slots=True)
class Reach:
    """One connection that a workload may open. `places` are the rules that allow it, the mesh's first."""

    workload: Workload
    target: str
    ports: str
    protocol: str
    certain: bool
    places: tuple[Place, ...] = ()


def scope(allowlist: Allowlist, globs: Sequence[str]) -> list[Workload]:
    """The workloads that a setting names, in each environment where they are answered apart.

    A namespace stands for itself only where no workload in it is declared; a space stands for all its apps.
    """
    found: dict[tuple[str, str, str], Workload] = {}
    for name in allowlist.names():
        for workload in _called(allowlist, name):
            if covers(globs, workload):
                for each in in_each_environment(allowlist, workload):
                    found[each.kind, each.name, each.environment or ""] = each
    parts = {workload.namespace for workload in found.values() if workload.name != workload.namespace}
    spaces = {
        workload.scope for workload in found.values() if workload.kind == "cf" and workload.name == workload.scope
    }
    kept = [
        each
        for each in found.values()
        if not (each.name == each.namespace and each.namespace in parts)
        and not (each.kind == "cf" and each.name != each.scope and each.scope in spaces)
    ]
    return sorted(kept, key=lambda each: (each.name, each.environment or ""))


def covers(globs: Sequence[str], workload: Workload) -> bool:
    names = {workload.name, workload.scope, workload.namespace or workload.scope}
    names |= {f"{workload.environment}:{name}" for name in names if workload.environment}
    return any(path_matches(glob, name) for glob in globs for name in names)


def is_called(name: str, workload: Workload) -> bool:
    """Whether a request's words mean the workload; without an environment they mean it in each."""
    return name in {str(workload), workload.name}


def _called(allowlist: Allowlist, name: str) -> Iterable[Workload]:
    return allowlist.resolve(read_workload(name)).workloads


def in_each_environment(allowlist: Allowlist, workload: Workload) -> list[Workload]:
    """The workload once for each environment where it is answered apart; else as it is."""
    return [replace(workload, environment=each) for each in sorted(allowlist.apart(workload))] or [workload]


def reaches(
    allowlist: Allowlist, workloads: Sequence[Workload], known: Sequence[tuple[str, Destination]]
) -> list[Reach]:
    """What each of the workloads may reach. `known` are destinations that were asked for, by the workload's name.

    Raises TooMany.
    """
    granted: dict[tuple[str, str | None], list[Grant]] = {}
    found: list[Reach] = []
    left = _MOST_CHECKS
    for workload in workloads:
        key = (workload.kind, workload.environment if workload.kind == "k8s" else None)
        if key not in granted:
            granted[key] = _granted(allowlist, workload)
        mine = [grant for grant in granted[key] if _about(grant, workload, allowlist)]
        left -= len(mine)
        if left < 0:
            raise TooMany
        given = list(_of_grants(allowlist, workload, mine))
        asked = [to for name, to in known if is_called(name, workload) and not _is_listed(to, given)]
        found += (*given, *_of_known(allowlist, workload, asked))
    return list({(*_ends(each), each.ports): each for each in reversed(found)}.values())[::-1]


def _ends(reach: Reach) -> tuple[str, str, str, str]:
    return reach.workload.name, reach.workload.environment or "", reach.target, reach.protocol


def _granted(allowlist: Allowlist, workload: Workload) -> list[Grant]:
    there = allowlist
    if workload.kind == "k8s" and workload.environment:
        there = allowlist.in_environment(workload.environment)
    every = [g for p in ALL if workload.kind == p.KIND for g in p.grants(there.indexes[p.NAME])]
    return [*dict.fromkeys(every), _EVERYTHING]


def _about(grant: Grant, workload: Workload, allowlist: Allowlist) -> bool:
    """Whether a permission may be one of the workload's, and leaves its namespace; the verdict decides the rest."""
    if grant is _EVERYTHING:
        return True
    if workload.kind != "k8s":
        environment = f" ({workload.environment})" if workload.environment else ""
        return grant.source in {f"{workload.scope}{environment}", workload.scope} or grant.source.startswith("apps ")
    own = workload.namespace or workload.scope
    pods = pods_in(grant.target)
    if grant.target.startswith(_INBOUND) or (pods is not None and pods[0] == own):
        return False
    first, _, rest = grant.source.partition(" ")
    if first != own:
        return first not in allowlist.cluster.namespaces
    return _may_be(workload, rest.partition(" (")[0])


def _may_be(workload: Workload, pods: str) -> bool:
    """Whether `pods app=web` can mean the workload; only a label that differs rules it out."""
    pairs = (pair.partition("=") for pair in pods.removeprefix("pods ").split(", ") if pods.startswith("pods "))
    labels = workload.labels
    return labels is None or all(labels.get(key, value) == value for key, equals, value in pairs if equals)


def _of_grants(allowlist: Allowlist, workload: Workload, grants: Sequence[Grant]) -> Iterator[Reach]:
    for grant in dict.fromkeys(replace(grant, source="", layer="", lifts=None) for grant in grants):
        asked = probes(grant)
        if asked:
            reach = _reach(workload, grant, [allowlist.check(workload, each) for each in asked])
            yield from [reach] if reach else _narrower(allowlist, workload, grant, grants)
        elif grant.ports not in _NO_PORTS:
            yield Reach(workload, grant.target, grant.ports, grant.protocol, certain=False)


def _narrower(allowlist: Allowlist, workload: Workload, grant: Grant, grants: Sequence[Grant]) -> Iterator[Reach]:
    """The single ports that another layer opens of what this one opens as a range, or whole."""
    if grant == _EVERYTHING or (grant.ports != "every port" and "-" not in grant.ports):
        return
    others = dict.fromkeys(each.ports for each in grants if each.ports.isdecimal() and each.target != grant.target)
    spans = {span for each in probes(grant) if (span := each.ports)}
    for ports in others:
        number = Ports(int(ports), int(ports))
        if any(span.covers(number) for span in spans):
            part = replace(grant, ports=ports)
            reach = _reach(workload, part, [allowlist.check(workload, each) for each in probes(part)])
            if reach is not None:
                yield reach


def _is_listed(destination: Destination, given: Sequence[Reach]) -> bool:
    """Whether a rule names the destination itself, so that it stands there already."""
    ports = {"every port", str(destination.ports)}
    return any(each.target == destination.name and each.ports in ports for each in given)


def _of_known(allowlist: Allowlist, workload: Workload, known: Sequence[Destination]) -> Iterator[Reach]:
    """Hosts that were asked for, where rules speak only of addresses: the team knows them by their names."""
    for destination in dict.fromkeys(known):
        if destination.workload and destination.workload.partition("/")[0] == workload.namespace:
            continue
        ports = str(destination.ports) if destination.ports else "every port"
        grant = Grant("", destination.name, ports, destination.application or destination.protocol, "")
        reach = _reach(workload, grant, [allowlist.check(workload, destination)])
        if reach is not None:
            yield reach


def _reach(workload: Workload, grant: Grant, verdicts: Sequence[Verdict]) -> Reach | None:
    decisions = {verdict.decision for verdict in verdicts}
    if "denied" in decisions:
        return None
    rules = [rule.place for verdict in verdicts for layer in verdict.layers for rule in layer.rules]
    certain = decisions == {"allowed"}
    return Reach(workload, grant.target, grant.ports, grant.protocol, certain, tuple(dict.fromkeys(rules)))
