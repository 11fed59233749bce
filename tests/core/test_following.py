"""What the forge shows, against what the row says: one table of what moves, what is said, and what stays silent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import hypothesis.strategies as st
import pytest
from hypothesis import given

from skills.core.following import Own, Step, last_lines, opened, step, wants_jobs
from skills.core.messages import say
from skills.core.model.requests import OPEN_STATES, Decided, Request, RequestState
from skills.core.model.seen import Job, Pipeline, Remark, Seen

OURS, THEIRS, MERGED = "a" * 40, "b" * 40, "c" * 40
LABEL = "egress::needs-approval"
REQUEST = Request(
    key="EG-1",
    state="waiting",
    version=2,
    workload="web",
    destinations=("api.example.com:443",),
    digest="d1",
    base="0" * 40,
    branch="egress/EG-1",
    asked_by="dana@fincorp.example",
    reason="SMS",
    until=None,
    since="2026-03-01T12:00:00+00:00",
    paths=("a.yaml",),
    commit=OURS,
    number=1,
    waits_for=("sam@fincorp.example",),
)
BEFORE = opened(OURS, [LABEL])
SEEN = Seen(1, "https://forge.example/1", "opened", OURS, at="t1", labels=(LABEL,), approvals=())
OWN = Own(heads={OURS}, labels={LABEL})
APPROVED = Decided("approve", "sam@fincorp.example", "d1")
STATES: tuple[RequestState, ...] = get_args(RequestState)


def after(
    request: Request = REQUEST, before: Any = BEFORE, own: Own = OWN, jobs: tuple[Job, ...] = (), **seen: Any
) -> Step:
    if seen.pop("by_us", False):
        seen["own"] = True
    return step(request, before, replace(SEEN, **seen), own, jobs)


def codes(made: Step) -> list[str]:
    for item in made.news:
        assert "{" not in say(item.finding).says
    return [item.finding.code for item in made.news]


def test_nothing_new_is_nothing() -> None:
    made = after(before=after().mirror)
    assert (made.to, made.news, made.void, made.pushed) == (None, (), False, None)
    assert made.mirror == after(before=made.mirror).mirror


class TestMerged:
    def by(self, state: RequestState, **seen: Any) -> Step:
        return after(replace(REQUEST, state=state), **{"state": "merged", "merged_commit": MERGED, "by": "sam", **seen})

    @pytest.mark.parametrize("state", ["waiting", "held", "closed", "rejected", "withdrawn", "superseded", "drafted"])
    def test_without_a_decision(self, state: RequestState) -> None:
        made = self.by(state)
        assert (made.to, codes(made)) == ("merged", ["EGR002"])
        assert made.news[0].mark == MERGED

    def test_after_the_decision_here(self) -> None:
        made = self.by("decided")
        assert (made.to, codes(made)) == ("merged", ["EGR001"])

    def test_another_commit_than_was_shown(self) -> None:
        made = self.by("decided", head=THEIRS)
        assert (made.to, codes(made)) == ("merged", ["EGR003"])

    @pytest.mark.parametrize("state", ["merged", "confirmed"])
    def test_what_the_row_says_already(self, state: RequestState) -> None:
        made = self.by(state)
        assert (made.to, codes(made)) == (None, [])

    def test_our_own_merge_is_silent_while_it_is_under_way_and_afterwards(self) -> None:
        decided = replace(REQUEST, state="decided")
        under_way = after(decided, own=replace(OWN, under_way={"merge"}), state="merged", by="postern", by_us=True)
        assert (under_way.to, codes(under_way)) == (None, [])
        left = after(decided, state="merged", by="postern", by_us=True)
        assert (left.to, codes(left)) == ("merged", [])

    def test_somebody_else_merges_while_ours_waits(self) -> None:
        decided = replace(REQUEST, state="decided")
        made = after(decided, own=replace(OWN, under_way={"merge"}), state="merged", by="sam")
        assert (made.to, codes(made)) == ("merged", ["EGR001"])


class TestClosedAndReopened:
    @pytest.mark.parametrize("state", ["waiting", "held", "decided", "drafted", "proposed", "failed"])
    def test_closed_outside(self, state: RequestState) -> None:
        made = after(replace(REQUEST, state=state), state="closed", by="ines")
        assert (made.to, codes(made)) == ("closed", ["EGR004"])
        assert "ines" in say(made.news[0].finding).says

    @pytest.mark.parametrize("state", ["rejected", "withdrawn", "superseded", "closed", "merged", "confirmed"])
    def test_what_is_over_is_closed_without_a_word(self, state: RequestState) -> None:
        made = after(replace(REQUEST, state=state), state="closed", by="postern", by_us=True)
        assert (made.to, codes(made)) == (None, [])

    @pytest.mark.parametrize(("was", "to"), [("waiting", "waiting"), ("held", "held"), ("decided", "waiting")])
    def test_reopened_as_it_was_but_never_as_decided(self, was: RequestState, to: RequestState) -> None:
        closed = after(replace(REQUEST, state=was), state="closed", by="ines", at="t2")
        made = after(replace(REQUEST, state="closed"), closed.mirror, at="t3")
        assert (made.to, codes(made)) == (to, ["EGR005"])

    @pytest.mark.parametrize("state", ["rejected", "withdrawn", "superseded"])
    def test_reopening_undoes_no_decision(self, state: RequestState) -> None:
        over = replace(REQUEST, state=state)
        closed = after(over, state="closed", by_us=True)
        made = after(over, closed.mirror, at="t3")
        assert (made.to, codes(made)) == (None, ["EGR006"])
        assert codes(after(over, made.mirror, at="t3")) == []

    def test_a_rejection_whose_closing_is_still_under_way_was_not_reopened(self) -> None:
        rejected = replace(REQUEST, state="rejected")
        assert codes(after(rejected, own=replace(OWN, under_way={"close"}))) == []
        assert codes(after(rejected)) == []


class TestPushed:
    @pytest.mark.parametrize(("state", "to"), [("waiting", None), ("held", None), ("decided", "waiting")])
    def test_a_foreign_head_voids_approvals_and_says_whose(self, state: RequestState, to: RequestState | None) -> None:
        made = after(replace(REQUEST, state=state, decisions=(APPROVED,)), head=THEIRS)
        assert (made.to, made.void, made.pushed, codes(made)) == (to, True, THEIRS, ["EGR007"])
        assert "sam@fincorp.example" in say(made.news[0].finding).says

    def test_it_is_said_once_and_another_push_is_another(self) -> None:
        first = after(head=THEIRS)
        pushed = replace(REQUEST, pushed=THEIRS)
        again = after(pushed, first.mirror, head=THEIRS)
        assert (again.void, again.pushed, codes(again)) == (False, THEIRS, [])
        other = after(pushed, first.mirror, head="e" * 40)
        assert (other.void, other.pushed, codes(other)) == (True, "e" * 40, ["EGR007"])

    def test_put_back_is_said_and_approvals_stay_void(self) -> None:
        pushed = after(head=THEIRS)
        made = after(replace(REQUEST, pushed=THEIRS), pushed.mirror, at="t2")
        assert (made.void, made.pushed, codes(made)) == (True, None, ["EGR008"])

    def test_a_head_that_postern_made_before_is_no_push(self) -> None:
        """GitLab shows the head of before for a moment after our own push."""
        redrawn = replace(REQUEST, commit=THEIRS)
        made = after(redrawn, own=replace(OWN, heads={OURS, THEIRS}))
        assert (made.void, made.pushed, codes(made)) == (False, None, [])

    @pytest.mark.parametrize("seen", [{"head": THEIRS}, {"state": "closed"}, {"state": "merged"}, {"labels": ()}])
    def test_while_it_is_drawn_anew_nothing_is_judged(self, seen: dict[str, Any]) -> None:
        made = after(replace(REQUEST, state="drafted"), own=replace(OWN, under_way={"open"}), **seen)
        assert (made.to, made.void, made.pushed, codes(made), made.mirror) == (None, False, None, [], BEFORE)

    def test_a_deleted_branch_is_said_once(self) -> None:
        made = after(branch=False)
        assert codes(made) == ["EGR009"]
        assert codes(after(before=made.mirror, branch=False)) == []


class TestLabels:
    def test_one_of_ours_taken_off(self) -> None:
        made = after(labels=())
        assert codes(made) == ["EGR010"]
        assert codes(after(before=made.mirror, labels=())) == []

    def test_one_of_theirs_and_one_of_a_decided_request(self) -> None:
        theirs = after(labels=(LABEL, "later"))
        assert codes(after(before=theirs.mirror)) == []
        assert codes(after(replace(REQUEST, state="decided"), labels=())) == []


class TestApprovalsOfTheForge:
    def test_given_taken_back_and_dropped_by_a_push(self) -> None:
        given_ = after(approvals=("sam",), at="t2")
        assert codes(given_) == ["EGR011"]
        assert "sam@fincorp.example" in say(given_.news[0].finding).says
        assert codes(after(before=given_.mirror, approvals=("sam",))) == []
        assert codes(after(before=given_.mirror, approvals=())) == ["EGR013"]
        assert codes(after(before=given_.mirror, approvals=(), head=THEIRS)) == ["EGR007", "EGR012"]

    def test_they_decide_nothing_here(self) -> None:
        assert after(approvals=("sam", "ines")).to is None

    def test_where_gitlab_does_not_say_nothing_is_known_and_nothing_lost(self) -> None:
        given_ = after(approvals=("sam",))
        unknown = after(before=given_.mirror, approvals=None)
        assert codes(unknown) == []
        assert codes(after(before=unknown.mirror, approvals=("sam",))) == []

    def test_a_merge_takes_no_approval_back(self) -> None:
        given_ = after(approvals=("sam",))
        assert codes(after(replace(REQUEST, state="merged"), given_.mirror, state="merged", approvals=())) == []


class TestPipelines:
    JOB = Job(9, "lint", "test", "https://forge.example/jobs/9", "\x1b[0Kline one\nERROR: exit code 1\n")

    def at(self, state: str, number: int = 5) -> Pipeline:
        return Pipeline(number, state, f"https://forge.example/pipelines/{number}", "t9")

    def test_a_failing_one_names_job_stage_link_and_last_lines(self) -> None:
        made = after(pipeline=self.at("failed"), jobs=(self.JOB, replace(self.JOB, id=10)))
        (news,) = made.news
        said = say(news.finding).says
        assert news.finding.code == "EGR014"
        assert all(word in said for word in ("lint", "stage test", "and 1 more", self.JOB.url))
        assert news.finding.evidence[0].quote == "line one\nERROR: exit code 1"

    def test_a_failing_one_without_jobs(self) -> None:
        assert codes(after(pipeline=self.at("failed"))) == ["EGR015"]

    @pytest.mark.parametrize(
        "state", ["created", "waiting_for_resource", "preparing", "pending", "running", "scheduled"]
    )
    def test_a_running_one_is_kept_and_not_said(self, state: str) -> None:
        made = after(pipeline=self.at(state))
        assert (codes(made), made.mirror["pipeline"]) == ([], [5, state])

    @pytest.mark.parametrize(("state", "code"), [("success", "EGR016"), ("canceled", "EGR017"), ("manual", "EGR017")])
    def test_its_end_is_said_once(self, state: str, code: str) -> None:
        made = after(pipeline=self.at(state))
        assert codes(made) == [code]
        assert codes(after(before=made.mirror, pipeline=self.at(state))) == []

    def test_null_is_no_news(self) -> None:
        """After a push there is none for a moment."""
        passed = after(pipeline=self.at("success"))
        assert codes(after(before=passed.mirror, pipeline=None)) == []

    def test_jobs_are_looked_up_only_for_what_is_to_be_said(self) -> None:
        failed = replace(SEEN, pipeline=self.at("failed"))
        assert wants_jobs(None, failed)
        assert wants_jobs(BEFORE, failed)
        assert not wants_jobs(after(pipeline=self.at("failed")).mirror, failed)
        assert not wants_jobs(BEFORE, replace(SEEN, pipeline=self.at("success")))

    def test_a_merged_request_has_no_pipeline_to_speak_of(self) -> None:
        assert codes(after(replace(REQUEST, state="merged"), state="merged", pipeline=self.at("failed"))) == []


class TestRemarks:
    def test_each_once_short_and_masked(self) -> None:
        token = "glpat-" + "x1Y2z3A4b5C6d7E8f9G0"
        made = after(remarks=(Remark(3, "sam", f"why?\nsee {token} " + "y" * 900),))
        text = say(made.news[0].finding).says
        assert codes(made) == ["EGR018"]
        assert token not in text
        assert "\n" not in text
        assert len(text) < 400
        assert codes(after(before=made.mirror, remarks=(Remark(3, "sam", "edited"),))) == []

    def test_those_from_before_we_looked_are_not_news(self) -> None:
        made = after(before=None, remarks=(Remark(3, "sam", "why?"),))
        assert (codes(made), made.mirror["remark"]) == ([], 3)

    def test_many_at_once_are_the_last_few(self) -> None:
        made = after(remarks=tuple(Remark(number, "sam", "again") for number in range(1, 40)))
        assert [item.mark for item in made.news] == ["35", "36", "37", "38", "39"]


class TestLog:
    def test_colours_sections_stamps_and_bars(self) -> None:
        log = (
            'section_start:1600000000:step_script\r\x1b[0K\x1b[0KExecuting "step_script"\r\n'
            "2026-03-01T10:00:00.123456Z 01O 10%\r50%\r100%\n"
            "2026-03-01T10:00:01.123456Z 01E \x1b[31;1mERROR: Job failed: exit code 1\x1b[0;m\n"
            "section_end:1600000001:step_script\r\x1b[0K\n\n"
        )
        assert last_lines(log) == 'Executing "step_script"\n100%\nERROR: Job failed: exit code 1'

    def test_masked_before_it_is_cut(self) -> None:
        secret = "glpat-" + "x1Y2z3A4b5C6d7E8f9G0"
        assert secret[:10] not in last_lines(f"{'x' * 190}{secret}\nTOKEN={secret}\n")

    @given(st.text(max_size=4000))
    def test_it_is_bounded_whatever_a_job_writes(self, log: str) -> None:
        lines = last_lines(log).split("\n")
        assert len(lines) <= 12
        assert all(len(line) <= 200 and line.isprintable() for line in lines)


SEEN_NOW = st.builds(
    lambda state, head, by, own, branch, labels, approvals: replace(
        SEEN, state=state, head=head, by=by, own=own, branch=branch, labels=labels, approvals=approvals
    ),
    st.sampled_from(["opened", "merged", "closed"]),
    st.sampled_from([OURS, THEIRS]),
    st.sampled_from([None, "sam", "postern"]),
    st.booleans(),
    st.booleans(),
    st.sampled_from([(), (LABEL,)]),
    st.sampled_from([None, (), ("sam",)]),
)


@given(st.sampled_from(STATES), SEEN_NOW, st.sampled_from([(), ("open",), ("merge",), ("close",)]))
def test_whatever_is_shown_twice_is_said_once(state: RequestState, now: Seen, under_way: tuple[str, ...]) -> None:
    own = replace(OWN, under_way=under_way)
    first = step(replace(REQUEST, state=state), BEFORE, now, own)
    moved = replace(REQUEST, state=first.to or state, pushed=first.pushed)
    second = step(moved, first.mirror, now, own)
    assert (second.to, second.news, second.void) == (None, (), False)
    assert second.mirror == first.mirror


@given(st.sampled_from(STATES), SEEN_NOW)
def test_nothing_that_is_shown_decides_a_request(state: RequestState, now: Seen) -> None:
    made = step(replace(REQUEST, state=state), BEFORE, now, OWN)
    assert made.to in (None, "merged", "closed", "waiting", "held")
    if made.to == "merged":
        assert now.state == "merged"
    if state not in OPEN_STATES and state != "closed":
        assert made.to in (None, "merged", "closed")
