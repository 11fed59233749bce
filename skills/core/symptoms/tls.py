"""TLS: the handshake was cut, or the certificate that came was not accepted."""

from __future__ import annotations

from collections.abc import Sequence

import re2

from skills.core.report import Report
from skills.core.symptom_base import STRENGTH, Block, Clue, Sighting, clue, curl_ended, first, inside, matches, sighting

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
_CLUES: tuple[Clue, ...] = (
    clue(
        _EXPIRED,
        STRENGTH.NAMED + 6,
        (
            r"certificate (?:has |is )?expired|CERT_HAS_EXPIRED|certificate is not yet valid"
            r"|expired or is not yet valid|CertificateExpiredException|CertificateNotYetValid"
            r"|ERR_CERT_DATE_INVALID|CERT_NOT_YET_VALID|NotTimeValid|peer certificate: Expired|NotAfter: "
            r"|Zertifikat ist abgelaufen|certificado (?:ha )?(?:caducado|expirado|vencido)"
            r"|certificate.{0,20}expired|TLSV1_ALERT_CERTIFICATE_EXPIRED|sslv3 alert certificate expired"
        ),
        "no",
    ),
    clue(
        _NAME,
        STRENGTH.NAMED + 4,
        (
            r"hostname mismatch|does(?: not|n'?t) match (?:either of|target host|certificate's"
            r"|any of the subject|the (?:server )?cert|host ?name|\S+ host)"
            r"|alternative certificate subject name|ALTNAME_INVALID|altnames"
            r"|certificate is (?:not )?valid for|not valid for [\"']|no (?:subject )?alternative (?:DNS "
            r"|certificate |IP |subject )?name|No name matching|Hostname \S+ not verified"
            r"|ERR_CERT_COMMON_NAME_INVALID|RemoteCertificateNameMismatch|certificate name mismatch"
            r"|host ?name (?:\S+ )?(?:does not|doesn't) match|wrong host name|NotValidForName"
            r"|SSL_ERROR_BAD_CERT_DOMAIN|doesn't contain any IP SANs|cannot validate certificate for"
            r"|relies on legacy Common Name"
        ),
    ),
    clue(
        _CHAIN,
        STRENGTH.NAMED + 2,
        (
            r"CERTIFICATE_VERIFY_FAILED|certificate verif(?:y|ication) failed|unknown authority|PKIX path"
            r"|unable to find valid certification path|self[- ]signed cert|SELF_SIGNED"
            r"|unable to get local issuer|UNABLE_TO_GET_ISSUER|UNABLE_TO_VERIFY"
            r"|unable to verify the first certificate|SSL certificate problem"
            r"|untrusted (?:root|certificate)|UntrustedRoot|PartialChain|RemoteCertificateChainErrors"
            r"|UnknownIssuer|invalid peer certificate|certificate is not trusted"
            r"|ERR_CERT_AUTHORITY_INVALID|SEC_ERROR_UNKNOWN_ISSUER|not trusted by"
            r"|server certificate verification failed|certificate verify error|SSL verification error"
            r"|trust anchors?|remote certificate is invalid"
            r"|(?:could not|cannot|unable to) verify (?:the )?(?:server|peer)?'?s? ?certificate"
            r"|TrustFailure|Could not establish trust relationship|peer's certificate issuer"
            r"|ValidatorException|issuer certificate|could not verify the SSL certificate"
        ),
    ),
    # the server rejected us, or spoke: it was reached
    clue(
        _CUT,
        STRENGTH.PHASE + 3,
        (
            r"alert (?:internal error|handshake failure|protocol version|unrecognized name"
            r"|certificate required|bad certificate|unknown ca|access denied|no application protocol"
            r"|certificate unknown)|ALERT_(?:HANDSHAKE_FAILURE|INTERNAL_ERROR|PROTOCOL_VERSION"
            r"|UNRECOGNIZED_NAME|BAD_CERTIFICATE|UNKNOWN_CA|CERTIFICATE_REQUIRED)|remote error: tls: "
            r"|Received fatal alert|SSL_ERROR_CERTIFICATE_UNKNOWN_ALERT"
            r"|SSL peer had some unspecified issue|unsupported protocol|no protocols available"
            r"|UNSUPPORTED_PROTOCOL|no cipher suites? in common|NO_SHARED_CIPHER|dh key too small"
            r"|legacy renegotiation|UNSAFE_LEGACY|protocol is disabled|HandshakeFailure|handshake_failure"
        ),
        "no",
    ),
    clue(
        _CUT,
        STRENGTH.PHASE + 2,
        r"Client sent an HTTP request to an HTTPS server|plain HTTP request was sent to HTTPS port",
        "no",
    ),
    clue(_CUT, STRENGTH.PHASE + 2, r"server gave HTTP response to HTTPS client", "unclear"),
    clue(
        _CUT,
        STRENGTH.PHASE + 2,
        (
            r"wrong[ _]version[ _]number|WRONG_VERSION_NUMBER|unknown protocol"
            r"|Unsupported or unrecognized SSL message|plaintext connection\?"
            r"|first record does not look like a TLS|packet length too long|record layer failure"
            r"|http request\b.{0,20}SSL routines|SSL23_GET_SERVER_HELLO|InvalidContentType|corrupt message"
            r"|NotSslRecordException|not an SSL/TLS record|Cannot determine peer.{0,20}SSL"
            r"|frame.{0,20}(?:invalid|corrupted)"
        ),
        "yes",
    ),
    clue(
        _CUT,
        STRENGTH.PHASE + 2,
        (
            r"SSL_ERROR_SYSCALL|SSL_connect: (?:Connection reset|.{0,30}reset)"
            r"|unexpected eof while reading|UNEXPECTED_EOF_WHILE_READING|EOF occurred in violation"
            r"|SSLEOFError|SSLZeroReturnError|TLS/SSL connection has been closed"
            r"|before secure TLS connection|non-properly terminated|gnutls_handshake|SSL_ERROR_ZERO_RETURN"
            r"|during (?:the )?(?:SSL |TLS )?handshake|terminated the handshake"
            r"|closed connection during handshake|SSL peer shut down incorrectly"
            r"|handshake (?:failed|failure|error|aborted|interrupted)|curl: \(35\)|error 35\b"
            r"|NSS error -5961|PR_END_OF_FILE|schannel: (?:failed|.{0,40}handshake)|SSL/TLS handshake"
            r"|TLS handshake error|SSLHandshakeException|while SSL handshaking|write:errno=(?:104|0)"
            r"|SSL handshake has read 0 bytes|SSL connection could not be established"
            r"|ERR_SSL_PROTOCOL_ERROR|ERR_SSL_VERSION|Could not create SSL/TLS secure channel"
            r"|tls: handshake|cannot complete SSL handshake|SSL_R_|\bEPROTO\b|unexpected TLS packet"
            r"|Unable to establish SSL connection|Unknown SSL protocol error"
        ),
        "yes",
    ),
    clue(
        _CUT,
        STRENGTH.PHASE + 4,
        (
            r"TLS handshake timeout|handshake (?:operation )?timed out|SSL connection timeout"
            r"|handshake timeout|SSL handshake.{0,20}tim(?:ed ?|e)out"
            r"|TLS handshake.{0,30}(?:timed out|deadline)"
        ),
        "yes",
    ),
    clue(_CUT, STRENGTH.LOOSE + 6, r"SSLError|SSLException|TLS error|TLS_error|SSL error|SSL routines"),
    clue(_CUT, STRENGTH.LOOSE, curl_ended(35), "yes"),
    clue(_CHAIN, STRENGTH.LOOSE, curl_ended(60)),
    clue(
        _CHAIN,
        STRENGTH.SPOKEN + 3,
        (
            r"(?:certificate|cert|TLS|SSL) (?:error|problem|issue|warning)s?\b|Zertifikatsfehler"
            r"|error de certificado"
        ),
    ),
)
# The issuer of an inspecting proxy, by the name that its vendor puts into the certificate.
_INSPECTION = re2.compile(
    (
        r"(?i)(zscaler|netskope|cisco umbrella|umbrella root|palo ?alto|fortinet|fortigate|blue ?coat"
        r"|symantec web|forcepoint|websense|mcafee web|skyhigh|sophos|checkpoint|check point"
    )(
        r"|barracuda|livigent|kaspersky|bitdefender|avast|eset ssl|squid|mitmproxy|burp|charles proxy"
        r"|fiddler|(?:ssl|tls)[ -]?(?:inspection|interception|decryption)|firewall ca|proxy ca"
        r"|web ?gateway)"
    )
)
_DEFAULT_CERTIFICATE = re2.compile(
    r"(?i)ingress\.local|Kubernetes Ingress Controller Fake|TRAEFIK DEFAULT CERT|<proxy>|snakeoil|localhost"
)
_VALIDITY = re2.compile(r"(?i)expired|not yet valid")


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
    if remote is None or remote.ip is not None or not report.offered:
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
    remote = first(report)
    if item.symptom == _CHAIN:
        return (
            "no"
            if inside(report) or _INSPECTION.search(report.text) or "transport failure reason" in words
            else "unclear"
        )
    if item.symptom == _NAME:
        literal = remote is not None and remote.ip is not None
        return "no" if literal or inside(report) or _DEFAULT_CERTIFICATE.search(report.text) else "unclear"
    if item.symptom == _CUT and item.block == "yes":
        return _cut(report)
    return item.block


def _cut(report: Report) -> Block:
    """A handshake that was cut speaks of a mesh; plain HTTP on an odd port of the own network does not."""
    remote = first(report)
    if report.proxies:
        return "unclear"
    if remote is not None and inside(report):
        return "no" if remote.ip and remote.port != 443 else "unclear"
    return "yes"
