"""What the mesh says of one flow, environment by environment.

The order follows Istio: is the pod in the mesh, which Sidecar binds it, is the host registered and visible on that
port, and does the port carry what the client speaks.
"""

from __future__ import annotations

from collections.abc import Sequence

from skills.core.enforce.kube_decide import evaluate_egress, evaluate_ingress
from skills.core.enforce.kube_policy import Pods
from skills.core.enforce.mesh import LAYER
from skills.core.enforce.mesh_hosts import imported
from skills.core.enforce.peers import Peers, peers, pods_of, service_name
from skills.core.model import Destination, Finding, LayerView, NearMiss, RuleHit, Workload, finding, unique
from skills.core.platforms.istio.authz import Client, at_pods, at_waypoint, letting_in
from skills.core.platforms.istio.bypass import is_ambient, is_meshed, proxy_of
from skills.core.platforms.istio.entries import ALLOW_ANY, NAME, REGISTRY_ONLY, ServiceEntry
from skills.core.platforms.istio.gateways import at_gateway
from skills.core.platforms.istio.index import Index
from skills.core.platforms.istio.near import misses, unrendered
from skills.core.platforms.istio.origination import on_the_wire, remarks
from skills.core.platforms.istio.scope import OTHER_ENVIRONMENTS, Binding, Scope
from skills.core.platforms.istio.served import Registration, captured, perhaps, rivals, served

_MOST = 5


def governs(index: Index, workload: Workload) -> bool:
    """Whether a file is about its namespace, or the whole mesh is closed."""
    if workload.kind != "k8s":
        return False
    closed = any(
        (scope.mesh is not None and scope.mesh.mode == REGISTRY_ONLY) or scope.sidecars.get(scope.root)
        for scope in index.scopes.values()
    )
    return closed or (workload.namespace or workload.scope) in index.concerned


def decide(index: Index, workload: Workload, destination: Destination) -> Sequence[LayerView]:
    """A view of the mesh, and one of the network where values render its policies; none without evidence."""
    if workload.kind != "k8s" or not index.read or destination.service or workload.host_network:
        return ()
    pods = pods_of(index.cluster, workload)
    far = peers(index.cluster, workload, destination)
    if far.loopback:
        return ()
    # Only TCP goes through a proxy.
    meshed = destination.protocol == "tcp"
    mesh: dict[str | None, LayerView] = {}
    network: dict[str | None, LayerView] = {}
    inward: dict[str | None, LayerView] = {}
    for name in index.environments_of(workload):
        scope = index.scopes[name]
        view = _view(index, scope, pods, workload, destination, far) if meshed else None
        if view is not None:
            mesh[name] = view
        way = view.detour if view is not None and view.detour is not None else destination
        if scope.network.about(pods.namespace):
            there = far if way is destination else peers(index.cluster, workload, way)
            network[name] = evaluate_egress(scope.network, index.cluster, pods, there, way, NAME)
        if any(scope.network.about(there.namespace) for there in far.pods):
            inward[name] = evaluate_ingress(scope.network, pods, far, destination, NAME)
    return tuple(_agreed(views, destination) for views in (mesh, network, inward) if views)


def _view(
    index: Index, scope: Scope, pods: Pods, workload: Workload, destination: Destination, far: Peers
) -> LayerView | None:
    proxy = proxy_of(scope, pods, workload, destination, index.cluster.declared.get(pods.namespace))
    if proxy.passed_by:
        why = proxy.findings
        return LayerView(LAYER, NAME, "allow", findings=why) if why and not far.pods else None
    binding = scope.bind(pods)
    if far.internal or far.service is not None or far.api_server or destination.workload:
        client = Client(pods, workload.service_account, destination, _pod_ports(far))
        return _service_view(index, scope, binding, client, far)
    said = _with_slips(_outside_view(scope, pods, binding, destination), binding)
    nothing = LayerView(LAYER, NAME, "allow")
    ports = destination.ports
    asked = tuple(range(ports.first, min(ports.last, ports.first + 16) + 1)) if ports else None
    client = Client(pods, workload.service_account, destination, asked)
    view = at_gateway(scope, at_waypoint(scope, said or nothing, client), client, index.cluster.services)
    if said is None and view == nothing:
        hits = letting_in(scope, client)
        return LayerView(LAYER, NAME, "deny", hits) if hits else None
    return view._replace(unknown=(*proxy.doubts, *view.unknown)) if proxy.doubts and not view.allows else view


