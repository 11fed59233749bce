"""Every host that the registry opens, as comparable words, and what a new one opens beyond a need.

A ServiceEntry opens a host to all pods of every namespace that sees it; which of them may send packets there is the
network layer's part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from skills.core.enforce.kube_policy import LAYER as NETWORK
from skills.core.enforce.kube_policy import NAMESPACE_KEY, Peer
from skills.core.enforce.mesh import LAYER
from skills.core.enforce.selectors import LabelSelector
from skills.core.model import Destination, Finding, Grant, Isolation, Need, finding
from skills.core.platforms.istio.entries import REGISTRY_ONLY, ServiceEntry
from skills.core.platforms.istio.index import Index
from skills.core.platforms.istio.nearer import overshadowed
from skills.core.platforms.istio.overlays import environment_named
from skills.core.platforms.istio.scope import OTHER_ENVIRONMENTS, Scope

EVERYWHERE = "every namespace"
ANYTHING = "everything"
_ALL_PODS = " all pods"


def grants(index: Index) -> list[Grant]:
    """What an entry opens that another namespace's opens to the same pods anyway is new only where it was lost."""
    anyway = {item: taken for (lost, item), taken in _taken(index).items() if not lost}
    items = [(source + where, *rest) for (source, *rest), where in _in_environments(index, _every)]
    return [
        Grant(source, target, port, protocol, layer, anyway.get((source, target, port, protocol, layer)))
        for source, target, port, protocol, layer in items
    ]


def isolations(index: Index) -> list[Isolation]:
    said = [Isolation(source + where, layer) for (source, layer), where in _in_environments(index, _isolated)]
    return [*said, *(taken for (lost, _), taken in _taken(index).items() if lost)]


def _taken(index: Index) -> dict[tuple[bool, tuple[str, ...]], Isolation]:
    """For each permission of another namespace that one of the pods' own takes the place of: what it takes from them.

    The key says whether they lack it, else which permission of their own they have instead.
    """
    found: dict[tuple[bool, tuple[str, ...]], Isolation] = {}
    for item, where in _in_environments(index, _overshadowed):
        source, target, source_there, host, port, protocol, own = item
        takes = Grant(source_there + where, target, port, protocol, LAYER)
        part = Grant(source + where, host, port, protocol, LAYER)
        key = (part.source, host, port, own or protocol, LAYER)
        found[not own, key] = Isolation(part.source, LAYER, takes, part)
    return found


def _in_environments(
    index: Index, of: Callable[[Scope], Iterator[tuple[str, ...]]]
) -> Iterator[tuple[tuple[str, ...], str]]:
    """What each scope says, with its environment where there are several: what one more of them says as well is new
    there, and no loss where it stood."""
    for name, scope in index.scopes.items():
        for item in dict.fromkeys(of(scope)):
            yield item, f" ({name or OTHER_ENVIRONMENTS})" if len(index.scopes) > 1 else ""


def _every(scope: Scope) -> Iterator[tuple[str, ...]]:
    for item in _granted(scope):
        yield (*item, LAYER)
    for policy in scope.network:
        source = _pods(policy.namespace or "an unknown namespace", policy.selector)
        for rule in policy.egress:
            for peer in rule.peers:
                target = str(peer.block) if peer.block else _far_pods(peer)
                for port in rule.ports or (None,):
                    yield source, target, *((str(port), port.protocol) if port else ("every port", "any")), NETWORK


def _pods(namespace: str, selector: LabelSelector | None) -> str:
    return f"{namespace}{_ALL_PODS}" if selector is None or selector.empty else f"{namespace} pods {selector}"


def _far_pods(peer: Peer) -> str:
    there = "this namespace" if peer.namespaces is None else str(peer.namespaces.labels.get(NAMESPACE_KEY, "every"))
    return _pods(there, peer.pods)


def _granted(scope: Scope) -> Iterator[tuple[str, ...]]:
    for entry in scope.entries:
        if not entry.sound:
            continue
        for source in _sources(scope, entry):
            for port in entry.ports:
                for target in _targets(entry, port.family):
                    yield source, target, str(port.number), (port.protocol or "any").lower()


