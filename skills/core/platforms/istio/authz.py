"""AuthorizationPolicies that target a ServiceEntry: a waypoint lets only those through whom they admit.

Source: https://istio.io/latest/docs/reference/config/security/authorization-policy/. DENY goes before ALLOW; once an
ALLOW policy targets the host, whoever matches none is refused. Sidecars enforce none of this on the way out.
"""

from __future__ import annotations

from dataclasses import replace

from skills.core.enforce.kube_policy import Pods
from skills.core.enforce.matching import Match, any_of, sure
from skills.core.enforce.mesh_hosts import within
from skills.core.model import Destination, LayerView, RuleHit, finding
from skills.core.platforms.istio.entries import Policy
from skills.core.platforms.istio.scope import Scope

_ENFORCED = frozenset({"ALLOW", "DENY"})


def at_waypoint(scope: Scope, view: LayerView, pods: Pods, account: str | None, to: Destination) -> LayerView:
    """The view with what AuthorizationPolicies of the host's ServiceEntries say."""
    policies = _targeting(scope, to)
    if not policies:
        return view
    matches = {policy: _matches(policy, pods.namespace, account) for policy in policies}
    denying = [policy for policy in policies if policy.action == "DENY"]
    allowing = [policy for policy in policies if policy.action == "ALLOW"]
    sure_denial = [policy for policy in denying if matches[policy] is Match.YES]
    admitted = any_of(matches[policy] for policy in allowing) if allowing else Match.YES
    if sure_denial:
        return replace(view, denies=tuple(RuleHit("deny", policy.place) for policy in sure_denial))
    doubtful = [policy for policy in policies if matches[policy] is Match.UNKNOWN]
    if admitted is Match.YES and not any(policy in denying for policy in doubtful):
        return view
    if admitted is Match.NO:
        places = tuple(policy.place for policy in allowing)
        said = finding("EGR998", *places, policy=allowing[0].name, host=to.name, workload=pods.name)
        return replace(view, default="deny", allows=(), isolators=(*view.isolators, *places), findings=(said,))
    unknown = finding(
        "EGR997", *(policy.place for policy in doubtful), policy=doubtful[0].name, host=to.name, workload=pods.name
    )
    return replace(view, default="deny", allows=(), unknown=(*view.unknown, unknown))


def _targeting(scope: Scope, to: Destination) -> list[Policy]:
    if to.host is None or not scope.policies:
        return []
    named = {(entry.namespace, entry.name) for entry in scope.named(to.host) if _lists(entry.hosts, to.host)}
    return [
        policy
        for policy in scope.policies
        if policy.action in _ENFORCED and any((policy.namespace, target) in named for target in policy.targets)
    ]


def _lists(hosts: tuple[tuple[str, object], ...], host: str) -> bool:
    return any(within(host, name) for name, _ in hosts)


def _matches(policy: Policy, namespace: str, account: str | None) -> Match:
    """Whether a rule of the policy means these pods. An empty list of rules means nobody."""
    if policy.sources is None:
        return Match.YES if policy.plain else Match.UNKNOWN
    outcomes = [
        Match.NO
        if home != namespace
        else Match.YES
        if wanted is None
        else Match.UNKNOWN
        if account is None
        else sure(wanted == account)
        for home, wanted in policy.sources
    ]
    found = any_of(outcomes)
    return found if policy.plain else Match.UNKNOWN
