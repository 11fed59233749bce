"""TLS: the handshake was cut, or the certificate that came was not accepted."""

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

NAMES: tuple[str, ...] = ("tls_handshake", "tls_certificate", "tls_hostname_mismatch", "tls_expired")
_CODES = {
    "tls_handshake": "EGR220",
    "tls_certificate": "EGR221",
    "tls_hostname_mismatch": "EGR222",
    "tls_expired": "EGR223",
}

_CUT = "tls_handshake"
_CHAIN = "tls_certificate"
_NAME = "tls_hostname_mismatch"
_EXPIRED = "tls_expired"
_CLUES = Clues(
    clue(
        _EXPIRED,
        STRENGTH.NAMED + 6,
        "no",
        r"certificate (?:has |is )?expired|CERT_HAS_EXPIRED|certificate is not yet valid",
        r"expired or is not yet valid|CertificateExpiredException|CertificateNotYetValid",
        r"ERR_CERT_DATE_INVALID|CERT_NOT_YET_VALID|NotTimeValid|peer certificate: Expired|NotAfter: ",
        r"Zertifikat ist abgelaufen|certificado (?:ha )?(?:caducado|expirado|vencido)",
        r"certificate.{0,20}expired|TLSV1_ALERT_CERTIFICATE_EXPIRED|sslv3 alert certificate expired",
    ),
    clue(
        _NAME,
        STRENGTH.NAMED + 4,
        "unclear",
        (
            r"hostname mismatch|does(?: not|n'?t) match (?:either of|target host|certificate's|any of the subject"
            r"|the (?:server )?cert|host ?name|\S+ host)|alternative certificate subject name|ALTNAME_INVALID"
            r"|altnames|certificate is (?:not )?valid for|not valid for [\"']|no (?:subject )?alternative (?:DNS "
            r"|certificate |IP |subject )?name|No name matching|Hostname \S+ not verified"
            r"|ERR_CERT_COMMON_NAME_INVALID|RemoteCertificateNameMismatch|certificate name mismatch"
            r"|certificate's owner does not match|did not match expected (?:CN|name)"
            r"|host ?name (?:\S+ )?(?:does not|doesn't) match|wrong host name|NotValidForName"
            r"|SSL_ERROR_BAD_CERT_DOMAIN|doesn't contain any IP SANs|cannot validate certificate for"
            r"|relies on legacy Common Name"
        ),
    ),
    clue(
        _CHAIN,
        STRENGTH.NAMED + 2,
        "unclear",
        r"CERTIFICATE_VERIFY_FAILED|certificate verif(?:y|ication) failed|unknown authority|PKIX path",
        r"unable to find valid certification path|self[- ]signed cert|SELF_SIGNED|unable to get local issuer",
        r"UNABLE_TO_GET_ISSUER|UNABLE_TO_VERIFY|unable to verify the first certificate",
        r"SSL certificate problem|untrusted (?:root|certificate)|UntrustedRoot|PartialChain",
        r"RemoteCertificateChainErrors|UnknownIssuer|invalid peer certificate|certificate is not trusted",
        r"ERR_CERT_AUTHORITY_INVALID|SEC_ERROR_UNKNOWN_ISSUER|not trusted by",
        r"server certificate verification failed|certificate verify error|SSL verification error",
        r"trust anchors?|remote certificate is invalid",
        r"(?:could not|cannot|unable to) verify (?:the )?(?:server|peer)?'?s? ?certificate|TrustFailure",
        r"Could not establish trust relationship|peer's certificate issuer|ValidatorException",
        r"[Cc]ertificate of \S+ is not trusted|doesn't have a known issuer",
        r"CLIENT ALERT: Fatal - Unknown CA|issuer certificate|could not verify the SSL certificate",
    ),
    # the server rejected us, or spoke: it was reached
    clue(
        _CUT,
        STRENGTH.PHASE + 3,
        "no",
        (
            r"alert (?:internal error|handshake failure|protocol version|unrecognized name|certificate required"
            r"|bad certificate|unknown ca|access denied|no application protocol|certificate unknown)"
            r"|ALERT_(?:HANDSHAKE_FAILURE|INTERNAL_ERROR|PROTOCOL_VERSION|UNRECOGNIZED_NAME|BAD_CERTIFICATE"
            r"|UNKNOWN_CA|CERTIFICATE_REQUIRED)|remote error: tls: |Received fatal alert"
            r"|SSL_ERROR_CERTIFICATE_UNKNOWN_ALERT|SSL peer had some unspecified issue|unsupported protocol"
            r"|no protocols available|UNSUPPORTED_PROTOCOL|no cipher suites? in common|NO_SHARED_CIPHER"
            r"|dh key too small|legacy renegotiation|UNSAFE_LEGACY|protocol is disabled|HandshakeFailure"
            r"|handshake_failure|\b(?:TLS|SSL)(?::? |_)alert\b|unsupported protocol version"
        ),
    ),
    clue(
        _CUT,
        STRENGTH.PHASE + 2,
        "no",
        r"Client sent an HTTP request to an HTTPS server|plain HTTP request was sent to HTTPS port",
    ),
    # .NET Framework's words, most often for a version of TLS that one side is too old for
    clue(
        _CUT,
        STRENGTH.PHASE + 2,
        "unclear",
        r"server gave HTTP response to HTTPS client|Could not create SSL/TLS secure channel",
    ),
    clue(
        _CUT,
        STRENGTH.PHASE + 2,
        "yes",
        r"wrong[ _]version[ _]number|WRONG_VERSION_NUMBER|unknown protocol",
        r"Unsupported or unrecognized SSL message|plaintext connection\?",
        r"first record does not look like a TLS|packet length too long|record layer failure",
        r"http request\b.{0,20}SSL routines|SSL23_GET_SERVER_HELLO|InvalidContentType|corrupt message",
        r"NotSslRecordException|not an SSL/TLS record|Cannot determine peer.{0,20}SSL",
        r"frame.{0,20}(?:invalid|corrupted)",
    ),
    clue(
        _CUT,
        STRENGTH.PHASE + 2,
        "yes",
        r"SSL_ERROR_SYSCALL|SSL_connect: (?:Connection reset|.{0,30}reset)|unexpected eof while reading",
        r"UNEXPECTED_EOF_WHILE_READING|EOF occurred in violation|SSLEOFError|SSLZeroReturnError",
        r"TLS/SSL connection has been closed|before secure TLS connection|non-properly terminated",
        r"gnutls_handshake|SSL_ERROR_ZERO_RETURN|during (?:the )?(?:SSL |TLS )?handshake",
        r"terminated the handshake|closed connection during handshake|SSL peer shut down incorrectly",
        r"handshake (?:failed|failure|error|aborted|interrupted)|curl: \(35\)|error 35\b|NSS error -5961",
        r"PR_END_OF_FILE|schannel: (?:failed|.{0,40}handshake)|SSL/TLS handshake|TLS handshake error",
        r"SSLHandshakeException|while SSL handshaking|write:errno=(?:104|0)|SSL handshake has read 0 bytes",
        r"SSL connection could not be established|ERR_SSL_PROTOCOL_ERROR|ERR_SSL_VERSION",
        r"tls: handshake|cannot complete SSL handshake|SSL_R_",
        r"Failed to enable crypto|\bEPROTO\b|unexpected TLS packet|Unable to establish SSL connection",
        r"Unknown SSL protocol error",
    ),
    clue(
        _CUT,
        STRENGTH.PHASE + 4,
        "yes",
        r"TLS handshake timeout|handshake (?:operation )?timed out|SSL connection timeout|handshake timeout",
        r"SSL handshake.{0,20}tim(?:ed ?|e)out|TLS handshake.{0,30}(?:timed out|deadline)",
    ),
    # SqlClient, which wraps TLS in its own protocol
    clue(_CUT, STRENGTH.NAMED, "unclear", r"an error occurred during the (?:pre-)?login (?:handshake|process)"),
    # aiohttp: the connection ended during the handshake, without an errno
    clue(_CUT, STRENGTH.LOOSE + 8, "yes", r"Cannot connect to host \S+:443 ssl:\S+ \[None\]"),
    clue(_CUT, STRENGTH.LOOSE + 6, "unclear", r"SSLError|SSLException|TLS error|TLS_error|SSL error|SSL routines"),
    clue(_CUT, STRENGTH.LOOSE, "yes", ended(35), client="curl"),
    clue(_CHAIN, STRENGTH.LOOSE, "unclear", ended(60), client="curl"),
    clue(
        _CUT,
        STRENGTH.SPOKEN + 3,
        "yes",
        r"(?:TLS|SSL)[ -](?:handshake|connection|connect)[^\n]{0,80}\b(?:fails?|failed|failing|broken|aborted|cut)\b",
    ),
    clue(
        _CHAIN,
        STRENGTH.SPOKEN + 3,
        "unclear",
        r"(?:certificate|cert|TLS|SSL) (?:error|problem|issue|warning)s?\b|Zertifikatsfehler",
        r"error de certificado",
    ),
)
# The issuer of an inspecting proxy, by the name that its vendor puts into the certificate.
_INSPECTION = sifted(
    r"(?i)(zscaler|netskope|cisco umbrella|umbrella root|palo ?alto|fortinet|fortigate|blue ?coat"
    r"|symantec web|forcepoint|websense|mcafee web|skyhigh|sophos|checkpoint|check point"
    r"|barracuda|livigent|kaspersky|bitdefender|avast|eset ssl|squid|mitmproxy|burp|charles proxy"
    r"|fiddler|(?:ssl|tls)[ -]?(?:inspection|interception|decryption)|firewall ca|proxy ca"
    r"|web ?gateway)"
)
_DEFAULT_CERTIFICATE = sifted(
    r"(?i)ingress\.local|Kubernetes Ingress Controller Fake|TRAEFIK DEFAULT CERT|<proxy>|snakeoil|localhost"
)

