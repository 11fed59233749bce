"""Several services: one dies in the middle, one stands still and goes on, a new version comes, one too many on SQLite."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from bot.lifecycle import InlineRunner
from tests.bot import test_crash
from tests.durable.services import QUICK, Orders, Service, app_in, one_of_everything, passed, the_request, until
from tests.fakes.postgres import Postgres

Start = Callable[[Orders], Service]


@pytest.fixture
def shared_database(postgres: Postgres) -> Iterator[str]:
    url = postgres.fresh()
    yield url
    postgres.give_back(url)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[str, Orders], Service]]:
    """Starts a service that is up when it is given back, and is gone when the test is over."""
    with ExitStack() as gone:

        def start(url: str, orders: Orders) -> Service:
            service = Service(tmp_path, url, orders)
            gone.callback(service.kill)
            said = service.says()
            assert isinstance(said, tuple)
            assert said[0] == "up", said
            return service

        yield start


def test_one_of_three_dies_in_the_middle_of_a_step(
    tmp_path: Path, shared_database: str, start: Callable[[str, Orders], Service]
) -> None:
    app = app_in(tmp_path, shared_database)
    a = start(shared_database, Orders("a", act="propose", stop_at="performed"))
    until(a.stands, "a is in the middle of it")
    start(shared_database, Orders("b"))
    start(shared_database, Orders("c"))
    a.kill()
    until(lambda: app.requests() and the_request(app).state == "waiting", "waiting")
    one_of_everything(app, "waiting")
    # Stopping takes a moment, in which the result of the step may still be kept: then nobody repeats it.
    assert len(passed(tmp_path, "perform")) <= 2, "one of the survivors goes on, not both"


@pytest.mark.parametrize("point", ["perform", "performed"])
def test_one_that_stood_still_goes_on_and_does_no_harm(
    tmp_path: Path, shared_database: str, start: Callable[[str, Orders], Service], point: str
) -> None:
    app = app_in(tmp_path, shared_database)
    a = start(shared_database, Orders("a", act="propose", stop_at=point))
    until(a.stands, "a stands still")
    start(shared_database, Orders("b"))
    until(lambda: app.requests() and the_request(app).state == "waiting", "b went on with it")
    assert a.stands()
    one_of_everything(app, "waiting")
    a.signal(signal.SIGCONT)
    assert a.says() == ("done", 0, None)
    until(lambda: passed(tmp_path, "performed").count("a") == 1, "a went on too")
    until(lambda: len(app.memory.replicas(app.repository)) == 2, "a beats again")
    one_of_everything(app, "waiting")
    a.signal(signal.SIGTERM)
    assert a.died() == 0


@pytest.mark.parametrize("point", ["begin", "performed"])
def test_a_new_version_goes_on(
    tmp_path: Path, database: str, start: Callable[[str, Orders], Service], point: str
) -> None:
    app = app_in(tmp_path, database)
    old = start(database, Orders("old", act="propose", die_at=point))
    assert old.died() == -9
    start(database, Orders("new", version="2"))
    until(lambda: the_request(app).state == "waiting", "waiting")
    one_of_everything(app, "waiting")
    assert test_crash.decide(app).problem is None
    one_of_everything(app, "merged")


def test_the_second_on_sqlite_is_refused_until_the_first_is_gone(
    tmp_path: Path, start: Callable[[str, Orders], Service]
) -> None:
    url = f"sqlite:///{tmp_path / 'home' / 'postern.db'}"
    first = start(url, Orders("first"))
    second = Service(tmp_path, url, Orders("second"))
    said = second.says()
    assert isinstance(said, tuple)
    assert said[0] == "refused"
    assert "works on the database" in said[1]
    assert second.died() == 0
    first.kill()
    start(url, Orders("third"))


def test_a_command_line_writes_rows_and_the_service_carries_them_out(
    tmp_path: Path, database: str, start: Callable[[str, Orders], Service]
) -> None:
    app = app_in(tmp_path, database)
    start(database, Orders("service"))
    assert isinstance(app.runner, InlineRunner)
    handled = test_crash.propose(app)
    assert handled.problem is None
    assert handled.answer.data["url"] == the_request(app).url
    assert not [finding for finding in handled.answer.findings if finding.code == "EGR071"]
    assert passed(tmp_path, "perform") == ["service"]
    one_of_everything(app, "waiting")


def test_what_hangs_is_handed_over_at_the_end(
    tmp_path: Path, shared_database: str, start: Callable[[str, Orders], Service]
) -> None:
    app = app_in(tmp_path, shared_database)
    patient = replace(QUICK, timeout=3600)
    a = start(shared_database, Orders("a", act="propose", hang_at="perform"))
    until(lambda: passed(tmp_path, "perform") == ["a"], "a hangs")
    start(shared_database, Orders("b", pace=patient))
    a.signal(signal.SIGTERM)
    assert a.died() == 1, "it says that something did not end"
    until(lambda: the_request(app).state == "waiting", "b goes on, without any timeout")
    one_of_everything(app, "waiting")


def test_a_forge_that_was_away_is_tried_again_and_people_are_told(
    tmp_path: Path, start: Callable[[str, Orders], Service]
) -> None:
    url = f"sqlite:///{tmp_path / 'home' / 'postern.db'}"
    app = app_in(tmp_path, url)
    began = time.monotonic()
    service = start(url, Orders("service", act="propose", away=1))
    assert service.says() == ("done", 7, "EGR453")
    until(lambda: the_request(app).state == "waiting", "tried again by itself")
    assert time.monotonic() - began > 2, "not at once"
    one_of_everything(app, "waiting")
    request = the_request(app)
    (told,) = [post.payload["code"] for post in app.memory.news(request.key)]
    assert told == "EGR072"
