"""What is wrong between files: selectors without pods, Sidecars and routes in conflict, overlays that differ."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from skills.core.enforce.kube_objects import known_labels
from skills.core.enforce.kube_policy import Pods
from skills.core.enforce.matching import Match
from skills.core.enforce.mesh_hosts import within
from skills.core.enforce.selectors import LabelSelector
from skills.core.model import Finding, Place, finding
from skills.core.platforms.istio.bypass import is_ambient
from skills.core.platforms.istio.entries import Values, VirtualService
from skills.core.platforms.istio.index import Index, releases_in
from skills.core.platforms.istio.scope import Scope

_BOTH = frozenset({"staging", "production"})
_MOST_HOSTS = 5
_MOST_WILD = 200


def releases_of(index: Index) -> Iterator[list[Values]]:
    """The layers of every release in every environment."""
    for environment in index.scopes:
        for layers, _ in releases_in(index.values, environment):
            yield layers


def nulls(index: Index) -> Iterator[Finding]:
    """G-A15: a key without a value is left out; over another file's key that is how it is taken away."""
    for values in index.values:
        others = [each for each in index.values if each is not values and each.group == values.group]
        for path, leaf in values.leaves.items():
            if leaf.value is None and len(path) == 6 and not any(path in each.leaves for each in others):
                yield finding("EGR536", leaf.place, key=path[5])


def selectors(index: Index) -> Iterator[Finding]:
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


def unheeded(index: Index) -> Iterator[Finding]:
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


def differences(index: Index) -> Iterator[Finding]:
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


def shared_hosts(scope: Scope) -> Iterator[Finding]:
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
            other = next((each for each in services if each is not service and _meet(each, service)), None)
            if other is not None and host in {_full(name, service.namespace) for name in service.hosts}:
                yield finding("EGR583", service.place, other.place, route=service.name, other=other.name, host=host)


def _full(host: str, namespace: str) -> str:
    return host if "." in host or host.startswith("*") else f"{host}.{namespace}.svc.cluster.local"


def _meet(one: VirtualService, other: VirtualService) -> bool:
    reach = [
        {item.namespace if target == "." else target for target in item.export_to or ("*",)} for item in (one, other)
    ]
    return "*" in reach[0] | reach[1] or bool(reach[0] & reach[1])
