"""URLs and data source names, cut down to scheme and authority. Credentials, path and query never leave this file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import re2

from skills.core.errors import AskUnclear
from skills.core.hosts import is_address, shown

TRANSPORTS = ("tcp", "udp", "sctp")

# Default port and, where the scheme says so, what speaks above the transport. Sources: the IANA service
# name registry, and the clients' own documentation where IANA has no entry.
SCHEMES: Mapping[str, tuple[int, str | None]] = {
    **dict.fromkeys(("http", "ws"), (80, "http")),
    **dict.fromkeys(("https", "wss", "grpcs", "tls"), (443, "tls")),
    **dict.fromkeys(("postgres", "postgresql"), (5432, None)),
    **dict.fromkeys(("mysql", "mariadb"), (3306, None)),
    **dict.fromkeys(("sqlserver", "mssql"), (1433, None)),
    **dict.fromkeys(("ssh", "sftp"), (22, None)),
    "oracle": (1521, None),
    "redshift": (5439, None),
    "redis": (6379, None),
    "rediss": (6379, "tls"),
    "amqp": (5672, None),
    "amqps": (5671, "tls"),
    "mongodb": (27017, None),
    "mongodb+srv": (27017, "tls"),
    "kafka": (9092, None),
    "mqtt": (1883, None),
    "mqtts": (8883, "tls"),
    "smtp": (25, None),
    "smtps": (465, "tls"),
    "ldap": (389, None),
    "ldaps": (636, "tls"),
    "nats": (4222, None),
    "memcached": (11211, None),
    "ftp": (21, None),
    "git": (9418, None),
}

_SCHEME = re2.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,31})://")
_AUTHORITY_END = re2.compile(r"[/?#;]")
_ENDS_IN_PORT = re2.compile(r":[0-9]{1,5}$")
_FOREIGN = frozenset("\\<>|\"'`{}^")


@dataclass(frozen=True, slots=True)
class Url:
    """`authority` is host and port as written, for a range of addresses with its prefix length.

    `scheme` is None for words that have none. `credentials` says that a user or password was left out.
    """

    scheme: str | None
    authority: str
    credentials: bool = False


def read(words: str) -> Url:
    """Takes apart a URL, a DSN (`jdbc:` too) or a bare `host:port`. Raises AskUnclear only."""
    scheme, rest = _split(words)
    if scheme is None or scheme in TRANSPORTS or scheme == "tls":
        before, sign, authority = rest.rpartition("@")
        found = Url(scheme, _without_path(authority), bool(before or sign))
    else:
        found = _from_url(scheme, rest)
    # Browsers read a backslash as a slash and libraries as part of the name: nobody can say which host is meant.
    if _FOREIGN & set(found.authority) or (found.credentials and "\\" in rest):
        raise AskUnclear("EGR605", host=shown(found.authority if "@" in words else words))
    return found


def _split(words: str) -> tuple[str | None, str]:
    if words[:5].lower() == "jdbc:" and words[5:6].isalpha():
        return _jdbc(words[5:])
    match = _SCHEME.match(words)
    return (match.group(1).lower(), words[match.end() :]) if match else (None, words)


def _from_url(scheme: str, rest: str) -> Url:
    authority = _authority(rest)
    if "@" not in authority and "@" in rest and ":" in authority and not _ENDS_IN_PORT.search(authority):
        # A slash in a password that should have been escaped: else its first half would be read as the port.
        return Url(scheme, _authority(rest.rpartition("@")[2]), True)
    before, sign, host = authority.rpartition("@")
    return Url(scheme, host, bool(before or sign))


def _authority(rest: str) -> str:
    end = _AUTHORITY_END.search(rest)
    return rest[: end.start()] if end else rest


def _without_path(rest: str) -> str:
    """Here a slash belongs to a range of addresses, or begins a path that says nothing of the way there."""
    name, slash, _ = rest.partition("/")
    return rest if slash and (is_address(name) or name.startswith("[")) else name


def _jdbc(rest: str) -> tuple[str, str]:
    """`postgresql://h/db`, `mysql:loadbalance://h/db`, `oracle:thin:user/secret@//h:1521/service`."""
    head, slashes, tail = rest.partition("://")
    if slashes and "@" not in head:
        parts = head.lower().split(":")
        return next((part for part in parts if part in SCHEMES), parts[-1]), tail
    if rest[:7].lower() == "oracle:" and "@" in rest:
        user, _, tail = rest.rpartition("@")
        host_and_port = ":".join(tail.removeprefix("//").split(":")[:2])  # a third part is the database's SID
        return "oracle", f"user@{host_and_port}" if "/" in user else host_and_port
    raise AskUnclear("EGR618", scheme=f"jdbc:{shown(rest.partition(':')[0].rpartition('@')[2])}")
