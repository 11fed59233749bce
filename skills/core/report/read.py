"""The one way in: `read_report`."""

from __future__ import annotations

from skills.core.report.access_log import accesses, drops
from skills.core.report.answers import errno, issuer, offered, status, tls_reason
from skills.core.report.clients import SPEAK_HTTPS, client
from skills.core.report.destinations import destinations
from skills.core.report.facts import Report
from skills.core.report.normal import clean
from skills.core.report.prose import asks
from skills.core.report.times import latest


def read_report(text: str, *, asking: bool = False) -> Report:
    """Facts of a pasted text. Never fails; reads a bounded part of long texts and says how much."""
    cleaned = clean(text)
    words = cleaned.text
    lines, dropped = accesses(words), drops(words)
    request = asking or asks(words)
    who = client(words, lines)
    web = request or who in SPEAK_HTTPS or "HTTPSConnection" in words
    found, proxies = destinations(words, asks=request, web=web, accesses=lines, drops=dropped)
    code, origin = status(words, lines)
    flags = [flag for access in lines for flag in access.flags]
    return Report(
        text=words,
        destinations=found,
        status=code,
        status_origin=origin,
        tls=tls_reason(words),
        issuer=issuer(words),
        offered=offered(words),
        envoy_flags=tuple(dict.fromkeys(flags)),
        errno=errno(words),
        client=who,
        accesses=lines,
        drops=dropped,
        proxies=proxies,
        asks=request,
        masked=cleaned.masked,
        scanned=cleaned.scanned,
        total=cleaned.total,
        when=latest(words),
    )
