"""The names that bb-common gives to policies, so that an answer names what `kubectl get netpol` shows.

Source: bb-common chart/templates/network-policies/ and its unit tests.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import re2

from skills.core.enforce.kube_index import content
from skills.core.enforce.kube_policy import NetworkPolicy
from skills.core.platforms.istio.bb_leaves import CIDR, K8S, K8S_IN, LOCAL_IN

_NOT_NAME = re2.compile(r"[^a-z0-9]+")
DEFAULTS = {
    ("out", "denyAll"): "default-egress-deny-all",
    ("out", "allowInNamespace"): "default-egress-allow-all-in-ns",
    ("out", "allowKubeDns"): "default-egress-allow-kube-dns",
    ("out", "allowIstiod"): "default-egress-allow-istiod",
    ("in", "denyAll"): "default-ingress-deny-all",
    ("in", "allowInNamespace"): "default-ingress-allow-all-in-ns",
    ("in", "allowPrometheusToIstioSidecar"): "default-ingress-allow-prometheus-to-istio-sidecar",
    ("in", "allowAmbientKubelet"): "default-ingress-allow-ambient-kubelet",
}


def name_of(side: str, key: str, kind: str, remote: str) -> str:
    """The name of the policy that one remote key makes."""
    local = LOCAL_IN.match(key) if side == "in" else None
    pods = local.group(3) if local else key
    pods = "any-pod" if pods == "*" else pods
    far = _far(side, kind, remote)
    if side == "out":
        return f"allow-egress-from-{pods}-to-{far}"
    if kind in {"k8s", "cidr"}:
        ports = _ports(key, local.group(2) if local else None)
        return f"allow-ingress-to-{pods}-{ports}-from-{far}"
    port = key.partition(":")[2]
    return f"allow-ingress-to-{pods}{f'-port-{_plain(port)}' if port and kind == 'definition' else ''}-from-{far}"


def _far(side: str, kind: str, remote: str) -> str:
    if kind == "cidr":
        match = CIDR.match(remote)
        block = match.group(3) if match else remote
        named = "anywhere" if block == "0.0.0.0/0" else f"cidr-{_plain(block)}"
        return f"{named}-{_ports(remote, match.group(2) if match else None)}" if side == "out" else named
    match = (K8S if side == "out" else K8S_IN).match(remote) if kind == "k8s" else None
    if match is None:
        return _plain(remote)
    space, pod = (match.group(3), match.group(5)) if side == "out" else (match.group(2), match.group(4))
    named = f"{'any-ns' if space == '*' else f'ns-{space}'}-{'any-pod' if (pod or '*') == '*' else f'pod-{pod}'}"
    return f"{named}-{_ports(remote, match.group(2))}" if side == "out" else named


def _ports(key: str, protocol: str | None) -> str:
    written = key.removeprefix(f"{protocol}://").partition(":")[2].strip("[]")
    if not written:
        return "any-port"
    many = "," in written or "-" in written
    return f"{protocol or 'tcp'}-port{'s' if many else ''}-{_plain(written.replace('-', '-thru-'))}"


def _plain(text: str) -> str:
    return str(_NOT_NAME.sub("-", text.lower())).strip("-")


def distinct(policies: Iterable[NetworkPolicy]) -> Iterator[NetworkPolicy]:
    """Twins of one name and content are one; those that differ are numbered."""
    groups: dict[str, list[NetworkPolicy]] = {}
    for policy in policies:
        group = groups.setdefault(policy.name, [])
        if all(content(policy) != content(other) for other in group):
            group.append(policy)
    for name, group in groups.items():
        for at, policy in enumerate(group):
            yield policy if len(group) == 1 else policy._replace(name=f"{name}-deduped-{at}")
