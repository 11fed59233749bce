"""A host that the namespace does not register yet: where it is put, and what must not be lost by it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from skills.core.enforce.kube_policy import Pods
from skills.core.model import Destination, Question
from skills.core.platforms.istio.extend import join_list
from skills.core.platforms.istio.nearer import Exported, at_stake
from skills.core.platforms.istio.placing import place_new
from skills.core.platforms.istio.scope import Binding, Scope
from skills.core.platforms.istio.through import leaves_through
from skills.core.platforms.istio.workbench import Workbench
from skills.core.platforms.istio.writing import Wanted, as_spoken, wanted


def register(bench: Workbench, scope: Scope, pods: Pods, binding: Binding, destination: Destination) -> bool:
    """As its neighbours leave, else in a list of hosts where that takes nothing from the namespace, else in an entry of
    its own."""
    host, to = destination.host, as_spoken(destination)
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
