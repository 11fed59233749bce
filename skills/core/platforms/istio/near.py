"""Entries that almost matched: what was probably meant, the nearest first."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from urllib.parse import urlsplit

from skills.core.enforce.kube_policy import Pods
from skills.core.enforce.mesh import carries, spoken
from skills.core.enforce.mesh_hosts import imported, is_wildcard, within
from skills.core.hosts import edit_distance, parent_of, sibling
from skills.core.model import Destination, Finding, NearMiss, Place, finding, unique
from skills.core.platforms.istio.bb_leaves import UNRENDERED
from skills.core.platforms.istio.entries import ServiceEntry
from skills.core.platforms.istio.scope import Binding, Scope

_MOST = 8
_MOST_HOSTS = 5_000
_TYPO_SHORTEST = 6
_SPOKEN = {"tls": "HTTPS", "http": "plain HTTP"}
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-.")


def misses(scope: Scope, pods: Pods, binding: Binding, to: Destination) -> tuple[NearMiss, ...]:
    """Why no entry carries the flow."""
    host = to.host
    if host is None:
        return ()
    found: list[NearMiss] = []
    listed = ((entry, name, place) for entry in scope.entries for name, place in entry.hosts)
    for entry, name, place in islice(listed, _MOST_HOSTS):
        if within(host, name) and not entry.templated:
            found += _same_host(scope, entry, name, place, pods, binding, to)
        elif entry.namespace == pods.namespace or scope.shown(entry, pods.namespace):
            miss = _other_name(name, host, place)
            found += [miss] if miss else []
    return tuple(sorted(found, key=lambda miss: miss.distance)[:_MOST])


def unrendered(scope: Scope, pods: Pods, to: Destination) -> tuple[Finding, ...]:
    """Why the release that registers the host doesn't render: what the one before registered is not known."""
    own = scope.of_namespace.get(pods.namespace, ())
    named = [entry for entry in own if any(within(to.host or "", name) for name, _ in entry.hosts)]
    return unique(fault for entry in named for fault in entry.faults if fault.code in UNRENDERED)[:_MOST]


def bare_host(written: str) -> str:
    """The host that somebody meant who wrote a scheme, a port, a path or upper case (G-A23, G-A24)."""
    text = written.strip()
    if _PLAIN.issuperset(text):
        return text.rstrip(".")
    try:
        parsed = urlsplit(text if "://" in text else f"//{text}")
        return (parsed.hostname or text).rstrip(".").lower()
    except ValueError:
        return text.lower()


def _same_host(
    scope: Scope, entry: ServiceEntry, name: str, place: Place, pods: Pods, binding: Binding, to: Destination
) -> Iterator[NearMiss]:
    home = entry.namespace or ""
    if entry.off is not None:
        yield NearMiss(entry.off, place, 1)
    elif entry.faults:
        yield NearMiss(finding("EGR110", place, host=to.name, entry=entry.name), place, 1)
    elif not scope.shown(entry, pods.namespace):
        facts = {"host": to.name, "home": home, "namespace": pods.namespace}
        yield NearMiss(finding("EGR148", place, **facts), place, 2)
    elif not imported(binding.imports, pods.namespace, home, name):
        listed = ", ".join(map(str, (binding.imports or ())[:_MOST])) or "nothing"
        there = binding.places[-1] if binding.places else place
        facts = {"host": to.name, "sidecar": binding.name, "imports": listed}
        yield NearMiss(finding("EGR149", there, **facts), there, 1)
    else:
        yield from _other_port(entry, place, to)


def _other_port(entry: ServiceEntry, place: Place, to: Destination) -> Iterator[NearMiss]:
    same = [port for port in entry.ports if to.ports is not None and to.ports.first <= port.number <= to.ports.last]
    for port in same:
        if not carries(port.family, spoken(to)):
            said = _SPOKEN.get(spoken(to) or "", "a protocol of its own")
            facts = {"host": to.name, "protocol": port.protocol, "spoken": said}
            yield NearMiss(finding("EGR154", port.place, **facts), port.place, 1)
    if not same:
        ports = ", ".join(str(port.number) for port in entry.ports[:_MOST]) or "no port"
        yield NearMiss(finding("EGR153", place, host=to.name, ports=ports, port=str(to.ports)), place, 1)


def _other_name(listed: str, host: str, place: Place) -> NearMiss | None:
    meant = bare_host(listed)
    if is_wildcard(listed):
        apex = listed.removeprefix("*.")
        if apex == host:
            return NearMiss(finding("EGR113", place, entry=listed, destination=host), place, 1)
        return NearMiss(finding("EGR151", place, listed=listed, host=host), place, 3) if sibling(apex, host) else None
    if meant == host and listed != host:
        return NearMiss(finding("EGR159", place, listed=listed, host=host), place, 1)
    if meant.removeprefix("www.") == host.removeprefix("www."):
        return NearMiss(finding("EGR150", place, listed=listed, host=host), place, 1)
    if min(len(meant), len(host)) >= _TYPO_SHORTEST and _alike(meant, host) and edit_distance(meant, host, 2) <= 2:
        return NearMiss(finding("EGR152", place, listed=listed, host=host), place, 2)
    if parent_of(meant, host) or parent_of(host, meant) or sibling(meant, host):
        return NearMiss(finding("EGR151", place, listed=listed, host=host), place, 3)
    return None


def _alike(one: str, other: str) -> bool:
    """Two edits change the set of letters by four at most, which is cheap to see."""
    return len(set(one) ^ set(other)) <= 4
