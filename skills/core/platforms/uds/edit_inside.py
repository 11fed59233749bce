"""A connection inside the cluster: an Egress rule here, and the Ingress rule of the far Package."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from skills.core.enforce.kube_policy import Pods, labels_match
from skills.core.enforce.peers import Peers, pods_of
from skills.core.enforce.selectors import LabelSelector, Match
from skills.core.model import Destination, LayerView, Role
from skills.core.platforms.uds.choose import selector_of
from skills.core.platforms.uds.near import peer_match_of
from skills.core.platforms.uds.package import Allow, Package
from skills.core.platforms.uds.rules import Wanted, mine, put, selector_or_question
from skills.core.platforms.uds.workbench import Workbench


def add_inside(
    bench: Workbench, package: Package, destination: Destination, far: Peers, views: Sequence[LayerView]
) -> None:
    """Drafts the half that is missing, or both. `views` are what the Packages say of the flow as it stands."""
    selector = selector_or_question(bench, package)
    if selector is None:
        return
    if far.api_server:
        put(bench, package, Wanted("Egress", selector, {"remoteGenerated": "KubeAPI"}, (), "the Kubernetes API"), [])
        return
    for pods in far.pods:
        ports = pods.ports
        if pods.labels is None or ports is None or ports.first != ports.last:
            bench.ask("far_labels", "EGR838", workload=pods.name)
            continue
        target = _target(bench, pods, far)
        if not _open(views, "egress"):
            _put_egress(bench, selector, target, pods, destination)
        if not _open(views, "ingress"):
            _put_ingress(bench, selector, target, pods, destination)


def _open(views: Sequence[LayerView], half: str) -> bool:
    """Whether a half is open already. One whose Package nobody sees is not."""
    own = [view for view in views if view.half == half]
    return all(view.allows or (view.default == "allow" and not view.unknown) for view in own)


def _target(bench: Workbench, pods: Pods, far: Peers) -> LabelSelector:
    """How to select the far pods: as their Service does, else as the rules of their own Package do."""
    if far.service is not None and far.service.selector:
        return LabelSelector(dict(far.service.selector))
    there = bench.package(pods.namespace)
    return selector_of(pods.labels or {}, there.rules if there is not None else ())


def _put_egress(bench: Workbench, selector: LabelSelector, target: LabelSelector, pods: Pods, to: Destination) -> None:
    package = bench.package(bench.namespace)
    if package is None:
        return
    remote = _remote(pods.namespace, bench.namespace, target)
    name = f"{_called(pods.name)} in {pods.namespace} pods"
    wanted = Wanted("Egress", selector, remote, _number(pods), name, _transport(package, to))
    like = [rule for rule in naming(bench, package, "Egress", pods, to) if mine(bench, rule)]
    put(bench, package, wanted, like)


def _put_ingress(bench: Workbench, selector: LabelSelector, target: LabelSelector, pods: Pods, to: Destination) -> None:
    source = bench.need.workload.name
    package = bench.package(pods.namespace)
    if package is None:
        facts = {"namespace": pods.namespace, "source": source, "source_namespace": bench.namespace}
        bench.say("EGR844", port=str(pods.ports), **facts)
        return
    remote = _remote(bench.namespace, pods.namespace, selector)
    name = f"{_called(source)} in {bench.namespace} pods"
    wanted = Wanted("Ingress", target, remote, _number(pods), name, _transport(package, to))
    near = pods_of(bench.index.cluster, bench.need.workload)
    like = [
        rule
        for rule in naming(bench, package, "Ingress", near, to)
        if labels_match(rule.pods, pods) is Match.YES and rule.remote_service_account is None
    ]
    role: Role = "allowlist" if pods.namespace == bench.namespace else "counterpart"
    put(bench, package, wanted, like, role)


def _remote(namespace: str, own: str, selector: LabelSelector) -> dict[str, Any]:
    """A selector alone means the rule's own namespace."""
    there: dict[str, Any] = {} if namespace == own else {"remoteNamespace": namespace}
    return {**there, "remoteSelector": dict(selector.labels)}


def naming(bench: Workbench, package: Package, direction: str, far: Pods, to: Destination) -> list[Allow]:
    """Rules with a list of ports that are about these far pods by a selector of their own."""
    items = bench.index.generated.get(package.key, ())
    return [
        item.allow
        for item in items
        if item.allow is not None
        and item.allow.direction == direction
        and item.allow.remote_generated is None
        and item.allow.remote_selector is not None
        and item.allow.opened_ports
        and item.allow.udp == (to.protocol == "udp")
        and peer_match_of(item, package.namespace, far) is Match.YES
    ]


def _number(pods: Pods) -> tuple[int, ...]:
    return (pods.ports.first,) if pods.ports is not None else ()


def _transport(package: Package, to: Destination) -> str | None:
    """`remoteProtocol` is written for UDP, and for TCP only where the Package spells it out elsewhere."""
    if to.protocol == "udp":
        return "UDP"
    return "TCP" if any(rule.remote_protocol == "TCP" for rule in package.allow) else None


def _called(name: str) -> str:
    """The last part of `namespace/name{labels}`."""
    return name.partition("{")[0].rpartition("/")[2]
