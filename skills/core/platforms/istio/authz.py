"""AuthorizationPolicies: whom a waypoint, an egress gateway, or the far side's own proxies let through.

DENY goes before ALLOW; once an ALLOW policy is about the traffic, whoever matches none is refused. A CUSTOM policy
asks a server whose answer no file holds. Sidecars enforce none of this on the way out.
Source: https://istio.io/latest/docs/reference/config/security/authorization-policy/
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from skills.core.enforce.kube_policy import Pods, labels_match
from skills.core.enforce.mesh_hosts import within
from skills.core.enforce.selectors import Match, all_of, any_of, sure
from skills.core.model import Destination, Finding, LayerView, RuleHit, finding
from skills.core.platforms.istio.entries import Admission, Policy, ServiceEntry, Source
from skills.core.platforms.istio.scope import Scope

_ENFORCED = frozenset({"ALLOW", "DENY", "CUSTOM"})
_MOST_SLIPS = 5


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks, and for what: `ports` are those at the far end, None where nobody knows them."""

    pods: Pods
    account: str | None
    to: Destination
    ports: tuple[int, ...] | None


def at_waypoint(scope: Scope, view: LayerView, client: Client) -> LayerView:
    """The view with what AuthorizationPolicies of the host's ServiceEntries and their waypoints say."""
    return _enforced(view, [(policy, Match.YES) for policy in _targeting(scope, client.to)], client, scope.trusted)


def letting_in(scope: Scope, client: Client) -> tuple[RuleHit, ...]:
    """What lets a client through, for certain, where a policy asks who it is."""
    about = [policy for policy in _targeting(scope, client.to) if policy.action == "ALLOW" and not policy.slips]
    sure = [policy for policy in about if matches_client(policy, client, scope.trusted) is Match.YES]
    return tuple(RuleHit("allow", policy.place) for policy in sure)


def at_pods(scope: Scope, view: LayerView, client: Client, far: Sequence[Pods]) -> LayerView:
    """The view with what the proxies of the far pods admit."""
    for pods in far:
        about = [(policy, _selects(policy, pods)) for policy in _about(scope, pods)]
        view = _enforced(view, about, client, scope.trusted)
    return view


def _enforced(
    view: LayerView, about: Sequence[tuple[Policy, Match]], client: Client, trusted: Sequence[str]
) -> LayerView:
    """The view with what policies say. Those that may not be about the traffic, or not be there, leave it open where
    it is another with any of them than without."""
    sure = [policy for policy, match in about if match is Match.YES and not policy.slips]
    unsure = [policy for policy, match in about if match is Match.UNKNOWN or (match is Match.YES and policy.slips)]
    plain = _joined(view, sure, client, trusted)
    if not unsure:
        return plain
    ways = [plain, *(_joined(view, [*sure, *more], client, trusted) for more in (*([one] for one in unsure), unsure))]
    slips = tuple(slip for policy in unsure for slip in policy.slips)[:_MOST_SLIPS]
    if len({_outcome(way) for way in ways}) == 1:
        return plain._replace(findings=(*plain.findings, *slips)) if slips else plain
    return view._replace(doubts=(*view.doubts, *(slips or (_unclear(unsure, client),))))


def _outcome(view: LayerView) -> tuple[bool, int]:
    return bool(view.denies), len(view.doubts)


def _about(scope: Scope, pods: Pods) -> list[Policy]:
    """Policies without targets that could be about these pods."""
    homes = {pods.namespace, scope.root}
    return [p for p in scope.policies if p.namespace in homes and not p.targets and p.action in _ENFORCED]


def _selects(policy: Policy, pods: Pods) -> Match:
    return Match.YES if policy.selector is None else labels_match(policy.selector, pods)


def _joined(view: LayerView, policies: Sequence[Policy], client: Client, trusted: Sequence[str]) -> LayerView:
    if not policies:
        return view
    matches = [(policy, matches_client(policy, client, trusted)) for policy in policies]
    denying = [policy for policy, match in matches if policy.action == "DENY" and match is Match.YES]
    if denying:
        return view._replace(denies=tuple(RuleHit("deny", policy.place) for policy in denying))
    allowing = [(policy, match) for policy, match in matches if policy.action == "ALLOW"]
    admitted = any_of(match for _, match in allowing) if allowing else Match.YES
    if admitted is Match.NO:
        places = tuple(policy.place for policy, _ in allowing)
        facts = {"policy": allowing[0][0].name, "host": client.to.name, "workload": client.pods.name}
        refused = tuple(RuleHit("deny", place) for place in places)
        return view._replace(denies=refused, findings=(finding("EGR998", *places, **facts),))
    doubtful = [p for p, match in matches if match is Match.UNKNOWN and p.action == "DENY"]
    doubtful += [policy for policy, match in matches if policy.action == "CUSTOM" and match is not Match.NO]
    if admitted is Match.UNKNOWN:
        doubtful += [policy for policy, match in allowing if match is Match.UNKNOWN]
    return view._replace(doubts=(*view.doubts, _unclear(doubtful, client))) if doubtful else view


def _unclear(doubtful: Sequence[Policy], client: Client) -> Finding:
    places = (policy.place for policy in doubtful)
    facts = {"policy": doubtful[0].name, "host": client.to.name, "workload": client.pods.name}
    return finding("EGR997", *places, **facts)


