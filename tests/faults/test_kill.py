"""kill -9 at every request that Postern sends, before it is answered or after the work was done; then a restart.

The process is real and dies by SIGKILL at the moment when GitLab or Git's server sees request N, for every N.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest

from bot.app import App
from bot.lifecycle import STALE
from tests.fakes import git_repos
from tests.fakes.gitlab_server import Fault
from tests.faults import people
from tests.faults.people import Act, Office
from tests.faults.stage import Stage

pytestmark = pytest.mark.needs("openssl")
LATER = STALE + timedelta(seconds=5)
MOST_REQUESTS = 40


@pytest.fixture(scope="module")
def needs(stage: Stage) -> Iterator[str]:
    """Destinations that nobody has asked for yet."""
    git_repos.commit(stage.gitlab.repository, people.FILES)
    return (f"h{number}.example" for number in count())


def office(stage: Stage, name: str) -> Office:
    home = stage.folder / name
    return Office(stage.gitlab.clone, str(stage.ca), home, home / "postern.db")


def killed_at(stage: Stage, number: int, after: bool, act: Act, where: Office, *given: object) -> bool:
    """Whether there was a request `number` (from 0) to be killed at."""
    process, _ = people.started(act, where, *given)
    assert process.pid

    def kill() -> None:
        os.kill(process.pid or 0, signal.SIGKILL)
        time.sleep(0.05)  # it is gone before anything is answered; only one thread may join it

    with stage.broken(Fault(".*", "", -1 if after else 0, after=after, skip=number, then=kill)) as fault:
        process.join(60)
    assert process.exitcode in (0, -signal.SIGKILL)
    assert (process.exitcode == 0) == (fault.times == 1)
    return fault.times == 0


def proposal(app: App, to: str) -> str:
    """The request after the restart; where nothing was recorded before the kill, it is asked for again."""
    problems = app.runner.finish_what_was_left()
    assert not problems, problems
    if not app.requests():
        assert people.propose(app, to).problem is None
    (request,) = app.requests()
    return request.key


def one_of_everything(stage: Stage, app: App, state: str) -> None:
    (request,) = app.requests()
    assert request.state == state
    numbers = [n for n, each in stage.gitlab.merge_requests.items() if each["source_branch"] == request.branch]
    assert numbers == [request.number]
    assert all(intent.state == "done" for intent in app.memory.intents_of(request.key))
    if state == "merged":
        merges = stage.gitlab.git("rev-list", "--merges", "main", f"--grep=Postern-Request: {request.key}")
        assert merges.split() == [request.commit]
    else:
        assert stage.gitlab.git("rev-list", "--count", f"main..{request.branch}") == "1"
        assert stage.gitlab.tip(request.branch) == request.commit
    bodies = Counter(note["body"] for note in stage.gitlab.notes[numbers[0]])
    assert set(bodies.values()) <= {1}


def propose_killed(stage: Stage, number: int, after: bool, to: str) -> bool:
    where = office(stage, f"propose-{number}-{after}")
    if not killed_at(stage, number, after, people.propose, where, to):
        return False
    app = where.app(LATER)
    proposal(app, to)
    one_of_everything(stage, app, "waiting")
    return True


def decide_killed(stage: Stage, number: int, after: bool, to: str) -> bool:
    where = office(stage, f"decide-{number}-{after}")
    key = proposal(where.app(), to)
    if not killed_at(stage, number, after, people.decide, where, key):
        return False
    app = where.app(LATER)
    assert not app.runner.finish_what_was_left()
    if app.requests()[0].state == "waiting":
        assert people.decide(app, key).problem is None
    one_of_everything(stage, app, "merged")
    assert [decision.by for decision in app.requests()[0].decisions] == [people.SAM.id]
    return True


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True], ids=["before the work", "after the work"])
@pytest.mark.parametrize("killed", [propose_killed, decide_killed])
def test_at_every_request(stage: Stage, needs: Iterator[str], killed: Act, after: bool) -> None:
    number = next(number for number in range(MOST_REQUESTS) if not killed(stage, number, after, next(needs)))
    assert number > 6, "fewer requests than the work has"


@pytest.mark.parametrize("request_to_die_at", ["git-receive-pack$", "merge_requests$"])
def test_between_the_branch_and_its_merge_request(stage: Stage, needs: Iterator[str], request_to_die_at: str) -> None:
    to = next(needs)
    where = office(stage, "between-" + request_to_die_at.strip("$"))
    process, _ = people.started(people.propose, where, to)
    kill = lambda: os.kill(process.pid or 0, signal.SIGKILL)  # noqa: E731
    with stage.broken(Fault("POST", request_to_die_at, 0, after=True, then=kill)):
        process.join(60)
    assert process.exitcode == -signal.SIGKILL
    app = where.app(LATER)
    assert not app.runner.finish_what_was_left()
    one_of_everything(stage, app, "waiting")


def test_a_claim_of_the_living_is_left_to_them(stage: Stage, needs: Iterator[str], tmp_path: Path) -> None:
    """Restarted at once, another replica's work in progress is not taken from it."""
    to = next(needs)
    where = Office(stage.gitlab.clone, str(stage.ca), tmp_path, tmp_path / "postern.db")
    process, _ = people.started(people.propose, where, to)
    kill = lambda: os.kill(process.pid or 0, signal.SIGKILL)  # noqa: E731
    with stage.broken(Fault("POST", "merge_requests$", 0, then=kill)):
        process.join(60)
    app = where.app()
    assert not app.runner.finish_what_was_left()
    assert [intent.state for intent in app.memory.intents_of(app.requests()[0].key)] == ["doing"]
