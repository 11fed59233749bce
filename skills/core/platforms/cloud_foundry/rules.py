"""One rule of an application security group: what it says, and which addresses and ports it opens.

Semantics: Cloud Foundry's documentation "App Security Groups" and the API's rule validator. Rules only allow; a
destination is an address, a CIDR or an inclusive range, never a host name.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from skills.core.enforce.spans import EVERY_PORT, Region, Span, Spans, merged, network_span
from skills.core.hosts import shown
from skills.core.model import Place

PROTOCOLS = ("tcp", "udp", "icmp", "icmpv6", "all")
_WITH_PORTS = ("tcp", "udp")
_KEYS = frozenset({"protocol", "destination", "ports", "type", "code", "log", "description"})
_LONGEST = 4096
_MOST_PORTS = 1000
_LONGEST_ADDRESS = 64

NOT_ADDRESS = "EGR771"
COMMA = "EGR772"
BAD_PORTS = "EGR774"
PORTS_NEEDED_OR_NOT = "EGR775"
UNKNOWN = "EGR777"
ICMP_TYPE = "EGR778"


@dataclass(frozen=True, slots=True)
class Rule:
    """`addresses` are inclusive ranges of one IP `version`, read as well as possible where a `fault` stands.

    `ports` is None where ports say nothing (icmp), every port for `all`. `fault` is the code that says why the
    platform refuses the rule, and with it the whole group; `why` is the part of the rule that is meant.
    """

    place: Place
    position: int
    protocol: str
    destination: str
    version: int = 4
    addresses: Spans = ()
    ports: Spans | None = None
    written_ports: str = ""
    fault: str | None = None
    why: str = ""
    unresolved: str = ""  # what only Terraform's run knows of it

    @property
    def region(self) -> Region:
        return Region(self.ports or (), self.addresses)

    def speaks(self, protocol: str) -> bool:
        return self.protocol in (protocol, "all")

    def __str__(self) -> str:
        """As a sentence names it: `tcp 443 to 10.0.0.0/8`."""
        middle = f" {self.written_ports}" if self.written_ports else ""
        return f"{self.protocol}{middle} to {self.destination}"


def is_rule(data: Any) -> bool:
    return isinstance(data, Mapping) and "protocol" in data and "destination" in data


def read_rule(data: Mapping[str, Any], place: Place, position: int) -> Rule:
    """Reads one rule, whatever stands there."""
    protocol = str(data.get("protocol")).lower()[:20]
    raw = data.get("destination")
    destination = raw[:_LONGEST] if isinstance(raw, str) else ""
    said = "no destination" if raw is None else shown(str(raw))
    version, addresses, fault = _addresses(destination)
    why = said if fault else ""
    ports, ports_fault = _ports(protocol, data.get("ports"))
    if protocol not in PROTOCOLS:
        fault, why = fault or UNKNOWN, why or shown(protocol)
    if fault is None and ports_fault is not None:
        fault, why = ports_fault, shown(str(data.get("ports")))
    if fault is None:
        fault, why = _rest(protocol, data)
    written = "" if data.get("ports") is None else shown(str(data["ports"]))
    return Rule(place, position, shown(protocol), said, version, addresses, ports, written, fault, why)


def unresolved_rule(place: Place, position: int, words: str, data: Mapping[str, Any] | None = None) -> Rule:
    """A rule of which the files don't say everything: it opens nothing for certain. `data` is what they do say."""
    protocol = str((data or {}).get("protocol", "all")).lower()[:20]
    ports, fault = _ports(protocol, (data or {}).get("ports"))
    ports = (EVERY_PORT,) if fault or not ports else ports
    return Rule(place, position, shown(protocol), shown(words), ports=ports, unresolved=shown(words))


def _addresses(text: str) -> tuple[int, Spans, str | None]:
    """IP version, ranges, and what is wrong. Several ranges behind commas depend on a setting of the platform."""
    fault = None
    if text.split() != [text]:
        fault, text = NOT_ADDRESS, "".join(text.split())
    spans: list[Span] = []
    version = 4
    parts = text.split(",")
    for part in parts[:_MOST_PORTS]:
        found = _range(part)
        if found is None:
            return 4, (), fault or NOT_ADDRESS
        version, span = found
        if span[0] > span[1]:
            fault, span = fault or NOT_ADDRESS, (span[1], span[0])
        spans.append(span)
    if len(parts) > 1:
        fault = fault or COMMA
    return version, merged(spans), fault


def _range(text: str) -> tuple[int, Span] | None:
    if len(text) > 2 * _LONGEST_ADDRESS:
        return None
    first, dash, last = text.partition("-")
    try:
        if not dash:
            network = ipaddress.ip_network(first, strict=False)
            return network.version, network_span(network)
        start, end = ipaddress.ip_address(first), ipaddress.ip_address(last)
    except ValueError:
        return None
    return (start.version, (int(start), int(end))) if start.version == end.version else None


def _ports(protocol: str, written: Any) -> tuple[Spans | None, str | None]:
    if protocol not in _WITH_PORTS:
        every: Spans | None = (EVERY_PORT,) if protocol == "all" else None
        return every, None if written is None else PORTS_NEEDED_OR_NOT
    if written is None or written == "":
        return (), PORTS_NEEDED_OR_NOT
    # A number without quotes is refused by the API (ports must be text), but nobody doubts what it means.
    text = str(written) if isinstance(written, (str, int)) and not isinstance(written, bool) else ""
    pieces = "".join(text[:_LONGEST].split()).split(",")
    spans = [_port_span(piece) for piece in pieces[:_MOST_PORTS]]
    known = [span for span in spans if span is not None]
    mixed = len(pieces) > 1 and any("-" in piece for piece in pieces)
    right = len(known) == len(pieces) and not mixed and isinstance(written, str)
    return merged(known), None if right else BAD_PORTS


def _port_span(text: str) -> Span | None:
    first, dash, last = text.partition("-")
    ends = (first, last) if dash else (first, first)
    if not all(end.isascii() and end.isdecimal() and len(end) <= 5 for end in ends):
        return None
    low, high = int(ends[0]), int(ends[1])
    in_order = low < high if dash else low == high
    return (low, high) if in_order and low >= 1 and high <= EVERY_PORT[1] else None


def _rest(protocol: str, data: Mapping[str, Any]) -> tuple[str | None, str]:
    unknown = [str(key) for key in data if key not in _KEYS]
    if unknown:
        return UNKNOWN, shown(unknown[0])
    if protocol.startswith("icmp") and not all(_is_icmp(data.get(key)) for key in ("type", "code")):
        return ICMP_TYPE, shown(protocol)
    return None, ""


def _is_icmp(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -1 <= value <= 255
