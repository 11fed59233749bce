"""What a turn tells the model's side, and what comes back. Plain values: nothing here knows a surface or a library."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import re2

from bot.gather import Where
from skills.contract import Answer
from skills.core.model import Person
from skills.replies import Reply

_NAME = re2.compile(r"[a-z0-9][a-z0-9._/-]*[a-z0-9]")


@dataclass(frozen=True, slots=True)
class Told:
    """One turn after the rules have answered it.

    `verb` is what the rules heard. `state` is what this thread remembers, `names` and `environments` are those that
    the allowlist knows, `answers` are the skills that ran in this turn, with what they gave.
    """

    words: str
    who: Person
    where: Where
    verb: str = "unclear"
    state: Mapping[str, Any] | None = None
    names: Sequence[str] = ()
    environments: Sequence[str] = ()
    answers: Sequence[tuple[str, Answer]] = ()

    @property
    def known(self) -> Mapping[str, Any]:
        return self.state or {}

    @property
    def by_name(self) -> dict[str, str]:
        """The names by how people write them, in small letters: whole, or what stands behind the last slash."""
        short = {name.rpartition("/")[2].casefold(): name for name in self.names}
        return short | {name.casefold(): name for name in self.names}

    @property
    def named(self) -> set[str]:
        """Those of the names that the words name."""
        known = self.by_name
        return {known[word] for word in _NAME.findall(self.words.casefold()) if word in known}

    @property
    def about(self) -> str:
        """The workload that the thread speaks of, without its environments; empty where there is none."""
        return str(self.known.get("for") or "").rpartition(":")[2]

    @property
    def team(self) -> str:
        """Whose budget it is: the channel's, or where there is none, the person's."""
        parts = self.where.thread.split(":")
        return ":".join(parts[:3]) if self.where.surface == "slack" and len(parts) > 3 else self.who.id


@dataclass(frozen=True, slots=True)
class Look:
    """A skill that the model had run: its name, what it was asked, and the answer that the rules gave."""

    skill: str
    fields: Mapping[str, Any]
    answer: Answer


@dataclass(frozen=True, slots=True)
class Added:
    """What stands below the rule-made answer. `asking` is a question that the thread now waits for.

    `handed` says what was handed back (missing, refused, suggested), `dropped` why sentences were left out.
    """

    replies: tuple[Reply, ...] = ()
    looks: tuple[Look, ...] = ()
    asking: Mapping[str, Any] | None = None
    handed: Mapping[str, str] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()


Emit = Callable[[int, Reply], None]
"""Shows a reply before all of them are there. The same number again is the same reply, with more in it."""


Stopped = Callable[[], bool]
"""Whether whoever asked wants no more of it."""


def nothing(_number: int, _reply: Reply) -> None:
    """For those who wait for the whole."""


def never() -> bool:
    """For those who can't stop it."""
    return False
