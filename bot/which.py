"""Which of several allowlist repositories a thread speaks of: what was said or answered, else what it spoke of last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import re2

from bot.turns import Turn
from skills.contract import Answer

_WHICH = "repository"
"""The id of the question which of several repositories is meant."""
_END = r"[`'\"]?(?:'s)?(?:[\s,;:!?]|\.(?:\s|$)|$)"
_LEAD = r"(?:\b(?:in|on|for|from|of|mean)\s+)?(?:\bthe\s+)?"
_REPO = r"(?:allowlist\s+)?repo(?:sitory)?"


def named_in(words: str, repositories: Sequence[str]) -> tuple[list[str], str]:
    """The repositories that a message names as such, and the message without these words.

    A bare name is none: it may as well be a workload's.
    """
    if not repositories:
        return [], words
    names = "|".join(re2.escape(name) for name in sorted(repositories, key=len, reverse=True))
    after = rf"{_LEAD}(?:\b{_REPO}[:=]?\s+|--(?:repository|config)[ =]\s*)[`'\"]?({names}){_END}"
    before = rf"{_LEAD}[`'\"]?\b({names}){_END}*\s*(?:{_REPO}|allowlist)\b"
    more = rf"(?:{names})(?:(?:\s*,)?\s+(?:and\s+)?(?:{names}))+"
    several = rf"{_LEAD}\b(?:allowlist\s+)?repo(?:sitorie)?s[:=]?\s+({more}){_END}"
    one, found = re2.compile(f"(?i){names}"), list[str]()
    for pattern in (several, after, before):
        expression = re2.compile(f"(?i){pattern}")
        found += [name for match in expression.finditer(words) for name in one.findall(match[1])]
        words = expression.sub(" ", words)
    known = {name.casefold(): name for name in repositories}
    return list(dict.fromkeys(known[each.casefold()] for each in found)), words.strip()


def note_repository(turn: Turn, repositories: Sequence[str]) -> None:
    """What the message names counts for the workload that it is about; what answers the question is left as it is."""
    named, rest = named_in(turn.words, repositories)
    if named and not turn.asked:
        turn.state |= {"repository": named[0], **({"repositories": named} if len(named) > 1 else {})}
        turn.state.pop("repository_for", None)
        turn.words = rest or named[0]
    known = turn.state.get("in") or turn.state.get("repository_here")
    turn.where = replace(turn.where, prefers=known or turn.where.prefers)


def is_only_a_name(turn: Turn, repositories: Sequence[str]) -> bool:
    """Whether the message says no more than which repository is meant, and nothing asked for it."""
    asking = turn.state.get("asking") or {}
    return asking.get("id") != _WHICH and turn.words == turn.state.get("repository") and turn.words in repositories


def stands_for(turn: Turn, fields: Mapping[str, Any]) -> None:
    """A repository that was named counts as long as the same workload is spoken of."""
    name, subject = turn.state.get("repository") or "", fields.get("for") or fields.get("default_deny")
    if subject and name and not _is_same(turn.state.setdefault("repository_for", subject), subject):
        name = ""
        del turn.state["repository"], turn.state["repository_for"]
    by_key = fields.get("key") or fields.get("redraw")  # a request stands where it stands
    turn.where = replace(turn.where, repository="" if by_key else name)


def _is_same(one: str, other: str) -> bool:
    """The same workload, perhaps in another environment."""
    return one.rpartition(":")[2] == other.rpartition(":")[2]


def keep(turn: Turn, skill: str, fields: Mapping[str, Any], answer: Answer) -> None:
    """Where the answer stands is where the next one is looked for first; what was asked goes on when it is said which
    repository is meant."""
    if stands := answer.data.get("repository"):
        turn.state["in"] = stands
        turn.where = replace(turn.where, prefers=stands)
    if answer.questions and answer.questions[0].id == _WHICH:
        asked = {name: list(value) if isinstance(value, tuple) else value for name, value in fields.items()}
        choices = list(answer.questions[0].choices)
        turn.state["asking"] = {"id": _WHICH, "choices": choices, "again": [skill, asked]}


def chosen(turn: Turn, repository: str) -> tuple[str, Mapping[str, Any]]:
    """The skill and the ask that the question was in the way of."""
    skill, fields = turn.state.pop("asking")["again"]
    turn.state["repository"] = repository
    turn.state.pop("repository_for", None)
    return skill, fields
