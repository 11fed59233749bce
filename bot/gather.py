"""Builds the World for one ask: allowlist at a commit, policy of the target branch, person, open requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from hashlib import sha1

from bot.world.config_repo import Source
from bot.world.snapshots import Snapshots
from skills.contract import World
from skills.core.model import (
    Brought,
    Origin,
    Person,
    Place,
    Request,
)
from skills.core.policy import PATH as POLICY_PATH
from skills.core.policy import TEMPLATE as TEMPLATE_PATH
from skills.core.policy import Policy, Remembered, policy_or_fault

Requests = Callable[[str], tuple[Request, ...]]
"""Gives the requests of a repository, from wherever rows stand."""

History = Callable[[str | None, Sequence[Request]], Callable[[Place], Origin | None]]
"""Gives the history of the lines of one commit."""


Files = Callable[[bool, str | None], Callable[[str], str | None]]
"""Gives the texts of single files: of the target branch or not, as of a commit."""


@dataclass(frozen=True, slots=True)
class Where:
    """The surface and thread that an ask came from."""

    surface: str
    thread: str = ""
    private: bool = False
    """Whether only some people read along there, so that what goes elsewhere goes to more of them."""
    aside: bool = False
    """Whether people go on among themselves there and we read along: then it may be said to somebody else."""
    repository: str = ""
    """Where several are served, the name of the one that was said to be meant."""
    prefers: str = ""
    """The one that is meant unless the workload stands only in another one: what the thread or channel speaks of."""

    @property
    def channel(self) -> str:
        """As a policy writes it: `slack:TEAM:CHANNEL`; empty for what has no channels."""
        return self.thread.rpartition(":")[0] if self.thread.count(":") >= 3 else ""


class Gather:
    """`source` is what `--config` names; `target` what merge requests are drawn on (None without Git)."""

    def __init__(
        self,
        snapshots: Snapshots,
        source: Source,
        target: Callable[[], Source | None],
        requests: Requests,
        clock: Callable[[], datetime],
        history: History,
        files: Files = lambda _on_target, _commit: lambda _path: None,
        brought: Callable[[str], Brought | None] = lambda _commit: None,
        remembered: Callable[[str, str], Mapping[str, Remembered]] = lambda _repository, _app: {},
        called: str = "",
        filled: Callable[[Policy], Policy] = lambda policy: policy,
        elsewhere: Callable[[str], Request | None] = lambda _key: None,
    ) -> None:
        """`called` is the repository's name where several are served, `filled` gives the policy with the groups that
        the forge keeps, looked up when they are asked for; `elsewhere` finds a request of any repository."""
        self._called = called
        self._elsewhere = elsewhere
        self._snapshots = snapshots
        self._source = source
        self._target = target
        self._requests = requests
        self._clock = clock
        self._history = history
        self._files = files
        self._brought = brought
        self._remembered = remembered
        self._filled = filled

    def now(self) -> datetime:
        return self._clock()

    def world(self, person: Person, where: Where, *, on_target: bool, drafted: str | None = None) -> World:
        """`on_target` draws on the target branch's newest commit, as everything that is proposed must."""
        target = self._target() if on_target else None
        read = self._snapshots.read(target or self._source)
        requests = self._requests(read.where)
        return World(
            allowlist=read.allowlist,
            policy=self._filled(policy_or_fault(read.text(POLICY_PATH))),
            person=person,
            now=self._clock(),
            repository=read.where,
            target=read.branch or "main",
            thread=where.thread,
            requests=requests,
            drafted=drafted,
            origin=self._history(read.allowlist.commit, requests),
            template=read.text(TEMPLATE_PATH),
            lag=read.lag,
            policy_id=blob_id(read.text(POLICY_PATH)),
            file=self._files(target is not None, read.allowlist.commit),
            brought=self._brought,
            remembered=cache(lambda app: self._remembered(read.where, app)),  # each step of an ask wants it anew
            called=self._called,
            elsewhere=self._elsewhere,
        )


def blob_id(text: str | None) -> str:
    """The name that Git gives a file of this text, where it counts in SHA-1; empty without one."""
    if text is None:
        return ""
    raw = text.encode("utf-8", "surrogateescape")
    return sha1(b"blob %d\0%s" % (len(raw), raw), usedforsecurity=False).hexdigest()
