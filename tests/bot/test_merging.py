"""Who merges what is approved, when, and what keeps it from being merged: pipelines, freezes, pushes."""

from __future__ import annotations

import pytest

from tests.fakes.git_repos import commit
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

    @pytest.mark.parametrize("running", ["created", "pending", "running", "manual", "scheduled", "canceled"])
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
