"""What came back: HTTP status and who sent it, errno, the reason of a TLS failure, the issuer of a certificate."""

from __future__ import annotations

from collections.abc import Sequence

from skills.core.patterns import sifted
from skills.core.report.facts import Access

_STATUS = sifted(
    r"(?i)(?:\bHTTP/\d(?:\.\d)?[\"']? |\bstatus(?:[ _-]?code)?[\"']?[:= ]{1,3}[\"']?"
    r"|\bresponse[:, ]{1,2}|\breturned error: |\bHTTP (?:error|code|status):? ?"
    r"|\berror(?: code)?:? |\bE|\bcode[\"']?[:=] ?|\bHTTP |: |^|\s)([45]\d\d)(?:\b|:)"
)
_PHRASES = (
    (502, "bad gateway"),
    (503, "service unavailable"),
    (504, "gateway time-out"),
    (504, "gateway timeout"),
    (403, "forbidden"),
    (401, "unauthorized"),
    (407, "proxy authentication required"),
    (429, "too many requests"),
)
_FROM_PROXY = sifted(
    r"(?i)CONNECT tunnel failed|from proxy after CONNECT|Tunnel connection failed|through proxy"
    r"|Server: squid|X-Squid-Error|TCP_DENIED|Via: [^\n]*squid"
    r"|Proxy-Authenticate|proxy returns|proxy (?:refused|denied|responded|replied)"
    r"|HTTP proxy returned|\bERR_ACCESS_DENIED\b"
    r"|blocked by (?:the )?(?:proxy|policy|administrator)"
)
_FROM_GATEWAY = sifted(r"(?i)egress-?gateway")
_FROM_ENVOY = sifted(
    r"(?i)server: (?:istio-)?envoy|upstream connect error|no healthy upstream|direct_response"
    r"|upstream request timeout|RBAC: access denied|\brbac_access_denied"
)
_FROM_REMOTE = sifted(
    r"(?i)<center>(?:nginx|openresty|cloudflare|tengine)|server: (?:nginx|cloudflare|apache"
    r"|openresty|awselb|akamai|gws|microsoft|varnish|amazons3|cloudfront|kestrel|gunicorn|caddy)"
    r"|\bcf-ray\b|cf-error|\bcloudflare\b|x-amz-|via: 1\.1 (?:google|varnish|[a-z0-9.]*cloudfront)"
    r"|x-envoy-upstream-service-time"
)
_TLS = sifted(
    r"(?i)\b(CERTIFICATE_VERIFY_FAILED|WRONG_VERSION_NUMBER|wrong version number"
    r"|UNEXPECTED_EOF_WHILE_READING|SSL_ERROR_[A-Z_]+|SSLV3_ALERT_[A-Z_]+"
    r"|TLSV1_ALERT_[A-Z_]+|CERT_HAS_EXPIRED|SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT"
    r"|UNABLE_TO_[A-Z_]+|ERR_TLS_CERT_ALTNAME_INVALID"
    r"|self[- ]signed certificate(?: in certificate chain)?|unable to get local issuer certificate"
    r"|certificate has expired|certificate signed by unknown authority"
    r"|PKIX path building failed|TLS handshake timeout|handshake failure|tlsv1 alert [a-z ]+"
    r"|UNKNOWN_CA|NO_SHARED_CIPHER)"
)
_ISSUER = sifted(r"(?im)(?:^|[\s*])issuer[:=] ?([^\n]{3,200})|You must add ([^\n]{3,120}?) to your local trusted store")
_ERRNO = sifted(
    r"\b(ECONNREFUSED|ETIMEDOUT|ECONNRESET|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|ENOTFOUND"
    r"|EAI_AGAIN|EAI_NONAME|EPIPE|EPROTO|ECONNABORTED|ESOCKETTIMEDOUT)\b"
    r"|(?i:\b(?:errno[= ]|error |code: ?|\()(-2|-3|11001|10051|10054|10060|10061|10065|101|104|110"
    r"|111|113|60|61|65)\b)"
)
_NUMBERS = {
    "111": "ECONNREFUSED",
    "61": "ECONNREFUSED",
    "10061": "ECONNREFUSED",
    "110": "ETIMEDOUT",
    "60": "ETIMEDOUT",
    "10060": "ETIMEDOUT",
    "104": "ECONNRESET",
    "10054": "ECONNRESET",
    "113": "EHOSTUNREACH",
    "65": "EHOSTUNREACH",
    "10065": "EHOSTUNREACH",
    "101": "ENETUNREACH",
    "10051": "ENETUNREACH",
    "-2": "EAI_NONAME",
    "-3": "EAI_AGAIN",
    "11001": "EAI_NONAME",
}
_WORDS = (
    ("connection refused", "ECONNREFUSED"), ("network is unreachable", "ENETUNREACH"),
    ("no route to host", "EHOSTUNREACH"), ("connection reset by peer", "ECONNRESET"),
    ("connection timed out", "ETIMEDOUT"), ("operation timed out", "ETIMEDOUT"),
    ("cannot assign requested address", "EADDRNOTAVAIL"),
)  # fmt: skip


def status(text: str, accesses: Sequence[Access]) -> tuple[int | None, str | None]:
    """The HTTP status of the answer and its sender, as far as the text tells."""
    codes = [access.code for access in accesses if access.code >= 400]
    if codes:
        return codes[0], status_origin(text) or "sidecar"
    match = _STATUS.search(text)
    if match is not None:
        return int(match.group(1)), status_origin(text)
    lower = text.lower()
    named = next((code for code, phrase in _PHRASES if phrase in lower), None)
    return named, status_origin(text) if named else None


def status_origin(text: str) -> str | None:
    """Who wrote the answer: `proxy`, `egress gateway`, `sidecar`, `remote`, or None."""
    if _FROM_PROXY.search(text):
        return "proxy"
    remote, envoy = _FROM_REMOTE.search(text), _FROM_ENVOY.search(text)
    if envoy and not remote:
        return "egress gateway" if _FROM_GATEWAY.search(text) else "sidecar"
    return "remote" if remote else None


def errno(text: str) -> str | None:
    """The first errno that the text names, by symbol, by number or in words."""
    match = _ERRNO.search(text)
    if match is not None:
        return match.group(1) or _NUMBERS.get(match.group(2))
    lower = text.lower()
    return next((name for words, name in _WORDS if words in lower), None)


def tls_reason(text: str) -> str | None:
    match = _TLS.search(text)
    return match.group(1) if match else None


def issuer(text: str) -> str | None:
    """Who signed the certificate that came, when a client printed it."""
    match = _ISSUER.search(text)
    return (match.group(1) or match.group(2)).strip() if match else None


_OFFERED = sifted(
    r"(?im)^\W{0,4}(?:depth=0 |0 s:|subject[:=] ?"
    r"|server certificate)[^\n]{0,200}?\bCN ?= ?([A-Za-z0-9*.-]+\.[A-Za-z]{2,})"
    r"|subject ?alt(?:ernative )?names?[:=] ?[^\n]{0,40}?DNS:([A-Za-z0-9*.-]+)"
)
_CLIENT_CERTIFICATE = sifted(r"(?i)client certificate from file|--cert[ =]")


def offered(text: str) -> tuple[str, ...]:
    """The names in the certificate that the server showed, when a client printed it."""
    if _CLIENT_CERTIFICATE.search(text):
        return ()
    return tuple(dict.fromkeys((match.group(1) or match.group(2)).lower() for match in _OFFERED.finditer(text)))
