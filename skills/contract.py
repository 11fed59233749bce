"""What a skill is: a card, a typed ask, a picture of the world, and an answer with effects as values.

The card (`SKILL.md` front matter) and the ask give the command line, slash usage, model tool, help
and the enforced right. A skill computes; it never reads a file, a clock or a network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from typing import Annotated, Any, Literal, Protocol

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict

from skills.core.allowlist import Allowlist
from skills.core.codeowners import owners
from skills.core.errors import AskUnclear
from skills.core.model import (
    Brought,
    Effect,
    Finding,
    Origin,
    Person,
    Place,
    Question,
    Record,
    Request,
)
from skills.core.policy import Level, Policy, Remembered
from skills.core.resources import skill_card
from skills.core.secrets import mask

Who = Literal["anyone", "requester", "approver"]
Changes = Literal["nothing", "merge_request", "decision"]


def masked(text: str) -> str:
    return mask(text).text


Words = Annotated[str, AfterValidator(masked)]
"""What somebody wrote for others to read. It goes to files, to a merge request and to rows, so that a secret which was
pasted with it is gone before anything is made of it."""
ManyWords = Annotated[tuple[str, ...], AfterValidator(lambda texts: tuple(map(masked, texts)))]


class Ask(BaseModel):
    """Base of every skill's ask. Fields with a description become flags, slash words and tool schema."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


@dataclass(frozen=True, slots=True)
class World:
    """All that a skill may know, gathered for one ask by `bot/gather.py`.

    `allowlist` is compiled at one commit; `policy` comes from the target branch. `requests` are those
    of this repository that could matter (open ones, and the one that is named). `drafted` is the
    digest of the draft that this thread was shown last. `origin` gives the commit that last touched a line, as of the
    allowlist's commit: history does not change, so it belongs to the picture as the files do, only looked up late. So
    does `file`, the text of any file there (None: there is none; AskUnclear EGR033: it is no text).
    `brought` asks the forge which merge request brought a commit, where our own records don't know.
    `remembered` gives what was answered about an app before, by question.
    `template` is the repository's own text for merge requests, if it has one.
    `policy_id` is Git's own name (SHA-1) of the policy's text, so that a log can say which one was asked.
    `lag` says that the allowlist may have moved since it was read: the repository does not answer.
    `called` is the repository's name where several are served, and empty where there is only one; `elsewhere` finds a
    request of any of them by its key.
    """

    allowlist: Allowlist
    policy: Policy
    person: Person
    now: datetime
    repository: str
    target: str
    thread: str = ""
    requests: tuple[Request, ...] = ()
    drafted: str | None = None
    origin: Callable[[Place], Origin | None] = lambda _place: None
    template: str | None = None
    lag: Finding | None = None
    policy_id: str = ""
    file: Callable[[str], str | None] = lambda _path: None
    brought: Callable[[str], Brought | None] = lambda _commit: None
    remembered: Callable[[str], Mapping[str, Remembered]] = lambda _workload: {}
    called: str = ""
    elsewhere: Callable[[str], Request | None] = lambda _key: None

    @property
    def standing(self) -> Mapping[str, str]:
        """Which repository it is, where that must be said."""
        return {"repository": self.called} if self.called else {}

    def owners(self, paths: Iterable[str]) -> list[str]:
        """Whom CODEOWNERS names for these files, as it writes them."""
        return owners(self.allowlist.texts, paths)

    def request(self, key: str) -> Request:
        for request in self.requests:
            if request.key.casefold() == key.strip().casefold():
                return request
        raise AskUnclear("EGR432", key=key.strip()[:40])


@dataclass(frozen=True, slots=True)
class Answer:
    """What a skill says.

    `data` is the JSON object of the contract (docs/schema). `findings` lead with the most important.
    `next_steps` are words that a person can type (or press) now. `records` are changes of our own
    rows and `effects` changes of the world; the desk writes both in one transaction.
    """

    data: Mapping[str, Any]
    findings: tuple[Finding, ...] = ()
    questions: tuple[Question, ...] = ()
    next_steps: tuple[str, ...] = ()
    records: tuple[Record, ...] = ()
    effects: tuple[Effect, ...] = ()
    exit_status: int = 0
    detail: Mapping[str, Any] = field(default_factory=dict)

    def among_several(self, repository: str) -> Answer:
        """The answer with the name of the repository that it stands in; which one is meant is asked in none."""
        if any(question.id == "repository" for question in self.questions):
            return self
        return replace(self, data={**self.data, "repository": repository}).aside(
            Finding("EGR1861", {"repository": repository})
        )

    def aside(self, *findings: Finding) -> Answer:
        """The answer with what is said beside it, whatever it says."""
        said = (*self.detail.get("aside", ()), *findings)
        return replace(self, findings=(*self.findings, *findings), detail={**self.detail, "aside": said})


@dataclass(frozen=True, slots=True)
class Card:
    """The front matter of a SKILL.md: what the skill is for, who may use it, what it changes, and the level that a team
    must have for it: that of what it changes, where the card names none."""

    name: str
    description: str
    who: Who
    changes: Changes
    examples: tuple[str, ...]
    body: str
    level: Level


AskType = type[Ask]  # named here, because inside the protocol `Ask` is its own member


class Skill(Protocol):
    """A skill module."""

    @property
    def NAME(self) -> str:
        """The command's name."""

    @property
    def Ask(self) -> AskType:
        """What it takes; flags, slash words and tool schema come from its fields."""

    def run(self, ask: Any, world: World) -> Answer:
        """Computes; never touches the world."""


_LEVELS: Mapping[Changes, Level] = {"nothing": "answer", "merge_request": "propose", "decision": "decide"}


@cache
def card(name: str) -> Card:
    """Reads skills/<name>/SKILL.md."""
    _, front, body = skill_card(name).split("---\n", 2)
    data = yaml.safe_load(front)
    metadata = data["metadata"]
    return Card(
        data["name"],
        data["description"],
        metadata["who"],
        metadata["changes"],
        tuple(metadata["examples"]),
        body.strip(),
        metadata.get("level") or _LEVELS[metadata["changes"]],
    )


def worst(decisions: Sequence[str]) -> str:
    """The decision of several: denied, then undecided, then allowed."""
    for decision in ("denied", "undecided"):
        if decision in decisions:
            return decision
    return "allowed"


EXIT_STATUS = {"allowed": 0, "denied": 3, "undecided": 4}
