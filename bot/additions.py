"""What a language model adds to a turn, after the rule-made answer and never instead of it.

The rules answer at once. Where the model may add something, the replies carry `later`; whoever shows them calls it
when they are shown. What it adds is remembered as if the person had asked so, unless the thread went on meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Protocol

from bot.ai.told import Added, Emit, Look, Stopped, Told, never, nothing
from bot.turns import Replies, Turn, kept, new_subject, remember
from bot.world.memory import Memory
from skills.core.commands import Heard
from skills.core.errors import Outdated
from skills.core.model import Finding
from skills.core.secrets import mask
from skills.replies import Reply, problem

MODEL = "a language model"
_SUBJECT = ("for", "remove", "default_deny")


class Assistant(Protocol):
    """The model's side, as bot/ai makes it; another one could stand in its place."""

    def wants(self, told: Told) -> str | None: ...

    def add(self, told: Told, why: str, emit: Emit, stopped: Stopped) -> Added: ...


class Additions:
    def __init__(
        self,
        assistant: Assistant,
        memory: Memory,
        clock: Callable[[], datetime],
    ) -> None:
        self._assistant = assistant
        self._memory = memory
        self._clock = clock

    def offered(self, turn: Turn, replies: Sequence[Reply]) -> Replies:
        """The replies, with `later` where the model may add something; then they say so, if the rules were unsure."""
        workloads, environments = turn.names
        told = Told(
            mask(turn.words).text,
            turn.who,
            turn.where,
            turn.verb,
            dict(turn.state),
            workloads,
            environments,
            turn.answers,
        )
        made = Replies(replies)
        why = self._assistant.wants(told)
        if why is None:
            return made
        if why == "understand" and made and not turn.answers:
            made[-1] = replace(made[-1], lines=(*made[-1].lines, *problem(Finding("EGR1700")).lines))
        made.later = partial(self._add, turn, told, why)
        return made

    def _add(self, turn: Turn, told: Told, why: str, emit: Emit = nothing, stopped: Stopped = never) -> list[Reply]:
        added = self._assistant.add(told, why, emit, stopped)
        if stopped():
            return []
        self._remember(told, added, turn.version)
        return list(added.replies)

    def _remember(self, told: Told, added: Added, version: int) -> None:
        """As little as the next turn needs. A thread that went on meanwhile keeps what it has."""
        turn = Turn(told.words, told.who, told.where, dict(self._memory.thread(told.where.thread).state))
        for look in added.looks:
            if look.skill in ("check", "diagnose", "draft"):
                _speak_of(turn, look)
        if added.asking:
            known = {"for": added.asking.get("for"), "to": list(added.asking.get("to") or ())}
            turn.state |= {name: value for name, value in known.items() if value}
            turn.state |= {"asking": added.asking["asking"]} if added.asking.get("asking") else {}
        now = self._clock()
        try:
            with self._memory.transaction() as tx:
                tx.save_thread(told.where.thread, turn.state, version, now)
                tx.add_turn(told.where.thread, MODEL, "", kept(added.replies), now)
        except Outdated:
            return


def _speak_of(turn: Turn, look: Look) -> None:
    """The thread's subject. What a model had drafted was not shown on somebody's word: its digest is not kept."""
    new_subject(turn.state, Heard("reply"))
    turn.state.pop("asking", None)
    turn.state |= {name: look.fields[name] for name in _SUBJECT if look.fields.get(name)}
    turn.state |= {"to": list(look.fields.get("to") or ())}
    if look.skill == "diagnose":
        turn.state["text"] = turn.words
    if look.skill != "draft":
        remember(turn, look.skill, look.answer)
