"""Nothing came back: the connect did not complete, or the answer did not come in time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from skills.core.patterns import sifted
from skills.core.report import Report
from skills.core.symptom_base import (
    STRENGTH,
    Block,
    Clues,
    Sighting,
    clue,
    ended,
    first,
    inside,
    matches,
    sighting,
)

NAMES: tuple[str, ...] = ("connect_timeout", "read_timeout")
_CODES = {"connect_timeout": "EGR210", "read_timeout": "EGR211"}
_TOLD = "EGR217"  # somebody says that it can't be reached, and shows no error

_CONNECT = "connect_timeout"
_READ = "read_timeout"
_CLUES = Clues(
    # the connect, by name
    clue(
        _CONNECT,
        STRENGTH.NAMED,
        "yes",
        r"connect timeout=|\bConnectTimeout(?:(?:Error|Exception)\b|[^=:\w]|: [a-z(]|$)|UND_ERR_CONNECT_TIMEOUT",
        r"Timeout awaiting '(?:connect|socket|lookup)'|ConnectTimeoutException|Connect Timeout Error",
    ),
    clue(
        _CONNECT,
        STRENGTH.NAMED,
        "yes",
        (
            r"connect ETIMEDOUT|\bdial (?:tcp|udp)\S{0,2}:? ?[^\n]{0,120}(?:i/o timeout|connection timed out"
            r"|operation timed out|deadline exceeded)"
        ),
    ),
    clue(
        _CONNECT,
        STRENGTH.NAMED,
        "yes",
        r"Failed to connect to [^\n]{1,200}(?:timed out|Timeout was reached|timeout)|connect to \S+: timed out",
        r"socket connection error while opening: timed out",
        r"^nc: connect to \S+ port \d+ \(tcp\) (?:failed: )?.{0,12}timed out",
        r"Connection timed out after \d+ m|ERR_CONNECTION_TIMED_OUT|refused: Connection timed out",
        r"connect(?:ion)? timed out(?: after)?: |Connect to [^\n]{1,160} failed: connect timed out",
    ),
    clue(
        _CONNECT,
        STRENGTH.NAMED,
        "yes",
        r"maybe a NetworkPolicy is blocking|connection failed: deadline has elapsed|Net::OpenTimeout",
        r"\btimeout expired\b|execution expired|Connection setup timed out|connection to \S+ failed: time",
        # OkHttp gives the phase by its words alone
        r"[Ff]ailed to connect to \S+ \(port \d+\)[^\n]{0,120} after \d+ ?ms(?: at |\s*$|[,;)])",
        r"connect errno: (?:110|60)\b",
        # libcurl gives up a refused connect at once and a silent one after minutes
        r"Failed to connect to \S+ port \d+ after \d{5,} ms",
        # nothing came back over UDP
        r"no server suitable for synchronization found|Server dropped: no data|no reply from NTP",
        r"request canceled while waiting for connection|[ {]:connect_timeout\b|\bconnect_timeout\[\d",
    ),
    clue(
        _CONNECT,
        STRENGTH.NAMED,
        "yes",
        r"upstream timed out \(\d+: [^)]*\) while connecting to upstream",
        origin="proxy",
    ),
    clue(
        _CONNECT,
        STRENGTH.NAMED,
        "yes",
        r"connect to (?:MySQL )?server on '[^'\n]*' \((?:110|115|60|10060)\b",
        r"ServerSelectionTimeoutError: [^\n]{1,200}: timed out",
        r"MySQL server on '[^'\n]*' \(\[Errno (?:110|60|10060)\]",
    ),
    # errno and its words, also translated
    clue(
        _CONNECT,
        STRENGTH.PLAIN + 5,
        "yes",
        r"\bconnection timed ?-?out|connection time-out|operation timed out|connect timed out|\bETIMEDOUT\b",
        r"errno[ =]110\b|\[Errno (?:110|60)\]|os error (?:110|60|10060)|\bcode: (?:110|60),|WSAETIMEDOUT",
        r"\b10060\b",
    ),
    clue(
        _CONNECT,
        STRENGTH.PLAIN + 5,
        "yes",
        r"connected party did not properly respond|did not properly respond after a period of time",
        r"connection attempt timed out|connection to \S+ timed out",
    ),
    clue(
        _CONNECT,
        STRENGTH.PLAIN + 5,
        "yes",
        r"Wartezeit für die Verbindung|Zeitüberschreitung (?:bei )?der Verbindung",
        r"Verbindungszeitüberschreitung|expiró el tiempo de (?:espera|conexión)",
        r"tiempo de (?:espera|conexión)[^\n]{0,20}agotado|tempo esgotado|délai d'attente",
        r"connexion terminée par expiration|connessione scaduta",
    ),
    clue(
        _CONNECT,
        STRENGTH.PLAIN,
        "yes",
        r"\bConnectionTimeout\b|\bi/o timeout|timed out connecting",
        r"timeout (?:while )?connecting|connect(?:ion)? timeout\b",
        r"Timed out trying to connect|dial timeout|: Timed out$",
    ),
    # one sentence for several faults
    clue(
        _CONNECT,
        STRENGTH.LOOSE + 4,
        "unclear",
        r"could not be established\. (?:Broker|Node) may not be available",
        r"Timed out waiting for a node assignment|Failed to update metadata after|No resolvable bootstrap",
        r"NoBrokersAvailable|Broker transport failure|connection (?:error|timeout) calling (?:ismaster|hello)",
        r"no servers available for connection|HostUnreachableError|No(?:Node|Connection)s?Available",
        r"None of the configured nodes|no Elasticsearch node available",
    ),
    clue(
        _CONNECT,
        STRENGTH.LOOSE,
        "unclear",
        r"Failed to open TCP connection|AMQPConnectionError|All connection attempts failed|Communications link failure",
        r"Network Adapter could not establish the connection|ServerSelectionTimeoutError",
        r"MongoServerSelectionError|Unable to connect to the (?:remote )?server|Couldn't connect to server",
        r"Connection failed \[IP: |could not connect to (?:the )?server|Can't contact LDAP server",
        r"failed to connect to all addresses",
        r"network-related or instance-specific error|Could not open a connection to|Timeout was reached",
        r"Unable to load the service index|(?:connection attempt|acquisition attempt) failed",
        r"Can not reach \S+ cluster",
    ),
    clue(_CONNECT, STRENGTH.LOOSE, "yes", ended(28), client="curl"),
    clue(
        _CONNECT,
        STRENGTH.LOOSE - 5,
        "unclear",
        r"URLError: <urlopen error timed out>|socket\.timeout: timed out|\bTimeoutError\b",
        r"urlopen error timed out|download timed out|network timeout",
    ),
    clue(
        _CONNECT,
        STRENGTH.LOOSE - 8,
        "unclear",
        r"\btimed[ -]out\b|(?:^|[^-\w])time-?out(?:[^=\w]|$)|Server selection timed|Could not connect to any servers",
    ),
    # a flow log in whichever columns
    clue(
        _CONNECT,
        STRENGTH.LOGGED - 2,
        "yes",
        r"\bDROPPED \(Policy denied|Policy denied(?: by denylist)? DROPPED|policy-verdict:\S+ EGRESS DENIED",
    ),
    # the answer
    clue(
        _READ,
        STRENGTH.NAMED,
        "unclear",
        r"Read error \((?:Connection|Operation) timed out|\bread timed out|ReadTimeout(?:Error|Exception)?\b",
        r"Net::ReadTimeout|read operation timed out|timed out \((?:Read|Write) failed\)|\bread ETIMEDOUT",
        r"\bread tcp \S+: i/o timeout",
        r"Timeout awaiting '(?:request|response|read)'|system error: (?:110|60)\b|HeadersTimeoutError",
        r"UND_ERR_HEADERS_TIMEOUT|\bESOCKETTIMEDOUT\b|read timeout=\d",
        r"SocketTimeoutException: (?:Read )?timeout$|(?:response|header|body) timeout|Greeting never received",
        r"read timeout reached|\btimed out (?:while|when|during) (?:reading|receiving)",
        r"\btimed out (?:while|when) waiting for (?:a |the )?(?:response|reply)",
        r"Error while reading from \S+ ?: \((?:110|60),",
    ),
    # SqlClient tells the phase: past the login, the server has answered
    clue(_READ, STRENGTH.NAMED + 3, "no", r"timeout period elapsed during the (?:post-)?login phase"),
    clue(_CONNECT, STRENGTH.NAMED + 1, "unclear", r"timeout period elapsed while attempting to consume the pre-login"),
    clue(_READ, STRENGTH.NAMED, "no", r"upstream timed out \(\d+: [^)]*\) while reading", origin="proxy"),
    # bytes came, so the way is open
    clue(_READ, STRENGTH.NAMED, "no", r"timed out after \d+ m\w+ with [1-9]\d* (?:out of -?\d+ )?bytes"),
    clue(
        _READ,
        STRENGTH.NAMED,
        "unclear",
        (
            r"(?:operation|connection|request) timed out after \d+ (?:milliseconds"
            r"|ms) with \d+ (?:out of -?\d+ )?bytes"
        ),
    ),
    clue(
        _READ,
        STRENGTH.PHASE,
        "yes",
        r"Client\.Timeout (?:or context cancellation )?(?:exceeded )?while (?:awaiting headers|reading body)",
        r"Client\.Timeout exceeded",
    ),
    clue(_READ, STRENGTH.PLAIN - 3, "yes", r"context\s+deadline\s+exceeded|DEADLINE_EXCEEDED|DeadlineExceeded"),
    clue(
        _READ,
        STRENGTH.LOOSE + 2,
        "unclear",
        r"timeout of \d+ ?ms exceeded|ECONNABORTED|request timed out|APITimeoutError",
        r"The request was canceled due to the configured HttpClient\.Timeout|TaskCanceledException",
        r"statement timeout|Operation too slow|failed to download any data",
    ),
    # the words of a person
    clue(
        _CONNECT,
        STRENGTH.SPOKEN + 3,
        "yes",
        (
            r"\b(?:is|are|keeps?|it|just|always|still|calls?|requests?) (?:timing out|times? out|timed out"
            r"|runs? into (?:a )?time-?outs?)|\btimes out\b|gets? (?:a )?time-?outs?|läuft[^\n.]{0,40} in (?:einen "
            r"|ein )?time-?out|se agota el tiempo|timeout (?:when|while|to|from|al|beim)"
            r"|(?:connect|call|request|curl|telnet)\w*[^\n]{0,60}\b(?:just |it |and |then )+hangs?\b"
        ),
    ),
    clue(
        _CONNECT,
        STRENGTH.SPOKEN,
        "unclear",
        (
            r"(?:can't|cannot|can not|can never|unable to|not able to|couldn't|could not) (?:reach|connect to|talk to"
            r"|access|connect [A-Z]\w+ )"
            r"|(?:is |are )?(?:un|not )reachable|erreichen .{0,40}nicht|nicht erreichbar|no (?:podemos"
            r"|puedo|puede) (?:conectar|llegar|acceder)|no (?:se )?conecta"
        ),
    ),
)

_SHOWN_WORKING = sifted(
    r"(?i)\bHTTP/1\.[01]\" 200 \d|\bInstalled |\bsometimes\b|\bintermittent|\boccasional"
    r"|works (?:on|after) (?:refresh|retry)"
)
_ADMISSION = sifted(r"failed calling (?:admission )?webhook")
# A deadline of gRPC or of a context says nothing of the phase, and without a host nothing of the way.
_BARE = sifted(r"context\s+deadline\s+exceeded|DEADLINE_EXCEEDED|DeadlineExceeded")
_A_SECOND = 1000
_CONTROL_PLANE = (6443, 10250, 2379, 2380, 9443)


def look(report: Report) -> Sequence[Sighting]:
    seen = [
        sighting(
            item.symptom,
            _CODES[item.symptom] if item.strength > STRENGTH.SPOKEN or item.symptom == _READ else _TOLD,
            report,
            words,
            strength=item.strength,
            block=_block(report, item.symptom, item.block),
            origin=item.origin,
        )
        for item, words in matches(report, _CLUES)
    ]
    return [*seen, *_logged(report)]


def _logged(report: Report) -> Iterator[Sighting]:
    """Envoy gives up a connect after seconds; a refusal takes it no time. Flow logs show the packet itself dropped."""
    for access in report.failures:
        waited = access.duration is None or access.duration >= _A_SECOND
        if "UF" in access.flags and not access.code and access.cluster.startswith("outbound|") and waited:
            strength = STRENGTH.LOGGED
            yield sighting(
                _CONNECT, "EGR210", report, access.quote, strength=strength, block="unclear", origin="sidecar"
            )
            break
    for drop in report.drops:
        block: Block = "no" if drop.egress is False else "yes"
        yield sighting(_CONNECT, "EGR212", report, drop.quote, strength=STRENGTH.LOGGED, block=block)


def _is_bare(text: str) -> bool:
    return _BARE.search(text) is not None and "waiting_for_connection" not in text


def _block(report: Report, symptom: str, block: Block) -> Block:
    """A connect that timed out towards a proxy or a control plane says little about the allowlist."""
    remote = first(report)
    if symptom == _READ and _SHOWN_WORKING.search(report.text):
        return "no" if "200 " in report.text else "unclear"
    if block == "yes" and remote is not None and remote.port in _CONTROL_PLANE:
        return "no" if remote.port == 10250 else "unclear"
    if block == "yes" and _ADMISSION.search(report.text):
        return "unclear"  # the API server calls, no workload
    if block == "yes" and (report.proxies or report.client == "envoy-access-log"):
        return "unclear"
    if block == "yes" and symptom == _READ and (inside(report) or (remote is None and _is_bare(report.text))):
        return "unclear"
    return block
