"""What Istio decides about a flow that leaves the mesh: which host and port it serves, and for whom.

Source: https://istio.io/latest/docs/reference/config/networking/service-entry/ (hosts, ports, protocols),
.../networking/sidecar/ (REGISTRY_ONLY) and .../security/authorization-policy/ (principals, namespaces).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from skills.core.enforce.matching import Match, any_of, sure
from skills.core.model import Destination, Place

LAYER = "mesh"
DEFAULT_ACCOUNT = "default"

Family = Literal["tls", "http", "tcp"]
Kinship = Literal["www", "parent", "child", "sibling", "typo"]

_FAMILIES: dict[str, Family] = {
    **dict.fromkeys(("HTTP", "HTTP2", "HTTP_PROXY", "GRPC", "GRPC-WEB"), "http"),
    **dict.fromkeys(("HTTPS", "TLS"), "tls"),
}  # fmt: skip
_TYPO_SHORTEST = 6


@dataclass(frozen=True, slots=True)
class Served:
    """One port of a host that a ServiceEntry registers, with the line that says so."""

    host: str
    port: int
    family: Family
    place: Place


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is admitted: one service account of a namespace, or (None) every pod of it."""

    namespace: str
    account: str | None
    place: Place

    def admits(self, namespace: str, account: str | None) -> Match:
        """`account` None means that nobody said under which one the pods run."""
        if namespace != self.namespace:
            return Match.NO
        if self.account is None:
            return Match.YES
        return Match.UNKNOWN if account is None else sure(account == self.account)


def family_of(protocol: str) -> Family:
    """The family of a ServiceEntry port's protocol; what Istio does not parse is plain TCP."""
    return _FAMILIES.get(protocol.upper(), "tcp")


def carries(family: Family, application: str | None) -> bool:
    """Whether a port of this family passes what the client speaks.

    TLS is routed by SNI and HTTP by the Host header, so neither passes on the other's port. A client
    that did not say what it speaks is taken to speak what the port expects.
    """
    return family == "tcp" or application is None or application == family


def serves(entries: Iterable[Served], destination: Destination) -> list[Served]:
    """The entries that match host (exactly, as written), port and family."""
    ports = destination.ports
    return [
        entry
        for entry in entries
        if entry.host == destination.host
        and ports is not None
        and ports.first == ports.last == entry.port
        and carries(entry.family, destination.application)
    ]


def admitted(principals: Sequence[Principal], namespace: str, account: str | None) -> Match:
    return any_of(principal.admits(namespace, account) for principal in principals)


def kinship(listed: str, asked: str) -> Kinship | None:
    """How a listed host that is not the asked one could have been meant for it; None when it could not.

    `parent`: the listed host stands above the asked one; `child`: below; `sibling`: both are direct
    children of one registrable-looking parent (three labels or more).
    """
    one, other = listed.lower().rstrip("."), asked.lower().rstrip(".")
    if one == other:
        return None
    if one.removeprefix("www.") == other.removeprefix("www."):
        return "www"
    if other.endswith(f".{one}") and "." in one:
        return "parent"
    if one.endswith(f".{other}") and "." in other:
        return "child"
    if one.count(".") > 1 and one.partition(".")[2] == other.partition(".")[2]:
        return "sibling"
    return "typo" if _one_edit_apart(one, other) else None


def _one_edit_apart(one: str, other: str) -> bool:
    """One letter added, left out, changed, or two neighbours swapped."""
    if min(len(one), len(other)) < _TYPO_SHORTEST or abs(len(one) - len(other)) > 1:
        return False
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    a, b = one[start:], other[start:]
    swapped = len(a) == len(b) > 1 and a[0] == b[1] and a[1] == b[0] and a[2:] == b[2:]
    return swapped or a[1:] == b[1:] or a[1:] == b or a == b[1:]
