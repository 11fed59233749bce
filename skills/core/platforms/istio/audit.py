"""What is wrong with the mesh's configuration, said without being asked (G-A02 to G-A24 of the dialect's gotchas)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from skills.core.enforce.mesh_hosts import within
from skills.core.model import Finding, finding
from skills.core.platforms.istio.audit_whole import differences, nulls, releases_of, selectors, shared_hosts, unheeded
from skills.core.platforms.istio.bb_leaves import faults, remarks
from skills.core.platforms.istio.entries import ListedPort, ServiceEntry
from skills.core.platforms.istio.gateways import dangling
from skills.core.platforms.istio.index import Index
from skills.core.platforms.istio.origination import originates
from skills.core.platforms.istio.scope import Scope
from skills.core.platforms.istio.values import merged

_CUSTOMARY = {443: "http", 80: "tls"}


def audit(index: Index) -> list[Finding]:
    found: list[Finding] = []
    for scope in index.scopes.values():
        for item in _of_scope(scope):
            if item not in found:
                found.append(item)
    for layers in releases_of(index):
        leaves = merged(layers)
        found += [item for item in (*faults(leaves), *remarks(leaves)) if item not in found]
    found += nulls(index)
    found += [item for item in (*selectors(index), *unheeded(index), *differences(index)) if item not in found]
    return found


def _of_scope(scope: Scope) -> Iterator[Finding]:
    for entry in scope.entries:
        yield from entry.faults
        yield from entry.remarks
        if entry.off is not None:
            yield entry.off
        if not entry.templated:
            yield from _of_entry(scope, entry)
    yield from _two_protocols(scope)
    yield from _covered(scope)
    yield from _steering(scope)
    for namespace, sidecars in scope.sidecars.items():
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
    yield from shared_hosts(scope)


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
