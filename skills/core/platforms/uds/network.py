"""The network_policy layer of a Package: default deny, and what its generated rules open."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from skills.core.enforce.kube_flow import Flow, Opening, coverage, rule_openings
from skills.core.enforce.kube_policy import LAYER, Outside, Pods
from skills.core.enforce.mesh import LAYER as MESH
from skills.core.enforce.peers import Peers, ends, peers
from skills.core.enforce.selectors import LabelSelector, Match
from skills.core.enforce.spans import meets
from skills.core.model import Destination, Finding, LayerView, NearMiss, Ports, RuleHit, Workload, finding, unique
from skills.core.platforms.uds.generate import GATEWAY, WAYPOINT, Generated, gateway_on, openings, outside_of
from skills.core.platforms.uds.index import Index
from skills.core.platforms.uds.near import ingress_misses, internal_misses
from skills.core.platforms.uds.package import NAME, Allow, Package

# Namespaces of the platform itself: no Package of a repository governs what enters them.
_UNGOVERNED = frozenset({"kube-system", "kube-public", "kube-node-lease", "pepr-system", "zarf"})


def far_end(index: Index, workload: Workload, destination: Destination) -> Peers:
    """The far end as the cluster's manifests know it."""
    found = peers(index.cluster, workload, destination)
    if not any(far.named for far in found.outside):
        return found
    return found._replace(outside=tuple(map(outside_of, found.outside)))


def egress_view(
    index: Index, package: Package, near: Pods, destination: Destination, far: Peers, route: Pods | None
) -> LayerView:
    """Whether the Package's rules let these pods send. `route`: the waypoint or gateway that the flow passes."""
    generated = index.generated.get(package.key, ())
    targets: Sequence[Pods | Outside] = [route] if route is not None else ends(far, destination.ports)
    flows = [_flow(near, target, destination) for target in targets]
    found = [openings(generated, package.namespace, flow, api_server=far.api_server) for flow in flows]
    allows, unknown = _weighed(flows, found)
    doubts = far.unknown if route is None else ()
    if route is None and far.unsaid is not None and not allows and any(map(_useful, found, flows)):
        doubts = (*doubts, far.unsaid)
    allows = () if doubts else allows
    misses = () if allows or not far.pods else tuple(internal_misses(package, generated, near, far.pods[0]))
    # Isolated by the Package itself, so its own line stands for the denial.
    return LayerView(
        LAYER,
        NAME,
        "deny",
        allows,
        isolators=(package.place,),
        near=misses,
        unknown=(*doubts, *unknown),
        findings=far.findings,
        detour=None if route is None else _detour(route, route.ports or destination.ports),
    )


def _detour(way: Pods, ports: Ports | None) -> Destination:
    """The waypoint or gateway as a destination, for whoever else judges the network: by name, labels and pod port."""
    return _TO_WAYPOINT if way is WAYPOINT else _as_destination(way, ports)


def _as_destination(way: Pods, ports: Ports | None) -> Destination:
    labels = ",".join(f"{key}={value}" for key, value in (way.labels or {}).items())
    name = f"{way.namespace}/{'egress-waypoint' if way is WAYPOINT else 'egressgateway'}"
    return Destination(f"workload://{name}:{ports}", workload=f"{name}{{{labels}}}", ports=ports)


_TO_WAYPOINT = _as_destination(WAYPOINT, WAYPOINT.ports)


def _flow(near: Pods, target: Pods | Outside, destination: Destination) -> Flow:
    """Towards the waypoint everything is HBONE over TCP."""
    if target is GATEWAY:
        target = gateway_on(destination.ports)
    protocol = "tcp" if target is WAYPOINT else destination.protocol
    ports = target.ports if isinstance(target, Pods) else target.ports or destination.ports
    return Flow("Egress", near, target, protocol, ports)


def ingress_views(
    index: Index, workload: Workload, source: Pods, destination: Destination, far: Peers
) -> list[LayerView]:
    """The far half of an internal connection: the Package of each destination must let the source in."""
    views = []
    governed = bool(index.packages.get(source.namespace))
    for namespace in dict.fromkeys(pods.namespace for pods in far.pods):
        receivers = [pods for pods in far.pods if pods.namespace == namespace]
        for package in index.packages.get(namespace, ()):
            views.append(_ingress_view(index, package, receivers, source, destination))
        if namespace not in index.packages and governed and _elsewhere(index, namespace, source):
            facts = {"namespace": namespace, "workload": workload.name}
            views.append(LayerView(LAYER, NAME, "allow", unknown=(finding("EGR829", **facts),), half="ingress"))
    return views


def _elsewhere(index: Index, namespace: str, source: Pods) -> bool:
    """Whether the namespace's Package may stand in a repository that we don't see (G-D17)."""
    if namespace == source.namespace or namespace in _UNGOVERNED or namespace.startswith("istio-"):
        return False
    return namespace not in index.cluster.pods and namespace not in index.cluster.declared