_PLAIN_TEXT = sifted(r"(?i)wrong[ _]version|unrecognized SSL message|look like a TLS|not an SSL/TLS record")
_TUNNEL = sifted(r"(?i)tunnell?ing socket|proxyconnect tcp")
_MATCHED = sifted(r"(?i)certificate verify ok|matched cert's|Verify return code: 0 ")


def look(report: Report) -> Sequence[Sighting]:
    seen = []
    for item, words in matches(report, _CLUES):
        product = _INSPECTION.search(report.text) if item.symptom == _CHAIN else None
        code = "EGR224" if product else _CODES[item.symptom]
        facts = {"issuer": product.group(1)} if product else {}
        block = _block(report, item, words)
        seen.append(
            sighting(
                item.symptom, code, report, words, strength=item.strength, block=block, origin=item.origin, **facts
            )
        )
    return [*seen, *_other_name(report)]


def _other_name(report: Report) -> list[Sighting]:
    """A certificate that a client printed without complaint, but that belongs to somebody else."""
    remote = first(report)
    if remote is None or remote.ip is not None or not report.offered or _MATCHED.search(report.text):
        return []
    if any(_covers(name, remote.host) for name in report.offered):
        return []
    names = ", ".join(report.offered)
    strength = STRENGTH.PHASE - 6
    return [sighting(_NAME, "EGR225", report, names, strength=strength, block="unclear", names=names)]


