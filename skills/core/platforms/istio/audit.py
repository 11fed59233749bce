"""What is wrong with the mesh's configuration, said without being asked (G-A02 to G-A24 of the dialect's gotchas)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from skills.core.enforce.kube_objects import known_labels
from skills.core.enforce.kube_policy import Pods
from skills.core.enforce.mesh_hosts import within
from skills.core.enforce.selectors import LabelSelector, Match
from skills.core.model import Finding, Place, finding
from skills.core.platforms.istio.bb_leaves import faults, remarks
from skills.core.platforms.istio.bypass import is_ambient
from skills.core.platforms.istio.entries import ListedPort, ServiceEntry, Values, VirtualService
from skills.core.platforms.istio.gateways import dangling
from skills.core.platforms.istio.index import Index, releases_in
from skills.core.platforms.istio.origination import originates
from skills.core.platforms.istio.scope import Scope
from skills.core.platforms.istio.values import merged

_CUSTOMARY = {443: "http", 80: "tls"}
_BOTH = frozenset({"staging", "production"})
_MOST_HOSTS = 5
_MOST_WILD = 200


def audit(index: Index) -> list[Finding]:
    found: list[Finding] = []
    for scope in index.scopes.values():
        for item in _of_scope(scope):
            if item not in found:
                found.append(item)
    for layers in _releases_of(index):
        leaves = merged(layers)
        found += [item for item in (*faults(leaves), *remarks(leaves)) if item not in found]
    found += _nulls(index)
    found += [item for item in (*_selectors(index), *_unheeded(index), *_differences(index)) if item not in found]
    return found


def _of_scope(scope: Scope) -> Iterator[Finding]:
    for entry in scope.entries:
        yield from (*entry.faults, *entry.remarks, *entry.slips)
        if entry.off is not None:
            yield entry.off
        if not entry.templated:
            yield from _of_entry(scope, entry)
    yield from _two_protocols(scope)
    yield from _covered(scope)
    yield from _steering(scope)
    for policy in scope.policies:
        yield from policy.slips
    for namespace, sidecars in scope.sidecars.items():
        for sidecar in sidecars:
            yield from sidecar.slips
        wide = [sidecar for sidecar in sidecars if sidecar.selector is None]
        if len({(sidecar.mode, sidecar.imports) for sidecar in wide}) > 1 or len({side.name for side in wide}) > 1:
            first, second = wide[0], wide[1]
            yield finding("EGR977", second.place, first.place, namespace=namespace, sidecar=second.name)


def _covered(scope: Scope) -> Iterator[Finding]:
    """A host that stands beside a wildcard which covers it, on the same ports and for the same namespaces."""
    for entry in scope.entries:
        if not entry.sound:
            continue
        numbers = {(port.number, port.family) for port in entry.ports}
        for host, place in entry.hosts:
            for pattern, other in scope.wild:
                covers = pattern != host and within(host, pattern) and other.namespace == entry.namespace
                if (
                    covers
                    and numbers <= {(port.number, port.family) for port in other.ports}
                    and _reach(entry) <= _reach(other)
                ):
                    yield finding("EGR523", place, other.place, host=host, wildcard=pattern, entry=other.name)
                    break


def _steering(scope: Scope) -> Iterator[Finding]:
    """Routes to what does not exist: gateways without that host, names that nothing registers."""
    for service, hop, host in dangling(scope):
        yield finding("EGR522", hop.place, route=service.name, host=host)
    yield from _shared_hosts(scope)


def _reach(entry: ServiceEntry) -> set[str | None]:
    return {entry.namespace if target == "." else target for target in entry.export_to or ("*",)}


def _of_entry(scope: Scope, entry: ServiceEntry) -> Iterator[Finding]:
    if _reach(entry) <= {"~"}:
        yield finding("EGR521", entry.place, entry=entry.name)
    for host, place in entry.hosts:
        if host != host.lower():
            yield finding("EGR984", place, host=host, entry=entry.name)
    for port in entry.ports:
        if _CUSTOMARY.get(port.number) == port.family and not originates(scope, entry, port.number):
            yield finding("EGR976", port.place, entry=entry.name, port=port.number, protocol=port.protocol)
        if port.family == "tcp" and not entry.addresses and entry.sound and not scope.allocates:
            if entry.passes_through:
                yield finding("EGR973", port.place, entry=entry.name, port=port.number)
            elif _shared(scope, entry, port):
                yield finding("EGR975", port.place, entry=entry.name, port=port.number)


def _shared(scope: Scope, entry: ServiceEntry, port: ListedPort) -> bool:
    """Whether another entry uses that port too, whose traffic this one would take (G-A07)."""
    return any(
        other.number == port.number
        for each in scope.entries
        if each.sound and each is not entry
        for other in each.ports
    )


def _meet(one: ServiceEntry, other: ServiceEntry) -> bool:
    """Whether some namespace sees both."""
    reach = [_reach(entry) for entry in (one, other)]
    return "*" in reach[0] | reach[1] or bool(reach[0] & reach[1])


def _two_protocols(scope: Scope) -> Iterator[Finding]:
    """G-A12: one wins silently."""
    for host, entries in scope.by_host.items():
        known: dict[int, tuple[ServiceEntry, ListedPort]] = {}
        by_number: dict[int, set[str]] = defaultdict(set)
        for entry in entries:
            for port in entry.ports:
                first, other = known.setdefault(port.number, (entry, port))
                differs = other.family != port.family and port.protocol not in by_number[port.number]
                if first is not entry and differs and _meet(first, entry):
                    by_number[port.number].add(port.protocol)
                    facts = {"protocol": port.protocol, "other": other.protocol}
                    yield finding("EGR983", port.place, other.place, host=host, port=port.number, **facts)


# --- between files


def _releases_of(index: Index) -> Iterator[list[Values]]:
    """The layers of every release in every environment."""
    for environment in index.scopes:
        for layers, _ in releases_in(index.values, environment):
            yield layers


def _nulls(index: Index) -> Iterator[Finding]:
    """G-A15: a key without a value is left out; over another file's key that is how it is taken away."""
    for values in index.values:
        others = [each for each in index.values if each is not values and each.group == values.group]
        for path, leaf in values.leaves.items():
            if leaf.value is None and len(path) == 6 and not any(path in each.leaves for each in others):
                yield finding("EGR536", leaf.place, key=path[5])


