"""An answer of something in between: 502, 503, 504, and what Envoy logs instead of an answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from skills.core.patterns import compiled, sifted
from skills.core.report import Access, Report
from skills.core.symptom_base import (
    STRENGTH,
    Block,
    Clue,
    Clues,
    Origin,
    Sighting,
    answered,
    clue,
    first,
    matches,
    quote,
    sighting,
    told,
)

NAMES: tuple[str, ...] = ("bad_gateway_502", "service_unavailable_503", "gateway_timeout_504", "blackhole")
_CODES = {
    "bad_gateway_502": "EGR240",
    "service_unavailable_503": "EGR241",
    "gateway_timeout_504": "EGR242",
    "blackhole": "EGR243",
}

_502 = "bad_gateway_502"
_503 = "service_unavailable_503"
_504 = "gateway_timeout_504"
_BLACKHOLE = "blackhole"


def _status_clues(symptom: str, code: int, words: str) -> tuple[Clue, ...]:
    tunnel = rf"tunnel failed,? (?:response )?{code}|Tunnel connection failed: {code}|\b(?:NONE|TCP)[A-Z_]*/{code}\b"
    return (
        clue(symptom, STRENGTH.STATUS + 2, "unclear", rf"HTTP/\d(?:\.\d)?[\"']? {code}\b|{tunnel}"),
        clue(symptom, STRENGTH.STATUS, "unclear", answered(code, words)),
        clue(symptom, STRENGTH.STATUS - 4, "unclear", rf"\b(?:{words})\b"),
        clue(symptom, STRENGTH.SPOKEN + 3, "unclear", told(code)),
    )


_CLUES = Clues(
    *_status_clues(_502, 502, "bad gateway"),
    *_status_clues(_503, 503, "service unavailable|service temporarily unavailable"),
    *_status_clues(_504, 504, "gateway time-?out|GATEWAY_TIMEOUT"),
    # nginx reached its upstream
    clue(
        _502,
        STRENGTH.NAMED,
        "no",
        r"upstream prematurely closed|upstream sent (?:invalid|too big) header",
        origin="proxy",
    ),
    clue(
        _503, STRENGTH.NAMED, "unclear", r"upstream connect error or disconnect/reset before headers", origin="sidecar"
    ),
    clue(
        _503,
        STRENGTH.STATUS + 3,
        "no",
        r"upstream reset: reset reason: connection termination",
        r"no healthy upstream|upstream_reset_before_response|cluster_not_found|no_healthy_upstream",
        origin="sidecar",
    ),
    clue(
        _504,
        STRENGTH.NAMED,
        "no",
        r"upstream request timeout|upstream_response_timeout|response_timeout",
        origin="sidecar",
    ),
    clue(
        _503,
        STRENGTH.LOOSE + 8,
        "unclear",
        r"StatusCode\.UNAVAILABLE|code = Unavailable|UNAVAILABLE: |upstream_cx_|ServiceUnavailable\b",
    ),
)
_BLACK = sifted(r"(?i)\bBlackHoleCluster|\bblock_all\b")
_OWN_TLS = sifted(r"(?i)transport failure reason:[^\n]{0,40}TLS")
_TLS_CUT = sifted(r"(?i)transport failure reason:[^\n]{0,120}reset by peer")
# a router of the own platform about calls that came in
_ROUTER = sifted(r"\bat=error code=H\d\d desc=|\[RTR/\d")
_TERMINATED = sifted(r"(?i)reset reason: (?:connection termination|remote reset|overflow|protocol error)|\boverflow\b")
_XDS = compiled(r"(?i)gRPC config (?:stream|for)|StreamAggregatedResources|DeltaAggregatedResources|\bxds\b")
_UPSTREAM_TIME = sifted(r"(?i)x-envoy-upstream-service-time: ?\d")
_MOST_LINES = 20
_FOUNDRY = sifted(r"\[APP/|\[App/\d|(?i:cloud ?foundry)")


def look(report: Report) -> Sequence[Sighting]:
    seen = [
        sighting(
            item.symptom,
            _CODES[item.symptom],
            report,
            words,
            strength=item.strength - (25 if _XDS.search(words) else 0),
            block=_block(report, item, words),
            origin=_origin(report, item),
            status=int(item.symptom[-3:]),
        )
        for item, words in matches(report, _CLUES)
    ]
    return [*seen, *_logged(report)]


def _origin(report: Report, item: Clue) -> Origin:
    known: dict[str | None, Origin] = {
        "proxy": "proxy", "sidecar": "sidecar", "egress gateway": "egress gateway", "remote": "remote",
    }  # fmt: skip
    return known.get(report.status_origin, item.origin if item.origin != "client" else "remote")


def _block(report: Report, item: Clue, words: str) -> Block:
    """Only an answer that the mesh itself wrote, without having reached anything, speaks of a block."""
    if item.symptom == _504 or item.block == "no":
        return "no"
    if (
        _ROUTER.search(words)
        or report.status_origin == "remote"
        or _UPSTREAM_TIME.search(report.text)
        or _XDS.search(words)
    ):
        return "no"
    if item.strength >= STRENGTH.PLAIN and _inside_tls(report):
        return "no"  # what a program printed: people write https:// of any host
    if item.symptom == _502:
        meshed = report.status_origin in ("sidecar", "egress gateway")
        return "yes" if meshed or _FOUNDRY.search(report.text) else "unclear"
    return _unavailable(report, item)


def _inside_tls(report: Report) -> bool:
    """A status that came over HTTPS was sent by whoever holds the certificate; a sidecar can only cut TLS."""
    remote = first(report)
    open_way = not (report.proxies or report.accesses or report.status_origin or _FOUNDRY.search(report.text))
    if not open_way or remote is None or remote.ip is not None:
        return False
    pulled = report.client == "docker" and remote.scheme == "https"  # a registry without TLS would be told to it
    return pulled or f"https://{remote.host}" in report.text


def _unavailable(report: Report, item: Clue) -> Block:
    if _TLS_CUT.search(report.text):
        return "unclear"
    if _TERMINATED.search(report.text) or item.block == "no" or _OWN_TLS.search(report.text):
        return "no"
    if report.status_origin == "proxy":
        return "no" if "ERR_DNS" in report.text else "unclear"
    printed = "server: envoy" in report.text.lower() and "connection failure" in report.text
    return "yes" if printed and report.client == "curl" else "unclear"


def _logged(report: Report) -> Iterator[Sighting]:
    """What the access log says about calls that went out."""
    origin: Origin = "egress gateway" if "egressgateway" in report.text else "sidecar"
    for access in report.failures[:_MOST_LINES]:
        found = _reading(access)
        if found is not None:
            symptom, strength, block = found
            flags = ",".join(access.flags) or "-"
            yield sighting(
                symptom,
                _CODES[symptom],
                report,
                access.quote,
                strength=strength,
                block=block,
                origin=origin,
                flags=flags,
            )
    for access in report.accesses[:_MOST_LINES]:
        if access.unrouted and not access.failed and not access.inbound:
            yield sighting(
                _BLACKHOLE, "EGR244", report, access.quote, strength=STRENGTH.SPOKEN, block="no", origin=origin
            )
    match = None if report.accesses else _BLACK.search(report.text)
    if match is not None:
        words = quote(report.text, match.start(), match.end())
        yield sighting(
            _BLACKHOLE, "EGR243", report, words, strength=STRENGTH.NAMED, block="yes", origin="sidecar", flags="-"
        )


def _reading(access: Access) -> tuple[str, int, Block] | None:
    """Symptom, strength and block of one failed line. Flags: Envoy's access log manual, response flags."""
    flags = set(access.flags)
    logged = STRENGTH.LOGGED + 1
    if access.inbound:
        return (_503, STRENGTH.NAMED, "no") if access.code == 503 else None
    if access.code == 502:
        return _502, logged, "yes" if "direct_response" in access.details or access.unrouted else "unclear"
    if access.code in (401, 403, 429):
        return None
    if access.unrouted:
        quick = access.duration is not None and access.duration < 100 and "UF" in flags
        return _BLACKHOLE, logged, "unclear" if quick else "yes"
    if flags & {"UH", "NR", "NC"} and not access.cluster:
        return _BLACKHOLE, logged, "yes"
    if flags & {"UT", "DT"} or access.code == 504:
        return _504, logged, "no"
    if access.code == 503 or (access.code and flags & {"UH", "UF", "UC", "UO", "URX"}):
        strength = STRENGTH.STATUS if "TLS" in access.reason else logged
        return _503, strength, "no" if flags & {"UC", "UH", "UO"} else "unclear"
    return None
