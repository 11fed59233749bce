"""The rule that lets pods resolve names, towards the resolvers that this repository's cluster shows to have."""

from __future__ import annotations

from collections.abc import Mapping

from skills.core.enforce.kube_policy import Peer, PolicyPort, ip_block
from skills.core.model import Place, Ports
from skills.core.platforms.network_policy.index import Index
from skills.core.platforms.network_policy.wish import Wish, pods_peer

_NOWHERE = Place("")
# Source: https://kubernetes.io/docs/tasks/administer-cluster/nodelocaldns/ (a cache on each node, on the host network)
_NODE_LOCAL = "169.254.20.10/32"
_OPENSHIFT, _OPENSHIFT_PORT = "openshift-dns", 5353
_RESOLVER, _PORT = "kube-system", 53


def dns_wish(index: Index, namespace: str, labels: Mapping[str, str], who: str, comment: str) -> Wish:
    """UDP and TCP, because long answers come over TCP. OpenShift's resolver listens on a port of its own."""
    openshift = _OPENSHIFT in index.cluster.namespaces
    peers = [pods_peer(_OPENSHIFT if openshift else _RESOLVER, None)]
    if _has_node_local_cache(index):
        peers.append(Peer(_NOWHERE, block=ip_block(_NODE_LOCAL)))
    numbers = (_PORT, _OPENSHIFT_PORT) if openshift else (_PORT,)
    ports = tuple(PolicyPort(_NOWHERE, kind, Ports(n, n)) for n in numbers for kind in ("udp", "tcp"))
    return Wish("Egress", namespace, labels, tuple(peers), ports, who, "dns", comment)


def _has_node_local_cache(index: Index) -> bool:
    """Whether a policy of this repository opens the node-local cache, so that there is one."""
    rules = (rule for policy in index.policies for rule in policy.egress)
    return any(peer.block is not None and peer.block.cidr == _NODE_LOCAL for rule in rules for peer in rule.peers)
