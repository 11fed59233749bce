"""Who merges what is approved, when, and what keeps it from being merged: pipelines, freezes, pushes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from skills.cards import card
from skills.core import life
from skills.core.policy import faults_in
from tests.fakes.git_repos import commit
from tests.fakes.gitlab_people import BOT, INES
from tests.shops import FILES, Shop

pytestmark = pytest.mark.needs("openssl")

POLICY = FILES["egress-policy.yaml"]
SOON = POLICY + 'freeze:\n  - {from: "2026-11-21 09:30", until: "2026-11-21 10:30", zone: UTC, why: audit}\n'


def told(shop: Shop) -> list[str]:
    """What keeps the last effect from being carried out."""
    error = shop.app.memory.intents_of(shop.key)[-1].error
    return [str(error["code"]), str(error["facts"].get("says", ""))] if error else []


class TestPostern:
    """`merge: bot`, which is the default."""

    @pytest.mark.parametrize("running", ["running", "manual", "canceled"])
    def test_it_waits_for_a_pipeline_that_gitlab_does_not_demand(self, running: str, shop: Shop) -> None:
        shop.gitlab.pipeline(1, running)
        assert shop.decide("approve") == "EGR495"
        shop.later()
        assert (shop.row.state, shop.gitlab.merge_requests[1]["state"]) == ("decided", "opened")
        shop.gitlab.pipeline(1, "success")
        shop.later()
        assert shop.row.state == "merged"

    def test_a_pipeline_that_failed_merges_nothing_until_another_one_passed(self, shop: Shop) -> None:
        shop.gitlab.pipeline(1, "failed")
        assert shop.decide("approve") == "EGR495"
        assert told(shop) == ["EGR495", "its pipeline failed"]
        shop.later()
        assert shop.gitlab.merge_requests[1]["state"] == "opened"
        shop.gitlab.pipeline(1, "success")
        shop.later()
        assert shop.row.state == "merged"

    def test_a_pipeline_that_passed_or_was_skipped_holds_nothing_up(self, shop: Shop) -> None:
        shop.gitlab.pipeline(1, "skipped")
        assert shop.decide("approve") == "merged"

    def test_a_freeze_that_began_meanwhile_holds_the_merge_until_it_is_over(self, shop: Shop) -> None:
        commit(shop.gitlab.repository, {"egress-policy.yaml": SOON})
        assert shop.ask("propose", redraw=shop.key) == "waiting"
        shop.gitlab.pipeline(1, "running")
        assert shop.decide("approve") == "EGR495"
        shop.gitlab.pipeline(1, "success")
        shop.later()
        assert (shop.row.state, told(shop)[0]) == ("decided", "EGR1613")
        shop.later()
        assert shop.row.state == "merged"

    def test_a_head_that_moved_while_the_pipeline_ran_is_not_merged(self, shop: Shop) -> None:
        shop.gitlab.pipeline(1, "running")
        assert shop.decide("approve") == "EGR495"
        shop.gitlab.push(1)
        shop.gitlab.pipeline(1, "success")
        shop.later()
        assert (shop.row.state, shop.gitlab.merge_requests[1]["state"]) == ("waiting", "opened")


def leaves(shop: Shop, merge: str, more: str = "") -> None:
    """From now on the policy says who merges; the request is drawn anew on it."""
    groups = POLICY.replace(
        "{sec: [sam@fincorp.example]}", "{sec: [sam@fincorp.example], release: [ines@fincorp.example]}"
    )
    commit(shop.gitlab.repository, {"egress-policy.yaml": f"{groups}merge: {merge}\n{more}"})
    assert shop.ask("propose", redraw=shop.key) == "waiting"
    assert shop.follow() == []


class TestOthers:
    """`merge: approver` and `merge: {hand_off: GROUP}`: Postern says who, follows, and merges nothing."""

    @pytest.mark.parametrize(
        ("merge", "who", "code"),
        [
            ("approver", "sam@fincorp.example", "EGR1650"),
            ("{hand_off: release}", "ines@fincorp.example", "EGR1651"),
        ],
    )
    def test_somebody_merges_in_gitlab_and_postern_follows(self, merge: str, who: str, code: str, shop: Shop) -> None:
        leaves(shop, merge)
        assert shop.decide("approve") == "decided"
        found = shop.gitlab.merge_requests[1]
        assert (found["state"], "egress::approved" in found["labels"]) == ("opened", True)
        told = [post for post in shop.app.memory.news(shop.key) if post.payload["code"] == code]
        assert len(told) == 1
        assert who in shop.news[-1]
        assert found["web_url"] in shop.news[-1]
        assert life.waits_for(shop.row) == (who,)
        assert who in card(shop.row).status.people
        shop.later()
        assert (shop.row.state, found["state"]) == ("decided", "opened")
        shop.gitlab.merge_by(1, INES)
        assert (shop.follow(), shop.row.state) == (["EGR001"], "merged")
        assert life.waits_for(shop.row) == ()

    def test_a_push_in_between_voids_what_was_approved(self, shop: Shop) -> None:
        leaves(shop, "approver")
        assert shop.decide("approve") == "decided"
        shop.gitlab.push(1)
        assert shop.follow() == ["EGR007"]
        assert (shop.row.state, life.waits_for(shop.row)) == ("waiting", ("sam@fincorp.example",))

    def test_whoever_asked_may_still_take_it_back(self, shop: Shop) -> None:
        leaves(shop, "approver")
        assert shop.decide("approve") == "decided"
        assert shop.ask("withdraw", key=shop.key) == "withdrawn"
        assert shop.gitlab.merge_requests[1]["state"] == "closed"

    def test_whoever_has_to_merge_is_reminded_and_nobody_for_what_postern_merges(self, shop: Shop) -> None:
        leaves(shop, "approver")
        assert shop.decide("approve") == "decided"
        row, policy, later = shop.row, shop.app.policy(), shop.now + timedelta(days=4)
        (told,) = life.by_time(row, {}, later, policy).told
        assert (told.finding.code, told.to) == ("EGR1652", ("sam@fincorp.example",))
        assert life.by_time(row, {told.mark: later}, later, policy) == life.NOTHING
        assert life.by_time(replace(row, left_to=None), {}, later, policy) == life.NOTHING

    def test_a_group_that_is_not_declared_is_a_fault(self) -> None:
        (fault,) = faults_in(POLICY + "merge: {hand_off: releases}\n")
        assert "`releases` is not declared" in fault.what
        assert [each.what for each in faults_in(POLICY + "merge: me\n")]


class TestPosternApprovesToo:
    """`bot_approves`: after the decision, as itself, for exactly what was decided."""

    def test_only_where_the_policy_says_so(self, shop: Shop) -> None:
        assert shop.decide("approve") == "merged"
        assert shop.gitlab.approved == {}

    def test_after_the_decision_and_it_is_no_news(self, shop: Shop) -> None:
        leaves(shop, "approver", "bot_approves: true\n")
        assert shop.gitlab.approved == {}
        assert shop.decide("approve") == "decided"
        assert shop.gitlab.approved == {1: [BOT]}
        assert shop.follow() == []

    def test_gitlab_may_refuse_it_and_the_decision_stands(self, shop: Shop) -> None:
        leaves(shop, "bot", "bot_approves: true\n")
        shop.gitlab.bot_may_approve = False
        assert shop.decide("approve") == "merged"
        assert shop.gitlab.approved == {}
