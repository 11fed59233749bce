"""Places in error texts where a host stands, written as a table: pattern, weight, scheme.

A pattern speaks of what a client library prints, never of one incident. `{H}` is a host, `{D}` a dotted name, `{A}` an
address, `{P}` a port, `{IP}` an address that the client found for the name. Weights only matter against each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from skills.core.patterns import Sieve, compiled
from skills.core.report.names import HOST, V6

_DOTTED = r"[A-Za-z0-9_*][A-Za-z0-9_*-]*(?:\.[A-Za-z0-9_*-]+)+"


class WEIGHT:
    """How sure it is that a place names the remote that was wanted."""

    NAMED = 95  # the library names the remote of the request, even through a proxy
    FAILED_URL = 90  # the URL of the request that failed
    PHRASE = 85  # the connection that failed, by name
    COMMAND = 75  # what was typed
    CONNECT = 65  # the connection that failed, by address: maybe a proxy, maybe a resolved name
    URL = 55  # some other URL
    FIELD = 50  # a field of an object or a connection string
    TOKEN = 35  # host:port anywhere
    NAME = 20  # a dotted name anywhere
    HINT = 10  # nothing better: the name in a certificate


@dataclass(frozen=True, slots=True)
class Position:
    pattern: Any
    weight: int
    scheme: str | None = None
    proxy: bool = False


def _at(weight: int, *patterns: str, scheme: str | None = None, proxy: bool = False) -> list[Position]:
    return [Position(compiled(_filled(pattern)), weight, scheme, proxy) for pattern in patterns]


def _filled(pattern: str) -> str:
    address = rf"(?:\d{{1,3}}(?:\.\d{{1,3}}){{3}}|{V6}|[0-9a-f]{{0,4}}(?::[0-9a-f]{{0,4}}){{2,7}})"
    return (
        pattern.replace("{H}", rf"(?P<host>{HOST})")
        .replace("{A}", rf"(?P<host>{address})")
        .replace("{D}", rf"(?P<host>{_DOTTED})")
        .replace("{P}", r"(?P<port>\d{1,5})")
        .replace("{IP}", rf"(?P<ip>{address})")
    )


POSITIONS: tuple[Position, ...] = (
    # proxies: known, so that they are never taken for a destination
    *_at(
        WEIGHT.NAMED,
        r"(?:^|\s)(?:-x|--proxy|--preproxy|--socks5(?:-hostname)?)[ =][\"']?(?:[a-z0-9]+://)?{H}(?::{P})?",
        r"(?i)\b(?:https?|all|ftp)_proxy[\"']?\s{0,2}(?:=|:|==)\s{0,2}[\"']?(?:[a-z0-9]+://)?{H}(?::{P})?",
        r"(?i)resolve proxy:? [\"']?{H}",
        r"(?i)proxyconnect tcp: dial tcp[46]?:? (?:lookup )?{H}(?::{P})?",
        r"(?i)\b(?:to|via|through|using|use) (?:the )?(?:http |https |web "
        r"|socks5? )?proxy(?: server)?:? [\"'(]{0,2}(?:[a-z0-9]+://)?{H}:{P}",
        r"(?i)\bproxy(?:Host|_host|-host|\.host)?[\"']?\s?[=:]\s?[\"'](?:[a-z0-9]+://)?{H}(?::{P})?[\"']",
        r"-Dhttps?\.proxyHost={H}",
        # only what is sent to a proxy carries a whole URL
        r"HTTPS?ConnectionPool\(host=['\"]{H}['\"], port={P}\): Max retries exceeded with url: https?://",
        proxy=True,
    ),
    # the remote by name, as HTTP clients print it
    *_at(WEIGHT.NAMED, r"HTTPSConnectionPool\(host=['\"]{H}['\"], port={P}\)", scheme="https"),
    *_at(WEIGHT.NAMED, r"HTTPConnectionPool\(host=['\"]{H}['\"], port={P}\)", scheme="http"),
    *_at(WEIGHT.NAMED, r"upstream: \"https?://{H}(?::{P})?"),
    *_at(WEIGHT.NAMED, r"\bConnection\{{H}(?::{P})?, proxy=", r"\bhost: Some\(\s*Domain\(\s*\"{H}\""),
    *_at(WEIGHT.NAMED, r"\bCONNECT {H}:{P}\b", r"(?i)proxy tunnel to {H}:{P}", scheme="https"),
    *_at(
        WEIGHT.PHRASE + 3,
        r"(?i)Cannot connect to host {H}:{P} ssl:(?:default|True|<ssl)",
        r"(?i)in connection to {H}:{P}",
        r"(?i)Starting new HTTPS connection \(\d+\): {H}(?::{P})?",
        scheme="https",
    ),
    *_at(WEIGHT.PHRASE + 3, r"(?i)Starting new HTTP connection \(\d+\): {H}(?::{P})?", scheme="http"),
    *_at(
        WEIGHT.PHRASE + 3,
        r"(?i)Cannot connect to host {H}:{P}",
        r"Connection to {H} timed out",
        r"(?i)Failed to connect to {H} port {P}",
        r"(?i)attempted address(?:es)?: {H}:{P}",
        r"\bConnect to {H}:{P} \[[^\]/\n]*/{IP}",
        r"\bConnect to {H}:{P} (?:\[|failed|timed)",
        r"(?i)\bConnection to {H}:{P} (?:refused|failed|timed|closed|reset|aborted)",
        r"\bCall From \S+ to {H}:{P} failed",
        r"Failed to open TCP connection to {H}:{P}",
        r"(?i)could not connect to {H}:{P} \({IP}\)",
        r"(?i)could not connect to {H}:{P} \(",
        r":host=>\"{H}\", :port=>{P}",
        r"(?i)connect to remote host \({A}\)",
        r"(?i)failed to dial target host \"{H}:{P}\"",
        r"(?i)connect[^\n()]{0,40}\('{H}', {P}\)",
        r"(?i)unable to connect to (?:[a-z0-9]+://)?{H}:{P}",
    ),
    # names that did not resolve
    *_at(
        WEIGHT.PHRASE + 4,
        r"(?i)host ?name:? [\"']{H}[\"'] failed to resolve",
        r"(?i)resolve (?:host(?: ?name| address)?|name|server|address)(?: for)?:? {0,2}[\"'`(]{0,2}{H}",
        r"(?i)(?:resolve|resolving):? [\"'`]{H}[\"'`]",
        # not the group of `com.acme:core:1.0`
        r"(?im)(?:resolve|resolving) {D}(?:$|[^\w:.-]|:(?:\s|\d|$))",
        r"(?i)inaccessible host: [`'\"]?{H}",
        r"(?i)host name \"{H}\" to address",
        r"(?i)getaddrinfo (?:for )?(?:ENOTFOUND|EAI_[A-Z]+|ENODATA|ESERVFAIL|ETIMEOUT)? ?[\"']?{H}(?: \S+:{P})?",
        r"(?i)getaddrinfo[^\n]{0,20}\([\"']?{H}[\"']?",
        r"\bquery(?:A|Aaaa|Srv|Txt|Mx|Ns|Cname|Any) E[A-Z]+ (?:_[a-z]+\._(?:tcp|udp)\.)?{H}",
        r"\blookup (?:_[a-z]+\._(?:tcp|udp)\.)?{H}(?:\.? on |\.?: | \()",
        r"UnknownHostException: (?:Failed to resolve )?[\"']?{H}",
        r"(?i)can'?t (?:find|resolve) [\"']?{H}[\"']?(?:: |$|\s)",
        r"(?i)bad address [\"']{H}[\"']",
        r"(?i)\bping6?: (?:unknown host |cannot resolve )?{H}: ",
        r"(?i)(?:^|[\s'\"(]){D}: (?:Name or service not known|Temporary failure in name"
        r"|Name does not resolve|No address associated)",
        r"(?i)unknown host:? [\"'(]?{H}",
        r"(?i)(?:name|DNS) resolution (?:failed|failure|error) for (?:service: |host:? "
        r"|target )?[\"']?(?:dns:/{0,3})?{H}(?::{P})?",
        r"(?i)(?:not known|no such host is known)\.? \({H}:{P}\)",
        r"(?m)plugin/errors: \d {H}\. [A-Z]+:",
        r"(?i)No address (?:found|associated)[^\n]{0,20} for (?:host )?[\"']?{H}",
    ),
    # names that a certificate did not cover
    *_at(
        WEIGHT.PHRASE + 5,
        r"(?i)target host ?name [\"']?{H}",
        r"(?i)not valid for [\"']{H}[\"']",
        r"(?i)certificate is valid for [^\n]{1,400}?, not {H}",
        r"\b(?:Host|IP): {H}\.? is not in the cert",
        r"(?i)name matching {H} found",
        r"(?i)certificate for <{H}> doesn'?t match",
        r"(?i)\bhost ?name [\"']?{H}[\"']? (?:not verified|does(?: not|n'?t) match)",
        r"(?i)certificate[^\n]{0,40} does not match (?:the )?(?:host ?name|server name) [\"']?{H}",
        r"-servername {H}",
        scheme="https",
    ),
    *_at(WEIGHT.URL, r"(?i)doesn'?t match either of [\"']{H}[\"']", scheme="https"),
    # data bases, brokers, mail, shells
    *_at(
        WEIGHT.PHRASE + 5,
        r"(?i)server at \"{H}\" \({IP}\), port {P}",
        r"(?i)server at \"{H}\"(?: \([^)\n]*\))?, port {P}",
        r"(?i)server (?:is )?running on host \"{H}\" \({IP}\)[^?]{0,120}?on\s+port {P}",
        r"(?i)server (?:is )?running on host \"{H}\"[^?]{0,120}?on\s+port {P}",
        r"(?i)\bfailed to connect to [`\"']host={H} user=[^`\"'\n]{1,200}[`\"']: [^\n]{0,80}dial tcp[46]? {IP}:{P}",
        r"(?i)\bfailed to connect to [`\"']host={H} user=",
        r"(?m)^\s{0,8}{IP}:{P} \({H}\): ",
        scheme="postgres",
    ),
    *_at(WEIGHT.PHRASE + 5, r"(?i)MySQL server (?:host|on|at) ['\"]{H}(?::{P})?['\"]", scheme="mysql"),
    *_at(WEIGHT.PHRASE + 5, r"(?i)connection to the host {H}, port {P}", scheme="sqlserver"),
    *_at(WEIGHT.PHRASE, r"(?:^|[\s(\"']){D},(?P<port>1433)\b", scheme="sqlserver"),
    *_at(
        WEIGHT.PHRASE,
        r"(?i)\(HOST\s{0,2}=\s{0,2}{H}\)\s{0,2}\(PORT\s{0,2}=\s{0,2}{P}\)",
        r"jdbc:oracle:thin:[^@\s]{0,80}@(?://)?{H}(?::{P})?",
        r"\bORA-\d{5}[^\n]{0,80} host {H} port {P}",
        scheme="oracle",
    ),
    *_at(
        WEIGHT.PHRASE,
        r"(?i)Redis(?: server)? (?:on|at) {H}:{P}",
        r"(?i)\bError -?\d+ connecting to {H}:{P}",
        scheme="redis",
    ),
    *_at(
        WEIGHT.PHRASE,
        r"(?i)\bnode -?\d+ \({H}/{IP}:{P}\)",
        r"(?i)\bnode -?\d+ \(/{A}:{P}\)",
        r"(?i)\b(?:bootstrap )?broker:? {H}:{P}",
        r"(?i)\bserver {H}:{P} from bootstrap",
        r"\[thrd:(?:\w+://)?{H}:{P}/",
        scheme="kafka",
    ),
    *_at(
        WEIGHT.PHRASE,
        r"(?i)connect(?:ed)? to {H}\[{IP}\]:{P}",
        r"(?i)connect to host, port: {H}, {P}",
        scheme="smtp",
    ),
    *_at(
        WEIGHT.PHRASE,
        r"(?i)ssh: connect to host {H} port {P}",
        r"(?i)\bConnection (?:closed|reset) by (?:remote host )?{H} port {P}",
        r"\bgit@{H}:[A-Za-z0-9_./-]+",
        scheme="ssh",
    ),
    *_at(
        WEIGHT.PHRASE,
        r"(?i)\bbind to (?:LDAP )?server {H}(?::{P})?",
        r"LDAPSocketOpenError[^\n]{0,300}\('{H}', {P}\)",
        scheme="ldap",
    ),
    # connections in general
    *_at(
        WEIGHT.PHRASE - 2,
        r"(?i)\bconnect(?:ing|ion|ed)? (?:to|with|on|at) (?:[a-z]+ ){0,3}?[\"'(]?{H}[\"']?:{P}",
        r"(?i)\bconnect(?:ing|ion|ed)? to (?:[a-z]+ ){0,2}?[\"']?{H}[\"']?,? (?:\([^)\n]*\) )?(?:on )?port:? {P}",
        r"(?i)(?:refused|timed out|refused it\.*|respond|unreachable|reset by peer|host) \({H}:{P}\)",
        r"(?i)\bFailed to connect to {H}/{IP}(?::| \(port ){P}",
        r"(?:^|[\s:(\[]){H}/{IP}:{P}",
        r"(?i)\bconnect E[A-Z]+ {A}:{P}(?:$|[\s,;'\"])",
        r"(?i)\bE(?:TIMEDOUT|CONNREFUSED|HOSTUNREACH|NETUNREACH|CONNRESET) {H}:{P}",
        r"(?i)\bdial (?:tcp|udp)[46]?:? {H}:{P}",
        r"(?i)could not connect to {H}: ",
        r"(?i)\bconnection to the server {H}:{P} was refused",
        r"(?i)connect\(2\) for \"?{H}\"? port {P}",
        r"(?i)\bConnecting to {H} \({IP}:{P}\)",
        r"(?i)\bconnection to {A}:{P} (?:refused|failed|timed|closed|reset)",
        r"(?i)\bconnecting fd \d+ to {H}:{P}",
        r"(?i)ServerSelectionTimeoutError: {H}:{P}",
        r"(?i)\{ ?address[=:] ?{H}:{P}, type",
        r"(?i)failed to connect to server \[{H}:{P}\]",
        r"(?i)\bhost:? {H}, port:? {P}",
    ),
    *_at(
        WEIGHT.CONNECT,
        r"(?i)\bFailed to connect to /{A}(?::| \(port ){P}",
        r"(?:^|[\s:(]) ?/{A}:{P}",
        r"\bipv[46]:{A}:{P}",
        r"(?i)\bproxying to {H}:{P}",
        r"->{A}:{P}\b",
        r"(?i)\bhost=Some\(\"{H}\"\)",
        r"(?i)\b(?:Connected to|Connecting to) {H} (?:\([^)\n]*\)\|{IP}\||\({IP}\))(?: port |:){P}",
        r"(?i)\b(?:Connected to|Connecting to) {H}(?: \([^)\n]*\)|\|[^|\n]*\|)(?: port |:){P}",
        r"(?i)\bHost {H}:{P} was resolved",
        r"\boutbound\|{P}\|[^|\s]*\|{H}",
        r"(?i)\bdst\.service=\"{H}\"",
    ),
    *_at(WEIGHT.CONNECT + 5, r"(?m)^[\s>]{0,6}> ?Host: {H}(?::{P})?\s*$"),
    *_at(WEIGHT.TOKEN, r"\* +Trying {A}(?::{P}\b|\.\.\.)"),
    *_at(WEIGHT.COMMAND, r"<title>{H} \| \d{3}", scheme="https"),
    # fields of objects and connection strings
    *_at(
        WEIGHT.FIELD,
        r"(?i)(?:^|[\s{,\"'(])(?:host|hostname|host_name|remote_?host|address"
        r"|server_?name)[\"']?\s?[:=]\s?[\"']{H}[\"'](?:[,\s]{1,8}[\"']?port[\"']?\s?[:=]\s?[\"']?{P})?",
        r"(?i)(?:^|[\s\"'<(])host={H}(?:[\s,;]{1,2}port={P})?",
        r"(?i)\b(?:server|data ?source)=(?:tcp:)?{H}(?:[,:]{P})?(?:[;\s\"']|$)",
        r"(?i)\b(?:image|reference|pull|login|from|manifest for) [\"'`]?{D}(?::{P})?/[a-z0-9]",
        r"(?i)\bdocker login {H}",
        r"(?im)^\W{0,6}server: {H},{P}$",
        r"(?i)\bhost [\"'`]{H}[\"'`]",
        r"dns:///{H}(?::{P})?",
        r"\bdns:{H}:{P}\b",
        r"\bremoteAddress: '{A}',\s{1,12}remotePort: {P}",
    ),
    *_at(WEIGHT.HINT, r"\bpeeraddr={A}:{P}"),
    *_at(WEIGHT.HINT, r"\bsubject[=:][^\n]{0,300}?CN ?= ?{H}", scheme="https"),
)
SIEVE = Sieve(position.pattern for position in POSITIONS)
