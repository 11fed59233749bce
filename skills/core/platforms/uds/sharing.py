"""Who shares registered hosts without a rule for them: pods that reach the waypoint in a namespace with Anywhere."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import combinations

from skills.core.enforce.kube_policy import Pods
from skills.core.enforce.mesh import LAYER as MESH
from skills.core.enforce.selectors import LabelSelector
from skills.core.model import Grant, Isolation
from skills.core.platforms.uds.generate import WAYPOINT
from skills.core.platforms.uds.index import Index, Registration, participates
from skills.core.platforms.uds.network import selectors_reaching
from skills.core.platforms.uds.package import Allow, Package
from skills.core.platforms.uds.takeover import UNNAMED_PORTS, direct_grant, direct_rules, pods_words

ANY_ACCOUNT = " (any service account)"
_SHARERS = "all pods that reach the waypoint, in namespaces with a rule to Anywhere,"
_FEW_LABELS = 6
_MOST_COMPARED = 200
_MOST_SHARED = 20_000


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
