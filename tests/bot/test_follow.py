"""Requests follow their merge requests: people act in GitLab, webhooks tell or are lost, rows and threads hear of it.

The application on the fake GitLab, every call past the judge of GitLab's own description of its API.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.app import App
from bot.settings import Settings
from bot.turns import ask_for
from bot.world import wire
from bot.world.config_repo import ConfigRepo
from bot.world.gitlab import GitLabForge
from skills.core.errors import Unreachable
from skills.core.model import Finding, Person
from skills.replies import reply
from tests.fakes import git_repos
from tests.fakes.gitlab_people import BOT, INES, SAM
from tests.fakes.gitlab_server import Fault, GitLab
from tests.shops import DANA, FILES, NEED, THREAD, Shop
from tests.worlds import NOW

pytestmark = pytest.mark.needs("openssl")


def test_merged_outside_without_a_decision(shop: Shop) -> None:
    commit = shop.gitlab.merge_by(1, SAM)
    assert shop.follow() == ["EGR002"]
    assert (shop.row.state, shop.row.commit) == ("merged", commit)
    assert "sam merged" in shop.news[-1]
    assert shop.follow() == []
    assert shop.decide("approve") == "EGR430"


def test_closed_and_reopened_outside(shop: Shop) -> None:
    shop.gitlab.close_by(1, INES)
    assert (shop.follow(), shop.row.state) == (["EGR004"], "closed")
    assert "ines closed" in shop.news[-1]
    shop.gitlab.reopen_by(1)
    assert (shop.follow(), shop.row.state) == (["EGR005"], "waiting")
    assert shop.decide("approve") == "merged"
    assert shop.follow() == []


def test_what_somebody_closed_is_not_opened_again_because_the_target_moved(shop: Shop) -> None:
    """The webhook of the closing was lost, and the push to the target comes before the next poll."""
    shop.gitlab.close_by(1, INES)
    git_repos.commit(shop.gitlab.repository, MOVED)
    assert shop.app.renewal.renew() == ()
    assert (shop.row.state, list(shop.gitlab.merge_requests)) == ("closed", [1])
    assert "ines closed" in shop.news[-1]


def test_what_can_not_be_looked_at_is_drawn_anew_by_the_next_pass(shop: Shop) -> None:
    git_repos.commit(shop.gitlab.repository, MOVED)
    shop.gitlab.faults.append(Fault("GET", "merge_requests/1", 503, times=9))
    with pytest.raises(Unreachable):
        shop.app.renewal.renew()
    shop.gitlab.faults.clear()
    assert [found.code for found in shop.app.renewal.renew()] == ["EGR059"]


def test_a_held_request_is_held_again_when_it_is_reopened(shop: Shop) -> None:
    assert shop.decide("hold") == "held"
    shop.gitlab.close_by(1)
    shop.follow()
    shop.gitlab.reopen_by(1)
    assert (shop.follow(), shop.row.state) == (["EGR005"], "held")


def test_our_own_decisions_never_come_back_as_news(shop: Shop) -> None:
    assert shop.decide("hold") == "held"
    assert shop.follow() == []
    assert shop.decide("approve") == "merged"
    assert shop.follow() == []
    assert [said for said in shop.news if "on hold" not in said] == []  # the hold is told where it was asked


def test_a_rejected_request_stays_rejected_when_somebody_reopens_it(shop: Shop) -> None:
    assert shop.decide("reject") == "rejected"
    assert shop.follow() == []
    shop.gitlab.reopen_by(1)
    assert (shop.follow(), shop.row.state) == (["EGR006"], "rejected")
    assert shop.decide("approve") == "EGR430"


class TestPushed:
    def test_nobody_approves_what_was_not_shown(self, shop: Shop) -> None:
        head = shop.gitlab.push(1)
        assert shop.follow() == ["EGR007"]
        assert shop.row.pushed == head
        assert shop.decide("approve") == "EGR019"
        assert shop.gitlab.merge_requests[1]["state"] == "opened"
        assert shop.follow() == []

    def test_an_approval_from_before_the_push_counts_no_more_even_when_the_branch_is_put_back(self, shop: Shop) -> None:
        git_repos.commit(shop.gitlab.repository, {"egress-policy.yaml": TWO})
        assert shop.ask("propose", redraw=shop.key) == "waiting"
        assert shop.follow() == []
        ours = shop.row.commit
        assert ours
        assert shop.decide("approve") == "waiting"
        shop.gitlab.push(1)
        assert shop.follow() == ["EGR007"]
        assert "sam@fincorp.example" in shop.news[-1]
        shop.gitlab.force(1, ours)
        assert (shop.follow(), shop.row.pushed) == (["EGR008"], None)
        assert shop.decide("approve", Person("ines@fincorp.example")) == "waiting"  # Sam's does not count
        assert shop.decide("approve") == "merged"

    def test_a_push_before_anybody_looked_is_refused_by_the_merge_itself(self, shop: Shop) -> None:
        shop.gitlab.push(1)
        assert shop.decide("approve") == "EGR446"
        assert shop.gitlab.merge_requests[1]["state"] == "opened"
        assert (shop.follow(), shop.row.state) == (["EGR007"], "waiting")
        assert shop.row.decisions == ()

    def test_a_push_that_nobody_saw_before_it_is_drawn_anew_leaves_the_request_waiting(self, shop: Shop) -> None:
        """It can't be drawn anew, since that branch is somebody else's work now; it does not stay half drawn either."""
        head = shop.gitlab.push(1)
        git_repos.commit(shop.gitlab.repository, MOVED)
        assert shop.ask("propose", redraw=shop.key) == "EGR443"
        assert (shop.row.state, shop.row.pushed) == ("waiting", head[:12])
        assert shop.decide("approve") == "EGR019"
        assert (shop.follow(), shop.row.pushed) == (["EGR007"], head)
        assert shop.gitlab.tip(shop.row.branch) == head

    def test_what_somebody_pushed_to_is_not_drawn_anew_by_itself(self, shop: Shop) -> None:
        head = shop.gitlab.push(1)
        before = shop.row
        git_repos.commit(shop.gitlab.repository, MOVED)
        assert shop.app.renewal.renew() == ()
        assert (shop.row.state, shop.row.digest, shop.row.pushed) == ("waiting", before.digest, head)
        assert "Somebody pushed" in shop.news[-1]

    def test_a_deleted_branch(self, shop: Shop) -> None:
        shop.gitlab.cut_branch(1)
        assert shop.follow() == ["EGR009"]
        assert shop.follow() == []


MOVED = {"organization/p.yaml": "# moved\n" + FILES["organization/p.yaml"]}
TWO = (
    FILES["egress-policy.yaml"]
    .replace("[sam@fincorp.example]", "[sam@fincorp.example, ines@fincorp.example]")
    .replace("groups: [sec]}", "groups: [sec], needed: 2}")
)


def test_approvals_in_gitlab_are_shown_and_decide_nothing(shop: Shop) -> None:
    shop.gitlab.approve_by(1, SAM)
    assert (shop.follow(), shop.row.state) == (["EGR011"], "waiting")
    shop.gitlab.push(1)
    assert shop.follow() == ["EGR007", "EGR012"]
    shop.gitlab.approve_by(1, INES)
    shop.follow()
    shop.gitlab.unapprove_by(1, INES)
    assert shop.follow() == ["EGR013"]


@pytest.mark.parametrize("status", [403, 404])
def test_a_gitlab_that_does_not_tell_of_approvals(shop: Shop, status: int) -> None:
    shop.gitlab.approvals_status = status
    shop.gitlab.approve_by(1, SAM)
    assert shop.follow() == []


def test_a_label_taken_off(shop: Shop) -> None:
    shop.gitlab.take_label(1, "egress::needs-approval")
    assert shop.follow() == ["EGR010"]
    assert shop.follow() == []


def test_a_label_that_reads_like_a_decision_is_none(shop: Shop) -> None:
    for label in ("egress::approved", "egress::rejected", "lovely"):
        shop.gitlab.merge_requests[1]["labels"].append(label)
        shop.gitlab.touch(1)
        assert shop.follow() == ([] if label == "lovely" else ["EGR1647"])
    assert (shop.row.state, shop.row.decisions) == ("waiting", ())
    assert shop.decide("approve") == "merged"
    assert shop.follow() == []


class TestLabelsByHand:
    def test_who_put_it_on_is_named_and_it_is_taken_off(self, shop: Shop) -> None:
        shop.gitlab.put_label(1, "egress::approved", INES)
        shop.gitlab.merge_requests[1]["labels"].remove("egress::needs-approval")  # as GitLab keeps one of a scope
        assert shop.follow() == ["EGR1647"]
        assert shop.news[-1].startswith("ines put the label egress::approved")
        shop.later()
        labels = set(shop.gitlab.merge_requests[1]["labels"])
        assert {"egress::approved", "egress::needs-approval"} & labels == {"egress::needs-approval"}
        assert (shop.row.state, shop.follow()) == ("waiting", [])
        assert shop.decide("approve") == "merged"
        assert "egress::approved" in shop.gitlab.merge_requests[1]["labels"]

    def test_one_that_postern_put_on_itself_is_no_news(self, shop: Shop) -> None:
        """It was approved and void again while GitLab was read."""
        shop.gitlab.put_label(1, "egress::approved", BOT)
        assert shop.follow() == []
        assert "egress::approved" in shop.gitlab.merge_requests[1]["labels"]

    def test_where_gitlab_does_not_say_who_it_is_somebody(self, shop: Shop) -> None:
        shop.gitlab.label_events_status = 403
        shop.gitlab.put_label(1, "egress::rejected")
        assert shop.follow() == ["EGR1647"]
        assert shop.news[-1].startswith("Somebody put the label egress::rejected")

    def test_other_labels_are_theirs(self, shop: Shop) -> None:
        shop.gitlab.put_label(1, "lovely", INES)
        assert shop.follow() == []
        shop.later()
        assert "lovely" in shop.gitlab.merge_requests[1]["labels"]


def test_what_people_write_is_told_and_what_few_may_read_is_not(shop: Shop) -> None:
    shop.gitlab.comment_by(1, "Why <!channel> this host?")
    shop.gitlab.comment_by(1, "only for members", internal=True)
    shop.gitlab.comment_by(1, "added 1 commit", system=True)
    shop.gitlab.comment_by(1, "ours", BOT)
    assert shop.follow() == ["EGR018"]
    assert "Why <!channel> this host?" in shop.news[-1]
    assert shop.follow() == []


class TestPipelines:
    def test_null_running_failed_and_passed(self, shop: Shop) -> None:
        assert shop.follow() == []
        shop.gitlab.pipeline(1, "running")
        assert shop.follow() == []
        secret = "glpat-" + "x1Y2z3A4b5C6d7E8f9G0"
        shop.gitlab.pipeline(
            1, "failed", ("lint", "test", f"$ make\nTOKEN={secret}\nERROR: exit 1\n"), ("e2e", "late", "")
        )
        assert shop.follow() == ["EGR014"]
        assert "lint" in shop.news[-1]
        assert "and 1 more" in shop.news[-1]
        found = wire.load(Finding, shop.app.memory.news(shop.key)[-1].payload)
        quote = found.evidence[0].quote
        assert quote.endswith("ERROR: exit 1")
        assert secret not in quote
        assert shop.follow() == []
        shop.gitlab.pipeline(1, "success")
        assert shop.follow() == ["EGR016"]

    def test_a_job_whose_log_can_not_be_read(self, shop: Shop) -> None:
        shop.gitlab.pipeline(1, "failed", ("lint", "test", "words"))
        shop.gitlab.faults.append(Fault("GET", "/trace$", 403))
        assert shop.follow() == ["EGR014"]

    def test_a_log_of_many_megabytes_is_read_to_its_end(self, shop: Shop) -> None:
        shop.gitlab.pipeline(1, "failed", ("lint", "test", "x" * 3_000_000 + "\nERROR: exit 1\n"))
        assert shop.follow() == ["EGR014"]
        found = wire.load(Finding, shop.app.memory.news(shop.key)[-1].payload)
        assert found.evidence[0].quote.endswith("\nERROR: exit 1")
        assert len(found.evidence[0].quote) < 3000


def test_what_happened_while_a_merge_waits_is_said(shop: Shop) -> None:
    shop.gitlab.statuses = ["ci_must_pass"] * 30
    assert shop.decide("approve") == "EGR495"
    assert shop.row.state == "decided"
    shop.gitlab.pipeline(1, "failed", ("lint", "test", "words"))
    assert shop.follow() == ["EGR014"]
    shop.gitlab.merge_by(1, INES)
    assert (shop.follow(), shop.row.state) == (["EGR001"], "merged")
    shop.app.finish_what_was_left()
    assert (shop.follow(), shop.row.state) == ([], "merged")


def test_somebody_moved_the_row_while_the_forge_was_read(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read may be older than what the other one read: it is read again, and said once."""
    look, looks = GitLabForge.look, []

    def slowly(self: GitLabForge, number: int) -> object:
        seen = look(self, number)
        looks.append(seen)
        if len(looks) == 1:
            shop.follow()
        return seen

    monkeypatch.setattr(GitLabForge, "look", slowly)
    shop.gitlab.close_by(1)
    assert shop.follow() == []
    assert len(looks) == 3  # the first, the other one's, and the first again
    assert len(shop.news) == 1


