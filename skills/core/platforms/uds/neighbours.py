"""What the first remoteHost takes away: from other Packages (G-D06), or from the same pods (G-D07)."""

from __future__ import annotations

from skills.core.enforce.kube_policy import labels_match
from skills.core.enforce.peers import pods_of
from skills.core.enforce.selectors import Match
from skills.core.model import Destination
from skills.core.platforms.uds.near import remote_words
from skills.core.platforms.uds.package import Package
from skills.core.platforms.uds.takeover import direct_rules, may_reach
from skills.core.platforms.uds.workbench import Workbench

_MOST_NEIGHBOURS = 5


def say_neighbours(bench: Workbench, package: Package, to: Destination) -> None:
    """Says it before the rule is written, while the index is still that of the texts as they stand."""
    if bench.index.mode(package) == "ambient":
        if not bench.index.at_host("ambient", to.host or ""):
            _say_taken_over(bench, package, to)
        return
    near = pods_of(bench.index.cluster, bench.need.workload)
    if any(labels_match(rule.pods, near) is not Match.NO for rule in package.host_rules):
        return
    other = [rule for rule in package.rules if rule.egress and (rule.remote_generated == "Anywhere" or rule.network)]
    lost = [rule for rule in other if labels_match(rule.pods, near) is not Match.NO]
    if lost:
        remotes = ", ".join(dict.fromkeys(map(remote_words, lost)))
        bench.say("EGR806", *(rule.place for rule in lost), pods=near.name, remotes=remotes)


def _say_taken_over(bench: Workbench, package: Package, to: Destination) -> None:
    others = [other for other in bench.index.every_package() if other.key != package.key]
    said = 0
    for other in others:
        if bench.index.mode(other) != "ambient":
            continue
        for rule in direct_rules(other):
            relevant = may_reach(rule, to.host or "", to.addresses)
            if relevant and said < _MOST_NEIGHBOURS:
                facts = {"package": other.name, "namespace": other.namespace, "remote": rule.remote_cidr or ""}
                bench.say("EGR805", rule.place, host=to.host or "", **facts)
                said += 1
