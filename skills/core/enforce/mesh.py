"""What Istio decides about a flow that leaves the mesh: what a registered port carries, and who is admitted.

Source: https://istio.io/latest/docs/reference/config/networking/service-entry/ (ports and protocols) and
https://istio.io/latest/docs/reference/config/security/authorization-policy/ (principals, namespaces).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from skills.core.enforce.selectors import Match, sure
from skills.core.model import Destination, Place
from skills.core.url_text import SCHEMES

LAYER = "mesh"
DEFAULT_ACCOUNT = "default"

Family = Literal["tls", "http", "tcp"]

_FAMILIES: dict[str, Family] = {
    **dict.fromkeys(("HTTP", "HTTP2", "HTTP_PROXY", "GRPC", "GRPC-WEB"), "http"),
    **dict.fromkeys(("HTTPS", "TLS"), "tls"),
}  # fmt: skip

# Ports of protocols that begin with neither TLS nor HTTP: FTP, SSH, SMTP, POP3, IMAP, LDAP, files, databases, brokers.
NEITHER = frozenset(
    {20, 21, 22, 23, 25, 110, 143, 389, 445, 587, 1433, 1521, 1883, 2049, 3306, 3389, 4222, 5432, 5439, 5672, 6379}
    | {9042, 9092, 9418, 11211, 27017}
)

_OWN_PROTOCOLS = frozenset(scheme for scheme, (_, application) in SCHEMES.items() if application is None)


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


def spoken(destination: Destination) -> str | None:
    """What the client speaks, as far as the words say: a database's own protocol is neither TLS nor HTTP.

    Such a client does not begin with a TLS hello (PostgreSQL and SMTP ask for TLS later): SNI routing never sees one.
    """
    if destination.application is None and destination.scheme in _OWN_PROTOCOLS:
        return "other"
    return destination.application


def carries(family: Family, application: str | None) -> bool:
    """Whether a port of this family passes what the client speaks.

    TLS is routed by SNI and HTTP by the Host header, so neither passes on the other's port. A client
    that did not say what it speaks is taken to speak what the port expects.
    """
    return family == "tcp" or application is None or application == family
