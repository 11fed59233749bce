"""The words after `--to` and `--for`, taken apart. Nothing is looked up here.

Every refusal is an AskUnclear of one sentence; nothing else is raised, whatever the text is.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import re2

from skills.core import hosts, url_text
from skills.core.errors import AskUnclear
from skills.core.hosts import shown
from skills.core.model import Destination, Finding, Ports, WorkloadRef
from skills.core.url_text import SCHEMES, TRANSPORTS

_LONGEST = 4096
_SERVICES = ("rds", "redis", "elasticsearch", "s3")
_BUCKETS = ("s3", "s3a", "s3n", "gs", "abfs", "abfss", "wasb", "wasbs")

_PORTS = re2.compile(r"([0-9]{1,6})(?:-([0-9]{1,6}))?")
_V6_SIGNS = frozenset("0123456789abcdef:.%")
_KUBE_NAME = re2.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class _Target:
    """The far end without its scheme: `name` is a host, an address or a CIDR, still as written."""

    name: str
    ports: Ports | None = None


def destination(
    text: str, addresses: tuple[str, ...] = (), region: str = ""
) -> tuple[Destination, tuple[Finding, ...]]:
    """One destination of the `--to` grammar, and what had to be assumed or left out to read it.

    `addresses` are what the asker vouches for (`--ip`). `region` is where `s3://` buckets are, as far as it is known.
    Raises AskUnclear, and only that.
    """
    vouched = tuple(str(hosts.address(item)) for item in addresses)
    words = text.strip()
    if len(words) > _LONGEST:
        raise AskUnclear("EGR613", given=len(words), most=_LONGEST)
    own, slashes, rest = words.partition("://")
    if slashes and own.lower() in _OWN:
        return _OWN[own.lower()](words, rest), ()
    url = url_text.read(words)
    if url.scheme == "s3" and region:
        return _bucket(words, hosts.normalise(url.authority), region)
    if url.scheme in _BUCKETS:
        raise AskUnclear("EGR620", bucket=shown(url.authority), scheme=url.scheme)
    found, findings = _assemble(url.scheme, url.authority)
    if url.credentials:
        findings = (*findings, Finding("EGR635", {"host": found.name}))
    return replace(found, addresses=vouched), findings


def _bucket(words: str, name: str, region: str) -> tuple[Destination, tuple[Finding, ...]]:
    host = f"{name}.s3.{region}.amazonaws.com"
    assumed = Finding("EGR639", {"bucket": name, "region": region, "host": host})
    return replace(_assemble("https", host)[0], written=_kept(words)), (assumed,)


def _assemble(scheme: str | None, authority: str) -> tuple[Destination, tuple[Finding, ...]]:
    if "," in authority:
        raise AskUnclear("EGR619", hosts=shown(authority))
    target = _target(authority, scheme)
    found, findings = _named(target, scheme, f"{scheme}://{authority}" if scheme else authority)
    if scheme in TRANSPORTS:
        if target.ports is None:
            raise AskUnclear("EGR617", host=found.name)
        return replace(found, protocol=scheme), findings
    if scheme is None or scheme == "tls":
        return _with_assumptions(found, target.ports, findings, scheme)
    if scheme not in SCHEMES:
        if target.ports is None:
            raise AskUnclear("EGR618", scheme=scheme)
        return found, (*findings, Finding("EGR634", {"scheme": scheme, "host": found.name}))
    port, application = SCHEMES[scheme]
    if scheme == "mongodb+srv":
        findings = (*findings, Finding("EGR633", {"host": found.name}))
    return replace(found, ports=target.ports or Ports(port, port), application=application), findings


def _with_assumptions(
    found: Destination, ports: Ports | None, findings: tuple[Finding, ...], scheme: str | None
) -> tuple[Destination, tuple[Finding, ...]]:
    """`host` alone means TLS on 443, and says so; 443 is TLS and 80 is HTTP by custom."""
    if ports is None:
        assumed = ("port", "application") if scheme is None else ("port",)
        found = replace(found, ports=Ports(443, 443), application="tls", assumed=assumed)
        return found, (*findings, Finding("EGR630", {"host": found.name}))
    usual = {Ports(443, 443): "tls", Ports(80, 80): "http"}
    return replace(found, application="tls" if scheme == "tls" else usual.get(ports)), findings


def _named(target: _Target, scheme: str | None, written: str) -> tuple[Destination, tuple[Finding, ...]]:
    """Address, range or host, in its one spelling."""
    base = Destination(_kept(written), ports=target.ports, scheme=scheme)
    if "/" in target.name:
        network = _network(target.name)
        single = str(network.network_address) if network.num_addresses == 1 else None
        return replace(base, network=str(network), ip=single), ()
    if hosts.is_address(target.name):
        address = hosts.address(target.name)
        return replace(base, ip=str(address), network=f"{address}/{address.max_prefixlen}"), ()
    host = _host(target.name)
    findings = []
    if not target.name.isascii():
        findings.append(Finding("EGR631", {"written": shown(target.name), "host": host}))
    twin = hosts.looks_like(host)
    if twin is not None:
        findings.append(Finding("EGR632", {"written": hosts.unicode_form(host), "host": host, "twin": twin}))
    return replace(base, host=host), tuple(findings)


def _kept(written: str) -> str:
    return "".join(sign for sign in written if sign.isprintable())[:256]


def _host(name: str) -> str:
    if "*" not in name:
        return hosts.normalise(name)
    if not name.startswith("*.") or "*" in name[2:]:
        raise AskUnclear("EGR622", host=shown(name))
    return f"*.{hosts.normalise(name[2:])}"


def _target(text: str, scheme: str | None) -> _Target:
    if text.startswith("["):
        inside, closed, rest = text[1:].partition("]")
        if not closed:
            raise AskUnclear("EGR612", address=shown(text))
        if rest.startswith("/"):
            prefix, colon, port = rest[1:].partition(":")
            return _Target(f"{inside}/{prefix}", _ports(port) if colon else None)
        if rest and not rest.startswith(":"):
            raise AskUnclear("EGR614", port=shown(rest))
        if "/" not in inside:
            inside = str(hosts.address(f"[{inside}]"))
        return _Target(inside, _ports(rest[1:]) if rest[1:] or (scheme is None and rest) else None)
    if "/" in text:
        head, _, tail = text.partition("/")
        prefix, colon, port = tail.partition(":")
        return _Target(f"{head}/{prefix}", _ports(port) if colon else None)
    name, colon, port = text.rpartition(":")
    if ":" in name and (hosts.is_address(text) or not hosts.is_address(name) or "::" in name):
        if not set(text.lower().partition("%")[0]) <= _V6_SIGNS:
            raise AskUnclear("EGR614", port=shown(text.partition(":")[2]))
        return _Target(str(hosts.address(text)))
    if not colon:
        return _Target(text)
    # A URL may leave the port empty (RFC 3986, 3.2.3); elsewhere it is a slip.
    return _Target(name, _ports(port) if port or scheme is None else None)


def _ports(text: str) -> Ports:
    match = _PORTS.fullmatch(text)
    if match is None:
        raise AskUnclear("EGR614", port=shown(text))
    first, last = int(match.group(1)), int(match.group(2) or match.group(1))
    if not (1 <= first <= 65535 and 1 <= last <= 65535):
        raise AskUnclear("EGR615", port=text)
    if first > last:
        raise AskUnclear("EGR616", port=text, other=f"{last}-{first}")
    return Ports(first, last)


def _network(text: str) -> hosts.Network:
    if "%" in text:
        raise AskUnclear("EGR611", address=shown(text))
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        pass
    try:
        loose = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise AskUnclear("EGR621", text=shown(text)) from None
    raise AskUnclear("EGR636", text=shown(text), network=str(loose))


# --- destinations that are no host


def _split_port(rest: str) -> tuple[str, Ports | None]:
    name, colon, port = rest.rstrip("/").partition(":")
    return name, _ports(port) if colon else None


def _pods(words: str, rest: str) -> Destination:
    name, ports = _split_port(rest)
    parts = name.lower().split("/")
    if len(parts) != 2 or not all(_KUBE_NAME.fullmatch(part) for part in parts):
        raise AskUnclear("EGR623", text=shown(words))
    if ports is None:
        raise AskUnclear("EGR617", host="/".join(parts))
    return Destination(_kept(words), workload="/".join(parts), ports=ports, scheme="workload")


def _service(words: str, rest: str) -> Destination:
    name, ports = _split_port(rest)
    if name.lower() not in _SERVICES:
        raise AskUnclear("EGR624", service=shown(name), known=", ".join(_SERVICES))
    return Destination(_kept(words), service=name.lower(), ports=ports, scheme="cf-service")


def _route(words: str, rest: str) -> Destination:
    name, ports = _split_port(rest)
    if not name or len(name) > hosts.LONGEST_HOST or "/" in name or not name.isprintable():
        raise AskUnclear("EGR625", text=shown(words))
    return Destination(_kept(words), service=f"route:{name}", ports=ports, scheme="cf-route")


_OWN: Mapping[str, Callable[[str, str], Destination]] = {
    "workload": _pods,
    "cf-service": _service,
    "cf-route": _route,
}


# --- who wants to get there

_KINDS = ("infra", "k8s", "cf")
_MOST_PARTS = 4
_MOST_ENVIRONMENTS = 8
_MOST_LABELS = 50
_ENVIRONMENT = re2.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
# Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
_LABEL_KEY = re2.compile(r"(?:[a-z0-9][a-z0-9.-]{0,252}/)?[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_LABEL_VALUE = re2.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?")


def workload(text: str, *, service_account: str | None = None) -> WorkloadRef:
    """One workload of the `--for` grammar: `[kind/][environment:]path[{label=value,...}]`. Raises AskUnclear only."""
    words = text.strip()
    if not words:
        raise AskUnclear("EGR626")
    if len(words) > _LONGEST:
        raise AskUnclear("EGR629", given=len(words), most=_LONGEST)
    path, brace, inside = words.partition("{")
    labels = _labels(inside, words) if brace else None
    kind, path = _kind(path)
    environment, colon, path = path.rpartition(":")
    if colon and not _ENVIRONMENT.fullmatch(environment):
        raise AskUnclear("EGR627", text=shown(words))
    if kind is None:
        kind, path = _kind(path)
    parts = tuple(part.strip() for part in path.split("/"))
    if len(parts) > _MOST_PARTS or not all(_is_name(part) for part in parts):
        raise AskUnclear("EGR627", text=shown(words))
    return WorkloadRef(words, kind, environment or None, parts, labels, service_account)


def workloads(text: str, *, service_account: str | None = None) -> list[WorkloadRef]:
    """As `workload`, once for each of several environments: `staging,production:payments`."""
    head, colon, _ = text.partition("{")[0].rpartition(":")
    kind, named = _kind(head.strip())
    if not colon or "," not in named:
        return [workload(text, service_account=service_account)]
    rest = text[len(head) + 1 :]
    front = f"{kind}/" if kind else ""
    names = dict.fromkeys(name.strip() for name in named.split(","))
    if len(names) > _MOST_ENVIRONMENTS:
        raise AskUnclear("EGR627", text=shown(text))
    return [workload(f"{front}{name}:{rest}", service_account=service_account) for name in names]


def _kind(path: str) -> tuple[str | None, str]:
    """A kind in front forces it; a name that is only called like a kind stays a name."""
    kind, slash, rest = path.partition("/")
    return (kind, rest) if slash and kind in _KINDS else (None, path)


def _is_name(part: str) -> bool:
    return 0 < len(part) <= hosts.LONGEST_HOST and part.isprintable() and not set(part) & set("{}<>\"'`\\")


def _labels(inside: str, words: str) -> dict[str, str]:
    body, brace, rest = inside.partition("}")
    pairs = [pair.partition("=") for pair in body.split(",")] if body.strip() else []
    labels = {key.strip(): value.strip() for key, _, value in pairs}
    well = all(_LABEL_KEY.fullmatch(key) and _LABEL_VALUE.fullmatch(value) for key, value in labels.items())
    if not brace or rest.strip() or not well or len(labels) != len(pairs) or not all(equals for _, equals, _ in pairs):
        raise AskUnclear("EGR628", text=shown(words))
    if len(labels) > _MOST_LABELS:
        raise AskUnclear("EGR628", text=shown(words))
    return labels
