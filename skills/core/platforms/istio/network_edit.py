"""The network's half of a change: a key below `networkPolicies.egress.from` of the release's values."""

from __future__ import annotations

from typing import Any

from skills.core.enforce.kube_decide import evaluate_egress
from skills.core.enforce.kube_policy import Pods
from skills.core.enforce.matching import Match
from skills.core.enforce.peers import Peers
from skills.core.enforce.selectors import LabelSelector, parse
from skills.core.model import Destination, Question
from skills.core.platforms.istio.bb_policies import NAME_KEY
from skills.core.platforms.istio.entries import NAME, Path, Values
from skills.core.platforms.istio.scope import Scope
from skills.core.platforms.istio.workbench import Workbench, put_below

_ANYWHERE = "0.0.0.0/0"
_MOST_KEYS = 64


def open_network(bench: Workbench, scope: Scope, pods: Pods, destination: Destination, far: Peers) -> bool:
    """Writes what the rendered policies lack in this environment; whether it wrote anything."""
    if not scope.network.about(pods.namespace) or destination.ports is None:
        return False
    view = evaluate_egress(scope.network, bench.index.cluster, pods, far, destination, NAME)
    if view.allows or (view.default == "allow" and not view.unknown):
        return False
    values = _values(bench, scope)
    if values is None:
        return False
    key, made = _local(values, pods)
    done = False
    for kind, remote, value in _remotes(bench, destination, far):
        path: Path = (*values.spot.path, "networkPolicies", "egress", "from", key, "to", kind, remote)
        done = _write(bench, values, path, value, made) or done
    return done


def _write(bench: Workbench, values: Values, path: Path, value: Any, made: dict[str, Any]) -> bool:
    local = path[:-3]

    def step(text: str, document: Any) -> str:
        if made and document.at(*local) is None:
            return put_below(text, document, local, {**made, "to": {path[-2]: {path[-1]: value}}})
        return put_below(text, document, path, value)

    return bench.change(values.spot, step)


def _values(bench: Workbench, scope: Scope) -> Values | None:
    """The values that open something already, the environment's own before the common ones."""
    found = [
        values
        for values in bench.index.values
        if values.namespace == bench.namespace
        and values.overlay.environment in {None, scope.environment}
        and any(path[0] == "np" for path in values.leaves)
    ]
    return max(found, key=lambda values: values.overlay.environment is not None, default=None)


def _local(values: Values, pods: Pods) -> tuple[str, dict[str, Any]]:
    """The key of the local pods, and the selector that a new key needs."""
    labels = pods.labels
    keys = dict.fromkeys(path[2] for path in values.leaves if path[:2] in {("np", "to"), ("np", "pods")})
    for key in list(keys)[:_MOST_KEYS]:
        chosen = values.leaves.get(("np", "pods", key))
        selector = parse(chosen.value) if chosen else LabelSelector({} if key == "*" else {NAME_KEY: key})
        if (labels and not selector.empty and selector.matches(labels) is Match.YES) or (not labels and selector.empty):
            return key, {}
    if not labels:
        return "*", {}
    if NAME_KEY in labels:
        return labels[NAME_KEY], {}
    label = next(iter(labels))
    return labels[label], {"podSelector": {"matchLabels": {label: labels[label]}}}


def _remotes(bench: Workbench, destination: Destination, far: Peers) -> list[tuple[str, str, Any]]:
    if far.pods:
        return [_service(pods) for pods in far.pods]
    given = [destination.network] if destination.network else list(destination.addresses)
    if not given:
        facts = {"host": destination.name, "ports": str(destination.ports)}
        bench.questions.append(Question("addresses", "EGR996", facts, ("addresses", "everywhere")))
        given = [_ANYWHERE]
    ports = f":{destination.ports}"
    return [("cidr", f"{text if '/' in text else f'{text}/32'}{ports}", True) for text in given if ":" not in text]


def _service(pods: Pods) -> tuple[str, str, Any]:
    """The short key where its meaning is the pods' own label, else the long form with a selector (G-A27)."""
    ports = f":{pods.ports}" if pods.ports else ""
    labels = pods.labels or {}
    short = pods.name.partition("/")[2] or "*"
    name = labels.get(NAME_KEY)
    remote = f"{pods.namespace}/{name or short}{ports}"
    if name or not labels:
        return "k8s", remote if labels else f"{pods.namespace}{ports}", True
    return "k8s", remote, {"podSelector": {"matchLabels": dict(labels)}}
