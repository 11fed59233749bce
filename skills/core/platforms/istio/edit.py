"""The smallest change that registers a host, in every environment that lacks it; or that takes it away again."""

from __future__ import annotations

from collections.abc import Sequence

from skills.core.enforce.kube_policy import Pods
from skills.core.enforce.mesh import carries, spoken
from skills.core.enforce.peers import Peers, peers, pods_of
from skills.core.hosts import parent_of, sibling
from skills.core.model import Destination, Need, Plan, Question
from skills.core.platform_base import Sources
from skills.core.platforms.istio.entries import ALLOW_ANY, ListedPort, Path, ServiceEntry
from skills.core.platforms.istio.index import Index
from skills.core.platforms.istio.network_edit import open_network
from skills.core.platforms.istio.placing import place_new
from skills.core.platforms.istio.remove import remove
from skills.core.platforms.istio.scope import Scope
from skills.core.platforms.istio.served import served
from skills.core.platforms.istio.workbench import Workbench
from skills.core.platforms.istio.writing import port_item, wanted
from skills.core.yaml_text import Document, append_item, insert_key, replace_value

_SEEN_FOR_ALL = "all environments"


def edit(index: Index, sources: Sources, need: Need) -> Plan:
    """One plan for all destinations; where nothing is to be done, a finding says why."""
    bench = Workbench(index, sources, need)
    for destination in dict.fromkeys(need.destinations):
        far = peers(index.cluster, need.workload, destination)
        ours = _is_ours(destination, far)
        if need.remove:
            remove(bench, destination, ours=ours)
        else:
            _add(bench, destination, far, ours)
    return bench.plan()


def _is_ours(destination: Destination, far: Peers) -> bool:
    """The mesh registers only what lies outside the cluster and is spoken to over TCP."""
    if destination.service or destination.workload or destination.protocol != "tcp":
        return False
    return not (far.internal or far.service or far.api_server or far.loopback)


def _add(bench: Workbench, destination: Destination, far: Peers, ours: bool) -> None:
    workload = bench.need.workload
    pods = pods_of(bench.index.cluster, workload)
    changed: list[str] = []
    for environment in bench.index.environments_of(workload):
        scope = bench.index.scopes[environment]
        binding = scope.bind(pods)
        if open_network(bench, scope, pods, destination, far):
            changed.append(environment or _SEEN_FOR_ALL)
            scope = bench.index.scopes[environment]
        if not ours or binding.mode == ALLOW_ANY or served(scope, pods, binding, destination):
            continue
        done = _extend(bench, scope, pods, destination)
        if done is None:
            done = _join_list(bench, scope, destination)
        if done is None:
            done = _new(bench, scope, destination)
        if done:
            changed.append(environment or _SEEN_FOR_ALL)
    names = list(dict.fromkeys(changed))
    if names:
        bench.say("EGR993", destination=str(destination), environments=", ".join(names))
    if len(names) > 1:
        bench.say("EGR586", environments=" and ".join(names), one=f"{names[0]}:{workload.name}")
    if names:
        return
    if ours and not bench.findings:
        bench.say("EGR995", destination=str(destination), namespace=bench.namespace)


def _join_list(bench: Workbench, scope: Scope, destination: Destination) -> bool | None:
    """A list of hosts with exactly these ports takes one more; None where the namespace keeps no such list."""
    ports = destination.ports
    family = destination.application
    if destination.host is None or ports is None or family is None:
        return None
    wanted = set(range(ports.first, min(ports.last, ports.first + 15) + 1))
    for entry in reversed(scope.of_namespace.get(bench.namespace, ())):
        own = entry.overlay.environment is not None or len(bench.index.scopes) == 1
        same = {port.number for port in entry.ports} == wanted and all(port.family == family for port in entry.ports)
        plain = not entry.endpoints and not entry.addresses and entry.resolution in {"DNS", "NONE", ""}
        if entry.sound and same and plain and (own or not _split(bench)) and _takes(entry, destination.host):
            return _append_host(bench, entry, destination.host)
    return None


