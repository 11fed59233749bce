"""A workload and a destination become one view for each half of the connection.

Endpoints that any policy with an egress (or ingress) section selects are denied by default in that direction;
rules are a union, and an explicit deny beats them all. Source: docs.cilium.io, Policy Enforcement Modes and Rules.
"""

from __future__ import annotations

from collections.abc import Sequence

from skills.core.enforce.api_server import api_server_remarks
from skills.core.enforce.kube_flow import Flow
from skills.core.enforce.kube_policy import LAYER, Outside, Pods
from skills.core.enforce.peers import Peers, ends, peers, pods_of, service_name
from skills.core.enforce.selectors import Match
from skills.core.model import Destination, Finding, LayerView, NearMiss, Place, RuleHit, Workload, finding, unique
from skills.core.platforms.cilium.endpoints import Endpoint, endpoint
from skills.core.platforms.cilium.entries import PortRule, Rule
from skills.core.platforms.cilium.index import NAME, Index
from skills.core.platforms.cilium.judge import Judgement, concerned_by, judge
from skills.core.platforms.cilium.match import Asked, private
from skills.core.platforms.cilium.names import Lookups, lookups
from skills.core.platforms.cilium.near import near_misses

_MOST_SHOWN = 6
_SURE = ({Match.YES}, {Match.NO})


def governs(index: Index, workload: Workload) -> bool:
    """Whether any policy could be about the workload's namespace."""
    return workload.kind == "k8s" and bool(index.about(workload.namespace or workload.scope))


def decide(index: Index, workload: Workload, destination: Destination) -> Sequence[LayerView]:
    """Nothing where the repository holds no Cilium policy at all, or none that could be about either end."""
    if not index.policies or workload.kind != "k8s" or destination.service:
        return ()
    far = peers(index.cluster, workload, destination)
    pods = pods_of(index.cluster, workload)
    near = Endpoint(pods, workload.service_account, pods.namespace in index.cluster.declared)
    free = _ungoverned(near, far, destination)
    if free is not None and near.pods.host_network and not far.loopback and index.hosts:
        egress = _host_firewall(index, near)
    elif free is not None:
        egress = LayerView(LAYER, NAME, "allow", findings=(free,))
    else:
        egress = _egress(index, near, far, destination)
    views = [egress] if index.about(near.pods.namespace) or free is not None else []
    if far.internal and any(index.about(pods.namespace) for pods in far.pods):
        ingress = _ingress(index, near, far, destination)
        if denies(ingress) and not denies(egress) and not egress.unknown:
            ingress = ingress._replace(near=(_only_ingress_missing(ingress, near, far), *ingress.near))
        views.append(ingress)
    return views


def _ungoverned(near: Endpoint, far: Peers, destination: Destination) -> Finding | None:
    """Why no policy for pods has a say about this flow, if so."""
    if far.loopback:
        return finding("EGR923", destination=destination.name)
    if near.pods.host_network:
        return finding("EGR867", *([near.pods.place] if near.pods.place else []), workload=near.pods.name)
    return None


def _host_firewall(index: Index, near: Endpoint) -> LayerView:
    """Policies about nodes limit pods on the host network, and on which node they run the files don't say."""
    policy, spec = index.hosts[0]
    doubt = finding("EGR881", spec.place, workload=near.pods.name, policy=policy.name)
    return LayerView(LAYER, NAME, "allow", unknown=(doubt,), doubts=(doubt,))


def _egress(index: Index, near: Endpoint, far: Peers, destination: Destination) -> LayerView:
    pairs = index.about(near.pods.namespace)
    seen = lookups(pairs, near)
    judged = [judge(concerned_by(pairs, asked), asked) for asked in asked_of(index, near, far, destination, seen)]
    unsaid = [far.unsaid] if far.unsaid and {item.verdict for item in judged} not in _SURE else []
    view = _view(judged, [*far.unknown, *unsaid])
    if denies(view):
        found = [miss for item in judged if item.verdict is Match.NO for miss in near_misses(index, item, seen)]
        view = view._replace(near=_nearest(found))
    isolated = judged[0].isolated is Match.YES
    dns = _dns_findings(near, destination, far, seen) if destination.host and isolated else ()
    if isolated and not far.api_server:
        dns = (*dns, *api_server_remarks(destination, far))
    none = () if any(concerned_by(pairs, item.asked) for item in judged) else (_unselected(near),)
    return view._replace(findings=(*dns, *view.findings, *none, *(far.findings if view.unknown else ())))


def asked_of(index: Index, near: Endpoint, far: Peers, destination: Destination, seen: Lookups) -> list[Asked]:
    """One question for each place where the flow can end; all of them must be open."""
    host = destination.host or ""
    learned = seen.learned(host) if host and far.outside else Match.NO
    service = service_name(index.cluster, near.pods.namespace, host) if host else None
    if far.service is not None:
        service = (far.service.namespace, far.service.name)
    protocol = destination.protocol

    def ask(end: Pods | Outside, ports: object) -> Asked:
        flow = Flow("Egress", near.pods, end, protocol, ports)  # type: ignore[arg-type]
        there = endpoint(index.cluster, end) if isinstance(end, Pods) else None
        why = seen.why(host) if learned is Match.UNKNOWN else None
        plain, tls = (destination.application == name for name in ("http", "tls"))
        return Asked(flow, near, index.cluster, there, host, service, far.api_server, learned, why, plain, tls)

    asked = [
        ask(there, there.ports if isinstance(there, Pods) else there.ports or destination.ports)
        for there in ends(far, destination.ports)
    ]
    # Where nobody knows the far end, whether the sender is isolated can still be told.
    return asked or [ask(Outside(destination.name, spans=((0, 0),)), destination.ports)]


