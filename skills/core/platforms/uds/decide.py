"""What a Package says of one flow, layer by layer.

The order follows the operator: the generated NetworkPolicies first, then the mesh where it has a say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from skills.core.enforce.kube_policy import LAYER, Pods
from skills.core.enforce.peers import Peers, pods_of
from skills.core.model import Destination, Finding, LayerView, Workload, finding
from skills.core.platforms.uds.index import Index
from skills.core.platforms.uds.ingress import account_views
from skills.core.platforms.uds.meshed import Sender, detour, mesh_decides, mesh_view, route
from skills.core.platforms.uds.near import external_misses
from skills.core.platforms.uds.network import egress_view, far_end, ingress_views
from skills.core.platforms.uds.package import NAME, Package

_MOST_FLOATING = 3


def decide(index: Index, workload: Workload, destination: Destination) -> list[LayerView]:
    """One view for each layer that has evidence; both halves of an internal connection."""
    if workload.kind != "k8s" or not index.packages or destination.service:
        return []
    near = pods_of(index.cluster, workload)
    far = far_end(index, workload, destination)
    views: list[LayerView] = []
    if not workload.host_network and not far.loopback:
        each = [
            _package_views(index, Sender(package, near, workload.service_account), destination, far)
            for package in index.packages.get(near.namespace, ())
        ]
        views += _agreed(index.packages.get(near.namespace, ()), each) or _floating(index)
    return [
        *views,
        *ingress_views(index, workload, near, destination, far),
        *account_views(index, workload, near, destination, far),
    ]


def _package_views(index: Index, sender: Sender, destination: Destination, far: Peers) -> list[LayerView]:
    package = sender.package
    refused = index.refusals(package)
    if refused and index.presumed is not None:
        index = index.presumed
    meshed = mesh_decides(destination, far)
    way: Pods | None = route(index, sender, destination) if meshed else None
    network = egress_view(index, package, sender.pods, destination, far, way)
    if way is not None:
        network = replace(network, detour=detour(way, destination))
    mesh = mesh_view(index, sender, destination) if meshed else None
    if not network.allows and mesh is None and not far.internal:
        misses = external_misses(index, package, sender.pods, sender.account, destination)
        network = replace(network, near=tuple(misses))
    views = [network] if mesh is None else [network, mesh]
    views = [_with_templates(view, package) for view in views]
    return [_doubted(view, package, refused) for view in views] if refused else views


def _with_templates(view: LayerView, package: Package) -> LayerView:
    """A rule that a template completes may open anything, so it turns a denial into a doubt."""
    places = [rule.place for rule in package.allow if rule.templated and rule.egress]
    if view.allows or not places:
        return view
    return replace(view, unknown=(*view.unknown, finding("EGR167", *places, package=package.name)))


def _floating(index: Index) -> list[LayerView]:
    """Packages whose namespace a template decides might govern any workload that no other Package governs."""
    packages = index.floating[:_MOST_FLOATING]
    unknown = tuple(finding("EGR167", package.place, package=package.name) for package in packages)
    return [LayerView(LAYER, NAME, "allow", unknown=unknown)] if unknown else []


def _doubted(view: LayerView, package: Package, refused: Sequence[Finding]) -> LayerView:
    """The rules of a Package that would be refused are not in force: what they allow is not known to be allowed."""
    if not view.allows:
        return replace(view, findings=(*view.findings, *refused))
    doubt = finding("EGR827", package.place, package=package.name, namespace=package.namespace)
    return replace(view, allows=(), unknown=(*view.unknown, doubt), findings=(*view.findings, *refused))


def _agreed(packages: Sequence[Package], each: Sequence[Sequence[LayerView]]) -> list[LayerView]:
    """Several Packages for one namespace: one is in force, and only what all of them allow is sure."""
    if len(each) <= 1:
        return [view for views in each for view in views]
    doubt = several(packages)
    agreed = []
    for layer in dict.fromkeys(view.layer for views in each for view in views):
        views = [view for group in each for view in group if view.layer == layer]
        silent = sum(1 for group in each if not any(view.layer == layer for view in group))
        allowing = [view for view in views if view.allows]
        merged = replace(
            views[0],
            allows=tuple(hit for view in views for hit in view.allows),
            isolators=tuple(dict.fromkeys(place for view in views for place in view.isolators)),
            near=tuple(miss for view in views for miss in view.near),
            unknown=tuple(item for view in views for item in view.unknown),
            findings=(doubt, *(item for view in views for item in view.findings)),
        )
        unsure = 0 < len(allowing) + silent < len(each)
        if len(allowing) < len(views):
            merged = replace(merged, allows=(), unknown=(*merged.unknown, doubt) if unsure else merged.unknown)
        agreed.append(merged)
    return agreed


def several(packages: Sequence[Package]) -> Finding:
    """G-D14 where the names differ; else one Package that stands in several files."""
    first, second = packages[0], packages[1]
    facts = {"namespace": first.namespace, "package": second.name, "other": first.name}
    code = "EGR821" if first.name == second.name else "EGR814"
    return finding(code, second.place, first.place, path=second.path, other_path=first.path, **facts)


def governs(index: Index, workload: Workload) -> bool:
    namespace = workload.namespace or workload.scope
    return workload.kind == "k8s" and namespace in index.packages
