"""Lists of an egress proxy (Caddy's forward proxy) as its vars.yml keeps them, and which apps are sent through it.

Semantics: cg-egress-proxy's Caddyfile and forwardproxy's acl.go. The first match wins, in the order deny list, allow
list, deny all; `*.x` covers x itself and every name below it. An entry is a host, an address, a range or `all`. Only
port 443 passes unless the proxy is told otherwise.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import re2

from skills.core.enforce.spans import Spans, covers, spans_text
from skills.core.hosts import Network, is_private, parent_of, shown
from skills.core.model import Destination, Place
from skills.core.yaml_text import CannotEdit, Document, Seq, append_item, read_documents, remove_item, replace_value

ALLOW, DENY = "proxyallow", "proxydeny"
HTTPS: Spans = ((443, 443),)
_MOST = 2000
_VARIABLES = ("http_proxy", "https_proxy", "all_proxy")
_NOT_PROVED = "EGR384"
_HOST = re2.compile(r"(?:\*\.)?[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")


@dataclass(frozen=True, slots=True)
class Listed:
    """One entry of a list as the proxy takes it, in lower case; `written` where the file says more."""

    text: str
    place: Place
    written: str = ""

    @property
    def said(self) -> str:
        """The entry as the file has it."""
        return self.written or self.text

    @property
    def has_port(self) -> bool:
        """`host:8443`: newer proxies refuse it, older ones drop the port and open 443."""
        return _network(self.said) is None and ":" in self.said and "://" not in self.said

    @property
    def is_valid(self) -> bool:
        """Whether the proxy takes it; one entry that it does not take keeps it from starting."""
        return self.text == "all" or _network(self.text) is not None or bool(_HOST.fullmatch(self.text))

    def covers(self, destination: Destination) -> bool:
        """Whether the entry surely covers it. A range covers a host whose addresses are vouched for."""
        if self.text == "all":
            return True
        network = _network(self.text)
        if network is not None:
            wanted = [destination.network] if destination.network else list(destination.addresses)
            return bool(wanted) and all(_within(str(each), network) for each in wanted)
        host = destination.host or ""
        bare, wanted_bare = self.text.removeprefix("*."), host.removeprefix("*.")
        if self.text.startswith("*."):
            return wanted_bare == bare or parent_of(bare, wanted_bare)
        return host == self.text

    def touches(self, destination: Destination) -> bool:
        """Whether it covers a part of it: a host below a wildcard that is asked for, or some addresses of a range."""
        network = _network(self.text)
        if network is not None and destination.network is not None:
            wanted = ipaddress.ip_network(destination.network)
            return wanted.version == network.version and wanted.overlaps(network)
        below = (destination.host or "").startswith("*.") and parent_of((destination.host or "")[2:], self.text)
        return below or self.covers(destination)

    def may_cover(self, destination: Destination) -> bool:
        """Whether it is a range in which the addresses of a host could lie; public hosts have no private ones."""
        network = _network(self.text)
        return network is not None and bool(destination.host) and not destination.addresses and not is_private(network)


@dataclass(frozen=True, slots=True)
class Proxy:
    """`hostname` is the name of its internal route, `document` the number of its document in the file."""

    name: str
    hostname: str
    deny: tuple[Listed, ...]
    allow: tuple[Listed, ...]
    place: Place
    document: int
    ports: Spans = HTTPS
    client: str = ""  # whose credentials this list belongs to, where a proxy has several
    space: str = ""  # the space that it runs in, as far as it is known
    unsure: str = ""  # what of its lists only the run knows
    root: str | None = None  # the Terraform root that runs it; None: it counts for all
    acl: str = ""  # the file of its allow list beside a Caddyfile
    app: str = ""  # the label of its Terraform module
    ports_at: tuple[str, int] = ("", 0)  # file and line of the list of ports in Terraform
    home: tuple[str, str, str, str] = ("", "", "", "")  # file, module, client and key of the allow list in Terraform

    def passes(self, destination: Destination) -> bool:
        """Whether it lets the port through at all."""
        ports = destination.ports
        wanted = ((ports.first, ports.last),) if ports else ()
        plain = not destination.service and not destination.workload
        return destination.protocol == "tcp" and plain and bool(wanted) and covers(self.ports, wanted)

    def lets_through(self, destination: Destination) -> Listed | None:
        """The entry that allows it on the proxy's port, unless one of the deny list comes first."""
        if not self.passes(destination):
            return None
        if any(entry.touches(destination) for entry in self.deny):
            return None
        return next((entry for entry in self.allow if entry.covers(destination)), None)

    @property
    def ports_text(self) -> str:
        return spans_text(self.ports)

    @property
    def refused(self) -> Listed | None:
        """An entry that the proxy does not take."""
        return next((entry for entry in (*self.deny, *self.allow) if not entry.is_valid), None)


def read_proxy(document: Document, data: Mapping[str, Any]) -> Sequence[Proxy]:
    if ALLOW not in data or "((" in str(data[ALLOW])[:10]:
        return ()
    name = shown(str(data.get("proxyname") or data.get("hostname") or "proxy"))
    hostname = shown(str(data.get("hostname") or data.get("proxyname") or "")).lower()
    deny, allow = _listed(document, data, DENY), _listed(document, data, ALLOW)
    return (Proxy(name, hostname, deny, allow, document.place_of(ALLOW), document.index),)


def proxy_of(env: Any) -> str:
    """The host of the proxy that an app's environment names; empty where it names none."""
    values = _variables(env, *_VARIABLES)
    return values[0][:500].rpartition("@")[2].rpartition("/")[2].partition(":")[0].lower() if values else ""


