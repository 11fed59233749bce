"""The mesh layer of a Package: the egress waypoint in ambient mode, REGISTRY_ONLY in sidecar mode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from skills.core.enforce.kube_policy import Pods, labels_match, unless_unsaid
from skills.core.enforce.mesh import LAYER, carries, spoken
from skills.core.enforce.peers import Peers
from skills.core.enforce.selectors import Match, any_of
from skills.core.model import Destination, Finding, LayerView, Place, RuleHit, finding, unique
from skills.core.platforms.uds.gateway import state
from skills.core.platforms.uds.generate import GATEWAY, WAYPOINT
from skills.core.platforms.uds.index import Index, Registration, principals, registrations
from skills.core.platforms.uds.near import external_misses, registry_misses
from skills.core.platforms.uds.package import NAME, Package
from skills.core.platforms.uds.versions import Mode

_MOST_PLACES = 5


@dataclass(frozen=True, slots=True)
class Sender:
    """The pods that ask, and the service account under which they run (None: nobody says)."""

    package: Package
    pods: Pods
    account: str | None


def mesh_decides(destination: Destination, far: Peers) -> bool:
    """The mesh captures TCP to what is not a Service of the cluster."""
    if far.internal or far.service is not None or far.api_server or far.loopback:
        return False
    return destination.protocol == "tcp"


def route(index: Index, sender: Sender, destination: Destination) -> Pods | None:
    """Where packets go instead of to the destination itself; None when they go there directly."""
    host = destination.host
    if host is None:
        return None
    if index.mode(sender.package) == "ambient":
        return WAYPOINT if index.at_host("ambient", host) else None
    bound = registry_only(sender) is not Match.NO
    return GATEWAY if bound and _served(_own(sender.package, host), destination) else None


def registry_only(sender: Sender) -> Match:
    """Whether a Sidecar with REGISTRY_ONLY selects the pods: one stands for each selector of a remoteHost rule."""
    hosts = [rule for rule in sender.package.allow if rule.egress and rule.remote_host is not None]
    pods = sender.pods
    return any_of(
        Match.UNKNOWN if rule.templated else unless_unsaid(labels_match(rule.pods, pods), rule.pods, pods)
        for rule in hosts
    )


def mesh_view(index: Index, sender: Sender, destination: Destination) -> LayerView | None:
    """What the mesh says; None where it does not restrict the flow."""
    if index.mode(sender.package) == "ambient":
        return _waypoint_view(index, sender, destination)
    bound = registry_only(sender)
    return None if bound is Match.NO else _registry_view(index, sender, destination, bound)


# --- ambient


def _waypoint_view(index: Index, sender: Sender, destination: Destination) -> LayerView | None:
    """A host that any ambient Package registers is only for those whom its AuthorizationPolicy names."""
    entries = index.at_host("ambient", destination.host or "")
    if not entries:
        return None
    isolators = _places(entries)
    served = _served(entries, destination)
    allows: list[RuleHit] = []
    match = Match.YES if served else Match.NO
    for port in dict.fromkeys(entry.port for entry in served):
        admitting = principals(index, destination.host or "", port, sender.package.namespace)
        outcomes = [(item.admits(sender.package.namespace, sender.account), item.place) for item in admitting]
        best = max((outcome for outcome, _ in outcomes), default=Match.NO)
        match = min(match, best)
        allows += [RuleHit("allow", place) for outcome, place in outcomes if outcome is best is Match.YES]
    unknown: tuple[Finding, ...] = ()
    if match is Match.UNKNOWN:
        facts = {"workload": sender.pods.name, "host": destination.host or ""}
        unknown = (finding("EGR830", *isolators, **facts),)
    elif match is Match.YES:
        unknown = _conflicts(index, "ambient", served)
    sure = match is Match.YES and not unknown
    return LayerView(
        LAYER,
        NAME,
        "deny",
        tuple(dict.fromkeys(allows)) if sure else (),
        isolators=isolators,
        near=() if sure else tuple(external_misses(index, sender.package, sender.pods, sender.account, destination)),
        unknown=unknown,
        findings=_spoken(served, destination) if sure else (),
    )


# --- sidecar


def _registry_view(index: Index, sender: Sender, destination: Destination, bound: Match) -> LayerView:
    """All workloads under REGISTRY_ONLY share every host of their Package: its ServiceEntries span the namespace."""
    package = sender.package
    isolators = tuple(
        rule.place for rule in package.host_rules if labels_match(rule.pods, sender.pods) is not Match.NO
    )[:_MOST_PLACES]
    served = _served(_own(package, destination.host), destination)
    if not served:
        doubt = finding("EGR831", *isolators, workload=sender.pods.name, selector=_selectors(package))
        misses = external_misses(index, package, sender.pods, sender.account, destination)
        return LayerView(
            LAYER,
            NAME,
            "deny",
            isolators=isolators,
            near=(*registry_misses(package, sender.pods, destination), *misses),
            unknown=() if bound is Match.YES else (doubt,),
        )
    ready, findings = state(index, [entry.port for entry in served])
    unknown = _conflicts(index, "sidecar", served)
    if ready is Match.UNKNOWN:
        unknown += findings
    elif ready is Match.YES and index.rules.closed_port_fails and index.cores:
        whole, why = state(index, [entry.port for entry in registrations(package)])
        unknown += () if whole is Match.YES else (_not_sure_of(served[0]), *why)
    sure = ready is Match.YES and not unknown
    hits = tuple(dict.fromkeys(RuleHit("allow", entry.rule.place) for entry in served))
    return LayerView(
        LAYER,
        NAME,
        "deny",
        hits if sure else (),
        isolators=isolators,
        unknown=unknown,
        findings=(*findings, *(_spoken(served, destination) if sure else ())),
    )


def _own(package: Package, host: str | None) -> list[Registration]:
    return [entry for entry in registrations(package) if entry.host == host]


def _selectors(package: Package) -> str:
    return "; ".join(dict.fromkeys(str(rule.pods) for rule in package.host_rules))


# --- both


def _served(entries: Sequence[Registration], destination: Destination) -> list[Registration]:
    """The registrations that carry the flow; none unless every asked port is carried."""
    ports = destination.ports
    if ports is None:
        return []
    fitting = [
        entry
        for entry in entries
        if ports.first <= entry.port <= ports.last and carries(entry.family, spoken(destination))
    ]
    return fitting if len({entry.port for entry in fitting}) == ports.last - ports.first + 1 else []


def _conflicts(index: Index, mode: Mode, served: Sequence[Registration]) -> tuple[Finding, ...]:
    """Of two Packages that clash one fails, and of two resources of one name one stands: which, is open."""
    found = []
    for entry in served:
        clash = index.clashes.get((mode, entry.host, entry.port))
        twin = index.twins.get((mode, entry.host))
        if clash is not None:
            found.append(clash_finding(clash.one, clash.other))
        elif _fails(index, entry, served):
            other = index.failing[entry.package.key]
            found += [_not_sure_of(entry), clash_finding(other.one, other.other)]
        if twin is not None:
            found.append(twin_finding(mode, entry, twin))
    return unique(found)


def _fails(index: Index, entry: Registration, served: Sequence[Registration]) -> bool:
    """Whether nobody registers this port but Packages that may fail for another host."""
    same = [each for each in served if each.port == entry.port]
    return all(each.package.key in index.failing for each in same)


def _not_sure_of(entry: Registration) -> Finding:
    return finding("EGR891", entry.rule.at("remoteHost"), package=entry.package.name, host=entry.host)


def twin_finding(mode: Mode, entry: Registration, twin: Registration) -> Finding:
    places = (entry.rule.at("remoteHost"), twin.rule.at("remoteHost"))
    return finding("EGR824", *places, host=entry.host, other=twin.host, mode=mode)


def clash_finding(one: Registration, other: Registration) -> Finding:
    return finding(
        "EGR804",
        other.rule.at("remoteHost"),
        one.rule.at("remoteHost"),
        host=one.host,
        port=other.port,
        package=other.package.name,
        protocol=other.protocol,
        other_package=one.package.name,
        other_port=one.port,
        other_protocol=one.protocol,
    )


def _spoken(served: Sequence[Registration], destination: Destination) -> tuple[Finding, ...]:
    """A port carries one protocol; who did not say what the client speaks is told."""
    if destination.application is not None:
        return ()
    return tuple(
        finding("EGR828", entry.rule.place, host=entry.host, port=entry.port, protocol=entry.protocol)
        for entry in served[:1]
        if entry.family != "tcp"
    )


def _places(entries: Sequence[Registration]) -> tuple[Place, ...]:
    return tuple(dict.fromkeys(entry.rule.place for entry in entries))[:_MOST_PLACES]