def _ingress_view(
    index: Index, package: Package, receivers: Sequence[Pods], source: Pods, destination: Destination
) -> LayerView:
    generated = index.generated.get(package.key, ())
    flows = [Flow("Ingress", pods, source, destination.protocol, pods.ports) for pods in receivers]
    found = [openings(generated, package.namespace, flow) for flow in flows]
    allows, unknown = _weighed(flows, found)
    view = LayerView(LAYER, NAME, "deny", allows, isolators=(package.place,), unknown=unknown, half="ingress")
    misses = () if view.allows else tuple(ingress_misses(package, generated, receivers[0], source))
    refused, templates = index.refusals(package), [r.place for r in package.allow if r.templated and not r.egress]
    if templates and not view.allows:
        doubt = finding("EGR167", *templates, package=package.name)
        view = view._replace(unknown=(*view.unknown, doubt))
    if refused and view.allows:
        doubt = finding("EGR827", package.place, package=package.name, namespace=package.namespace)
        return view._replace(allows=(), unknown=(doubt,), findings=refused)
    return view._replace(near=misses)


# --- the far Package's `remoteServiceAccount`: an AuthorizationPolicy beside the NetworkPolicy of an Ingress rule


def account_views(
    index: Index, workload: Workload, source: Pods, destination: Destination, far: Peers
) -> list[LayerView]:
    """A view only where every Ingress rule that lets the source in also names a service account."""
    views = []
    for receiver in far.pods:
        for package in index.packages.get(receiver.namespace, ()):
            rules = _letting_in(index, package, receiver, source, destination)
            if rules and all(rule.remote_service_account for rule in rules):
                views.append(_account_view(package, rules, workload))
    return views


def _letting_in(index: Index, package: Package, receiver: Pods, source: Pods, to: Destination) -> list[Allow]:
    flow = Flow("Ingress", receiver, source, to.protocol, receiver.ports)
    found = []
    for item in index.generated.get(package.key, ()):
        matching = coverage(openings([item], package.namespace, flow), flow)
        if item.allow is not None and matching is not Match.NO:
            found.append(item.allow)
    return found


def _account_view(package: Package, rules: Sequence[Allow], workload: Workload) -> LayerView:
    fitting = [rule for rule in rules if rule.remote_service_account == workload.service_account]
    places = tuple(rule.at("remoteServiceAccount") for rule in rules)
    wanted = ", ".join(dict.fromkeys(rule.remote_service_account or "" for rule in rules))
    facts = {"package": package.name, "wanted": wanted, "workload": workload.name}
    if workload.service_account is None:
        unknown = (finding("EGR833", *places, **facts),)
        return LayerView(MESH, NAME, "deny", isolators=places, unknown=unknown, half="ingress")
    allows = tuple(RuleHit("allow", rule.at("remoteServiceAccount")) for rule in fitting)
    account = workload.service_account
    misses = () if fitting else tuple(NearMiss(finding("EGR166", p, account=account, **facts), p, 1) for p in places)
    return LayerView(MESH, NAME, "deny", allows, isolators=places, near=misses, half="ingress")


# ---


def _weighed(
    flows: Sequence[Flow], found: Sequence[Sequence[Opening]]
) -> tuple[tuple[RuleHit, ...], tuple[Finding, ...]]:
    """The rules by which all flows are open, or what would have to be known for that."""
    matches = [coverage(opened, flow) for opened, flow in zip(found, flows, strict=True)]
    decision = min(matches, default=Match.NO)
    if decision is Match.NO:
        return (), ()
    if decision is Match.YES:
        useful = [item for opened, flow in zip(found, flows, strict=True) for item in _useful(opened, flow)]
        places = dict.fromkeys([item.place for item in useful if item.match is Match.YES])
        return tuple([RuleHit("allow", place) for place in places]), ()
    unknown: list[Finding] = []
    for match, opened, flow in zip(matches, found, flows, strict=True):
        if match is Match.UNKNOWN:
            doubts = [item.why for item in _useful(opened, flow) if item.match is Match.UNKNOWN]
            unknown += [doubt for doubt in doubts if doubt is not None]
    return (), unique(unknown)


def _useful(found: Iterable[Opening], flow: Flow) -> list[Opening]:
    """Openings that touch the flow: a rule on another port opens nothing of it."""
    wanted = flow.wanted
    return [
        item
        for item in found
        if item.match is not Match.NO
        and meets(item.region.ports, wanted.ports)
        and (item.region.addresses is wanted.addresses or meets(item.region.addresses, wanted.addresses))
    ]


def selectors_reaching(items: Iterable[Generated], package: Package, target: Pods) -> list[LabelSelector]:
    """The selectors of the rules that open the way to a target of the mesh: the waypoint, or the gateway on a port."""
    flow = Flow("Egress", Pods("", package.namespace, {}, {}), target, "tcp", target.ports)
    return [
        item.selector
        for item in items
        if item.direction == "Egress"
        and item.known_by is None
        and coverage(rule_openings(item.policy, package.namespace, flow), flow) is Match.YES
    ]
