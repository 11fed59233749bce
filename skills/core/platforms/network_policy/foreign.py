"""Policies of other makes (Calico, AdminNetworkPolicy and its kin): whether one of them could turn a verdict.

Their rules are not reckoned here. What is reckoned is where they have no say for certain: other pods, the other
direction, or actions that can't turn the decision at hand. Sources: docs.tigera.io (Calico resources) and
https://network-policy-api.sigs.k8s.io (AdminNetworkPolicy, BaselineAdminNetworkPolicy, ClusterNetworkPolicy).
"""

from __future__ import annotations

from collections.abc import Sequence

from skills.core.enforce.cluster import Cluster
from skills.core.enforce.kube_policy import NAMESPACE_KEY, Direction, Pods, labels_match
from skills.core.enforce.selectors import Match, all_of, any_of, sure
from skills.core.model import Finding, LayerView, finding, unique
from skills.core.platforms.network_policy.calico_selector import matches
from skills.core.platforms.network_policy.entries import ForeignEntry

_CODES = {"calico": "EGR927", "admin": "EGR885", "baseline": "EGR886", "generated": "EGR900", "firewall": "EGR1212"}
_ALLOWS = frozenset({"Allow", "Accept", "Log", "Pass"})
_DENIES = frozenset({"Deny", "Pass"})
_CALICO_DENIES = frozenset({"Deny", "Log"})
_MOST_SHOWN = 3


def selects(entry: ForeignEntry, cluster: Cluster, pods: Pods) -> Match:
    subject = entry.subject
    pods = pods.as_may_be  # a label that the asker did not name may bring a policy that denies
    declared = pods.namespace in cluster.declared
    if subject.namespaces is not None:
        there = pods._replace(labels=pods.namespace_labels, partial=not declared)
        return min(labels_match(subject.namespaces, there), labels_match(subject.pods, pods))
    found = [Match.YES if entry.namespace is None else sure(entry.namespace == pods.namespace)]
    if subject.selector:
        found.append(matches(subject.selector, lambda key: _pod_label(key, pods)))
    if subject.namespace_selector and entry.namespace is None:
        found.append(matches(subject.namespace_selector, lambda key: _namespace_label(key, pods, declared=declared)))
    if subject.accounts:
        found.append(Match.UNKNOWN)
    return all_of(found)


def _pod_label(key: str, pods: Pods) -> str | Match | None:
    """Calico adds labels of its own, of which only the namespace is sure."""
    if key == "projectcalico.org/namespace":
        return pods.namespace
    if pods.labels is not None and key in pods.labels:
        return pods.labels[key]
    unsaid = pods.labels is None or pods.partial or key.startswith(("projectcalico.org/", "pcns.", "pcsa."))
    return Match.UNKNOWN if unsaid else None


def _namespace_label(key: str, pods: Pods, *, declared: bool) -> str | Match | None:
    if key in {"projectcalico.org/name", NAMESPACE_KEY}:
        return pods.namespace
    value = pods.namespace_labels.get(key)
    return value if value is not None or declared else Match.UNKNOWN


# --- what it could turn


def with_foreign(
    entries: Sequence[ForeignEntry], cluster: Cluster, view: LayerView, ends: Sequence[Pods], direction: Direction
) -> LayerView:
    """The view with what policies of other makes could change in it. `ends` are the pods that they would be about."""
    may_allow, may_deny = [], []
    for entry in entries:
        about = any_of(selects(entry, cluster, pods) for pods in ends)
        actions = entry.egress if direction == "Egress" else entry.ingress
        if entry.make == "set" or about is Match.NO or actions is None:
            continue
        opens, closes = _effects(entry, actions, view)
        doubt = _doubt(entry, direction)
        may_allow += [doubt] if opens else []
        may_deny += [doubt] if closes else []
    doubts = may_deny[:_MOST_SHOWN]
    # What could only deny makes a denial no less certain; beside another dialect's allowance it is a doubt.
    passes = view.default == "allow" or bool(view.allows)
    unknown = unique([*view.unknown, *may_allow[:_MOST_SHOWN], *(doubts if passes else ())])
    return view._replace(unknown=unknown, doubts=(*view.doubts, *doubts))


def _effects(entry: ForeignEntry, actions: frozenset[str], view: LayerView) -> tuple[bool, bool]:
    """Whether it could allow what is denied in the view, and deny what is allowed in it."""
    isolated = view.default == "deny"
    if entry.make == "baseline":
        # Asked only where no NetworkPolicy selects the pods, and then everything passes that it does not deny.
        return False, not isolated and not actions <= _ALLOWS
    if entry.make == "firewall":
        return False, not actions <= _ALLOWS  # asked besides, so it can open nothing
    denied = isolated and not view.allows
    if entry.make == "generated":
        # It joins the union of NetworkPolicies: what they isolate already it can only open further.
        return denied and "Allow" in actions, not isolated
    if entry.make == "admin":
        return denied and not actions <= _DENIES, not actions <= _ALLOWS
    # Calico isolates the pods that it selects. In the default tier what it does not match goes on to NetworkPolicies,
    # so a list of Allow takes nothing away from a rule that stands there.
    # A Pass leaves the tier, and behind the last one stands the profile of the namespace, which lets everything go.
    harmless = entry.default_tier and bool(view.allows) and actions <= _ALLOWS
    return denied and not actions <= _CALICO_DENIES, not harmless


def _doubt(entry: ForeignEntry, direction: Direction) -> Finding:
    facts = {"kind": entry.kind, "policy": entry.name, "place": str(entry.place), "section": direction.lower()}
    return finding(_CODES[entry.make], entry.place, **facts)
