"""What is approved and waits to be merged can still be stopped: by a hold, a veto, its asker, an approval taken back."""

from __future__ import annotations

from datetime import timedelta
from threading import Event, Thread
from typing import Any

import pytest

from bot.gather import Where
from skills.core import life
from skills.core.model import Person
from skills.core.policy import read_policy
from tests.fakes.git_repos import commit
from tests.fakes.gitlab_people import INES, SAM
from tests.shops import DANA, FILES, SAMS, Shop

pytestmark = pytest.mark.needs("openssl")

INE, NOOR = Person("ines@fincorp.example"), Person("noor@fincorp.example")
POLICY = """
version: 1
people: {sam@fincorp.example: {gitlab: sam}, ines@fincorp.example: {gitlab: ines}}
groups: {sec: [sam, ines], board: [noor@fincorp.example]}
approval: [{paths: ["**"], groups: [sec]}]
veto: [board]
"""


@pytest.fixture
def approved(shop: Shop) -> Shop:
    """Sam approved it, and its pipeline runs."""
    commit(shop.gitlab.repository, {"egress-policy.yaml": POLICY})
    assert shop.ask("propose", redraw=shop.key) == "waiting"
    shop.gitlab.pipeline(1, "running")
    assert shop.decide("approve") == "EGR495"
    assert shop.row.state == "decided"
    return shop


def passes(shop: Shop) -> str:
    """The pipeline passes, an hour goes by: the state of the merge request."""
    shop.gitlab.pipeline(1, "success")
    shop.later()
    return str(shop.gitlab.merge_requests[1]["state"])


def test_a_hold_stops_it_until_whoever_held_it_approves(approved: Shop) -> None:
    """Also of whoever approved it, who takes that back so."""
    assert approved.decide("hold") == "held"
    assert approved.decide("approve") == "EGR495"
    assert [past.verb for past in approved.row.decisions] == ["approve", "hold", "approve"]
    assert approved.decide("hold", INE) == "held"
    assert passes(approved) == "opened"
    labels = approved.gitlab.merge_requests[1]["labels"]
    assert ("egress::approved" in labels, "egress::needs-approval" in labels) == (False, True)
    assert approved.decide("approve") == "EGR415"
    assert approved.decide("approve", INE) == "merged"


def test_whoever_asked_takes_it_back(approved: Shop) -> None:
    assert approved.ask("withdraw", key=approved.key) == "withdrawn"
    assert passes(approved) == "closed"


WRONG = (
    (DANA, "hold", "EGR402"),
    (DANA, "veto", "EGR402"),
    (SAMS, "veto", "EGR403"),
    (NOOR, "hold", "EGR403"),
    (Person("eve@fincorp.example"), "hold", "EGR403"),
    (Person(""), "hold", "EGR404"),
    (INE, "approve", "EGR430"),
    (INE, "reject", "EGR430"),
    (INE, "changes", "EGR430"),
)


def test_a_veto_ends_it_and_nobody_else_and_nothing_else_stops_it(approved: Shop) -> None:
    for who, verb, told in WRONG:
        assert (who, verb, approved.decide(verb, who)) == (who, verb, told)
    assert approved.ask("withdraw", SAMS, key=approved.key) == "EGR076"
    assert approved.ask("decide", INE, key=approved.key, verb="hold", digest="0" * 64) == "EGR407"
    assert approved.ask("decide", INE, key=approved.key, verb="hold") == "EGR1600"
    assert approved.row.state == "decided"
    assert approved.decide("veto", NOOR) == "rejected"
    found = approved.gitlab.merge_requests[1]
    assert (found["state"], "egress::approved" in found["labels"]) == ("closed", False)
    assert (passes(approved), approved.row.state) == ("closed", "rejected")


def test_what_moves_in_gitlab_is_tried_at_once_and_then_it_is_too_late(approved: Shop) -> None:
    world = approved.app.gather.world(INE, Where("slack", "slack:T1:C1:1.0"), on_target=True)
    approved.gitlab.pipeline(1, "success")
    assert approved.app.memory.due(approved.app.repository, approved.now) == ()
    approved.follow()
    due = approved.app.memory.due(approved.app.repository, approved.now)
    assert [each.kind for each in due] == ["MergeRequestDecision"]
    approved.app.runner.finish_what_was_left()
    assert approved.row.state == "merged"
    assert approved.decide("veto", NOOR) == "EGR430"
    approved.app.desk._gather.world = lambda *_args, **_more: world  # type: ignore[method-assign]
    assert approved.decide("hold", INE) == "EGR1655"  # it was looked at before the merge, and pressed after it
    assert approved.row.state == "merged"


