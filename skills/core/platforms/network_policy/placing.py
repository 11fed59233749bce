"""Where a new rule goes: into the rule that lacks only the port, into the workload's own policy, or a new policy."""

from __future__ import annotations

from collections.abc import Iterator

import re2

from skills.core.enforce.kube_policy import Pods, PolicyPort, PolicyRule
from skills.core.enforce.selectors import LabelSelector
from skills.core.model import Finding, Role, finding
from skills.core.platforms.network_policy.entries import PolicyEntry
from skills.core.platforms.network_policy.home import add_policy, home_for
from skills.core.platforms.network_policy.manifest import policy_data
from skills.core.platforms.network_policy.values import values_list
from skills.core.platforms.network_policy.wish import Wish, peer_key, policy_name, port_data, strays
from skills.core.platforms.network_policy.workspace import Workspace
from skills.core.yaml_text import CannotEdit

_TOKEN = re2.compile(r"[a-z0-9]+")
# Words in a policy's name that say nothing about what it is for.
_SMALL_WORDS = frozenset(
    {"access", "allow", "and", "default", "egress", "for", "from", "in", "ingress", "netpol", "network", "np"}
    | {"out", "outbound", "policies", "policy", "rule", "rules", "to", "traffic"}
)


class Placer:
    """Writes wishes into a workspace."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def place(self, wish: Wish, near: Pods, role: Role) -> list[Finding]:
        """Writes the wish at the best place that can be edited; what is worth saying about it."""
        for write in (self._into_rule, self._into_policy, self._into_values, self._as_document):
            try:
                if write(wish, near, role):
                    return self._remarks(wish, near)
            except CannotEdit:
                continue  # the next place is a wider change, and still a right one
        return [finding("EGR938", namespace=wish.namespace, workload=near.name)]

    def _remarks(self, wish: Wish, near: Pods) -> list[Finding]:
        selector = LabelSelector(wish.labels)
        if not strays(self._workspace.index.cluster, near, selector):
            return []
        return [finding("EGR902", scope=f"{wish.namespace} pods {selector}", workload=near.name)]

    def _own(self, wish: Wish, near: Pods) -> Iterator[PolicyEntry]:
        """Sound policies of exactly these pods, in the wanted direction."""
        for entry in self._workspace.index.entries_of(wish.namespace):
            sound = not entry.policy.faults and wish.direction in entry.policy.directions
            if sound and self._workspace.is_own(entry, near):
                yield entry

    def _into_rule(self, wish: Wish, near: Pods, role: Role) -> bool:
        """A rule for exactly these peers gets the port as well."""
        if not wish.ports:
            return False
        # "The Internet" stands for one host here, so it is the same destination only where the policy says so.
        exact = all(peer.block is None or not peer.block.excepts for peer in wish.peers)
        for entry in self._own(wish, near):
            for number, rule in enumerate(entry.policy.rules(wish.direction)):
                if rule.ports and _same_peers(rule, wish) and (exact or _is_for(entry.policy.name, wish)):
                    for port in _lacking(rule, wish):
                        data = port_data(port)
                        self._workspace.append_port(entry, wish.direction, number, data, wish.comment, role)
                        entry = self._again(entry)  # noqa: PLW2901 - the same policy in the text as it now stands
                    return True
        return False

    def _into_policy(self, wish: Wish, near: Pods, role: Role) -> bool:
        """The workload's own policy gets the rule, unless that policy's name says that it is for something else."""
        for entry in self._own(wish, near):
            if entry.policy.rules(wish.direction) and _is_for(entry.policy.name, wish):
                self._workspace.append_rule(entry, wish.direction, wish.rule(), wish.comment, role)
                return True
        return False

    def _into_values(self, wish: Wish, near: Pods, role: Role) -> bool:
        """A policy that a chart's template makes gets the rule through the list in its values."""
        for entry in self._own(wish, near):
            held = values_list(self._workspace, entry, wish.direction)
            if held is not None:
                self._workspace.append_value(*held, wish.rule(), wish.comment, role)
                return True
        return False

    def _as_document(self, wish: Wish, near: Pods, role: Role) -> bool:
        """A policy of its own, in the file that holds the namespace's policies."""
        home = home_for(self._workspace, wish.namespace, near)
        if home is None:
            return False
        name = policy_name(wish, {entry.policy.name for entry in self._workspace.index.entries_of(wish.namespace)})
        policy = policy_data(name, wish.namespace if home.named else None, wish.spec())
        add_policy(self._workspace, home, policy, wish.comment, role)
        return True

    def _again(self, entry: PolicyEntry) -> PolicyEntry:
        return next(e for e in self._workspace.index.entries if _identity(e) == _identity(entry))


def _identity(entry: PolicyEntry) -> tuple[str, int]:
    return entry.path, entry.line


def _same_peers(rule: PolicyRule, wish: Wish) -> bool:
    """Whether the rule leads exactly where the wish wants to go."""
    have = [peer_key(peer, wish.namespace) for peer in rule.peers]
    want = [peer_key(peer, wish.namespace) for peer in wish.peers]
    return bool(have) and all(key in want for key in have) and all(key in have for key in want)


def _lacking(rule: PolicyRule, wish: Wish) -> list[PolicyPort]:
    there = [(port.protocol, port.ports, port.name) for port in rule.ports]
    return [port for port in wish.ports if (port.protocol, port.ports, port.name) not in there]


def _is_for(name: str, wish: Wish) -> bool:
    """Whether a policy of this name may hold the wish: a name without a purpose of its own, or with the same one."""
    own = " ".join((wish.who, wish.namespace, *wish.labels.values(), *wish.labels))
    purpose = set(_TOKEN.findall(name.lower())) - _SMALL_WORDS - set(_TOKEN.findall(own.lower()))
    return purpose <= set(_TOKEN.findall(wish.what.lower()))
