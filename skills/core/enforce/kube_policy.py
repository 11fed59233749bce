"""Kubernetes NetworkPolicies as values. Whoever generates such policies (UDS) builds the same values.

Source: https://kubernetes.io/docs/concepts/services-networking/network-policies and the API reference of
networking.k8s.io/v1. Policies only allow and are a union; there is no order and no deny.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from skills.core.enforce.kube_objects import NO_PORTS, PluginFacts
from skills.core.enforce.selectors import LabelSelector, Match, all_of, same, sure
from skills.core.enforce.spans import Span, Spans, network_span, without
from skills.core.model import Finding, Place, Ports

Direction = Literal["Egress", "Ingress"]

LAYER = "network_policy"
NAMESPACE_KEY = "kubernetes.io/metadata.name"


@dataclass(frozen=True, slots=True)
class IpBlock:
    """A CIDR and what is cut out of it. `spans` are the addresses that remain, as integers of `version` (4 or 6)."""

    cidr: str
    excepts: tuple[str, ...]
    version: int
    spans: Spans

    def __str__(self) -> str:
        return f"{self.cidr} except {', '.join(self.excepts)}" if self.excepts else self.cidr

    @property
    def whole(self) -> Span:
        return network_span(ipaddress.ip_network(self.cidr, strict=False))


def ip_block(cidr: str, excepts: Iterable[str] = ()) -> IpBlock:
    """Host bits are dropped, as the API server reads them. ValueError when an address is malformed."""
    return _ip_block(cidr, tuple(excepts))


@lru_cache(maxsize=8192)  # the same few blocks stand in most policies
def _ip_block(cidr: str, excepts: tuple[str, ...]) -> IpBlock:
    network = ipaddress.ip_network(cidr, strict=False)
    holes = [ipaddress.ip_network(item, strict=False) for item in excepts]
    cuts = [network_span(hole) for hole in holes if hole.version == network.version]
    return IpBlock(str(network), tuple(map(str, holes)), network.version, without([network_span(network)], cuts))


class Peer(NamedTuple):
    """One item of `to` or `from`: a block, or selectors (both given: AND), or something only the cluster knows.

    `namespaces` None is the policy's own namespace; `pods` None is every pod of the chosen namespaces.
    `unsure` marks addresses that the repository can't say (the API server, the nodes): they may match
    anything outside the pods, and the finding says what is missing.
    """

    place: Place
    block: IpBlock | None = None
    pods: LabelSelector | None = None
    namespaces: LabelSelector | None = None
    unsure: Finding | None = None

    @property
    def selects_pods(self) -> bool:
        return self.pods is not None or self.namespaces is not None


class PolicyPort(NamedTuple):
    """One item of `ports`. Neither `ports` nor `name` means every port of that protocol."""

    place: Place
    protocol: str = "tcp"
    ports: Ports | None = None
    name: str | None = None

    def __str__(self) -> str:
        return self.name or (str(self.ports) if self.ports else "every port")


class PolicyRule(NamedTuple):
    """One item of `egress` or `ingress`. No peers: everything. No ports: every port and protocol."""

    place: Place
    peers: tuple[Peer, ...] = ()
    ports: tuple[PolicyPort, ...] = ()


class NetworkPolicy(NamedTuple):
    """`namespace` and `selector` None mean that nobody can say them (a template fills them in).

    With `faults` the API server would reject the policy: its rules never count, and a workload that it
    selects is not known for certain.

    `directions` are the effective policyTypes; rules of a direction that is not in it are ignored.
    `variants` are other texts of the same namespace and name in other files: one of them is in force,
    and the repository does not say which.
    """

    name: str
    namespace: str | None
    place: Place
    selector: LabelSelector | None = LabelSelector()
    directions: frozenset[Direction] = frozenset()
    egress: tuple[PolicyRule, ...] = ()
    ingress: tuple[PolicyRule, ...] = ()
    faults: tuple[Finding, ...] = ()
    variants: tuple[NetworkPolicy, ...] = ()

    def rules(self, direction: Direction) -> tuple[PolicyRule, ...]:
        return self.egress if direction == "Egress" else self.ingress


class Pods(NamedTuple):
    """Pods at one end of a flow that share labels.

    `labels` None: nobody says. `partial`: the labels are true but there may be more (only a Service's
    selector is known). `ports` are pod ports; None when the repository does not say. `named_ports`
    maps a container port's name to protocol and number. `port_name` is the name by which a Service
    chooses the pod port, so that a rule with that name matches even where the number is unknown.
    `addresses` are pod addresses that an export states. `plugin`: a sign that Cilium runs them, which lets no
    ipBlock hold a pod. `declared`: a Namespace manifest says the labels of the namespace; else it may carry others.
    `asserted`: the asker named the labels, and there may be more. Without a `namespace` they could be any pods
    anywhere.
    """

    name: str
    namespace: str
    namespace_labels: Mapping[str, str]
    labels: Mapping[str, str] | None = None
    partial: bool = False
    ports: Ports | None = None
    named_ports: Mapping[str, tuple[str, int]] = NO_PORTS
    port_name: str | None = None
    host_network: bool = False
    addresses: tuple[str, ...] = ()
    place: Place | None = None
    plugin: PluginFacts | None = None
    declared: bool = False
    asserted: bool = False

    @property
    def as_said(self) -> Pods:
        """The same pods, if they carry no label that the asker did not name."""
        return self._replace(asserted=False) if self.asserted else self

    @property
    def as_may_be(self) -> Pods:
        """The same pods, if they may carry labels that the asker did not name."""
        return self._replace(asserted=False, partial=True) if self.asserted else self


@dataclass(frozen=True, slots=True)
class Outside:
    """A far end that is no pod: exact addresses (`spans` of `version`), or a name whose addresses nobody gave.

    For a name, `expected` are the addresses that it could plausibly have: the public Internet, or
    anything at all for a name that may be private. `ports` where a Service leads to others than those asked for.
    """

    name: str
    version: int = 4
    spans: Spans = ()
    expected: Spans = ()
    ports: Ports | None = None

    @property
    def named(self) -> bool:
        return not self.spans


def labels_match(selector: LabelSelector | None, pods: Pods) -> Match:
    """`selector.matches`, and unknown where only a part of the labels is known and the rest would decide.

    A label that a rule demands and the asker did not name counts as missing; that one is missing, though, is not said.
    """
    if selector is None:
        return Match.UNKNOWN
    if pods.asserted and pods.labels is not None:
        match = selector.matches(pods.labels)
        return min(match, Match.UNKNOWN) if absent_keys(selector, pods.labels) else match
    if pods.labels is None or not pods.partial or selector.empty:
        return selector.matches(pods.labels)
    known = pods.labels
    parts = [same(known[key], value) if key in known else Match.UNKNOWN for key, value in selector.labels.items()]
    parts += [
        requirement.matches(known) if requirement.key in known else Match.UNKNOWN
        for requirement in selector.requirements
    ]
    return all_of(parts)


def namespace_match(selector: LabelSelector, pods: Pods) -> Match:
    """Whether the namespace of these pods is meant.

    Where no file declares it, a label that is demanded counts as missing, as rules on labels that nobody sets mostly
    mean nothing; that a label is missing, though, nobody knows, so no rule that rests on it opens anything for sure.
    """
    if not pods.namespace and not selector.empty:
        return Match.UNKNOWN
    match = selector.matches(pods.namespace_labels)
    if not selector.requirements:
        return match
    return min(match, Match.UNKNOWN) if unsaid_labels(selector, pods) else match


def default_directions(spec: Mapping[str, Any]) -> frozenset[Direction]:
    """What a spec without policyTypes is about, as the API server has it: Egress only with egress rules."""
    return frozenset(("Ingress", "Egress")) if spec.get("egress") else frozenset(("Ingress",))


def unsaid_labels(selector: LabelSelector, pods: Pods) -> list[str]:
    """The labels that a namespace must not carry, and of which no file says whether this one does."""
    return [] if pods.declared else absent_keys(selector, pods.namespace_labels)


def absent_keys(selector: LabelSelector, labels: Mapping[str, str]) -> list[str]:
    """The labels that are not there and must not be."""
    absent = [item.key for item in selector.requirements if item.operator in {"NotIn", "DoesNotExist"}]
    return [key for key in absent if key not in labels]


def could_select(selector: LabelSelector | None, pods: Pods) -> bool:
    """Whether the pods are meant if they carry labels that the asker did not name."""
    return pods.asserted and labels_match(selector, pods.as_may_be) is not Match.NO


def unless_unsaid(match: Match, selector: LabelSelector | None, pods: Pods) -> Match:
    """`match`, and unknown in place of no where a label that the asker did not name could have the pods meant."""
    return Match.UNKNOWN if match is Match.NO and could_select(selector, pods) else match


def selects(policy: NetworkPolicy, pods: Pods) -> Match:
    """Whether the policy is about these pods (whatever its direction)."""
    here = Match.UNKNOWN if policy.namespace is None else sure(policy.namespace == pods.namespace)
    return min(here, labels_match(policy.selector, pods)) if here else Match.NO
