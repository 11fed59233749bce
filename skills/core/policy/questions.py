"""What a platform wants to know of a connection: derived first, remembered next, asked only where neither helps.

Sources: Party Bus, Egress Allowlist (internal or external to P1, an ATC for external ones, other impact levels, three
questions for NIPR and its ports-and-protocols form, the architecture diagram); Cloud.gov, the roles of a space.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from skills.core.globs import path_matches
from skills.core.model import Destination, Need, Question
from skills.core.policy.far_ends import is_within, of_destination, of_policy
from skills.core.policy.levels import names_of
from skills.core.policy.shapes import Asking
from skills.core.policy.values import Policy, in_environments

How = Literal["derived", "answered", "remembered", "open"]
KNOWN: Mapping[str, str] = {
    "boundary": "EGR1570",
    "atc": "EGR1571",
    "impact_level": "EGR1572",
    "nipr": "EGR1573",
    "nipr_fqdn": "EGR1574",
    "nipr_environments": "EGR1575",
    "nipr_cloud": "EGR1576",
    "ports_form": "EGR1577",
    "diagram": "EGR1578",
    "role": "EGR1579",
    "justification": "EGR1580",
    "data_class": "EGR1581",
    "expiry": "EGR1582",
}
"""Questions that Postern knows, with the code of what each asks."""
_OWN = "EGR1583"
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "boundary": ("internal", "external"),
    "impact_level": ("same", "IL2", "IL4", "IL5", "IL6"),
    "nipr": ("no", "yes"),
    "nipr_cloud": ("cloud hosted", "not cloud hosted"),
    "data_class": ("public", "internal", "sensitive", "CUI"),
}
REMEMBERED = ("atc", "nipr_fqdn", "data_class")
"""Answers about an app, which hold for its next ask as well, with every question of a policy's own."""
MOST_AT_ONCE = 3
_FOR_NIPR = ("nipr_fqdn", "nipr_environments", "nipr_cloud", "ports_form")
_IN_CLUSTER = (".svc", ".svc.cluster.local")
NOT_NEEDED = "not needed"


@dataclass(frozen=True, slots=True)
class Remembered:
    """What somebody answered for this app before: when (ISO day) and with which request."""

    answer: str
    key: str
    on: str


@dataclass(frozen=True, slots=True)
class Answered:
    """One question with what is known: `how` says from where; `open` has no answer yet. `source` is the request that a
    remembered answer comes from."""

    id: str
    asks: Question
    answer: str = ""
    how: How = "open"
    source: str = ""


def owns(globs: Iterable[str], need: Need) -> bool:
    """Whether one of these globs means the need's workload."""
    names = [name for each in (need.workload, *need.others) for name in names_of(each)]
    return any(path_matches(glob, name) for glob in globs for name in names)


def demanded(policy: Policy, need: Need) -> list[Answered]:
    """What the policy asks of this need, in its order, each once; nothing is answered yet."""
    found: dict[str, Answered] = {}
    if need.remove or need.isolate:
        return []
    for asking in policy.questions:
        if not _is_meant(asking, need):
            continue
        for each in asking.ask:
            if isinstance(each, str):
                asks = Question(each, KNOWN.get(each, _OWN), {"asks": each}, _CHOICES.get(each, ()))
            else:
                asks = Question(each.id, _OWN, {"asks": each.asks}, each.choices)
            found.setdefault(asks.id, Answered(asks.id, asks))
    wanted = list(found)
    for id in (name for name in _FOR_NIPR if "nipr" in wanted):
        found.setdefault(id, Answered(id, Question(id, KNOWN[id], {}, _CHOICES.get(id, ()))))
    return list(found.values())


