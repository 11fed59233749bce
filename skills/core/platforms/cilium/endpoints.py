"""Endpoint selectors: labels with a source, where the namespace and its labels are labels of the pod.

Source: github.com/cilium/cilium pkg/k8s/apis/cilium.io/utils and pkg/labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from skills.core.enforce.cluster import Cluster, pods_named
from skills.core.enforce.kube_objects import PodFacts, templated
from skills.core.enforce.kube_policy import Pods
from skills.core.enforce.selectors import LabelSelector, Match, Requirement, all_of, sure

NAMESPACE = "io.kubernetes.pod.namespace"
NAMESPACE_LABELS = "io.cilium.k8s.namespace.labels."
ACCOUNT = "io.cilium.k8s.policy.serviceaccount"
CLUSTER = "io.cilium.k8s.policy.cluster"
_OF_PODS = ("", "any", "k8s")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Pods with what only Cilium looks at: their service account (None: nobody says).

    `declared`: a Namespace manifest says which labels the namespace has; without one it may have others as well.
    """

    pods: Pods
    account: str | None = None
    declared: bool = True


@dataclass(frozen=True, slots=True)
class Term:
    """One condition; `source` is what stands before the colon of the key."""

    source: str
    requirement: Requirement

    def __str__(self) -> str:
        wanted = self.requirement
        if wanted.operator == "In" and len(wanted.values) == 1:
            return f"{wanted.key}={wanted.values[0]}"
        return str(wanted)


@dataclass(frozen=True, slots=True)
class EndpointSelector:
    """All terms must hold. `own_namespace`: nothing in it names a namespace, so the policy's own is meant."""

    terms: tuple[Term, ...] = ()
    own_namespace: bool = False

    def __str__(self) -> str:
        return ", ".join(map(str, self.terms)) or "all pods"

    @property
    def empty(self) -> bool:
        return not self.terms

    @property
    def reserved(self) -> str:
        """The reserved identity that the selector means, if it is nothing but that."""
        names = [term.requirement.key for term in self.terms if term.source == "reserved"]
        return names[0] if len(names) == len(self.terms) == 1 else ""

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces that the selector names; none if it names none."""
        wanted = [t.requirement for t in self.terms if t.requirement.key == NAMESPACE]
        return next((item.values for item in wanted if item.operator == "In"), ())

    @property
    def labels(self) -> dict[str, str]:
        """The plain pod labels that it demands."""
        return {
            t.requirement.key: t.requirement.values[0]
            for t in self.terms
            if t.requirement.operator == "In" and len(t.requirement.values) == 1 and not _is_special(t)
        }

    def matches(self, end: Endpoint, namespace: str | None) -> Match:
        """Whether these pods are meant, by a policy in `namespace` (None: a template decides it)."""
        if end.pods.host_network:
            return Match.NO
        home = Match.YES
        if self.own_namespace:
            home = sure(namespace == end.pods.namespace) if namespace and end.pods.namespace else Match.UNKNOWN
        return min(home, all_of(term_match(term, end) for term in self.terms))


def _is_special(term: Term) -> bool:
    key = term.requirement.key
    return term.source not in _OF_PODS or key in {NAMESPACE, ACCOUNT, CLUSTER} or key.startswith(NAMESPACE_LABELS)


def term_match(term: Term, end: Endpoint) -> Match:
    wanted = term.requirement
    if any(map(templated, (wanted.key, *wanted.values))):
        return Match.UNKNOWN
    if term.source not in _OF_PODS:
        return wanted.matches({})
    known = _labels(wanted.key, end)
    if known is not None:
        return wanted.matches(known)
    if wanted.key == CLUSTER and wanted.operator in {"Exists", "DoesNotExist"}:
        return sure(wanted.operator == "Exists")
    return Match.UNKNOWN


def _labels(key: str, end: Endpoint) -> Mapping[str, str] | None:
    """What is known of one key; None where nobody says whether the pod carries it."""
    pods = end.pods
    if key == NAMESPACE:
        return {key: pods.namespace} if pods.namespace else None
    if key.startswith(NAMESPACE_LABELS):
        value = pods.namespace_labels.get(key.removeprefix(NAMESPACE_LABELS))
        if value is None:
            return {} if end.declared else None
        return {key: value}
    if key == ACCOUNT:
        return None if end.account is None else {key: end.account}
    if key == CLUSTER or pods.labels is None or ((pods.partial or pods.asserted) and key not in pods.labels):
        return None
    return pods.labels


def selector_of(written: LabelSelector, *, scoped: bool) -> EndpointSelector:
    """`scoped`: without a namespace of its own the selector stays in that of the policy."""
    terms = [_term(Requirement(key, "In", (value,))) for key, value in written.labels.items()]
    terms += [_term(item) for item in written.requirements]
    says = any(t.requirement.key == NAMESPACE or t.requirement.key.startswith(NAMESPACE_LABELS) for t in terms)
    reserved = any(term.source == "reserved" for term in terms)
    return EndpointSelector(tuple(terms), scoped and not says and not reserved)


def _term(written: Requirement) -> Term:
    source, colon, key = written.key.partition(":")
    if not colon:
        return Term("", written)
    return Term(source, Requirement(key, written.operator, written.values))


def endpoint(cluster: Cluster, pods: Pods) -> Endpoint:
    """Pods of the repository with their service account, if all of that name have the same."""
    namespace, _, name = pods.name.partition("/")
    accounts = {pod.service_account for pod in pods_named(cluster, namespace, name)} if name else set()
    known = accounts.pop() if len(accounts) == 1 else None
    said = None if known is None or templated(known) else known
    return Endpoint(pods, said, pods.namespace in cluster.declared)


def pod_end(cluster: Cluster, pod: PodFacts) -> Endpoint:
    """A pod of the repository, as policies see it."""
    labels, declared = cluster.labels_of(pod.namespace), pod.namespace in cluster.declared
    pods = Pods(f"{pod.namespace}/{pod.name}", pod.namespace, labels, pod.labels)
    return Endpoint(pods, pod.service_account, declared)
