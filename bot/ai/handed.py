"""What a model hands back to the person besides sentences: a question, a refusal, a guess, a suggestion, a reason.

Each becomes lines that code writes; of the model's own text only what passed the check of claims is in them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot.ai.prose import checked
from bot.ai.results import Result
from bot.ai.words import Words, is_narrower
from skills.core.errors import AskUnclear
from skills.core.model import Finding
from skills.replies import Reply, problem

MISSING: Mapping[str, str] = {
    "workload": "EGR105",
    "destination": "EGR292",
    "environment": "EGR1713",
    "port": "EGR1714",
    "error_text": "EGR1715",
    "intent": "EGR1716",
}
REFUSALS: Mapping[str, str] = {
    "decide": "EGR1720",
    "write": "EGR1721",
    "secret": "EGR1722",
    "others": "EGR1723",
    "network": "EGR1724",
    "not_egress": "EGR1725",
}
_MOST_CHOICES = 6
_LONGEST = 300  # characters of a reason


class Handed:
    """At most one question, one refusal and one suggestion a turn: the first counts."""

    def __init__(self, words: Words) -> None:
        self._words = words
        self.missing: str | None = None
        self.refused: str | None = None
        self.suggested: str | None = None
        self.choices: list[str] = []
        self.known: dict[str, Any] = {}
        self.replies: list[Reply] = []

    def take(self, name: str, given: Mapping[str, Any], results: Sequence[Result]) -> str:
        """What is said to the model: `noted`, or why not."""
        try:
            made = getattr(self, f"_{name}")(given, results)
        except AskUnclear as error:
            return f"error: {problem(error.finding).lines[0]}"
        if made is None:
            return "error: not taken"
        self.replies.append(made)
        return "noted"

    @property
    def given(self) -> dict[str, str]:
        """What was handed back, in short."""
        found = {"missing": self.missing, "refused": self.refused, "suggested": self.suggested}
        return {name: value for name, value in found.items() if value}

    @property
    def asking(self) -> dict[str, Any] | None:
        """The question that the thread waits for, as the conversation keeps it."""
        if self.missing not in ("workload", "environment"):
            return None
        return {"id": self.missing, "choices": self.choices}

    # --- one method for each tool of prompts/tools.yaml

    def _ask_back(self, given: Mapping[str, Any], _results: Sequence[Result]) -> Reply | None:
        missing = str(given.get("missing"))
        if self.missing or missing not in MISSING:
            return None
        self.known = self._words.fields("check", {name: given.get(name) for name in ("for", "to")})
        look_up = {"workload": self._words.known, "environment": self._words.environment}.get(missing)
        written = [str(each) for each in given.get("choices") or ()]
        self.choices = [found for each in written if look_up and (found := look_up(each))][:_MOST_CHOICES]
        self.missing = missing
        offered = " · ".join(f"{number}) {choice}" for number, choice in enumerate(self.choices, 1))
        says, *do = problem(Finding(MISSING[missing])).lines
        return Reply((says, offered) if offered else (says, *do))

    def _refuse(self, given: Mapping[str, Any], _results: Sequence[Result]) -> Reply | None:
        kind = str(given.get("kind"))
        if self.refused or kind not in REFUSALS:
            return None
        self.refused = kind
        return problem(Finding(REFUSALS[kind]))

    def _guess(self, given: Mapping[str, Any], results: Sequence[Result]) -> Reply | None:
        lines = [
            line
            for name in ("cause", "how_to_tell")
            for line in checked(
                str(given.get(name) or ""), self._words.borne_out, results, self._words.called, "guesses"
            )[:2]
        ]
        return Reply((*problem(Finding("EGR1703")).lines, *lines)) if lines else None

    def _suggest(self, given: Mapping[str, Any], _results: Sequence[Result]) -> Reply | None:
        wide = self._words.destination(str(given.get("instead_of") or ""))
        narrow = str(given.get("destination") or "").strip()
        if not is_narrower(narrow, wide):
            return None
        self.suggested = narrow
        return problem(Finding("EGR1704", {"destination": narrow, "wide": wide}))

    def _reason(self, given: Mapping[str, Any], results: Sequence[Result]) -> Reply | None:
        text, words = str(given.get("text") or "")[:_LONGEST], self._words
        lines = checked(text, words.borne_out, results, words.called, "reasons")
        return problem(Finding("EGR1705", {"reason": " ".join(lines)})) if lines else None
