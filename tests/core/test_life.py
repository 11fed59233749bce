"""The life of a request by itself: what is due, what follows from Git and from what deploys, and what never is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import hypothesis.strategies as st
import pytest
from hypothesis import given

from skills.core import life, waits
from skills.core.errors import AskUnclear
from skills.core.messages import say
from skills.core.model import (
    CLOSED_BY_US,
    ISOLATION,
    OPEN_STATES,
    STANDING_STATES,
    Decided,
    Deployed,
    Request,
    RequestState,
    Review,
)
from skills.core.policy import Policy, Timers, read_policy

DAY = timedelta(days=1)
MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
REQUEST = Request(
    "EG-1", "waiting", 3, "web", ("api.example.com:443",), "d" * 64, "b" * 40, "egress/EG-1", "dana@x.example", "why",
    None, MONDAY.isoformat(), ("a.yaml",), commit="c" * 40, number=1, waits_for=("sam@x.example", "slack:T1:U2"),
)  # fmt: skip
POLICY = Policy({"sec": ("sam@x.example",)}, ())
STATES: tuple[RequestState, ...] = get_args(RequestState)
OVER = [state for state in STATES if state not in (*OPEN_STATES, *STANDING_STATES)]
STANDS = life.stands_mark(REQUEST)


def codes(step: life.Step) -> list[str]:
    for told in step.told:
        said = say(told.finding)
        assert "?)" not in f"{said.says} {said.do}", said
    return [told.finding.code for told in step.told]


class TestReview:
    BROKEN = replace(REQUEST, state="merged", review=Review("sam@x.example", "outage", MONDAY.isoformat()))
    RULES = read_policy(
        'groups: {sec: [sam@x.example, ines@x.example, dana@x.example]}\napproval: [{paths: ["**"], groups: [sec]}]\n'
    )

    def test_whoever_may_review_hears_of_it_again_and_never_who_broke_it_or_asked(self) -> None:
        step = life.by_review(self.BROKEN, {}, MONDAY + 2 * DAY, self.RULES)
        assert codes(step) == ["EGR1654"]
        assert step.told[0].to == ("ines@x.example",)
        again = life.by_review(self.BROKEN, {step.told[0].mark: MONDAY + 2 * DAY}, MONDAY + 2 * DAY, self.RULES)
        assert again == life.NOTHING

    @pytest.mark.parametrize("why", ["reviewed", "at once", "no glass", "weekend"])
    def test_nobody_hears_of_what_is_over_or_fresh(self, why: str) -> None:
        by = "ines@x.example" if why == "reviewed" else ""
        kept = None if why == "no glass" else Review("sam@x.example", "outage", MONDAY.isoformat(), by)
        after = {"at once": 0, "weekend": 5}.get(why, 2) * DAY
        assert life.by_review(replace(self.BROKEN, review=kept), {}, MONDAY + after, self.RULES) == life.NOTHING


def due(
    after: timedelta, said: dict[str, datetime] | None = None, policy: Policy = POLICY, **changes: Any
) -> life.Step:
    return life.by_time(replace(REQUEST, **changes), said or {}, MONDAY + after, policy)


class TestTime:
    def test_a_reminder_goes_to_people_of_the_chat_alone_and_to_the_forge_for_the_others(self) -> None:
        step = due(DAY)
        assert codes(step) == ["EGR078"]
        assert step.told[0].to == REQUEST.waits_for
        (note,) = step.effects
        assert "sam@x.example" in note.text  # type: ignore[union-attr]
        assert due(DAY - timedelta(minutes=1)) == life.NOTHING

    @pytest.mark.parametrize("state", OVER)
    def test_nothing_is_due_for_what_is_over(self, state: RequestState) -> None:
        assert due(400 * DAY, state=state, until="2026-12-01") == life.NOTHING

    def test_what_is_being_merged_needs_nobody_until_it_is_to_end(self) -> None:
        assert due(20 * DAY, state="decided") == life.NOTHING
        (told,) = due(24 * DAY, state="decided").told
        assert (told.finding.code, told.to) == ("EGR1656", ("dana@x.example",))

    def test_the_end_of_a_default_deny_is_said_once_and_its_removal_is_drawn_by_nobody(self) -> None:
        asked: dict[str, Any] = {"state": "in_force", "until": "2026-12-20", "destinations": ISOLATION}
        step = due(20 * DAY, **asked)
        assert (codes(step), step.to, step.ends, step.effects) == (["EGR1673"], None, False, ())
        (told,) = step.told
        assert (
            due(20 * DAY, {told.mark: MONDAY}, **asked) == due(90 * DAY, {told.mark: MONDAY}, **asked) == life.NOTHING
        )
        assert due(2 * DAY, **asked) == life.NOTHING
        assert due(20 * DAY, **{**asked, "destinations": ("api.example.com:443",)}).ends

    @given(st.integers(-4000, 4000), st.sampled_from(STATES), st.booleans())
    def test_said_once_it_is_not_said_again_at_that_moment(self, hours: int, state: RequestState, ends: bool) -> None:
        """Whatever the clock shows: all that is said has a mark, and with it said nothing of it is said again."""
        until = "2026-12-20" if ends else None
        said: dict[str, datetime] = {}
        now = timedelta(hours=hours)
        for _ in range(9):
            step = due(now, said, state=state, until=until)
            if step.to == "expired" or step.ends or not step:
                break
            for told in step.told:
                assert told.mark not in said
                said[told.mark] = MONDAY + now
        else:
            pytest.fail("it never comes to an end")

    @given(st.lists(st.integers(-900, 900), min_size=1, max_size=30))
    def test_no_jump_of_the_clock_closes_what_was_not_announced_seven_days_before(self, jumps: list[int]) -> None:
        said: dict[str, datetime] = {}
        for hours in jumps:
            now = MONDAY + timedelta(hours=hours)
            step = life.by_time(REQUEST, said, now, POLICY)
            if step.to == "expired":
                (closes,) = [at for mark, at in said.items() if mark.startswith("closes:")]
                assert now - closes >= 7 * DAY
                return
            said |= {told.mark: now for told in step.told}

    def test_off_means_off(self) -> None:
        assert due(10 * DAY, policy=replace(POLICY, timers=Timers(reminders=0))) == life.NOTHING

    def test_a_request_that_could_not_be_opened_expires_without_a_merge_request(self) -> None:
        mark = f"closes:{MONDAY:%Y%m%dT%H%M%S}"
        step = due(40 * DAY, {mark: MONDAY + 23 * DAY}, state="drafted", number=None)
        assert (step.to, step.effects) == ("expired", ())


class TestGit:
    def seen(
        self, stands: bool | None, said: dict[str, datetime] | None = None, *others: Request, **changes: Any
    ) -> life.Step:
        request = replace(REQUEST, **{"state": "merged", **changes})
        return life.by_git(request, said or {}, stands, "a" * 40, others, MONDAY + DAY)

    def test_what_nobody_can_tell_moves_nothing(self) -> None:
        for state in (*STANDING_STATES, "removed"):
            assert self.seen(None, {STANDS: MONDAY}, state=state) == life.NOTHING

    def test_a_merge_is_said_when_it_stands_and_not_before(self) -> None:
        assert codes(self.seen(False)) == ["EGR438"]
        assert codes(self.seen(True)) == ["EGR437"]
        assert self.seen(True, {STANDS: MONDAY}) == life.NOTHING

    def test_a_confirmed_one_is_only_noted(self) -> None:
        assert [told.quiet for told in self.seen(True, state="confirmed").told] == [True]

    def test_never_seen_to_stand_it_is_not_taken_back(self) -> None:
        assert self.seen(False, {f"not_yet:{'c' * 12}": MONDAY}) == life.NOTHING

    def test_gone_is_said_as_it_was_meant(self) -> None:
        removal = replace(REQUEST, key="EG-2", remove=True, state="merged")
        assert codes(self.seen(False, {STANDS: MONDAY}, state="in_force")) == ["EGR085"]
        assert codes(self.seen(False, {STANDS: MONDAY}, removal, state="in_force")) == ["EGR090"]
        waiting = replace(removal, state="waiting")
        assert codes(self.seen(False, {STANDS: MONDAY}, waiting, state="in_force")) == ["EGR085"]
        assert codes(self.seen(False, {STANDS: MONDAY}, until="2026-11-22")) == ["EGR090"]

    def test_a_removal_that_stands_is_over(self) -> None:
        step = self.seen(True, remove=True)
        assert (step.to, codes(step)) == ("removed", ["EGR470"])
        assert self.seen(True, {STANDS: MONDAY}, remove=True) == life.Step("removed")
        assert self.seen(True, remove=True, state="removed") == life.NOTHING

    def test_asked_for_anew_the_newer_request_tells_it(self) -> None:
        newer = replace(REQUEST, key="EG-1-2", state="merged")
        assert self.seen(True, state="removed").to == "in_force"
        assert self.seen(True, {}, newer, state="removed") == life.NOTHING


class TestRollout:
    MERGED = replace(REQUEST, state="merged")

    def of(self, *shown: Deployed, said: dict[str, datetime] | None = None) -> life.Step:
        return life.by_rollout(self.MERGED, said or {}, shown)

    def test_only_evidence_counts(self) -> None:
        flux = Deployed("kustomization/apps", "success", deploys=True)
        assert self.of() == life.NOTHING
        assert self.of(flux).to == "rolled_out"
        assert self.of(Deployed("pipeline", "success")).to == "rolled_out"
        assert self.of(Deployed("pipeline", "success"), replace(flux, state="running")) == life.NOTHING
        assert self.of(Deployed("pipeline", "running"), flux).to == "rolled_out"

    def test_a_failure_is_said_once_and_moves_nothing(self) -> None:
        step = self.of(Deployed("pipeline", "failed", "https://x.example/1"))
        assert (step.to, codes(step)) == (None, ["EGR083"])
        assert self.of(Deployed("pipeline", "failed"), said={step.told[0].mark: MONDAY}) == life.NOTHING

    def test_nobody_is_asked_for_ever(self) -> None:
        assert life.wants_rollout(self.MERGED, {STANDS: MONDAY}, MONDAY + DAY)
        assert not life.wants_rollout(self.MERGED, {STANDS: MONDAY}, MONDAY + 4 * DAY)
        assert not life.wants_rollout(self.MERGED, {}, MONDAY + DAY)


class TestWaits:
    @given(st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)), st.integers(0, 100))
    def test_a_week_has_five_working_days_wherever_it_begins(self, naive: datetime, hours: int) -> None:
        start = naive.replace(tzinfo=UTC)
        assert waits.working_days(start, start + 7 * DAY) == pytest.approx(5)
        assert 0 <= waits.working_days(start, start + timedelta(hours=hours)) <= hours / 24 + 1e-9
        assert waits.working_days(start, start - timedelta(hours=hours)) == 0

    def test_the_usual_wait_needs_five_decisions(self) -> None:
        def decided(hours: int) -> Request:
            at = (MONDAY + timedelta(hours=hours)).isoformat()
            return replace(REQUEST, state="merged", decisions=(Decided("approve", "sam", "d", at=at),))

        assert waits.usual_wait(map(decided, (1, 2, 3, 40))) is None
        assert waits.usual_wait(map(decided, (1, 2, 3, 40, 90))) == timedelta(hours=3)
        assert waits.usual_wait([REQUEST] * 9) is None

    def test_whom_it_waits_for(self) -> None:
        held = replace(REQUEST, state="held", decisions=(Decided("hold", "ines", REQUEST.digest),))
        some = replace(REQUEST, decisions=(Decided("approve", "sam@x.example", REQUEST.digest),))
        old = replace(REQUEST, decisions=(Decided("approve", "sam@x.example", "e" * 64),))
        own = replace(REQUEST, watchers=("sam@x.example",))
        assert life.waits_for(held) == ("ines",)
        assert life.waits_for(some) == life.waits_for(own) == ("slack:T1:U2",)
        assert life.waits_for(old) == REQUEST.waits_for
        assert all(life.waits_for(replace(REQUEST, state=state)) == () for state in (*OVER, *CLOSED_BY_US))


class TestPolicy:
    BASE = "groups: {sec: [sam@x.example]}\napproval: [{paths: ['**'], groups: [sec]}]\n"

    def test_timers_and_delegates_are_read(self) -> None:
        policy = read_policy(
            self.BASE + "timers: {request_days: 10, warn_days: 2}\ndelegates: {sec: [ines@x.example]}\n"
        )
        assert (policy.timers.request_days, policy.timers.notice_days) == (10, 14)
        assert policy.stand_ins(["a.yaml"], ["INES@x.example"]) == ()
        assert policy.stand_ins(["a.yaml"], []) == ("ines@x.example",)
        assert policy.approvers(["a.yaml"]) == {"sam@x.example"}

    @pytest.mark.parametrize(
        "more",
        [
            "timers: {request_day: 10}\n",
            "timers: {request_days: 5}\n",  # shorter than the warning
            "timers: {request_days: soon}\n",
            "timers: {notice_days: 0}\n",
            "timers: [1]\n",
            "delegates: {nobody: [ines@x.example]}\n",
            "delegates: {sec: ines}\n",
        ],
    )
    def test_what_can_not_be_meant_is_refused(self, more: str) -> None:
        with pytest.raises(AskUnclear, match="EGR421"):
            read_policy(self.BASE + more)
