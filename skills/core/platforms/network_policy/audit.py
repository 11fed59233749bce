"""Contradictions in the policies of a repository, said without being asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from skills.core.enforce.kube_policy import NAMESPACE_KEY, NetworkPolicy, Peer
from skills.core.enforce.selectors import Match
from skills.core.model import Finding, Place, finding
from skills.core.platforms.network_policy.contradictions import contradictions
from skills.core.platforms.network_policy.entries import PolicyEntry
from skills.core.platforms.network_policy.index import Index

_MOST_PLACES = 3


def audit(index: Index) -> Sequence[Finding]:
    found: list[Finding] = []
    for entry in index.entries:
        found += entry.policy.faults
        found += entry.remarks
    found += [remark for other in index.foreign for remark in other.remarks]
    found += _declared_twice(index)
    found += _dead_namespace_labels(index)
    found += _selecting_nothing(index)
    found += contradictions(index)
    return found


def _declared_twice(index: Index) -> Iterator[Finding]:
    """Policies of one namespace and name overwrite each other when applied."""
    named: dict[tuple[str, str], list[PolicyEntry]] = {}
    for entry in index.entries:
        if entry.policy.namespace is not None and entry.policy.name:
            named.setdefault((entry.policy.namespace, entry.policy.name), []).append(entry)
    for (namespace, name), entries in named.items():
        if len(entries) > 1:
            places = [entry.policy.place for entry in entries[:_MOST_PLACES]]
            where = ", ".join(str(place) for place in places)
            yield finding("EGR948", *places, policy=name, namespace=namespace, places=where)


def _dead_namespace_labels(index: Index) -> Iterator[Finding]:
    """Selectors on a namespace label that no Namespace manifest of the repository sets match nothing."""
    dead: dict[tuple[str, str], list[Place]] = {}
    for entry in index.entries:
        for peer in _peers(entry.policy):
            label = _dead_label(index, peer)
            if label:
                dead.setdefault(label, []).append(peer.place)
    for (key, value), places in dead.items():
        shown = places[:_MOST_PLACES]
        yield finding("EGR941", *shown, key=key, value=value, count=len(places), name_key=NAMESPACE_KEY)


def _dead_label(index: Index, peer: Peer) -> tuple[str, str] | None:
    selector = peer.namespaces
    if selector is None:
        return None
    demanded = list(selector.labels.items())
    demanded += [(item.key, " or ".join(item.values)) for item in selector.requirements if item.operator == "In"]
    label = next(((key, value) for key, value in demanded if key != NAMESPACE_KEY), None)
    if label is None:
        return None
    if any(selector.matches(labels) is Match.YES for labels in index.cluster.namespaces.values()):
        return None
    return label


def _peers(policy: NetworkPolicy) -> list[Peer]:
    return [peer for rule in (*policy.egress, *policy.ingress) for peer in rule.peers]


def _selecting_nothing(index: Index) -> Iterator[Finding]:
    """Only where the repository knows the namespace's workloads, for else the pods may stand elsewhere."""
    for entry in index.entries:
        policy = entry.policy
        pods = index.cluster.pods.get(policy.namespace or "", ())
        if not pods or policy.selector is None or policy.selector.empty:
            continue
        if all(policy.selector.matches(pod.labels) is Match.NO for pod in pods):
            selector = str(policy.selector)
            yield finding("EGR949", policy.place, policy=policy.name, selector=selector, namespace=policy.namespace)
