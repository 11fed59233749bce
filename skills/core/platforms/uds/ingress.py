"""The far Package's `remoteServiceAccount`: an AuthorizationPolicy beside the NetworkPolicy of an Ingress rule."""

from __future__ import annotations

from collections.abc import Sequence

from skills.core.enforce.kube_flow import Flow, coverage
from skills.core.enforce.kube_policy import Pods
from skills.core.enforce.mesh import LAYER
from skills.core.enforce.peers import Peers
from skills.core.enforce.selectors import Match
from skills.core.model import Destination, LayerView, NearMiss, RuleHit, Workload, finding
from skills.core.platforms.uds.generate import openings
from skills.core.platforms.uds.index import Index
from skills.core.platforms.uds.package import NAME, Allow, Package


def account_views(
    index: Index, workload: Workload, source: Pods, destination: Destination, far: Peers
) -> list[LayerView]:
    """A view only where every Ingress rule that lets the source in also names a service account."""
    views = []
    for receiver in far.pods:
        for package in index.packages.get(receiver.namespace, ()):
            rules = _letting_in(index, package, receiver, source, destination)
            if rules and all(rule.remote_service_account for rule in rules):
                views.append(_view(package, rules, workload))
    return views


def _letting_in(index: Index, package: Package, receiver: Pods, source: Pods, to: Destination) -> list[Allow]:
    flow = Flow("Ingress", receiver, source, to.protocol, receiver.ports)
    found = []
    for item in index.generated.get(package.key, ()):
        matching = coverage(openings([item], package.namespace, flow), flow)
        if item.allow is not None and matching is not Match.NO:
            found.append(item.allow)
    return found


def _view(package: Package, rules: Sequence[Allow], workload: Workload) -> LayerView:
    fitting = [rule for rule in rules if rule.remote_service_account == workload.service_account]
    places = tuple(rule.at("remoteServiceAccount") for rule in rules)
    wanted = ", ".join(dict.fromkeys(rule.remote_service_account or "" for rule in rules))
    facts = {"package": package.name, "wanted": wanted, "workload": workload.name}
    if workload.service_account is None:
        unknown = (finding("EGR833", *places, **facts),)
        return LayerView(LAYER, NAME, "deny", isolators=places, unknown=unknown, half="ingress")
    allows = tuple(RuleHit("allow", rule.at("remoteServiceAccount")) for rule in fitting)
    account = workload.service_account
    misses = () if fitting else tuple(NearMiss(finding("EGR166", p, account=account, **facts), p, 1) for p in places)
    return LayerView(LAYER, NAME, "deny", allows, isolators=places, near=misses, half="ingress")
