"""Builds the World for one ask: the allowlist at a commit, the policy of the target branch, the person, open requests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.world.snapshots import Snapshots, Source
from skills.contract import World
from skills.core.model import Person
from skills.core.model.requests import Request
from skills.core.policy import PATH as POLICY_PATH
from skills.core.policy import read_policy


class Requests(Protocol):
    """Where request rows stand."""

    def requests(self, repository: str) -> tuple[Request, ...]: ...


@dataclass(frozen=True, slots=True)
class Where:
    """The surface and thread that an ask came from."""

    surface: str
    thread: str = ""


class Gather:
    """`source` is what `--config` names; `target` what merge requests are drawn on (None without Git)."""

    def __init__(
        self,
        snapshots: Snapshots,
        source: Source,
        target: Source | None,
        requests: Requests,
        clock: Callable[[], datetime],
    ) -> None:
        self._snapshots = snapshots
        self._source = source
        self._target = target
        self._requests = requests
        self._clock = clock

    def world(self, person: Person, where: Where, *, on_target: bool, drafted: str | None = None) -> World:
        """`on_target` draws on the target branch's newest commit, as everything that is proposed must."""
        read = self._snapshots.read(self._target if on_target and self._target else self._source)
        policy_text = self._snapshots.read(self._target).text(POLICY_PATH) if self._target else read.text(POLICY_PATH)
        return World(
            allowlist=read.allowlist,
            policy=read_policy(policy_text),
            person=person,
            now=self._clock(),
            repository=read.where,
            target=read.branch or "main",
            thread=where.thread,
            requests=self._requests.requests(read.where),
            drafted=drafted,
        )
