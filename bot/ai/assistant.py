"""What a model adds to a turn that the rules have answered: looks, a question, an explanation; nothing in an outage."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from bot.ai.meter import Breaker, Call, Limits, Meter, Spent
from bot.ai.outgoing import MOST_RESULT, MOST_WORDS, Outgoing
from bot.ai.prose import Prose
from bot.ai.purpose import purpose, remembered
from bot.ai.told import Added, Emit, Look, Stopped, Told
from bot.ai.tools import Toolbox
from bot.desk import Door, attempt
from skills.core.model import Finding
from skills.core.rendering import render_prompt
from skills.core.resources import prompt
from skills.replies import Reply, problem, reply

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

VERSION = 3
"""Raised with every change of what is sent; a test compares the prompts of each version."""
_MOST_NAMES = 80
TASKS = {
    "understand": "find out what the message needs",
    "explain": "explain what was found",
    "guess": "guess at the cause of an error",
    "justify": "propose a reason",
    "summarise": "summarise for approvers",
}


@dataclass(frozen=True, slots=True)
class Ledger:
    """Where calls are kept: writes one, and gives a team's tokens and money (in millionths) of today."""

    keep: Callable[[Call], None]
    today: Callable[[str], tuple[int, int]]


class Use(NamedTuple):
    """What of a turn may be sent (full, strict, none). `hidden` looks up names that may not leave in it all the same,
    for whoever does send something."""

    much: str
    hidden: Callable[[], frozenset[str]] = frozenset


