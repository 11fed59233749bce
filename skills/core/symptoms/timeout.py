"""Nothing came back: the connect did not complete, or the answer did not come in time."""

from __future__ import annotations

from collections.abc import Sequence

import re2

from skills.core.report import Report
from skills.core.symptom_base import STRENGTH, Block, Clue, Sighting, clue, curl_ended, first, inside, matches, sighting

NAMES: tuple[str, ...] = ("connect_timeout", "read_timeout")
_CODES = {"connect_timeout": "EGR210", "read_timeout": "EGR211"}

_CONNECT = "connect_timeout"
_READ = "read_timeout"
_CLUES: tuple[Clue, ...] = (
    # the connect, by name
    clue(_CONNECT, STRENGTH.NAMED, (r"connect timeout=|ConnectTimeout(?:Error|Exception)?\b|UND_ERR_CONNECT_TIMEOUT"
r"|ConnectTimeoutException|Connect Timeout Error"), "yes"),
    clue(_CONNECT, STRENGTH.NAMED, (r"connect ETIMEDOUT|\bdial (?:tcp|udp)\S{0,2}:? ?[^\n]{0,120}(?:i/o timeout"
r"|connection timed out|operation timed out|deadline exceeded)"), "yes"),
    clue(_CONNECT, STRENGTH.NAMED, (r"Failed to connect to [^\n]{1,200}(?:timed out|Timeout was reached|timeout)"
r"|Connection timed out after \d+ m|ERR_CONNECTION_TIMED_OUT|refused: Connection timed out"
r"|connect(?:ion)? timed out(?: after)?: |Connect to [^\n]{1,160} failed: connect timed out"), "yes"),
    clue(_CONNECT, STRENGTH.NAMED, (r"maybe a NetworkPolicy is blocking|connection failed: deadline has elapsed|Net::OpenTimeout"
r"|execution expired|Connection setup timed out|request canceled while waiting for connection"), "yes"),
    clue(_CONNECT, STRENGTH.NAMED, r"upstream timed out \(\d+: [^)]*\) while connecting to upstream", "yes", "proxy"),
    clue(_CONNECT, STRENGTH.NAMED, (r"MySQL server on '[^'\n]*' \((?:110|60|10060)\b"
r"|MySQL server on '[^'\n]*' \(\[Errno (?:110|60|10060)\]"), "yes"),
    # errno and its words, also translated
    clue(_CONNECT, STRENGTH.PLAIN + 5, (r"\bconnection timed ?-?out|connection time-out|operation timed out|connect timed out"
r"|\bETIMEDOUT\b|errno[ =]110\b|\[Errno (?:110|60)\]|os error (?:110|60|10060)"
r"|\bcode: (?:110|60),|WSAETIMEDOUT|\b10060\b"), "yes"),
    clue(_CONNECT, STRENGTH.PLAIN + 5, (r"connected party did not properly respond|did not properly respond after a period of time"
r"|connection attempt timed out|connection to \S+ timed out"), "yes"),
    clue(_CONNECT, STRENGTH.PLAIN + 5, (r"Wartezeit für die Verbindung|Zeitüberschreitung (?:bei )?der Verbindung"
r"|Verbindungszeitüberschreitung|expiró el tiempo de (?:espera|conexión)"
r"|tiempo de (?:espera|conexión)[^\n]{0,20}agotado|tempo esgotado|délai d'attente"
r"|connexion terminée par expiration|connessione scaduta"), "yes"),
    clue(_CONNECT, STRENGTH.PLAIN, (r"\bi/o timeout|timed out connecting|timeout (?:while )?connecting|connect(?:ion)? timeout\b"
r"|Timed out trying to connect|dial timeout|: Timed out$"), "yes"),
    # one sentence for several faults
    clue(_CONNECT, STRENGTH.LOOSE + 4, (r"could not be established\. (?:Broker|Node) may not be available"
r"|Timed out waiting for a node assignment|Failed to update metadata after"
r"|No resolvable bootstrap|NoBrokersAvailable|Broker transport failure")),
    clue(_CONNECT, STRENGTH.LOOSE, (r"All connection attempts failed|Communications link failure"
r"|Network Adapter could not establish the connection|ServerSelectionTimeoutError"
r"|MongoServerSelectionError|Unable to connect to the (?:remote )?server"
r"|Couldn't connect to server|could not connect to (?:the )?server|Can't contact LDAP server"
r"|failed to connect to all addresses|network-related or instance-specific error"
r"|Could not open a connection to|Timeout was reached")),
    clue(_CONNECT, STRENGTH.LOOSE, curl_ended(28), "yes"),
    clue(_CONNECT, STRENGTH.LOOSE - 5, (r"URLError: <urlopen error timed out>|socket\.timeout: timed out|\bTimeoutError\b"
r"|urlopen error timed out|download timed out|network timeout"), "unclear"),
    clue(_CONNECT, STRENGTH.LOOSE - 8, r"\btimed[ -]out\b|\btime-?out\b|Server selection timed|Could not connect to any servers"),
    # the answer
    clue(_READ, STRENGTH.NAMED, (r"\bread timed out|ReadTimeout(?:Error|Exception)?\b|Net::ReadTimeout|read operation timed out"
r"|HeadersTimeoutError|UND_ERR_HEADERS_TIMEOUT|\bESOCKETTIMEDOUT\b|read timeout=\d"
r"|SocketTimeoutException: (?:Read )?timeout$|(?:response|header|body) timeout")),
    clue(_READ, STRENGTH.NAMED, r"upstream timed out \(\d+: [^)]*\) while reading", "no", "proxy"),
    clue(_READ, STRENGTH.NAMED, r"(?:operation|connection|request) timed out after \d+ (?:milliseconds|ms) with \d+ (?:out of -?\d+ )?bytes"),
    clue(_READ, STRENGTH.PHASE, (r"Client\.Timeout (?:or context cancellation )?(?:exceeded )?while (?:awaiting headers|reading body)"
r"|Client\.Timeout exceeded"), "yes"),
    clue(_READ, STRENGTH.PLAIN - 3, r"context deadline exceeded|DEADLINE_EXCEEDED|DeadlineExceeded", "yes"),
    clue(_READ, STRENGTH.LOOSE + 2, (r"timeout of \d+ ?ms exceeded|ECONNABORTED|request timed out|APITimeoutError"
r"|The request was canceled due to the configured HttpClient\.Timeout|TaskCanceledException"
r"|statement timeout|Operation too slow")),
    # the words of a person
    clue(_CONNECT, STRENGTH.SPOKEN + 3, (r"\b(?:is|are|keeps?|it|just|always|still|calls?|requests?) (?:timing out|times? out|timed out"
r"|runs? into (?:a )?time-?outs?)|\btimes out\b|gets? (?:a )?time-?outs?|läuft in (?:einen "
r"|ein )?time-?out|timeout (?:when|while|to|from|al|beim)"), "yes"),
    clue(_CONNECT, STRENGTH.SPOKEN, (r"(?:can't|cannot|can not|unable to|not able to|couldn't|could not) (?:reach|connect to|talk to|access)"
r"|(?:is |are )?(?:un|not )reachable|erreichen .{0,40}nicht|nicht erreichbar"
r"|no (?:podemos|puedo|puede) (?:conectar|llegar|acceder)|no (?:se )?conecta")),
)  # fmt: skip

