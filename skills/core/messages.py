"""The catalogue of sentences: a finding's code and facts become what a person reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from skills.core.model import Fact, Finding, Question
from skills.core.resources import template

LEVELS = ("info", "warning", "error")


@dataclass(frozen=True, slots=True)
class Message:
    """One entry of templates/messages.yaml. `says`, `because` and `do` have named holes."""

    code: str
    name: str
    level: str
    says: str
    because: str = ""
    do: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """A finding as a person reads it."""

    code: str
    level: str
    says: str
    because: str = ""
    do: str = ""


class _Holes(dict[str, Fact]):
    """Unknown holes stay visible instead of raising: a missing fact must not hide the finding."""

    def __missing__(self, key: str) -> str:
        return f"({key}?)"


@cache
def catalogue() -> Mapping[str, Message]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    entries: list[dict[str, Any]] = yaml.load(template("messages.yaml"), Loader=loader) or []
    return {entry["code"]: Message(**entry) for entry in entries}


@cache
def _symptoms() -> Mapping[str, str]:
    words: Mapping[str, str] = yaml.safe_load(template("symptoms.yaml"))
    return words


def symptom_words(symptom: str) -> str:
    """A symptom as sentences call it; a name that the list does not know is shown as it is."""
    return _symptoms().get(symptom, symptom.replace("_", " "))


def fill(sentence: str, facts: Mapping[str, Fact]) -> str:
    """Puts facts into holes. Facts are text: braces inside them are never holes again."""
    return sentence.format_map(_Holes(facts))


def say(finding: Finding | Question) -> Said:
    message = catalogue()[finding.code]
    return Said(
        message.code,
        message.level,
        fill(message.says, finding.facts),
        fill(message.because, finding.facts),
        fill(message.do, finding.facts),
    )


def level(finding: Finding) -> str:
    return catalogue()[finding.code].level
