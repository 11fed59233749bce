"""The name did not resolve, or the resolver did not answer."""

from __future__ import annotations

from collections.abc import Sequence

from skills.core.patterns import sifted
from skills.core.report import Report
from skills.core.symptom_base import (
    STRENGTH,
    Block,
    Clue,
    Clues,
    Sighting,
    clue,
    ended,
    first,
    inside,
    matches,
    sighting,
)

NAMES: tuple[str, ...] = ("dns_failure",)

_DNS = NAMES[0]
# `yes`: no resolver answered. `no`: a resolver knows no such name. `unclear`: the library does not tell which.
_CLUES = Clues(
    clue(
        _DNS,
        STRENGTH.LOGGED - 3,
        "yes",
        (
            r"lookup \S+(?: on \S+)?: (?:read|dial|write) (?:udp|tcp)[^\n]{0,160}(?:i/o timeout"
            r"|operation not permitted|no route to host|network is unreachable)"
            r"|lookup \S+(?: on \S+)?: i/o timeout"
        ),
    ),
    clue(
        _DNS,
        STRENGTH.LOGGED - 3,
        "unclear",
        r"lookup \S+ on \S+: (?:read|dial) (?:udp|tcp)[^\n]{0,160}connection refused",
    ),
    clue(
        _DNS,
        STRENGTH.LOGGED - 3,
        "yes",
        r"lookup \S+(?: on \S+)?: (?:server misbehaving|Temporary failure|Try again)",
        r"plugin/errors: \d [^\n]{1,200}(?:i/o timeout|timed out|no route|unreachable)",
    ),
    clue(
        _DNS,
        STRENGTH.LOGGED - 3,
        "no",
        r"lookup \S+(?: on \S+)?: (?:no such host|no answer)|lookup [^\s:]+\.\S+ on [^\s:]+:53",
    ),
    clue(
        _DNS,
        STRENGTH.LOGGED - 3,
        "yes",
        r"Timeout while contacting DNS servers|Could not contact DNS servers",
        r"Resolving timed out|DNS request timed out|no servers could be reached",
        r"dns(?: resolution| lookup| query)? time(?:d )?-?out",
        r"query(?:A|Aaaa|Srv|Txt|Mx) (?:ETIMEOUT|\bECONNREFUSED\b|ESERVFAIL)",
    ),
    clue(
        _DNS,
        STRENGTH.NAMED + 2,
        "yes",
        r"\bEAI_AGAIN\b|Temporary failure (?:in name resolution|resolving)|\[Errno (?:-3|11002)\]|Try again'|SERVFAIL",
        # .NET's number for EAI_AGAIN
        r"Resource temporarily unavailable \(|SocketException \((?:\d+, )?11\)",
        r"temporäre(?:r)? Fehler bei der Namensauflösung",
        r"fallo temporal en la resolución|échec temporaire dans la résolution",
    ),
    clue(
        _DNS,
        STRENGTH.NAMED,
        "no",
        # c-ares: a resolver answered
        r"[Dd]omain name not found|DNS server returned answer with no data|ARES_ENOTFOUND|ARES_ENODATA",
        r"NXDOMAIN|\bENOTFOUND\b|\bEAI_NONAME\b|\bENODATA\b|\[Errno (?:-2|-5|11001)\]|Name does not resolve",
        r"nodename nor servname|no such host|Non-existent domain|DNS name does not exist",
        r"No address associated with hostname|Name or service not known",
        r"der Name oder der Dienst ist nicht bekannt|nombre o servicio desconocido|nom ou service inconnu",
        r"nome o servizio sconosciuto",
    ),
    clue(_DNS, STRENGTH.NAMED + 2, "yes", r"Unknown (?:MySQL )?server host '[^'\n]*' \(-3\)"),
    clue(_DNS, STRENGTH.NAMED, "no", r"Unknown (?:MySQL )?server host '[^'\n]*' \(-2\)"),
    clue(
        _DNS,
        STRENGTH.NAMED - 2,
        "unclear",
        # a name or a host, not `dependencies`, `reference`, `all files for configuration`
        (
            r"(?:could not|couldn't|cannot|can't|unable to|failed to) resolve[: ]{1,2}(?:the )?(?:[\"'`]|(?:remote "
            r"|peer |target |proxy )?(?:host|name|addr|server|dns|domain|proxy)"
            r"|[\w-]+\.[\w.-]*[a-z](?:$|:?\s|[),;'\"]))"
        ),
        r"UnknownHostException",
        r"resolution failed|Name resolution|\bgetaddrinfo\b|UnresolvedAddressException|ERR_NAME_NOT_RESOLVED",
        r"could not translate host name",
        r"Unknown (?:(?:MySQL )?server )?host|bad address '|DNS resolution|failed to lookup address",
        r"No resolvable bootstrap|dns error|host not found|::ResolutionFailure|\bInaccessible host: ",
        r"target host or object does not exist",
        r"hostname (?:could not be|cannot be|not) (?:resolved|found)",
        r"host ?name:? \S+ failed to resolve",
        r"name (?:could not be|was not|not) resolved|konnte nicht aufgelöst|no se (?:pudo|puede) resolver",
    ),
    clue(
        _DNS,
        STRENGTH.PLAIN + 4,
        "unclear",
        (
            r"Could not transfer (?:artifact"
            r"|metadata) \S+ from/to \S+ \(https?://([^/\s)]+)[^)\n]*\): (?:[a-z0-9-]+\.)+[a-z]{2,}$"
        ),
    ),
    clue(_DNS, STRENGTH.LOOSE, "unclear", ended(6), client="curl"),
    clue(
        _DNS, STRENGTH.SPOKEN + 2, "unclear", r"(?:does not|doesn't|won't|can't) resolve\b|löst nicht auf|no resuelve"
    ),
)
# Java prints nothing but the host when it did not resolve: `...maven2): repo.example.org`, `for "https://h/p": h`.
_BARE_HOST = sifted(
    r"(?m)(?:from/to \S+ \(https?://([^/\s)]+)[^)\n]*\):|request for \"https?://([^/\"\s]+)[^\"\n]*\":"
    r"|Could not (?:GET|HEAD) 'https?://([^/'\s]+)[^'\n]*'\.\s{0,20}\n\s{1,40}>) ([A-Za-z0-9.-]+)(?::| |;|$)"
)
_OWN_RESOLVER = sifted(r" on (?:\[::1\]|127\.[0-9.]+|localhost):53")


def look(report: Report) -> Sequence[Sighting]:
    seen = [
        sighting(_DNS, "EGR213", report, words, strength=item.strength, block=_block(report, item))
        for item, words in matches(report, _CLUES)
    ]
    for match in _BARE_HOST.finditer(report.text):
        wanted = match.group(1) or match.group(2) or match.group(3)
        if wanted == match.group(4):
            block = _block(report, _CLUES.items[-1])
            seen.append(sighting(_DNS, "EGR213", report, match.group(), strength=STRENGTH.NAMED, block=block))
            break
    return seen


def _block(report: Report, item: Clue) -> Block:
    """A blocked resolver fails for every name; a name that nobody serves fails without any policy."""
    if _OWN_RESOLVER.search(report.text):
        return "no"
    remote, block = first(report), item.block
    if remote is None:
        return "yes" if block == "yes" else "unclear"
    if block == "unclear":
        return "no" if inside(report) else "yes"
    if block == "yes" and item.strength < STRENGTH.LOGGED - 3 and "." not in remote.host and "_" not in remote.host:
        return "unclear"
    return block
