"""Reads Istio manifests; values of Helm charts go to `values`. Whatever stands in a field, reading never fails."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from skills.core.enforce.kube_objects import mapping_of, namespace_of, sequence_of, text_of
from skills.core.enforce.kustomize import is_kustomization
from skills.core.enforce.mesh_hosts import read_import
from skills.core.enforce.selectors import from_labels
from skills.core.platforms.istio.entries import (
    Chart,
    Entry,
    Environment,
    Policy,
    ServiceEntry,
    Sidecar,
    Spot,
)
from skills.core.platforms.istio.fields import fill
from skills.core.platforms.istio.overlays import overlay_of
from skills.core.platforms.istio.values import mesh_config, read_values
from skills.core.yaml_text import Document, Map

_NETWORKING, _SECURITY = "networking.istio.io/", "security.istio.io/"
_MOST = 2_000


def read(document: Document) -> Sequence[Entry]:
    data = document.data
    if not isinstance(data, Map):
        return ()
    kind, version = text_of(data.get("kind")), text_of(data.get("apiVersion"))
    if kind == "ServiceEntry" and version.startswith(_NETWORKING):
        return (_service_entry(document, data, version),)
    if kind == "Sidecar" and version.startswith(_NETWORKING):
        return (_sidecar(document, data),)
    if kind == "AuthorizationPolicy" and version.startswith(_SECURITY):
        return tuple(_policy(document, data))
    if kind == "IstioOperator":
        return tuple(mesh_config(document, mapping_of(data.get("spec"))))
    if is_kustomization(document.path, kind):
        overlay = overlay_of(document.path)
        return (Environment(document.place(), overlay),) if overlay.environment else ()
    if not kind and document.path.rpartition("/")[2] == "Chart.yaml":
        return (Chart(document.path.rpartition("/")[0], text_of(data.get("name"))),)
    return tuple(read_values(document, data, kind))


def _service_entry(document: Document, data: Map, version: str) -> ServiceEntry:
    metadata, spec = mapping_of(data.get("metadata")), data.get("spec")
    entry = ServiceEntry(
        text_of(metadata.get("name")),
        namespace_of(metadata)[0],
        document.place_of("metadata", "name"),
        Spot(document.path, document.index),
        overlay_of(document.path),
        version=version,
    )
    return fill(entry, spec if isinstance(spec, Map) else _empty(data), document.place)


def _empty(like: Map) -> Map:
    nothing = Map()
    nothing.line, nothing.lines = like.line, {}
    return nothing


def _sidecar(document: Document, data: Map) -> Sidecar:
    metadata, spec = mapping_of(data.get("metadata")), mapping_of(data.get("spec"))
    labels = mapping_of(spec.get("workloadSelector")).get("labels")
    return Sidecar(
        text_of(metadata.get("name")),
        namespace_of(metadata)[0],
        document.place_of("spec", "outboundTrafficPolicy", "mode")
        if "outboundTrafficPolicy" in spec
        else document.place_of("metadata", "name"),
        overlay_of(document.path),
        from_labels(labels) if labels else None,
        _policy_mode(spec.get("outboundTrafficPolicy")),
        tuple(filter(None, map(read_import, _egress_hosts(spec)))) if sequence_of(spec.get("egress")) else None,
    )


def _policy_mode(data: Any) -> str | None:
    """The mode of an `outboundTrafficPolicy`. REGISTRY_ONLY is the enum's zero, so an empty one means it."""
    return (text_of(data.get("mode")).upper() or "REGISTRY_ONLY") if isinstance(data, Map) else None


def _egress_hosts(spec: Any) -> Iterator[str]:
    for item in sequence_of(spec.get("egress"))[:_MOST]:
        for host in sequence_of(mapping_of(item).get("hosts"))[:_MOST]:
            yield text_of(host)


def _policy(document: Document, data: Map) -> Iterator[Policy]:
    """Policies that target ServiceEntries; others are about what comes in."""
    metadata, spec = mapping_of(data.get("metadata")), mapping_of(data.get("spec"))
    refs = [mapping_of(item) for item in (*sequence_of(spec.get("targetRefs")), spec.get("targetRef"))]
    targets = tuple(text_of(ref.get("name")) for ref in refs if ref.get("kind") == "ServiceEntry")
    if not targets:
        return
    rules = [mapping_of(rule) for rule in sequence_of(spec.get("rules"))[:_MOST]]
    sources: list[tuple[str, str | None]] | None = []
    for rule in rules:
        named = list(_sources(rule))
        sources = None if sources is None or (not named and "from" not in rule) else [*sources, *named]
    yield Policy(
        text_of(metadata.get("name")),
        namespace_of(metadata)[0],
        document.place_of("metadata", "name"),
        overlay_of(document.path),
        text_of(spec.get("action")).upper() or "ALLOW",
        targets,
        None if sources is None else tuple(sources),
        all(_plain(rule) for rule in rules),
    )


def _sources(rule: Any) -> Iterator[tuple[str, str | None]]:
    for item in sequence_of(rule.get("from"))[:_MOST]:
        source = mapping_of(mapping_of(item).get("source"))
        for namespace in sequence_of(source.get("namespaces"))[:_MOST]:
            yield text_of(namespace), None
        for principal in sequence_of(source.get("principals"))[:_MOST]:
            parts = text_of(principal).split("/")
            if len(parts) == 5 and parts[1] == "ns" and parts[3] == "sa":
                yield parts[2], parts[4]


def _plain(rule: Any) -> bool:
    if not set(rule) <= {"from"}:
        return False
    sources = [mapping_of(mapping_of(item).get("source")) for item in sequence_of(rule.get("from"))]
    texts = [text_of(value) for source in sources for key in source for value in sequence_of(source[key])]
    return all(set(source) in ({"namespaces"}, {"principals"}) for source in sources) and not any(
        "*" in t for t in texts
    )