def _overshadowed(scope: Scope) -> Iterator[tuple[str, ...]]:
    """Pods, what the other entry opens and to whom, the host that is theirs of it, and the protocol of their own."""
    for item in overshadowed(scope):
        pods = f"{item.namespace}{_ALL_PODS}"
        there = next(source for source in _sources(scope, item.entry) if source in {EVERYWHERE, pods})
        port, own = item.port, [(port.protocol or "any").lower() for port in item.own]
        for target in _targets(item.entry, port.family):
            if target in {item.host, ANYTHING}:
                said = (pods, target, there, item.host, str(port.number), (port.protocol or "any").lower())
                yield from ((*said, protocol) for protocol in own or [""])


def _sources(scope: Scope, entry: ServiceEntry) -> list[str]:
    home = entry.namespace or "an unknown namespace"
    targets = entry.export_to or scope.export_to
    if "*" in targets:
        return [EVERYWHERE]
    return [f"{home if target == '.' else target}{_ALL_PODS}" for target in targets if target != "~"]


def _targets(entry: ServiceEntry, family: str) -> list[str]:
    if family != "tcp":
        return [host for host, _ in entry.hosts]
    if entry.addresses:
        return [*map(str, entry.networks)]
    return [ANYTHING] if entry.passes_through else [host for host, _ in entry.hosts]


def _isolated(scope: Scope) -> Iterator[tuple[str, ...]]:
    mesh = scope.mesh
    if mesh is not None and mesh.mode == REGISTRY_ONLY:
        yield EVERYWHERE, LAYER
    for namespace, sidecars in scope.sidecars.items():
        for sidecar in sidecars:
            if sidecar.mode == REGISTRY_ONLY:
                pods = _ALL_PODS if sidecar.selector is None else f" pods {sidecar.selector}"
                yield EVERYWHERE if namespace == scope.root else f"{namespace}{pods}", LAYER
    for policy in scope.network:
        yield _pods(policy.namespace or "an unknown namespace", policy.selector), NETWORK


def wider(grant: Grant, need: Need) -> list[Finding]:
    """What a new registration opens that nobody asked for; none if it is the need itself."""
    namespace = need.workload.namespace or need.workload.scope
    source, _, environment = grant.source.partition(" (")
    asked = need.workload.environment
    elsewhere = bool(asked and environment and environment.rstrip(")") != environment_named(asked))
    facts = {"target": grant.target, "ports": grant.ports, "source": grant.source}
    if elsewhere:
        return [finding("EGR987", **facts)]
    if grant.layer == NETWORK:
        return _network_wider(grant, source, need, facts)
    if not any(_is_target(grant, to) for to in need.destinations):
        return [finding("EGR987", **facts)]
    if source == EVERYWHERE:
        return [finding("EGR988", target=grant.target, ports=grant.ports)]
    if source != f"{namespace}{_ALL_PODS}":
        return [finding("EGR987", **facts)]
    return [finding("EGR986", namespace=namespace, target=grant.target)] if need.workload.labels else []


def _network_wider(grant: Grant, source: str, need: Need, facts: dict[str, str]) -> list[Finding]:
    """Addresses that the asker named are no surprise, pods of a service that they named neither."""
    blocks = [text for to in need.destinations for text in (to.network, *to.addresses) if text]
    named = {text if "/" in text else f"{text}/32" for text in blocks}
    inside = any(" pods" in grant.target and not to.network and not to.addresses for to in need.destinations)
    asked = (grant.target in named or inside) and not _of_others(source, need.workload.labels)
    return [] if asked else [finding("EGR987", **facts)]


def _of_others(source: str, labels: Mapping[str, str] | None) -> bool:
    """Whether the pods that the words name are certainly not those with these labels."""
    pairs = [each.split("=", 1) for each in source.partition(" pods ")[2].split(", ") if "=" in each]
    return labels is not None and any(labels.get(key) != value for key, value in pairs)


def _is_target(grant: Grant, to: Destination) -> bool:
    named = {to.host, to.network, *to.addresses, *(f"{address}/32" for address in to.addresses)}
    ports = to.ports
    return grant.target in named and ports is not None and ports.first <= int(grant.ports) <= ports.last
