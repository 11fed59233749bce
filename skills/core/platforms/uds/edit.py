"""The smallest change of Packages (and of a bundle) that satisfies a need, in the file's own style.

The text never depends on the reason or the expiry: those stand in the request and its merge request.
"""

from __future__ import annotations

from collections.abc import Sequence

from skills.core.model import Destination, LayerView, Need, Plan, unique
from skills.core.platform_base import Sources
from skills.core.platforms.uds.decide import decide, several
from skills.core.platforms.uds.edit_addresses import add_addresses
from skills.core.platforms.uds.edit_hosts import add_host
from skills.core.platforms.uds.edit_inside import add_inside
from skills.core.platforms.uds.edit_remove import remove
from skills.core.platforms.uds.index import Index
from skills.core.platforms.uds.near import remote_words
from skills.core.platforms.uds.network import far_end
from skills.core.platforms.uds.package import Package
from skills.core.platforms.uds.workbench import Workbench

# What must be settled before a rule can help: a clash of protocols, a service account that nobody said.
_FIRST = frozenset({"EGR804", "EGR830", "EGR833"})


# Namespaces of UDS Core's own components, whose Packages come with its release (G-D23).
_OF_CORE = {
    "envoy-gateway-system": "Envoy Gateway",
    "falco": "Falco",
    "grafana": "Grafana",
    "keycloak": "Keycloak",
    "loki": "Loki",
    "monitoring": "Prometheus",
    "vector": "Vector",
}


def edit(index: Index, sources: Sources, need: Need) -> Plan:
    """Edits for all destinations; a destination that needs none, or can have none, has a finding instead."""
    bench = Workbench(index, sources, need)
    packages = index.packages.get(bench.namespace, ())
    if len(packages) > 1:
        return Plan(findings=(several(packages),))
    if not packages:
        return Plan()
    step = remove if need.remove else _add
    for destination in dict.fromkeys(need.destinations):
        step(bench, destination)
    return bench.plan()


def _add(bench: Workbench, destination: Destination) -> None:
    package = bench.package(bench.namespace)
    if package is None:
        return
    if package.namespace in _OF_CORE:
        bench.say("EGR895", package.place, namespace=package.namespace, component=_OF_CORE[package.namespace])
        if bench.index.cores:
            return
    refused = bench.index.refusals(package)
    if refused:
        bench.findings += refused
        bench.say("EGR827", package.place, package=package.name, namespace=package.namespace)
        return
    views = decide(bench.index, bench.need.workload, destination)
    if all(_allows(view) for view in views):
        _say_allowed(bench, package, destination, views)
        return
    if all(_allows(view) or _waits(view) for view in views):
        bench.findings += unique(item for view in views if _waits(view) for item in view.unknown)
        return
    unsettled = [item for view in views if not view.allows for item in view.unknown if item.code in _FIRST]
    if unsettled:
        bench.findings += unsettled
        return
    far = far_end(bench.index, bench.need.workload, destination)
    if far.pods or far.api_server:
        add_inside(bench, package, destination, far, views)
    elif far.unknown:
        bench.findings += far.unknown
    elif destination.network:
        add_addresses(bench, package, destination)
    elif destination.host:
        add_host(bench, package, destination)


def _allows(view: LayerView) -> bool:
    return bool(view.allows) or (view.default == "allow" and not view.unknown)


def _waits(view: LayerView) -> bool:
    """Whether the rule stands, and only what no file here says of the egress gateway is missing."""
    return bool(view.unknown) and all(item.code == "EGR1302" for item in view.unknown)


def _say_allowed(bench: Workbench, package: Package, destination: Destination, views: Sequence[LayerView]) -> None:
    hits = [hit.place for view in views for hit in view.allows]
    if not hits:
        return
    remotes = [remote_words(rule) for rule in package.allow if rule.place == hits[0]]
    remote = remotes[0] if remotes else destination.name
    bench.say("EGR835", hits[0], destination=str(destination), remote=remote, place=str(hits[0]))
