"""Whoever hears that something is still under way hears how it ended, whoever carries it out and whatever the clock says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.app import App
from bot.desk import Handled, Problem
from bot.gather import Where
from skills.all_skills import by_name
from skills.core.model import Person
from tests.apps import app_on_sample
from tests.worlds import NOW

THREAD = Where("slack", "slack:T1:C1:1.0")
DANA, SAM, INES = (Person(f"{name}@fincorp.example") for name in ("dana", "sam", "ines"))


@dataclass
class Elsewhere:
    """A runner whose work another process does: `carry_out` is that process."""

    app: App
    now: datetime = NOW
    dies: bool = False
    before_it_looks: list[Any] = field(default_factory=list)

    def ready(self) -> None: ...

    def run(self, keys: Sequence[str]) -> Mapping[str, Problem]:
        if self.dies:
            raise KeyboardInterrupt  # as SIGKILL: nothing after this line happens
        for each in self.before_it_looks:
            each()
        return {}

    def carry_out(self) -> None:
        steps, memory = self.app.steps(), self.app.memory
        for intent in memory.todo():
            claimed = steps.claim(intent.key)
            assert claimed
            assert steps.record(claimed.key, claimed.attempts, steps.perform(claimed.key)) is None

    def ask(self, who: Person, name: str, **fields: Any) -> Handled:
        return self.app.desk.handle(name, by_name(name).Ask.model_validate(fields), who, THREAD)

    def approve(self, who: Person) -> Handled:
        (request,) = self.app.requests()
        return self.ask(who, "decide", key=request.key, verb="approve", digest=request.digest)

    def heard(self) -> list[str]:
        """What goes to the thread by itself."""
        return [post.payload["facts"]["state"] for post in self.app.memory.posts_todo() if "code" in post.payload]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Elsewhere]:
    """Dana has asked, and the merge request is open."""
    made = Elsewhere(app_on_sample(tmp_path))
    made.app.clock = lambda: made.now
    made.app.__dict__["runner"] = made
    made.before_it_looks.append(made.carry_out)
    made.ask(DANA, "propose", **{"for": "payment-gateway", "to": ("api.twilio.com",), "reason": "SMS"})
    assert made.app.requests()[0].state == "waiting"
    made.before_it_looks.clear()
    yield made
    made.app.memory.close()


def killed(office: Elsewhere, who: Person) -> None:
    office.dies = True
    with pytest.raises(KeyboardInterrupt):
        office.approve(who)
    office.dies = False


def test_what_is_done_while_its_asker_waits_is_no_news(office: Elsewhere) -> None:
    office.before_it_looks.append(office.carry_out)
    answer = office.approve(SAM).answer
    assert answer and answer.data["state"] == "merged"
    assert office.heard() == []


@pytest.mark.parametrize("who", [SAM, INES], ids=["the same person asks again", "another approver comes later"])
def test_after_a_kill_whoever_was_told_that_it_is_decided_hears_that_it_is_merged(
    office: Elsewhere, who: Person
) -> None:
    killed(office, SAM)
    told = office.approve(who).problem
    assert told and told.finding.facts["state"] == "decided"
    office.carry_out()
    assert office.app.requests()[0].state == "merged"
    assert office.heard() == ["merged"]
    (line,) = [line for line in office.app.memory.log() if line.facts.get("to") == "merged"]
    assert line.facts["codes"] == ["EGR072"], "the log says what was said"


@pytest.mark.parametrize("jump", [timedelta(), timedelta(hours=-1), timedelta(hours=1)], ids=["none", "back", "ahead"])
def test_what_took_longer_than_anybody_waits_is_told_whatever_the_clock_says(
    office: Elsewhere, jump: timedelta
) -> None:
    answer = office.approve(SAM).answer
    assert answer and answer.data["state"] == "decided"
    office.now += jump
    office.carry_out()
    assert office.heard() == ["merged"]


def test_what_was_done_between_the_look_and_the_answer_is_said_as_it_is(office: Elsewhere) -> None:
    killed(office, SAM)
    gather = office.app.desk._gather
    look = gather.world

    def then_merged(*given: Any, **more: Any) -> Any:
        world = look(*given, **more)
        office.carry_out()
        return world

    gather.world = then_merged  # type: ignore[method-assign]
    told = office.approve(INES).problem
    assert told and told.finding.facts["state"] == "merged"
    assert office.heard() == []
