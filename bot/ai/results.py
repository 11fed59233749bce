"""What the rules found in this turn, numbered: as data for the model, and as the lines that its `{1}` stands for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bot.ai.claims import languages
from bot.ai.told import Look
from skills.core.model import Person, Request, Verdict
from skills.replies import reply

_MOST_VERDICTS = 5


@dataclass(frozen=True, slots=True)
class Result:
    """One look and its number."""

    number: int
    look: Look

    def data(self) -> str:
        """As JSON: what was asked, the decision, and the sentences that the person reads."""
        facts: dict[str, Any] = {"id": self.number, "skill": self.look.skill, "asked": _bare(self.look.fields)}
        decisions = [verdict.decision for verdict in self._verdicts]
        if decisions:
            facts["decision"] = decisions[0] if len(decisions) == 1 else decisions
        facts |= {"says": self.says(), "next": list(self.look.answer.next_steps)}
        return json.dumps(facts, ensure_ascii=False)

    def says(self) -> list[str]:
        return list(reply(self.look.skill, self.look.answer).lines)

    def lines(self, code: str) -> list[str]:
        """The verdicts in the words of a language, written by code; for other skills the first sentence."""
        words = (languages().get(code) or languages()["en"]).verdicts
        return [_line(verdict, words) for verdict in self._verdicts] or self.says()[:1]

    @property
    def _verdicts(self) -> Sequence[Verdict]:
        found: Sequence[Verdict] = self.look.answer.detail.get("verdicts") or ()
        return [verdict for verdict in found if verdict.workload is not None][:_MOST_VERDICTS]


def _bare(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The ask without the pasted text, which the model has already."""
    return {name: value for name, value in fields.items() if name != "text" and value}


def _line(verdict: Verdict, words: Mapping[str, str]) -> str:
    places = [str(hit.place) for layer in verdict.layers for hit in layer.rules]
    places += [str(place) for layer in verdict.denying() for place in layer.isolators]
    where = f" ({places[0]})" if places else ""
    return f"{verdict.workload} → {verdict.destination}: {words[verdict.decision]}{where}"


def theirs(look: Look, who: Person) -> Look:
    """Requests of other people stay out of what a model sees and says; they are asked for with *status*."""
    requests = look.answer.detail.get("requests")
    if not requests:
        return look
    own = [each for each in requests if isinstance(each, Request) and _is_theirs(each, who)]
    detail = {**look.answer.detail, "requests": own}
    return replace(look, answer=replace(look.answer, detail=detail))


def _is_theirs(request: Request, who: Person) -> bool:
    return any(who.is_same(name) for name in (request.asked_by, *request.watchers))
