"""Somebody said no at once: the connection was refused, or there is no way to the address."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from skills.core.patterns import compiled, sifted
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
    public,
    sighting,
    stays_here,
)

NAMES: tuple[str, ...] = ("connection_refused", "no_route")
_CODES = {"connection_refused": "EGR214", "no_route": "EGR215"}

_REFUSED = "connection_refused"
_ROUTE = "no_route"
_CLUES = Clues(
    clue(
        _REFUSED,
        STRENGTH.PLAIN + 4,
        "unclear",
        r"\bECONNREFUSED\b|connection refused|connectionrefused|\[Errno (?:111|61)\]|os error (?:111|61|10061)",
        r"actively refused|connection was refused|connection has been refused|ERR_CONNECTION_REFUSED",
        r"WSAECONNREFUSED|error(?: code)?:? 10061|delayed connect error: 111|refused to connect",
        r"refused the connection|connect errno: (?:111|61)\b",
    ),
    clue(
        _REFUSED,
        STRENGTH.PLAIN + 4,
        "unclear",
        r"Verbindungsaufbau abgelehnt|Verbindung (?:verweigert|abgelehnt)|conexión (?:rehusada|rechazada)",
        r"connexion refusée|conexão recusada|connessione rifiutata",
        r"connect to (?:MySQL )?server on '[^'\n]*' \((?:111|61|10061)\b",
    ),
    clue(_REFUSED, STRENGTH.LOOSE, "unclear", ended(7), client="curl"),
    clue(
        _REFUSED,
        STRENGTH.LOOSE + 1,
        "unclear",
        r"java\.net\.ConnectException\s*$|Connect call failed|java\.net\.ConnectException: Failed to connect",
        r"TNS:no listener|Failed to connect to \S+/\S+:\d+\s*$",
        r"EndpointConnectionError|Could not connect to the endpoint URL",
        r"Failed to connect to \S+ port \d+ after \d{1,4} ms|connect\(\) failed|couldn't connect to host",
        r"\brefused\b",
    ),
    clue(
        _ROUTE,
        STRENGTH.PLAIN + 2,
        "unclear",
        r"\bEHOSTUNREACH\b|\bENETUNREACH\b|\bEADDRNOTAVAIL\b|network is unreachable|network unreachable",
        r"no route to host|host is unreachable|cannot assign requested address|can't assign requested address",
        r"unreachable network|unreachable host|\[Errno (?:101|113|65|51|99)\]|os error (?:101|113|65|51|99)",
        r"ERR_ADDRESS_UNREACHABLE|ERR_INTERNET_DISCONNECTED|No route found",
    ),
    clue(
        _ROUTE,
        STRENGTH.PLAIN + 2,
        "unclear",
        r"keine Route zum|Netzwerk ist nicht erreichbar|Das Netzwerk ist nicht|no existe ninguna ruta",
        r"la red es inaccesible|le réseau n'est pas accessible|aucun chemin d'accès",
    ),
)
# Cloud Foundry rejects what no security group allows: https://docs.cloudfoundry.org/concepts/asg.html
_FOUNDRY = sifted(
    r"(?i)\[APP/|\[App/\d|\[CELL/|\bvcap\b|cloud ?foundry|\bcf (?:push|logs|ssh|target|apps?)\b"
    r"|cloud\.gov|apps\.internal|VCAP_"
)
# Where nothing can be dropped on the way, a connection that was not established was refused.
_HIDDEN = sifted(r"(?i)could not be established\. (?:Broker|Node) may not be available")
_PROXY = sifted(r"(?i)connect to (?:the )?(?:http )?proxy|\bProxyError\b|proxyconnect|\btunnel(?:l?ing)? socket")
_A_SECOND = 1000
_V6_ONLY = compiled(
    r"(?i)\b(?:api6|ipv6|v6)[.-]|\[[0-9a-f:]+:[0-9a-f:]+\]:\d+: connect: (?:network|cannot|no route)"
    r"|can't connect to remote host \([0-9a-f]{1,4}:[0-9a-f:]+\): Network is unreachable"
    r"|/[0-9a-f]{1,4}:[0-9a-f:]+ \(port|\bE(?:NETUNREACH|HOSTUNREACH|ADDRNOTAVAIL) [0-9a-f]{1,4}:[0-9a-f]*:"
)


def look(report: Report) -> Sequence[Sighting]:
    seen = [
        sighting(
            item.symptom,
            _CODES[item.symptom],
            report,
            words,
            strength=item.strength,
            block=_refused(report) if item.symptom == _REFUSED else _route(report),
        )
        for item, words in matches(report, _CLUES)
    ]
    match = _HIDDEN.search(report.text) if stays_here(report) else None
    if match is not None:
        seen.append(sighting(_REFUSED, "EGR214", report, match.group(), strength=STRENGTH.PLAIN, block="no"))
    return [*seen, *_logged(report)]


def _logged(report: Report) -> Iterator[Sighting]:
    """Envoy logs a refused connect as a failed one that took it no time; towards the pod itself it waits longer."""
    for access in report.failures:
        quick = access.duration is not None and access.duration < _A_SECOND
        if "UF" not in access.flags or access.code or not (access.inbound or (quick and not access.unrouted)):
            continue
        strength = STRENGTH.NAMED if access.inbound else STRENGTH.LOGGED
        block: Block = "no" if access.inbound else "unclear"
        yield sighting(_REFUSED, "EGR214", report, access.quote, strength=strength, block=block, origin="sidecar")
        break


def _refused(report: Report) -> Block:
    """A drop is no refusal; only where a layer rejects does a refusal speak of egress."""
    if _FOUNDRY.search(report.text):
        return "yes"
    remote = first(report)
    if report.proxies or _PROXY.search(report.text):
        return "unclear"
    if remote is not None and public(report) and remote.ip is None and remote.port in (80, 443):
        hidden = report.client == "boto" and report.errno is None
        return "unclear" if hidden else "yes"
    return "unclear"


def _route(report: Report) -> Block:
    remote = first(report)
    if remote is None or inside(report):
        return "unclear"
    if _V6_ONLY.search(f"{remote.host} {report.text}"):
        return "no" if remote.host.split(".")[0].endswith("6") else "unclear"
    return "yes"
