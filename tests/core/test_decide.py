"""decide: bound to the digest that was shown, each approver once, holds respected."""

from __future__ import annotations

from dataclasses import replace

import pytest

from skills.contract import World
from skills.core import life
from skills.core.errors import AskUnclear, Mendable, NotAllowed, Outdated
from skills.core.model import (
    Decided,
    MergeRequestDecision,
    MoveRequest,
    Person,
    Request,
)
from skills.decide import skill as decide
from tests.worlds import COMMIT, world

POLICY = """
version: 1
groups: {security: [sam@x.example, ines@x.example, ola@x.example]}
approval: [{paths: ["**"], groups: [security], needed: 2}]
"""
DIGEST = "d" * 64
REQUEST = Request(
    "EG-AAAAAAA", "waiting", 3, "app", ("h:443",), DIGEST, COMMIT, "egress/EG-AAAAAAA", "dana@x.example", "why", None,
    "2026-11-21T09:00:00+00:00", ("a.yaml",), commit="abc", number=1,
)  # fmt: skip


def view(who: str, **changes: object) -> World:
    made = replace(REQUEST, **changes)  # type: ignore[arg-type]
    return world({"egress-policy.yaml": POLICY}, person=Person(who), requests=[made])


def said(verb: str, who: str, digest: str | None = DIGEST, reason: str = "", **changes: object) -> tuple[str, bool]:
    """The state that the row moves to, and whether the merge request is merged."""
    ask = decide.Ask.model_validate({"key": "EG-AAAAAAA", "verb": verb, "digest": digest, "reason": reason})
    answer = decide.run(ask, view(who, **changes))
    move, *told = answer.records
    assert len(told) == (verb in ("reject", "hold", "resume", "changes")), (
        "a card that changes wakes nobody, so it is said"
    )
    (effect,) = answer.effects
    assert isinstance(move, MoveRequest) and isinstance(effect, MergeRequestDecision)
    assert (move.version, effect.head, effect.digest) == (3, "abc", DIGEST)
    return move.to, effect.merge


def refused(verb: str, who: str, digest: str | None = DIGEST, reason: str = "", **changes: object) -> str:
    with pytest.raises(Mendable) as error:
        said(verb, who, digest, reason, **changes)
    return error.value.code


def approved(*who: str, digest: str = DIGEST) -> tuple[Decided, ...]:
    return tuple(Decided("approve", name, digest) for name in who)


def test_the_last_approval_that_the_policy_needs_merges() -> None:
    assert said("approve", "sam@x.example") == ("waiting", False)
    assert said("approve", "sam@x.example", decisions=approved("ines@x.example")) == ("decided", True)


def test_the_same_person_twice_is_one_approval() -> None:
    assert said("approve", "sam@x.example", decisions=approved("sam@x.example")) == ("waiting", False)


def test_approvals_of_an_older_drawing_do_not_count() -> None:
    stale = approved("ines@x.example", digest="e" * 64)
    assert said("approve", "sam@x.example", decisions=stale) == ("waiting", False)


def test_an_approval_that_became_a_hold_does_not_count() -> None:
    past = (*approved("ines@x.example"), Decided("hold", "ines@x.example", DIGEST))
    assert said("approve", "sam@x.example", decisions=past) == ("waiting", False)


def test_a_hold_is_lifted_only_by_who_put_it() -> None:
    past = (Decided("hold", "ines@x.example", DIGEST),)
    assert refused("approve", "sam@x.example", state="held", decisions=past) == "EGR415"
    assert said("approve", "ines@x.example", state="held", decisions=past) == ("waiting", False)


def test_a_hold_is_taken_back_by_who_put_it_and_then_waits_for_them_too() -> None:
    past = (Decided("hold", "ines@x.example", DIGEST),)
    assert refused("resume", "sam@x.example", state="held", decisions=past) == "EGR415"
    assert said("resume", "ines@x.example", state="held", decisions=past) == ("waiting", False)
    back = replace(REQUEST, waits_for=("ines@x.example",), decisions=(*past, Decided("resume", past[0].by, DIGEST)))
    assert life.waits_for(back) == ("ines@x.example",)


@pytest.mark.parametrize("state", ["waiting", "returned"])
def test_what_is_not_on_hold_has_no_hold_to_take_back(state: str) -> None:
    assert refused("resume", "sam@x.example", state=state) == "EGR1481"


def test_the_hold_of_somebody_who_may_decide_no_more_holds_nobody_up() -> None:
    past = (Decided("hold", "gone@x.example", DIGEST),)
    assert said("approve", "sam@x.example", state="held", decisions=past) == ("waiting", False)


@pytest.mark.parametrize("digest", ["e" * 64, "", "d" * 63])
def test_another_digest_than_the_one_shown_is_refused(digest: str) -> None:
    assert said("approve", "sam@x.example", digest=DIGEST)[0] == "waiting"
    assert refused("approve", "sam@x.example", digest=digest) == "EGR407"


NOT_WAITING = ("drafted", "proposed", "decided", "merged", "confirmed", "rejected", "withdrawn")
DECISIONS = [(state, verb) for state in NOT_WAITING for verb in ("approve", "reject", "hold", "resume")]


@pytest.mark.parametrize(("state", "verb"), [each for each in DECISIONS if each != ("decided", "hold")])
def test_only_what_waits_can_be_decided(state: str, verb: str) -> None:
    """But for a hold of what waits to be merged: tests/bot/test_stopping.py."""
    assert refused(verb, "sam@x.example", reason="because", state=state) == "EGR430"


def test_rejecting_needs_a_reason_and_closes() -> None:
    assert refused("reject", "sam@x.example", reason="  ") == "EGR431"
    assert said("reject", "sam@x.example", reason="no") == ("rejected", False)


@pytest.mark.parametrize("verb", ["approve", "reject", "hold", "resume"])
@pytest.mark.parametrize(
    ("who", "code"), [("dana@x.example", "EGR402"), ("eve@x.example", "EGR403"), ("", "EGR404"), ("security", "EGR403")]
)
def test_the_wrong_person_decides_nothing(verb: str, who: str, code: str) -> None:
    assert refused(verb, who, reason="because") == code


def test_a_key_that_nobody_knows() -> None:
    with pytest.raises(AskUnclear):
        decide.run(decide.Ask.model_validate({"key": "EG-ZZZZZZZ", "verb": "approve"}), view("sam@x.example"))


def test_the_four_failures_have_their_own_exit_status() -> None:
    assert [kind.exit_status for kind in (AskUnclear, NotAllowed, Outdated)] == [2, 5, 6]


def test_on_a_newer_commit_it_has_to_be_drawn_anew() -> None:
    """The proof was made on the base; what else came since may turn it (a registration elsewhere, for example)."""
    assert refused("approve", "sam@x.example", base="b" * 40) == "EGR408"
    assert said("reject", "sam@x.example", reason="no", base="b" * 40) == ("rejected", False)


def test_who_drew_or_asked_as_well_cannot_approve() -> None:
    assert refused("approve", "sam@x.example", watchers=("Sam@X.example",)) == "EGR402"
    earlier = approved("ines@x.example")
    assert said("approve", "sam@x.example", decisions=earlier, watchers=("ines@x.example",)) == ("waiting", False)
