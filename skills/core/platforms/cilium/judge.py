"""One flow against all specs that could be about its near end: isolated, allowed, denied, each three-valued."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from skills.core.enforce.kube_flow import Opening, coverage
from skills.core.enforce.kube_policy import Outside
from skills.core.enforce.selectors import Match
from skills.core.enforce.spans import covers, meets
from skills.core.model import Finding, Place, finding, unique
from skills.core.platforms.cilium.entries import CiliumPolicy, Rule, Spec
from skills.core.platforms.cilium.match import Asked, openings, selection

_MOST_SHOWN = 6
_NEEDS_ADDRESSES = "EGR906"

Concerned = tuple[CiliumPolicy, Spec, Match]


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule that decides, and what it opens or denies."""

    policy: CiliumPolicy
    rule: Rule
    opening: Opening


@dataclass(frozen=True, slots=True)
class Judgement:
    asked: Asked
    isolated: Match
    allowed: Match
    denied: Match
    hits: tuple[Hit, ...] = ()
    denies: tuple[Hit, ...] = ()
    isolators: tuple[Place, ...] = ()
    unknown: tuple[Finding, ...] = ()
    doubts: tuple[Finding, ...] = ()  # why an explicit deny may or may not hold the flow

    @property
    def verdict(self) -> Match:
        """Whether the flow passes: an explicit deny beats everything."""
        if self.denied is Match.YES:
            return Match.NO
        passes = Match.YES if self.isolated is Match.NO else self.allowed
        return min(passes, Match.UNKNOWN) if self.denied is Match.UNKNOWN else passes


def concerned_by(pairs: Iterable[tuple[CiliumPolicy, Spec]], asked: Asked) -> list[Concerned]:
    found = [(policy, spec, selection(policy, spec, asked.near)) for policy, spec in pairs]
    return [item for item in found if item[2] is not Match.NO]


def judge(concerned: Sequence[Concerned], asked: Asked) -> Judgement:
    direction = asked.flow.direction
    isolating = [item for item in concerned if item[1].side(direction).isolates]
    isolated = max((match for _, _, match in isolating), default=Match.NO)
    sure = [(policy, spec) for policy, spec, match in isolating if match is Match.YES]
    sure.sort(key=lambda pair: bool(_opening_rules(pair[1].side(direction).allow)))  # default denies are named first
    places = tuple(dict.fromkeys(policy.place for policy, _ in sure))
    denies = _hits(concerned, asked, deny=True)
    denied = max((hit.opening.match for hit in denies), default=Match.NO)
    found = _hits(concerned, asked, deny=False)
    allowed = coverage([hit.opening for hit in found], asked.flow)
    if isolated is Match.UNKNOWN and allowed is not Match.YES:
        alone = (_alone(item, asked) for item in isolating)
        allowed = Match.YES if all(match is Match.YES for match in alone) else Match.UNKNOWN
    doubts = unique((_why(hit, asked) for hit in denies if hit.opening.match is Match.UNKNOWN), _MOST_SHOWN)
    unknown = unique([*doubts, *_missing(isolating, found, asked, allowed, isolated)], _MOST_SHOWN)
    hits = tuple(hit for hit in found if hit.opening.match is Match.YES)
    certain = tuple(hit for hit in denies if hit.opening.match is Match.YES)
    return Judgement(asked, isolated, allowed, denied, hits, certain, places, unknown, doubts)


def _opening_rules(rules: Sequence[Rule]) -> list[Rule]:
    return [rule for rule in rules if rule.peers or rule.anyone]


def _hits(concerned: Sequence[Concerned], asked: Asked, *, deny: bool) -> list[Hit]:
    """What touches the flow, each capped by how sure it is that the policy is about these pods."""
    wanted, found = asked.flow.wanted, []
    said = replace(asked.near, pods=asked.near.pods.as_said)
    unsaid = asked.near.pods.asserted and not deny
    for policy, spec, match in concerned:
        side = spec.side(asked.flow.direction)
        if unsaid and selection(policy, spec, said) is Match.NO:
            continue  # only a label that the asker did not name would have it be about these pods
        for rule in side.deny if deny else side.allow:
            for item in openings(policy, rule, asked):
                if deny and item.why is not None and item.why.code == _NEEDS_ADDRESSES:
                    continue  # the opening of the block itself says whether it could meet the name
                if meets(item.region.ports, wanted.ports) and meets(item.region.addresses, wanted.addresses):
                    certain = _in_part(item, asked) if deny else item
                    capped = Opening(min(match, certain.match), item.region, item.place, why=certain.why)
                    found.append(Hit(policy, rule, capped))
    return found


def _in_part(item: Opening, asked: Asked) -> Opening:
    """A deny of some addresses may or may not meet a name whose addresses nobody gave."""
    far = asked.flow.far
    if not isinstance(far, Outside) or not far.named or covers(item.region.addresses, far.expected):
        return item
    why = finding("EGR875", item.place, host=far.name)
    return Opening(min(item.match, Match.UNKNOWN), item.region, item.place, why=why)


def _alone(item: Concerned, asked: Asked) -> Match:
    """What a spec that may isolate the pods would allow if it does."""
    policy, spec, _ = item
    if policy.faults:
        return Match.UNKNOWN
    rules = spec.side(asked.flow.direction).allow
    return coverage([opening for rule in rules for opening in openings(policy, rule, asked)], asked.flow)


def _missing(
    isolating: Sequence[Concerned], found: Sequence[Hit], asked: Asked, allowed: Match, isolated: Match
) -> list[Finding]:
    """What would have to be known to say whether any rule allows the flow."""
    if allowed is not Match.UNKNOWN or isolated is Match.NO:
        return []
    missing = [_why(hit, asked) for hit in found if hit.opening.match is Match.UNKNOWN]
    if isolated is Match.UNKNOWN:
        missing += [selection_doubt(policy, spec, asked) for policy, spec, _ in isolating]
    return missing


def _why(hit: Hit, asked: Asked) -> Finding:
    spec = next((s for s in hit.policy.specs if hit.rule.path[: len(s.path)] == s.path), None)
    if hit.opening.why is not None:
        return hit.opening.why
    return selection_doubt(hit.policy, spec, asked)


def selection_doubt(policy: CiliumPolicy, spec: Spec | None, asked: Asked) -> Finding:
    if policy.doubt is not None:
        return policy.doubt
    facts = {"policy": policy.name, "workload": asked.near.pods.name, "selector": str(spec.selector) if spec else ""}
    return finding("EGR905", policy.place, **facts)
