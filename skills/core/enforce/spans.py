"""Exact arithmetic on ranges of ports and addresses, as inclusive pairs of integers."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

Span = tuple[int, int]
Spans = tuple[Span, ...]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

EVERY_PORT: Span = (1, 65535)


def merged(spans: Iterable[Span]) -> Spans:
    """The union as sorted, disjoint ranges; neighbours become one."""
    result: list[Span] = []
    for first, last in sorted(spans):
        if result and first <= result[-1][1] + 1:
            result[-1] = (result[-1][0], max(result[-1][1], last))
        else:
            result.append((first, last))
    return tuple(result)


def without(spans: Iterable[Span], holes: Iterable[Span]) -> Spans:
    """What is left of `spans` when `holes` are cut out."""
    return _without(tuple(spans), tuple(holes))


@lru_cache(maxsize=8192)  # the public addresses, whole blocks and single ports are asked for again and again
def _without(spans: Spans, holes: Spans) -> Spans:
    cuts = merged(holes)
    result: list[Span] = []
    start = 0  # both lists are sorted, so a cut that ends before this range never matters again
    for first, last in merged(spans):
        position = first
        while start < len(cuts) and cuts[start][1] < first:
            start += 1
        for cut_first, cut_last in cuts[start:]:
            if cut_first > last:
                break
            if cut_first > position:
                result.append((position, cut_first - 1))
            position = cut_last + 1
        if position <= last:
            result.append((position, last))
    return tuple(result)


def spans_text(spans: Spans) -> str:
    """Ports as people write them: `443, 8080-8090`."""
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in spans)


def covers(spans: Sequence[Span], wanted: Sequence[Span]) -> bool:
    if len(wanted) == 1:  # mostly one span holds it whole, which needs no cutting
        ((first, last),) = wanted
        for begin, end in spans:
            if begin <= first and last <= end:
                return True
    return not without(wanted, spans)


def meets(one: Iterable[Span], other: Collection[Span]) -> bool:
    for first, last in one:
        for begin, end in other:
            if first <= end and begin <= last:
                return True
    return False


def network_span(network: Network) -> Span:
    return int(network.network_address), int(network.broadcast_address)


class Region(NamedTuple):
    """Ports crossed with addresses: what one rule opens, or what one flow needs."""

    ports: Spans
    addresses: Spans


def region_covered(regions: Sequence[Region], wanted: Region) -> bool:
    """Whether the union of `regions` holds all of `wanted`.

    The wanted ports are cut at every border, so that inside one piece each region counts wholly or not at all.
    """
    for ports, addresses in regions:  # mostly one of them holds it all, or none is about it
        if covers(ports, wanted.ports) and covers(addresses, wanted.addresses):
            return True
    regions = [region for region in regions if meets(region.ports, wanted.ports)]
    if not regions:
        return not (wanted.ports and wanted.addresses)
    opened = sorted((first, last, region.addresses) for region in regions for first, last in region.ports)
    return all(_piecewise(opened, ports, wanted.addresses) for ports in wanted.ports)


def _piecewise(opened: Sequence[tuple[int, int, Spans]], ports: Span, addresses: Spans) -> bool:
    first, last = ports
    borders = {border for begin, end, _ in opened for border in (begin, end + 1) if first < border <= last}
    active: list[tuple[int, Spans]] = []
    position = 0
    for piece in sorted({first, *borders}):
        active = [(end, spans) for end, spans in active if end >= piece]
        while position < len(opened) and opened[position][0] <= piece:
            _, end, spans = opened[position]
            position += 1
            if end >= piece:
                active.append((end, spans))
        if not covers([span for _, spans in active for span in spans], addresses):
            return False
    return True


# Addresses of the global Internet in IPv4: all but the special-purpose blocks.
# Source: https://www.iana.org/assignments/iana-ipv4-special-registry and RFC 5771 (multicast).
_SPECIAL_V4 = (
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
)
EVERY_V4: Spans = ((0, 2**32 - 1),)
PUBLIC_V4: Spans = without(EVERY_V4, [network_span(ipaddress.IPv4Network(block)) for block in _SPECIAL_V4])
RFC1918: Spans = merged(
    network_span(ipaddress.IPv4Network(block)) for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
)
"""Where pods and Services live unless somebody chose otherwise."""
PRIVATE_V4: Spans = merged([*RFC1918, network_span(ipaddress.IPv4Network("100.64.0.0/10"))])
