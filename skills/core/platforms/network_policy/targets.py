"""What a rule must lead to: pods by their labels, addresses that are known, or one of the ways to open a host.

A NetworkPolicy can't name hosts. For an outside host the draft opens the given addresses, else the public
Internet on that port without private ranges, and asks which of the possible ways was meant.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from skills.core.enforce.kube_policy import Outside, Peer, Pods
from skills.core.enforce.peers import Peers
from skills.core.enforce.spans import EVERY_V4
from skills.core.model import Destination, Finding, Need, Question
from skills.core.platforms.network_policy.wish import block_peer, internet_peers, pods_peer
from skills.core.platforms.network_policy.workspace import Workspace

# The ways to open an outside host, each with the sentence of its cost. The last is written by another platform.
_WAYS = (("addresses", "EGR350"), ("public", "EGR351"), ("cilium", "EGR352"))


class Targets:
    """Peers for a need's destinations. `findings` and `questions` are those of the last destination."""

    def __init__(self, workspace: Workspace, need: Need, labels: Callable[[Pods], dict[str, str] | None]) -> None:
        self._workspace = workspace
        self._need = need
        self._labels_of = labels
        self.findings: list[Finding] = []
        self.questions: list[Question] = []

    def peers(self, destination: Destination, far: Peers) -> list[Peer]:
        """None at all where nothing can be opened yet; then a finding or a question says why."""
        self.findings, self.questions = [], []
        return self._pods(destination, far) if far.pods else self._outside(destination, far)

    def _say(self, code: str, **facts: str) -> None:
        self.findings.append(Finding(code, facts))

    def _pods(self, destination: Destination, far: Peers) -> list[Peer]:
        """One peer for all pods of a Service, else one for each kind of pods."""
        if any(pods.host_network for pods in far.pods):
            self._say("EGR964", name=far.pods[0].name)
            return []
        service = far.service
        if service is not None and service.selector:
            return [pods_peer(service.namespace, service.selector)]
        found: list[Peer] = []
        for pods in far.pods:
            labels = self._labels_of(pods)
            if labels is None:
                self.questions.append(Question("pods", "EGR956", {"destination": destination.name}))
            peer = pods_peer(pods.namespace, labels)
            if peer not in found:
                found.append(peer)
        return found

    def _outside(self, destination: Destination, far: Peers) -> list[Peer]:
        """The addresses where they are known; for a name without any, the Internet and a question."""
        if not any(there.named for there in far.outside):
            if destination.host:
                self._say("EGR936", host=destination.host)
            known = [destination.network] if destination.network else destination.addresses
            for text in known:
                if text.endswith("/0"):
                    self._say("EGR947", policy="The rule", cidr=text)
            return [block_peer(text) for text in known or map(_cidr, far.outside)]
        host = far.outside[0].name
        facts = {"host": host, "ports": str(destination.ports or "")}
        if far.outside[0].expected == EVERY_V4:
            # A private name: public addresses would not help, and which private ones, only the asker knows.
            asks = "EGR1211" if far.api_server else "EGR957"
            self.questions.append(Question(self._question(host), asks, facts))
            return []
        if self._need.choice == "addresses":
            self.questions.append(Question(self._question(host), "EGR357", facts))
            return []
        if self._need.choice != "public":
            offered = _WAYS if self._workspace.index.cilium else _WAYS[:2]
            choices, costs = zip(*offered, strict=True)
            self.questions.append(Question(self._question(host), "EGR917", facts, choices, costs))
        return internet_peers()

    def _question(self, host: str) -> str:
        return "addresses" if len(self._need.destinations) == 1 else f"addresses:{host}"


def _cidr(there: Outside) -> str:
    """The one address of an endpoint."""
    first = there.spans[0][0]
    return str(
        ipaddress.ip_network(ipaddress.IPv4Address(first) if there.version == 4 else ipaddress.IPv6Address(first))
    )
