"""All places of one report where a remote stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from skills.core.model import Ports
from skills.core.patterns import compiled, sifted
from skills.core.report.commands import typed
from skills.core.report.facts import Access, Drop, Seen
from skills.core.report.names import Host, host_at, ports_of
from skills.core.report.positions import POSITIONS, SIEVE, WEIGHT, Position
from skills.core.report.prose import Token, ports_after, tokens, without_frames
from skills.core.report.ranking import Pool, ranked
from skills.core.report.urls import IMPLIED, urls

_MOST_MATCHES = 60
_MOST_LINES = 3000
_LONGEST_LINE = 8000
_V4_DOTS, _V6_COLONS = 3, 7

_FAILING = compiled(
    r"(?i)error|fail|refused|timed? ?out|timeout|unreachable|denied|reset|cannot|can't|could not|couldn't|unable|fatal"
    r"|exception|unknown|not resolve|x509|certificate|\b50[234]\b|\b40[37]\b|no route|deadline|hang up|EOF"
)
_BUCKET = sifted(r"\b(s3|s3a|s3n|gs)://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])")
_REGION = sifted(r"(?i)\bregion(?:[_ ]name)?[\"']?\s{0,2}[:= ]\s{0,2}[\"']?([a-z]{2}(?:-[a-z]{2,9}){1,3}-\d)\b")
_TRYING = sifted(r"\* +Trying (\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-fA-F:.]+\])(?::\d+)?\.\.\.")
# Lines in which names mean something else: inbound router lines, deprecation notes.
_OTHER_LINE = compiled(r"\[RTR/\d|(?i:npm warn deprecated)|\bx-forwarded-for\b|\"x_forwarded_for\"")
_NOT_WANTED_BEFORE = compiled(
    r"(?i)(?:\bclient|\bsrc|source|src\.addr|listen(?:ing)?(?: on)?|bind(?:ing)?|local(?:_?addr(?:ess)?)?"
    r"|remote_?addr(?:ess)?"
    r"|from|peeraddr|user-agent|server|nameserver|resolver|DNS|version|image|(?:group|client)[._]?id|@)[:=(\s'\"/]{0,4}$"
)


def destinations(
    text: str, *, asks: bool, web: bool, accesses: Sequence[Access], drops: Sequence[Drop]
) -> tuple[tuple[Seen, ...], tuple[str, ...]]:
    """The remotes that were wanted, best first, and the proxies in the path.

    Beside an access log, loose names are upstreams and callers, so only URLs and command lines count there. `web` says
    that a name without a port means HTTPS.
    """
    pool = Pool()
    _from_logs(pool, accesses, drops)
    if not accesses:
        _from_positions(pool, text)
    for item in typed(text):
        pool.add(item.host, item.ports, WEIGHT.COMMAND, item.quote, scheme=item.scheme, port_stated=item.port_stated)
    _from_lines(pool, text, asks=asks, loose=not accesses)
    _from_buckets(pool, text)
    found = ranked(pool, text, asks=asks, web=web)
    return found if pool.proxies else _with_address(found, text), tuple(sorted(pool.proxies))


def _from_buckets(pool: Pool, text: str) -> None:
    """`s3://bucket` and `gs://bucket` stand for a host; any host that the text names itself counts more."""
    region = _REGION.search(text)
    for match in _BUCKET.finditer(text):
        scheme, bucket = match.group(1), match.group(2)
        host = f"{bucket}.s3.{region.group(1)}.amazonaws.com" if region else f"{bucket}.s3.amazonaws.com"
        host = host if scheme != "gs" else "storage.googleapis.com"
        pool.add(
            host_at(host), Ports(443, 443), WEIGHT.HINT, match.group(), scheme="https", port_stated=False, stated=False
        )


def _with_address(found: tuple[Seen, ...], text: str) -> tuple[Seen, ...]:
    """curl tells in a line of its own which address it tries: one host and one address belong together."""
    if len(found) != 1 or found[0].ip is not None or found[0].resolved is not None:
        return found
    tried = {match.group(1) for match in _TRYING.finditer(text)}
    address = host_at(tried.pop()) if len(tried) == 1 else None
    return (replace(found[0], resolved=address.ip),) if address is not None else found


def _from_logs(pool: Pool, accesses: Sequence[Access], drops: Sequence[Drop]) -> None:
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
    if cluster and "egressgateway" not in cluster:
        return cluster, port
    address = access.original or access.upstream
    return address.rpartition(":")[0], address.rpartition(":")[2]


def _from_positions(pool: Pool, text: str) -> None:
    near = SIEVE.near(text)
    for position in (position for number, position in enumerate(POSITIONS) if number in near):
        for count, match in enumerate(position.pattern.finditer(text)):
            if count >= _MOST_MATCHES:
                break
            _at_position(pool, position, match, text)


def _at_position(pool: Pool, position: Position, match: Any, text: str) -> None:
    groups = match.groupdict()
    host = host_at(groups.get("host") or "")
    line = _line(text, match)
    if host is None or _in_a_frame(line, groups["host"] or ""):
        return
    if position.proxy:
        pool.proxies.add(host.name)
        return
    address = host_at(groups.get("ip") or "")
    if address is not None and address.ip is not None and address.name != host.name:
        pool.resolved[host.name] = address.ip
    weight = position.weight
    if host.ip and weight < WEIGHT.NAMED:
        weight = min(weight, WEIGHT.CONNECT + 1)
    ports = ports_of(groups.get("port"))
    stated = ports is not None
    if ports is None and position.scheme in IMPLIED:
        ports = ports_of(str(IMPLIED[position.scheme]))
    pool.add(host, ports, weight, _shown(line, match), scheme=position.scheme, port_stated=stated)


def _line(text: str, match: Any) -> str:
    """The whole line of a match, at most _LONGEST_LINE on either side."""
    start = max(text.rfind("\n", 0, match.start()) + 1, match.start() - _LONGEST_LINE)
    end = text.find("\n", match.end())
    return text[start : min(end if end >= 0 else len(text), match.end() + _LONGEST_LINE)]


def _in_a_frame(line: str, written: str) -> bool:
    """Whether what looked like a host is code and nothing else."""
    return "\n" not in line and written in line and written not in without_frames(line)


def _shown(line: str, match: Any) -> str:
    """What of a line is quoted."""
    if len(line) <= 300:
        return line.strip()
    at = max(0, line.find(match.group()))
    return line[max(0, at - 120) : at + len(match.group()) + 160].strip()


def _from_lines(pool: Pool, text: str, *, asks: bool, loose: bool) -> None:
    lines = text.splitlines()
    if len(lines) > _MOST_LINES:
        lines = lines[: _MOST_LINES // 2] + lines[-_MOST_LINES // 2 :]
    for whole in lines:
        line = whole[:_LONGEST_LINE]
        if not ("://" in line or (loose and _may_name_a_host(line))) or _OTHER_LINE.search(line):
            continue
        failing = bool(_FAILING.search(line))
        line = without_frames(line)
        if "://" in line:
            _from_urls(pool, line, asks=asks, failing=failing)
        free = list(tokens(line, unknown_suffix=asks)) if loose and _may_name_a_host(line) else []
        _from_tokens(pool, line, free, asks=asks, failing=failing)


def _may_name_a_host(line: str) -> bool:
    """Names hold a dot before a letter, addresses three dots, or the colons of version 6; a time of day does not."""
    return _is_dotted(line) or "::" in line or _has_v6(line)


def _is_dotted(line: str) -> bool:
    dots = line.count(".")
    return dots >= _V4_DOTS or (
        dots > 0 and any(piece[:1].isalpha() or piece[:1] in "*_-" for piece in line.split(".")[1:])
    )


def _has_v6(line: str) -> bool:
    """The colons after the keys of an object are none of an address."""
    return line.count(":") - line.count('":') >= _V6_COLONS


def _from_urls(pool: Pool, line: str, *, asks: bool, failing: bool) -> None:
    for found in urls(line, failing=failing, asks=asks):
        if found.proxy:
            pool.proxies.add(found.host.name)
            continue
        more = ports_after(line[found.at :].split(" ", 1)[-1]) if asks and not found.port_stated else []
        ports = more[0] if more else found.ports
        stated = bool(more) or found.port_stated
        pool.add(found.host, ports, found.weight, line.strip()[:300], scheme=found.scheme, port_stated=stated)


def _from_tokens(pool: Pool, line: str, free: Sequence[Token], *, asks: bool, failing: bool) -> None:
    for token in free:
        before, after = line[max(0, token.start - 24) : token.start], line[token.end : token.end + 260]
        if not asks and _is_other_end(token.host, before, after):
            continue
        many = [token.ports] if token.ports else (ports_after(after) if asks else [])
        if token.host.ip is not None and not many and not asks:
            continue
        weight = WEIGHT.URL if asks else (WEIGHT.TOKEN if token.ports else WEIGHT.NAME) + (10 if failing else 0)
        quote = line.strip()[:300]
        pool.add(token.host, many[0] if many else None, weight, quote)
        for extra in many[1:]:
            pool.add(token.host, extra, weight, quote, beside=True)


def _is_other_end(host: Host, before: str, after: str) -> bool:
    """The caller, a resolver or a listener. A 502 `from` a name is the remote; `from` an address is the caller."""
    if after.startswith("->"):
        return True
    if host.ip is None and before.rstrip().lower().endswith("from"):
        return False
    return bool(_NOT_WANTED_BEFORE.search(before))