def _takes(entry: ServiceEntry, host: str) -> bool:
    """A list is for everything, or for one site; a site's list takes only hosts of that site."""
    first, *others = [name.removeprefix("*.") for name, _ in entry.hosts]
    return bool(others) and (not all(_one_site(first, other) for other in others) or _one_site(first, host))


def _one_site(one: str, other: str) -> bool:
    return one == other or parent_of(one, other) or parent_of(other, one) or sibling(one, other)


def _append_host(bench: Workbench, entry: ServiceEntry, host: str) -> bool:
    """Where every host of the list says what it is for, the new one does too."""
    holder: Path = entry.spot.path if entry.shape == "route" else (*entry.spot.path, "spec")
    path: Path = (*holder, "hosts")
    said = bench.need.reason if all(" #" in place.text for _, place in entry.hosts) else ""
    return bench.change(
        entry.spot, lambda text, document: append_item(text, document, path, host, comment=said or None)
    )


def _split(bench: Workbench) -> bool:
    """Whether the namespace keeps entries in each environment's own file."""
    return any(
        entry.overlay.environment is not None
        for scope in bench.index.scopes.values()
        for entry in scope.of_namespace.get(bench.namespace, ())
    )


def _new(bench: Workbench, scope: Scope, destination: Destination) -> bool:
    item = wanted(destination, bench.namespace, scope.of_namespace.get(bench.namespace, ()))
    if item is None:
        bench.questions.append(Question("port", "EGR839", {"destination": destination.name}))
        return False
    if item.protocol == "TCP" and not item.addresses:
        bench.say("EGR994", host=item.host, port=item.ports[0])
    return place_new(bench, scope, item)


def _extend(bench: Workbench, scope: Scope, pods: Pods, destination: Destination) -> bool | None:
    """The namespace's own entry of that host gets what it lacks: its switch, or the port. None: there is none."""
    own = [
        entry
        for entry in scope.of_namespace.get(pods.namespace, ())
        if not entry.faults and not entry.templated and [host for host, _ in entry.hosts] == [destination.host]
    ]
    ports = destination.ports
    if not own or ports is None:
        return None
    entry = own[-1]
    if entry.off is not None and not _switch_on(bench, entry):
        return False
    present = {port.number: port for port in entry.ports}
    for number in range(ports.first, min(ports.last, ports.first + 15) + 1):
        known = present.get(number)
        if known is not None and not carries(known.family, spoken(destination)):
            bench.say("EGR989", known.place, host=destination.name, port=number, protocol=known.protocol)
            return False
        if known is None and not _add_port(bench, entry, number, destination):
            return False
    return True


def _switch_on(bench: Workbench, entry: ServiceEntry) -> bool:
    if entry.shape != "route":
        return False
    path: Path = (*entry.spot.path, "enabled")

    def step(text: str, document: Document) -> str:
        if document.at(*path) is not None:
            return replace_value(text, document, path, True)
        return insert_key(text, document, entry.spot.path, "enabled", True)

    return bench.change(entry.spot, step)


def _add_port(bench: Workbench, entry: ServiceEntry, number: int, destination: Destination) -> bool:
    """A route without ports has 443 by default, which a list of its own must repeat."""
    protocol = _protocol(entry.ports, destination)
    item = port_item(number, protocol)
    holder: Path = entry.spot.path if entry.shape == "route" else (*entry.spot.path, "spec")

    def step(text: str, document: Document) -> str:
        if document.at(*holder, "ports"):
            return append_item(text, document, (*holder, "ports"), item)
        default = [{"number": 443, "name": "https", "protocol": "HTTPS"}] if entry.shape == "route" else []
        return insert_key(text, document, holder, "ports", [*default, item])

    return bench.change(entry.spot, step)


def _protocol(ports: Sequence[ListedPort], destination: Destination) -> str:
    family = destination.application or "tcp"
    known = [port.protocol for port in ports if port.family == family]
    return known[-1] if known else {"tls": "TLS", "http": "HTTP"}.get(family, "TCP")
