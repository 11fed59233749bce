"""What a change does, flow by flow: what becomes allowed, what stops, what is wider than asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from skills.core.all_platforms import ALL
from skills.core.allowlist import Allowlist
from skills.core.apart import common_to_all
from skills.core.enforce.spans import EVERY_PORT, Span, meets, spans_text, without
from skills.core.model import Decision, Edit, Finding, Grant, Isolation, Need, Proof, Verdict, in_words, unique

_ALL_PODS = " all pods"
DENIER = "network_policy"
"""The dialect, and its layer, in which a namespace is denied by default."""


def default(allowlist: Allowlist, need: Need) -> Decision:
    """What happens in the namespace to a connection that no rule allows."""
    scope = f"{need.workload.namespace or need.workload.scope} all pods"
    isolated = any(item.source == scope and item.layer == DENIER for item in isolations(part_for(allowlist, need)))
    return "denied" if isolated else "allowed"


def part_for(allowlist: Allowlist, need: Need) -> Allowlist:
    """A change that is asked for one environment's pods touches no other environment's files."""
    workload = need.workload
    if workload.kind == "k8s" and workload.environment:
        return allowlist.in_environment(workload.environment)
    environments = allowlist.apart(workload)
    return allowlist.in_environment(*environments) if len(environments) == 1 else allowlist


def worst_of(verdicts: Sequence[Verdict]) -> Decision:
    return worst(verdict.decision for verdict in verdicts)


def worst(decided: Iterable[Decision]) -> Decision:
    decisions = set(decided)
    if "denied" in decisions:
        return "denied"
    return "undecided" if "undecided" in decisions or not decisions else "allowed"


def _elsewhere(allowlist: Allowlist, need: Need, edits: Sequence[Edit]) -> list[Finding]:
    """A file in no environment's folder counts in all of them, also where one was named."""
    named = need.workload.environment
    others = allowlist.apart(replace(need.workload, environment=None)) - {named} if named else ()
    common = common_to_all(edits)
    if not others or not common:
        return []
    return [Finding("EGR599", {"path": ", ".join(common), "named": named, "others": ", ".join(sorted(others))})]


def prove(
    old: Allowlist,
    new: Allowlist,
    need: Need,
    turned: tuple[Sequence[Verdict], Sequence[Verdict]],
    edits: Sequence[Edit],
) -> Proof:
    """What changes in the whole; where nothing does, because each environment builds it otherwise, in each of them."""
    proof = _proved(old, new, need, turned, edits)
    if not edits or proof.newly_allowed or proof.newly_denied or need.workload.kind != "k8s":
        return proof
    asked = need.workload.environment
    for environment in [asked] if asked else sorted(old.apart(need.workload)):
        part = _proved(old.in_environment(environment), new.in_environment(environment), need, turned, edits)
        where = "" if asked else f" ({environment})"
        proof = replace(
            proof,
            newly_allowed=(*proof.newly_allowed, *(replace(g, source=g.source + where) for g in part.newly_allowed)),
            newly_denied=(*proof.newly_denied, *(line + where for line in part.newly_denied)),
            wider_than_asked=unique((*proof.wider_than_asked, *part.wider_than_asked)),
            lost=unique((*proof.lost, *part.lost)),
        )
    return proof