def answered(
    policy: Policy, need: Need, given: Iterable[str], remembered: Mapping[str, Remembered], *, diagram: str = ""
) -> list[Answered]:
    """Every question with its answer as far as there is one: what was said goes before what follows from the need, and
    both before what was said for this app earlier."""
    said = {name.strip(): value.strip() for name, _, value in (each.partition("=") for each in given) if value.strip()}
    facts: dict[str, str] = {}
    found = []
    for each in demanded(policy, need):
        value, how, source = said.get(each.id, ""), "answered", ""
        choices = {choice.casefold(): choice for choice in each.asks.choices}
        if value and choices and value.casefold() not in choices:
            value = ""
        value = choices.get(value.casefold(), value)
        if not value:
            value, how = _derived(each.id, need, policy, {**said, **facts}, diagram), "derived"
        if not value and each.id in remembered:
            kept = remembered[each.id]
            value, how, source = kept.answer, "remembered", f"{kept.key}, {kept.on}"
        facts[each.id] = value
        found.append(Answered(each.id, each.asks, value, how if value else "open", source))  # type: ignore[arg-type]
    return found


def still_open(found: Sequence[Answered]) -> tuple[Question, ...]:
    """What has to be asked, at most as much as fits one form."""
    return tuple(each.asks for each in found if each.how == "open")[:MOST_AT_ONCE]


def is_free(asked: Question) -> bool:
    """Whether it is a policy's question that any text answers."""
    return not asked.choices and (asked.code == _OWN or asked.code in KNOWN.values())


def worth_keeping(found: Sequence[Answered]) -> dict[str, str]:
    """What holds for the app's next ask too."""
    own = [each for each in found if each.how == "answered" and (each.id in REMEMBERED or each.asks.code == _OWN)]
    return {each.id: each.answer for each in own}


def _derived(id: str, need: Need, policy: Policy, facts: Mapping[str, str], diagram: str) -> str:
    inside = all(_is_inside(to, policy) for to in need.destinations)
    if id == "boundary":
        return "internal" if inside else "external" if policy.inside else ""
    if id == "atc":
        return NOT_NEEDED if inside or facts.get("boundary", "").casefold() == "internal" else ""
    if id == "impact_level":
        return "same" if all(_in_cluster(to) for to in need.destinations) else ""
    if id == "nipr":
        return "" if any(_may_be_nipr(to) for to in need.destinations) else "no"
    if id in _FOR_NIPR and facts.get("nipr", "").casefold() == "no":
        return NOT_NEEDED
    environments = [each.environment for each in (need.workload, *need.others) if each.environment]
    if id == "nipr_environments":
        return ", ".join(environments)
    if id == "ports_form":
        return "; ".join(
            f"{to.name} port {to.ports or 'as the service has it'} {to.protocol}" for to in need.destinations
        )
    if id == "role":
        return _role(need)
    return {"justification": need.reason, "expiry": need.until or "", "diagram": diagram}.get(id, "")


def _role(need: Need) -> str:
    """Source: Cloud.gov, Restricting space egress: the managers of a space, or of its organisation, change it."""
    if need.workload.kind != "cf":
        return ""
    return f"SpaceManager of {need.workload.scope}, or OrgManager of {need.workload.scope.partition('/')[0]}"


def _in_cluster(to: Destination) -> bool:
    return bool(to.workload or to.service) or (to.host or "").endswith(_IN_CLUSTER)


def _is_inside(to: Destination, policy: Policy) -> bool:
    """In the cluster, or where the policy says that its own boundary is."""
    fars = list(of_destination(to))
    return _in_cluster(to) or (
        bool(fars) and all(any(is_within(of_policy(each), far) for each in policy.inside) for far in fars)
    )


def _may_be_nipr(to: Destination) -> bool:
    """NIPRNet's names are below .mil, and an address says nothing about its boundary."""
    return not _in_cluster(to) and (not to.host or to.host.endswith(".mil"))


def _is_meant(asking: Asking, need: Need) -> bool:
    workloads = (need.workload, *need.others)
    if asking.platforms and not {each.platform for each in workloads} & set(asking.platforms):
        return False
    environments = [each.environment for each in workloads if each.environment]
    if asking.environments and environments and not any(in_environments(asking.environments, e) for e in environments):
        return False
    if asking.workloads and not owns(asking.workloads, need):
        return False
    fars = [far for to in need.destinations for far in of_destination(to)]
    return not asking.to or any(is_within(of_policy(each), far) for each in asking.to for far in fars)