def is_plain_only(env: Any) -> bool:
    """Whether the environment names a proxy for plain HTTP and none for TLS."""
    return bool(_variables(env, "http_proxy")) and not _variables(env, "https_proxy", "all_proxy")


def around_of(env: Any) -> tuple[str, ...]:
    """The entries of `no_proxy` in an app's environment, in lower case."""
    words = (word.strip().lower() for text in _variables(env, "no_proxy") for word in text[:5000].split(","))
    return tuple(word for word in words if word)


def _variables(env: Any, *names: str) -> list[str]:
    pairs = env.items() if isinstance(env, Mapping) else ()
    return [value for key, value in pairs if str(key).lower() in names and isinstance(value, str)]


def goes_around(entry: str, destination: Destination) -> bool | None:
    """Whether an entry of `no_proxy` keeps the destination away from the proxy; None where clients differ: for some
    `x.gov` is that host alone, for others also what lies below it, and only some of them know ranges."""
    host, bare = destination.host or destination.ip or "", entry.removeprefix("*").removeprefix(".")
    if entry in ("*", host) or (bare != entry and parent_of(bare, host)):
        return True
    network = _network(entry)
    wanted = [destination.network] if destination.network else list(destination.addresses)
    inside = network is not None and any(_within(str(each), network) for each in wanted)
    return None if inside or host == bare or parent_of(bare, host) else False


def serves(proxy: Proxy, host: str) -> bool:
    return bool(proxy.hostname) and host.partition(".")[0] == proxy.hostname.partition(".")[0]


def _listed(document: Document, data: Mapping[str, Any], key: str) -> tuple[Listed, ...]:
    written = data.get(key)
    if isinstance(written, Seq):
        pairs = [(item, document.place(written, at)) for at, item in enumerate(written[:_MOST])]
        return tuple(Listed(shown(item).lower(), place) for item, place in pairs if isinstance(item, str))
    if not isinstance(written, str):
        return ()
    found = []
    at = first = document.place_of(key).line
    for word in written.split()[:_MOST]:
        while at < len(document.rows) and word not in document.rows[at - 1]:
            at += 1
        line = at if word in document.rows[at - 1] else first
        at = line
        found.append(Listed(shown(word).lower(), Place(document.path, line, document.rows[line - 1].strip()[:200])))
    return tuple(found)


def with_entry(path: str, text: str, number: int, entry: str) -> str:
    """The vars file with one entry more at the end of its allow list. Raises CannotEdit."""
    document, written = _allow(path, text, number)
    if isinstance(written, list):
        return append_item(text, document, (ALLOW,), entry)
    words = written.split() if isinstance(written, str) else []
    if not _is_block(document):
        return replace_value(text, document, (ALLOW,), " ".join([*words, entry]))
    rows = text.split("\n")
    last = _last_row(document, rows, words)
    above = rows[last]
    margin = above[: len(above) - len(above.lstrip())]
    rows.insert(last + 1, margin + entry + ("\r" if above.endswith("\r") else ""))
    return _proved(path, document, "\n".join(rows), [*words, entry])


def without_entry(path: str, text: str, number: int, entry: str) -> str | None:
    """The vars file without an entry that says exactly this; None where there is none. Raises CannotEdit."""
    document, written = _allow(path, text, number)
    words = written.split() if isinstance(written, str) else [str(item) for item in written or ()]
    at = next((place for place, word in enumerate(words) if word.lower() == entry), None)
    if at is None:
        return None
    if isinstance(written, list):
        return remove_item(text, document, (ALLOW,), at)
    left = [*words[:at], *words[at + 1 :]]
    if not _is_block(document):
        return replace_value(text, document, (ALLOW,), " ".join(left))
    rows = text.split("\n")
    begin, end = document.place_of(ALLOW).line, _last_row(document, rows, words)
    del rows[next(row for row in range(begin, end + 1) if words[at] in rows[row].split())]
    return _proved(path, document, "\n".join(rows), left)


def _allow(path: str, text: str, number: int) -> tuple[Document, Any]:
    document = next(each for each in read_documents(path, text)[0] if each.index == number)
    return document, document.at(ALLOW)


def _is_block(document: Document) -> bool:
    return document.place_of(ALLOW).text.partition(":")[2].strip()[:1] in ("|", ">")


def _last_row(document: Document, rows: Sequence[str], words: Sequence[str]) -> int:
    """The index of the block's last line that holds an entry."""
    at = last = document.place_of(ALLOW).line
    left = len(words)
    while left > 0 and at < len(rows):
        here = len(rows[at].split())
        left, last, at = left - here, at if here else last, at + 1
    if not words or left != 0:
        raise CannotEdit(_NOT_PROVED, path=ALLOW)
    return last


def _proved(path: str, document: Document, new: str, words: Sequence[str]) -> str:
    """The new text, once it is read again and says the same with just this list."""
    again = next((each for each in read_documents(path, new)[0] if each.index == document.index), None)
    if again is None or str(again.at(ALLOW) or "").split() != list(words) or not _same(document, again):
        raise CannotEdit(_NOT_PROVED, path=ALLOW)
    return new


def _same(one: Document, other: Document) -> bool:
    """Whether two documents say the same but for the allow list."""
    return {**one.data, ALLOW: None} == {**other.data, ALLOW: None}


def _network(text: str) -> Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _within(text: str, network: Network) -> bool:
    inner = ipaddress.ip_network(text)
    return inner.version == network.version and (
        network.network_address <= inner.network_address and inner.broadcast_address <= network.broadcast_address  # type: ignore[operator]
    )
