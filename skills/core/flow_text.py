"""The words after `--to` and `--for`, taken apart. Nothing is looked up here.

Every refusal is an AskUnclear of one sentence; nothing else is raised, whatever the text is.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import re2

from skills.core import hosts
from skills.core.errors import AskUnclear
from skills.core.hosts import shown
from skills.core.model import Destination, Finding, Ports, WorkloadRef

_LONGEST = 4096
_TRANSPORTS = ("tcp", "udp", "sctp")
_SERVICES = ("rds", "redis", "elasticsearch", "s3")


@dataclass(frozen=True, slots=True)
class _Scheme:
    """What a scheme says of the wire: default port and what speaks above the transport."""

    port: int | None
    application: str | None = None


# Default ports: the IANA service name registry, and the clients' own documentation where IANA differs.
_SCHEMES: Mapping[str, _Scheme] = {
    "http": _Scheme(80, "http"),
    "ws": _Scheme(80, "http"),
    "https": _Scheme(443, "tls"),
    "wss": _Scheme(443, "tls"),
    "grpcs": _Scheme(443, "tls"),
    "tls": _Scheme(443, "tls"),
    "postgres": _Scheme(5432),
    "postgresql": _Scheme(5432),
    "mysql": _Scheme(3306),
    "mariadb": _Scheme(3306),
    "sqlserver": _Scheme(1433),
    "mssql": _Scheme(1433),
    "oracle": _Scheme(1521),
    "redis": _Scheme(6379),
    "rediss": _Scheme(6379, "tls"),
    "amqp": _Scheme(5672),
    "amqps": _Scheme(5671, "tls"),
    "mongodb": _Scheme(27017),
    "mongodb+srv": _Scheme(27017, "tls"),
    "kafka": _Scheme(9092),
    "mqtt": _Scheme(1883),
    "mqtts": _Scheme(8883, "tls"),
    "smtp": _Scheme(25),
    "smtps": _Scheme(465, "tls"),
    "ldap": _Scheme(389),
    "ldaps": _Scheme(636, "tls"),
    "nats": _Scheme(4222),
    "clickhouse": _Scheme(9000),
    "cassandra": _Scheme(9042),
    "memcached": _Scheme(11211),
    "ssh": _Scheme(22),
    "sftp": _Scheme(22),
    "ftp": _Scheme(21),
    "git": _Scheme(9418),
}
_NO_ENDPOINT = ("s3", "s3a", "s3n", "gs", "abfs", "abfss", "wasb", "wasbs", "arn")
_SCHEME = re2.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,31})://")
_JDBC = re2.compile(r"(?i)jdbc:(?:[a-z0-9]+:)*?([a-z0-9]+)(?::thin)?:(?:[^@/]*@)?(//)?")
_CREDENTIALS = re2.compile(r"[^\s/@]+@|://.*@")


def destination(text: str, addresses: tuple[str, ...] = ()) -> tuple[Destination, tuple[Finding, ...]]:
    """One destination of the `--to` grammar, and what had to be assumed or left out to read it.

    `addresses` are what the asker vouches for (`--ip`). Raises AskUnclear, and only that.
    """
    vouched = tuple(str(hosts.address(item)) for item in addresses)
    words = text.strip()
    if not words:
        raise AskUnclear("EGR601")
    if len(words) > _LONGEST:
        raise AskUnclear("EGR613", given=len(words), most=_LONGEST)
    return _Reader(words, vouched).read()


@dataclass(slots=True)
class _Reader:
    """Reads one destination. `findings` grows while it does."""

    words: str
    addresses: tuple[str, ...]

    def __post_init__(self) -> None:
        self.findings: list[Finding] = []

    findings: list[Finding] = None  # type: ignore[assignment]

    def read(self) -> tuple[Destination, tuple[Finding, ...]]: ...
