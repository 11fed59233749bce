"""The faults that the laboratory makes, each with its address and what an expert would say of it.

Labels follow the definitions of `postern eval`. A fault that a client can't tell from another has both: `others` are
accepted as well.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

NET = "198.51.100"
RESOLVER = f"{NET}.53"


@dataclass(frozen=True, slots=True)
class Fault:
    """`ip` is where the name leads; None leaves the name to the resolver. `proxy` is set for faults of a proxy."""

    name: str
    ip: str | None
    symptom: str
    block: str
    others: tuple[str, ...] = ()
    scheme: str = "https"
    port: int = 443
    path: str = "/v1/items"
    proxy: str | None = None
    label: str = "api"


FAULTS: tuple[Fault, ...] = (
    Fault("expired", f"{NET}.11", "tls_expired", "no"),
    Fault("self_signed", f"{NET}.12", "tls_certificate", "unclear"),
    Fault("unknown_ca", f"{NET}.13", "tls_certificate", "unclear"),
    Fault("wrong_name", f"{NET}.14", "tls_hostname_mismatch", "unclear"),
    Fault("silent_tls", f"{NET}.16", "tls_handshake", "yes", ("connect_timeout", "read_timeout")),
    Fault("reset_tls", f"{NET}.17", "tls_handshake", "yes", ("connection_reset",)),
    Fault("closed", f"{NET}.18", "connection_refused", "yes", ("connect_timeout",)),
    Fault("closed_odd_port", f"{NET}.18", "connection_refused", "unclear", ("connect_timeout",), port=8443),
    Fault("plain_on_tls", f"{NET}.19", "tls_handshake", "yes"),
    Fault("dropped", f"{NET}.20", "connect_timeout", "yes"),
    Fault("rejected", f"{NET}.21", "no_route", "yes", ("connect_timeout", "connection_refused")),
    Fault("no_route", "192.0.2.50", "no_route", "yes", ("connect_timeout", "connection_refused")),
    Fault("cut_tls", f"{NET}.23", "tls_handshake", "yes", ("connection_reset",)),
    Fault("empty_reply", f"{NET}.24", "connection_reset", "unclear"),
    Fault("slow", f"{NET}.26", "read_timeout", "unclear", ("connect_timeout",)),
    Fault("nginx_502", f"{NET}.25", "bad_gateway_502", "no", path="/dead"),
    Fault("nginx_504", f"{NET}.25", "gateway_timeout_504", "no", path="/slow"),
    Fault("nginx_503", f"{NET}.25", "service_unavailable_503", "no", path="/busy"),
    Fault("limited", f"{NET}.25", "rate_limited_429", "no", path="/limited"),
    Fault("login", f"{NET}.25", "auth_401", "no", path="/private"),
    Fault("sidecar_502", f"{NET}.40", "bad_gateway_502", "yes", scheme="http", port=80),
    Fault("sidecar_503", f"{NET}.41", "service_unavailable_503", "unclear", scheme="http", port=80),
    Fault("sidecar_403", f"{NET}.42", "forbidden_403", "yes", ("bad_gateway_502",), scheme="http", port=80),
    Fault("no_such_name", None, "dns_failure", "no", label="missing"),
    Fault("broken_resolver", None, "dns_failure", "yes", label="broken"),
    Fault("mute_resolver", None, "dns_failure", "yes", ("connect_timeout",), label="mute"),
    Fault("proxy_denies", f"{NET}.15", "forbidden_403", "yes", proxy=f"http://{NET}.30:3128"),
    Fault("proxy_login", f"{NET}.15", "proxy_error_407", "no", proxy=f"http://{NET}.31:3129"),
    Fault(
        "proxy_closed",
        f"{NET}.15",
        "connection_refused",
        "unclear",
        ("connect_timeout",),
        proxy=f"http://{NET}.32:3128",
    ),
)

ZONES = (
    "payments.example", "sms.example.com", "telemetry.example.net", "cdn.images.example", "ledger.example.org",
    "eu-west-1.storage.example", "hooks.chat.example", "login.partner.example", "maps.example.io", "search.acme-corp.example",
)  # fmt: skip


def host_of(fault: Fault, number: int) -> str:
    """A made-up name for the `number`th client; each fault leads all its names to its address."""
    return f"{fault.label}{'' if number % 3 else 'abcdefghi'[number % 9]}.{ZONES[(number * 7 + len(fault.name)) % len(ZONES)]}"


def all_names() -> dict[str, str]:
    """Host to address, for the hosts file. Names carry their fault's number, so that no two faults share one."""
    return {named(fault, number): fault.ip for fault in FAULTS for number in range(40) if fault.ip}


