"""A merge that was approved and waits for its pipeline: the policy as it stands when it is merged still has its say."""

from __future__ import annotations

import pytest

from tests.fakes import git_repos
from tests.shops import FILES, Shop

pytestmark = pytest.mark.needs("openssl")
POLICY = FILES["egress-policy.yaml"]
WAITS = ["ci_must_pass"] * 30
FREEZE = 'freeze: [{from: "2026-11-01", zone: UTC, why: the audit}]\n'


@pytest.fixture
def approved(shop: Shop) -> Shop:
    """Sam approved it, and GitLab merges nothing before the pipeline passes."""
    shop.gitlab.statuses = list(WAITS)
    assert shop.decide("approve") == "EGR495"
    assert state(shop) == "decided"
    shop.gitlab.statuses = []
    return shop


def policy(shop: Shop, text: str) -> None:
    git_repos.commit(shop.gitlab.repository, {"egress-policy.yaml": text})


def state(shop: Shop) -> str:
    return shop.row.state


def is_merged(shop: Shop) -> bool:
    return bool(shop.gitlab.merge_requests[1]["state"] == "merged")


def test_it_is_merged_once_the_pipeline_passed(approved: Shop) -> None:
    approved.later()
    assert is_merged(approved) and state(approved) == "merged"


def test_a_freeze_that_began_meanwhile_is_waited_for(approved: Shop) -> None:
    policy(approved, POLICY + FREEZE)
    approved.later()
    assert (is_merged(approved), state(approved)) == (False, "decided")
    policy(approved, POLICY)
    approved.later()
    assert is_merged(approved) and state(approved) == "merged"


@pytest.mark.parametrize(
    "now",
    [
        POLICY + "deny: [b.example]\n",
        POLICY + "widths: {ports: [5432]}\n",
        POLICY.replace("sam@fincorp.example", "ines@fincorp.example"),
        POLICY.replace("groups: [sec]}", "groups: [sec], needed: 2}"),
        POLICY.replace("sam@fincorp.example", ""),
    ],
    ids=["denied now", "too wide now", "who approved may not any more", "two are needed now", "nobody may approve now"],
)
def test_what_the_policy_does_not_permit_any_more_waits_again(now: str, approved: Shop) -> None:
    policy(approved, now)
    approved.later()
    assert not is_merged(approved) and state(approved) == "waiting"
    assert any(approved.key in told or "b.example" in told for told in approved.news), "nobody waits for an answer then"
    policy(approved, POLICY)
    approved.later()
    assert not is_merged(approved), "it is decided anew, not merged by itself later"
    assert approved.decide("approve") == "merged"


def test_another_change_of_the_policy_holds_nothing_up(approved: Shop) -> None:
    policy(approved, POLICY + "deny: [evil.example]\nveto: [sec]\n")
    approved.later()
    assert is_merged(approved) and state(approved) == "merged"


def test_who_pushes_and_puts_it_back_gets_no_merge_of_an_approval_that_is_void(approved: Shop) -> None:
    ours = approved.row.commit
    assert ours
    approved.gitlab.push(1)
    assert approved.follow() == ["EGR007"]
    approved.gitlab.force(1, ours)
    assert approved.follow() == ["EGR008"]
    approved.later()
    assert not is_merged(approved) and state(approved) == "waiting"
    assert approved.decide("approve") == "merged"
