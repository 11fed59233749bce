"""Takes a host, or one port of it, out of the registry again, in every environment."""

from __future__ import annotations

from skills.core.enforce.peers import peers, pods_of
from skills.core.model import Destination
from skills.core.platforms.istio.entries import Path, ServiceEntry
from skills.core.platforms.istio.network_edit import close_network
from skills.core.platforms.istio.served import served
from skills.core.platforms.istio.workbench import Workbench
from skills.core.yaml_text import remove_item

_MOST_STEPS = 64
_MOST_FILES = 8


def remove(bench: Workbench, destination: Destination, *, ours: bool = True) -> None:
    """What names exactly the destination goes; what covers more stays, and is named."""
    workload = bench.need.workload
    done = False
    for _ in range(_MOST_STEPS if ours else 0):
        entry = _next(bench, destination)
        if entry is None or not _cut(bench, entry, destination):
            break
        done = True
    pods = pods_of(bench.index.cluster, workload)
    far = peers(bench.index.cluster, workload, destination)
    for environment in bench.index.environments_of(workload):
        for _ in range(_MOST_FILES):
            if not close_network(bench, bench.index.scopes[environment], pods, destination, far):
                break
            done = True
    for environment in bench.index.environments_of(workload):
        scope = bench.index.scopes[environment]
        left = [] if not ours else served(scope, pods, scope.bind(pods), destination)
        if left and all(found.code != "EGR1312" for found in bench.findings):
            bench.say("EGR967", left[0].entry.place, entry=left[0].entry.name, destination=str(destination))
            return
    if not done and ours and not bench.findings:
        bench.say("EGR995", destination=str(destination), namespace=bench.namespace)


def _next(bench: Workbench, destination: Destination) -> ServiceEntry | None:
    """The next entry to cut; what a base holds for others too stays, and is named."""
    for environment in bench.index.environments_of(bench.need.workload):
        for entry in bench.index.scopes[environment].of_namespace.get(bench.namespace, ()):
            names = [host for host, _ in entry.hosts] if destination.host else list(map(str, entry.networks))
            if (destination.host or destination.network) in names and _in_ports(entry, destination):
                if entry.shape != "manifest" or bench.overlay(entry.spot.file) is None:
                    return entry
                bench.say("EGR1312", entry.place, path=entry.spot.file, destination=str(destination))
    return None


def _in_ports(entry: ServiceEntry, destination: Destination) -> list[int]:
    """The positions of its ports that the destination means."""
    ports = destination.ports
    return [at for at, port in enumerate(entry.ports) if ports is None or ports.first <= port.number <= ports.last]


def _cut(bench: Workbench, entry: ServiceEntry, destination: Destination) -> bool:
    holder: Path = entry.spot.path if entry.shape == "route" else (*entry.spot.path, "spec")
    meant = _in_ports(entry, destination)
    listed = [host for host, _ in entry.hosts] if destination.host else list(map(str, entry.networks))
    key = "hosts" if destination.host else "addresses"
    if len(meant) == len(entry.ports) and len(listed) == 1:
        if entry.shape == "manifest" and not entry.spot.path:
            return bench.drop_document(entry.spot)
        return bench.change(entry.spot, lambda text, document: remove_item(text, document, entry.spot.path))
    if len(meant) == len(entry.ports):
        at = listed.index(destination.host or destination.network or "")
        return bench.change(entry.spot, lambda text, document: remove_item(text, document, (*holder, key), at))
    if len(listed) == 1:
        return bench.change(
            entry.spot, lambda text, document: remove_item(text, document, (*holder, "ports"), meant[-1])
        )
    return False
