"""Where a new rule goes: a rule that lacks only this peer, the workload's own policy, or a policy of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from skills.core.enforce.kube_policy import Pods
from skills.core.enforce.policy_files import JSON, POLICIES, YAML, file_for, indents_lists
from skills.core.enforce.selectors import Match
from skills.core.messages import say
from skills.core.model import Finding, Role, finding
from skills.core.platforms.cilium.endpoints import endpoint
from skills.core.platforms.cilium.entries import NAMESPACED, CiliumPolicy, Peer, Rule, Spec
from skills.core.platforms.cilium.manifest import policy_data, policy_name, policy_text
from skills.core.platforms.cilium.match import selection
from skills.core.platforms.cilium.names import DnsRule, lookups
from skills.core.platforms.cilium.wish import (
    Wish,
    dns_rule,
    port_of,
    same_ports,
    same_protocols,
)
from skills.core.platforms.cilium.workspace import Workspace
from skills.core.yaml_text import CannotEdit

_MOST_PORTS = 40


class Placer:
    """Writes wishes into a workspace."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def place(self, wish: Wish, near: Pods, role: Role, host: str = "") -> list[Finding]:
        """Writes the wish at the best place that can be edited, with the DNS rule that a `host` needs."""
        if host and self._named(wish, near, host) is not None:
            return self._dns(wish, near, host)
        for write in (self._into_rule, self._into_ports, self._into_policy, self._as_document):
            try:
                if write(wish, near, role):
                    return self._dns(wish, near, host) if host else []
            except CannotEdit:
                continue  # the next place is a wider change, and still a right one
        return [finding("EGR938", namespace=wish.namespace, workload=near.name)]

    def own(self, wish: Wish, near: Pods) -> Iterator[tuple[CiliumPolicy, Spec]]:
        """Sound specs of exactly these pods that hold the wanted direction."""
        end = endpoint(self._workspace.index.cluster, near)
        for policy in self._workspace.index.of(wish.namespace):
            for spec in policy.specs:
                selected = spec.side(wish.direction).allow and selection(policy, spec, end) is Match.YES
                if selected and self._workspace.is_own(policy, spec, near):
                    yield policy, spec

    def _named(self, wish: Wish, near: Pods, host: str) -> tuple[CiliumPolicy, Spec] | None:
        """The spec that names the host on these ports already, so that only the lookups can be missing."""
        for policy, spec in self.own(wish, near):
            for rule in spec.egress.allow:
                fits = not rule.to_ports or same_ports(rule.to_ports, wish.ports, exactly=False)
                if rule.to_ports != () and fits and any(_is_named(peer, host) for peer in rule.peers):
                    return policy, spec
        return None

    def _into_rule(self, wish: Wish, near: Pods, role: Role) -> bool:
        """A rule of the same kind on the same ports gets the peer as well; one for exactly these ports first."""
        for exactly in (True, False):
            for policy, spec in self.own(wish, near):
                for rule in spec.side(wish.direction).allow:
                    if rule.family == wish.family and not rule.auth and self._takes(rule, wish, exactly=exactly):
                        self._workspace.append(policy, (*rule.path, rule.family), wish.item, wish.comment, role)
                        return True
        return False

    def _takes(self, rule: Rule, wish: Wish, *, exactly: bool) -> bool:
        """A list of names may have more ports, and the proof says so; a list of addresses or of pods may not."""
        if exactly:
            plain = same_protocols(rule.to_ports, wish.ports)
            return plain and same_ports(rule.to_ports, wish.ports, exactly=True)
        return wish.family == "toFQDNs" and same_ports(rule.to_ports, wish.ports, exactly=False)

    def _into_ports(self, wish: Wish, near: Pods, role: Role) -> bool:
        """A rule for nothing but this peer gets the port as well."""
        for policy, spec in self.own(wish, near):
            for rule in spec.side(wish.direction).allow:
                listed = rule.to_ports or ()
                plain = len(listed) == 1 and same_ports(listed, [port_of(p) for p in listed[0].ports], exactly=True)
                room = plain and not rule.auth and len(listed[0].ports) + len(wish.ports) <= _MOST_PORTS
                if room and rule.family == wish.family and [_written(peer) for peer in rule.peers] == [wish.item]:
                    for port in wish.ports:
                        path = (*rule.path, "toPorts", 0, "ports")
                        self._workspace.append(policy, path, port, wish.comment, role)
                        policy = self._workspace.again(policy)  # noqa: PLW2901 - in the text as it now stands
                    return bool(wish.ports)
        return False

    def _into_policy(self, wish: Wish, near: Pods, role: Role) -> bool:
        for policy, spec in self.own(wish, near):
            self._workspace.append(policy, (*spec.path, wish.section), wish.rule(), wish.comment, role)
            return True
        return False

    def _as_document(self, wish: Wish, near: Pods, role: Role) -> bool:
        """A policy of its own, in the file that holds the namespace's policies, or beside them where they are JSON."""
        workspace, index = self._workspace, self._workspace.index
        standing = [p for p in index.of(wish.namespace) if p.kind == NAMESPACED and workspace.holds(p)]
        there = [p for p in standing if p.place.path.lower().endswith(YAML)] or standing
        path = self._usual_file(there, near) if there else self._first_file(wish.namespace)
        if path is None:
            return False
        beside = [policy for policy in there if policy.place.path == path]
        named = not beside or not all(policy.assumed_namespace for policy in beside)
        overlay = workspace.overlay(path, wish.namespace)
        if overlay is not None:
            path, named = overlay.file(POLICIES), not overlay.sets_namespace
        name = policy_name(wish, {policy.name for policy in index.of(wish.namespace)})
        data = policy_data(wish, name, with_namespace=named)
        if path.lower().endswith(JSON):
            workspace.add_json(path, data, role)
        else:
            like = beside or standing or [policy for policy in index.policies if workspace.holds(policy)]
            indented = not like or indents_lists(workspace.find(like[-1])[0])
            workspace.add_document(path, policy_text(data, wish.comment, indent_lists=indented), role)
        return True

    def _usual_file(self, policies: Sequence[CiliumPolicy], near: Pods) -> str:
        """Where these pods' own policies stand, for that is their team's file; else where most of them do."""
        end = endpoint(self._workspace.index.cluster, near)
        shared = {
            path
            for path in {p.place.path for p in policies}
            if self._workspace.overlay(path, policies[0].namespace or "")
        }
        paths = [policy.place.path for policy in policies if policy.place.path not in shared] or sorted(shared)
        own = [
            policy.place.path
            for policy in policies
            for spec in policy.specs
            if spec.selector.labels and selection(policy, spec, end) is Match.YES
        ]
        return max(sorted(set(paths)), key=lambda path: (own.count(path), paths.count(path)))

    def _first_file(self, namespace: str) -> str | None:
        """For a namespace without a policy: as other namespaces have it, or where those for the whole cluster stand."""
        index, holds = self._workspace.index, self._workspace.holds
        plain = [p for p in index.policies if p.written and p.place.path.lower().endswith(YAML) and holds(p)]
        known = [(policy.namespace, policy.place.path) for policy in plain if policy.kind == NAMESPACED]
        wide = [policy.place.path for policy in plain if policy.clusterwide]
        return file_for(namespace, known, index.cluster, max(sorted(set(wide)), key=wide.count, default=None))

    # --- the DNS companion

    def _dns(self, wish: Wish, near: Pods, host: str) -> list[Finding]:
        """Without a DNS rule that covers the name, a rule by name never matches (G-F01, G-F06).

        A narrow one of other pods too stays as narrow as it is: what it lacks stands in these pods' own policy.
        """
        index = self._workspace.index
        end = endpoint(index.cluster, near)
        seen = lookups(index.about(near.namespace), end)
        if seen.learned(host) is Match.YES:
            return []
        known = [rule for match, rule in seen.rules if rule.names is not None and match is Match.YES]
        own = [rule for rule in known if any(spec is rule.spec for _, spec in self.own(wish, near))]
        try:
            if own:
                self._widen(own[0], wish)
            else:
                holder = self._named(wish, near, host)
                if holder is None:
                    return [finding("EGR877", host=host)]
                policy, spec = holder
                comment = say(Finding("EGR355", {"workload": near.name})).says
                rule = dns_rule(wish.item if known else {"matchPattern": "*"})
                self._workspace.append(policy, (*spec.path, "egress"), rule, comment, "allowlist")
        except CannotEdit:
            return [finding("EGR877", host=host)]
        return [finding("EGR878", host=host, workload=near.name)]

    def _widen(self, known: DnsRule, wish: Wish) -> None:
        rules = known.rule.to_ports or ()
        position = next(number for number, item in enumerate(rules) if item.place == known.place)
        path: tuple[Any, ...] = (*known.rule.path, "toPorts", position, "rules", "dns")
        self._workspace.append(known.policy, path, wish.item, wish.comment, "allowlist")


def _written(peer: Peer) -> Any:
    """The peer as it stands in a manifest, where that is as plain as what a draft writes."""
    if peer.name is not None:
        return {"matchPattern" if peer.name.wild else "matchName": peer.name.text}
    if peer.block is not None and not peer.block.excepts:
        return peer.block.cidr
    return peer.text if peer.kind == "entity" else None


def _is_named(peer: Peer, host: str) -> bool:
    return peer.name is not None and peer.name.matches(host) is Match.YES
