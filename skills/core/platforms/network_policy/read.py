"""Reads NetworkPolicy documents, also those that the API server would reject: a rejected policy is never in force.

Source of the rules: the networking.k8s.io/v1 API reference and the API server's validation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from skills.core.enforce.known_fields import NETWORK_POLICY, strangers
from skills.core.enforce.kube_objects import mapping_of, namespace_of, templated, text_of
from skills.core.enforce.kube_policy import (
    Direction,
    IpBlock,
    NetworkPolicy,
    Peer,
    PolicyPort,
    PolicyRule,
    default_directions,
    ip_block,
)
from skills.core.enforce.selectors import LabelSelector
from skills.core.model import Finding, Place, Ports
from skills.core.platforms.network_policy.entries import CiliumEntry, Entry, PolicyEntry
from skills.core.platforms.network_policy.faults import Faults, check_block, check_selector
from skills.core.platforms.network_policy.read_foreign import is_foreign, read_foreign
from skills.core.platforms.network_policy.remarks import remarks
from skills.core.yaml_text import Document, Map, Seq

_API_GROUPS = ("networking.k8s.io/", "extensions/")
_CILIUM = ("CiliumNetworkPolicy", "CiliumClusterwideNetworkPolicy")
_DIRECTIONS: tuple[Direction, ...] = ("Egress", "Ingress")
_PROTOCOLS = {"TCP": "tcp", "UDP": "udp", "SCTP": "sctp"}
# Aliases can make one rule stand for thousands; more than this no API server would store either.
_MOST_ITEMS = 20_000
_MOST_STRANGERS = 20
_SPEC = frozenset({"spec", *NETWORK_POLICY["spec"]})


def read(document: Document) -> Sequence[Entry]:
    """A NetworkPolicy as an entry; other makes of policies are only noted; everything else is not ours."""
    data = document.data
    kind = text_of(data.get("kind")) if isinstance(data, Mapping) else ""
    version = text_of(data.get("apiVersion")) if isinstance(data, Mapping) else ""
    if kind == "NetworkPolicy" and version.startswith(_API_GROUPS):
        return (_Reader(document).entry(),)
    if kind in _CILIUM and version.startswith("cilium.io/"):
        return (CiliumEntry(document.place_of("metadata", "name")),)
    return read_foreign(document) if is_foreign(kind, version) else ()


class _Reader:
    """Walks one document and collects what the API server would object to."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.place = document.place_of("metadata", "name")
        self.faults = Faults()
        self.items = 0
        self.meant: set[str] = set()

    def entry(self) -> PolicyEntry:
        data = self.document.data
        if data.get("apiVersion") != "networking.k8s.io/v1":
            self.faults.shape(self.document.place(data, "apiVersion"), "apiVersion", data.get("apiVersion"))
        remarks_of_fields = self._strangers(data)
        metadata, spec = mapping_of(data.get("metadata")), data.get("spec")
        if spec is not None and not isinstance(spec, Map):
            self.faults.shape(self.document.place(data, "spec"), "spec", spec)
        spec = spec if isinstance(spec, Map) else Map()
        namespace, assumed = namespace_of(metadata)
        policy = NetworkPolicy(
            text_of(metadata.get("name")),
            None if templated(namespace) else namespace,
            self.place,
            self._selector(spec, "podSelector") or LabelSelector(),
            self._directions(spec) | self._misspelt(),
            self._rules(spec, "egress", "to"),
            self._rules(spec, "ingress", "from"),
            self.faults.found,
        )
        if self.faults.in_selector:
            policy = _unselective(policy)
        found = () if policy.faults else (*remarks_of_fields, *remarks(self.document, policy))
        return PolicyEntry(policy, self.document.line, assumed, found)

    def _strangers(self, data: Map) -> tuple[Finding, ...]:
        """Fields that the API does not know. Where one could be a slip of what decides, nobody knows what stands."""
        only_said = Faults()
        for found in islice(strangers(data, NETWORK_POLICY), _MOST_STRANGERS):
            meant = found.meant or (found.key if not found.way and found.key in _SPEC else "")
            where = ".".join(found.way) or "a NetworkPolicy"
            deep = len(found.way) > 1
            faults = self.faults if deep or (meant and meant in _SPEC) else only_said
            faults.stranger(found.said(self.document.place, where, meant))
            if faults is self.faults:
                at = found.way[1] if deep else meant
                self.faults.in_selector |= at in {"podSelector", "spec"}
                self.meant |= set() if deep else {meant}
        return only_said.found

    def _misspelt(self) -> frozenset[Direction]:
        """Directions that a field which the API does not know was meant for."""
        either = self.meant & {"policyTypes", "spec"}
        return frozenset(each for each in _DIRECTIONS if either or each.lower() in self.meant)

    def _directions(self, spec: Map) -> frozenset[Direction]:
        """Those that are written, else the API server's default."""
        written = spec.get("policyTypes")
        if isinstance(written, Seq) and written:
            known: list[Direction] = []
            for index, item in enumerate(written):
                if item == "Egress" or item == "Ingress":  # noqa: PLR1714 (mypy narrows the literals only like this)
                    known.append(item)
                else:
                    # The whole policy is refused, and it was meant for this direction.
                    known += [each for each in _DIRECTIONS if each.casefold() == text_of(item).casefold()]
                    self.faults.shape(self.document.place(written, index), "policyTypes", item)
            return frozenset(known)
        if written is not None and not isinstance(written, Seq):
            self.faults.shape(self.document.place(spec, "policyTypes"), "policyTypes", written)
        return default_directions(spec)

    def _rules(self, spec: Map, key: str, peers_key: str) -> tuple[PolicyRule, ...]:
        rules = []
        for index, item in self._items(spec, key):
            place = self.document.place(spec[key], index)
            if isinstance(item, Map):
                rules.append(PolicyRule(place, self._peers(item, peers_key), self._ports(item)))
            else:
                self.faults.shape(place, key, item)
        return tuple(rules)

    def _items(self, parent: Map, key: str) -> list[tuple[int, Any]]:
        """The items of a list; nothing for one that is absent. Bounded over the whole document."""
        data = parent.get(key)
        if data is None:
            return []
        if not isinstance(data, Seq):
            self.faults.shape(self.document.place(parent, key), key, data)
            return []
        self.items += len(data)
        if self.items > _MOST_ITEMS:
            self.faults.too_large(self.place, _MOST_ITEMS)
            return []
        return list(enumerate(data))

    def _peers(self, rule: Map, key: str) -> tuple[Peer, ...]:
        peers = []
        for index, item in self._items(rule, key):
            place = self.document.place(rule[key], index)
            if not isinstance(item, Map):
                self.faults.empty_peer(place)
                continue
            peer = self._peer(item, place)
            if peer is not None:
                peers.append(peer)
        return tuple(peers)

    def _peer(self, item: Map, place: Place) -> Peer | None:
        block = item.get("ipBlock")
        pods, namespaces = self._selector(item, "podSelector"), self._selector(item, "namespaceSelector")
        if block is not None:
            if pods is not None or namespaces is not None:
                self.faults.both_families(place)
                return None
            parsed = self._block(item, block)
            cidr = self.document.place(block, "cidr") if isinstance(block, Map) and "cidr" in block else place
            return Peer(cidr, block=parsed) if parsed else None
        if pods is None and namespaces is None:
            self.faults.empty_peer(place)
            return None
        return Peer(place, pods=pods, namespaces=namespaces)

    def _block(self, item: Map, block: Any) -> IpBlock | None:
        if not isinstance(block, Map):
            self.faults.shape(self.document.place(item, "ipBlock"), "ipBlock", block)
            return None
        cidr = text_of(block.get("cidr"))
        place = self.document.place(block, "cidr") if "cidr" in block else self.document.place(item, "ipBlock")
        excepts = [text_of(value) for _, value in self._items(block, "except")]
        if not check_block(self.faults, place, cidr, excepts):
            return None
        return ip_block(cidr, excepts)

    def _selector(self, parent: Map, key: str) -> LabelSelector | None:
        """None where the key is absent or null, which is not the same as an empty selector."""
        data = parent.get(key)
        if data is None:
            return None
        return check_selector(self.faults, self.document, parent, key)

    def _ports(self, rule: Map) -> tuple[PolicyPort, ...]:
        ports = []
        for index, item in self._items(rule, "ports"):
            place = self.document.place(rule["ports"], index)
            if not isinstance(item, Map):
                self.faults.shape(place, "ports", item)
                continue
            port = self._port(item, self._port_place(item, place))
            if port is not None:
                ports.append(port)
        return tuple(ports)

    def _port_place(self, item: Map, place: Place) -> Place:
        return self.document.place(item, "port") if "port" in item else place

    def _port(self, item: Map, place: Place) -> PolicyPort | None:
        written = item.get("protocol", "TCP")
        protocol = _PROTOCOLS.get(text_of(written) or "TCP")
        if protocol is None:
            self.faults.shape(place, "protocol", written)
            return None
        port, end = item.get("port"), item.get("endPort")
        if isinstance(port, str) and not port.isdecimal():
            if templated(port):
                self.faults.template(place, "port", port)
                return None
            if end is not None:
                self.faults.end_port(place, port, end)
            return PolicyPort(place, protocol, name=port)
        if port is None:
            if end is not None:
                self.faults.end_port(place, "", end)
            return PolicyPort(place, protocol)
        if not _is_port(port) or not (end is None or isinstance(end, int)):
            self.faults.shape(place, "port", port if not _is_port(port) else end)
            return None
        last = port if end is None else end
        if last < port or not _is_port(last):
            self.faults.end_port(place, port, end)
            return None
        return PolicyPort(place, protocol, Ports(port, last))


def _is_port(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 65536


def _unselective(policy: NetworkPolicy) -> NetworkPolicy:
    """Nobody can say which pods a policy with a broken or templated selector means."""
    return NetworkPolicy(
        policy.name,
        policy.namespace,
        policy.place,
        None,
        policy.directions,
        policy.egress,
        policy.ingress,
        policy.faults,
    )
