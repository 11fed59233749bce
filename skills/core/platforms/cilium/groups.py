"""CIDR groups: lists of addresses that policies name, kept in documents of their own (CiliumCIDRGroup).

Source: docs.cilium.io, CiliumCIDRGroup; github.com/cilium/cilium pkg/k8s/apis/cilium.io/v2.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from skills.core.enforce.kube_objects import labels_of, mapping_of, sequence_of, templated, text_of
from skills.core.enforce.kube_policy import IpBlock, ip_block
from skills.core.enforce.selectors import Match
from skills.core.platforms.cilium.entries import CidrGroup, CiliumPolicy, Group, Peer, Rule, Side, Spec
from skills.core.yaml_text import Document

KIND = "CiliumCIDRGroup"
_MOST_CIDRS = 20_000


def read_group(document: Document) -> CidrGroup:
    metadata, spec = mapping_of(document.data.get("metadata")), mapping_of(document.data.get("spec"))
    cidrs = tuple(map(text_of, sequence_of(spec.get("externalCIDRs"))[:_MOST_CIDRS]))
    known = cidrs if all(map(_is_block, cidrs)) else None
    name = text_of(metadata.get("name"))
    return CidrGroup(name, labels_of(metadata.get("labels")), document.place_of("metadata", "name"), known)


def _is_block(text: str) -> bool:
    try:
        ip_block(text)
    except ValueError:
        return False
    return True


def with_groups(policy: CiliumPolicy, groups: Sequence[CidrGroup]) -> CiliumPolicy:
    """The policy with the addresses of the groups that the repository holds."""
    if not groups or not any(peer.group for spec in policy.specs for rule in _rules(spec) for peer in rule.peers):
        return policy
    return replace(policy, specs=tuple(_spec(spec, groups) for spec in policy.specs))


def _rules(spec: Spec) -> Iterable[Rule]:
    return (rule for side in (spec.egress, spec.ingress) for rule in (*side.allow, *side.deny))


def _spec(spec: Spec, groups: Sequence[CidrGroup]) -> Spec:
    return replace(spec, egress=_side(spec.egress, groups), ingress=_side(spec.ingress, groups))


def _side(side: Side, groups: Sequence[CidrGroup]) -> Side:
    def known(rules: Sequence[Rule]) -> tuple[Rule, ...]:
        return tuple(replace(rule, peers=tuple(_peer(peer, groups) for peer in rule.peers)) for rule in rules)

    return replace(side, allow=known(side.allow), deny=known(side.deny))


def _peer(peer: Peer, groups: Sequence[CidrGroup]) -> Peer:
    """Unsure stays what no file holds, or two files hold differently."""
    if peer.group is None:
        return peer
    meant = [group for group in groups if _means(peer.group, group)]
    names = [group.name for group in meant]
    cidrs = [cidr for group in meant for cidr in group.cidrs or ()]
    if not meant or len(set(names)) < len(names) or any(group.cidrs is None for group in meant):
        return peer
    blocks = tuple(_without(cidr, peer.group.excepts) for cidr in cidrs)
    return replace(peer, kind="block", unsure=None, members=blocks) if blocks else replace(peer, kind="block")


def _means(wanted: Group, group: CidrGroup) -> bool:
    if wanted.selector is None:
        return group.name == wanted.name
    return wanted.selector.matches(group.labels) is Match.YES


def _without(cidr: str, excepts: Sequence[str]) -> IpBlock:
    return ip_block(cidr, [hole for hole in excepts if _is_block(hole) and not templated(hole)])
