"""Remotes weighed against each other: the one that was wanted comes first, what only helped to get there falls out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from skills.core.model import Ports
from skills.core.report.facts import Seen
from skills.core.report.names import Host
from skills.core.report.positions import WEIGHT

MOST = 12
# Where proxies get their configuration from: noise, unless nothing else is named.
_CONTROL_PLANE = tuple(f"{name}{sign}" for name in ("istiod", "istio-pilot", "xds", "discovery") for sign in ".-")
_CONTROL_PORTS = (15010, 15012, 15014)
_PROXY_PORTS = (1080, 3128, 3129, 8080, 8118, 8888)
_SQUID = 3128  # nothing but a proxy listens there
_BY_PORT = {443: "https", 80: "http"}


@dataclass
class Pool:
    """Candidates by host: the strongest place wins, and each place may add what the others left out.

    `proxies` are hosts in the path, `resolved` the addresses that a client found for a name.
    """

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
        beside: bool = False,
        stated: bool = True,
    ) -> None:
        """`beside` keeps this port next to those that the host has already: `ports 22 and 990`."""
        if host is None or (ports is not None and ports.first == ports.last == 53):
            return
        if (
            host.name == "istiod"
            or host.name.startswith(_CONTROL_PLANE)
            or (ports is not None and ports.first in _CONTROL_PORTS)
        ):
            weight = WEIGHT.HINT
        port_stated = port_stated and ports is not None
        new = Seen(
            host.name, ports, scheme, host.ip, quote=quote, stated=stated, port_stated=port_stated, weight=weight
        )
        key = f"{host.name}:{ports}" if beside else host.name
        old = self.seen.get(key)
        best, other = (new, old) if old is None or weight > old.weight else (old, new)
        self.seen[key] = best if other is None else _completed(best, other)


def _completed(best: Seen, other: Seen) -> Seen:
    """A stated port beats an implied one; otherwise the stronger place speaks first."""
    if best.ports is None or (other.ports is not None and other.port_stated and not best.port_stated):
        best = replace(best, ports=other.ports, port_stated=other.port_stated)
    return best if best.scheme or not other.scheme else replace(best, scheme=other.scheme)


def ranked(pool: Pool, text: str, *, asks: bool, web: bool) -> tuple[Seen, ...]:
    """Best first. A request names its hosts in its own order, an error by how sure the place is.

    `web` says that a name without a port means HTTPS; such a port is not stated.
    """
    found = set(pool.resolved.values())
    left = [seen for seen in pool.seen.values() if seen.host not in pool.proxies]
    left = [seen for seen in left if seen.host not in found or seen.weight >= WEIGHT.FAILED_URL]
    if all(seen.ip is not None and seen.port == _SQUID for seen in left):
        pool.proxies |= {seen.host for seen in left}
        return ()
    asks = asks and max((seen.weight for seen in left), default=0) < WEIGHT.PHRASE
    if asks:
        lower = text.lower()
        left.sort(key=lambda seen: lower.find(seen.host))
        return _finished(pool, _away(left), WEIGHT.NAME, web=web)
    left.sort(key=lambda seen: -seen.weight)
    left = _names_first(_away(left))
    if not left:
        return ()
    pool.proxies |= {seen.host for seen in pool.seen.values() if _tried_instead(left[0], seen)}
    return _finished(pool, left, left[0].weight - 3, web=web)


def _finished(pool: Pool, left: Sequence[Seen], least: int, *, web: bool) -> tuple[Seen, ...]:
    kept = [seen for seen in _short(left) if seen.weight >= least and seen.host not in pool.proxies]
    return tuple(replace(_implied(seen, web=web), resolved=pool.resolved.get(seen.host)) for seen in kept[:MOST])


def _away(left: list[Seen]) -> list[Seen]:
    """A remote beats the local host, unless only the local host is in a place that counts."""
    away = [seen for seen in left if not Host(seen.host, seen.ip).local]
    sure = max((seen.weight for seen in left), default=0) >= WEIGHT.CONNECT
    return away if away and (not sure or max(seen.weight for seen in away) >= WEIGHT.CONNECT) else left


def _names_first(left: list[Seen]) -> list[Seen]:
    """A name beats an address: the address is what the name resolved to, or a proxy."""
    if not left or left[0].weight >= WEIGHT.FAILED_URL:
        return left
    names = [seen for seen in left if seen.ip is None]
    if names and names[0].weight >= WEIGHT.FIELD:
        return names
    if left[0].ip is not None and left[0].ports is not None:
        return [seen for seen in names if seen.ports == left[0].ports] or left
    return left


def _tried_instead(wanted: Seen, tried: Seen) -> bool:
    """Another port than the wanted one, in the same breath: `access https://h/: connect to 10.0.0.1 port 3128`."""
    if wanted.ip is not None or wanted.ports is None or tried.ports in (None, wanted.ports):
        return False
    together = tried.quote == wanted.quote
    if tried.ip is None:
        return together and wanted.weight >= WEIGHT.FAILED_URL and tried.weight >= WEIGHT.PHRASE
    usual = tried.ports.first in _PROXY_PORTS if tried.ports else False
    return tried.weight >= WEIGHT.FIELD and (usual or together or Host(tried.host, tried.ip).local)


def _short(left: Sequence[Seen]) -> Iterable[Seen]:
    """`db.cluster.local` beside `db`: the resolver tried its search list, the wanted name is the short one."""
    singles = {seen.host for seen in left if "." not in seen.host}
    return [seen for seen in left if "." not in seen.host or seen.host.partition(".")[0] not in singles]


def _implied(seen: Seen, *, web: bool) -> Seen:
    """A name on a web port speaks that scheme; a name of the web without a port means HTTPS."""
    if seen.ip is not None or "/" in seen.host:
        return seen
    if web and seen.ports is None and "." in seen.host:
        return replace(seen, ports=Ports(443, 443), scheme="https", port_stated=False)
    if seen.scheme is None and seen.ports is not None and seen.ports.first == seen.ports.last:
        return replace(seen, scheme=_BY_PORT.get(seen.ports.first))
    return seen
