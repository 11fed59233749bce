"""Deliveries outlive whoever works them off: killed before, while and after the truth was read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pytest

from bot.deliveries import REFRESH, STALE
from bot.world.memory import Claims
from tests.fakes.gitlab_server import Fault
from tests.shops import Shop
from tests.worlds import NOW

pytestmark = pytest.mark.needs("openssl")
HINT = {"number": 1, "user": 8}


@dataclass
class Ticks:
    """The monotonic time that deliveries see; a test lets it pass."""

    shop: Shop
    now: float = 0.0

    def until_stale(self) -> None:
        """Looks as a service does, every few seconds."""
        for _ in range(round(STALE / 5)):
            assert self.shop.app.deliveries.due() == {}
            self.now += 5


@pytest.fixture
def ticks(shop: Shop) -> Ticks:
    made = Ticks(shop)
    shop.app.deliveries._claims = Claims(STALE, lambda: made.now)
    return made


def state(shop: Shop, key: str = "k") -> str:
    with shop.app.memory.transaction() as tx:
        assert not tx.add_delivery("", key, "", {}, NOW)
    waiting = shop.app.memory.deliveries_todo(shop.app.repository)
    return next((row.state for row in waiting if row.key == key), "over")


def test_killed_after_the_claim_another_takes_over(shop: Shop, ticks: Ticks) -> None:
    deliveries = shop.app.deliveries
    shop.gitlab.close_by(1)
    deliveries.keep("k", "merge_request", HINT)
    with shop.app.memory.transaction() as tx:
        assert tx.claim_delivery("k", NOW)
    ticks.until_stale()
    ((key, rows),) = deliveries.due().items()
    assert deliveries.work(key, rows)
    assert (shop.row.state, state(shop)) == ("closed", "over")


def test_killed_after_the_row_was_moved_says_nothing_twice(shop: Shop, ticks: Ticks) -> None:
    deliveries = shop.app.deliveries
    shop.gitlab.close_by(1)
    deliveries.keep("k", "merge_request", HINT)
    with shop.app.memory.transaction() as tx:
        tx.claim_delivery("k", NOW)
    assert shop.follow() == ["EGR004"]  # and then it died
    ticks.until_stale()
    for key, rows in deliveries.due().items():
        assert deliveries.work(key, rows)
    assert (len(shop.news), state(shop)) == (1, "over")


def test_two_workers_at_one_delivery_look_once(shop: Shop) -> None:
    deliveries = shop.app.deliveries
    deliveries.keep("k", "merge_request", HINT)
    first, second = deliveries.due(), deliveries.due()
    assert first.keys() == second.keys() == {shop.key}
    assert deliveries.work(shop.key, first[shop.key])
    before = len(shop.gitlab.calls)
    assert deliveries.work(shop.key, second[shop.key])
    assert len(shop.gitlab.calls) == before


def test_many_about_one_request_are_one_look(shop: Shop) -> None:
    deliveries = shop.app.deliveries
    for number in range(20):
        deliveries.keep(f"k{number}", "note", HINT)
    before = len(shop.gitlab.calls)
    for key, rows in deliveries.due().items():
        assert deliveries.work(key, rows)
    assert sum(call.endswith("/merge_requests/1") for call in shop.gitlab.calls[before:]) == 1
    assert deliveries.due() == {}


def test_a_gitlab_that_stays_down_is_not_asked_for_ever(shop: Shop) -> None:
    deliveries = shop.app.deliveries
    deliveries.keep("k", "merge_request", HINT)
    shop.gitlab.faults.append(Fault("GET", "merge_requests/1", 503, times=99))
    done = []
    while due := deliveries.due():
        done += [deliveries.work(key, rows) for key, rows in due.items()]
    assert done == [False] * 5
    assert state(shop) == "over"


def test_a_push_to_the_target_and_one_to_a_request(shop: Shop) -> None:
    deliveries = shop.app.deliveries
    deliveries.keep("a", "push", {"branch": "main", "default": "main"})
    deliveries.keep("b", "push", {"branch": shop.row.branch, "default": "main"})
    deliveries.keep("c", "push", {"branch": "feature", "default": "main"})
    assert sorted(deliveries.due()) == sorted([shop.key, REFRESH])
    assert state(shop, "c") == "over"


def test_what_waits_for_another_service_hides_nothing_and_is_left_to_it(shop: Shop) -> None:
    """Two services on one database: what one can't look at now is often more than anybody reads at once."""
    with shop.app.memory.transaction() as tx:
        for number in range(120):
            tx.add_delivery("another", f"a{number}", "merge_request", {**HINT, "number": 77}, NOW)
    shop.app.deliveries.keep("ours", "merge_request", HINT)
    due = shop.app.deliveries.due()
    assert [row.key for rows in due.values() for row in rows] == ["ours"]
    assert len(shop.app.memory.deliveries_todo("another", 500)) == 120


def test_what_an_older_release_kept_is_looked_at_by_whoever_knows_its_request(shop: Shop) -> None:
    memory, deliveries = shop.app.memory, shop.app.deliveries
    for key, number in (("known", 1), ("unknown", 77)):
        deliveries.keep(key, "merge_request", {**HINT, "number": number})
    with memory.transaction() as tx:
        tx._connection.exec_driver_sql("UPDATE deliveries SET repository = NULL")
    assert [row.key for rows in deliveries.due().values() for row in rows] == ["known"]
    assert [row.state for row in memory.deliveries_todo(shop.app.repository)] == ["todo", "todo"]
    shop.app.deliveries._clock = lambda: NOW + timedelta(days=8)
    deliveries.forget_old()
    assert memory.deliveries_todo(shop.app.repository) == ()


def test_what_is_over_is_forgotten_after_a_week_and_what_waits_is_not(shop: Shop) -> None:
    deliveries = shop.app.deliveries
    deliveries.keep("done", "push", {"branch": "feature"})
    deliveries.keep("waits", "merge_request", HINT)
    deliveries.due()
    shop.app.deliveries._clock = lambda: NOW + timedelta(days=8)
    deliveries.forget_old()
    assert deliveries.keep("done", "push", {"branch": "feature"})
    assert not deliveries.keep("waits", "merge_request", HINT)
