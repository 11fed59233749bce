"""Envoy access logs (Istio's text format, JSON, key=value) and flow logs that name a dropped packet (Hubble, Cilium,
iptables, VPC).

Formats: https://istio.io/latest/docs/tasks/observability/logs/access-log/ and
https://docs.cilium.io/en/stable/observability/hubble/.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from skills.core.patterns import compiled, sifted
from skills.core.report.facts import Access, Drop
from skills.core.report.names import host_at

MOST = 200
# https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage
_FLAG_NAMES = "UH UF UO NR URX NC DT DC LH UT LR UR UC DI FI RL UAEX RLSE IH SI DPE UPE UMSDR OM DF DO DR NFCF"
FLAGS = frozenset(_FLAG_NAMES.split())

_TEXT_LINE = sifted(r'(?m)"[^"\s]+ [^"\n]*" {1,3}(\d{1,3}) ([A-Z]{2,5}(?:,[A-Z]{2,5})*|-) ([^\n]*)')
_TOKEN = compiled(r'"([^"\n]*)"|(\S+)')
_INSIDE = r'(?:[^{}"]|"[^"\n]*")*'
_OBJECT = sifted(r"\{" + _INSIDE + r'?"(?:response_flags?|flags|response_code_details)"' + _INSIDE)
_JSON_FIELD = compiled(r'"(:?[A-Za-z_]+)"\s*:\s*(?:"([^"]*)"|([^\s,}"]+))')
_KEYED_LINE = sifted(r"(?m)^.*\bresponse_flags?=[A-Z-].*$")
_KEYED_FIELD = compiled(r'(?:^|[\s\[{,])([A-Za-z_]+)=(?:"([^"]*)"|([^\s\]}`]*[^\s\]}`,])?)')

# What the same field is called in the wild. The first name that holds a value counts.
_NAMES: Mapping[str, tuple[str, ...]] = {
    "flags": ("response_flags", "response_flag", "flags"),
    "code": ("response_code", "status_code", "code", "status"),
    "cluster": ("upstream_cluster", "cluster"),
    "authority": ("authority", ":authority", "host"),
    "sni": ("requested_server_name", "requested_server", "sni"),
    "upstream": ("upstream_host", "upstream"),
    "original": ("downstream_local_address", "downstream_local", "local_address"),
    "details": ("response_code_details", "status_details"),
    "reason": ("upstream_transport_failure_reason", "upstream_failure_reason"),
    "route": ("route_name", "route"),
    "forwarded_for": ("x_forwarded_for", "forwarded_for", "xFor"),
    "duration": ("duration", "total_time_ms"),
    "received": ("bytes_received",),
    "sent": ("bytes_sent",),
}


def accesses(text: str) -> tuple[Access, ...]:
    """Every access-log entry, in the order of formats and then of lines; at most MOST."""
    found: list[Access] = []
    for access in (*_from_text(text), *_from_objects(text), *_from_keys(text)):
        if len(found) >= MOST:
            break
        found.append(access)
    return tuple(found)


def _from_text(text: str) -> Iterator[Access]:
    for match in _TEXT_LINE.finditer(text):
        tokens = [(token.group(1), token.group(2)) for token in _TOKEN.finditer(match.group(3)[:4000])]
        quoted = [at for at, (inside, _) in enumerate(tokens) if inside is not None]
        if len(quoted) < 5:
            continue
        after = [bare for _, bare in tokens[quoted[-1] + 1 :] if bare is not None] + [""] * 6
        before = [bare for _, bare in tokens[: quoted[-5]] if bare is not None]
        yield _access(
            {
                "code": match.group(1),
                "flags": match.group(2),
                "details": before[0] if before else "",
                "reason": tokens[quoted[0]][0] or "" if len(quoted) > 5 else "",
                "forwarded_for": tokens[quoted[-5]][0] or "",
                "authority": tokens[quoted[-2]][0] or "",
                "upstream": tokens[quoted[-1]][0] or "",
                "cluster": after[0],
                "original": after[2],
                "sni": after[4],
                "route": after[5],
            }
            | _numbers(before),
            match.group(),
        )


def _numbers(before: list[str]) -> dict[str, str]:
    """Bytes in, bytes out and duration: the last three numbers in a row before the quoted fields."""
    for at in range(len(before) - 3, -1, -1):
        three = before[at : at + 3]
        if all(item.isdigit() for item in three):
            return dict(zip(("received", "sent", "duration"), three, strict=True))
    return {}


def _from_objects(text: str) -> Iterator[Access]:
    for match in _OBJECT.finditer(text):
        fields = {m.group(1): m.group(2) or m.group(3) or "" for m in _JSON_FIELD.finditer(match.group()[:8000])}
        if len(fields) >= 4:
            yield _access(_named(fields), match.group())


def _from_keys(text: str) -> Iterator[Access]:
    for match in _KEYED_LINE.finditer(text):
        fields = {m.group(1): m.group(2) or m.group(3) or "" for m in _KEYED_FIELD.finditer(match.group()[:8000])}
        if len(fields) >= 4:
            yield _access(_named(fields), match.group())


def _named(fields: Mapping[str, str]) -> dict[str, str]:
    return {ours: next((fields[name] for name in names if fields.get(name)), "") for ours, names in _NAMES.items()}


def _access(fields: Mapping[str, str], line: str) -> Access:
    value = {name: "" if text.lower() in ("-", "null", "none", "n/a") else text for name, text in fields.items()}
    flags = tuple(flag for flag in value.get("flags", "").replace(" ", "").split(",") if flag in FLAGS)
    return Access(
        flags=flags,
        code=_number(value.get("code", "")) or 0,
        cluster=value.get("cluster", ""),
        authority=value.get("authority", ""),
        sni=value.get("sni", ""),
        upstream=value.get("upstream", ""),
        original=value.get("original", ""),
        details=value.get("details", ""),
        reason=value.get("reason", ""),
        route=value.get("route", ""),
        forwarded_for=value.get("forwarded_for", ""),
        duration=_number(value.get("duration", "")),
        received=_number(value.get("received", "")) or 0,
        sent=_number(value.get("sent", "")) or 0,
        quote=line[:400],
    )


def _number(text: str) -> int | None:
    return int(text) if text.isdigit() and len(text) < 16 else None


_HUBBLE_OBJECT = sifted(r'(?m)^.*"verdict"\s*:\s*"DROPPED".*$')
_HUBBLE_TO = compiled(r'"destination"\s*:\s*"([0-9a-fA-F.:]+)"')
_HUBBLE_PORT = compiled(r'"destination_port"\s*:\s*(\d{1,5})')
_HUBBLE_NAME = compiled(r'"destination_names"\s*:\s*\[\s*"([^"]+)"')
_HUBBLE_WAY = compiled(r'"traffic_direction"\s*:\s*"([A-Z]+)"')
_ARROW_DROP = sifted(
    r"(?m)^.*?(\S+?):(\d{1,5})(?: \([^)\n]*\))? (?:->|<>) (\S+?):(\d{1,5})\b"
    r"(.*\b(?:DROPPED|DENIED|dropped|Policy denied)\b.*)$"
)
_MONITOR_DROP = sifted(r"(?m)^.*\bdrop \(([^)\n]*)\) .*?\S+:\d+ -> (\S+):(\d{1,5}) (?i:tcp|udp|sctp).*$")
_KERNEL_DROP = sifted(r"(?m)^.*\bIN=(\S*) OUT=(\S*) .*\bDST=(\S+) .*\bDPT=(\d{1,5}).*$")
_VPC_DROP = sifted(r"(?m)^.*\beni-\S+ [0-9a-f.:]+ ([0-9a-f.:]+) \d+ (\d{1,5}) \d+ \d+ \d+ \d+ \d+ REJECT\b.*$")


def drops(text: str) -> tuple[Drop, ...]:
    """Flows that a log shows as dropped, in order of formats; at most MOST."""
    found: list[Drop] = []
    for drop in (*_hubble_objects(text), *_arrows(text), *_other_drops(text)):
        if len(found) >= MOST:
            break
        if not any((drop.host, drop.port) == (other.host, other.port) for other in found):
            found.append(drop)
    return tuple(found)


def _hubble_objects(text: str) -> Iterator[Drop]:
    for match in _HUBBLE_OBJECT.finditer(text):
        line = match.group()
        name, address = _HUBBLE_NAME.search(line), _HUBBLE_TO.search(line)
        port, way = _HUBBLE_PORT.search(line), _HUBBLE_WAY.search(line)
        host = host_at((name or address).group(1)) if name or address else None
        if host is not None:
            number = _number(port.group(1)) if port else None
            yield Drop(host.name, number, way.group(1) == "EGRESS" if way else None, line[:400])


def _arrows(text: str) -> Iterator[Drop]:
    """`ns/pod:40000 (ID:1) -> api.example.com:443 (world) policy-verdict:none EGRESS DENIED (TCP Flags: SYN)`."""
    for match in _ARROW_DROP.finditer(text):
        target, rest = match.group(3), match.group(5)
        host = host_at(target.rsplit("/", 1)[-1])
        way = True if "EGRESS" in rest or "(world)" in rest else False if "INGRESS" in rest else None
        if host is not None:
            yield Drop(host.name, _number(match.group(4)), way, match.group()[:400])


def _other_drops(text: str) -> Iterator[Drop]:
    for match in _MONITOR_DROP.finditer(text):
        host = host_at(match.group(2))
        if host is not None and "olicy" in match.group(1):
            yield Drop(host.name, _number(match.group(3)), "world" in match.group() or None, match.group()[:400])
    for match in _KERNEL_DROP.finditer(text):
        host = host_at(match.group(3))
        if host is not None:
            yield Drop(host.name, _number(match.group(4)), bool(match.group(2)), match.group()[:400])
    for match in _VPC_DROP.finditer(text):
        host = host_at(match.group(1))
        if host is not None:
            yield Drop(host.name, _number(match.group(2)), None, match.group()[:400])
