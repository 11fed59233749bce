"""Reads `toPorts`: ports are text in Cilium, and rules for HTTP, DNS or TLS names may hang on them."""

from __future__ import annotations

from typing import Any

from skills.core.enforce.kube_objects import templated, text_of
from skills.core.model import Place, Ports
from skills.core.platforms.cilium.entries import Port, PortRule
from skills.core.platforms.cilium.faults import Faults
from skills.core.platforms.cilium.pattern import Name
from skills.core.yaml_text import Document, Map, Seq

_PROTOCOLS = frozenset({"tcp", "udp", "sctp", "icmp", "icmpv6", "any", "vrrp", "igmp"})
_MOST_PORTS = 40
_HIGHEST = 65535
_MOST_ITEMS = 5_000


class PortReader:
    def __init__(self, document: Document, faults: Faults) -> None:
        self._document = document
        self._faults = faults
        self._read = 0

    def to_ports(self, rule: Map, *, ingress: bool, deny: bool) -> tuple[PortRule, ...]:
        items = rule["toPorts"]
        if not isinstance(items, Seq):
            self._faults.field(self._document.place(rule, "toPorts"), "toPorts", items)
            return ()
        found = []
        for position, item in enumerate(items[:_MOST_ITEMS]):
            place = self._document.place(items, position)
            self._read += 1
            if self._read > _MOST_ITEMS:
                self._faults.too_many(place, "toPorts", _MOST_ITEMS)
                break
            if isinstance(item, Map):
                found.append(self._port_rule(item, place, ingress=ingress, deny=deny))
            else:
                self._faults.field(place, "toPorts", item)
        return tuple(found)

    def _port_rule(self, item: Map, place: Place, *, ingress: bool, deny: bool) -> PortRule:
        written = item.get("ports")
        if written is not None and not isinstance(written, Seq):
            self._faults.field(self._document.place(item, "ports"), "ports", written)
        listed = written if isinstance(written, Seq) else Seq()
        if len(listed) > _MOST_PORTS:
            self._faults.too_many(place, "ports", _MOST_PORTS)
        ports = []
        for position, port in enumerate(listed[:_MOST_PORTS]):
            where = self._document.place(listed, position)
            if not isinstance(port, Map):
                self._faults.field(where, "ports", port)
            elif (read := self._port(port, where)) is not None:
                ports.append(read)
        dns, http = self._l7(item, place, ports, ingress=ingress, deny=deny)
        names = self._server_names(item, place, l7=http or dns is not None)
        return PortRule(place, tuple(ports), dns, http, names, item.get("terminatingTLS") is not None)

    def _server_names(self, item: Map, place: Place, *, l7: str | bool) -> tuple[Name, ...]:
        names = item.get("serverNames")
        if not isinstance(names, Seq):
            return ()
        if names and l7 and item.get("terminatingTLS") is None:
            self._faults.l7(place, "terminatingTLS beside serverNames and L7 rules")
        if not all(text_of(text) for text in names):
            self._faults.field(self._document.place(item, "serverNames"), "serverNames", "an empty name")
        return tuple(Name(text_of(text), wild=True) for text in names)

    def _port(self, item: Map, place: Place) -> Port | None:
        written = text_of(item.get("protocol")) or "ANY"
        protocol = written.lower()
        where = self._document.place(item, "port") if "port" in item else place
        if protocol in _PROTOCOLS and written != written.upper():
            self._faults.field(where, "protocol", written)  # the schema lists them in capitals
        if protocol not in _PROTOCOLS:
            self._faults.field(where, "protocol", item.get("protocol"))
            return None
        port, end = item.get("port"), item.get("endPort")
        if isinstance(port, int) and not isinstance(port, bool):
            # Read on as it was meant, so that an answer can say what the policy would do without the fault.
            self._faults.port_number(where, port)
            port = str(port)
        if not isinstance(port, str) or not port.strip():
            self._faults.field(where, "port", port)
            return None
        if templated(port) or templated(text_of(end)):
            return Port(where, protocol, unsure=True)
        if not port.isdecimal():
            if len(port) > 63 or (end is not None and end != 0):
                self._faults.field(where, "port", port)
            return Port(where, protocol, name=port.lower())
        return self._numbered(int(port[:6]), end, where, protocol)

    def _numbered(self, first: int, end: Any, place: Place, protocol: str) -> Port | None:
        last = first if end is None or end == 0 else end
        if not isinstance(last, int) or isinstance(last, bool) or not 0 <= first <= last <= _HIGHEST:
            self._faults.field(place, "endPort" if end else "port", end if end else first)
            return None
        return Port(place, protocol, Ports(first, last) if first else None)

    def _l7(
        self, item: Map, place: Place, ports: list[Port], *, ingress: bool, deny: bool
    ) -> tuple[tuple[Name, ...] | None, str]:
        rules = item.get("rules")
        if rules is None:
            return None, ""
        where = self._document.place(item, "rules")
        if not isinstance(rules, Map) or deny:
            self._faults.field(where, "rules", rules)
            return None, ""
        filled = [str(key) for key in rules if rules[key]]
        if len(filled) > 1:
            self._faults.l7(where, "one kind of L7 rule at a time")
        if "dns" in filled:
            if ingress:
                self._faults.l7(where, "no DNS rules on ingress")
            return self._dns(rules, place), ""
        if not filled:
            return None, ""
        if any(port.protocol != "tcp" for port in ports):
            self._faults.l7(where, "protocol TCP beside HTTP and other L7 rules")
        if any(port.ports is None and port.name is None and not port.unsure for port in ports):
            self._faults.l7(where, "a port other than 0 beside L7 rules")
        return None, filled[0][:20]

    def _dns(self, rules: Map, place: Place) -> tuple[Name, ...]:
        items = rules["dns"]
        if not isinstance(items, Seq):
            self._faults.field(place, "dns", items)
            return ()
        names = []
        for item in items[:_MOST_ITEMS]:
            for key in ("matchName", "matchPattern"):
                text = item.get(key) if isinstance(item, Map) else None
                if text and self._faults.name(place, text, wild=key == "matchPattern"):
                    names.append(Name(text, wild=key == "matchPattern"))
        return tuple(names)
