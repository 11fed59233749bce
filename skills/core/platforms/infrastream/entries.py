"""One item of `allowedEgress`: what it says, and what it covers.

Semantics: Infrastream's guide "Configuring Egress Rules". Items are host names, wildcard hosts or IP ranges; there
is no port, no protocol and no deny. What the guide leaves open is answered with `Reach.UNVERIFIED`, never guessed.
"""

from __future__ import annotations

import ipaddress
from enum import Enum
from typing import Any, NamedTuple

from skills.core.enforce.spans import Span, network_span
from skills.core.errors import AskUnclear
from skills.core.hosts import Network, normalise, parent_of, shown
from skills.core.model import Place

_ADDRESS_SIGNS = frozenset("0123456789abcdefABCDEF.:")
_HOST_SIGNS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-.")
_SHORT = 63  # the longest label, so that no label can be too long
_LONGEST = 512
_TEMPLATE_MARKS = ("{{", "${")


class Kind(Enum):
    HOST = "host"
    WILDCARD = "wildcard"
    RANGE = "range"
    TEMPLATED = "templated"
    INVALID = "invalid"


class Reach(Enum):
    NO = 0
    UNVERIFIED = 1
    YES = 2


class Item(NamedTuple):
    """`written` is the item as text, fit to be shown.

    Exactly one of `host` (for a wildcard, what follows `*.`), `network` and `fault` is set, none for a templated
    item. `fault` is the code that says what is wrong, `meant` the item that was probably meant.
    """

    kind: Kind
    written: str
    place: Place
    position: int
    host: str | None = None
    network: str | None = None
    fault: str | None = None
    meant: str | None = None

    @property
    def canonical(self) -> str:
        """The one spelling of what it covers; two items with the same are duplicates."""
        if self.kind is Kind.WILDCARD:
            return f"*.{self.host}"
        return self.host or self.network or self.written

    def covers_host(self, host: str) -> Reach:
        """`host` may itself be a wildcard: then all that it names must be covered."""
        if self.host is None:
            return Reach.NO
        if self.kind is Kind.HOST:
            return Reach.YES if host == self.host else Reach.NO
        if host.startswith("*."):
            if host[2:] == self.host:
                return Reach.YES
            return Reach.UNVERIFIED if parent_of(self.host, host[2:]) else Reach.NO
        if not parent_of(self.host, host):
            return Reach.NO
        # How many labels a wildcard reaches over is not documented.
        return Reach.YES if "." not in host.removesuffix(f".{self.host}") else Reach.UNVERIFIED

    @property
    def span(self) -> tuple[int, Span] | None:
        """IP version and inclusive range, for an item that is a range."""
        if self.network is None:
            return None
        network = ipaddress.ip_network(self.network)
        return network.version, network_span(network)


def read_item(value: Any, place: Place, position: int) -> Item:
    """Reads one list item, whatever YAML made of it."""
    if not isinstance(value, str) or not value:
        return Item(Kind.INVALID, "null" if value is None else shown(str(value)), place, position, fault="EGR726")
    if _is_plain(value):
        return Item(Kind.HOST, value, place, position, host=value)
    text, written = value[:_LONGEST], shown(value)
    if any(mark in text for mark in _TEMPLATE_MARKS):
        return Item(Kind.TEMPLATED, written, place, position)
    network = _network(text)
    if network is not None:
        return Item(Kind.RANGE, written, place, position, network=str(network))
    fault, meant = _fault(text)
    if fault is not None:
        return Item(Kind.INVALID, written, place, position, fault=fault, meant=meant)
    return Item(Kind.WILDCARD if text.startswith("*.") else Kind.HOST, written, place, position, host=meant)


def _is_plain(text: str) -> bool:
    """Whether it is a host name beyond doubt, spelt as `normalise` would: nearly every item is, and there are many."""
    if len(text) > _SHORT or not _HOST_SIGNS.issuperset(text) or text[0] in ".-" or text[-1] in ".-":
        return False
    last = text.rfind(".") + 1
    return last > 0 and text[last].isalpha() and ".." not in text and ".-" not in text and "-." not in text


def _network(text: str) -> Network | None:
    address, slash, prefix = text.partition("/")
    if not _ADDRESS_SIGNS.issuperset(address) or (slash and not (prefix.isascii() and prefix.isdecimal())):
        return None
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _fault(text: str) -> tuple[str | None, str | None]:
    """The code of what keeps the text from being an item, if anything does, and the host that it names."""
    if "://" in text:
        return "EGR720", _bare_host(text.split("://", 1)[1])
    if text.split() != [text]:
        return "EGR723", _bare_host("".join(text.split()))
    if "/" in text:
        return "EGR721", _bare_host(text)
    if ":" in text:
        return "EGR722", _bare_host(text)
    if "*" in text.removeprefix("*."):
        return "EGR724", None
    host = _bare_host(text.removeprefix("*."))
    if host is None or not text.isascii() or "_" in text or "@" in text:
        return "EGR725", f"*.{host}" if host and text.startswith("*.") else host
    return None, host


def _bare_host(text: str) -> str | None:
    """A host name with at least one dot out of what may have user, port and path around it."""
    name = text.split("/", 1)[0].rpartition("@")[2].partition(":")[0]
    try:
        host = normalise(name)
    except AskUnclear:
        return None
    return host if "." in host else None
