"""Rows as plain values, for everybody who must not know a database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypedDict

from skills.core.model import (
    Edit,
    Need,
    Request,
)

WorkState = Literal["todo", "doing", "done", "failed"]
Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ThreadRow:
    """What a conversation remembers. A thread that was never saved has no state and version 0."""

    id: str
    state: dict[str, Any] = field(default_factory=dict)
    version: int = 0
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class TurnRow:
    """One thing that somebody said, and the answer. `seq` counts from 1 in its thread."""

    thread: str
    seq: int
    who: str
    at: datetime
    said: str
    answer: Json


@dataclass(frozen=True, slots=True)
class DraftRow:
    """A change that was shown. `base` is None for a folder outside Git."""

    digest: str
    thread: str
    repository: str
    base: str | None
    need: Need
    edits: tuple[Edit, ...]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class RequestRow:
    """A request with what only the shell needs to know of it.

    `forge` is what was last seen of its merge request (None: nothing yet), `seen` counts how often something new was.
    """

    request: Request
    repository: str
    facts: Json
    updated_at: datetime
    forge: Json | None = None
    seen: int = 0


class RequestFields(TypedDict, total=False):
    """What a move may change beside the state. Watchers are not among them: they come one by one."""

    destinations: tuple[str, ...]
    digest: str
    base: str
    branch: str
    commit: str | None
    number: int | None
    url: str | None
    reason: str
    until: str | None
    paths: tuple[str, ...]
    waits_for: tuple[str, ...]
    thread: str
    facts: Json
    forge: Json
    pushed: str | None


@dataclass(frozen=True, slots=True)
class IntentRow:
    """Something that must happen. `attempts` counts claims and is the claim's own mark, `holder` is who claimed it.

    `tries` counts what was tried and has to be tried again, not before `due`.
    """

    id: int
    key: str
    kind: str
    payload: Json
    request: str | None
    state: WorkState
    attempts: int
    error: Json | None
    receipt: Json | None
    created_at: datetime
    updated_at: datetime
    holder: str | None = None
    tries: int = 0
    due: datetime | None = None


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """One decision. `head` is the commit that was shown, `version` the request's when it was decided.

    An approval counts in the `round` of the request that it was given in, and in no later one.
    """

    seq: int
    request: str
    verb: str
    by: str
    digest: str
    reason: str
    head: str | None
    version: int
    at: datetime
    round: int = 0
    there: str | None = None


@dataclass(frozen=True, slots=True)
class LogRow:
    """One line of the audit log."""

    seq: int
    at: datetime
    who: str
    where: str
    kind: str
    facts: Json
    hash: str = ""


@dataclass(frozen=True, slots=True)
class PostRow:
    """A chat message that must be sent. `ts` is what the chat called it when it was.

    `version` counts its wordings, `shown` is the one that the chat has; after a `final` one no other is taken.
    """

    id: int
    key: str
    channel: str
    thread: str | None
    payload: Json
    state: WorkState
    attempts: int
    ts: str | None
    created_at: datetime
    updated_at: datetime
    request: str | None = None
    version: int = 1
    shown: int = 0
    final: bool = False
    repository: str | None = None


@dataclass(frozen=True, slots=True)
class Arrival:
    """What the chat says to us, before it is a row. `key` is the same for each repetition; within a `lane` things are
    done one after the other. `payload` is JSON."""

    key: str
    kind: str
    lane: str
    payload: str


@dataclass(frozen=True, slots=True)
class InboxRow:
    """An arrival that was kept. `attempts` counts claims, `holder` claimed it last; once over its payload is empty."""

    id: int
    repository: str
    key: str
    kind: str
    lane: str
    payload: str
    state: WorkState
    attempts: int
    holder: str | None
    due: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class CardRow:
    """One copy of a request's card. `mark` says what was drawn last; `over`: nothing of it will change any more."""

    key: str
    request: str
    channel: str
    mark: str
    over: bool
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """What the forge told us. `payload` is a hint where to look, never what is so. None as `repository`: an older
    Postern kept it."""

    id: int
    key: str
    kind: str
    payload: Json
    state: WorkState
    attempts: int
    created_at: datetime
    updated_at: datetime
    repository: str | None = None


@dataclass(frozen=True, slots=True)
class ReplicaRow:
    """A process that carries out intents of a repository. Its beats go on as long as it lives; `beat` is the last one.

    `taken_by` is the replica that takes over what it left.
    """

    id: str
    repository: str
    version: str
    started: datetime
    beat: datetime
    beats: int
    taken_by: str | None = None
