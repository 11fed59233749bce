"""What annotations of pods and values of istiod say of traffic that no proxy takes.

Source: https://istio.io/latest/docs/reference/config/annotations/ (traffic.sidecar.istio.io) and
istio manifests/charts/istio-control/istio-discovery (global.proxy).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from skills.core.enforce.kube_objects import mapping_of, namespace_of, templated, text_of
from skills.core.model import Place
from skills.core.platforms.istio.entries import Bypass, PodMesh
from skills.core.platforms.istio.overlays import overlay_of
from skills.core.yaml_text import Document

_TRAFFIC = "traffic.sidecar.istio.io/"
_INJECT = "sidecar.istio.io/inject"
_ANNOTATIONS = ("excludeOutboundIPRanges", "excludeOutboundPorts", "includeOutboundIPRanges", "includeOutboundPorts")
_VALUES = ("excludeIPRanges", "excludeOutboundPorts", "includeIPRanges", "includeOutboundPorts")


def read_pods(document: Document, kind: str) -> PodMesh | None:
    """None where nothing is said of the proxy."""
    data = document.data
    spec = mapping_of(data.get("spec"))
    if kind == "CronJob":
        spec = mapping_of(mapping_of(spec.get("jobTemplate")).get("spec"))
    template = data if kind == "Pod" else mapping_of(spec.get("template"))
    notes = mapping_of(mapping_of(template.get("metadata")).get("annotations"))
    if not notes:
        return None
    place = document.place_of("metadata", "name")
    inject = text_of(notes.get(_INJECT)) or str(notes.get(_INJECT, "")).lower()
    metadata = mapping_of(data.get("metadata"))
    bypass = _bypass({key: notes.get(_TRAFFIC + key) for key in _ANNOTATIONS}, _ANNOTATIONS, place)
    if bypass is None and not inject:
        return None
    if bypass is not None and notes.get(_TRAFFIC + "includeOutboundIPRanges") == "":
        bypass = replace(bypass, include_ranges=())  # an empty list takes nothing
    name, home = text_of(metadata.get("name")), namespace_of(metadata)[0]
    return PodMesh(name, home, place, overlay_of(document.path), None if not inject else inject == "true", bypass)


def global_bypass(values: Mapping[str, Any], place: Place) -> Bypass | None:
    """The same for the whole mesh: `global.proxy` of istiod's values."""
    proxy = mapping_of(mapping_of(values.get("global")).get("proxy"))
    return _bypass({key: proxy.get(key) for key in _VALUES}, _VALUES, place)


def _bypass(said: Mapping[str, Any], keys: tuple[str, ...], place: Place) -> Bypass | None:
    texts = [text_of(said.get(key)) for key in keys]
    if not any(texts) and said.get(keys[2]) is None:
        return None
    ranges, ports, only, only_ports = texts
    return Bypass(
        place,
        _split(ranges),
        _numbers(ports),
        None if not only or only == "*" else _split(only),
        None if not only_ports or only_ports == "*" else _numbers(only_ports),
        any(map(templated, texts)),
    )


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part[:6]) for part in _split(text) if part.isdecimal())
