"""What a Package says of one flow, layer by layer.

The order follows the operator: the generated NetworkPolicies first, then the mesh where it has a say.
"""

from __future__ import annotations

from collections.abc import Sequence

from skills.core.enforce.kube_policy import LAYER, Pods
from skills.core.enforce.peers import Peers, pods_of
from skills.core.model import Destination, Finding, LayerView, Workload, finding, unique
from skills.core.platforms.uds.gateway import also_used, extra_rules
from skills.core.platforms.uds.index import Index
from skills.core.platforms.uds.meshed import Sender, mesh_decides, mesh_view, route
from skills.core.platforms.uds.near import external_misses, still_fails
from skills.core.platforms.uds.network import account_views, egress_view, far_end, ingress_views
from skills.core.platforms.uds.package import NAME, Package
from skills.core.platforms.uds.versions import OLD_DEFAULT

_MOST_FLOATING = 3


def decide(index: Index, workload: Workload, destination: Destination) -> list[LayerView]:
    """One view for each layer that has evidence; both halves of an internal connection."""
    if workload.kind != "k8s" or not index.packages or destination.service:
        return []
    views = _by_release(index, workload, destination)
    if index.others:
        others = [_by_release(other, workload, destination) for other in index.others]
        releases = " and ".join(str(each.rules) for each in (index, *index.others))
        doubt = finding("EGR800", *(core.place for core in index.cores), releases=releases)
        return _agreed([views, *others], doubt, differing_only=True)
    return _with_mode_said(index, workload, destination, views)


def _by_release(index: Index, workload: Workload, destination: Destination) -> list[LayerView]:
    """By the rules of the index's own release."""
    near = pods_of(index.cluster, workload)
    far = far_end(index, workload, destination)
    views: list[LayerView] = []
    if not workload.host_network and not far.loopback:
        packages = index.packages.get(near.namespace, ())
        each = [
            _package_views(index.with_only(package), Sender(package, near, workload.service_account), destination, far)
            for package in packages
        ]
        if len(packages) > 1:
            views += _agreed(each, several(packages))
        else:
            views += [view for group in each for view in group] or _floating(index)
    return [
        *views,
        *ingress_views(index, workload, near, destination, far),
        *account_views(index, workload, near, destination, far),
    ]


def _with_mode_said(
    index: Index, workload: Workload, destination: Destination, views: list[LayerView]
) -> list[LayerView]:
    """G-D13: where neither the Package names its mode nor the repository its release, and it matters, it is said."""
    packages = index.packages.get(workload.namespace or workload.scope, ())
    unsaid = [package for package in packages if package.mode is None]
    if not views or not unsaid or index.release_known or index.rules.default_mode == OLD_DEFAULT.default_mode:
        return views
    if _allowed(views) == _allowed(_by_release(index.by_old_default, workload, destination)):
        return views
    said = finding("EGR845", unsaid[0].place, package=unsaid[0].name, mode=index.mode(unsaid[0]))
    return [views[0]._replace(findings=(*views[0].findings, said)), *views[1:]]


def _allowed(views: Sequence[LayerView]) -> bool:
    return all(view.allows or (view.default == "allow" and not view.unknown) for view in views)


def _package_views(index: Index, sender: Sender, destination: Destination, far: Peers) -> list[LayerView]:
    package = sender.package
    refused = index.refusals(package)
    if refused and index.presumed is not None:
        index = index.presumed
    meshed = mesh_decides(destination, far)
    way: Pods | None = route(index, sender, destination) if meshed else None
    network = egress_view(index, package, sender.pods, destination, far, way)
    mesh = mesh_view(index, sender, destination) if meshed else None
    if not network.allows and mesh is None and not far.internal:
        misses = external_misses(index, package, sender.pods, sender.account, destination)
        network = network._replace(near=tuple(misses))
    views = [network] if mesh is None else [network, mesh]
    views = [_with_unseen(view, index, package) for view in views]
    if destination.host is not None and mesh is not None and mesh.allows:
        views[-1] = views[-1]._replace(findings=(*views[-1].findings, *also_used(index, package, destination.host)))
    if not far.internal and meshed and not refused and all(view.allows for view in views):
        views[0] = views[0]._replace(
            findings=(*views[0].findings, still_fails(index, package, sender.pods, sender.account))
        )
    return [_doubted(view, package, refused) for view in views] if refused else views


def _with_unseen(view: LayerView, index: Index, package: Package) -> LayerView:
    """A rule that a template completes, or a bundle adds, may open anything, so it turns a denial into a doubt."""
    if view.allows:
        return view
    places = [rule.place for rule in package.allow if rule.templated and rule.egress]
    doubts = [finding("EGR167", *places, package=package.name)] if places else []
    for extra in index.extras:
        if extra.egress and extra.package in {package.name, package.namespace}:
            doubts.append(extra_rules(extra))
    return view._replace(unknown=(*view.unknown, *doubts)) if doubts else view


def _floating(index: Index) -> list[LayerView]:
    """Packages whose namespace a template decides might govern any workload that no other Package governs."""
    packages = index.floating[:_MOST_FLOATING]
    unknown = tuple(finding("EGR167", package.place, package=package.name) for package in packages)
    return [LayerView(LAYER, NAME, "allow", unknown=unknown)] if unknown else []


def _doubted(view: LayerView, package: Package, refused: Sequence[Finding]) -> LayerView:
    """The rules of a Package that would be refused are not in force: what they allow is not known to be allowed."""
    if not view.allows:
        return view._replace(findings=(*view.findings, *refused))
    doubt = finding("EGR827", package.place, package=package.name, namespace=package.namespace)
    return view._replace(allows=(), unknown=(*view.unknown, doubt), findings=(*view.findings, *refused))


def _agreed(each: Sequence[Sequence[LayerView]], doubt: Finding, *, differing_only: bool = False) -> list[LayerView]:
    """Of several readings (Packages of one namespace, releases) one is in force: only what all allow is sure.

    `differing_only`: the doubt is worth no word where it changes nothing.
    """
    agreed = []
    for key in dict.fromkeys((view.layer, view.half) for views in each for view in views):
        views = [view for group in each for view in group if (view.layer, view.half) == key]
        silent = sum(1 for group in each if not any((view.layer, view.half) == key for view in group))
        allowing = [view for view in views if view.allows]
        unsure = 0 < len(allowing) + silent < len(each)
        said = () if differing_only and not unsure else (doubt,)
        merged = views[0]._replace(
            allows=tuple(dict.fromkeys(hit for view in views for hit in view.allows)),
            isolators=tuple(dict.fromkeys(place for view in views for place in view.isolators)),
            near=tuple({str(miss): miss for view in views for miss in view.near}.values()),
            unknown=unique(item for view in views for item in view.unknown),
            findings=unique((*said, *(item for view in views for item in view.findings))),
        )
        if len(allowing) < len(views):
            merged = merged._replace(allows=(), unknown=(*merged.unknown, doubt) if unsure else merged.unknown)
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
