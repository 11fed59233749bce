"""Reads Istio manifests; values of Helm charts go to `values`. Whatever stands in a field, reading never fails."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from skills.core.enforce.known_fields import SIDECAR, not_a_choice, slips
from skills.core.enforce.kube_objects import is_port, labels_of, mapping_of, namespace_of, sequence_of, text_of
from skills.core.enforce.kustomize import is_kustomization
from skills.core.enforce.mesh_hosts import Import, read_import
from skills.core.enforce.selectors import from_labels
from skills.core.platforms.istio.entries import (
    ALLOW_ANY,
    REGISTRY_ONLY,
    Chart,
    Entry,
    Environment,
    ServiceEntry,
    Sidecar,
    Spot,
)
from skills.core.platforms.istio.fields import fill
from skills.core.platforms.istio.overlays import overlay_of
from skills.core.platforms.istio.read_pods import read_pods
from skills.core.platforms.istio.read_traffic import (
    read_gateway,
    read_policy,
    read_tls_rule,
    read_virtual_service,
)
from skills.core.platforms.istio.values import mesh_config, read_values
from skills.core.yaml_text import Document, Map

_NETWORKING, _SECURITY = "networking.istio.io/", "security.istio.io/"
_MODES = (REGISTRY_ONLY, ALLOW_ANY)
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
        return (read_policy(document, data),)
    if version.startswith(_NETWORKING):
        return _traffic(document, data, kind)
    if kind == "IstioOperator":
        return tuple(mesh_config(document, mapping_of(data.get("spec"))))
    if is_kustomization(document.path, kind):
        overlay = overlay_of(document.path)
        return (Environment(document.place(), overlay),) if overlay.environment else ()
    if not kind and document.path.rpartition("/")[2] == "Chart.yaml":
        return (_chart(document, data),)
    pods = read_pods(document, kind) if kind else None
    found = (pods,) if pods is not None else tuple(read_values(document, data, kind))
    return found if found or kind else _environment(document)


def _environment(document: Document) -> Sequence[Entry]:
    """Values of an environment say that there is one, also where they say nothing of egress."""
    overlay = overlay_of(document.path)
    named = overlay.environment and "values" in document.path.rpartition("/")[2].lower()
    return (Environment(document.place(), overlay),) if named else ()


def _traffic(document: Document, data: Map, kind: str) -> Sequence[Entry]:
    if kind == "VirtualService":
        return (read_virtual_service(document, data),)
    if kind == "Gateway":
        return (read_gateway(document, data),)
    return (read_tls_rule(document, data),) if kind == "DestinationRule" else ()


def _chart(document: Document, data: Map) -> Chart:
    needs = [text_of(mapping_of(item).get("name")) for item in sequence_of(data.get("dependencies"))]
    return Chart(document.path.rpartition("/")[0], text_of(data.get("name")), "bb-common" in needs)


def _service_entry(document: Document, data: Map, version: str) -> ServiceEntry:
    metadata, spec = mapping_of(data.get("metadata")), data.get("spec")
    entry = ServiceEntry(
        text_of(metadata.get("name")),
        namespace_of(metadata)[0],
        document.place_of("metadata", "name"),
        Spot(document.path, document.index, document.way),
        overlay_of(document.path),
        version=version,
        waypoint=_waypoint(labels_of(metadata.get("labels")), namespace_of(metadata)[0]),
    )
    status = mapping_of(data.get("status"))
    given = tuple(text_of(mapping_of(item).get("value")) for item in sequence_of(status.get("addresses"))[:_MOST])
    return fill(entry, spec if isinstance(spec, Map) else _empty(data), document.place, given)


def _waypoint(labels: Mapping[str, str], home: str) -> str:
    """`namespace/name` of the waypoint that labels choose; empty where they choose none."""
    name = labels.get("istio.io/use-waypoint", "")
    return f"{labels.get('istio.io/use-waypoint-namespace') or home}/{name}" if name and name != "none" else name


def _empty(like: Map) -> Map:
    nothing = Map()
    nothing.line, nothing.lines = like.line, {}
    return nothing


def _sidecar(document: Document, data: Map) -> Sidecar:
    metadata, spec = mapping_of(data.get("metadata")), mapping_of(data.get("spec"))
    labels = mapping_of(spec.get("workloadSelector")).get("labels")
    policy = spec.get("outboundTrafficPolicy")
    return Sidecar(
        text_of(metadata.get("name")),
        namespace_of(metadata)[0],
        document.place_of("spec", "outboundTrafficPolicy", "mode")
        if "outboundTrafficPolicy" in spec
        else document.place_of("metadata", "name"),
        overlay_of(document.path),
        from_labels(labels) if labels else None,
        _policy_mode(policy),
        tuple(_imports(spec)) if sequence_of(spec.get("egress")) else None,
        text_of(data.get("apiVersion")),
        (*slips(spec, SIDECAR, document.place), *not_a_choice(policy, "mode", _MODES, document.place)),
    )


def _policy_mode(data: Any) -> str | None:
    """The mode of an `outboundTrafficPolicy`. REGISTRY_ONLY is the enum's zero, so an empty one means it; so may a
    word that is none."""
    if not isinstance(data, Map):
        return None
    return ALLOW_ANY if text_of(data.get("mode")).upper() == ALLOW_ANY else REGISTRY_ONLY


def _imports(spec: Any) -> Iterator[Import]:
    """What each listener of the Sidecar lets its pods see; one with a port of its own carries that port alone."""
    for item in sequence_of(spec.get("egress"))[:_MOST]:
        listener = mapping_of(item)
        number = mapping_of(listener.get("port")).get("number")
        for host in sequence_of(listener.get("hosts"))[:_MOST]:
            found = read_import(text_of(host))
            if found is not None:
                yield replace(found, port=number if is_port(number) else None)
