"""What a permission opens beyond the need for which it was drafted."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from skills.core.enforce.grant_words import is_everybody, sides, wider_ports, wider_scope
from skills.core.model import Destination, Finding, Grant, Need, Ports, finding

DNS_PEER = "pods k8s-app=kube-dns in namespace kube-system"


def wider(grant: Grant, need: Need) -> Sequence[Finding]:
    """What a newly given permission opens beyond the need; none if it is exactly the need."""
    own, peer, ingress = sides(grant)
    if peer == DNS_PEER and grant.ports == "53":
        return [finding("EGR874", scope=own)]
    asked = ", ".join(str(destination) for destination in need.destinations)
    found = wider_scope(grant, need)
    if _wider_peer(peer, need.destinations):
        found.append(finding("EGR903", target=peer, asked=need.workload.name if ingress else asked))
    if wider_ports(grant.ports, need.destinations) or _other_port(peer, grant, need.destinations):
        ports = grant.ports if grant.protocol != "any" else f"{grant.ports} (any protocol)"
        found.append(finding("EGR904", ports=ports, target=peer, asked=asked))
    return found


def _wider_peer(peer: str, destinations: Sequence[Destination]) -> bool:
    if any(peer.lower().removesuffix(".") == destination.host for destination in destinations):
        return False
    if is_everybody(peer) or peer.startswith("the entity ") or peer.endswith("every namespace") or "*" in peer:
        return True
    cidr = peer.partition(" except ")[0]
    if "/" not in cidr or " " in cidr:
        return " " not in peer
    block = ipaddress.ip_network(cidr)
    wanted = [text for d in destinations for text in ((d.network,) if d.network else d.addresses)]
    return all(ipaddress.ip_network(text, strict=False) != block for text in wanted)


def _other_port(peer: str, grant: Grant, destinations: Sequence[Destination]) -> bool:
    """A name that joins a list gets all ports of that rule. Ports of pods may differ from those that were asked."""
    mine = [d for d in destinations if d.host and d.host == peer.lower().removesuffix(".")]
    if not mine or not grant.ports.isdecimal():
        return False
    port = Ports(int(grant.ports), int(grant.ports))
    return not any(d.ports is None or (d.ports.meets(port) and grant.protocol == d.protocol) for d in mine)
