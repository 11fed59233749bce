"""A host that a namespace registers itself takes the place of the same host that another namespace exports to it.

What the other one opens on ports that the namespace's own entries lack is lost to its pods.
Source: istio/istio pilot/pkg/model/sidecar.go (one namespace is chosen for a host, the pods' own before all others).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from skills.core.platforms.istio.entries import ListedPort, ServiceEntry
from skills.core.platforms.istio.scope import Binding, Scope


@dataclass(frozen=True, slots=True)
class Exported:
    """A port of a host that `entry` opens to `namespace`, which registers the host too.

    `own` are its own ports of that number that carry the same; none: it is lost to the namespace's pods.
    """

    namespace: str
    host: str
    entry: ServiceEntry
    port: ListedPort
    own: tuple[ListedPort, ...]


def overshadowed(scope: Scope) -> Iterator[Exported]:
    """Every port of a host that one namespace exports to another that registers the same host."""
    for host, entries in scope.by_host.items():
        homes = {entry.namespace for entry in entries}
        for namespace in sorted(home for home in homes if home is not None) if len(homes) > 1 else ():
            own = _shown_at_home(scope, host, namespace)
            if any(host == name for entry in own for name, _ in entry.hosts):
                yield from _of_others(scope, host, namespace, own)


def _shown_at_home(scope: Scope, host: str, namespace: str) -> list[ServiceEntry]:
    return [entry for entry in scope.named(host) if entry.namespace == namespace and scope.shown(entry, namespace)]


def _of_others(scope: Scope, host: str, namespace: str, own: list[ServiceEntry]) -> Iterator[Exported]:
    for entry in scope.by_host[host]:
        if entry.namespace == namespace or not scope.shown(entry, namespace):
            continue
        for port in entry.ports:
            if port.protocol.upper() == "UDP" or (port.family == "tcp" and entry.addresses):
                continue
            there = [each for mine in own for each in mine.ports if each.number == port.number]
            yield Exported(namespace, host, entry, port, tuple(each for each in there if each.family == port.family))


def at_stake(scope: Scope, host: str, namespace: str, binding: Binding) -> tuple[Exported, ...]:
    """What the namespace's pods would lose of a host if an entry of their own, the first one, named it."""
    own = _shown_at_home(scope, host, namespace)
    if any(host == name for entry in own for name, _ in entry.hosts) or host not in scope.by_host:
        return ()
    found = _of_others(scope, host, namespace, own)
    return tuple(
        each for each in found if not each.own and scope.visible(each.entry, host, namespace, binding, each.port.number)
    )