def test_whoever_stops_it_while_it_is_merged_hears_which_of_both_it_was(approved: Shop) -> None:
    """The merge has begun and GitLab is slow: the hold waits a little, and is never recorded over a merge."""
    begun, go_on = Event(), Event()
    merge = approved.app.forge.merge

    def slow(number: int, head: str, by: str) -> Any:
        begun.set()
        assert go_on.wait(20)
        return merge(number, head, by)

    approved.app.forge.merge = slow  # type: ignore[method-assign]
    approved.gitlab.pipeline(1, "success")
    merging = Thread(target=approved.later)
    merging.start()
    assert begun.wait(20)
    told: list[str] = []
    holding = Thread(target=lambda: told.append(approved.decide("hold", INE)))
    holding.start()
    go_on.set()
    merging.join(30)
    holding.join(30)
    assert (told, approved.row.state) in ((["EGR1655"], "merged"), (["EGR077"], "merged"), (["EGR430"], "merged"))
    assert approved.gitlab.merge_requests[1]["state"] == "merged"


class TestApprovedInGitLab:
    @pytest.fixture
    def there(self, shop: Shop) -> Shop:
        """Sam approved it in GitLab and nowhere else; its pipeline runs."""
        commit(shop.gitlab.repository, {"egress-policy.yaml": POLICY})
        assert shop.ask("propose", redraw=shop.key) == "waiting"
        shop.follow()
        shop.gitlab.pipeline(1, "running")
        shop.gitlab.approve_by(1, SAM)
        shop.later()
        assert (shop.row.state, [past.there for past in shop.row.decisions]) == ("decided", ["sam"])
        return shop

    def test_what_is_taken_back_there_stops_it_and_may_be_given_again(self, there: Shop) -> None:
        there.gitlab.approve_by(1, INES)
        there.follow()
        there.gitlab.unapprove_by(1, INES)
        assert there.follow() == ["EGR013"]  # nothing rested on it
        there.gitlab.unapprove_by(1, SAM)
        assert there.follow() == ["EGR013", "EGR1658"]
        assert there.row.state == "waiting"
        assert passes(there) == "opened"
        there.gitlab.approve_by(1, SAM)
        there.later()
        assert there.gitlab.merge_requests[1]["state"] == "merged"

    def test_what_is_taken_back_unheard_is_asked_at_the_merge(self, there: Shop) -> None:
        there.gitlab.unapprove_by(1, SAM)
        there.gitlab.pipeline(1, "success")
        there.now += timedelta(hours=1)
        there.app.runner.finish_what_was_left()
        assert (there.row.state, there.gitlab.merge_requests[1]["state"]) == ("waiting", "opened")


class TestNeverMerged:
    """It is said before it ends, ends once, and a freeze does not count against whoever would merge it."""

    def ending(self, shop: Shop, policy: str = POLICY) -> Shop:
        commit(shop.gitlab.repository, {"egress-policy.yaml": policy})
        assert shop.ask("propose", redraw=shop.key) == "waiting"
        return shop

    def test_what_nobody_merges_is_closed_after_it_was_said(self, shop: Shop) -> None:
        self.ending(shop, POLICY + "merge: {hand_off: board}\ntimers: {request_days: 20, warn_days: 5}\n")
        assert shop.decide("approve") == "decided"
        shop.now += timedelta(days=16)
        shop.app.timers.run()
        assert "is closed in 5 days" in shop.news[-1]
        assert shop.row.state == "decided"
        shop.now += timedelta(days=6)
        shop.app.timers.run()
        assert (shop.row.state, shop.gitlab.merge_requests[1]["state"]) == ("expired", "closed")

    def test_what_postern_can_not_merge_ends_too_and_is_not_merged_afterwards(self, approved: Shop) -> None:
        policy = approved.app.policy()
        later = approved.now + timedelta(days=24)
        (told,) = life.by_time(approved.row, {}, later, policy).told
        assert told.finding.code == "EGR1656"
        frozen = read_policy(FILES["egress-policy.yaml"] + 'freeze: [{from: "2026-11-01", zone: UTC}]\n')
        assert not life.by_time(approved.row, {told.mark: later}, later + timedelta(days=60), frozen)
        for days in (24, 8):
            approved.now += timedelta(days=days)
            approved.app.timers.run()
        assert approved.row.state == "expired"
        assert passes(approved) == "closed"

    def test_who_may_not_approve_any_more_leaves_nothing_to_merge(self, shop: Shop) -> None:
        self.ending(shop, POLICY + "merge: approver\n")
        assert shop.decide("approve") == "decided"
        commit(shop.gitlab.repository, {"egress-policy.yaml": POLICY.replace("[sam, ines]", "[ines]")})
        shop.app.timers.run()
        assert shop.row.state == "waiting"
        assert "egress::approved" not in shop.gitlab.merge_requests[1]["labels"]
