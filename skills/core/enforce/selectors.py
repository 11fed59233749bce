"""Kubernetes label selectors, and matching in three values: what the repository does not say is unknown, never a guess.

Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple


class Match(IntEnum):
    """Ordered so that `min` is AND and `max` is OR."""

    NO = 0
    UNKNOWN = 1
    YES = 2


def all_of(matches: Iterable[Match]) -> Match:
    return min(matches, default=Match.YES)


def any_of(matches: Iterable[Match]) -> Match:
    return max(matches, default=Match.NO)


def sure(truth: bool) -> Match:
    return Match.YES if truth else Match.NO


OPEN = "«release of "
"""In a text of which a part is not known, because nothing names the release: `«release of charts/shop»-web`."""


def same(one: str | None, other: str) -> Match:
    """Whether two texts are alike. What is written alike is alike; a text with an unknown part could be any other."""
    if one == other:
        return Match.YES
    return Match.UNKNOWN if one is not None and (OPEN in one or OPEN in other) else Match.NO


_NO_LABELS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Requirement:
    """One of `matchExpressions`: `operator` is In, NotIn, Exists or DoesNotExist."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> Match:
        value = labels.get(self.key)
        if self.operator in ("In", "NotIn"):
            found = any_of(same(value, wanted) for wanted in self.values)
            return found if self.operator == "In" else Match(Match.YES - found)
        return sure((value is not None) == (self.operator == "Exists"))

    def __str__(self) -> str:
        values = f" ({', '.join(self.values)})" if self.values else ""
        return f"{self.key} {self.operator}{values}"


class LabelSelector(NamedTuple):
    """All of it must match. The empty selector matches everything."""

    labels: Mapping[str, str] = _NO_LABELS
    requirements: tuple[Requirement, ...] = ()

    @property
    def empty(self) -> bool:
        return not self.labels and not self.requirements

    def matches(self, labels: Mapping[str, str] | None) -> Match:
        """`labels` None means that nobody said what the labels are."""
        if not self.labels and not self.requirements:
            return Match.YES
        if labels is None:
            return Match.UNKNOWN
        wanted = Match.YES
        for key, value in self.labels.items():
            found = labels.get(key)
            if found != value:
                wanted = same(found, value)
                if wanted is Match.NO:
                    return Match.NO
        if not self.requirements:
            return wanted
        return min(wanted, all_of(requirement.matches(labels) for requirement in self.requirements))

    def __str__(self) -> str:
        if self.empty:
            return "all pods"
        return ", ".join([*(f"{k}={v}" for k, v in self.labels.items()), *map(str, self.requirements)])


def parse(data: Any) -> LabelSelector:
    """Reads a LabelSelector as it stands in a manifest; label values are strings whatever YAML made of them."""
    if not isinstance(data, Mapping):
        return LabelSelector()
    labels = data.get("matchLabels")
    expressions = data.get("matchExpressions")
    return LabelSelector(
        from_labels(labels).labels if isinstance(labels, Mapping) else {},
        tuple(_requirement(item) for item in expressions if isinstance(item, Mapping))
        if isinstance(expressions, list)
        else (),
    )


def from_labels(labels: Any) -> LabelSelector:
    """A selector from a plain map, as UDS Packages write it."""
    if not isinstance(labels, (dict, Mapping)):
        return LabelSelector()
    return LabelSelector(
        {str(key): value if value.__class__ is str else label_text(value) for key, value in labels.items()}
    )


def label_text(value: Any) -> str:
    """A label value as Kubernetes would see it: booleans and numbers by their YAML spelling."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _requirement(item: Mapping[str, Any]) -> Requirement:
    values = item.get("values")
    return Requirement(
        str(item.get("key", "")),
        str(item.get("operator", "")),
        tuple(label_text(value) for value in values) if isinstance(values, list) else (),
    )
