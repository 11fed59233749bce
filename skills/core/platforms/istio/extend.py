"""What registers a host: what stands already and takes a little more, the entry of a host or a list of hosts, else an
entry of its own, by which nothing must be lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from skills.core.enforce.kube_policy import Pods
from skills.core.enforce.mesh import carries, spoken
from skills.core.enforce.mesh_hosts import host_fault
from skills.core.hosts import parent_of, sibling
from skills.core.model import Destination, Question
from skills.core.platforms.istio.entries import ListedPort, Path, ServiceEntry
from skills.core.platforms.istio.nearer import Exported, at_stake
from skills.core.platforms.istio.placing import place_new
from skills.core.platforms.istio.scope import Binding, Scope
from skills.core.platforms.istio.through import leaves_through
from skills.core.platforms.istio.workbench import Workbench
from skills.core.platforms.istio.writing import Wanted, as_spoken, numbers_of, port_item, wanted
from skills.core.yaml_text import Document, append_item, insert_key, replace_value


def extend(bench: Workbench, scope: Scope, pods: Pods, destination: Destination) -> bool | None:
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
    for number in numbers_of(ports):
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
    to = as_spoken(destination, entry.ports)
    protocol = _protocol(entry.ports, to)
    if to.application != destination.application:
        bench.say("EGR828", host=to.name, port=number, protocol=protocol)
    elif protocol == "TCP" and not entry.addresses and not entry.passes_through:
        bench.say("EGR994", host=to.name, port=number)
    item = port_item(number, protocol)
    holder: Path = entry.spot.path if entry.shape == "route" else (*entry.spot.path, "spec")

    def step(text: str, document: Document) -> str:
        if document.at(*holder, "ports"):
            return append_item(text, document, (*holder, "ports"), item)
        # The list may stand in a file below this one, or nowhere: a new one must repeat what counted so far.
        so_far = [{"number": each.number, "name": each.name, "protocol": each.protocol} for each in entry.ports]
        return insert_key(text, document, holder, "ports", [*so_far, item])

    return bench.change(entry.spot, step)


def _protocol(ports: Sequence[ListedPort], destination: Destination) -> str:
    family = destination.application or "tcp"
    known = [port.protocol for port in ports if port.family == family]
    return known[-1] if known else {"tls": "TLS", "http": "HTTP"}.get(family, "TCP")


def join_list(bench: Workbench, scope: Scope, destination: Destination) -> bool | None:
    """A list of hosts with exactly these ports takes one more; None where the namespace keeps no such list."""
    ports = destination.ports
    family = destination.application
    if destination.host is None or ports is None or family is None:
        return None
    wanted = set(numbers_of(ports))
    for entry in reversed(scope.of_namespace.get(bench.namespace, ())):
        own = entry.overlay.environment is not None or len(bench.index.scopes) == 1
        same = {port.number for port in entry.ports} == wanted and all(port.family == family for port in entry.ports)
        # Nobody can resolve a wildcard: Istio refuses an entry that asks for it, with every other host of its list.
        resolutions = {"NONE", ""} if destination.host.startswith("*") else {"DNS", "NONE", ""}
        plain = not entry.endpoints and not entry.addresses and entry.resolution in resolutions
        fits = entry.sound and same and plain and (own or not _split(bench)) and _takes(entry, destination.host)
        if fits and (entry.shape != "manifest" or bench.overlay(entry.spot.file) is None):
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


# --- a host that the namespace does not register yet


def register(bench: Workbench, scope: Scope, pods: Pods, binding: Binding, destination: Destination) -> bool:
    """As its neighbours leave, else in a list of hosts where that takes nothing from the namespace, else in an entry of
    its own."""
    host, to = destination.host, as_spoken(destination)
    if host is not None and host_fault(host):
        bench.say("EGR1313", host=host)
        return False
    done = leaves_through(bench, scope, pods, to)
    if done is None:
        stake = at_stake(scope, host, bench.namespace, binding) if host else ()
        done = None if stake else join_list(bench, scope, to)
        done = _new(bench, scope, to, stake) if done is None else done
    if done and to.application != destination.application:
        bench.say("EGR828", host=to.name, port=str(to.ports), protocol=(to.application or "").upper())
    return done


def _new(bench: Workbench, scope: Scope, destination: Destination, stake: Sequence[Exported]) -> bool:
    item = wanted(destination, bench.namespace, scope.of_namespace.get(bench.namespace, ()))
    if item is None:
        bench.questions.append(Question("port", "EGR839", {"destination": destination.name}))
        return False
    if item.protocol == "TCP" and not item.addresses:
        bench.say("EGR994", host=item.host, port=item.ports[0])
    return place_new(bench, scope, _keeping(bench, item, stake))


def _keeping(bench: Workbench, item: Wanted, stake: Sequence[Exported]) -> Wanted:
    """With the ports that the new entry would take from its namespace, as far as it can serve them as they were."""
    kept: dict[int, str] = {}
    for each in stake:
        port, plain = each.port, not each.entry.endpoints and not each.entry.addresses and not item.addresses
        if plain and port.family != "tcp" and port.number not in item.ports and port.number not in kept:
            kept[port.number] = port.protocol
            home, namespace = each.entry.namespace, bench.namespace
            bench.say("EGR572", port.place, host=item.host, port=port.number, home=home, namespace=namespace)
    return replace(item, kept=tuple(kept.items()))