def _selectors(index: Index) -> Iterator[Finding]:
    """Selectors that select no pod of their namespace, and Sidecars that select the same pods."""
    for scope in index.scopes.values():
        for namespace, sidecars in scope.sidecars.items():
            own = [side for side in sidecars if side.selector is not None and not side.selector.empty]
            for side in own:
                if side.selector is not None and _selects_none(index, namespace, side.selector):
                    facts = {"name": side.name, "selector": str(side.selector), "namespace": namespace}
                    yield finding("EGR589", side.place, **facts)
            chosen: dict[str, str] = {}
            places = {side.name: side.place for side in own}
            for side in sorted(own, key=lambda item: item.name):
                for pod in index.cluster.pods.get(namespace, ()):
                    if side.selector is None or side.selector.matches(pod.labels) is not Match.YES:
                        continue
                    first = chosen.setdefault(pod.name, side.name)
                    if first != side.name:
                        yield finding(
                            "EGR588", side.place, places[first], sidecar=side.name, other=first, workload=pod.name
                        )


def _unheeded(index: Index) -> Iterator[Finding]:
    """Sidecars of a namespace whose pods are in the ambient mesh, where no proxy reads them."""
    for scope in index.scopes.values():
        for namespace, sidecars in scope.sidecars.items():
            if is_ambient(Pods(namespace, namespace, index.cluster.labels_of(namespace))):
                for side in sidecars:
                    yield finding("EGR520", side.place, sidecar=side.name, namespace=namespace)


def _selects_none(index: Index, namespace: str, selector: LabelSelector) -> bool:
    """Only where it can be told: pods of that namespace stand here, and each of them shows its labels.

    A ServiceEntry's selector is not looked at: what it selects may register itself, and no file then shows it.
    """
    here = index.cluster.pods.get(namespace, ())
    return bool(here) and all(selector.matches(known_labels(pod.labels)) is Match.NO for pod in here)


def _differences(index: Index) -> Iterator[Finding]:
    """G-A21: what one of staging and production registers and the other doesn't."""
    if not set(index.scopes) >= _BOTH:
        return
    for namespace, families in index.concerned.items():
        known = {name for family in families for name in index.families.get(family, ())}
        if not known >= _BOTH:
            continue
        flows = {name: _flows(index.scopes[name], namespace) for name in _BOTH}
        for present, missing in (("staging", "production"), ("production", "staging")):
            only = {flow: place for flow, place in flows[present].items() if flow not in flows[missing]}
            if only:
                words = ", ".join(f"{host}:{port}" for host, port in list(only)[:_MOST_HOSTS])
                places = list(only.values())[:_MOST_HOSTS]
                yield finding("EGR587", *places, hosts=words, present=present, missing=missing, namespace=namespace)


def _flows(scope: Scope, namespace: str) -> dict[tuple[str, int], Place]:
    return {
        (host, port.number): place
        for entry in scope.of_namespace.get(namespace, ())
        if entry.sound
        for host, place in entry.hosts
        for port in entry.ports
    }


def _shared_hosts(scope: Scope) -> Iterator[Finding]:
    """Routes of the mesh for one host in several VirtualServices: which one counts is undefined."""
    by_host: dict[str, list[VirtualService]] = defaultdict(list)
    for service in scope.virtual:
        if "mesh" in service.gateways:
            for host in dict.fromkeys(service.hosts):
                by_host[_full(host, service.namespace)].append(service)
    wild = [host for host in by_host if host.startswith("*")][:_MOST_WILD]
    for host in wild:
        for wider in wild:
            if host != wider and within(host, wider):
                by_host[host] += by_host[wider]
    for host, services in by_host.items():
        for service in services:
            other = next((each for each in services if each is not service and _meet_routes(each, service)), None)
            if other is not None and host in {_full(name, service.namespace) for name in service.hosts}:
                yield finding("EGR583", service.place, other.place, route=service.name, other=other.name, host=host)


def _full(host: str, namespace: str) -> str:
    return host if "." in host or host.startswith("*") else f"{host}.{namespace}.svc.cluster.local"


def _meet_routes(one: VirtualService, other: VirtualService) -> bool:
    reach = [
        {item.namespace if target == "." else target for target in item.export_to or ("*",)} for item in (one, other)
    ]
    return "*" in reach[0] | reach[1] or bool(reach[0] & reach[1])
