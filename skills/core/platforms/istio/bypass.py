"""Whether a pod's proxy is in the way at all: injection by labels and annotations, and traffic that it leaves alone."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from skills.core.enforce.kube_policy import NAMESPACE_KEY, Pods
from skills.core.enforce.selectors import Match
from skills.core.model import Destination, Finding, Place, Workload, finding
from skills.core.platforms.istio.entries import ALLOW_ANY, Bypass, PodMesh
from skills.core.platforms.istio.scope import Binding, Scope

_INJECT = "sidecar.istio.io/inject"
_MODE = "istio.io/dataplane-mode"


@dataclass(frozen=True, slots=True)
class Proxy:
    """`taken`: whether the flow goes through the proxy. `doubts` say why nobody can be sure."""

    taken: Match
    findings: tuple[Finding, ...] = ()
    doubts: tuple[Finding, ...] = ()

    @property
    def passed_by(self) -> bool:
        return self.taken is Match.NO


def is_meshed(pods: Pods) -> bool:
    """Whether something of the mesh stands before these pods for certain."""
    return has_sidecar(pods) is Match.YES or is_ambient(pods)


def is_ambient(pods: Pods) -> bool:
    labels = pods.labels or {}
    if labels.get(_MODE) == "none" or has_sidecar(pods) is Match.YES:
        return False
    return "ambient" in {labels.get(_MODE), pods.namespace_labels.get(_MODE)}


def lets_out(scope: Scope, pods: Pods, binding: Binding) -> bool:
    """Whether nothing here holds the pods back: ztunnel doesn't, and an unsaid mode only where entries hint at one."""
    unsaid = binding.mode is None and not scope.of_namespace.get(pods.namespace)
    return binding.mode == ALLOW_ANY or unsaid or is_ambient(pods)


def has_sidecar(pods: Pods, inject: bool | None = None) -> Match:
    """By the pods' own label, then the older annotation, then the namespace's labels.

    Where no file says anything it does, as at Party Bus; a namespace whose other labels stand here but none
    that injects leaves it open.
    """
    labels, home = pods.labels or {}, pods.namespace_labels
    if home.get("istio-injection") == "disabled" or labels.get(_INJECT) == "false":
        return Match.NO
    if labels.get(_INJECT) == "true" or "istio.io/rev" in labels:
        return Match.YES
    if inject is not None:
        return Match.YES if inject else Match.NO
    if home.get("istio-injection") == "enabled" or "istio.io/rev" in home:
        return Match.YES
    said = {key for key in home if key != NAMESPACE_KEY}
    return Match.UNKNOWN if said or _MODE in labels else Match.YES


def proxy_of(scope: Scope, pods: Pods, workload: Workload, destination: Destination, named_at: Place | None) -> Proxy:
    """What stands between the pods and the destination."""
    notes = [item for item in scope.pods if _is_about(item, workload, pods)]
    inject = next((item.inject for item in notes if item.inject is not None), None)
    sidecar = has_sidecar(pods, inject)
    if sidecar is Match.NO and not is_ambient(pods):
        return Proxy(Match.NO)
    doubts: tuple[Finding, ...] = ()
    if sidecar is Match.UNKNOWN and not is_ambient(pods):
        doubts = (finding("EGR529", *([named_at] if named_at else []), namespace=pods.namespace),)
    if is_ambient(pods):
        return Proxy(Match.YES)
    for bypass in (*(item.bypass for item in notes if item.bypass), *scope.bypasses):
        passed = _passes(bypass, destination)
        facts = {"destination": str(destination), "workload": pods.name}
        if passed is Match.YES:
            return Proxy(Match.NO, (finding("EGR528", bypass.place, **facts),))
        if passed is Match.UNKNOWN:
            doubts = (*doubts, finding("EGR527", bypass.place, **facts))
    return Proxy(Match.UNKNOWN if doubts else Match.YES, (), doubts)


def _is_about(item: PodMesh, workload: Workload, pods: Pods) -> bool:
    if item.place == workload.place:
        return True
    name = workload.name.partition("/")[2]
    return bool(name) and item.name == name and item.namespace in {pods.namespace, "default"}


def _passes(bypass: Bypass, to: Destination) -> Match:
    """Whether the proxy leaves the flow alone: by its port, or by its address as far as that is known."""
    if bypass.templated:
        return Match.UNKNOWN
    ports = to.ports
    numbers = () if ports is None else range(ports.first, min(ports.last, ports.first + 64) + 1)
    if numbers and all(number in bypass.exclude_ports for number in numbers):
        return Match.YES
    if numbers and all(number in (bypass.include_ports or ()) for number in numbers):
        return Match.NO  # these ports are taken whatever the address
    given = [to.network] if to.network else list(to.addresses)
    if not given:
        # A name is taken to be on the Internet, which private ranges do not hold.
        public = any(range_.is_global or not range_.is_private for range_ in _networks(bypass.exclude_ranges))
        return Match.UNKNOWN if public or bypass.include_ranges is not None else Match.NO
    left = [_left_alone(bypass, text) for text in given]
    if all(match is Match.YES for match in left):
        return Match.YES
    return Match.NO if all(match is Match.NO for match in left) else Match.UNKNOWN


def _left_alone(bypass: Bypass, text: str) -> Match:
    wanted = ipaddress.ip_network(text, strict=False)
    if any(_covers(range_, wanted) for range_ in _networks(bypass.exclude_ranges)):
        return Match.YES
    if any(_meets(range_, wanted) for range_ in _networks(bypass.exclude_ranges)):
        return Match.UNKNOWN
    if bypass.include_ranges is None:
        return Match.NO
    only = _networks(bypass.include_ranges)
    if any(_covers(range_, wanted) for range_ in only):
        return Match.NO
    return Match.UNKNOWN if any(_meets(range_, wanted) for range_ in only) else Match.YES


_Net = ipaddress.IPv4Network | ipaddress.IPv6Network


def _networks(texts: Iterable[str]) -> Sequence[_Net]:
    found: list[_Net] = []
    for text in texts:
        try:
            found.append(ipaddress.ip_network("0.0.0.0/0" if text == "*" else text, strict=False))
        except ValueError:
            continue
    return found


def _covers(outer: _Net, inner: _Net) -> bool:
    if isinstance(outer, ipaddress.IPv4Network):
        return isinstance(inner, ipaddress.IPv4Network) and inner.subnet_of(outer)
    return isinstance(inner, ipaddress.IPv6Network) and inner.subnet_of(outer)


def _meets(one: _Net, other: _Net) -> bool:
    return one.version == other.version and one.overlaps(other)
