"""Fields that the API knows, and those in a manifest that it does not: the server drops or refuses them.

Source: the API reference of networking.k8s.io/v1, the schemas of cilium.io/v2, and Istio's reference of
ServiceEntry, Sidecar and AuthorizationPolicy, the CRD packages.uds.dev.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from skills.core.enforce.kube_objects import brief, templated, text_of
from skills.core.hosts import near
from skills.core.model import Finding, Place, finding
from skills.core.yaml_text import Map, Seq

Fields = Mapping[str, Any]
"""By name what stands below a field, lists passed over; None where nothing below is looked at."""

PlaceOf = Callable[[Map | Seq, Any], Place]

_SELECTOR: Fields = {"matchLabels": None, "matchExpressions": dict.fromkeys(("key", "operator", "values"))}
_PEER: Fields = {
    "ipBlock": dict.fromkeys(("cidr", "except")),
    "podSelector": _SELECTOR,
    "namespaceSelector": _SELECTOR,
}
_PORTS: Fields = dict.fromkeys(("port", "endPort", "protocol"))
NETWORK_POLICY: Fields = {
    "apiVersion": None,
    "kind": None,
    "metadata": None,
    "status": None,
    "spec": {
        "podSelector": _SELECTOR,
        "policyTypes": None,
        "egress": {"to": _PEER, "ports": _PORTS},
        "ingress": {"from": _PEER, "ports": _PORTS},
    },
}

_TO_PORTS: Fields = {
    "ports": _PORTS,
    "rules": {
        "http": dict.fromkeys(("path", "method", "host", "headers", "headerMatches")),
        "dns": dict.fromkeys(("matchName", "matchPattern")),
        "kafka": None,
        "l7proto": None,
        "l7": None,
    },
    **dict.fromkeys(("serverNames", "terminatingTLS", "originatingTLS", "listener")),
}
_CIDR_SET: Fields = {
    "cidr": None,
    "except": None,
    "cidrGroupRef": None,
    "cidrGroupSelector": _SELECTOR,
}
# What stands inside one rule of a Cilium policy; its own keys are checked where they are read.
CILIUM_RULE: Fields = {
    "toPorts": _TO_PORTS,
    "toFQDNs": dict.fromkeys(("matchName", "matchPattern")),
    "toEndpoints": _SELECTOR,
    "fromEndpoints": _SELECTOR,
    "toNodes": _SELECTOR,
    "fromNodes": _SELECTOR,
    "toCIDRSet": _CIDR_SET,
    "fromCIDRSet": _CIDR_SET,
    "toServices": {
        "k8sService": dict.fromkeys(("serviceName", "namespace")),
        "k8sServiceSelector": {"selector": _SELECTOR, "namespace": None},
    },
}


def _not(field: str) -> str:
    return f"not{field[0].upper()}{field[1:]}"


_PORT_OF_MESH = ("number", "protocol", "name", "targetPort")
_TARGET = ("kind", "group", "name", "namespace")
SERVICE_ENTRY: Fields = {
    **dict.fromkeys(("hosts", "addresses", "location", "resolution", "exportTo", "subjectAltNames")),
    **dict.fromkeys(("endpoints", "workloadSelector")),
    "ports": dict.fromkeys(_PORT_OF_MESH),
}

SIDECAR: Fields = {
    "workloadSelector": {"labels": None},
    "egress": {"port": dict.fromkeys(_PORT_OF_MESH), **dict.fromkeys(("hosts", "bind", "captureMode"))},
    "outboundTrafficPolicy": {"mode": None, "egressProxy": None},
    **dict.fromkeys(("ingress", "inboundConnectionPool")),
}
_SOURCES = ("principals", "requestPrincipals", "namespaces", "ipBlocks", "remoteIpBlocks", "serviceAccounts")
_OPERATIONS = ("hosts", "ports", "methods", "paths")
AUTHORIZATION_POLICY: Fields = {
    "selector": {"matchLabels": None},
    "targetRef": dict.fromkeys(_TARGET),
    "targetRefs": dict.fromkeys(_TARGET),
    "rules": {
        "from": {"source": dict.fromkeys((*_SOURCES, *map(_not, _SOURCES)))},
        "to": {"operation": dict.fromkeys((*_OPERATIONS, *map(_not, _OPERATIONS)))},
        "when": dict.fromkeys(("key", "values", "notValues")),
    },
    **dict.fromkeys(("action", "provider")),
}

_ALLOWED = (
    *("direction", "selector", "podLabels", "remoteNamespace", "remoteSelector", "remotePodLabels", "remoteGenerated"),
    *("remoteCidr", "remoteHost", "remoteProtocol", "remoteServiceAccount", "port", "ports", "serviceAccount"),
    *("labels", "description"),
)
_EXPOSED = (
    *("description", "protocol", "host", "gateway", "domain", "service", "port", "targetPort", "selector"),
    *("podLabels", "advancedHTTP", "match", "uptime", "annotations"),
)
UDS_PACKAGE: Fields = {
    "network": {
        "allow": dict.fromkeys(_ALLOWED),
        "expose": dict.fromkeys(_EXPOSED),
        "serviceMesh": {"mode": None},
    },
    **dict.fromkeys(("monitor", "sso", "caBundle")),
}

_MOST_SLIPS = 5
_OTHER_SIDE = {"from": "to", "to": "from"}


@dataclass(frozen=True, slots=True)
class Stranger:
    """A field that the API does not know, in `holder`, to which `way` leads; `meant` is what it may be a slip of."""

    way: tuple[str, ...]
    holder: Map
    key: str
    meant: str = ""

    def said(self, place: PlaceOf, where: str, meant: str = "") -> Finding:
        """A finding: `where` is what has no such field, `meant` stands where the name alone suggests nothing."""
        at, meant = place(self.holder, self.key), self.meant or meant
        facts = {"place": str(at), "key": brief(self.key), "where": where, **({"meant": meant} if meant else {})}
        return finding("EGR945" if meant else "EGR1203", at, **facts)


def strangers(data: Map, known: Fields, way: tuple[str, ...] = ()) -> Iterator[Stranger]:
    """Every unknown field, in the order of the text. A field that a template fills in is no stranger."""
    for key, value in data.items():
        name = key if key.__class__ is str and key in known else text_of(key)
        if name in known:
            below = known[name]
            if below is not None:
                for item in _maps(value):
                    yield from strangers(item, below, (*way, name))
        elif not templated(name):
            other = _OTHER_SIDE.get(name, "")
            meant = [other] if other in known else near(name, known)
            yield Stranger(way, data, name, meant[0] if meant and name else "")


def slips(data: Any, known: Fields, place: PlaceOf, above: str = "spec", *, meant: bool = True) -> Iterator[Finding]:
    """The first fields below `above` that are none and may be meant for others; or those that may be for none."""
    for found in islice(strangers(data, known), _MOST_SLIPS) if isinstance(data, Map) else ():
        if bool(found.meant) is meant:
            yield found.said(place, ".".join((above, *found.way)))


def not_a_choice(holder: Any, key: str, choices: Collection[str], place: PlaceOf) -> Iterator[Finding]:
    """What stands in a field that takes a few words only, in capitals, and is none of them as far as it is known."""
    text = text_of(holder.get(key)) if isinstance(holder, Map) else ""
    if not text or text in choices:
        return
    at = place(holder, key)
    if templated(text):
        yield finding("EGR1311", at, place=str(at), key=key)
    else:
        yield finding("EGR1310", at, place=str(at), value=brief(text), key=key, choices=", ".join(choices))


def _maps(value: Any) -> Iterator[Map]:
    if isinstance(value, Map):
        yield value
    elif isinstance(value, Seq):
        yield from (item for item in value if isinstance(item, Map))
