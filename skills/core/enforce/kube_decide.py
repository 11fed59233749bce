"""A workload, a destination and the NetworkPolicies of a cluster become one view for each half of the connection.

An internal connection has two halves: the sender's Egress and the receiver's Ingress policies. Both must allow.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from skills.core.enforce.api_server import api_server_remarks
from skills.core.enforce.cluster import Cluster
from skills.core.enforce.kube_dns import dns_findings
from skills.core.enforce.kube_flow import (
    Flow,
    Opening,
    coverage,
    isolates,
    openings,
    rule_openings,
    selection_doubt,
)
from skills.core.enforce.kube_index import PolicyIndex
from skills.core.enforce.kube_near import near_misses
from skills.core.enforce.kube_policy import LAYER, NetworkPolicy, Outside, Pods, PolicyRule
from skills.core.enforce.peers import Peers, peers, pods_of
from skills.core.enforce.selectors import Match, all_of
from skills.core.enforce.spans import EVERY_V4, RFC1918, covers, meets, network_span
from skills.core.model import (
    Default,
    Destination,
    Finding,
    LayerView,
    NearMiss,
    Place,
    Ports,
    RuleHit,
    Workload,
    finding,
    unique,
)

_MOST_SHOWN = 6


class Judgement(NamedTuple):
    """What the policies say of one flow. `isolated` and `allowed` are three-valued."""

    flow: Flow
    isolated: Match
    allowed: Match
    hits: tuple[Opening, ...] = ()
    isolators: tuple[Place, ...] = ()
    unknown: tuple[Finding, ...] = ()


def judge(policies: Sequence[NetworkPolicy], flow: Flow) -> Judgement:
    """One flow against the policies that could be about its near end. No policy is about the host network."""
    about = () if flow.near.host_network else policies
    matched = [(policy, isolates(policy, flow.direction, flow.near)) for policy in about]
    concerned = [(policy, match) for policy, match in matched if match is not Match.NO]
    if not concerned:
        return Judgement(flow, Match.NO, Match.YES)
    isolating = [policy for policy, match in concerned if match is Match.YES]
    isolated = Match.YES if isolating else Match.UNKNOWN
    if len(isolating) > 1:
        isolating.sort(key=lambda policy: bool(policy.rules(flow.direction)))  # default denies are named first
    isolators = tuple([policy.place for policy in isolating])
    found: list[Opening] = []
    for policy, match in concerned:
        found += openings(policy, flow, selection=match, touching=True)
    allowed = coverage(found, flow)
    if allowed is Match.UNKNOWN:  # why is told of every rule that may open something, whatever its ports
        found = [opening for policy, match in concerned for opening in openings(policy, flow, selection=match)]
    if allowed is Match.YES:
        return Judgement(flow, isolated, Match.YES, _hits(found, flow), isolators)
    if isolated is Match.YES:
        unknown = [o.why for o in found if o.match is Match.UNKNOWN and o.why] if allowed is Match.UNKNOWN else []
        return Judgement(flow, isolated, allowed, (), isolators, unique(unknown, _MOST_SHOWN))
    return _judge_unsure(concerned, flow)


def _judge_unsure(concerned: Sequence[tuple[NetworkPolicy, Match]], flow: Flow) -> Judgement:
    """Nobody knows whether any policy isolates the pods. Allowed is still certain if each one that could, allows."""
    alone = [openings(policy, flow, assume_selected=True) for policy, _ in concerned]
    if all(coverage(found, flow) is Match.YES for found in alone):
        return Judgement(flow, Match.UNKNOWN, Match.YES, _hits([o for found in alone for o in found], flow))
    doubts = [o.why for policy, _ in concerned for o in openings(policy, flow) if o.why]
    doubts += [selection_doubt(policy, flow.near) for policy, _ in concerned]
    return Judgement(flow, Match.UNKNOWN, Match.UNKNOWN, (), (), unique(doubts, _MOST_SHOWN))


def _hits(found: Iterable[Opening], flow: Flow) -> tuple[Opening, ...]:
    wanted = flow.wanted
    hits = {
        opening.place: opening
        for opening in found
        if opening.match is Match.YES
        and meets(opening.region.ports, wanted.ports)
        and meets(opening.region.addresses, wanted.addresses)
    }
    return tuple(hits.values())


def evaluate(
    index: PolicyIndex, cluster: Cluster, workload: Workload, destination: Destination, platform: str
) -> tuple[LayerView, ...]:
    """One view for the sender's half, and one for the receiver's half when the destination is pods."""
    far = peers(cluster, workload, destination)
    near = pods_of(cluster, workload)
    free = _ungoverned(near, far, destination)
    if free is not None:
        egress = LayerView(LAYER, platform, "allow", findings=(free,))
    else:
        egress = evaluate_egress(index, cluster, near, far, destination, platform)
    if not far.internal:
        return (egress,)
    if any(_same(near, pods) for pods in far.pods):
        egress = egress._replace(findings=(*egress.findings, finding("EGR379", workload=near.name)))
    ingress = evaluate_ingress(index, near, far, destination, platform)
    if _denies(ingress) and not _denies(egress) and not egress.unknown:
        ingress = ingress._replace(near=(_only_ingress_missing(ingress, near, far), *ingress.near))
    return (egress, ingress)


def evaluate_egress(
    index: PolicyIndex, cluster: Cluster, near: Pods, far: Peers, destination: Destination, platform: str
) -> LayerView:
    """The sender's half: its own Egress policies."""
    policies = index.about(near.namespace)
    flows = [Flow("Egress", near, pods, destination.protocol, pods.ports) for pods in far.pods]
    ports = destination.ports
    flows += [Flow("Egress", near, there, destination.protocol, there.ports or ports) for there in far.outside]
    if not flows:  # nobody knows the far end, but whether the sender is isolated can still be told
        nowhere = Outside(destination.name, spans=((0, 0),))
        flows = [Flow("Egress", near, nowhere, destination.protocol, destination.ports)]
    judged = [judge(policies, flow) for flow in flows]
    unsaid = [far.unsaid] if far.unsaid and _could_turn(policies, flows[0]) else []
    view = _view(judged, platform, [*far.unknown, *unsaid])
    misses: tuple[NearMiss, ...] = ()
    said = list(view.findings)
    if _denies(view):
        misses = _near(index, judged, far, destination.ports)
        if _may_be_inside(destination):
            said.append(finding("EGR347", address=destination.name))
    if judged[0].isolated is Match.YES:
        said += api_server_remarks(destination, far)
        said[:0] = dns_findings(policies, cluster, near) if destination.host else ()
    if view.unknown:
        said += far.findings
    if not misses and len(said) == len(view.findings):  # whatever was said more made it longer
        return view
    return view._replace(near=misses, findings=tuple(said))


