"""A namespace is denied by default: the denial, the rule for DNS, and rules for what policies name already.

Nothing is guessed. What other policies say of this namespace's connections (who lets it in, which of its own rules
are ignored today) becomes rules; who has none is named, so that a person looks before this is merged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from skills.core.enforce.kube_decide import judge
from skills.core.enforce.kube_dns import dns_findings
from skills.core.enforce.kube_flow import Flow
from skills.core.enforce.kube_policy import NetworkPolicy, Peer, Pods, PolicyPort, PolicyRule, selects
from skills.core.enforce.selectors import LabelSelector, Match
from skills.core.messages import say
from skills.core.model import Finding, Need, Place, Plan, Ports, few, finding
from skills.core.platforms.network_policy.dns_rule import dns_wish
from skills.core.platforms.network_policy.entries import PolicyEntry
from skills.core.platforms.network_policy.home import Home, add_policy, home_of
from skills.core.platforms.network_policy.manifest import one_line, policy_data
from skills.core.platforms.network_policy.wish import Wish, policy_name, selected_pods_peer
from skills.core.platforms.network_policy.workspace import Workspace
from skills.core.yaml_text import CannotEdit

_MOST_RULES = 60
_MOST_NAMED = 8
_DENY, _DNS = "default-deny-egress", "allow-dns-egress"
_DNS_PORTS = frozenset({53, 5353})
_EVERY_PORT = Ports(1, 65535)


def default_deny(workspace: Workspace, need: Need) -> Plan:
    """Deny, DNS and specific rules as one change, or none and why."""
    setup = _Setup(workspace, need)
    home = home_of(workspace, setup.namespace)
    if home is None:
        return Plan((), (), (finding("EGR365", namespace=setup.namespace),))
    setup.write(home)
    return Plan(workspace.edits(), (), tuple(setup.findings))


@dataclass(frozen=True, slots=True)
class _Named:
    """A connection out of the namespace that a rule of an Ingress policy names: by these pods, to those pods."""

    policy: NetworkPolicy
    rule: PolicyRule
    source: LabelSelector


class _Setup:
    def __init__(self, workspace: Workspace, need: Need) -> None:
        self._workspace = workspace
        self._need = need
        self.namespace = need.workload.namespace or need.workload.scope
        self._before = workspace.index.policies.about(self.namespace)
        self.findings: list[Finding] = []

    def write(self, home: Home) -> None:
        if self._isolated():
            self._say("EGR363", namespace=self.namespace)
        else:
            self._add(home, self._name(_DENY), {"podSelector": {}, "policyTypes": ["Egress"]}, self._comment("EGR358"))
        if dns_findings(self._policies(), self._workspace.index.cluster, self._any_pod()):
            wish = dns_wish(self._workspace.index, self.namespace, {}, "", self._comment("EGR359"))
            self._add(home, self._name(_DNS), wish.spec(), wish.comment)
        self._wake_ignored_rules()
        for named in list(self._named_connections())[:_MOST_RULES]:
            self._mirror(home, named)
        if self._workspace.edits():
            self._say_what_is_not_known()

    # --- what stands

    def _policies(self) -> tuple[NetworkPolicy, ...]:
        return self._workspace.index.policies.about(self.namespace)

    def _any_pod(self) -> Pods:
        """A pod without labels: only what counts for all pods counts for it."""
        labels = self._workspace.index.cluster.labels_of(self.namespace)
        return Pods(self.namespace, self.namespace, labels, {})

    def _isolated(self) -> bool:
        return any(
            policy.selector is not None
            and policy.selector.empty
            and "Egress" in policy.directions
            and not policy.faults
            and not policy.variants
            for policy in self._policies()
        )

    def _name(self, wanted: str) -> str:
        taken = {policy.name for policy in self._policies()}
        name, number = wanted, 2
        while name in taken:
            name, number = f"{wanted}-{number}", number + 1
        return name

    # --- what is written

    def _say(self, code: str, *places: Place, **facts: str) -> None:
        self.findings.append(finding(code, *places, **facts))

    def _comment(self, code: str) -> str:
        """What the document is for; the reason of the change stands in the first one only."""
        said = say(Finding(code, {"namespace": self.namespace})).says
        if code == "EGR358" and self._need.reason:
            said = f"{said} ({self._need.reason})"
        return one_line(said)

    def _add(self, home: Home, name: str, spec: dict[str, object], comment: str) -> None:
        policy = policy_data(name, self.namespace if home.named else None, spec)
        add_policy(self._workspace, home, policy, comment, "allowlist")

    def _wake_ignored_rules(self) -> None:
        """Egress rules that policyTypes leave out do nothing today. Once all is denied, they are what was meant."""
        for entry in list(self._workspace.index.entries_of(self.namespace)):
            policy = entry.policy
            if not policy.egress or "Egress" in policy.directions or policy.faults:
                continue
            if self._isolates_already(policy):
                continue  # what its rules name is denied today, and this change shall open nothing
            if self._workspace.overlay(policy.place.path, self.namespace) is not None:
                self._say("EGR361", policy.place, policy=policy.name)  # others use it as well
                continue
            try:
                self._workspace.append_type(self._again(entry), "Egress", "allowlist")
                self._say("EGR360", policy.place, policy=policy.name)
            except CannotEdit:
                self._say("EGR361", policy.place, policy=policy.name)

    def _isolates_already(self, policy: NetworkPolicy) -> bool:
        """Whether any pods that the policy selects were isolated before, as far as can be told."""
        cluster, selector = self._workspace.index.cluster, policy.selector
        labels = cluster.labels_of(self.namespace)
        known = [pod.labels for pod in cluster.pods.get(self.namespace, ())]
        chosen = [each for each in known if selector is None or selector.matches(each) is Match.YES]
        ends = [Pods("near", self.namespace, labels, each) for each in chosen or [selector.labels if selector else {}]]
        return any(
            "Egress" in other.directions and selects(other, end) is not Match.NO
            for other in self._before
            for end in ends
        )

    def _again(self, entry: PolicyEntry) -> PolicyEntry:
        """The same policy in the text as it now stands: lines above it may have moved it."""
        there = self._workspace.index.entries_of(self.namespace)
        key = (entry.policy.name, entry.path)
        return next(other for other in there if (other.policy.name, other.path) == key)

    def _named_connections(self) -> Iterator[_Named]:
        cluster = self._workspace.index.cluster
        labels = cluster.labels_of(self.namespace)
        for policy in list(self._workspace.index.policies):
            if "Ingress" not in policy.directions or policy.faults or policy.selector is None or policy.variants:
                continue
            for rule in policy.ingress:
                for peer in rule.peers:
                    if _names(peer, policy, self.namespace, labels):
                        yield _Named(policy, rule, peer.pods or LabelSelector())

    def _mirror(self, home: Home, named: _Named) -> None:
        """The egress half of a connection that somebody's ingress rule expects: one that works today, and would not."""
        policy, selector = named.policy, named.policy.selector or LabelSelector()
        lacking = tuple(
            port
            for port in named.rule.ports or (None,)
            if _opened(self._before, port, self._ends(named)) and not self._opened(named, port)
        )
        if not lacking:
            return
        if named.source.requirements:
            self._say("EGR362", policy.place, policy=policy.name, selector=str(named.source))
            return
        if shut := self._shut_in(named, lacking):
            self._say("EGR399", policy.place, policy=policy.name, namespace=self.namespace, pods=few(shut, _MOST_NAMED))
            return
        ports = tuple(port for port in lacking if port is not None)
        labels = named.source.labels
        there = policy.namespace or ""
        what = "-".join(selector.labels.values()) or there
        who = "-".join(labels.values()) or self.namespace
        facts = {"who": who, "what": what, "namespace": there, "policy": policy.name}
        comment = one_line(say(Finding("EGR367", facts)).says)
        peer = selected_pods_peer(there, selector)
        wish = Wish("Egress", self.namespace, labels, (peer,), ports, who, what, comment)
        name = policy_name(wish, {other.name for other in self._policies()})
        self._add(home, name, wish.spec(), comment)

    def _shut_in(self, named: _Named, ports: Sequence[PolicyPort | None]) -> list[str]:
        """Pods that the rule names too and that may not go there today: a rule for all of them would open it."""
        cluster, (near, far) = self._workspace.index.cluster, self._ends(named)
        found = set()
        for pod in cluster.pods.get(self.namespace, ()):
            if pod.host_network or named.source.matches(pod.labels) is not Match.YES:
                continue
            if not all(_opened(self._before, port, (near._replace(labels=pod.labels), far)) for port in ports):
                found.add(pod.name)
        return sorted(found)

    def _opened(self, named: _Named, port: PolicyPort | None) -> bool:
        return _opened(self._policies(), port, self._ends(named))

    def _ends(self, named: _Named) -> tuple[Pods, Pods]:
        """Pods that carry just the labels that the rule names."""
        cluster, selector = self._workspace.index.cluster, named.policy.selector or LabelSelector()
        there = named.policy.namespace or ""
        near = Pods("near", self.namespace, cluster.labels_of(self.namespace), dict(named.source.labels))
        return near, Pods("far", there, cluster.labels_of(there), dict(selector.labels))

    # --- what is not known

    def _say_what_is_not_known(self) -> None:
        cluster = self._workspace.index.cluster
        pods = cluster.pods.get(self.namespace, ())
        silent = sorted({pod.name for pod in pods if not pod.host_network and not self._has_rule(pod.labels)})
        if silent:
            code = "EGR1208" if self._workspace.index.cilium else "EGR364"
            self._say(code, workloads=few(silent, _MOST_NAMED), namespace=self.namespace)
        elif not pods:
            self._say("EGR366", namespace=self.namespace)
        for entry in self._workspace.index.entries_of(self.namespace):
            self.findings += [item for item in entry.remarks if item.code == "EGR940"]
        self._say("EGR368", namespace=self.namespace)

    def _has_rule(self, labels: Mapping[str, str]) -> bool:
        """Whether any rule but one for DNS counts for these pods."""
        near = Pods("near", self.namespace, self._workspace.index.cluster.labels_of(self.namespace), labels)
        return any(
            "Egress" in policy.directions
            and selects(policy, near) is Match.YES
            and any(not _only_dns(rule.ports) for rule in policy.egress)
            for policy in self._policies()
        )


def _opened(policies: Sequence[NetworkPolicy], port: PolicyPort | None, ends: tuple[Pods, Pods]) -> bool:
    """Whether these policies let the connection out of the namespace."""
    near, far = ends
    numbers = port.ports if port and port.ports else None if port and port.name else _EVERY_PORT
    far = far._replace(ports=numbers, port_name=port.name if port else None)
    flow = Flow("Egress", near, far, port.protocol if port else "tcp", numbers)
    return judge(policies, flow).allowed is Match.YES


def _names(peer: Peer, policy: NetworkPolicy, namespace: str, labels: Mapping[str, str]) -> bool:
    """Whether a peer of an Ingress rule means pods of this namespace in particular, not just anybody."""
    if not peer.selects_pods:
        return False
    if peer.namespaces is None:
        return policy.namespace == namespace
    return not peer.namespaces.empty and peer.namespaces.matches(labels) is Match.YES


def _only_dns(ports: Sequence[PolicyPort]) -> bool:
    return bool(ports) and all(port.ports is not None and port.ports.first in _DNS_PORTS for port in ports)
