"""The smallest change that registers a host, in every environment that lacks it; or that takes it away again."""

from __future__ import annotations

from collections.abc import Sequence

from skills.core.enforce.kube_policy import Pods
from skills.core.enforce.peers import Peers, peers, pods_of
from skills.core.model import Destination, Need, Plan
from skills.core.platform_base import Sources
from skills.core.platforms.istio.bypass import lets_out
from skills.core.platforms.istio.extend import extend, register
from skills.core.platforms.istio.index import Index
from skills.core.platforms.istio.network_edit import open_network
from skills.core.platforms.istio.remove import remove
from skills.core.platforms.istio.scope import OTHER_ENVIRONMENTS, Scope
from skills.core.platforms.istio.served import surely_served
from skills.core.platforms.istio.workbench import Workbench

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
    before, changed = bench.index, list[str | None]()
    environments = before.environments_of(workload)
    # A file for all of them is changed for those that have none of their own, and serves the others as well.
    for environment in sorted(environments, key=lambda name: _has_own(before.scopes[name], pods.namespace)):
        scope = bench.index.scopes[environment]
        binding = scope.bind(pods)
        if open_network(bench, scope, pods, destination, far):
            changed.append(environment)
            scope = bench.index.scopes[environment]
        if not ours or lets_out(scope, pods, binding) or surely_served(scope, pods, binding, destination):
            continue
        done = extend(bench, scope, pods, destination)
        if done is None:
            done = register(bench, scope, pods, binding, destination)
        if done:
            changed.append(environment)
    if changed:
        new = {name for name in environments if ours and _is_new(before, bench.index, name, pods, destination)}
        opened = [name for name in environments if name in new or name in changed]
        _say_where(bench, destination, [name for name in environments if name in changed], opened)
    elif ours and not bench.findings and not bench.questions:
        bench.say("EGR995", destination=str(destination), namespace=bench.namespace)


def _is_new(before: Index, after: Index, environment: str | None, pods: Pods, to: Destination) -> bool:
    was, now = before.scopes[environment], after.scopes.get(environment)
    if now is None:  # its first file of its own gave it a name
        return False
    return surely_served(now, pods, now.bind(pods), to) and not surely_served(was, pods, was.bind(pods), to)


def _has_own(scope: Scope, namespace: str) -> bool:
    return any(entry.overlay.environment for entry in scope.of_namespace.get(namespace, ()))


def _say_where(
    bench: Workbench, destination: Destination, changed: Sequence[str | None], opened: Sequence[str | None]
) -> None:
    workload = bench.need.workload
    common = OTHER_ENVIRONMENTS if len(bench.index.scopes) > 1 else _SEEN_FOR_ALL
    names, files = ([name or workload.environment or common for name in part] for part in (opened, changed))
    bench.say("EGR993", destination=str(destination), environments=" and ".join(names))
    if len(files) > 1:
        bench.say("EGR586", environments=" and ".join(files), first=files[0], one=f"{files[0]}:{workload.name}")
