"""Every permission that Packages give, as comparable words, and what each opens beyond a need.

A host is granted to pods that pass both gates: their NetworkPolicy lets them send to the waypoint or
gateway, and the mesh admits them there. So one new rule can grant more than its own selector.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import combinations

from skills.core.enforce.kube_policy import LAYER as NETWORK
from skills.core.enforce.kube_policy import Pods
from skills.core.enforce.mesh import LAYER as MESH
from skills.core.enforce.selectors import LabelSelector, Match
from skills.core.model import Destination, Finding, Grant, Isolation, Need, Ports, finding
from skills.core.platforms.uds import takeover
from skills.core.platforms.uds.generate import HBONE, WAYPOINT, gateway_on
from skills.core.platforms.uds.index import Index, Registration, participates, registrations
from skills.core.platforms.uds.network import selectors_reaching
from skills.core.platforms.uds.package import METADATA, Allow, Package
from skills.core.platforms.uds.takeover import (
    EVERY_PORT,
    UNNAMED_PORTS,
    direct_grant,
    direct_rules,
    pods_words,
    taken_over,
    too_many,
)

ENTRY = "entry to "
ANY_ACCOUNT = " (any service account)"
_SHARERS = "all pods that reach the waypoint, in namespaces with a rule to Anywhere,"
_FEW_LABELS = 6
_MOST_COMPARED = 200
_MOST_SHARED = 20_000
# Beyond these a Package is no Package that anyone wrote; its grants are then summed up.
_MOST_PAIRS = 20_000
_GENERATED = {
    "Anywhere": "Anywhere",
    "KubeAPI": "the Kubernetes API",
    "KubeNodes": "the cluster's nodes",
    "CloudMetadata": METADATA,
}


def grants(index: Index) -> list[Grant]:
    many = too_many(index)
    found: list[Grant] = list(summed_up(index)) if many else []
    for package in index.every_package():
        if not index.refusals(package):
            found += _network_grants(package)
            found += _host_grants(index, package)
            if index.mode(package) == "ambient" and not many:
                found += participations(index, package)
    return list(dict.fromkeys(found))


def _network_grants(package: Package) -> Iterator[Grant]:
    for rule in package.rules:
        if rule.remote_host is not None:
            continue
        own, remote = pods_words(package.namespace, rule.pods), _remote(package.namespace, rule)
        source, target = (own, remote) if rule.egress else (remote, f"{ENTRY}{own}")
        protocol = "udp" if rule.udp else "tcp"
        for port in map(str, rule.opened_ports) if rule.opened_ports else (EVERY_PORT,):
            yield Grant(source, target, port, protocol, NETWORK)


def _remote(namespace: str, rule: Allow) -> str:
    if rule.remote_cidr is not None:
        return str(rule.network or rule.remote_cidr)
    if rule.remote_generated == "IntraNamespace":
        return pods_words(namespace, LabelSelector())
    if rule.remote_generated is not None:
        return _GENERATED.get(rule.remote_generated, rule.remote_generated)
    if rule.remote_namespace is None and rule.remote_selector is None:
        return "everything"
    there = namespace if rule.remote_namespace is None else rule.remote_namespace
    return pods_words("every namespace" if there in {"", "*"} else there, rule.remote_selector or LabelSelector())


def _host_grants(index: Index, package: Package) -> Iterator[Grant]:
    ambient = index.mode(package) == "ambient"
    entries = list(registrations(package))
    if not entries or (ambient and not index.rules.ambient_egress):
        return
    reached = {
        port: who_reaches(index, package, WAYPOINT if ambient else gateway_on(Ports(port, port)), ambient)
        for port in ({HBONE} if ambient else {entry.port for entry in entries})
    }
    anywhere = [rule for rule in package.rules if _gives_everything(rule)] if ambient else []
    for entry in entries:
        selectors = reached[HBONE if ambient else entry.port]
        account = _account(index, entry) if ambient else ""
        if len(selectors) * len(entries) > _MOST_PAIRS:
            yield Grant(f"{package.namespace} pods of {len(selectors)} selectors{account}", *_what(entry), MESH)
            continue
        if ambient:
            selectors = [each for each in selectors if not _covered(anywhere, entry, each)]
            selectors = [each for each in selectors if _may_run_as(index, entry, each)]
        for selector in widest(selectors):
            yield Grant(pods_words(package.namespace, selector) + account, *_what(entry), MESH)


def _what(entry: Registration) -> tuple[str, str, str]:
    return entry.host, str(entry.port), entry.protocol.lower()


def _may_run_as(index: Index, entry: Registration, selector: LabelSelector) -> bool:
    """A service account keeps other pods out, unless a manifest shows that they run under it too."""
    account = entry.rule.service_account
    if account is None or str(selector) == str(entry.rule.pods):
        return True
    pods = index.cluster.pods.get(entry.package.namespace, ())
    return any(pod.service_account == account and selector.matches(pod.labels) is Match.YES for pod in pods)


def _gives_everything(rule: Allow) -> bool:
    return rule.egress and rule.remote_generated == "Anywhere" and rule.service_account is None


def _covered(anywhere: Sequence[Allow], entry: Registration, selector: LabelSelector) -> bool:
    """Whether a rule to Anywhere gives these pods the host already."""
    return any(participates(rule, entry.port) and rule.pods.matches(selector.labels) is Match.YES for rule in anywhere)


def _account(index: Index, entry: Registration) -> str:
    account = entry.rule.service_account or (None if index.rules.admits_namespace else "default")
    return ANY_ACCOUNT if account is None else f" (service account {account})"


# --- isolations


def isolations(index: Index) -> list[Isolation]:
    many = too_many(index)
    found: list[Isolation] = list(takeover.summed_up(index)) if many else []
    for package in index.every_package():
        if index.refusals(package):
            continue
        found.append(Isolation(pods_words(package.namespace, LabelSelector()), NETWORK))
        if index.mode(package) == "sidecar":
            found += _bound(package)
        elif not many:
            found += taken_over(index, package)
    return list(dict.fromkeys(found))


def _bound(package: Package) -> Iterator[Isolation]:
    """Pods under REGISTRY_ONLY that would otherwise reach more: without another rule there is nothing to lose."""
    others = direct_rules(package)
    for rule in package.host_rules:
        for other in others:
            if _may_meet(rule.pods, other.pods):
                takes = direct_grant(package.namespace, other)
                yield Isolation(pods_words(package.namespace, rule.pods), MESH, takes)


def _may_meet(one: LabelSelector, other: LabelSelector) -> bool:
    """Whether some pod could carry the labels of both."""
    return all(other.labels.get(key, value) == value for key, value in one.labels.items())


# --- beyond the need


def wider(grant: Grant, need: Need) -> list[Finding]:
    """What a new permission opens that nobody asked for; none if it is the need itself."""
    facts = {"source": grant.source, "target": grant.target, "ports": grant.ports}
    source = grant.source.removesuffix(ANY_ACCOUNT).partition(" (service account ")[0]
    asked = _is_asker(source, need) and any(_is_target(grant, destination) for destination in need.destinations)
    if not asked:
        return [finding("EGR840" if grant.layer == MESH else "EGR842", **facts)]
    if grant.source.endswith(ANY_ACCOUNT):
        return [finding("EGR841", namespace=need.workload.namespace or need.workload.scope, target=grant.target)]
    return []


def _is_asker(source: str, need: Need) -> bool:
    """Whether the words mean the pods that asked, and not all pods when only some asked."""
    namespace = need.workload.namespace or need.workload.scope
    labels = need.workload.labels
    if source == f"{namespace} all pods":
        return not labels
    prefix = f"{namespace} pods "
    if not source.startswith(prefix) or labels is None:
        return False
    wanted = (pair.partition("=") for pair in source.removeprefix(prefix).split(", "))
    return all(labels.get(key) == value for key, _, value in wanted)


def _is_target(grant: Grant, destination: Destination) -> bool:
    ports = destination.ports
    if grant.layer == MESH or destination.network or destination.addresses:
        named = grant.target in {destination.host, destination.network, *_single(destination)}
        return named and grant.ports.isdecimal() and ports is not None and ports.covers(_port(grant))
    parts = (destination.workload or "").split("/")[:1] if destination.workload else _service_namespaces(destination)
    target = grant.target.removeprefix(ENTRY)
    return target.startswith(tuple(f"{part} pods " for part in parts)) or (
        grant.target.startswith(ENTRY) and " pods " in target
    )


def _port(grant: Grant) -> Ports:
    return Ports(int(grant.ports), int(grant.ports))


def _single(destination: Destination) -> Iterator[str]:
    for address in destination.addresses:
        yield address if "/" in address else f"{address}/{128 if ':' in address else 32}"


def _service_namespaces(destination: Destination) -> list[str]:
    """The namespaces that an in-cluster name can mean: `svc.ns`, `svc.ns.svc...`."""
    labels = (destination.host or "").split(".")
    return labels[1:2]


# --- who shares registered hosts without a rule for them: pods that reach the waypoint in a namespace with Anywhere


def participations(index: Index, package: Package) -> Iterator[Grant]:
    """What rules to Anywhere give of registered hosts.

    To their own pods only what registering took from them. To other pods of the namespace that reach the waypoint
    all of it, because there a rule without an account stands for the whole namespace.
    """
    rules = [rule for rule in direct_rules(package) if rule.remote_generated == "Anywhere"]
    hosts = index.registered.get("ambient", {})
    reaching = who_reaches(index, package, WAYPOINT, ambient=True) if rules and hosts else []
    if len(hosts) * len(rules) * max(1, len(reaching)) > _MOST_SHARED:
        yield Grant(pods_words(package.namespace, LabelSelector()), f"{len(hosts)} hosts", "their ports", "tcp", MESH)
        return
    for rule in rules:
        account = f" (service account {rule.service_account})" if rule.service_account else ANY_ACCOUNT
        for entry in (entry for entries in hosts.values() for entry in entries):
            if not participates(rule, entry.port):
                continue
            own = [each for each in rules if participates(each, entry.port)]
            others = widest([each for each in reaching if not any(_includes(one.pods, each) for one in own)])
            what = (entry.host, str(entry.port), entry.protocol.lower(), MESH)
            yield from (Grant(pods_words(package.namespace, each) + account, *what) for each in others)
            if not rule.opened_ports:
                lifts = _taken(package, rule, entry)
                yield Grant(lifts.source + account, *what, lifts)


def summed_up(index: Index) -> Iterator[Grant]:
    """The same for all Packages at once, where they are too many to be told apart."""
    if not index.participants:
        return
    for host, entries in index.registered.get("ambient", {}).items():
        for entry in entries:
            yield Grant(_SHARERS, host, str(entry.port), entry.protocol.lower(), MESH)


def _taken(package: Package, rule: Allow, entry: Registration) -> Isolation:
    takes = direct_grant(package.namespace, rule)
    return Isolation(takes.source, MESH, takes, Grant(takes.source, entry.host, UNNAMED_PORTS, "tcp", MESH))


def _includes(whole: LabelSelector, part: LabelSelector) -> bool:
    return whole.labels.items() <= part.labels.items()


def widest(selectors: Sequence[LabelSelector]) -> Sequence[LabelSelector]:
    """Without those that select only pods of another: a rule for some of them gives nothing new."""
    if len(selectors) > _MOST_COMPARED:
        return selectors
    return [one for one in selectors if not any(other.labels.items() < one.labels.items() for other in selectors)]


def who_reaches(index: Index, package: Package, target: Pods, ambient: bool) -> list[LabelSelector]:
    """Whose pods may send to the waypoint or gateway: of any egress rule in ambient mode.

    With sidecars those of host rules, and those of other egress rules whose pods host rules restrict as well: a rule
    to Anywhere lets them reach the gateway too.
    """
    candidates = list({str(rule.pods): rule.pods for rule in package.rules if rule.egress}.values())
    if not ambient:
        restricted = {frozenset(host.pods.labels.items()) for host in package.host_rules}
        candidates = [pods for pods in candidates if _selected_by_one(restricted, pods.labels)]
    opening = selectors_reaching(index.generated.get(package.key, ()), package, target)
    required = {frozenset(selector.labels.items()) for selector in opening}
    return [pods for pods in candidates if _selected_by_one(required, pods.labels)]


def _selected_by_one(required: Collection[frozenset[tuple[str, str]]], labels: Mapping[str, str]) -> bool:
    """Whether one of the sets of labels lies wholly in `labels`. Its subsets are looked up: there may be many sets."""
    pairs = list(labels.items())
    if len(pairs) > _FEW_LABELS:
        return any(wanted <= labels.items() for wanted in required)
    return any(frozenset(some) in required for size in range(len(pairs) + 1) for some in combinations(pairs, size))
