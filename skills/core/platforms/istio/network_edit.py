"""The network's half of a change: keys below `networkPolicies.egress.from` of the release's values, and below
`networkPolicies.ingress.to` of the far side's, whose owners must agree."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count
from typing import Any

from skills.core.enforce.kube_decide import evaluate_egress, evaluate_ingress
from skills.core.enforce.kube_policy import Pods
from skills.core.enforce.peers import Peers
from skills.core.enforce.selectors import Match
from skills.core.model import Destination, LayerView, Ports, Question
from skills.core.platforms.istio.bb_keys import Remote, remote_key, spread
from skills.core.platforms.istio.bb_leaves import on
from skills.core.platforms.istio.bb_policies import NAME_KEY, local_selector
from skills.core.platforms.istio.entries import NAME, Path, Values
from skills.core.platforms.istio.scope import Scope
from skills.core.platforms.istio.workbench import Role, Workbench
from skills.core.yaml_text import Document, put_below, remove_item, replace_entry

_ANYWHERE = "0.0.0.0/0"
_MOST_KEYS = 64
_HALVES = {"out": ("egress", "from", "to"), "in": ("ingress", "to", "from")}


@dataclass(frozen=True, slots=True)
class Half:
    """One side of a connection in the values of one release: its local key, and what a new key needs besides."""

    values: Values
    side: str
    key: str
    made: dict[str, Any]

    @property
    def local(self) -> Path:
        section, locals_key, _ = _HALVES[self.side]
        return (*self.values.spot.path, "networkPolicies", section, locals_key, self.key)

    @property
    def remotes(self) -> Path:
        return (*self.local, _HALVES[self.side][2])


def open_network(bench: Workbench, scope: Scope, pods: Pods, destination: Destination, far: Peers) -> bool:
    """Writes what the rendered policies lack in this environment; whether it wrote anything."""
    done = False
    if scope.network.about(pods.namespace) and destination.ports is not None:
        view = evaluate_egress(scope.network, bench.index.cluster, pods, far, destination, NAME)
        half = _half(bench, scope, pods, "out") if _lacks(view) else None
        if half is not None:
            for remote in _remotes(bench, destination, far):
                done = _write(bench, half, remote) or done
    return _let_in(bench, scope, pods, destination, far) or done


def _lacks(view: LayerView) -> bool:
    return not view.allows and (view.default == "deny" or bool(view.unknown))


def _let_in(bench: Workbench, scope: Scope, pods: Pods, destination: Destination, far: Peers) -> bool:
    """The far side's own values; without them, word to its owners."""
    done = False
    for there in far.pods:
        if there.namespace == pods.namespace or not scope.network.about(there.namespace):
            continue
        view = evaluate_ingress(scope.network, pods, Peers((there,)), destination, NAME)
        half = _half(bench, scope, there, "in") if _lacks(view) else None
        if half is not None and _write(bench, half, _service(pods), "counterpart"):
            bench.say("EGR585", path=half.values.spot.file)
            done = True
        elif _lacks(view):
            ports = str(there.ports or destination.ports)
            bench.say("EGR584", namespace=there.namespace, workload=pods.name, ports=ports)
    return done


def close_network(bench: Workbench, scope: Scope, pods: Pods, destination: Destination, far: Peers) -> bool:
    """Takes away the keys that mean exactly the destination; what covers more stays."""
    given = destination.network or destination.addresses or far.pods
    for remote in _remotes(bench, destination, far) if given else ():
        if any(_erase(bench, half, remote) for half in _halves(bench, scope, pods, "out")):
            return True
    for there in far.pods:
        halves = _halves(bench, scope, there, "in") if there.namespace != pods.namespace else []
        if any(_erase(bench, half, _service(pods), "counterpart") for half in halves):
            return True
    return False


def _halves(bench: Workbench, scope: Scope, pods: Pods, side: str) -> list[Half]:
    return [Half(each, side, *_local(each, pods, side)) for each in _fitting(bench.index.values, scope, pods.namespace)]


def _half(bench: Workbench, scope: Scope, pods: Pods, side: str) -> Half | None:
    return next(iter(_halves(bench, scope, pods, side)), None)


def _fitting(every: Iterable[Values], scope: Scope, namespace: str) -> list[Values]:
    """The values that open something already, the environment's own before the common ones."""
    found = [
        values
        for values in every
        if values.namespace == namespace
        and not values.root
        and values.overlay.environment in {None, scope.environment}
        and any(path[0] == "np" for path in values.leaves)
    ]
    return sorted(found, key=lambda values: values.overlay.environment is None)


