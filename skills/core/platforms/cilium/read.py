"""Reads CiliumNetworkPolicy and CiliumClusterwideNetworkPolicy documents, also those that would be rejected.

Source of the rules: the cilium.io/v2 schemas and github.com/cilium/cilium pkg/policy/api.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from skills.core.enforce.known_fields import CILIUM_RULE, strangers
from skills.core.enforce.kube_objects import mapping_of, namespace_of, templated, text_of
from skills.core.enforce.selectors import parse
from skills.core.model import finding
from skills.core.platforms.cilium import groups, mode
from skills.core.platforms.cilium.endpoints import EndpointSelector, selector_of
from skills.core.platforms.cilium.entries import (
    CLUSTERWIDE,
    NAMESPACED,
    NEVER_AUTH,
    NO_AUTH,
    CiliumPolicy,
    Entry,
    Rule,
    Side,
    Spec,
)
from skills.core.platforms.cilium.faults import Faults
from skills.core.platforms.cilium.read_peers import PeerReader
from skills.core.platforms.cilium.read_ports import PortReader
from skills.core.yaml_text import Document, Map, Seq

Path = tuple[str | int, ...]

_VERSION = "cilium.io/v2"  # the only one in which the API server has ever served these policies

_TO = ("toEndpoints", "toEntities", "toCIDR", "toCIDRSet", "toServices", "toFQDNs", "toGroups", "toNodes")
_FROM = ("fromEndpoints", "fromEntities", "fromCIDR", "fromCIDRSet", "fromGroups", "fromNodes")
_DEPRECATED = ("toRequires", "fromRequires")
_ALLOW_ONLY = ("toFQDNs",)
_SECTIONS = ("egress", "egressDeny", "ingress", "ingressDeny")
_FIELDS = frozenset(
    {*_SECTIONS, "endpointSelector", "nodeSelector", "enableDefaultDeny", "description", "labels", "log"}
)
# Aliases can make one rule stand for thousands; more than this no API server would store either.
_MOST_RULES = 5_000
_MOST_PEERS = 20_000


def read(document: Document) -> Sequence[Entry]:
    data = document.data
    if not isinstance(data, Mapping):
        return ()
    kind, version = text_of(data.get("kind")), text_of(data.get("apiVersion"))
    if kind == "ConfigMap" and version == "v1":
        return mode.read_mode(document)
    if not version.startswith("cilium.io/"):
        return ()
    if kind == groups.KIND:
        return (groups.read_group(document),)
    return (_Reader(document, kind).policy(),) if kind in {NAMESPACED, CLUSTERWIDE} else ()


class _Reader:
    """Walks one document and collects what is wrong with it."""

    def __init__(self, document: Document, kind: str) -> None:
        self.document = document
        self.kind = kind
        self.metadata = mapping_of(document.data.get("metadata"))
        self.name = text_of(self.metadata.get("name"))
        self.faults = Faults(self.name)
        self.peers = PeerReader(document, self.faults, scoped=kind == NAMESPACED)
        self.ports = PortReader(document, self.faults)
        self.rules_read = 0
        self.peers_read = 0

    def policy(self) -> CiliumPolicy:
        place = self.document.place_of("metadata", "name")
        namespace, assumed = namespace_of(self.metadata)
        clusterwide = self.kind == CLUSTERWIDE
        known = None if clusterwide or templated(namespace) else namespace
        specs = self._specs()
        if (version := text_of(self.document.data.get("apiVersion"))) != _VERSION:
            self.faults.field(self.document.place(self.document.data, "apiVersion"), "apiVersion", version)
        doubt = None
        if self.faults.found:
            doubt = self.faults.strange or finding("EGR860", place, policy=self.name)
        elif known is None and not clusterwide:
            doubt = finding("EGR910", place, policy=self.name)
        return CiliumPolicy(
            self.kind,
            self.name,
            known,
            place,
            self.document.line,
            specs,
            self.faults.found,
            assumed_namespace=assumed and not clusterwide,
            doubt=doubt,
        )

    def _specs(self) -> tuple[Spec, ...]:
        data = self.document.data
        found = []
        if isinstance(data.get("spec"), Map):
            found.append(self._spec(data["spec"], ("spec",)))
        elif data.get("spec") is not None:
            self.faults.field(self.document.place(data, "spec"), "spec", data["spec"])
        for position, item in self._items(data, "specs"):
            if isinstance(item, Map):
                found.append(self._spec(item, ("specs", position)))
            else:
                self.faults.field(self.document.place(data, "specs"), "specs", item)
        return tuple(found)

    def _spec(self, spec: Map, path: Path) -> Spec:
        place = self.document.place(spec)
        pods, nodes = spec.get("endpointSelector"), spec.get("nodeSelector")
        if (pods is None) == (nodes is None) or (nodes is not None and self.kind == NAMESPACED):
            self.faults.selectors(place)
        if not isinstance(pods, Mapping | None) or not isinstance(nodes, Mapping | None):
            self.faults.field(place, "endpointSelector", pods if nodes is None else nodes)
        selector = selector_of(parse(pods), scoped=self.kind == NAMESPACED)
        if self.kind == NAMESPACED:
            # Whatever namespace the selector names, a namespaced policy counts in its own.
            kept = tuple(term for term in selector.terms if term.requirement.key != "io.kubernetes.pod.namespace")
            selector = EndpointSelector(kept, own_namespace=True)
        for key in spec:
            if key not in _FIELDS:
                self.faults.field(self.document.place(spec, key), str(key)[:60], spec[key])
        egress = self._side(spec, path, "egress", _TO)
        ingress = self._side(spec, path, "ingress", _FROM)
        return Spec(place, path, selector, egress, ingress, nodes=pods is None and nodes is not None)

    def _side(self, spec: Map, path: Path, key: str, families: Sequence[str]) -> Side:
        allow = self._rules(spec, path, key, families)
        deny = self._rules(spec, path, f"{key}Deny", families)
        written = spec.get("enableDefaultDeny")
        said = mapping_of(written).get(key)
        if not isinstance(written, Mapping | None) or not isinstance(said, bool | None):
            self.faults.field(self.document.place(spec, "enableDefaultDeny"), "enableDefaultDeny", said or written)
        present = spec.get(key) is not None or spec.get(f"{key}Deny") is not None
        empty = present and said is None and not spec.get(key) and not spec.get(f"{key}Deny")
        return Side(allow, deny, said if isinstance(said, bool) else present, empty)

    def _rules(self, spec: Map, path: Path, key: str, families: Sequence[str]) -> tuple[Rule, ...]:
        rules = []
        for position, item in self._items(spec, key):
            self.rules_read += 1
            if self.rules_read > _MOST_RULES:
                self.faults.too_many(self.document.place(spec, key), "rules", _MOST_RULES)
                break
            if isinstance(item, Map):
                rules.append(self._rule(item, (*path, key, position), families))
            else:
                self.faults.field(self.document.place(spec, key), key, item)
        return tuple(rules)

    def _rule(self, item: Map, path: Path, families: Sequence[str]) -> Rule:
        place = self.document.place(item)
        deny, ingress = str(path[-2]).endswith("Deny"), str(path[-2]).startswith("ingress")
        present = [key for key in families if item.get(key) is not None]
        filled = [key for key in present if item[key]]
        if len(filled) > 1:
            self.faults.families(place, filled)
        for key in item:
            odd = key in _DEPRECATED or (deny and key in _ALLOW_ONLY)
            if odd or not (key in families or key in {"toPorts", "icmps", "authentication"}):
                self.faults.field(self.document.place(item, key), str(key)[:60], item[key])
        for found in strangers(Map({key: item[key] for key in item if key in CILIUM_RULE}), CILIUM_RULE):
            self.faults.stranger(found.said(self.document.place, found.way[-1]))
        peers = [peer for key in present for peer in self._peers(item, key)]
        # An empty list of ports limits nothing: Cilium asks how many there are, not whether the key stands there.
        ports = self.ports.to_ports(item, ingress=ingress, deny=deny) if item.get("toPorts") not in (None, []) else None
        icmps = bool(item.get("icmps"))
        if icmps and ports:
            self.faults.field(self.document.place(item, "icmps"), "icmps beside toPorts", item["icmps"])
        family, auth = (filled or present or [""])[0], self._auth(item)
        return Rule(place, path, family, tuple(peers), ports, icmps and ports is None, auth)

    def _auth(self, rule: Map) -> str:
        """The mode of authentication that the rule asks for; "" for none."""
        mode = text_of(mapping_of(rule.get("authentication")).get("mode"))
        if rule.get("authentication") is not None and mode not in {NO_AUTH, NEVER_AUTH, "required"}:
            self.faults.field(self.document.place(rule, "authentication"), "authentication", mode)
        return "" if mode == NO_AUTH else mode

    def _peers(self, rule: Map, key: str) -> list[Any]:
        items = self._items(rule, key)
        self.peers_read += len(items)
        if self.peers_read > _MOST_PEERS:
            self.faults.too_many(self.document.place(rule, key), "peers", _MOST_PEERS)
            return []
        places = [self.document.place(rule[key], position) for position, _ in items]
        found = [self.peers.peer(key, item, place) for (_, item), place in zip(items, places, strict=True)]
        return [peer for peer in found if peer is not None]

    def _items(self, parent: Map, key: str) -> list[tuple[int, Any]]:
        data = parent.get(key)
        if data is None:
            return []
        if not isinstance(data, Seq):
            self.faults.field(self.document.place(parent, key), key, data)
            return []
        return list(enumerate(data))
