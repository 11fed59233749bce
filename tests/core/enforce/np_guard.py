"""A connection list in np-guard's words, made with our evaluation of every pair of workloads.

Conventions of that list: pods of one owner are one workload, host-network pods count as pods, an ipBlock
never means a pod, a workload is not compared with itself, and only IPv4 ranges are outside.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import pairwise
from pathlib import Path

from skills.core.enforce.kube_flow import Flow, isolates, openings
from skills.core.enforce.kube_policy import Direction, NetworkPolicy, Outside, Pods
from skills.core.enforce.selectors import Match
from skills.core.enforce.spans import EVERY_PORT, Span, Spans, covers, merged, network_span, without
from skills.core.model import Ports
from tests.core.kube import World, world_of

_PROTOCOLS = ("sctp", "tcp", "udp")
_MANIFESTS = {".yaml", ".yml", ".json"}


def load(folder: Path) -> World:
    files = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in _MANIFESTS]
    return world_of({str(path.relative_to(folder)): path.read_text() for path in files})


class Connections:
    """All connections of one folder of manifests."""

    def __init__(self, made: World) -> None:
        self._made = made

    @cached_property
    def workloads(self) -> dict[str, Pods]:
        found: dict[str, Pods] = {}
        for pods in self._made.cluster.pods.values():
            for pod in pods:
                kind, name = pod.owners[0] if pod.owners else (pod.kind, pod.name)
                labels = self._made.cluster.labels_of(pod.namespace)
                title = f"{pod.namespace}/{name}[{kind or pod.kind}]"
                declared = pod.namespace in self._made.cluster.declared
                end = Pods(title, pod.namespace, labels, pod.labels, named_ports=pod.named_ports, declared=declared)
                found.setdefault(title, end)
        return found

    def ranges(self, version: int = 4) -> list[Span]:
        """All addresses of one family, cut at every border that some policy draws."""
        borders = {0, 2**32 if version == 4 else 2**128}
        for policy in self._made.index.policies:
            for rule in (*policy.egress, *policy.ingress):
                blocks = [peer.block for peer in rule.peers if peer.block and peer.block.version == version]
                for block in blocks:
                    for first, last in (block.whole, *(network_span(ipaddress.ip_network(e)) for e in block.excepts)):
                        borders |= {first, last + 1}
        cuts = sorted(borders)
        return [(first, second - 1) for first, second in pairwise(cuts)]

    def lines(self) -> list[str]:
        found = []
        for source, sender in self.workloads.items():
            for target, receiver in self.workloads.items():
                if source != target:
                    found += _line(source, target, self.between(sender, receiver))
            for span in self.ranges():
                there = Outside("outside", 4, (span,))
                name = f"{ipaddress.ip_address(span[0])}-{ipaddress.ip_address(span[1])}[External]"
                found += _line(source, name, self.half("Egress", sender, there))
                found += _line(name, source, self.half("Ingress", sender, there))
        return found

    def between(self, sender: Pods, receiver: Pods) -> dict[str, Spans]:
        out, into = self.half("Egress", sender, receiver), self.half("Ingress", receiver, sender)
        return {protocol: without(out[protocol], without(out[protocol], into[protocol])) for protocol in _PROTOCOLS}

    def half(self, direction: Direction, near: Pods, far: Pods | Outside) -> dict[str, Spans]:
        policies = self._made.index.policies.about(near.namespace)
        return {protocol: _opened(policies, direction, near, far, protocol) for protocol in _PROTOCOLS}


def _opened(
    policies: Sequence[NetworkPolicy], direction: Direction, near: Pods, far: Pods | Outside, protocol: str
) -> Spans:
    if all(isolates(policy, direction, near) is Match.NO for policy in policies):
        return (EVERY_PORT,)
    flow = Flow(direction, near, far, protocol, Ports(*EVERY_PORT))
    found: list[Span] = []
    for opening in (opening for policy in policies for opening in openings(policy, flow) if not opening.by_block):
        assert opening.match is not Match.UNKNOWN, opening
        if isinstance(far, Pods) or covers(opening.region.addresses, far.spans):
            found += opening.region.ports
    return merged(found)


def _line(source: str, target: str, opened: dict[str, Spans]) -> list[str]:
    if all(spans == (EVERY_PORT,) for spans in opened.values()):
        return [f"{source} => {target} : All Connections"]
    words = [f"{protocol.upper()} {_ports(spans)}" for protocol, spans in opened.items() if spans]
    return [f"{source} => {target} : {','.join(words)}"] if words else []


def _ports(spans: Spans) -> str:
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in spans)


def canonical(lines: Iterable[str]) -> set[object]:
    """Lines with neighbouring external ranges joined, so that only what is said counts, not how it is cut."""
    found: set[object] = set()
    outside: dict[tuple[str, str, str], list[Span]] = {}
    for line in filter(str.strip, lines):
        ends, words = line.strip().split(" : ")
        source, target = ends.split(" => ")
        if "{ingress-controller}" in line:
            continue  # from Route and Ingress objects, which are no policies
        if source.endswith("[External]"):
            outside.setdefault(("into", target, words), []).append(_range(source))
        elif target.endswith("[External]"):
            outside.setdefault(("out of", source, words), []).append(_range(target))
        else:
            found.add(line.strip())
    return found | {(key, merged(spans)) for key, spans in outside.items()}


def _range(text: str) -> Span:
    first, last = text.removesuffix("[External]").split("-")
    return int(ipaddress.ip_address(first)), int(ipaddress.ip_address(last))
