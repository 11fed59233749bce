"""TLS that a proxy begins: the application speaks plain HTTP, and a DestinationRule has it encrypted on the way out.

Source: https://istio.io/latest/docs/tasks/traffic-management/egress/egress-tls-origination/ and
https://istio.io/latest/docs/ops/common-problems/network-issues/ (double TLS).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from skills.core.enforce.mesh_hosts import exported, within
from skills.core.model import Destination, Finding, Ports, finding
from skills.core.platforms.istio.entries import ServiceEntry, TlsRule
from skills.core.platforms.istio.scope import Scope
from skills.core.platforms.istio.served import Registration

_BEGINS = frozenset({"SIMPLE", "MUTUAL"})
_OF_MESH = "ISTIO_MUTUAL"
_TLS_PORT = 443


def originator(scope: Scope, namespace: str, host: str, port: int) -> TlsRule | None:
    """The DestinationRule that has TLS begun towards that port of the host for pods of the namespace."""
    rule, mode = _ruling(scope, namespace, host, port)
    return rule if mode in _BEGINS else None


def _ruling(scope: Scope, namespace: str, host: str, port: int) -> tuple[TlsRule | None, str]:
    """The DestinationRule that counts there, and the mode that it has for the port."""
    rules = [
        rule
        for rule in scope.tls_rules
        if within(host, rule.host) and exported(rule.export_to, rule.namespace, namespace)
    ]
    first = min(
        rules,
        key=lambda rule: (rule.namespace != namespace, rule.host != host, rule.namespace == scope.root),
        default=None,
    )
    return (first, dict(first.ports).get(port, first.mode)) if first is not None else (None, "")


def remarks(scope: Scope, namespace: str, found: Sequence[Registration], to: Destination) -> tuple[Finding, ...]:
    """What somebody must know of TLS who wants to use these registrations."""
    return tuple(_remarks(scope, namespace, found, to)) if to.host is not None else ()


def _remarks(scope: Scope, namespace: str, found: Sequence[Registration], to: Destination) -> Iterator[Finding]:
    for item in found[:1]:
        port = item.port
        ruling, mode = _ruling(scope, namespace, to.host or "", port.number)
        rule = ruling if mode in _BEGINS else None
        facts = {"host": to.name, "port": str(port.number), "wire": str(port.target or port.number)}
        if ruling is not None and mode == _OF_MESH and not item.entry.inside:
            yield finding("EGR999", ruling.place, port.place, rule=ruling.name, **facts)
        elif rule is not None and to.application == "tls":
            yield finding("EGR577", rule.place, port.place, rule=rule.name, **facts)
        elif rule is not None and port.family == "http":
            yield finding("EGR576", rule.place, rule=rule.name, **facts)
        elif rule is None and port.family == "http" and port.target == _TLS_PORT:
            yield finding("EGR579", port.place, **facts)


def on_the_wire(found: Sequence[Registration], to: Destination) -> Destination | None:
    """What the network sees where entries send the flow to another port than the asked one; None where they don't."""
    targets = {item.port.target or item.port.number for item in found}
    ports = to.ports
    if len(targets) != 1 or ports is None or ports.first != ports.last or targets == {ports.first}:
        return None
    (target,) = targets
    return replace(to, ports=Ports(target, target), application=None, written=f"{to.name}:{target}")


def originates(scope: Scope, entry: ServiceEntry, port: int) -> bool:
    """Whether some DestinationRule has TLS begun towards that port of the entry, so that plain HTTP is right there."""
    return any(
        originator(scope, rule.namespace, host, port) is not None
        for host, _ in entry.hosts
        for rule in scope.tls_rules
        if within(host, rule.host)
    )