def _ingress(index: Index, near: Endpoint, far: Peers, destination: Destination) -> LayerView:
    """The receiver's half: the ingress rules of each of the pods behind the destination."""
    judged = []
    for pods in far.pods:
        flow = Flow("Ingress", pods, near.pods, destination.protocol, pods.ports)
        asked = Asked(flow, endpoint(index.cluster, pods), index.cluster, near)
        judged.append(judge(concerned_by(index.about(pods.namespace), asked), asked))
    view = _view(judged, ())._replace(half="ingress")
    if not denies(view):
        return view
    found = [miss for item in judged if item.verdict is Match.NO for miss in near_misses(index, item, Lookups())]
    return view._replace(near=_nearest(found))


def denies(view: LayerView) -> bool:
    return bool(view.denies) or (view.default == "deny" and not view.allows and not view.unknown)


def _view(judged: Sequence[Judgement], forced: Sequence[Finding]) -> LayerView:
    """All flows must pass. `allows` is given only for what passes in full."""
    verdict = min(item.verdict for item in judged)
    isolated = any(item.isolated is Match.YES for item in judged)
    shown = [item for item in judged if item.verdict is verdict]
    places = tuple(dict.fromkeys(place for item in shown for place in item.isolators))
    doubts = () if forced else unique(doubt for item in judged for doubt in item.doubts)
    view = LayerView(LAYER, NAME, "deny" if isolated else "allow", isolators=places, doubts=doubts)
    # Without a known far end the flow stands for no real one, and a deny of it would be no deny.
    denied = [] if forced else [hit for item in judged if item.denied is Match.YES for hit in item.denies]
    if denied:
        return view._replace(denies=_rule_hits("deny", [hit.opening.place for hit in denied]))
    if forced or verdict is Match.UNKNOWN:
        unknown = [*forced, *(doubt for item in judged for doubt in item.unknown)]
        return view._replace(unknown=tuple(unknown[:_MOST_SHOWN]))
    if verdict is Match.YES:
        hits = [hit.opening.place for item in judged for hit in item.hits]
        return view._replace(allows=_rule_hits("allow", hits), findings=_remarks(judged))
    return view


def _rule_hits(effect: str, places: Sequence[Place]) -> tuple[RuleHit, ...]:
    return tuple(RuleHit("deny" if effect == "deny" else "allow", place) for place in dict.fromkeys(places))


def _remarks(judged: Sequence[Judgement]) -> tuple[Finding, ...]:
    """What an allowance rests on besides the rules: L7 rules, and addresses being outside the cluster."""
    found: list[Finding] = []
    for item in judged:
        far = item.asked.flow.far
        kinds = [_only_requests(hit.rule, item.asked.flow) for hit in item.hits]
        if kinds and all(kinds):
            first = item.hits[0]
            facts = {"policy": first.policy.name, "kind": ", ".join(sorted(set(kinds)))}
            found.append(finding("EGR862", first.opening.place, **facts))
        if item.hits and all(hit.rule.auth for hit in item.hits):
            found.append(finding("EGR1206", item.hits[0].opening.place, policy=item.hits[0].policy.name))
        if isinstance(far, Outside) and item.hits and not far.named and private(far):
            found.append(finding("EGR865", item.hits[0].opening.place, destination=far.name))
    return unique(found, _MOST_SHOWN)


def _only_requests(rule: Rule, flow: Flow) -> str:
    """The L7 parser that every port of this flow passes in this rule; "" if it may pass without one."""
    kinds = {
        port_rule.http
        for port_rule in rule.to_ports or (PortRule(rule.place),)
        for port in port_rule.ports or (None,)
        if port is None or port.ports is None or flow.ports is None or port.ports.meets(flow.ports)
    }
    return "" if "" in kinds else ", ".join(sorted(kinds))


def _dns_findings(near: Endpoint, destination: Destination, far: Peers, seen: Lookups) -> tuple[Finding, ...]:
    """Names fail before anything is connected: nothing opens port 53, or the DNS proxy refuses this one."""
    if not seen.open:
        workload = near.pods.name
        return (finding("EGR925", *seen.tcp, workload=workload) if seen.tcp else finding("EGR863", workload=workload),)
    names = [destination.host or ""]
    if far.service is not None:
        names.append(f"{far.service.name}.{far.service.namespace}.svc.cluster.local")
    if seen.plain or any(seen.learned(name) is not Match.NO for name in names):
        return ()
    rule = seen.proxied[0]
    return (finding("EGR864", rule.place, policy=rule.policy.name, host=destination.host),)


def _unselected(near: Endpoint) -> Finding:
    return finding("EGR868", workload=near.pods.name)


def _nearest(found: Sequence[NearMiss]) -> tuple[NearMiss, ...]:
    ordered = sorted(found, key=lambda miss: (miss.distance, miss.place.path, miss.place.line))
    return unique(ordered, _MOST_SHOWN)


def _only_ingress_missing(view: LayerView, near: Endpoint, far: Peers) -> NearMiss:
    place = view.isolators[0] if view.isolators else Place("")
    names = ", ".join(pods.name for pods in far.pods)
    return NearMiss(finding("EGR139", place, workload=near.pods.name, destination=names), place, 0)
