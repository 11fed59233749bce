"""All places of one report where a remote stands, weighed against each other: the one that was wanted comes first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import re2

from skills.core.model import Ports
from skills.core.report.commands import typed
from skills.core.report.facts import Access, Drop, Seen
from skills.core.report.names import Host, host_at, ports_of
from skills.core.report.positions import POSITIONS, WEIGHT
from skills.core.report.prose import is_stack, ports_after, tokens
from skills.core.report.urls import IMPLIED, urls

MOST = 12
_MOST_MATCHES = 60
_MOST_LINES = 3000
_LONGEST_LINE = 8000

_FAILING = re2.compile(
    (r"(?i)error|fail|refused|timed? ?out|timeout|unreachable|denied|reset|cannot|can't|could not"
r"|couldn't|unable|fatal")
    r"|exception|unknown|not resolve|x509|certificate|\b50[234]\b|\b40[37]\b|no route|deadline|hang up|EOF"
)
# Lines in which names mean something else: frames, inbound router lines, deprecation notes.
_OTHER_LINE = re2.compile(r"\[RTR/\d|(?i:npm warn deprecated)|\bx-forwarded-for\b|\"x_forwarded_for\"")
_NOT_WANTED_BEFORE = re2.compile(
    (r"(?i)(?:\bclient|\bsrc|source|src\.addr|listen(?:ing)?(?: on)?|bind(?:ing)?"
r"|local(?:_?addr(?:ess)?)?|remote_?addr|from|peeraddr")
    r"|user-agent|server|nameserver|resolver|DNS|version|image|@)[:=(\s'\"]{0,4}$"
)


@dataclass
class _Pool:
    """Candidates by host: the strongest place wins, and each place may add what the others left out."""

    seen: dict[str, Seen] = field(default_factory=dict)
    proxies: set[str] = field(default_factory=set)
    resolved: dict[str, str] = field(default_factory=dict)

    def add(
        self,
        host: Host | None,
        ports: Ports | None,
        weight: int,
        quote: str,
        *,
        scheme: str | None = None,
        port_stated: bool = True,
    ) -> None:
        if host is None or (ports is not None and ports.first == ports.last == 53):
            return
        new = Seen(host.name, ports, scheme, host.ip, None, quote, True, port_stated and ports is not None, weight)
        old = self.seen.get(host.name)
        if old is None:
            self.seen[host.name] = new
            return
        best, other = (new, old) if weight > old.weight else (old, new)
        self.seen[host.name] = _completed(best, other)


def _completed(best: Seen, other: Seen) -> Seen:
    """A stated port beats an implied one; otherwise the stronger place speaks first."""
    if best.ports is None or (other.ports is not None and other.port_stated and not best.port_stated):
        best = replace(best, ports=other.ports, port_stated=other.port_stated)
    return replace(best, scheme=best.scheme or other.scheme)


def destinations(
    text: str, *, asks: bool, web: bool, accesses: Sequence[Access], drops: Sequence[Drop]
) -> tuple[tuple[Seen, ...], tuple[str, ...]]:
    """The remotes that were wanted, best first, and the proxies in the path.

    `web` says that a name without a port means HTTPS; such a port is not stated.
    """
    pool = _Pool()
    _from_logs(pool, accesses, drops)
    if not accesses:
        _from_positions(pool, text)
        _from_commands(pool, text)
        _from_lines(pool, text, asks=asks)
    else:
        _from_commands(pool, text)
        _from_lines(pool, text, asks=asks, urls_only=True)
    found = [_implied(seen, web=web) for seen in _ranked(pool, text.lower(), asks=asks)]
    return tuple(found), tuple(sorted(pool.proxies))


def _from_logs(pool: _Pool, accesses: Sequence[Access], drops: Sequence[Drop]) -> None:
    failed = [access for access in accesses if access.failed]
    for access in failed or accesses:
        name, port = _wanted(access)
        scheme = "http" if access.code and not access.sni and access.authority else None
        pool.add(host_at(name), ports_of(port), WEIGHT.NAMED + 3, access.quote, scheme=scheme)
    for drop in drops:
        pool.add(host_at(drop.host), ports_of(str(drop.port or "")), WEIGHT.NAMED + 2, drop.quote)


def _wanted(access: Access) -> tuple[str, str]:
    """Host and port of an access-log line.

    SNI and authority are what the client asked for. The cluster of an ingress gateway (it knows a forwarded-for) is
    nearer to the remote than the public name under which it was called.
    """
    if access.inbound:
        return "", ""
    original_port = access.original.rsplit(":", 1)[-1]
    _, port, _, cluster = ([*access.cluster.split("|"), "", "", ""])[:4]
    if access.sni and not access.sni.startswith("outbound"):
        return access.sni, original_port
    in_cluster = cluster.endswith(".svc.cluster.local") and "egressgateway" not in cluster
    if access.authority and not (in_cluster and access.forwarded_for):
        name, _, number = access.authority.partition(":")
        return name, number or port or ("" if access.code == 0 else original_port)
    if cluster:
        return cluster, port
    address = access.original or access.upstream
    return address.rpartition(":")[0], address.rpartition(":")[2]


def _from_positions(pool: _Pool, text: str) -> None:
    for position in POSITIONS:
        for count, match in enumerate(position.pattern.finditer(text)):
            if count >= _MOST_MATCHES:
                break
            groups = match.groupdict()
            host = host_at(groups.get("host") or "")
            if host is None or _in_stack(text, match):
                continue
            if position.proxy:
                pool.proxies.add(host.name)
                continue
            if groups.get("ip"):
                address = host_at(groups["ip"])
                if address is not None and address.ip is not None and address.name != host.name:
                    pool.resolved[host.name] = address.ip
            weight = position.weight
            if host.ip and weight < WEIGHT.NAMED:
                weight = min(weight, WEIGHT.CONNECT + 1)
            ports, stated = ports_of(groups.get("port")), True
            if ports is None and position.scheme in IMPLIED:
                ports, stated = ports_of(str(IMPLIED[position.scheme])), False
            scheme = position.scheme
            pool.add(host, ports, weight, _line(text, match), scheme=scheme, port_stated=stated)


def _line(text: str, match: Any) -> str:
    start = text.rfind("\n", 0, match.start()) + 1
    end = text.find("\n", match.end())
    line = text[start : end if end >= 0 else len(text)]
    if len(line) <= 300:
        return line.strip()
    return text[max(start, match.start() - 120) : match.end() + 160].strip()


def _in_stack(text: str, match: Any) -> bool:
    start = text.rfind("\n", 0, match.start()) + 1
    return is_stack(text[start : match.end() + 40].split("\n", 1)[0])


def _from_commands(pool: _Pool, text: str) -> None:
    for item in typed(text):
        pool.add(item.host, item.ports, WEIGHT.COMMAND, item.quote, scheme=item.scheme, port_stated=item.port_stated)


def _from_lines(pool: _Pool, text: str, *, asks: bool, urls_only: bool = False) -> None:
    for line in text.splitlines()[:_MOST_LINES]:
        line = line[:_LONGEST_LINE]
        if _OTHER_LINE.search(line):
            continue
        failing = bool(_FAILING.search(line))
        if "://" in line:
            for found in urls(line, failing=failing):
                if found.proxy:
                    pool.proxies.add(found.host.name)
                    continue
                more = ports_after(line[found.at :].split(" ", 1)[-1]) if asks and not found.port_stated else []
                ports = more[0] if more else found.ports
                stated = bool(more) or found.port_stated
                pool.add(found.host, ports, found.weight, line.strip()[:300], scheme=found.scheme, port_stated=stated)
        if not urls_only and not is_stack(line):
            _from_tokens(pool, line, asks=asks, failing=failing)


def _from_tokens(pool: _Pool, line: str, *, asks: bool, failing: bool) -> None:
    for written, port, start, end in tokens(line, unknown_suffix=asks):
        before, after = line[max(0, start - 24) : start], line[end : end + 260]
        host = host_at(written) if "/" not in written else Host(written)
        told = host is not None and host.ip is None and before.rstrip().lower().endswith("from")
        if before.endswith("://") or (not asks and after.startswith("->")):
            continue
        if not asks and not told and _NOT_WANTED_BEFORE.search(before):
            continue
        many = [port] if port else (ports_after(after) if asks else [])
        if host is None or (host.ip is not None and not many and not asks):
            continue
        weight = WEIGHT.URL if asks else (WEIGHT.TOKEN if port else WEIGHT.NAME) + (10 if failing else 0)
        pool.add(host, many[0] if many else None, weight, line.strip()[:300])
        for extra in many[1:]:
            name = f"{host.name}:{extra}"
            pool.seen.setdefault(
                name, Seen(host.name, extra, None, host.ip, None, line.strip()[:300], True, True, weight)
            )


def _ranked(pool: _Pool, text: str, *, asks: bool) -> Iterable[Seen]:
    """A request names its hosts in its own order, an error by how sure the place is. Drop proxies and resolved addresses; a remote beats the local host, a name beats an address."""
    found = set(pool.resolved.values())
    left = [seen for seen in pool.seen.values() if seen.host not in pool.proxies]
    left = [seen for seen in left if seen.host not in found or seen.weight >= WEIGHT.FAILED_URL]
    asks = asks and max((seen.weight for seen in left), default=0) < WEIGHT.PHRASE
    left.sort(key=lambda seen: text.find(seen.host) if asks else -seen.weight)
    away = [seen for seen in left if not Host(seen.host, seen.ip).local]
    if away and (away[0].weight >= WEIGHT.CONNECT or not left[0].weight >= WEIGHT.CONNECT):
        left = away
    names = [seen for seen in left if seen.ip is None]
    if not asks and names and names[0].weight >= WEIGHT.FIELD and left[0].weight < WEIGHT.FAILED_URL:
        left = names
    if not left:
        return []
    if left[0].ip is not None and left[0].weight < WEIGHT.PHRASE:
        left = [seen for seen in names if seen.ports == left[0].ports and seen.ports is not None] or left
    pool.proxies |= {seen.host for seen in pool.seen.values() if _tried_instead(left[0], seen)}
    least = WEIGHT.NAME if asks else left[0].weight - 3
    left = [seen for seen in _without_search_suffix(left) if seen.weight >= least and seen.host not in pool.proxies]
    return [replace(seen, resolved=pool.resolved.get(seen.host)) for seen in left[:MOST]]


def _tried_instead(wanted: Seen, tried: Seen) -> bool:
    """An address on another port, where a name was wanted, is a proxy: `access https://h/: connect to 10.0.0.1 port 3128`."""
    if wanted.ip is not None or wanted.ports is None or tried.ports in (None, wanted.ports):
        return False
    if tried.ip is None:
        return tried.quote == wanted.quote and wanted.weight >= WEIGHT.FAILED_URL and tried.weight >= WEIGHT.PHRASE
    return tried.weight >= WEIGHT.FIELD and (tried.quote == wanted.quote or Host(tried.host, tried.ip).local)


def _without_search_suffix(seen: list[Seen]) -> list[Seen]:
    """`db.cluster.local` beside `db`: the resolver tried its search list, the name that was wanted is the short one."""
    names = {item.host for item in seen}
    return [
        item
        for item in seen
        if not any(item.host != name and item.host.startswith(f"{name}.") and "." not in name for name in names)
    ]


_BY_PORT = {443: "https", 80: "http"}


def _implied(seen: Seen, *, web: bool) -> Seen:
    """A name without a scheme on a web port speaks that scheme; a name of the web without a port means HTTPS."""
    if web and seen.ports is None and seen.ip is None and "." in seen.host and "/" not in seen.host:
        return replace(seen, ports=Ports(443, 443), scheme="https", port_stated=False)
    if seen.scheme is None and seen.ports is not None and seen.ports.first == seen.ports.last and seen.ip is None:
        return replace(seen, scheme=_BY_PORT.get(seen.ports.first))
    return seen