def _could_turn(policies: Sequence[NetworkPolicy], flow: Flow) -> bool:
    """Whether a rule opens the port to some ends and not to all, so that it matters where the flow ends."""
    about = [policy for policy in policies if isolates(policy, flow.direction, flow.near) is not Match.NO]
    rules = [rule for policy in about for rule in policy.rules(flow.direction)]
    fitting = [rule for rule in rules if rule_openings(PolicyRule(rule.place, (), rule.ports), None, flow)]
    return bool(fitting) and all(rule.peers for rule in fitting)


def evaluate_ingress(index: PolicyIndex, near: Pods, far: Peers, destination: Destination, platform: str) -> LayerView:
    """The receiver's half: the Ingress policies of each of the pods behind the destination."""
    if not any(index.about(pods.namespace) for pods in far.pods):
        return LayerView(LAYER, platform, "allow", half="ingress")
    judged = []
    for pods in far.pods:
        flow = Flow("Ingress", pods, near, destination.protocol, pods.ports)
        judged.append(judge(index.about(pods.namespace), flow))
    view = _view(judged, platform, ())._replace(half="ingress")
    return view._replace(near=_near(index, judged, far, destination.ports)) if _denies(view) else view


def _same(near: Pods, pods: Pods) -> bool:
    return near.namespace == pods.namespace and bool(near.labels) and near.labels == pods.labels and not pods.partial


