"""Two replicas at once: real processes that meet at a barrier in the server, on one database and two homes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from itertools import count

import pytest

from tests.fakes import git_repos
from tests.fakes.gitlab_server import Fault
from tests.faults import people
from tests.faults.people import DANA, ERIN, Office
from tests.faults.stage import Stage

pytestmark = pytest.mark.needs("openssl")
SLOW = pytest.mark.slow
PLACES = {
    "reading": ("GET", "info/refs$"),
    "pushing": ("POST", "git-receive-pack$"),
    "looking": ("GET", "merge_requests$"),
    "opening": ("POST", "merge_requests$"),
}


@pytest.fixture(scope="module")
def needs(stage: Stage) -> Iterator[str]:
    git_repos.commit(stage.gitlab.repository, people.FILES)
    return (f"h{number}.example" for number in count())


def together(stage: Stage, place: str, *acts: tuple[object, ...]) -> list[tuple[int, str | None]]:
    """Exit status and code of each of two who do something at once: they wait for one another at `place`."""
    name = f"{place}-{len(list(stage.folder.iterdir()))}"
    barrier = threading.Barrier(2)

    def meet() -> None:
        with suppress(threading.BrokenBarrierError):
            barrier.wait(15)

    method, path = PLACES[place]
    stage.gitlab.faults[:] = [Fault(method, path, -1, times=2, then=meet)]
    running = []
    for number, given in enumerate(acts):
        home = stage.folder / name / str(number)
        where = Office(stage.gitlab.clone, str(stage.ca), home, stage.folder / name / "postern.db")
        where.app().memory.todo()  # the tables are there before both need them
        running.append(people.started(people.propose, where, *given))
    try:
        outcomes = [told.recv() for _, told in running]
    finally:
        for process, _ in running:
            process.join(30)
        stage.gitlab.faults.clear()
    assert not barrier.broken, "they did not meet"
    stage.office = Office(stage.gitlab.clone, str(stage.ca), stage.folder / name / "0", where.database)
    return outcomes


@pytest.mark.parametrize(
    "place", ["pushing", *(pytest.param(each, marks=SLOW) for each in PLACES if each != "pushing")]
)
def test_the_same_need_by_the_same_person(stage: Stage, needs: Iterator[str], place: str) -> None:
    to = next(needs)
    assert together(stage, place, (to, DANA), (to, DANA)) == [(0, None), (0, None)]
    app = stage.office.app()
    (request,) = app.requests()
    assert (request.state, request.asked_by) == ("waiting", DANA.id)
    assert opened(stage, request.branch) == [request.number]
    assert stage.gitlab.git("rev-list", "--count", f"main..{request.branch}") == "1"


@pytest.mark.parametrize("place", ["reading", pytest.param("opening", marks=SLOW)])
def test_the_same_need_by_two_people(stage: Stage, needs: Iterator[str], place: str) -> None:
    to = next(needs)
    outcomes = together(stage, place, (to, DANA), (to, ERIN))
    assert [status for status, _ in outcomes] == [0, 0]
    app = stage.office.app()
    (request,) = app.requests()
    assert request.state == "waiting"
    assert {request.asked_by, *request.watchers} == {DANA.id, ERIN.id}
    assert opened(stage, request.branch) == [request.number]


@SLOW
def test_different_reasons_for_the_same_need(stage: Stage, needs: Iterator[str]) -> None:
    """Two drawings of one request: one stands, whoever was later is told to look again, and is a watcher then."""
    to = next(needs)
    outcomes = sorted(together(stage, "reading", (to, DANA, "SMS"), (to, ERIN, "voice")), key=str)
    assert outcomes[0] == (0, None)
    assert outcomes[1] in [(0, None), (6, "EGR407")]
    app = stage.office.app()
    (request,) = app.requests()
    assert request.state == "waiting"
    later = ERIN if request.asked_by == DANA.id else DANA
    assert people.propose(app, to, later, "another one").problem is None
    assert app.requests()[0].watchers == (later.id,)
    assert opened(stage, request.branch) == [request.number]


def test_two_needs_in_the_same_file(stage: Stage, needs: Iterator[str]) -> None:
    one, two = next(needs), next(needs)
    assert together(stage, "pushing", (one, DANA), (two, ERIN)) == [(0, None), (0, None)]
    app = stage.office.app()
    first, second = app.requests()
    assert first.key != second.key
    assert [opened(stage, each.branch) for each in (first, second)] == [[first.number], [second.number]]
    assert people.decide(app, first.key).problem is None
    assert one in stage.gitlab.git("show", f"main:{people.MANIFEST}") or two in stage.gitlab.git(
        "show", f"main:{people.MANIFEST}"
    )
    refused = people.decide(app, second.key).problem
    assert refused and refused.finding.code in ("EGR408", "EGR445"), (
        "its file moved: merging it unseen would undo the first"
    )
    assert stage.gitlab.merge_requests[second.number or 0]["state"] == "opened"


def opened(stage: Stage, branch: str) -> list[int]:
    return [number for number, each in stage.gitlab.merge_requests.items() if each["source_branch"] == branch]
