"""Reads the items of To and From lists: endpoints, entities, blocks, services, names, and what only clouds know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skills.core.enforce.kube_objects import brief, mapping_of, sequence_of, templated, text_of
from skills.core.enforce.selectors import parse
from skills.core.model import Finding, Place, finding
from skills.core.platforms.cilium.endpoints import selector_of
from skills.core.platforms.cilium.entries import Group, Peer
from skills.core.platforms.cilium.faults import Faults
from skills.core.platforms.cilium.pattern import Name
from skills.core.yaml_text import Document, Map, Seq

ENTITIES = frozenset(
    {"all", "world", "world-ipv4", "world-ipv6", "cluster", "host", "remote-node", "kube-apiserver"}
    | {"init", "ingress", "health", "unmanaged", "none"}
)
_MOST_EXCEPTS = 1000


class PeerReader:
    """`scoped`: selectors without a namespace stay in the policy's own."""

    def __init__(self, document: Document, faults: Faults, *, scoped: bool) -> None:
        self._document = document
        self._faults = faults
        self._scoped = scoped

    def peer(self, key: str, item: Any, place: Place) -> Peer | None:
        """None for what the cluster would reject; the fault is noted."""
        family = key.removeprefix("to").removeprefix("from")
        if family == "Entities":
            return self._entity(item, place)
        if family == "CIDR":
            return self._block(item, (), place)
        if family in {"Groups", "Nodes"}:
            return Peer("unsure", place, key, unsure=_unsure(place, key), family=family)
        if not isinstance(item, Mapping):
            self._faults.field(place, key, item)
            return None
        read = {"CIDRSet": self._cidr_set, "Services": self._service, "FQDNs": self._name}
        return read.get(family, self._endpoints)(item, place)

    def _entity(self, item: Any, place: Place) -> Peer | None:
        text = text_of(item)
        if templated(text):
            return Peer("unsure", place, text, unsure=_unsure(place, text))
        if text not in ENTITIES:
            self._faults.field(place, "toEntities", item)
            return None
        return Peer("entity", place, text)

    def _endpoints(self, item: Mapping[str, Any], place: Place) -> Peer | None:
        odd = [key for key in item if key not in {"matchLabels", "matchExpressions"}]
        if odd:
            self._faults.field(place, "toEndpoints", odd[0])
            return None
        selector = selector_of(parse(item), scoped=self._scoped)
        if selector.reserved:
            return Peer("entity", place, selector.reserved)
        return Peer("endpoints", place, str(selector), selector=selector)

    def _block(self, cidr: Any, excepts: Any, place: Place) -> Peer | None:
        known = self._faults.block(place, cidr, sequence_of(excepts)[:_MOST_EXCEPTS])
        if known is not None:
            return Peer("block", place, str(known), block=known)
        texts = [text_of(cidr) or "a template", *map(text_of, sequence_of(excepts)[:_MOST_EXCEPTS])]
        if not any(map(templated, texts)) and text_of(cidr):
            return None
        return Peer("unsure", place, brief(texts[0]), unsure=_unsure(place, texts[0]), family="CIDR")

    def _cidr_set(self, item: Mapping[str, Any], place: Place) -> Peer | None:
        if "cidr" in item and isinstance(item, Map):
            excepts = item.get("except")
            where = self._document.place(item, "cidr")
            return self._block(item["cidr"], excepts if isinstance(excepts, Seq) else (), where)
        name, wanted = text_of(item.get("cidrGroupRef")), item.get("cidrGroupSelector")
        if not name and not isinstance(wanted, Mapping):
            self._faults.field(place, "toCIDRSet", item)
            return None
        excepts = tuple(map(text_of, sequence_of(item.get("except"))[:_MOST_EXCEPTS]))
        selector = None if name else parse(wanted)
        text = f"the CIDR group {name}" if name else f"the CIDR groups with {selector}"
        known = None if any(map(templated, (name, *excepts))) else Group(name, selector, excepts)
        return Peer("unsure", place, text, unsure=_unsure(place, text), family="CIDRSet", group=known)

    def _service(self, item: Mapping[str, Any], place: Place) -> Peer | None:
        service = mapping_of(item.get("k8sService"))
        name, namespace = text_of(service.get("serviceName")), text_of(service.get("namespace"))
        if name and not templated(name + namespace):
            return Peer("service", place, f"the Service {namespace or '?'}/{name}", service=(namespace, name))
        if not service and "k8sServiceSelector" not in item:
            self._faults.field(place, "toServices", item)
            return None
        return Peer("unsure", place, "selected Services", unsure=_unsure(place, "selected Services"))

    def _name(self, item: Mapping[str, Any], place: Place) -> Peer | None:
        name = self.host_name(item, place)
        return None if name is None else Peer("name", place, name.text, name=name)

    def host_name(self, item: Mapping[str, Any], place: Place) -> Name | None:
        """Exactly one of matchName and matchPattern."""
        keys = [key for key in ("matchName", "matchPattern") if item.get(key)]
        if len(keys) != 1 or len(item) != 1:
            self._faults.field(place, "toFQDNs", " and ".join(map(str, list(item)[:3])) or item)
            return None
        text, wild = item[keys[0]], keys[0] == "matchPattern"
        return Name(text, wild) if self._faults.name(place, text, wild=wild) else None


def _unsure(place: Place, what: str) -> Finding:
    return finding("EGR861", place, peer=brief(what))