def _targeting(scope: Scope, to: Destination) -> list[Policy]:
    """Policies that name the host's ServiceEntry, or the waypoint that its entry or namespace chose."""
    if to.host is None or not scope.policies:
        return []
    entries = [entry for entry in scope.named(to.host) if any(within(to.host, name) for name, _ in entry.hosts)]
    named = {(entry.namespace, "ServiceEntry", entry.name) for entry in entries}
    named |= {key for entry in entries for key in _waypoint(scope, entry)}
    return [
        policy
        for policy in scope.policies
        if policy.action in _ENFORCED and any((policy.namespace, *target) in named for target in policy.targets)
    ]


def _waypoint(scope: Scope, entry: ServiceEntry) -> Iterable[tuple[str, str, str]]:
    chosen = entry.waypoint or scope.waypoints.get(entry.namespace or "", "")
    home, _, name = chosen.partition("/")
    return [(home, "Gateway", name)] if name else []


def matches_client(policy: Policy, client: Client, trusted: Sequence[str]) -> Match:
    """Whether a rule of the policy means this client. A policy without rules means nobody."""
    return any_of(_admits(rule, client, trusted) for rule in policy.rules)


def _admits(rule: Admission, client: Client, trusted: Sequence[str]) -> Match:
    parts = [Match.YES if rule.plain else Match.UNKNOWN]
    if rule.sources is not None:
        parts.append(any_of(_from(source, client, trusted) for source in rule.sources))
    if rule.hosts is not None:
        # A name is read from HTTP alone: in anything else Istio drops the rule of an ALLOW, the condition of a DENY.
        host = client.to.host if client.to.application == "http" else None
        parts.append(
            Match.UNKNOWN if host is None else any_of(sure(_fits(host, text.split(":")[0])) for text in rule.hosts)
        )
    if rule.ports is not None:
        known = client.ports
        parts.append(Match.UNKNOWN if known is None else sure(all(str(port) in rule.ports for port in known)))
    return all_of(parts)


def _from(source: Source, client: Client, trusted: Sequence[str]) -> Match:
    namespace, account = client.pods.namespace, client.account
    parts = [Match.YES if source.plain else Match.UNKNOWN]
    if source.namespaces is not None:
        parts.append(any_of(sure(_fits(namespace, text)) for text in source.namespaces))
    if source.principals is not None:
        parts.append(any_of(_is(text, namespace, account, trusted) for text in source.principals))
    if source.accounts is not None:
        named = (text if "/" in text else f"*/{text}" for text in source.accounts)
        parts.append(any_of(_is_account(text, namespace, account) for text in named))
    if any(_fits(namespace, text) for text in source.not_namespaces):
        parts.append(Match.NO)
    parts += [_not(_is(text, namespace, account, trusted)) for text in source.not_principals]
    return all_of(parts)


def _not(match: Match) -> Match:
    return {Match.YES: Match.NO, Match.NO: Match.YES}.get(match, match)


def _is(text: str, namespace: str, account: str | None, trusted: Sequence[str]) -> Match:
    """A principal is `trust-domain/ns/NAMESPACE/sa/ACCOUNT`; a star stands for the start or the end of it."""
    domain, slash, rest = text.partition("/ns/")
    if slash:
        return all_of([_trusts(domain, trusted), _is_account_in(rest, namespace, account)])
    if text == "*":
        return Match.YES
    if account is None or not text.startswith("*"):
        return Match.UNKNOWN
    return sure(f"/ns/{namespace}/sa/{account}".endswith(text[1:]))


def _trusts(domain: str, trusted: Sequence[str]) -> Match:
    """Whether a principal of this trust domain can be a pod of this mesh, as far as a file names the mesh's domains.

    `cluster.local` stands for whatever domain the mesh has.
    Source: https://istio.io/latest/docs/tasks/security/authorization/authz-td-migration/
    """
    if any(_fits(known, domain) for known in ("cluster.local", *trusted)):
        return Match.YES
    return Match.NO if trusted else Match.UNKNOWN


def _is_account_in(text: str, namespace: str, account: str | None) -> Match:
    """`NAMESPACE/sa/ACCOUNT`, which may end in a star."""
    own = f"{namespace}/sa/"
    stem = text.removesuffix("*")
    if text.endswith("*") and own.startswith(stem):
        return Match.YES
    return _same(text.removeprefix(own), account) if stem.startswith(own) else Match.NO


def _is_account(text: str, namespace: str, account: str | None) -> Match:
    home, _, name = text.partition("/")
    return _same(name, account) if home in {"*", namespace} else Match.NO


def _same(wanted: str, account: str | None) -> Match:
    if "*" in wanted:
        return Match.UNKNOWN if account is None else sure(_fits(account, wanted))
    return Match.UNKNOWN if account is None else sure(wanted == account)


def _fits(value: str, pattern: str) -> bool:
    """Exact, or a star at the start or the end; a star alone is anything."""
    if pattern.startswith("*"):
        return value.endswith(pattern[1:])
    return value.startswith(pattern[:-1]) if pattern.endswith("*") else value == pattern