def _may_be_inside(destination: Destination) -> bool:
    """Whether an address that no manifest shows could be that of a pod or Service all the same."""
    network = ipaddress.ip_network(destination.network, strict=False) if destination.network else None
    return network is not None and network.version == 4 and meets(RFC1918, [network_span(network)])


def _denies(view: LayerView) -> bool:
    return view.default == "deny" and not view.allows and not view.unknown


def _ungoverned(near: Pods, far: Peers, destination: Destination) -> Finding | None:
    """Why no Egress policy has a say about this flow, if so."""
    if far.loopback:
        return finding("EGR923", destination=destination.name)
    if near.host_network:
        return finding("EGR922", *([near.place] if near.place else []), workload=near.name)
    return None


def _view(judged: Sequence[Judgement], platform: str, forced_unknown: Sequence[Finding]) -> LayerView:
    """All flows must be allowed. `allows` is given only for a flow that is allowed in full."""
    allowed = Match.UNKNOWN if forced_unknown else all_of([judgement.allowed for judgement in judged])
    isolated = any(judgement.isolated is Match.YES for judgement in judged)
    concerned = [judgement for judgement in judged if judgement.allowed is allowed] or judged
    places = dict.fromkeys([place for judgement in concerned for place in judgement.isolators])
    allows: tuple[RuleHit, ...] = ()
    unknown: tuple[Finding, ...] = ()
    if allowed is Match.YES:
        hits = dict.fromkeys([hit.place for judgement in judged for hit in judgement.hits])
        allows = tuple([RuleHit("allow", place) for place in hits])
    elif allowed is Match.UNKNOWN:
        unknown = unique([*forced_unknown, *(item for judgement in judged for item in judgement.unknown)], _MOST_SHOWN)
    default: Default = "deny" if isolated else "allow"
    return LayerView(LAYER, platform, default, allows, (), tuple(places), (), unknown, _remarks(judged))


def _remarks(judged: Sequence[Judgement]) -> tuple[Finding, ...]:
    """What is worth knowing about an allowance that rests on more than the rules."""
    remarks: list[Finding] = []
    for judgement in judged:
        if not judgement.hits:
            continue
        far, flow = judgement.flow.far, judgement.flow
        blocks = [hit for hit in judgement.hits if hit.by_block]
        if len(blocks) == len(judgement.hits):
            pods = far.name if flow.direction == "Egress" else flow.near.name
            remarks.append(finding("EGR914", *(hit.place for hit in blocks), destination=pods))
        if isinstance(far, Outside) and far.named:
            everything = any(covers(hit.region.addresses, EVERY_V4) for hit in judgement.hits)
            if not everything:
                remarks.append(finding("EGR913", *(hit.place for hit in judgement.hits), host=far.name))
    verdicts = {judgement.allowed for judgement in judged} if len(judged) > 1 else ()
    if len(verdicts) > 1 and Match.NO in verdicts:
        blocked = ", ".join(_far_name(j) for j in judged if j.allowed is Match.NO)
        remarks.append(finding("EGR921", blocked=blocked))
    return unique(remarks, _MOST_SHOWN)


def _far_name(judgement: Judgement) -> str:
    flow = judgement.flow
    return flow.far.name if flow.direction == "Egress" else flow.near.name


def _near(index: PolicyIndex, judged: Sequence[Judgement], far: Peers, asked: Ports | None) -> tuple[NearMiss, ...]:
    found: list[NearMiss] = []
    for judgement in judged:
        if judgement.allowed is Match.NO:
            found += near_misses(index, judgement.flow, far, asked)
    found.sort(key=lambda miss: (miss.distance, miss.place.path, miss.place.line))
    return unique(found, _MOST_SHOWN)


def _only_ingress_missing(view: LayerView, near: Pods, far: Peers) -> NearMiss:
    place = view.isolators[0] if view.isolators else Place("")
    names = ", ".join(pods.name for pods in far.pods)
    return NearMiss(finding("EGR139", place, workload=near.name, destination=names), place, 0)
