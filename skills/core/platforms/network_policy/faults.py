"""What the API server would refuse in a NetworkPolicy, as findings."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import re2

from skills.core.enforce.kube_objects import brief, templated
from skills.core.enforce.selectors import OPEN, LabelSelector, label_text, parse
from skills.core.model import Finding, Place, finding
from skills.core.yaml_text import Document, Map

_NOWHERE = Place("")
_MOST_FAULTS = 20

# Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
_NAME = re2.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_PREFIX = re2.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_WITH_VALUES = ("In", "NotIn")
_WITHOUT_VALUES = ("Exists", "DoesNotExist")


class Faults:
    """Collects the faults of one document. `in_selector` says that the policy's own selector is among them."""

    def __init__(self) -> None:
        self._found: list[Finding] = []
        self.in_selector = False

    @property
    def found(self) -> tuple[Finding, ...]:
        return tuple(self._found)

    def _add(self, item: Finding) -> None:
        if len(self._found) < _MOST_FAULTS:
            self._found.append(item)

    def shape(self, place: Place, field: str, value: Any) -> None:
        self._add(finding("EGR937", place, field=field, value=brief(value)))

    def template(self, place: Place, field: str, value: Any) -> None:
        self._add(finding("EGR929", place, place=str(place), field=field, value=brief(value)))

    def outside_block(self, place: Place, excluded: str, cidr: str) -> None:
        self._add(finding("EGR931", place, excluded=brief(excluded), cidr=cidr))

    def both_families(self, place: Place) -> None:
        self._add(finding("EGR932", place))

    def empty_peer(self, place: Place) -> None:
        self._add(finding("EGR933", place))

    def end_port(self, place: Place, port: Any, end: Any) -> None:
        self._add(finding("EGR934", place, port=brief(port), end_port=brief(end)))

    def label(self, place: Place, text: Any) -> None:
        self._add(finding("EGR935", place, text=brief(text)))

    def stranger(self, found: Finding) -> None:
        self._add(found)

    def too_large(self, place: Place, most: int) -> None:
        self._add(finding("EGR939", place, most=most))


def check_block(faults: Faults, place: Place, cidr: str, excepts: Sequence[str]) -> bool:
    """Whether the block is one that can be reckoned with. Each exception must lie strictly inside the block."""
    for value in (cidr, *excepts):
        if templated(value):
            faults.template(place, "ipBlock", value)
            return False
    network = _network(cidr)
    if network is None:
        faults.shape(place, "cidr", cidr or None)
        return False
    for value in excepts:
        hole = _network(value)
        if hole is None:
            faults.shape(place, "except", value)
            return False
        if hole.version != network.version or not _strictly_inside(hole, network):
            faults.outside_block(place, value, str(network))
            return False
    return True


_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@lru_cache(maxsize=8192)
def _network(text: str) -> _Network | None:
    """The API server wants a prefix length: a bare address is no CIDR."""
    if "/" not in text:
        return None
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _strictly_inside(hole: _Network, network: _Network) -> bool:
    return (
        hole.prefixlen > network.prefixlen
        and network.network_address <= hole.network_address <= network.broadcast_address  # type: ignore[operator]
    )


def refused_label(labels: Mapping[str, str]) -> str | None:
    """The first label that the API server would not take in a selector, short enough for a sentence."""
    faults = Faults()
    for key, value in labels.items():
        _check_key(faults, _NOWHERE, key)
        _check_value(faults, _NOWHERE, value)
        if faults.found:
            return brief(f"{key}={value}")
    return None


def check_selector(faults: Faults, document: Document, parent: Map, key: str) -> LabelSelector:
    """The selector below `key`; what is wrong with it goes to `faults`."""
    data, place = parent[key], document.place(parent, key)
    before = len(faults.found)
    if not isinstance(data, Mapping):
        faults.shape(place, key, data)
    else:
        _check_labels(faults, place, data.get("matchLabels"))
        _check_expressions(faults, place, data.get("matchExpressions"))
    if len(faults.found) > before and document.at("spec") is parent:
        faults.in_selector = True
    return parse(data)


def _check_labels(faults: Faults, place: Place, labels: Any) -> None:
    if labels is None:
        return
    if not isinstance(labels, Mapping):
        faults.shape(place, "matchLabels", labels)
        return
    for key, value in labels.items():
        _check_key(faults, place, key)
        _check_value(faults, place, value)


def _check_expressions(faults: Faults, place: Place, expressions: Any) -> None:
    if expressions is None:
        return
    if not isinstance(expressions, list):
        faults.shape(place, "matchExpressions", expressions)
        return
    for item in expressions:
        if not isinstance(item, Mapping):
            faults.shape(place, "matchExpressions", item)
            continue
        _check_key(faults, place, item.get("key"))
        operator, values = item.get("operator"), item.get("values")
        count = len(values) if isinstance(values, list) else 0
        fits = (operator in _WITH_VALUES and count > 0) or (operator in _WITHOUT_VALUES and count == 0)
        if not fits:
            faults.shape(place, "operator", operator)
        for value in values if isinstance(values, list) else ():
            _check_value(faults, place, value)


def _check_key(faults: Faults, place: Place, key: Any) -> None:
    text = label_text(key)
    if templated(text):
        faults.template(place, "selector", text)
        return
    prefix, slash, name = text.rpartition("/")
    if not _is_name(name) or (slash and (len(prefix) > 253 or not _PREFIX.fullmatch(prefix))):
        faults.label(place, text)


@lru_cache(maxsize=8192)
def _is_name(text: str) -> bool:
    return _NAME.fullmatch(text) is not None


def _check_value(faults: Faults, place: Place, value: Any) -> None:
    text = label_text(value)
    if templated(text):
        faults.template(place, "selector", text)
    elif value is not None and not isinstance(value, str):
        faults.label(place, f"{text} without quotes")  # a number or a boolean, where the API server wants a string
    elif text and OPEN not in text and not _is_name(text):
        faults.label(place, text)
