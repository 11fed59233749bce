"""A permission in words becomes destinations that a verdict can be asked for.

The words are those of the dialects' `grants`. One that can't be asked for (the nodes of a cluster, an entity) gives
none, and then nothing certain is said of it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

import re2

from skills.core.model import Destination, Grant, Ports

_ALL, _PUBLIC_ONLY = "everything", ("Anywhere", "every public address")
EVERY_PORT = Ports(1, 65535)
_HOST = re2.compile(r"(?:\*\.)?[a-z0-9_](?:[a-z0-9._-]{0,251}[a-z0-9])?")
_PORTS = re2.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")
# `pods app=web in namespace shop` and `shop pods app=web`.
_PODS_IN = re2.compile(r"(?:all pods|pods (.+)) in (?:namespace ([a-z0-9-]+)|(every namespace))")
_PODS_OF = re2.compile(r"(?:([a-z0-9-]+)|(every namespace)) (?:all pods|pods (.+))")
_LABELS = re2.compile(r"[A-Za-z0-9./_-]+=[A-Za-z0-9._-]*(?:, [A-Za-z0-9./_-]+=[A-Za-z0-9._-]*)*")
_APPLICATIONS = {"tls": "tls", "https": "tls", "http": "http", "http2": "http", "grpc": "http", "grpc-web": "http"}
_BY_CUSTOM = {Ports(443, 443): "tls", Ports(80, 80): "http"}
_TRANSPORTS = ("udp", "sctp")
# A namespace and a public block that nobody names: what every namespace or every public address may be asked with.
_SOME_NAMESPACE = "a-namespace-of-nobody"
_PUBLIC = "193.0.0.0/16"


def pods_in(target: str) -> tuple[str, str] | None:
    """Namespace (empty: every one) and labels of pods in words; None where the words mean no pods."""
    if match := _PODS_IN.fullmatch(target):
        return match[2] or "", match[1] or ""
    if match := _PODS_OF.fullmatch(target):
        return match[1] or "", match[3] or ""
    return None


def probes(grant: Grant) -> list[Destination]:
    """Destinations that are all allowed if the permission holds; none where it can't be asked for."""
    spans = list(_spans(grant.ports))
    return [_spoken(grant, target, span) for target in _targets(grant.target) for span in spans]


def _spoken(grant: Grant, target: Destination, span: Ports) -> Destination:
    protocol = grant.protocol if grant.protocol in _TRANSPORTS else "tcp"
    narrow = Ports(443, 443) if target.host and span == EVERY_PORT else span
    application = _APPLICATIONS.get(grant.protocol)
    if grant.protocol in {"tcp", "any"} and not target.workload:
        application = _BY_CUSTOM.get(narrow)
    fixed = None if target.service else narrow
    return Destination(
        grant.target, target.host, target.ip, target.network, target.workload, target.service, fixed, protocol,
        application if protocol == "tcp" else None,
    )  # fmt: skip


def _spans(words: str) -> Iterator[Ports]:
    if words == "every port":
        yield EVERY_PORT
        return
    for part in words.split(", "):
        match = _PORTS.fullmatch(part)
        if match is None or not 0 < int(match[1]) <= int(match[2] or match[1]) <= EVERY_PORT.last:
            return
        yield Ports(int(match[1]), int(match[2] or match[1]))


def _targets(words: str) -> Iterator[Destination]:
    if words == _ALL or words in _PUBLIC_ONLY:
        yield Destination(words, network="0.0.0.0/0" if words == _ALL else _PUBLIC)
    elif words.startswith("brokered "):
        yield Destination(words, service=words.removeprefix("brokered "))
    elif pods := pods_in(words):
        yield from _pods(words, *pods)
    elif "/" in words:
        yield from _networks(words)
    elif _HOST.fullmatch(words.casefold()):
        yield Destination(words, host=words.casefold())


def _pods(words: str, namespace: str, labels: str) -> Iterator[Destination]:
    """Pods that no manifest shows, with exactly these labels: what the permission says of every one of them."""
    if not labels or _LABELS.fullmatch(labels):
        called = f"{namespace or _SOME_NAMESPACE}/pods-of-nobody"
        yield Destination(words, workload=f"{called}{{{labels.replace(', ', ',')}}}")


def _networks(words: str) -> Iterator[Destination]:
    """The block, or where parts of it are left out the largest piece that is left: one rule is for all of it."""
    whole, _, without = words.partition(" except ")
    try:
        pieces = [ipaddress.ip_network(whole, strict=False)]
        for hole in filter(None, without.split(", ")):
            cut = ipaddress.ip_network(hole.strip(), strict=False)
            pieces = [part for piece in pieces for part in _less(piece, cut)]
    except (ValueError, TypeError):
        return
    if pieces:
        largest = min(pieces, key=lambda piece: (piece.prefixlen, int(piece.network_address)))
        ip = str(largest.network_address) if largest.num_addresses == 1 else None
        yield Destination(words, ip=ip, network=str(largest))


def _less(
    piece: ipaddress.IPv4Network | ipaddress.IPv6Network, cut: ipaddress.IPv4Network | ipaddress.IPv6Network
) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    if not piece.overlaps(cut):
        return [piece]
    if piece.prefixlen >= cut.prefixlen:
        return []
    return list(piece.address_exclude(cut))  # type: ignore[arg-type]
