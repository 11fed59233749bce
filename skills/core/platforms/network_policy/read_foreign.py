"""Reads policies of other makes, as far as whom they are about and what their rules do with a match."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from skills.core.enforce.kube_objects import mapping_of, namespace_of, sequence_of, templated, text_of
from skills.core.enforce.kube_policy import NAMESPACE_KEY, default_directions
from skills.core.enforce.selectors import LabelSelector, Requirement, parse
from skills.core.model import finding
from skills.core.platforms.network_policy.entries import ForeignEntry, Subject
from skills.core.yaml_text import Document

GROUPS = {
    "NetworkPolicy": "projectcalico.org/",
    "GlobalNetworkPolicy": "projectcalico.org/",
    "NetworkSet": "projectcalico.org/",
    "GlobalNetworkSet": "projectcalico.org/",
    "AdminNetworkPolicy": "policy.networking.k8s.io/",
    "BaselineAdminNetworkPolicy": "policy.networking.k8s.io/",
    "ClusterNetworkPolicy": "policy.networking.k8s.io/",
    "ClusterPolicy": "kyverno.io/",
    "EgressFirewall": "k8s.ovn.org/",
    "EgressNetworkPolicy": "network.openshift.io/",
}
# OVN-Kubernetes and OpenShift SDN: for all pods of a namespace, and only for what leaves the cluster.
# Source: https://ovn-kubernetes.io/features/network-security-controls/egress-firewall/
_FIREWALLS = ("EgressFirewall", "EgressNetworkPolicy")
_SETS = ("NetworkSet", "GlobalNetworkSet")


def is_foreign(kind: str, version: str) -> bool:
    return kind in GROUPS and GROUPS[kind] in version


def read_foreign(document: Document) -> Sequence[ForeignEntry]:
    """Nothing for a set of addresses, unless it lists domains."""
    data = document.data
    if data.get("kind") == "ClusterPolicy":
        return tuple(_generated(document, mapping_of(data.get("spec"))))
    kind, metadata, spec = text_of(data.get("kind")), mapping_of(data.get("metadata")), mapping_of(data.get("spec"))
    place = document.place_of("metadata", "name")
    domains = _domains(kind, spec)
    remarks = (finding("EGR887", place, kind=kind, policy=text_of(metadata.get("name"))),) if domains else ()
    if kind in _SETS and not remarks:
        return ()
    calico = "projectcalico.org/" in text_of(data.get("apiVersion"))
    namespace = namespace_of(metadata)[0] if kind in {"NetworkPolicy", *_FIREWALLS} else None
    return (
        ForeignEntry(
            kind,
            text_of(metadata.get("name")),
            None if templated(namespace or "") else namespace,
            place,
            "set" if kind in _SETS else "calico" if calico else _tier(kind, spec),
            Subject() if kind in _FIREWALLS else _calico_subject(spec) if calico else _admin_subject(spec),
            _actions(spec, "egress", calico=calico),
            _actions(spec, "ingress", calico=calico),
            text_of(spec.get("tier")) in {"", "default"} if calico else False,
            remarks,
        ),
    )


def _generated(document: Document, spec: Mapping[str, Any]) -> Iterator[ForeignEntry]:
    """Kyverno writes NetworkPolicies into namespaces, a default deny most often.

    Source: https://kyverno.io/docs/policy-types/cluster-policy/generate/
    """
    name = text_of(mapping_of(mapping_of(document.data).get("metadata")).get("name"))
    for rule in (mapping_of(item) for item in sequence_of(spec.get("rules"))):
        made = mapping_of(rule.get("generate"))
        kinds = [text_of(made.get("kind")), *map(text_of, sequence_of(mapping_of(made.get("cloneList")).get("kinds")))]
        if not any(kind.rpartition("/")[2] == "NetworkPolicy" for kind in kinds):
            continue
        written = mapping_of(mapping_of(made.get("data")).get("spec"))
        yield ForeignEntry(
            "ClusterPolicy",
            name,
            None,
            document.place_of("metadata", "name"),
            "generated",
            Subject(namespaces=_matched(rule), pods=parse(written.get("podSelector"))),
            _would(written, "egress"),
            _would(written, "ingress"),
        )


def _would(written: Mapping[str, Any], key: str) -> frozenset[str] | None:
    """What the generated policy does in a direction; a copy of another one could do anything."""
    types = {text_of(item) for item in sequence_of(written.get("policyTypes"))} or default_directions(written)
    if not written:
        return frozenset({"Deny", "Allow"})
    if key.capitalize() not in types:
        return None
    return frozenset({"Deny", "Allow"}) if written.get(key) else frozenset({"Deny"})


def _matched(rule: Mapping[str, Any]) -> LabelSelector:
    """The namespaces that a rule is about, as far as it names them outright; else every one."""
    wanted = []
    for key, operator in (("match", "In"), ("exclude", "NotIn")):
        block = mapping_of(rule.get(key))
        blocks = [mapping_of(item) for item in (*sequence_of(block.get("any")), *sequence_of(block.get("all")), block)]
        listed = [sequence_of(mapping_of(item.get("resources")).get("names")) for item in blocks]
        names = tuple(text_of(name) for each in listed for name in each)
        if names and not any(sign in name for name in names for sign in "*?{"):
            wanted.append(Requirement(NAMESPACE_KEY, operator, names))
    return LabelSelector(requirements=tuple(wanted))


def _domains(kind: str, spec: Mapping[str, Any]) -> bool:
    """Only Calico Enterprise and Cloud know host names."""
    if kind in _SETS:
        return bool(spec.get("allowedEgressDomains"))
    rules = [mapping_of(rule) for rule in sequence_of(spec.get("egress"))]
    return any(mapping_of(rule.get("destination")).get("domains") for rule in rules)


def _tier(kind: str, spec: Mapping[str, Any]) -> str:
    if kind in _FIREWALLS:
        return "firewall"
    return "baseline" if kind.startswith("Baseline") or text_of(spec.get("tier")) == "Baseline" else "admin"


def _actions(spec: Mapping[str, Any], key: str, *, calico: bool) -> frozenset[str] | None:
    """What the rules of a direction do; None where the policy has no say in it."""
    rules = [mapping_of(rule) for rule in sequence_of(spec.get(key))]
    actions = frozenset(text_of(rule.get("action") or rule.get("type")) for rule in rules)
    if not calico:
        return actions or None
    types = [text_of(item) for item in sequence_of(spec.get("types"))]
    if not types:
        types = ["Egress"] if spec.get("egress") else []
        types += ["Ingress"] if spec.get("ingress") or not types else []
    return actions if key.capitalize() in types else None


def _calico_subject(spec: Mapping[str, Any]) -> Subject:
    accounts = bool(spec.get("serviceAccountSelector"))
    return Subject(text_of(spec.get("selector")), text_of(spec.get("namespaceSelector")), accounts=accounts)


def _admin_subject(spec: Mapping[str, Any]) -> Subject:
    subject = mapping_of(spec.get("subject"))
    if "pods" in subject:
        pods = mapping_of(subject["pods"])
        return Subject(namespaces=parse(pods.get("namespaceSelector")), pods=parse(pods.get("podSelector")))
    return Subject(namespaces=parse(subject.get("namespaces")), pods=LabelSelector())