def named(fault: Fault, number: int) -> str:
    words = ("gw", "edge", "node", "svc", "app", "core", "in", "out")
    return f"{words[FAULTS.index(fault) % 8]}{FAULTS.index(fault) // 8 or ''}-{host_of(fault, number)}"


# What a client says of a fault that it can't see into: fault, words, the label that these words earn.
_TOLD: tuple[tuple[str, str, str], ...] = (
    ("silent_tls", r"(?i)handshake|ssl connection timeout", "tls_handshake"),
    ("silent_tls", r"(?i)connect", "connect_timeout"),
    ("silent_tls", r"(?i)timed? ?out", "read_timeout"),
    ("reset_tls|cut_tls", r"(?i)ssl|tls|handshake", "tls_handshake"),
    ("reset_tls|cut_tls", r"(?i)reset|closed|hang up", "connection_reset"),
    ("rejected|no_route|store_rejected", r"(?i)unreach|no route", "no_route"),
    ("rejected|no_route|store_rejected", r"(?i)timed? ?out|timeout", "connect_timeout"),
    ("rejected|no_route|store_rejected", r"(?i)connect", "connection_refused"),
    ("expired", r"(?i)expired|validity", "tls_expired"),
    ("wrong_name", r"(?i)mismatch|match|altname|not valid for", "tls_hostname_mismatch"),
    ("expired|wrong_name", r"(?i)certificate verif", "tls_certificate"),
    ("dropped", r"timeout of \d+ms exceeded|request timed out", "read_timeout"),
    ("slow|store_silent", r"(?i)read|bytes received|awaiting", "read_timeout"),
    ("store_silent", r"(?i)connect", "connect_timeout"),
)
_NAME_UNKNOWN = r"(?i)NXDOMAIN|not known|ENOTFOUND|EAI_NONAME|no such host|non-existent|\(-2\)"


def told(fault: Fault, text: str) -> tuple[str, list[str]]:
    """Symptom and accepted others: a fault in the words that its client has for it, whatever lies behind."""
    accepted = [fault.symptom, *fault.others]
    for names, words, symptom in _TOLD:
        if re.fullmatch(names, fault.name) and re.search(words, text):
            return symptom, [other for other in accepted if other != symptom]
    return fault.symptom, list(fault.others)


def block(fault: Fault, text: str, *, named: bool) -> str:
    """What an expert would say who sees the text alone."""
    if fault.symptom == "dns_failure":
        unknown = re.search(_NAME_UNKNOWN, text)
        return ("no" if unknown else "yes") if named else "unclear"
    if fault.name in ("nginx_502", "nginx_503") and not re.search(r"https://|nginx", text):
        return "unclear"
    if fault.name == "dropped" and told(fault, text)[0] == "read_timeout":
        return "unclear"
    if fault.name == "silent_tls":
        return "yes" if re.search(r"(?i)handshake|connect", text) else "unclear"
    if fault.name in ("reset_tls", "cut_tls"):
        return "yes" if named or re.search(r"(?i)ssl|tls|handshake", text) else "unclear"
    if fault.name == "store_silent":
        return "yes" if told(fault, text)[0] == "connect_timeout" else "unclear"
    if told(fault, text)[0] == "tls_certificate":
        return "unclear"
    if fault.name.startswith("sidecar"):
        return fault.block if re.search(r"(?i)envoy|RBAC", text) else "unclear"
    if fault.name == "proxy_denies":
        return "yes" if re.search(r"(?i)tunnel|proxy", text) else "unclear"
    if fault.name in ("rejected", "no_route"):
        return "yes" if named or (fault.ip or "") in text else "unclear"
    if fault.name == "closed" and not named:
        return "unclear"
    return fault.block
