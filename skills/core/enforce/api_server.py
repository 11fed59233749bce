"""What is to be known of a rule for addresses of the cluster's API server."""

from __future__ import annotations

from skills.core.enforce.peers import Peers
from skills.core.model import Destination, Finding, Ports, finding

# What installers give its Service by default: kubeadm, k3s, EKS (two), OpenShift, microk8s, kubespray, AKS.
_SERVICES = frozenset(
    ("10.96.0.1", "10.43.0.1", "10.100.0.1", "172.20.0.1", "172.30.0.1", "10.152.183.1", "10.233.0.1", "10.0.0.1")
)
_HTTPS = Ports(443, 443)


def api_server_remarks(destination: Destination, far: Peers) -> tuple[Finding, ...]:
    """Its Service's own address is no end of a flow, and its endpoints need not listen on the Service's port."""
    facts = {"destination": str(destination)}
    if far.api_server:
        return (finding("EGR1210", **facts),) if destination.addresses and destination.ports == _HTTPS else ()
    address = destination.network.partition("/")[0] if destination.network else ""
    if address in _SERVICES and destination.ports == _HTTPS and not far.pods and far.service is None:
        return (finding("EGR1209", **facts),)
    return ()
