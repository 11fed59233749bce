"""Somebody said no at once: the connection was refused, or there is no way to the address."""

from __future__ import annotations

from collections.abc import Sequence

import re2

from skills.core.report import Report
from skills.core.symptom_base import (
    STRENGTH,
    Block,
    Clue,
    Sighting,
    clue,
    curl_ended,
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
_CLUES: tuple[Clue, ...] = (
    clue(
        _REFUSED,
        STRENGTH.PLAIN + 4,
        (
            r"\bECONNREFUSED\b|connection refused|connectionrefused|\[Errno (?:111|61)\]"
            r"|os error (?:111|61|10061)|actively refused|connection was refused"
            r"|connection has been refused|ERR_CONNECTION_REFUSED|WSAECONNREFUSED|error(?: code)?:? 10061"
            r"|delayed connect error: 111|refused to connect|refused the connection"
        ),
    ),
    clue(
        _REFUSED,
        STRENGTH.PLAIN + 4,
        (
            r"Verbindungsaufbau abgelehnt|Verbindung (?:verweigert|abgelehnt)"
            r"|conexión (?:rehusada|rechazada)|connexion refusée|conexão recusada|connessione rifiutata"
            r"|MySQL server on '[^'\n]*' \((?:111|61|10061)\b"
        ),
    ),
    clue(_REFUSED, STRENGTH.LOOSE, curl_ended(7)),
    clue(
        _REFUSED,
        STRENGTH.LOOSE + 1,
        (
            r"Connect call failed|java\.net\.ConnectException: Failed to connect|TNS:no listener"
            r"|EndpointConnectionError|Could not connect to the endpoint URL"
            r"|Failed to connect to \S+ port \d+ after \d{1,4} ms|connect\(\) failed"
            r"|couldn't connect to host|\brefused\b"
        ),
    ),
    clue(
        _ROUTE,
        STRENGTH.PLAIN + 2,
        (
            r"\bEHOSTUNREACH\b|\bENETUNREACH\b|\bEADDRNOTAVAIL\b|network is unreachable"
            r"|network unreachable|no route to host|host is unreachable|cannot assign requested address"
            r"|can't assign requested address|unreachable network|unreachable host"
            r"|\[Errno (?:101|113|65|51|99)\]|os error (?:101|113|65|51|99)|ERR_ADDRESS_UNREACHABLE"
            r"|ERR_INTERNET_DISCONNECTED|No route found"
        ),
        "unclear",
    ),
    clue(
        _ROUTE,
        STRENGTH.PLAIN + 2,
        (
            r"keine Route zum|Netzwerk ist nicht erreichbar|Das Netzwerk ist nicht|no existe ninguna ruta"
            r"|la red es inaccesible|le réseau n'est pas accessible|aucun chemin d'accès"
        ),
        "unclear",
    ),
)
# Cloud Foundry rejects what no security group allows: https://docs.cloudfoundry.org/concepts/asg.html
_FOUNDRY = re2.compile(
    (
        r"(?i)\[APP/|\[App/\d|\[CELL/|\bvcap\b|cloud ?foundry|\bcf (?:push|logs|ssh|target|apps?)\b"
        r"|cloud\.gov|apps\.internal|VCAP_"
    )
)
# Where nothing can be dropped on the way, a connection that was not established was refused.
_HIDDEN = re2.compile(r"(?i)could not be established\. (?:Broker|Node) may not be available")
_V6_ONLY = re2.compile(
    r"(?i)\b(?:api6|ipv6|v6)[.-]|\[[0-9a-f:]+:[0-9a-f:]+\]:\d+: connect: (?:network|cannot|no route)"
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
        seen.append(sighting(_REFUSED, _CODES[_REFUSED], report, match.group(), strength=STRENGTH.PLAIN, block="no"))
    return seen


def _refused(report: Report) -> Block:
    """A drop is no refusal; only where a layer rejects does a refusal speak of egress."""
    if _FOUNDRY.search(report.text):
        return "yes"
    remote = first(report)
    if report.proxies:
        return "unclear"
    if remote is not None and public(report) and remote.ip is None and remote.port in (80, 443):
        return "yes" if report.client not in ("boto",) else "unclear"
    return "unclear"


def _route(report: Report) -> Block:
    remote = first(report)
    if remote is None or inside(report):
        return "unclear"
    if _V6_ONLY.search(f"{remote.host} {report.text}"):
        return "no" if remote.host.split(".")[0].endswith("6") else "unclear"
    return "yes"