_SHOWN_WORKING = re2.compile(
    (
        r"(?i)\bHTTP/1\.[01]\" 200 \d|\bInstalled |\bsometimes\b|\bintermittent|\boccasional"
        r"|works (?:on|after) (?:refresh|retry)"
    )
)
_CONTROL_PLANE = (6443, 10250, 2379, 2380, 9443)


def look(report: Report) -> Sequence[Sighting]:
    seen = [
        sighting(
            item.symptom,
            _CODES[item.symptom],
            report,
            words,
            strength=item.strength,
            block=_block(report, item.symptom, item.block),
            origin=item.origin,
        )
        for item, words in matches(report, _CLUES)
    ]
    for drop in report.drops:
        block: Block = "no" if drop.egress is False else "yes"
        seen.append(sighting(_CONNECT, "EGR212", report, drop.quote, strength=STRENGTH.LOGGED, block=block))
    return seen


def _block(report: Report, symptom: str, block: Block) -> Block:
    """A connect that timed out towards a proxy or a control plane says little about the allowlist."""
    remote = first(report)
    if symptom == _READ and _SHOWN_WORKING.search(report.text):
        return "no" if "200 " in report.text else "unclear"
    if block == "yes" and remote is not None and remote.port in _CONTROL_PLANE:
        return "no" if remote.port == 10250 else "unclear"
    if block == "yes" and (report.proxies or report.client == "envoy-access-log"):
        return "unclear"
    if block == "yes" and symptom == _READ and inside(report):
        return "unclear"
    return block
