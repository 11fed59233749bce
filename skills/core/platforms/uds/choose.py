"""What a new rule says about the pods, and what it is called: as the Package's other rules do it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from skills.core.enforce.selectors import LabelSelector, Match
from skills.core.model import Workload
from skills.core.platforms.uds.index import Index
from skills.core.platforms.uds.naming import described, policy_name
from skills.core.platforms.uds.package import Allow, Package

_USUAL_KEYS = ("app", "app.kubernetes.io/name", "app.kubernetes.io/instance", "k8s-app", "name")
# They change with every release or replica, so a rule that names them stops matching.
_PASSING = ("hash", "version", "chart", "managed-by", "heritage", "pod-name", "pod-index", "generation", "revision")
_ORDER = (
    "direction",
    "selector",
    "remoteNamespace",
    "remoteSelector",
    "remoteGenerated",
    "remoteCidr",
    "remoteHost",
    "remoteProtocol",
    "port",
    "ports",
    "serviceAccount",
    "description",
)
_LONGEST_NAME = 80
_LETTERS = "bcdefghijklmnopqrstuvwxyz"


def selector_for(package: Package, workload: Workload) -> LabelSelector | None:
    """The labels by which a rule should select the workload; None when nobody knows its labels.

    Asserted labels are taken as they are.
    """
    labels = workload.labels
    if not labels:
        return None
    return LabelSelector(dict(labels)) if "{" in workload.name else selector_of(labels, package.rules)


def selector_of(labels: Mapping[str, str], rules: Sequence[Allow]) -> LabelSelector:
    """A selector that the rules have for these pods already, else by the label keys they use, else the usual ones."""
    known = [rule.pods for rule in rules if _selects(rule, labels)]
    if known:
        usual = Counter(map(str, known)).most_common(1)[0][0]
        return next(selector for selector in known if str(selector) == usual)
    for keys in (*_keys_used(rules), *((key,) for key in _USUAL_KEYS)):
        if all(key in labels for key in keys):
            return LabelSelector({key: labels[key] for key in keys})
    lasting = {key: value for key, value in labels.items() if not any(word in key for word in _PASSING)}
    return LabelSelector(lasting or dict(labels))


def account_for(package: Package, workload: Workload, selector: LabelSelector) -> str | None:
    """The service account to name in ambient mode: one that is not the default, or the one its other rules name."""
    if workload.service_account is not None:
        return None if workload.service_account == "default" else workload.service_account
    named = [rule.service_account for rule in package.host_rules if str(rule.pods) == str(selector)]
    return named[-1] if named and len(set(named)) == 1 else None


def description_for(index: Index, package: Package, direction: str, remote: str, over: str, app: str) -> str | None:
    """A description whose NetworkPolicy name nobody in the Package has yet and that ends in a letter (G-D01).

    None when even numbering does not help, because long names are cut.
    """
    taken = {policy_name(package.name, rule, index.rules) for rule in package.allow}
    base = f"{direction} {'to' if direction == 'Egress' else 'from'} {remote[:_LONGEST_NAME]}"
    candidates = [base, f"{base} over {over}", f"{base} for {app[:_LONGEST_NAME]} pods"]
    for text in [*candidates, *(f"{base} {letter}" for letter in _LETTERS)]:
        if described(package.name, direction, text) not in taken:
            return text
    return None


def ordered(item: Mapping[str, object], package: Package, selector: LabelSelector) -> dict[str, object]:
    """The keys of a rule in the order of its nearest neighbour; keys that it lacks go where the documents put them."""
    keys = _neighbour(package, selector, item)
    slots = [_slot(key) for key in keys]
    for key in sorted(item, key=_rank):
        if _slot(key) not in slots:
            before = [slot for slot in slots if _rank(slot) < _rank(key)]
            slots.insert(slots.index(max(before, key=_rank)) + 1 if before else 0, _slot(key))
    return dict(sorted(item.items(), key=lambda pair: (slots.index(_slot(pair[0])), _rank(pair[0]))))


def _neighbour(package: Package, selector: LabelSelector, item: Mapping[str, object]) -> list[str]:
    rules = [rule for rule in package.allow if rule.direction == item["direction"]] or list(package.allow)
    same = [rule for rule in rules if str(rule.pods) == str(selector)] or rules
    alike = [rule for rule in same if any(key in rule.places for key in item if key.startswith("remote"))] or same
    return [key for key in alike[-1].places if _slot(key) in map(_slot, item)] if alike else []


def _slot(key: str) -> str:
    """Keys that stand in for one another share a slot."""
    if key in {"remoteNamespace", "remoteGenerated", "remoteCidr", "remoteHost"}:
        return "remoteNamespace"
    return {"ports": "port", "podLabels": "selector", "remotePodLabels": "remoteSelector"}.get(key, key)


def _rank(key: str) -> int:
    return _ORDER.index(key) if key in _ORDER else len(_ORDER)


def _selects(rule: Allow, labels: Mapping[str, str]) -> bool:
    return not rule.pods.empty and rule.pods.matches(labels) is Match.YES


def _keys_used(rules: Sequence[Allow]) -> Sequence[tuple[str, ...]]:
    """The sets of label keys that selectors are made of, the most frequent first."""
    used = Counter(tuple(sorted(rule.pods.labels)) for rule in rules if not rule.pods.empty)
    return [keys for keys, _ in used.most_common()]
