"""Which network plugin the manifests show, where that matters: under Cilium no ipBlock ever holds a pod's address.

Cilium decides by the identity of pods, so that a CIDR is only for what lies outside the cluster. Source:
https://docs.cilium.io/en/stable/network/kubernetes/policy/ and https://docs.cilium.io/en/stable/security/policy/language/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from skills.core.enforce.kube_objects import PluginFacts, mapping_of, sequence_of, text_of
from skills.core.model import Place
from skills.core.yaml_text import Document

_CILIUM = "cilium"
# Kinds that are written for a cluster without saying that Cilium is its plugin: a policy may wait for it.
_ONLY_POLICIES = ("CiliumNetworkPolicy", "CiliumNetworkPolicyList", "CiliumCIDRGroup")
_VALUES = "kubeProxyReplacement"  # a value of Cilium's chart, and of no other


def read_plugin(document: Document) -> Sequence[PluginFacts]:
    data = document.data
    if not isinstance(data, Mapping):
        return ()
    kind, version = text_of(data.get("kind")), text_of(data.get("apiVersion"))
    if version.startswith("cilium.io/") and kind.startswith("Cilium"):
        return (PluginFacts(document.place_of("kind"), kind not in _ONLY_POLICIES),)
    if _CILIUM in _named(kind, data):
        return (PluginFacts(Place(document.path, document.line), sure=True),)
    return ()


def _named(kind: str, data: Mapping[str, Any]) -> list[str]:
    """What the object installs, or is itself, by name."""
    name, spec = text_of(mapping_of(data.get("metadata")).get("name")), mapping_of(data.get("spec"))
    if kind == "ConfigMap":
        return [name.removesuffix("-config")]
    if kind == "DaemonSet":
        return [name]
    if kind == "HelmRelease":
        return [text_of(mapping_of(mapping_of(spec.get("chart")).get("spec")).get("chart"))]
    if kind == "Application":
        return [text_of(mapping_of(item).get("chart")) for item in (spec.get("source"), *_list(spec, "sources"))]
    if kind == "HelmChart":
        return [text_of(spec.get("chart")).rpartition("/")[2].removeprefix("rke2-")]
    if kind == "HelmChartConfig":
        return [name.removeprefix("rke2-")]
    if kind in {"", "Kustomization"}:
        return [text_of(mapping_of(item).get("name")) for item in _list(data, "helmCharts")] + _in_values(kind, data)
    return []


def _in_values(kind: str, data: Mapping[str, Any]) -> list[str]:
    """A chart that depends on Cilium's, or values for it."""
    if kind:
        return []
    found = [text_of(mapping_of(item).get("name")) for item in _list(data, "dependencies")]
    return [*found, *([_CILIUM] if _VALUES in data or _VALUES in mapping_of(data.get(_CILIUM)) else [])]


def _list(data: Mapping[str, Any], key: str) -> Sequence[Any]:
    return sequence_of(data.get(key))
