"""One flow against the rules: what each peer and port opens (or denies) of it, three-valued.

CIDRs never match pods or nodes, because Cilium decides by identity; names match only what the DNS proxy has seen.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from skills.core.enforce.cluster import Cluster
from skills.core.enforce.kube_flow import Flow, Opening
from skills.core.enforce.kube_policy import IpBlock, Outside, Pods, labels_match
from skills.core.enforce.selectors import LabelSelector, Match, sure
from skills.core.enforce.spans import EVERY_PORT, PRIVATE_V4, Region, Spans, covers, meets
from skills.core.model import Finding, Place, finding
from skills.core.platforms.cilium.endpoints import Endpoint
from skills.core.platforms.cilium.entries import NEVER_AUTH, CiliumPolicy, Peer, Port, PortRule, Rule, Spec

_ALL_PORTS: Spans = (EVERY_PORT,)
_NODES = frozenset({"host", "remote-node"})
_NO_PODS = frozenset({"CIDRSet", "CIDR", "Nodes", "Groups"})  # addresses and nodes: pods are known by their labels
_INSIDE = frozenset({"cluster", "kube-apiserver", *_NODES})
_LINK_LOCAL = int(ipaddress.IPv4Address("169.254.0.0")), int(ipaddress.IPv4Address("169.254.255.255"))
_PRIVATE_V6 = int(ipaddress.IPv6Network("fc00::/7").network_address), int(ipaddress.IPv6Network("fc00::/7")[-1])


@dataclass(frozen=True, slots=True)
class Asked:
    """A flow with what only Cilium looks at.

    `host` is the name that the sender asks for, "" for an address, `plain_http` that it speaks no TLS, `tls` that it
    does. `learned` says whether the DNS proxy gets to see the name, with `learned_why` where that is not known.
    `service` is the Service that it means.
    """

    flow: Flow
    near: Endpoint
    cluster: Cluster
    far: Endpoint | None = None
    host: str = ""
    service: tuple[str, str] | None = None
    api_server: bool = False
    learned: Match = Match.NO
    learned_why: Finding | None = None
    plain_http: bool = False
    tls: bool = False


def selection(policy: CiliumPolicy, spec: Spec, near: Endpoint) -> Match:
    """Whether the spec is about these pods; never sure where nobody knows if the policy is in force."""
    if spec.nodes:
        return Match.NO
    match = spec.selector.matches(near, policy.namespace)
    return match if policy.doubt is None else min(match, Match.UNKNOWN)


def openings(policy: CiliumPolicy, rule: Rule, asked: Asked) -> list[Opening]:
    """What the rule, as it stands, opens of the flow: one opening for each peer and port that may match."""
    ports = list(_ports(rule, asked))
    if not ports or rule.auth == NEVER_AUTH:
        return []
    found = []
    for match, addresses, place, why in _peers(policy, rule, asked):
        for port_match, spans, port_why in ports:
            region = Region(spans, addresses)
            found.append(Opening(min(match, port_match), region, place, why=why or port_why))
    return found


_PeerOpening = tuple[Match, Spans, Place, Finding | None]


def _peers(policy: CiliumPolicy, rule: Rule, asked: Asked) -> Iterator[_PeerOpening]:
    wanted = asked.flow.wanted.addresses
    if rule.anyone:
        yield Match.YES, wanted, rule.place, None
        return
    nodes = {peer.text for peer in rule.peers if peer.kind == "entity"} >= _NODES
    for peer in rule.peers:
        if peer.blocks:
            for block in peer.blocks:
                yield from _block(peer, block, asked)
            continue
        match = peer_match(policy, peer, asked)
        if nodes and match is Match.UNKNOWN and peer.text in _NODES and isinstance(asked.flow.far, Pods):
            match = Match.YES  # both kinds of nodes are open, so it is no matter on which one the pods run
        if match is not Match.NO:
            yield match, wanted, peer.place, _doubt(policy, peer, asked) if match is Match.UNKNOWN else None


def peer_match(policy: CiliumPolicy, peer: Peer, asked: Asked) -> Match:
    """Whether the peer holds the far end; for blocks see `_block`."""
    far = asked.flow.far
    if peer.kind == "unsure":
        return Match.NO if peer.family in _NO_PODS and isinstance(far, Pods) and not far.host_network else Match.UNKNOWN
    if peer.kind == "entity":
        return _entity(peer.text, asked)
    if peer.kind == "service":
        return _service(policy, peer, asked)
    if peer.kind == "name":
        if peer.name is None or not asked.host or asked.api_server or isinstance(far, Pods):
            return Match.NO
        return min(peer.name.matches(asked.host), asked.learned)
    if peer.selector is None or asked.far is None:
        return Match.NO
    return peer.selector.matches(asked.far, policy.namespace)


def _entity(name: str, asked: Asked) -> Match:
    far = asked.flow.far
    if name == "all":
        return Match.YES
    if isinstance(far, Pods):
        if name == "cluster":
            return Match.YES
        return Match.UNKNOWN if far.host_network and name in _INSIDE else Match.NO
    if asked.api_server:
        if name in {"cluster", "kube-apiserver"}:
            return Match.YES
        return Match.UNKNOWN if name in _NODES or name.startswith("world") else Match.NO
    if name.startswith("world"):
        return sure(name in {"world", f"world-ipv{far.version}"})
    return Match.UNKNOWN if name in _INSIDE and private(far) else Match.NO


def private(far: Outside) -> bool:
    """Whether these exact addresses could be those of pods or nodes."""
    return meets(far.spans, PRIVATE_V4 if far.version == 4 else (_PRIVATE_V6,))


def _service(policy: CiliumPolicy, peer: Peer, asked: Asked) -> Match:
    namespace, name = peer.service or ("", "")
    key = (namespace or policy.namespace or "", name)
    far = asked.flow.far
    if asked.service == key or (isinstance(far, Pods) and far.name == "/".join(key)):
        return Match.YES
    known = asked.cluster.services.get(key)
    if known is None or not known.selector or not isinstance(far, Pods) or far.namespace != key[0]:
        return Match.NO
    return labels_match(LabelSelector(known.selector), far)


def _block(peer: Peer, block: IpBlock, asked: Asked) -> Iterator[_PeerOpening]:
    """A name without addresses is held for sure only by a block of everything that it could be."""
    far = asked.flow.far
    if isinstance(far, Pods) or not block.spans:
        return
    wanted = asked.flow.wanted.addresses
    if asked.api_server and block.version == 4 and covers((_LINK_LOCAL,), block.spans):
        return  # Kubernetes refuses such endpoints: pkg/apis/core/validation/validation.go, ValidateEndpointIP
    if asked.api_server:
        yield Match.UNKNOWN, wanted, peer.place, finding("EGR861", peer.place, peer=peer.text)
        return
    if block.version == far.version:
        yield Match.YES, block.spans, peer.place, None
    if far.named and not (block.version == far.version and covers(block.spans, far.expected)):
        yield Match.UNKNOWN, wanted, peer.place, finding("EGR906", peer.place, host=far.name, block=peer.text)


def _doubt(policy: CiliumPolicy, peer: Peer, asked: Asked) -> Finding:
    if peer.unsure is not None:
        return peer.unsure
    if peer.kind == "name":
        return asked.learned_why or finding("EGR859", peer.place, policy=policy.name, value=peer.text[:60])
    if peer.kind == "entity":
        return finding("EGR861", peer.place, peer=peer.text)
    return finding("EGR907", peer.place, destination=asked.flow.far.name, peer=peer_words(peer, policy.namespace))


_PortOpening = tuple[Match, Spans, Finding | None]


def _ports(rule: Rule, asked: Asked) -> Iterator[_PortOpening]:
    if rule.to_ports is None:
        if not rule.only_icmp:
            yield Match.YES, _ALL_PORTS, None
        return
    for port_rule in rule.to_ports:
        named = server_name_match(port_rule, asked)
        if named is Match.NO:
            continue
        why = finding("EGR859", port_rule.place, policy="serverNames", value="the TLS name") if named < 2 else None
        if port_rule.http and asked.tls and not port_rule.opens_tls:
            # Envoy's parser gets the bytes of the handshake and gives up: docs.cilium.io, TLS visibility.
            named = Match.UNKNOWN
            why = finding("EGR226", port_rule.place, kind=port_rule.http, destination=asked.host or asked.flow.far.name)
        for port in port_rule.ports:
            if port.speaks(asked.flow.protocol):
                match, spans, port_why = _port(port, asked.flow)
                if match is not Match.NO:
                    yield min(match, named), spans, port_why or why


def server_name_match(rule: PortRule, asked: Asked) -> Match:
    """`serverNames` let pass only TLS that names one of these hosts."""
    if not rule.server_names:
        return Match.YES
    if asked.plain_http:
        return Match.NO
    return max(name.matches(asked.host) for name in rule.server_names) if asked.host else Match.UNKNOWN


def _port(port: Port, flow: Flow) -> _PortOpening:
    receiver = flow.receiver
    doubt = finding("EGR912", port.place, destination=receiver.name if receiver else flow.far.name, port=str(port))
    if port.unsure:
        return Match.UNKNOWN, _ALL_PORTS, doubt
    if port.ports is None and port.name is None:
        return Match.YES, _ALL_PORTS, None
    if port.ports is not None:
        if flow.ports is None:
            return Match.UNKNOWN, _ALL_PORTS, doubt
        return Match.YES, ((port.ports.first, port.ports.last),), None
    if receiver is None:
        return Match.NO, (), None  # a name means a container's port, and outside the cluster there is none
    if receiver.port_name == port.name:
        return Match.YES, _ALL_PORTS, None
    named = receiver.named_ports.get(port.name or "")
    if named is None:
        unsaid = receiver.labels is None or receiver.partial
        return (Match.UNKNOWN, _ALL_PORTS, doubt) if unsaid else (Match.NO, (), None)
    if not port.speaks(named[0]):
        return Match.NO, (), None
    return Match.UNKNOWN if flow.ports is None else Match.YES, ((named[1], named[1]),), doubt


def peer_words(peer: Peer, namespace: str | None) -> str:
    """A peer as people say it: `pods app=web in namespace shop`."""
    if peer.kind == "entity":
        return f"the entity {peer.text}"
    if peer.selector is None:
        return peer.text
    selector = peer.selector
    plain = [str(term) for term in selector.terms if term.requirement.key != "io.kubernetes.pod.namespace"]
    pods = f"pods {', '.join(plain)}" if plain else "all pods"
    if selector.own_namespace:
        return f"{pods} in namespace {namespace or '?'}"
    if len(selector.namespaces) == 1:
        return f"{pods} in namespace {selector.namespaces[0]}"
    rest = [str(term) for term in selector.terms if term.requirement.key == "io.kubernetes.pod.namespace"]
    return f"{pods} in namespaces with {rest[0]}" if rest else f"{pods} in every namespace"


def port_words(rules: Sequence[PortRule] | None) -> list[tuple[str, str]]:
    """Ports and protocols as people say them."""
    if rules is None:
        return [("every port", "any")]
    return [(str(port), port.protocol) for rule in rules for port in rule.ports]
