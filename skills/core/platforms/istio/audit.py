"""What is wrong with the mesh's configuration, said without being asked (G-A02 to G-A24 of the dialect's gotchas)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from skills.core.model import Finding, finding
from skills.core.platforms.istio.bb_policies import faults
from skills.core.platforms.istio.entries import ListedPort, ServiceEntry
from skills.core.platforms.istio.index import Index
from skills.core.platforms.istio.scope import Scope

_CUSTOMARY = {443: "http", 80: "tls"}


def audit(index: Index) -> list[Finding]:
    found: list[Finding] = []
    for scope in index.scopes.values():
        for item in _of_scope(scope):
            if item not in found:
                found.append(item)
    for values in index.values:
        found += faults(values.leaves)
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
    for namespace, sidecars in scope.sidecars.items():
        wide = [sidecar for sidecar in sidecars if sidecar.selector is None]
        if len({(sidecar.mode, sidecar.imports) for sidecar in wide}) > 1 or len({side.name for side in wide}) > 1:
            first, second = wide[0], wide[1]
            yield finding("EGR977", second.place, first.place, namespace=namespace, sidecar=second.name)


def _of_entry(scope: Scope, entry: ServiceEntry) -> Iterator[Finding]:
    for host, place in entry.hosts:
        if host != host.lower():
            yield finding("EGR984", place, host=host, entry=entry.name)
    for port in entry.ports:
        if _CUSTOMARY.get(port.number) == port.family:
            yield finding("EGR976", port.place, entry=entry.name, port=port.number, protocol=port.protocol)
        if port.family == "tcp" and not entry.addresses and entry.sound:
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
    reach = [
        {entry.namespace if target == "." else target for target in entry.export_to or ("*",)} for entry in (one, other)
    ]
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