def _proved(
    old: Allowlist,
    new: Allowlist,
    need: Need,
    turned: tuple[Sequence[Verdict], Sequence[Verdict]],
    edits: Sequence[Edit],
) -> Proof:
    gained: list[Grant] = []
    lost: list[Grant] = []
    wider: list[Finding] = []
    had, has = _granted(old), _granted(new)
    was, is_now = isolations(old), isolations(new)
    for platform in ALL:
        granted = _new(_beyond(has[platform.NAME], had[platform.NAME]), was)
        lost += _new(_beyond(had[platform.NAME], has[platform.NAME]), is_now)
        gained += granted
        wider += [finding for grant in granted for finding in platform.wider(grant, need)]
    # Dialects of one layer are a union: pods that one of them isolates already lose nothing when another does too.
    isolated, freed = _felt(_not_within(is_now, was), had), _felt(_not_within(was, is_now), has)
    back = [scope.part for scope in freed if scope.part is not None and scope.part not in gained]
    gained += back
    gained += [Grant(s.source, "everything", "every port", "any", s.layer) for s in freed if s.part is None]
    wider += [Finding("EGR328", _grant_facts(part)) for part in back]
    wider += [
        Finding("EGR316", {"source": in_words(s.source), "layer": _words(s.layer)}) for s in freed if s.part is None
    ]
    lost += [scope.part for scope in isolated if scope.part is not None]
    whole = [scope for scope in isolated if scope.part is None]
    losses = [Finding("EGR310", _grant_facts(grant)) for grant in lost if not need.remove]
    losses += [Finding("EGR311", {"source": in_words(scope.source), "layer": _words(scope.layer)}) for scope in whole]
    denied = [f"{grant.source} → {grant.target} ({grant.ports}, {grant.protocol})" for grant in lost]
    denied += [f"{scope.source} → everything that no rule allows ({scope.layer})" for scope in whole]
    wider += _elsewhere(old, need, edits)
    decisions = (worst_of(turned[0]), worst_of(turned[1]))
    if need.isolate:
        decisions = (default(old, need), default(new, need))
    return Proof(*decisions, tuple(gained), tuple(denied), unique(wider), unique(losses))


def _granted(allowlist: Allowlist) -> dict[str, set[Grant]]:
    """What each platform's rules give."""
    return {platform.NAME: set(platform.grants(allowlist.indexes[platform.NAME])) for platform in ALL}


def _beyond(grants: set[Grant], others: set[Grant]) -> list[Grant]:
    """What only the first side grants, port by port: one more port in a list takes nothing from those beside it."""
    left = grants - others
    keys = {_but_ports(grant) for grant in left}
    there: dict[Grant, list[Span]] = {}
    for other in others:
        if other.lifts is None and (key := _but_ports(other)) in keys:
            there.setdefault(key, []).extend(_spans(other.ports))
    found = []
    for grant in left:
        mine, theirs = _spans(grant.ports), there.get(_but_ports(grant), [])
        if not mine or not meets(mine, theirs):
            found.append(grant)
        elif ports := without(mine, theirs):
            found.append(replace(grant, ports=spans_text(ports)))
    return found


def _but_ports(grant: Grant) -> Grant:
    return replace(grant, ports="", lifts=None)


def _spans(ports: str) -> list[Span]:
    """Ports in a grant's words; empty where the words are no numbers."""
    if ports == "every port":
        return [EVERY_PORT]
    pairs = [each.partition("-")[::2] for each in ports.split(", ")]
    known = all(first.isdecimal() and (last or first).isdecimal() for first, last in pairs)
    return [(int(first), int(last or first)) for first, last in pairs] if known else []


def _new(grants: Iterable[Grant], isolated: set[Isolation]) -> list[Grant]:
    """Grants that make a difference where these isolations stand."""
    return sorted((grant for grant in grants if grant.lifts is None or grant.lifts in isolated), key=str)


def isolations(allowlist: Allowlist) -> set[Isolation]:
    """Every scope that is denied by default, whichever platform does it."""
    return {scope for platform in ALL for scope in platform.isolations(allowlist.indexes[platform.NAME])}


def _not_within(scopes: set[Isolation], there: set[Isolation]) -> set[Isolation]:
    """Scopes that do not stand there, neither by themselves nor as a part of a namespace that stands there whole."""
    whole = [(s.layer, s.source.removesuffix(_ALL_PODS)) for s in there if s.source.endswith(_ALL_PODS)]
    return {
        scope
        for scope in scopes - there
        if scope.part is not None
        or not any(scope.layer == layer and scope.source.startswith((f"{name}/", f"{name} ")) for layer, name in whole)
    }


def _felt(scopes: Iterable[Isolation], granted: Mapping[str, set[Grant]]) -> list[Isolation]:
    """Isolations that make a difference on the side where these grants stand, each once."""
    everything = set[Grant]().union(*granted.values())
    felt = [scope for scope in scopes if scope.takes is None or scope.takes in everything]
    return sorted({replace(scope, takes=None) for scope in felt}, key=str)


def _words(layer: str) -> str:
    return layer.replace("_", " ")


def _grant_facts(grant: Grant) -> dict[str, str]:
    return {"source": in_words(grant.source), "target": grant.target, "ports": grant.ports, "protocol": grant.protocol}
