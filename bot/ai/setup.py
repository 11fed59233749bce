"""The model's side from the settings: which model, for whom, within which limits, and where its calls are kept."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from bot.ai.assistant import Assistant, Ledger, Use
from bot.ai.meter import Call, Limits
from bot.ai.told import Told
from bot.desk import Door, attempt
from bot.settings import Settings
from bot.world.memory import Memory
from skills.core.globs import path_matches
from skills.levels import kept_from_model, model_use

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel


def assistant(
    settings: Settings,
    desk: Door,
    memory: Memory,
    clock: Callable[[], datetime],
    instead: Sequence[BaseChatModel] = (),
) -> Assistant:
    """Raises AskUnclear EGR1710 where the budget can't be read. The model is loaded later; `instead` replaces it."""
    return Assistant(
        desk,
        lambda: instead or models(settings),
        Limits.of(settings.model_budget, settings.model_prices),
        ledger(memory, clock),
        Uses(settings, desk),
    )


class Uses:
    """What a model may be sent: by the settings and by the policy of each allowlist; the strictest counts."""

    def __init__(self, settings: Settings, desk: Door) -> None:
        self._settings = settings
        self._desk = desk

    def __call__(self, told: Told) -> Use:
        """Of everything that the turn speaks of. Where a policy can't be read, nothing is sent."""
        worlds, _ = attempt(lambda: self._desk.worlds(told.who, told.where))
        if worlds is None or is_off(self._settings.model_off_for, told):
            return Use("none")
        use = "strict" if is_strict(self._settings) else "full"
        answers = [answer for _, answer in told.answers]
        named = [name for name in (*told.named, told.about) if name]
        much = model_use(worlds, use, named, answers, told.where.channel)
        return Use(much, lambda: kept_from_model(worlds, much))


def models(settings: Settings) -> Sequence[BaseChatModel]:
    """The model and its stand-in."""
    from bot.ai.chat_model import load  # noqa: PLC0415

    return [load(each.name, url=each.url, key=each.key.reveal() if each.key else None) for each in settings.models()]


def ledger(memory: Memory, clock: Callable[[], datetime]) -> Ledger:
    """Calls as rows, so that every replica counts the same budget."""

    def keep(call: Call) -> None:
        with memory.transaction() as tx:
            tx.add_model_call(call.row(), clock())

    def today(team: str) -> tuple[int, int]:
        midnight = clock().replace(hour=0, minute=0, second=0, microsecond=0)
        return memory.model_use(team, midnight)

    return Ledger(keep, today)


def is_strict(settings: Settings) -> bool:
    return settings.model_strict.casefold() in ("yes", "true", "on", "1")


def is_off(who: Collection[str], told: Told) -> bool:
    """Whether this workspace, channel, person, mail domain or workload wants no model."""
    parts = told.where.thread.split(":") if told.where.surface == "slack" else []
    named = [*parts[1:3], told.who.id, told.who.id.rpartition("@")[2], told.about]
    return any(path_matches(pattern.casefold(), name.casefold()) for pattern in who for name in named if name)