def test_the_poll_heals_what_a_lost_webhook_would_have_told(shop: Shop) -> None:
    shop.gitlab.close_by(1)
    shop.app.reconcile()
    assert (shop.row.state, len(shop.news)) == ("closed", 1)
    shop.gitlab.reopen_by(1)
    synced = shop.app.follower.sync(shop.app.repository)
    assert (synced.looked_at, list(synced.news)) == (1, [shop.key])


def test_a_gitlab_that_does_not_answer_changes_nothing(shop: Shop) -> None:
    shop.gitlab.close_by(1)
    shop.gitlab.faults.append(Fault("GET", "merge_requests/1", 503, times=9))
    with pytest.raises(Unreachable):
        shop.follow()
    assert list(shop.app.follower.sync(shop.app.repository).problems) == [shop.key]
    assert shop.row.state == "waiting"


def test_a_merge_request_that_is_gone(shop: Shop) -> None:
    shop.gitlab.merge_requests.clear()
    assert shop.follow() == []
    assert shop.row.state == "waiting"


class TestLocalForge:
    """The same for the embedded default: a branch that is pushed, deleted or merged by hand."""

    @pytest.fixture
    def shop(self, tmp_path: Path) -> Shop:
        repository = git_repos.bare(tmp_path / "allowlist.git", FILES)
        settings = Settings.from_env({"POSTERN_HOME": str(tmp_path / "home"), "HOME": str(tmp_path)})
        app = App(settings, ConfigRepo.open(str(repository), home=tmp_path / "home"), clock=lambda: NOW)
        made = Shop(app, GitLab(repository))
        assert made.ask("propose", **NEED) == "waiting"
        branch = {"source_branch": made.row.branch, "target_branch": "main", "state": "opened", "sha": ""}
        made.gitlab.merge_requests[1] = dict(branch)
        assert made.follow() == []
        return made

    def test_merged_by_hand(self, shop: Shop) -> None:
        commit = shop.gitlab.merge_by(1, keep_branch=True)
        assert shop.follow() == ["EGR002"]
        assert (shop.row.state, shop.row.commit) == ("merged", commit)
        assert shop.follow() == []

    def test_pushed_and_put_back(self, shop: Shop) -> None:
        ours = shop.row.commit
        assert ours
        head = shop.gitlab.push(1)
        assert (shop.follow(), shop.row.pushed) == (["EGR007"], head)
        assert shop.decide("approve") == "EGR019"
        shop.gitlab.force(1, ours)
        assert (shop.follow(), shop.row.pushed) == (["EGR008"], None)
        assert shop.decide("approve") == "merged"
        assert shop.follow() == []

    def test_deleted(self, shop: Shop) -> None:
        shop.gitlab.cut_branch(1)
        assert shop.follow() == ["EGR009"]
        assert shop.follow() == []

    def test_rejected_here(self, shop: Shop) -> None:
        assert shop.decide("reject") == "rejected"
        assert shop.follow() == []