def _local(values: Values, pods: Pods, side: str) -> tuple[str, dict[str, Any]]:
    """The key of the local pods, and the selector that a new key needs."""
    labels = pods.labels
    port = f":{pods.ports}" if side == "in" and pods.ports else ""
    keys = dict.fromkeys(p[3] for p in values.leaves if p[:2] == ("np", side) and p[2] in {"to", "pods"})
    for key in list(keys)[:_MOST_KEYS]:
        selector = local_selector(values.leaves, side, key)
        fits = selector.matches(labels) is Match.YES if labels and not selector.empty else not labels and selector.empty
        if fits and (side == "out" or key.partition(":")[2] == port.lstrip(":")):
            return key, {}
    if not labels:
        return f"*{port}", {}
    label = NAME_KEY if NAME_KEY in labels else next(iter(labels))
    name = labels[label]
    made: dict[str, Any] = {"podSelector": {"matchLabels": {label: name}}}
    if name + port not in keys:
        return name + port, {} if label == NAME_KEY else made
    # A key of that name means other pods here: what is written below it would open for them.
    return next(new for n in count(2) if (new := f"{name}-{n}{port}") not in keys), made


def _write(bench: Workbench, half: Half, remote: Remote, role: Role = "allowlist") -> bool:
    path: Path = (*half.remotes, remote.kind, remote_key(remote))
    known = spread(half.values.leaves, half.side, half.key, remote)
    inner = _HALVES[half.side][2]

    def step(text: str, document: Document) -> str:
        if known is not None and remote.value is True:
            key, ports = known
            wider = remote_key(Remote(remote.kind, remote.far, ports | remote.numbers, True))
            return replace_entry(text, document, (*half.remotes, remote.kind, key), wider, True)
        if half.made and document.at(*half.local) is None:
            made = {**half.made, inner: {remote.kind: {path[-1]: remote.value}}}
            return put_below(text, document, half.local, made)
        return put_below(text, document, path, remote.value)

    return bench.change(half.values.spot, step, role)


def _erase(bench: Workbench, half: Half, remote: Remote, role: Role = "allowlist") -> bool:
    leaves = half.values.leaves
    known = spread(leaves, half.side, half.key, remote)
    if known is None or not remote.numbers <= known[1]:
        return False
    key, ports = known
    path: Path = (*half.remotes, remote.kind, key)
    if not on(leaves["np", half.side, "to", half.key, remote.kind, key].value):
        return False

    def step(text: str, document: Document) -> str:
        if ports - remote.numbers:
            kept = remote_key(Remote(remote.kind, remote.far, ports - remote.numbers, True))
            return replace_entry(text, document, path, kept, True)
        return remove_item(text, document, _pruned(document, path, len(half.local) - 1))

    return bench.change(half.values.spot, step, role)


def _pruned(document: Document, path: Path, shortest: int) -> Path:
    """The key, or the mapping above it that would be left with nothing but its selector."""
    while len(path) > shortest + 1:
        holder = document.at(*path[:-1])
        if not isinstance(holder, dict) or set(holder) - {path[-1], "podSelector"}:
            break
        path = path[:-1]
    return path


def _remotes(bench: Workbench, destination: Destination, far: Peers) -> list[Remote]:
    if far.pods:
        return [_service(pods) for pods in far.pods]
    given = [destination.network] if destination.network else list(destination.addresses)
    ports = destination.ports
    if not given:
        facts = {"host": destination.name, "ports": str(ports)}
        if bench.need.choice != "everywhere":
            bench.questions.append(Question("addresses", "EGR996", facts, ("addresses", "everywhere")))
        given = [_ANYWHERE]
    protocol = "" if destination.protocol == "tcp" else f"{destination.protocol}://"
    blocks = [text if "/" in text else f"{text}/32" for text in given if ":" not in text]
    return [Remote("cidr", protocol + text, _numbers(ports), True) for text in blocks]


def _numbers(ports: Ports | None) -> frozenset[int]:
    return frozenset(range(ports.first, min(ports.last, ports.first + 63) + 1)) if ports else frozenset()


def _service(pods: Pods) -> Remote:
    """The short key where its meaning is the pods' own label, else the long form with a selector (G-A27)."""
    labels = pods.labels or {}
    short = pods.name.partition("/")[2] or "*"
    name = labels.get(NAME_KEY)
    numbers = _numbers(pods.ports)
    if not labels:
        return Remote("k8s", pods.namespace, numbers, True)
    if name:
        return Remote("k8s", f"{pods.namespace}/{name}", numbers, True)
    return Remote("k8s", f"{pods.namespace}/{short}", numbers, {"podSelector": {"matchLabels": dict(labels)}})
