"""One rule that is wanted becomes a longer list of ports in a rule that stands, or a new rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from skills.core.enforce.kube_policy import labels_match
from skills.core.enforce.peers import pods_of
from skills.core.enforce.selectors import LabelSelector, Match
from skills.core.model import Destination, Role
from skills.core.platforms.uds.choose import description_for, ordered, selector_for
from skills.core.platforms.uds.package import Allow, Package
from skills.core.platforms.uds.workbench import Workbench

_MOST_PORTS = 16


@dataclass(frozen=True)
class Wanted:
    """A rule as it should be. `remote` are the fields that name the remote, `name` is the remote in words."""

    direction: str
    selector: LabelSelector
    remote: Mapping[str, Any]
    ports: tuple[int, ...]
    name: str
    protocol: str | None = None
    account: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


def put(
    bench: Workbench, package: Package, wanted: Wanted, like: Sequence[Allow], role: Role = "allowlist"
) -> Allow | None:
    """Extends a rule of `like`, or appends a new one. Gives the rule as it then stands; None if it can't be."""
    for rule in like:
        if not _same_effect(bench, package, wanted, rule):
            continue
        opened = rule.mesh_ports if rule.remote_host is not None else rule.opened_ports
        missing = [port for port in wanted.ports if port not in opened]
        if not missing or bench.add_ports(package, rule, missing, role):
            return _standing(bench, package, rule.position)
    item = _item(bench, package, wanted)
    if item is None or not bench.add_rule(package, item, role):
        return None
    return _standing(bench, package, -1)


def _same_effect(bench: Workbench, package: Package, wanted: Wanted, rule: Allow) -> bool:
    """Whether a longer list of ports opens no more than a rule of its own would.

    A rule for more pods does, except at the waypoint: all pods that its account admits share a port there anyway.
    """
    if rule.pods.labels == wanted.selector.labels:
        return True
    at_waypoint = rule.remote_host is not None and bench.index.mode(package) == "ambient"
    return at_waypoint and rule.service_account == wanted.account


def _item(bench: Workbench, package: Package, wanted: Wanted) -> dict[str, Any] | None:
    over = wanted.protocol or "TCP"
    app = next(iter(wanted.selector.labels.values()), package.name)
    description = description_for(bench.index, package, wanted.direction, wanted.name, over, app)
    if description is None:
        why = "no description is left that would give the rule a name of its own"
        bench.say("EGR846", package.place, package=package.name, path=package.path, why=why)
        return None
    item: dict[str, Any] = {"direction": wanted.direction}
    if wanted.selector.labels:
        item["selector"] = dict(wanted.selector.labels)
    item |= wanted.remote
    if wanted.protocol is not None:
        item["remoteProtocol"] = wanted.protocol
    if len(wanted.ports) == 1:
        item["port"] = wanted.ports[0]
    elif wanted.ports:
        item["ports"] = list(wanted.ports)
    if wanted.account is not None:
        item["serviceAccount"] = wanted.account
    item["description"] = description
    return ordered(item, package, wanted.selector)


def _standing(bench: Workbench, package: Package, index: int) -> Allow | None:
    now = bench.package(package.namespace)
    return now.allow[index] if now is not None and now.allow else None


def selector_or_question(bench: Workbench, package: Package) -> LabelSelector | None:
    """How to select the asking pods; a question where nobody knows their labels."""
    workload = bench.need.workload
    selector = selector_for(package, workload)
    if selector is None:
        used = dict.fromkeys(str(rule.pods).replace(", ", ",") for rule in package.rules if not rule.pods.empty)
        choices = [f"{package.namespace}{{{labels}}}" for labels in used]
        bench.ask("labels", "EGR838", choices, workload=workload.name)
    return selector


def ports_or_question(bench: Workbench, destination: Destination) -> tuple[int, ...]:
    """The ports as single numbers, which is all that UDS knows; none when that can't be."""
    ports = destination.ports
    if ports is None:
        bench.ask("port", "EGR839", destination=destination.name)
        return ()
    numbers = tuple(range(ports.first, ports.last + 1))
    if len(numbers) > _MOST_PORTS:
        why = f"UDS lists single ports, and {ports} are {len(numbers)}"
        package = bench.package(bench.namespace)
        if package is not None:
            bench.say("EGR846", package.place, package=package.name, path=package.path, why=why)
        return ()
    return numbers


def mine(bench: Workbench, rule: Allow) -> bool:
    """Whether a rule selects the asking pods for certain."""
    return labels_match(rule.pods, pods_of(bench.index.cluster, bench.need.workload)) is Match.YES


def say_others(bench: Workbench, selector: LabelSelector, target: str, ports: Sequence[int]) -> None:
    """Other workloads of the namespace that carry the same labels get the flow too, so they are named."""
    workload = bench.need.workload
    if workload.place is None or selector.empty:
        return
    own = (workload.labels, workload.service_account)
    for pod in bench.index.cluster.pods.get(bench.namespace, ()):
        if (pod.labels, pod.service_account) != own and selector.matches(pod.labels) is Match.YES:
            facts = {"source": f"{pod.namespace}/{pod.name}", "target": target, "ports": ", ".join(map(str, ports))}
            bench.say("EGR842", pod.place, **facts)
