"""What a model may call: the skills whose card changes nothing, and a few ways to hand something back to a person.

Nothing that it gives is believed by itself: a destination or key must stand in the person's words or be what the thread
speaks of, a workload must be one that the allowlist knows. A tool never raises; what is wrong is said to the model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml
from pydantic import ValidationError

from bot.ai.handed import Handed
from bot.ai.outgoing import MOST_RESULT, Outgoing
from bot.ai.results import Result, theirs
from bot.ai.told import Look, Told
from bot.ai.words import Words
from bot.desk import Door
from skills.all_skills import ALL, by_name
from skills.contract import Answer, Card, card
from skills.core.errors import AskUnclear
from skills.core.messages import say
from skills.core.resources import prompt

_MOST_LOOKS = 6
_FIELDS = ("for_", "to", "key", "default_deny", "remove")
"""Of a skill's ask, those that a model may fill: what can be held against the person's words."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A name, what it is for, the JSON Schema of its arguments, and what it does with them."""

    name: str
    says: str
    schema: Mapping[str, Any]
    run: Callable[[Mapping[str, Any]], str]


def cards() -> list[Card]:
    """The cards of the skills that a model may have run."""
    return [about for skill in ALL if (about := card(skill.NAME)).changes == "nothing"]


class Toolbox:
    """The tools of one turn, and what came of them."""

    def __init__(self, desk: Door, told: Told, out: Outgoing) -> None:
        self._desk = desk
        self._told = told
        self._out = out
        self.words = Words(told)
        looks = [theirs(Look(skill, {}, answer), told.who) for skill, answer in told.answers if _says_something(answer)]
        self.results = [Result(number, look) for number, look in enumerate(looks, 1)]
        self.given = len(self.results)
        self.handed = Handed(self.words)

    def tools(self, purpose: str) -> list[Tool]:
        """A turn that only puts into words what is found already gets no tool that looks things up."""
        own = [self._handing(name) for name in _HANDS[purpose]]
        return own if purpose != "understand" else [*(self._looking(each) for each in cards()), *own]

    @property
    def looks(self) -> tuple[Look, ...]:
        """What the model had looked up, without what the rules had answered before."""
        return tuple(result.look for result in self.results[self.given :])

    # --- the tools

    def _looking(self, about: Card) -> Tool:
        says = f"{about.description}\n{about.body}"
        return Tool(about.name, says, _schema(about.name), lambda given: self._look(about.name, given))

    def _handing(self, name: str) -> Tool:
        about = _handed()[name]
        schema = {"type": "object", "properties": about["fields"], "required": about["required"]}
        return Tool(name, str(about["says"]), schema, lambda given: self._hand(name, given))

    def _hand(self, name: str, given: Mapping[str, Any]) -> str:
        return self.handed.take(name, self._opened(given), self.results)

    def _look(self, skill: str, given: Mapping[str, Any]) -> str:
        try:
            fields = self.words.fields(skill, self._opened(given))
            known = next((r for r in self.results if (r.look.skill, r.look.fields) == (skill, fields)), None)
            if known is None and len(self.looks) >= _MOST_LOOKS:
                return "error: enough was looked up in this turn"
            result = known or self._new(skill, fields)
        except AskUnclear as error:
            return f"error: {say(error.finding).says}"
        except ValidationError as error:
            return f"error: {error.errors()[0]['loc']} {error.errors()[0]['msg']}"
        return self._out.data(result.data(), MOST_RESULT)

    def _new(self, skill: str, fields: Mapping[str, Any]) -> Result:
        ask = by_name(skill).Ask.model_validate(fields)
        handled = self._desk.handle(skill, ask, self._told.who, self._told.where, on_target=True)
        if handled.answer is None:
            raise AskUnclear("EGR1712", says=say(handled.findings[0]).says)
        look = theirs(Look(skill, fields, handled.answer), self._told.who)
        result = Result(len(self.results) + 1, look)
        self.results.append(result)
        return result

    def _opened(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments with the real names in place of strict mode's."""
        return dict(_each(given, self._out.opened))


def _says_something(answer: Answer) -> bool:
    """What the rules answered without knowing the workload is no result to build on."""
    verdicts = answer.detail.get("verdicts")
    return bool(answer.detail) and (verdicts is None or all(verdict.workload for verdict in verdicts))


def _each(given: Mapping[str, Any], change: Callable[[str], str]) -> Iterator[tuple[str, Any]]:
    for name, value in given.items():
        if isinstance(value, str):
            yield name, change(value)
        elif isinstance(value, list | tuple):
            yield name, [change(item) for item in value if isinstance(item, str)]
        else:
            yield name, value


_HANDS: Mapping[str, tuple[str, ...]] = {
    "understand": ("ask_back", "refuse", "suggest"),
    "explain": (),
    "guess": ("guess", "ask_back"),
    "justify": ("reason",),
    "summarise": (),
}


@cache
def _handed() -> Mapping[str, Any]:
    loaded: Mapping[str, Any] = yaml.safe_load(prompt("tools.yaml"))
    return loaded


@cache
def _schema(skill: str) -> Mapping[str, Any]:
    """From the skill's own ask; the pasted text is the person's message and no argument."""
    fields = by_name(skill).Ask.model_fields
    whole = by_name(skill).Ask.model_json_schema(by_alias=True)
    names = [info.alias or name for name, info in fields.items() if name in _FIELDS]
    return {
        "type": "object",
        "properties": {
            name: {key: value for key, value in whole["properties"][name].items() if key not in ("positional", "file")}
            for name in names
        },
        "required": [name for name in whole.get("required", ()) if name in names],
    }
