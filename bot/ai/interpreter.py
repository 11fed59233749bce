"""Loose words to an ask, with a model. Its answer is held against the words: a host that nobody wrote is dropped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot.desk import attempt
from skills.core.commands import Heard
from skills.core.errors import AskUnclear
from skills.core.flow_text import destination
from skills.core.rendering import render_prompt
from skills.core.secrets import mask

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

_MOST_WORDS = 8000
_MOST_NAMES = 200
_INSIDE = frozenset("abcdefghijklmnopqrstuvwxyz0123456789._-:/@")


class Reading(BaseModel):
    """What the model may say. Anything else in its answer is ignored."""

    model_config = ConfigDict(extra="ignore")

    workload: str | None = Field(None, max_length=300)
    environment: str | None = Field(None, max_length=60)
    destinations: tuple[str, ...] = Field((), max_length=20)


class ModelInterpreter:
    """Calls the model with masked words, and believes only what stands in them. Never raises: no answer is None."""

    def __init__(self, model: Callable[[], BaseChatModel]) -> None:
        self._load = model
        self._model: BaseChatModel | None = None

    def __call__(self, words: str, names: list[str]) -> Heard | None:
        masked = mask(words).text[:_MOST_WORDS]
        said = self._ask(masked, names[:_MOST_NAMES])
        return heard(said, masked, names) if said is not None else None

    def _ask(self, words: str, names: Sequence[str]) -> str | None:
        from langchain_core.messages import HumanMessage, SystemMessage  # noqa: PLC0415

        system = render_prompt("understand.md.j2", names=names)
        asked = [SystemMessage(system), HumanMessage(f"<<<message\n{words}\nmessage>>>")]
        # Providers raise classes of their own that share no base; an outage must never cost the rule-made answer.
        answer, _ = attempt(lambda: self._loaded().invoke(asked))
        return None if answer is None else _text(answer.content)

    def _loaded(self) -> BaseChatModel:
        self._model = self._model or self._load()
        return self._model


def heard(said: str, words: str, names: Sequence[str]) -> Heard | None:
    """The model's answer as the rules would have heard it; None when nothing of it stands in the words."""
    start, end = said.find("{"), said.rfind("}")
    try:
        reading = Reading.model_validate_json(said[start : end + 1])
    except ValidationError:
        return None
    known = {name.casefold(): name for name in names} | {name.rsplit("/", 1)[-1].casefold(): name for name in names}
    said_workload = (reading.workload or "").casefold()
    destinations = tuple(item for item in reading.destinations if _is_destination(item, words))
    # Loose words for an app are what the model is for, but only in a need; alone they must not change the subject.
    workload = known.get(said_workload) if destinations or _stands_in(said_workload, words) else None
    environment = reading.environment if reading.environment and _stands_in(reading.environment, words) else None
    if not destinations and not workload:
        return None
    return Heard("check" if destinations else "reply", workload, environment, destinations, by_model=True)


def _is_destination(written: str, words: str) -> bool:
    """Only what the person wrote, and only if it reads as a destination."""
    if not _stands_in(written, words):
        return False
    try:
        destination(written)
    except AskUnclear:
        return False
    return True


def _stands_in(written: str, words: str) -> bool:
    """As a whole word of the person's: a part of an address or of a longer name is another one."""
    wanted, text = written.casefold(), f" {words.casefold()} "
    at = text.find(wanted)
    while wanted and at > 0:
        before, after = text[at - 1], text[at + len(wanted) :]
        if before not in _INSIDE and not _goes_on(after):
            return True
        at = text.find(wanted, at + 1)
    return False


def _goes_on(after: str) -> bool:
    """Whether the word goes on: a full stop or colon counts only when something follows it."""
    return after[0] in _INSIDE and (after[0] not in ".:" or after[1] in _INSIDE)


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content if isinstance(part, dict))