def _with_slips(view: LayerView | None, binding: Binding) -> LayerView | None:
    """What a Sidecar may be meant to say is said; where nothing else is known, nothing is."""
    if not binding.slips:
        return view
    if view is None:
        return LayerView(LAYER, NAME, "allow", unknown=binding.slips)
    return view._replace(findings=(*view.findings, *binding.slips))


def _outside_view(scope: Scope, pods: Pods, binding: Binding, destination: Destination) -> LayerView | None:
    if is_ambient(pods):
        return _ambient_view(binding)
    if binding.mode == ALLOW_ANY:
        view = LayerView(LAYER, NAME, "allow", isolators=binding.places, unknown=binding.doubts)
        found = served(scope, pods, binding, destination)
        said = (
            *remarks(scope, pods.namespace, found, destination),
            *_captures(captured(scope, pods, binding, destination), destination),
        )
        return view._replace(findings=said, detour=on_the_wire(found, destination))
    if binding.mode == REGISTRY_ONLY:
        return _registry_view(scope, pods, binding, destination)
    return _unsaid_view(scope, pods, binding, destination) if binding.mode is None else None


def _pod_ports(far: Peers) -> tuple[int, ...] | None:
    known = [pods.ports for pods in far.pods]
    if not known or any(ports is None or ports.first != ports.last for ports in known):
        return None
    return tuple(ports.first for ports in known if ports)


def _registry_view(scope: Scope, pods: Pods, binding: Binding, destination: Destination) -> LayerView:
    found = served(scope, pods, binding, destination)
    if found:
        said = (
            *_said(scope, found, pods, destination),
            *_captures(captured(scope, pods, binding, destination), destination),
        )
        doubts = _rivalry(rivals(scope, pods, binding, destination, found), destination)
        if not all(served(scope, pods, rival, destination) for rival in binding.rivals):
            doubts += binding.doubts
        doubts += _slips(found)
        hits, way = _hits(found, destination), on_the_wire(found, destination)
        return LayerView(LAYER, NAME, "deny", hits, (), binding.places, findings=said, doubts=doubts, detour=way)
    return LayerView(
        LAYER,
        NAME,
        "deny",
        isolators=binding.places,
        near=misses(scope, pods, binding, destination),
        unknown=(
            *binding.doubts,
            *perhaps(scope, pods, binding, destination),
            *_unfilled(scope, pods),
            *unrendered(scope, pods, destination),
        ),
        findings=_captures(captured(scope, pods, binding, destination), destination),
    )


def _slips(found: Sequence[Registration]) -> tuple[Finding, ...]:
    """What may be wrong with every entry that serves the flow."""
    return found[0].entry.slips if all(item.entry.slips for item in found) else ()


def _rivalry(found: Sequence[ServiceEntry], destination: Destination) -> tuple[Finding, ...]:
    return tuple(
        finding("EGR526", entry.place, host=destination.name, home=entry.namespace, port=str(destination.ports))
        for entry in found[:1]
    )


def _unsaid_view(scope: Scope, pods: Pods, binding: Binding, destination: Destination) -> LayerView | None:
    """No file says whether REGISTRY_ONLY is in force; only the namespace's own ServiceEntries hint at it."""
    own = scope.of_namespace.get(pods.namespace, ())
    found = served(scope, pods, binding, destination)
    if found:
        said, way = _said(scope, found, pods, destination), on_the_wire(found, destination)
        doubts = _slips(found)
        return LayerView(LAYER, NAME, "allow", _hits(found, destination), findings=said, doubts=doubts, detour=way)
    if not own:
        return None
    unknown = finding("EGR980", own[0].place, namespace=pods.namespace, destination=str(destination))
    near = misses(scope, pods, binding, destination)
    return LayerView(LAYER, NAME, "deny", near=near, unknown=(unknown, *_unfilled(scope, pods)))


def _ambient_view(binding: Binding) -> LayerView | None:
    """ztunnel does not enforce REGISTRY_ONLY (G-A20)."""
    if binding.mode is None:
        return None
    said = (finding("EGR978", *binding.places),) if binding.mode == REGISTRY_ONLY else ()
    return LayerView(LAYER, NAME, "allow", isolators=binding.places, findings=said)


