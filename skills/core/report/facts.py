"""What a report holds once it is read: plain values, each with the words it stands on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from skills.core.model import Ports


@dataclass(frozen=True, slots=True)
class Seen:
    """A remote that the client wanted.

    `host` is a name or a literal address (then `ip` holds it too), lower case, without a trailing dot; a wildcard or
    CIDR stays as it was written. `quote` is the line it was read from. `stated` is False for a host that the text only
    implies; `port_stated` is False when the port follows from the scheme or the client. `resolved` is the address that
    the client found for a name, where the text tells. `weight` ranks: the remote that an error names weighs more than
    an address in passing.
    """

    host: str
    ports: Ports | None = None
    scheme: str | None = None
    ip: str | None = None
    resolved: str | None = None
    quote: str = ""
    stated: bool = True
    port_stated: bool = True
    weight: int = 0

    @property
    def port(self) -> int | str | None:
        """A number, a string for a range, or None."""
        if self.ports is None:
            return None
        return self.ports.first if self.ports.first == self.ports.last else str(self.ports)

    def __str__(self) -> str:
        if self.ports is None:
            return self.host
        return f"[{self.host}]:{self.ports}" if ":" in self.host else f"{self.host}:{self.ports}"


@dataclass(frozen=True, slots=True)
class Access:
    """One line of an Envoy access log, in whichever format. Absent fields are empty; times are milliseconds."""

    flags: tuple[str, ...] = ()
    code: int = 0
    cluster: str = ""
    authority: str = ""
    sni: str = ""
    upstream: str = ""
    original: str = ""
    details: str = ""
    reason: str = ""
    route: str = ""
    forwarded_for: str = ""
    duration: int | None = None
    received: int = 0
    sent: int = 0
    quote: str = ""

    @property
    def inbound(self) -> bool:
        """Towards the pod itself. An egress gateway logs the same cluster, but with the SNI of an external host."""
        return self.cluster.startswith("inbound|") or (self.cluster.startswith("InboundPassthrough") and not self.sni)

    @property
    def unrouted(self) -> bool:
        """No registered cluster took it: dropped, or sent on to wherever the client had aimed."""
        return "BlackHole" in self.cluster or "Passthrough" in self.cluster

    @property
    def failed(self) -> bool:
        return bool(self.flags) or self.code >= 400 or "BlackHole" in self.cluster


@dataclass(frozen=True, slots=True)
class Drop:
    """A flow that a network policy or firewall log shows as dropped. `egress` is None where the log does not say."""

    host: str
    port: int | None = None
    egress: bool | None = None
    quote: str = ""


@dataclass(frozen=True, slots=True)
class Moment:
    """A time that the text gives, in its own `words`. `zone` is False where it names none: then UTC is assumed."""

    words: str
    at: datetime
    zone: bool

    def before(self, date: str) -> bool:
        """Whether it is certainly earlier than an ISO 8601 date with an offset, wherever on earth the clock stood."""
        margin = timedelta(0) if self.zone else _ANY_ZONE
        return self.at + margin < datetime.fromisoformat(date)


_ANY_ZONE = timedelta(hours=14)


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was read from one paste.

    `text` is what was scanned: bounded, normalised, masked. `destinations` come best first. `status` is the HTTP status
    the client got and `status_origin` who sent it: `proxy`, `sidecar`, `egress gateway`, `remote`, or None when the
    text does not say. `tls` is the reason a TLS library gave, `issuer` who signed the certificate that came, `offered`
    the names in it. `errno` is the symbolic name (`ECONNREFUSED`). `asks` says that somebody asks for access rather
    than showing a fault. `proxies` are the proxies in the path. `masked` are the kinds of secret that were replaced.
    `scanned` and `total` count characters. `when` is the last time that the text gives with its date.
    """

    text: str
    destinations: tuple[Seen, ...] = ()
    status: int | None = None
    status_origin: str | None = None
    tls: str | None = None
    issuer: str | None = None
    offered: tuple[str, ...] = ()
    envoy_flags: tuple[str, ...] = ()
    errno: str | None = None
    client: str = "other"
    accesses: tuple[Access, ...] = ()
    drops: tuple[Drop, ...] = ()
    proxies: tuple[str, ...] = ()
    asks: bool = False
    masked: tuple[str, ...] = ()
    scanned: int = 0
    total: int = 0
    when: Moment | None = None

    @property
    def failures(self) -> tuple[Access, ...]:
        """Failed lines of the access log; those towards the pod itself only where nothing failed on the way out."""
        failed = tuple(access for access in self.accesses if access.failed)
        return tuple(access for access in failed if not access.inbound) or failed