def test_why_names_a_merge_request_that_was_not_ours(shop: Shop) -> None:
    """Somebody else's branch and merge request bring a host; GitLab knows who approved and who merged it."""
    gitlab, path = shop.gitlab, "organization/p.yaml"
    text = FILES[path] + "    - theirs.example\n"
    gitlab.git("branch", "theirs", "main")
    commit = git_repos.commit(gitlab.repository, {path: text}, branch="theirs", message="Theirs")
    gitlab.create({"source_branch": "theirs", "target_branch": "main", "title": "Theirs"})
    gitlab.approve_by(2, INES)
    gitlab.merge_by(2, SAM)
    ask = ask_for("why", {"for": "pay", "to": ("theirs.example",)})
    answer = shop.app.desk.handle("why", ask, DANA, THREAD).answer
    assert answer is not None
    (rule,) = answer.data["rules"]
    there = gitlab.merge_requests[2]["web_url"]
    assert (rule["commit"], rule["merge_request"], rule["approved_by"], rule["request"]) == (
        commit,
        there,
        ["ines"],
        None,
    )
    said = reply("why", answer).text
    assert f"{there}, approved there by ines, merged by sam; not by a request of Postern's" in said
    gitlab.faults.append(Fault("GET", "commits/.*/merge_requests$", 500, times=9))
    answer = shop.app.desk.handle("why", ask, DANA, THREAD).answer
    assert answer is not None and answer.data["rules"][0]["merge_request"] is None
