"""Plays a schedule in a town: people act, things break, and in the end all is quiet again.

Whoever got no answer because a replica died asks once more, as Slack does by itself.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from bot.world.memory import LogRow
from skills.core.errors import Unreachable
from tests.fakes.gitlab_server import Fault
from tests.fakes.slack_api import Break
from tests.reliability.replica import Replica, Told
from tests.reliability.schedule import IN_GITLAB, Act, Round, Schedule, Trouble
from tests.reliability.town import USERS, Town, address

_LONGEST = 90.0  # seconds until an act must be answered
_QUIET = 60.0  # seconds in which something must move in the end, until all is quiet
_LATER = 700  # seconds by which clocks go on at each look, past every wait between two tries


class Player:
    def __init__(self, town: Town, schedule: Schedule, seed: int) -> None:
        self.town = town
        self.schedule = schedule
        self._chance = random.Random(f"late {seed}")
        self._shown: dict[int, str] = {}
        self.rested = True
        """Whether all came to rest in the end: what still moves can't be judged."""
        self.logs: list[tuple[LogRow, ...]] = []
        """The audit log as it was seen from time to time."""

    def play(self, told: Callable[[str], object] = lambda _: None) -> None:
        with ThreadPoolExecutor(16) as self._pool:
            for number, each in enumerate(self.schedule.rounds):
                self._round(each)
                if number % 10 == 0:
                    self._look_at_log()
                    told(f"round {number} of {len(self.schedule.rounds)}")
            self.settle()
        self._look_at_log()

    def _look_at_log(self) -> None:
        with suppress(Unreachable):
            self.logs.append(self.town.memory.log(limit=1_000_000))

    # --- a round

    def _round(self, each: Round) -> None:
        town, late = self.town, self.town.late
        town.late = []
        if each.trouble:
            town.history.add("trouble", what=each.trouble.kind, at=each.trouble.at, replica=each.trouble.replica)
            self._break(each.trouble)
        futures = [(act, self._pool.submit(self._act, act)) for act in each.acts]
        unanswered = [act for act, future in futures if future.result(_LONGEST) is None and act.what not in IN_GITLAB]
        town.gitlab.faults.clear()
        town.slack.breaks.clear()
        for replica in town.replicas:
            replica.ask("die", "")
        town.start_the_dead()
        for act in unanswered:
            self._act(act)
        self._chance.shuffle(late)
        for delivery in late:
            delivery()

    def _act(self, act: Act) -> object:
        """None when nobody answered."""
        town, need = self.town, self.schedule.needs[act.request]
        replica = town.replicas[act.replica % len(town.replicas)]
        if act.what in IN_GITLAB:
            return self._in_gitlab(act, replica)
        if act.what == "propose":
            fields: dict[str, Any] = {"for": f"t{need.team}", "to": (need.host,), "reason": "SMS"}
            return self._asked(act, replica, "propose", fields)
        request = town.request_of(act.request, need)
        if request is None:
            town.history.add("skipped", request=act.request, what=act.what)
            return "skipped"
        return self._asked(
            act, replica, "decide", {"key": request.key, "verb": act.what, "reason": "seen", "digest": request.digest}
        )

    def _asked(self, act: Act, replica: Replica, name: str, fields: dict[str, Any]) -> object:
        future: Future[Told | None] = replica.ask("desk", name, fields, address(act.who), self.town.thread(act.request))
        told = future.result(_LONGEST)
        shown = {"state": told.state, "code": told.code, "facts": told.facts} if told else {}
        self.town.history.add("act", request=act.request, what=act.what, who=act.who, by=replica.name, **shown)
        return told

    # --- people in GitLab

    def _in_gitlab(self, act: Act, replica: Replica) -> object:
        town = self.town
        request = town.request_of(act.request, self.schedule.needs[act.request])
        with town.gitlab.lock:
            done = self._did(act, request.number if request else None)
        town.history.add("gitlab", request=act.request, what=act.what, who=act.who, done=done, hook=act.hook)
        if done and request:
            event = "note" if act.what == "comment" else "merge_request"
            about = "merge_request__iid" if event == "note" else "object_attributes__iid"
            user = USERS[act.who]["id"]
            self._tell(act.hook, town.deliver(event, replica, **{about: request.number, "user__id": user}))
        return done

    def _did(self, act: Act, number: int | None) -> bool:
        """What is not possible any more, nobody does."""
        gitlab, who = self.town.gitlab, USERS[act.who]
        found = gitlab.merge_requests.get(number or 0)
        if number is None or found is None or found["state"] != ("closed" if act.what == "reopen" else "opened"):
            return False
        if act.what != "comment" and gitlab.tip(found["source_branch"]) is None:
            return False
        if act.what == "merge" and not gitlab.git("merge-tree", "--write-tree", "main", found["source_branch"]):
            return False
        if act.what == "push":
            self._shown[number] = gitlab.tip(found["source_branch"]) or ""
        if act.what == "put_back" and number not in self._shown:
            return False
        doing: dict[str, Callable[[int], object]] = {
            "push": gitlab.push,
            "put_back": lambda of: gitlab.force(of, self._shown[of]),
            "close": lambda of: gitlab.close_by(of, who),
            "reopen": gitlab.reopen_by,
            "merge": lambda of: gitlab.merge_by(of, who),
            "comment": lambda of: gitlab.comment_by(of, f"Why, asks {act.who}?", who),
            "cut": gitlab.cut_branch,
        }
        doing[act.what](number)
        return True

    def _tell(self, hook: str, delivery: Callable[[], object]) -> None:
        if hook == "late":
            self.town.late.append(delivery)
        for _ in range({"once": 1, "twice": 2}.get(hook, 0)):
            delivery()

    # --- what breaks

    def _break(self, trouble: Trouble) -> None:
        town = self.town
        replica = town.replicas[trouble.replica % len(town.replicas)]
        doing: dict[str, Callable[[], object]] = {
            "kill at a step": lambda: replica.ask("die", trouble.at),
            "kill at a call": lambda: town.gitlab.faults.append(
                Fault(".*", "", -1, after=trouble.at == "after the work", skip=trouble.number, then=replica.kill)
            ),
            "gitlab": lambda: town.gitlab.faults.append(_fault(trouble)),
            "slack": lambda: town.slack.breaks.append(_slack(trouble.at)),
            "clock": lambda: replica.ask("clock", float(trouble.at)),
            "restart": replica.stop,
            "target moves": lambda: self._move_target(replica, trouble.number),
            "webhooks out of nowhere": town.deliver("merge_request", replica, object_attributes__iid=trouble.number),
            "database restarts": lambda: self._pool.submit(town.restart_database),
            "connections break": lambda: self._pool.submit(town.break_connections),
            "standstill": lambda: self._pool.submit(_standstill, replica),
        }
        doing[trouble.kind]()
        town.start_the_dead()

    def _move_target(self, replica: Replica, number: int) -> None:
        with self.town.gitlab.lock:
            tip = self.town.gitlab.tip("main") or ""
            self.town.gitlab.write("main", tip, None, f"Something else {number}")
        self.town.deliver("push", replica)()

    # --- the end

    def settle(self) -> None:
        """Nothing breaks any more, and time passes until nothing is left to do, however long a busy machine takes."""
        town, before, since = self.town, self._moves(), time.monotonic()
        while True:
            town.start_the_dead()
            for replica in town.replicas:
                replica.ask("clock", _LATER).result(_LONGEST)
                polled = replica.ask("poll").result(_LONGEST)
            now = self._moves()
            if now != before or polled is not None:  # a poll that is not over yet
                before, since = now, time.monotonic()
            quiet = now == self._moves() and polled is None and self._is_quiet_within(3.0)
            if quiet or time.monotonic() - since > _QUIET:
                self.rested = quiet
                town.history.add("settled", quiet=quiet, left=self.left())
                return

    def _moves(self) -> int:
        """How much has happened."""
        with suppress(Unreachable):
            return self.town.memory.head()[0] + len(self.town.history.events)
        return -1

    def _is_quiet_within(self, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while self.left() and time.monotonic() < until:
            time.sleep(0.05)
        return not self.left()

    def left(self) -> list[str]:
        """What is still to do."""
        memory = self.town.memory
        with suppress(Unreachable):
            rows = memory.requests(self.town.repository)
            intents = [intent for row in rows for intent in memory.intents_of(row.request.key)]
            left = [intent.key for intent in intents if intent.state in ("todo", "doing")]
            left += [post.key for post in memory.posts_todo(1000, claimed=True)]
            return left + [delivery.key for delivery in memory.deliveries_todo(self.town.repository, 1000)]
        return ["the database"]


def _fault(trouble: Trouble) -> Fault:
    what, _, path = trouble.at.partition(" at ")
    after = what.endswith("after the work")
    times = 1 + trouble.number % 4
    if what == "no answer":
        return Fault(".*", path, 504, hang=3.0, skip=trouble.number % 3)
    if what == "late answer":
        return Fault(".*", path, 504, hang=3.0, late=True, skip=trouble.number % 3)
    status = 0 if what.startswith("reset") else int(what[:3])
    headers = {"Retry-After": "1"} if status == 429 else {}
    return Fault(".*", path, status, after=after, times=times, headers=headers, skip=trouble.number % 3)


def _slack(what: str) -> Break:
    if what == "429":
        return Break("chat.postMessage", 429, "ratelimited", headers={"Retry-After": "1"})
    status = 0 if what.startswith("reset") else 500
    return Break("chat.postMessage", status, "internal_error", after=what.endswith("after the work"))


def _standstill(replica: Replica) -> None:
    """Stopped long enough for others to take over, then it goes on."""
    with suppress(ProcessLookupError):
        os.kill(replica.pid, signal.SIGSTOP)
        time.sleep(3)
        os.kill(replica.pid, signal.SIGCONT)