class Assistant:
    """`models` are built when first needed: the model, then its stand-in if there is one."""

    def __init__(
        self,
        desk: Door,
        models: Callable[[], Sequence[BaseChatModel]],
        limits: Limits,
        ledger: Ledger,
        uses: Callable[[Told], Use],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._desk = desk
        self._models = models
        self._loaded: Sequence[BaseChatModel] = ()
        self._limits = limits
        self._ledger = ledger
        self._uses = uses
        self._clock = clock
        self._breaker = Breaker(clock)

    def wants(self, told: Told) -> str | None:
        """Why the model would be asked about this turn; None when it would not, or when its team wants none."""
        found = purpose(told)
        return found if found and self._uses(told).much != "none" else None

    def add(self, told: Told, why: str, emit: Emit, stopped: Stopped) -> Added:
        """Asks the model, and gives what may be shown of it. `emit` gets each reply as soon as it is complete."""
        use = self._uses(told)
        if use.much == "none":  # the policy may have changed since the rules answered
            return Added()
        hidden = use.hidden()
        told = replace(told, names=[name for name in told.names if name not in hidden])
        known = [*told.names, *told.environments, told.who.id]
        out = Outgoing(strict=use.much == "strict", known=known, hidden=hidden)
        turn = _Turn(self, told, why, out, emit, stopped)
        _, fault = attempt(turn.work, outside="the language model")
        if turn.spent:
            turn.show(problem(Finding("EGR1708", {"what": turn.spent.replace("_", " ")})))
        elif fault and not turn.replies:
            turn.show(problem(Finding("EGR1707")))
        return Added(
            tuple(turn.replies), turn.box.looks, turn.asking(), turn.box.handed.given, tuple(turn.prose.dropped)
        )

    def loaded(self) -> Sequence[BaseChatModel]:
        self._loaded = self._loaded or self._models()
        return self._loaded

    def meter(self, told: Told, stopped: Stopped) -> Meter:
        return Meter(self._limits, self._clock, partial(self._ledger.today, told.team), self._breaker, stopped)

    def keep(self, told: Told, why: str, model: str, read: int, written: int, milliseconds: int, outcome: str) -> None:
        money = self._limits.money(read, written)
        where = told.where.thread
        self._ledger.keep(Call(told.team, where, model, version(), why, read, written, money, milliseconds, outcome))

    @property
    def steps(self) -> int:
        return int(self._limits.steps)

    @property
    def desk(self) -> Door:
        return self._desk


class _Turn:
    """One turn's work, so that what was done before a failure is still there."""

    def __init__(self, owner: Assistant, told: Told, why: str, out: Outgoing, emit: Emit, stopped: Stopped) -> None:
        self._owner = owner
        self._told = told
        self._why = why
        self._emit = emit
        self._stopped = stopped
        self._out = out
        self.box = Toolbox(owner.desk, told, out)
        self.prose = Prose(self.box.words.borne_out, self.box.results, self.box.words.called)
        self.replies: list[Reply] = []
        self.spent: str | None = None
        self._prose_at: int | None = None

    def work(self) -> None:
        from bot.ai.agent import Gate, run  # noqa: PLC0415

        meter = self._owner.meter(self._told, self._stopped)
        tools = self.box.tools(self._why)
        gate = Gate(self._out, meter, partial(self._owner.keep, self._told, self._why), tools)
        system, words = request(self._told, self._why, self.box, self._out)
        models = self._owner.loaded()
        shown = 0
        try:
            for piece in _sentences(
                run(models, tools, system, words, gate, most_steps=self._owner.steps, left=lambda: meter.left)
            ):
                shown = self._show_looks(shown)
                if list(self.prose.add(self._out.opened(piece))):
                    self._show_prose()
        except Spent as limit:
            self.spent = limit.limit if limit.limit.startswith("team") else None
            if limit.limit == "breaker":
                raise ConnectionError("left alone after failures") from None
        self._show_looks(shown)
        self._close()

    def _show_looks(self, shown: int) -> int:
        """What the rules say to each look, led by how the model read the words."""
        looks = self.box.looks[shown:]
        if looks and not shown:
            self.show(problem(Finding("EGR664", {"reading": _reading(self.box.looks)})))
        for look in looks:
            self.show(_as_found(look))
        return shown + len(looks)

    def _close(self) -> None:
        for made in self.box.handed.replies:
            self.show(made)

    def show(self, made: Reply) -> None:
        self.replies.append(made)
        self._emit(len(self.replies) - 1, made)

    def _show_prose(self) -> None:
        """The sentences so far; each has passed the check."""
        head = "EGR1706" if self._why == "summarise" else "EGR1702"
        made = Reply((*problem(Finding(head)).lines, *self.prose.lines))
        if self._prose_at is None:
            self._prose_at = len(self.replies)
            self.show(made)
            return
        self.replies[self._prose_at] = made
        self._emit(self._prose_at, made)

    def asking(self) -> dict[str, Any] | None:
        asking, known = self.box.handed.asking, self.box.handed.known
        return {"asking": asking, **known} if asking or known else None


def request(told: Told, why: str, box: Toolbox, out: Outgoing) -> tuple[str, str]:
    """The system prompt and the person's part, before the way out seals them."""
    system = render_prompt("assist.md.j2", nonce=out.nonce, purpose=why, task=TASKS[why])
    parts = [f"purpose: {why}"]
    if facts := remembered(told.known):
        parts.append("thread: " + json.dumps(facts, ensure_ascii=False))
    if why == "understand":
        parts.append("workloads: " + json.dumps(_likely(told.words, told.names), ensure_ascii=False))
        parts.append("environments: " + json.dumps(list(told.environments), ensure_ascii=False))
    parts += ["results:\n" + out.data(result.data(), MOST_RESULT) for result in box.results]
    parts.append("message:\n" + out.data(told.words, MOST_WORDS))
    return system, "\n".join(parts)


def version() -> str:
    """The prompts' version, with a digest of their text."""
    text = "".join(prompt(name) for name in ("limits.md", "assist.md.j2", "tools.yaml"))
    return f"{VERSION}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _likely(words: str, names: Sequence[str]) -> list[str]:
    """Names that share most with the words first, so that a long list is cut at its far end."""
    said = words.casefold()

    def shared(name: str) -> int:
        parts = name.casefold().replace("/", "-").replace("_", "-").split("-")
        return sum(part[:4] in said for part in parts if len(part) > 2)

    return sorted(names, key=lambda name: (-shared(name), name))[:_MOST_NAMES]


def _as_found(look: Look) -> Reply:
    """The rules' own reply. What a model had drafted is opened by nobody before a person has typed *draft*."""
    made = reply(look.skill, look.answer)
    if look.skill != "draft":
        return made
    return replace(made, steps=("draft",), hint=problem(Finding("EGR176")).text, questions=())


def _reading(looks: Sequence[Look]) -> str:
    read = []
    for look in looks:
        to = look.fields.get("to") or ()
        read.append(" → ".join(part for part in (look.fields.get("for") or "", ", ".join(to)) if part) or look.skill)
    return "; ".join(dict.fromkeys(read))


def _sentences(pieces: Iterator[str]) -> Iterator[str]:
    """Whole sentences as soon as they are there."""
    waiting = ""
    for piece in pieces:
        waiting += piece
        while (end := max(waiting.find(f"{sign}{blank}") for sign in ".!?" for blank in " \n")) >= 0 or "\n" in waiting:
            end = end + 1 if end >= 0 else waiting.index("\n")
            yield waiting[: end + 1]
            waiting = waiting[end + 1 :]
    yield waiting