def _covers(name: str, host: str) -> bool:
    """RFC 6125 6.4.3: a wildcard stands for exactly one label."""
    if name.startswith("*."):
        return host.partition(".")[2] == name[2:]
    return name == host


def _block(report: Report, item: Clue, words: str) -> Block:
    """An untrusted certificate may come from a mesh; one of our own making, or one that Envoy itself saw, does not."""
    remote = first(report)
    if item.symptom == _CHAIN:
        envoy = bool(report.accesses) or "transport failure reason" in words
        return "no" if envoy or inside(report) or _INSPECTION.search(report.text) else "unclear"
    if item.symptom == _NAME:
        literal = remote is not None and remote.ip is not None
        return "no" if literal or inside(report) or _DEFAULT_CERTIFICATE.search(report.text) else "unclear"
    if remote is not None and remote.port not in (None, 443) and _PLAIN_TEXT.search(words):
        return "no" if inside(report) else "unclear"  # a port that speaks no TLS is as likely
    return _cut(report) if item.block == "yes" else item.block


def _cut(report: Report) -> Block:
    """A handshake that was cut speaks of a mesh; plain HTTP on an odd port of the own network does not."""
    remote = first(report)
    if report.proxies or _TUNNEL.search(report.text):
        return "unclear"
    if remote is not None and inside(report):
        return "no" if remote.ip and remote.port != 443 else "unclear"
    return "yes"
