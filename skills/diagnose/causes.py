"""What else shows this face: the causes that remain when the allowlist does not explain a report, best supported first.

Each cause is a finding whose `do` is the one command that would tell it from the others, with the real names filled in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from skills.core.all_symptoms import Judgement
from skills.core.model import LAYERS, Evidence, Finding, Origin, Place, Verdict, Workload

_NOT_LIVE, _RESTART, _SELECTOR, _OTHER_NAME, _ANALYZE = "EGR252", "EGR253", "EGR254", "EGR255", "EGR256"
_REMOTE_DOWN, _BEYOND, _REMOTE_SAYS, _CERTIFICATE = "EGR257", "EGR258", "EGR259", "EGR260"
_NAME, _MESH_POLICY, _PLAIN_TEXT = "EGR261", "EGR262", "EGR263"

# By symptom, the usual first. Sources: the symptom tables of each platform's own documentation.
_USUAL: Mapping[str, tuple[str, ...]] = {
    "connect_timeout": (_NOT_LIVE, _BEYOND, _REMOTE_DOWN),
    "read_timeout": (_REMOTE_DOWN, _NOT_LIVE, _BEYOND),
    "connection_refused": (_RESTART, _REMOTE_DOWN, _NOT_LIVE),
    "connection_reset": (_NOT_LIVE, _REMOTE_DOWN),
    "no_route": (_BEYOND, _REMOTE_DOWN),
    "dns_failure": (_NAME,),
    "tls_handshake": (_NOT_LIVE, _PLAIN_TEXT, _CERTIFICATE),
    "tls_certificate": (_CERTIFICATE,),
    "tls_hostname_mismatch": (_CERTIFICATE, _OTHER_NAME),
    "tls_expired": (_CERTIFICATE,),
    "bad_gateway_502": (_REMOTE_SAYS, _NOT_LIVE),
    "service_unavailable_503": (_REMOTE_SAYS, _REMOTE_DOWN, _BEYOND),
    "gateway_timeout_504": (_REMOTE_SAYS, _REMOTE_DOWN),
    "blackhole": (_NOT_LIVE, _OTHER_NAME),
    "forbidden_403": (_MESH_POLICY, _REMOTE_SAYS),
}
# Egress that does not work on UDS Core, as its operators look into it: names, selectors, `istioctl analyze`.
_UDS = (_OTHER_NAME, _SELECTOR, _ANALYZE)
_UDS_SYMPTOMS = frozenset(_USUAL) - {"dns_failure", "tls_certificate", "tls_expired", "gateway_timeout_504"}
_MOST_UDS = 2
_LIVE: Mapping[str, str] = {
    "istio": "kubectl -n {namespace} get serviceentry,authorizationpolicy -o yaml | grep -n {host}",
    "network_policy": "kubectl -n {namespace} get networkpolicy -o yaml",
    "cilium": "kubectl -n {namespace} get ciliumnetworkpolicy -o yaml",
    "uds": "kubectl -n {namespace} get package -o jsonpath='{{.items[*].status.phase}}'",
    "infrastream": "git log -1 --format=%cd -- {path}",
}


def elsewhere(judgement: Judgement, verdict: Verdict, live: bool) -> tuple[Finding, ...]:
    """Causes beside the allowlist. `live` says that a rule stands, so that it may only not be rolled out."""
    workload = verdict.workload
    if workload is None:
        return ()
    codes = list(_USUAL.get(judgement.symptom, ()))
    if workload.platform == "uds" and judgement.symptom in _UDS_SYMPTOMS:
        codes = [code for code in _UDS if code != _OTHER_NAME or _twin(verdict)][:_MOST_UDS] + codes
    supported = _supported(judgement)
    codes.sort(key=lambda code: code not in supported)
    facts = _facts(verdict, workload)
    found = []
    for code in dict.fromkeys(codes):
        if (code in (_NOT_LIVE, _RESTART) and not live) or not _fits(code, workload, facts):
            continue
        quotes = judgement.best.quotes[:1] if code in supported else ()
        found.append(Finding(code, facts, tuple(Evidence(quote=quote) for quote in quotes)))
    return tuple(found)


def _supported(judgement: Judgement) -> frozenset[str]:
    """The causes that the words of the report speak for, beyond the symptom itself."""
    symptom, origin = judgement.symptom, judgement.origin
    if symptom in ("tls_certificate", "tls_hostname_mismatch", "tls_expired"):
        return frozenset((_CERTIFICATE,))
    if symptom == "forbidden_403":
        return frozenset((_MESH_POLICY,)) if origin in ("sidecar", "egress gateway") else frozenset((_REMOTE_SAYS,))
    if symptom in ("bad_gateway_502", "service_unavailable_503", "gateway_timeout_504"):
        return frozenset((_REMOTE_SAYS,)) if origin == "remote" else frozenset((_NOT_LIVE, _REMOTE_DOWN))
    return frozenset()


def _fits(code: str, workload: Workload, facts: Mapping[str, Any]) -> bool:
    if code == _RESTART:
        return workload.kind == "cf"
    if code in (_SELECTOR, _ANALYZE, _MESH_POLICY):
        return workload.namespace is not None
    if code == _OTHER_NAME:
        return bool(facts["other"])
    return code != _NOT_LIVE or bool(facts["live"])


def _facts(verdict: Verdict, workload: Workload) -> dict[str, Any]:
    to = verdict.destination
    host = to.host or str(to.ip or to.name)
    rule = next((rule.place for layer in verdict.layers for rule in layer.rules), None)
    labels = ",".join(f"{name}={value}" for name, value in sorted((workload.labels or {}).items()))
    facts: dict[str, Any] = {
        "host": host,
        "port": str(to.ports or 443),
        "other": _twin(verdict),
        "namespace": workload.namespace or "",
        "app": workload.name.rpartition("/")[2],
        "selector": labels or f"app={workload.name.rpartition('/')[2]}",
        "account": workload.service_account or "default",
        "path": rule.path if rule else "",
    }
    known = rule is not None or workload.namespace is not None
    facts["live"] = _LIVE.get(workload.platform, "").format(**facts) if known else ""
    return facts


def _twin(verdict: Verdict) -> str:
    """`www.example.com` for `example.com` and the other way round; nothing for names further down."""
    host = verdict.destination.host or ""
    if host.startswith("www."):
        return host.removeprefix("www.")
    return f"www.{host}" if host.count(".") == 1 else ""


def since(verdict: Verdict, origin: Callable[[Place], Origin | None]) -> Origin | None:
    """The last change that an allowed verdict waited for: of each layer the oldest rule, of the layers the newest."""
    newest: Origin | None = None
    for layer in verdict.layers:
        known = [origin(rule.place) for rule in layer.rules if rule.effect == "allow"]
        dated = [each for each in known if each is not None]
        if len(dated) < len(known):
            return None
        oldest = min(dated, key=lambda each: datetime.fromisoformat(each.date), default=None)
        if oldest is not None and (newest is None or _later(oldest, newest)):
            newest = oldest
    return newest


def _later(one: Origin, other: Origin) -> bool:
    return datetime.fromisoformat(one.date) > datetime.fromisoformat(other.date)


def coverage(verdict: Verdict) -> Finding | None:
    """What was checked, what could not be, and what was not: by the layers that the repository speaks of."""
    if verdict.workload is None or not verdict.layers:
        return None
    decided = [layer.layer for layer in verdict.layers if layer.decision != "undecided"]
    open_ = [layer.layer for layer in verdict.layers if layer.decision == "undecided"]
    absent = [layer for layer in LAYERS if layer not in {*decided, *open_}]
    facts = {"checked": _named(decided), "undecided": _named(open_), "absent": _named(absent)}
    return Finding("EGR264", facts)


def _named(layers: list[str]) -> str:
    return ", ".join(_words(layers)) or "nothing"


def _words(layers: list[str]) -> Iterator[str]:
    return (layer.replace("_", " ") for layer in dict.fromkeys(layers))