def _service_view(index: Index, scope: Scope, binding: Binding, client: Client, far: Peers) -> LayerView | None:
    """Every Service is registered, so only a Sidecar's own list of hosts can hide one; the far side's policies
    say whom its pods let in."""
    pods, destination = client.pods, client.to
    meshed = [there for there in far.pods if is_meshed(there)]
    admitted = at_pods(scope, LayerView(LAYER, NAME, "allow"), client, meshed)
    named = service_name(index.cluster, pods.namespace, destination.host or "") if destination.host else None
    if named is None or binding.mode != REGISTRY_ONLY or binding.imports is None or is_ambient(pods):
        return admitted if admitted.denies or admitted.doubts else None
    home, name = named
    host = f"{name}.{home}.svc.cluster.local"
    port = destination.ports.first if destination.ports else None
    if imported(binding.imports, pods.namespace, home, host, port):
        hits = tuple(RuleHit("allow", place) for place in binding.places[-1:])
        return admitted._replace(default="deny", allows=hits, isolators=binding.places)
    hidden = finding("EGR149", *binding.places[-1:], host=host, sidecar=binding.name, imports=imports_words(binding))
    return LayerView(LAYER, NAME, "deny", isolators=binding.places, unknown=binding.doubts, findings=(hidden,))


def imports_words(binding: Binding) -> str:
    return ", ".join(map(str, (binding.imports or ())[:_MOST])) or "nothing"


def _hits(found: Sequence[Registration], destination: Destination) -> tuple[RuleHit, ...]:
    return tuple(dict.fromkeys(RuleHit("allow", item.place(destination)) for item in found))[:_MOST]


def _said(scope: Scope, found: Sequence[Registration], pods: Pods, destination: Destination) -> tuple[Finding, ...]:
    said: list[Finding] = []
    first = found[0]
    host = destination.name
    if destination.application is None and first.port.family != "tcp":
        port = first.port
        said.append(finding("EGR828", port.place, host=host, port=port.number, protocol=port.protocol))
    if all(item.any_address for item in found):
        said.append(finding("EGR973", first.port.place, entry=first.entry.name, port=first.port.number))
    if all(item.entry.namespace != pods.namespace for item in found):
        said.append(finding("EGR985", first.entry.place, host=host, home=first.entry.namespace))
    said += [remark for item in found for remark in item.entry.remarks]
    said += remarks(scope, pods.namespace, found, destination)
    return unique(said)


def _captures(found: Sequence[Registration], destination: Destination) -> tuple[Finding, ...]:
    return tuple(
        finding("EGR972", item.port.place, entry=item.entry.name, port=item.port.number, destination=destination.name)
        for item in found[:1]
    )


def _unfilled(scope: Scope, pods: Pods) -> tuple[Finding, ...]:
    """Entries that a template completes may register anything, and some nobody can place in a namespace."""
    found: list[ServiceEntry] = [entry for entry in scope.of_namespace.get(pods.namespace, ()) if entry.templated]
    found += scope.of_namespace.get(None, ())
    return tuple(finding("EGR982", entry.place, entry=entry.name) for entry in found[:_MOST])


def _agreed(views: dict[str | None, LayerView], destination: Destination) -> LayerView:
    """Environments that agree speak with one voice; else nobody said which one was meant."""
    every = list(views.values())
    if len(every) == 1:
        return every[0]
    allowing = [name for name, view in views.items() if _allows(view)]
    merged = LayerView(
        every[0].layer,
        NAME,
        "deny" if any(view.default == "deny" for view in every) else "allow",
        unique(hit for view in every for hit in view.allows),
        unique(hit for view in every for hit in view.denies),
        unique(place for view in every for place in view.isolators),
        unique(miss for view in every for miss in view.near),
        unique(item for view in every for item in view.unknown),
        unique(item for view in every for item in view.findings),
        half=every[0].half,
        doubts=unique(item for view in every for item in view.doubts),
        detour=every[0].detour if all(view.detour == every[0].detour for view in every) else None,
    )
    if len(allowing) == len(every):
        return merged
    if not allowing:
        return merged._replace(allows=())
    places = [hit.place for hit in merged.allows][:1]
    words = {name: name or OTHER_ENVIRONMENTS for name in views}
    facts = {
        "destination": str(destination),
        "present": ", ".join(words[name] for name in allowing),
        "missing": ", ".join(word for name, word in words.items() if name not in allowing),
    }
    near = tuple(NearMiss(finding("EGR101", place, **facts), place, 0) for place in places)
    doubt = finding("EGR979", *places, **facts)
    return merged._replace(default="deny", allows=(), denies=(), near=(*near, *merged.near), unknown=(doubt,))


def _allows(view: LayerView) -> bool:
    return (
        not view.denies
        and not view.doubts
        and (not view.unknown or bool(view.allows))
        and (bool(view.allows) or view.default == "allow")
    )
