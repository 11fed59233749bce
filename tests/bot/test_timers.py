"""Time goes: each timer is said once and not before, by whichever replica, and nothing is said of what is over.

The clock of these tests is a value that they move. The pass runs on two replicas of the same database.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.app import App
from bot.gather import Where
from bot.sample import files
from bot.turns import ask_for
from bot.world import wire
from skills.core.messages import say
from skills.core.model import Finding, Person, Request
from tests.apps import app_on
from tests.fakes.git_repos import commit, git

pytestmark = pytest.mark.usefixtures("either_database")

DANA, NOOR, SAM, INES = (Person(f"{name}@fincorp.example") for name in ("dana", "noor", "sam", "ines"))
MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
HERE = Where("slack", "slack:T1:C1:1.0")
TWILIO = "payment-gateway must reach api.twilio.com"
DAY = timedelta(days=1)


class Team:
    """Two replicas on one database, and the clock on their wall."""

    def __init__(self, folder: Path, policy: str = "") -> None:
        self.now = MONDAY
        given = dict(files())
        given["egress-policy.yaml"] += policy.encode()
        self.replicas = [app_on(given, folder, clock=lambda: self.now) for _ in range(2)]

    @property
    def app(self) -> App:
        return self.replicas[0]

    def says(self, words: str, who: Person = DANA, where: Where = HERE) -> str:
        return "\n".join(made.text for made in self.app.conversation.hear(words, who, where))

    def asks(self, words: str = TWILIO, reason: str = "SMS") -> Request:
        for said in (words, "draft", f"open because of {reason}"):
            self.says(said)
        return self.row

    @property
    def row(self) -> Request:
        """The oldest request."""
        found: list[Request] = list(self.app.requests())
        return found[0]

    def state(self, key: str) -> str:
        row = self.app.memory.request(key)
        assert row
        return row.request.state

    def look(self) -> list[str]:
        """A pass of one replica, each day of another one, and then of the other if there was anything to say, or the
        week begins; the codes of what was said."""
        first, second = self.replicas[:: 1 if self.now.day % 2 else -1]
        heard = [found.code for found in first.timers.run()]
        if heard or self.now.weekday() == 0:
            heard += [found.code for found in second.timers.run()]
        return heard

    def until(self, day: datetime | timedelta, step: timedelta = DAY) -> list[tuple[int, str]]:
        """Passes until then; when what was said, as days since the first Monday."""
        end = self.now + day if isinstance(day, timedelta) else day
        heard = []
        while self.now < end:
            self.now += step
            heard += [((self.now - MONDAY).days, code) for code in self.look()]
        return heard

    def restarted(self) -> None:
        for app in self.replicas:
            app.__dict__.pop("timers", None)

    def moves(self, path: str, text: str | None) -> None:
        assert self.app.repo.path is not None
        commit(self.app.repo.path, {path: text})

    def text(self, path: str, at: str = "main") -> str:
        assert self.app.repo.path is not None
        return git(self.app.repo.path, "show", f"{at}:{path}") + "\n"

    def posts(self, request: Request) -> Sequence[tuple[str, str]]:
        found = self.app.memory.news(request.key, 50)
        return [(post.channel, say(wire.load(Finding, post.payload)).says) for post in found]


@pytest.fixture
def team(tmp_path: Path) -> Team:
    return Team(tmp_path)


class TestSilence:
    def test_approvers_are_reminded_after_one_day_three_more_then_weekly_and_four_times(self, team: Team) -> None:
        team.asks()
        heard = team.until(22 * DAY)
        assert heard == [(1, "EGR078"), (4, "EGR078"), (11, "EGR078"), (18, "EGR078")]

    def test_a_weekend_is_no_working_day(self, tmp_path: Path) -> None:
        team = Team(tmp_path)
        team.now = MONDAY + 4 * DAY + timedelta(hours=6)  # Friday afternoon
        team.asks()
        assert team.until(timedelta(hours=66), timedelta(hours=6)) == []
        assert team.until(timedelta(hours=6), timedelta(hours=6)) == [(7, "EGR078")]

    def test_who_has_approved_is_not_reminded(self, tmp_path: Path) -> None:
        team = Team(tmp_path)
        team.moves("egress-policy.yaml", _two_needed(team))
        request = team.asks()
        team.says(f"approve {request.key}", SAM)
        team.until(3 * DAY)
        (said,) = [words for _, words in team.posts(request) if "has waited" in words]
        assert "ines@fincorp.example:" in said
        assert "sam@" not in said

    def test_the_merge_request_has_the_note_once(self, team: Team) -> None:
        request = team.asks()
        team.until(2 * DAY)
        found = team.app.forge.find(request.key)
        assert found
        assert [note.key.partition(":")[0] for note in found.notes] == ["remind"]

    def test_delegates_are_told_once_and_get_no_right(self, tmp_path: Path) -> None:
        team = Team(tmp_path, "delegates: {platform-security: [slack:T1:U7]}\n")
        request = team.asks()
        heard = team.until(12 * DAY)
        assert [day for day, code in heard if code == "EGR079"] == [7]
        assert "slack:T1:direct:U7" in [post.channel for post in team.app.memory.posts_todo()]
        assert (
            "asks for an approver" in team.says(f"approve {request.key}", Person("slack:T1:U7"))
            or team.row.state == "waiting"
        )
        assert team.row.state == "waiting"

    def test_without_delegates_nobody_is_escalated_to(self, team: Team) -> None:
        team.asks()
        assert "EGR079" not in [code for _, code in team.until(20 * DAY)]


class TestNobodyDecides:
    def test_it_is_announced_then_closed_and_the_asker_reads_how_to_ask_again(self, team: Team) -> None:
        request = team.asks()
        heard = [item for item in team.until(40 * DAY) if item[1] != "EGR078"]
        assert heard == [(23, "EGR080"), (30, "EGR081")]
        assert team.row.state == "expired"
        found = team.app.forge.find(request.key)
        assert found and found.state == "closed"
        assert any("closed now" in note.text for note in found.notes)
        again = team.asks()
        assert [each.state for each in team.app.requests()] == ["expired", "waiting"]
        assert again.key == request.key

    def test_a_decision_begins_the_count_anew(self, team: Team) -> None:
        request = team.asks()
        team.until(20 * DAY)
        team.says(f"hold {request.key} because of the audit", SAM)
        heard = team.until(29 * DAY)
        assert heard == [(43, "EGR080")]
        assert team.row.state == "held"
        assert team.until(2 * DAY) == [(50, "EGR081")]

    @pytest.mark.parametrize("words", ["withdraw", "reject {key} because of the audit"])
    def test_nothing_is_said_of_what_is_over(self, team: Team, words: str) -> None:
        request = team.asks()
        team.says(words.format(key=request.key), DANA if words == "withdraw" else SAM)
        assert team.row.state in ("withdrawn", "rejected")
        assert team.until(60 * DAY) == []

    def test_a_jump_of_the_clock_closes_nothing_that_was_not_announced(self, team: Team) -> None:
        team.asks()
        team.now += 400 * DAY
        assert team.look() == ["EGR080"]
        assert team.look() == []
        team.now -= 400 * DAY
        assert team.look() == []
        assert (team.row.state, team.until(3 * DAY)) == ("waiting", [])

    def test_a_service_that_was_down_for_long_still_announces_first(self, team: Team) -> None:
        team.asks()
        team.now += 100 * DAY
        assert team.look() == ["EGR080"]
        assert team.until(6 * DAY) == []
        assert [code for _, code in team.until(2 * DAY)] == ["EGR081"]


class TestWithdraw:
    def test_only_the_asker_and_the_merge_request_is_closed(self, team: Team) -> None:
        request = team.asks()
        assert "only they withdraw it" in team.says(f"withdraw {request.key}", SAM)
        assert team.row.state == "waiting"
        assert "took" in team.says(f"withdraw {request.key} because the vendor moved")
        assert team.state(request.key) == "withdrawn"
        found = team.app.forge.find(request.key)
        assert found and (found.state, "the vendor moved" in found.notes[-1].text) == ("closed", True)

    def test_watchers_hear_it(self, team: Team) -> None:
        request = team.asks()
        watcher = Person("slack:T1:U9")
        for words in (TWILIO, "draft", "open because of alerts"):
            team.says(words, watcher, Where("slack", "slack:T1:C2:2.0"))
        team.says(f"withdraw {request.key}")
        told = {post.channel: say(wire.load(Finding, post.payload)).says for post in team.app.memory.posts_todo()}
        assert "took" in told["slack:T1:C2:2.0"]
        assert HERE.thread not in told  # there it was said

    def test_a_friendly_sentence_withdraws_nothing(self, team: Team) -> None:
        team.asks()
        for words in ("please withdraw it if you can", "I think we should withdraw", "withdraw everything"):
            team.says(words)
        assert team.row.state == "waiting"

    def test_from_the_command_line_the_thread_hears_it(self, team: Team) -> None:
        request = team.asks()
        handled = team.app.desk.handle("withdraw", ask_for("withdraw", {"key": request.key}), DANA, Where("cli"))
        assert handled.answer
        assert [channel for channel, _ in team.posts(request)] == [HERE.thread]
        again = team.app.desk.handle("withdraw", ask_for("withdraw", {"key": request.key}), DANA, Where("cli"))
        assert again.answer
        assert len(team.posts(request)) == 1

    def test_what_is_merged_is_not_withdrawn(self, team: Team) -> None:
        request = team.asks()
        team.says(f"approve {request.key}", SAM)
        assert "not open any more" in team.says(f"withdraw {request.key}")
        assert team.row.state == "merged"


class TestAfterTheMerge:
    def test_merged_here_is_said_once_and_becomes_in_force_without_a_word(self, team: Team) -> None:
        request = team.asks()
        assert "since commit" in team.says(f"approve {request.key}", SAM)
        assert team.until(10 * DAY) == [(7, "EGR084")]
        assert team.row.state == "in_force"
        assert "not known here" in team.posts(request)[-1][1]

    def test_works_now_confirms_and_it_is_in_force_a_day_later_in_silence(self, team: Team) -> None:
        request = team.asks()
        team.says(f"approve {request.key}", SAM)
        assert "closed as working when they say so" in team.says("works now", SAM)
        assert team.row.state == "merged"
        team.says("works now")
        assert team.state(request.key) == "confirmed"
        assert team.until(3 * DAY) == []
        assert team.state(request.key) == "in_force"

    def test_still_fails_takes_the_confirmation_back_and_counts_anew(self, team: Team) -> None:
        request = team.asks()
        team.says(f"approve {request.key}", SAM)
        team.says("works now")
        team.says("still fails")
        assert team.row.state == "merged"
        team.until(5 * DAY)
        team.says("still fails")
        assert team.until(6 * DAY) == []
        assert team.until(2 * DAY) == [(12, "EGR084")]

    def test_merged_by_hand_it_is_looked_at_and_said_once(self, team: Team) -> None:
        request = team.asks()
        _merge_by_hand(team, request)
        team.app.follower.sync(team.app.repository)
        assert team.row.state == "merged"
        assert team.look() == ["EGR437"]
        team.restarted()
        assert team.look() == []

    def test_not_effective_yet_is_said_once_and_looked_at_until_it_is(self, team: Team) -> None:
        request = team.asks()
        path = request.paths[0]
        old = team.text(path)
        _merge_by_hand(team, request)
        new = team.text(path)
        team.moves(path, old)
        team.app.follower.sync(team.app.repository)
        assert team.look() == ["EGR438"]
        team.moves("README.md", "Another word.\n")
        team.restarted()
        assert team.look() == []
        team.moves(path, new)
        assert team.look() == ["EGR437"]

    def test_a_revert_is_taken_back_and_a_revert_of_that_stands_again(self, team: Team) -> None:
        request = team.asks()
        path = request.paths[0]
        old = team.text(path)
        team.says(f"approve {request.key}", SAM)
        new = team.text(path)
        assert team.until(8 * DAY) == [(7, "EGR084")]
        team.moves("README.md", "Another word.\n")
        assert team.look() == []
        team.moves(path, old)
        assert team.look() == ["EGR085"]
        team.restarted()
        assert (team.row.state, team.look()) == ("removed", [])
        team.moves(path, new)
        assert (team.look(), team.row.state) == (["EGR086"], "in_force")


class TestLastDay:
    UNTIL = "payment-gateway must reach api.twilio.com until 2026-12-31"

    def in_force(self, team: Team) -> Request:
        request = team.asks(self.UNTIL)
        assert request.until == "2026-12-31"
        team.says(f"approve {request.key}", SAM)
        team.says("works now")
        return request

    def test_its_removal_is_drawn_before_and_needs_an_approval(self, team: Team) -> None:
        request = self.in_force(team)
        assert team.until(datetime(2026, 12, 17, 9, 0, tzinfo=UTC)) == [(24, "EGR087")]
        assert team.until(DAY) == [(25, "EGR078")]  # of the removal, as of any request
        first, removal = team.app.requests()
        assert (first.state, removal.state, removal.remove, removal.ends) == ("expiring", "waiting", True, request.key)
        assert (removal.asked_by, removal.thread) == (DANA.id, HERE.thread)
        assert "somebody else must decide" in team.says(f"approve {removal.key}", DANA)
        team.says(f"approve {removal.key}", SAM)
        heard = [code for _, code in team.until(DAY)]
        assert sorted(heard) == ["EGR090"]
        assert [each.state for each in team.app.requests()] == ["removed", "removed"]
        assert [code for _, code in team.until(60 * DAY)] == []

    def test_where_nobody_decides_it_stands_and_that_is_said(self, team: Team) -> None:
        self.in_force(team)
        heard = [item for item in team.until(datetime(2027, 1, 5, 9, 0, tzinfo=UTC)) if item[1] != "EGR078"]
        assert heard == [(24, "EGR087"), (39, "EGR089")]
        assert team.row.state == "expiring"
        assert "api.twilio.com" in team.text(team.row.paths[0])

    def test_renewed_by_its_asker_the_removal_is_taken_back(self, team: Team) -> None:
        request = self.in_force(team)
        team.until(datetime(2026, 12, 18, 9, 0, tzinfo=UTC))
        words = f"renew {request.key} until 2027-06-30 because the contract runs on"
        assert "only they renew it" in team.says(words, SAM)
        assert "renewed" in team.says(words)
        first, removal = team.app.requests()
        assert (first.until, first.state) == ("2027-06-30", "in_force")
        assert [code for _, code in team.until(DAY)] == ["EGR091"]
        assert team.state(removal.key) == "withdrawn"
        found = team.app.forge.find(removal.key)
        assert found and found.state == "closed"
        heard = [code for _, code in team.until(datetime(2027, 6, 20, 9, 0, tzinfo=UTC))]
        assert [code for code in heard if code != "EGR078"] == ["EGR087"]

    def test_a_reason_is_needed_and_a_day_to_come(self, team: Team) -> None:
        request = self.in_force(team)
        assert "Why is it needed" in team.says(f"renew {request.key} until 2027-06-30")
        assert "2026-01-01" in team.says(f"renew {request.key} until 2026-01-01 because we must")
        assert team.row.until == "2026-12-31"

    def test_removed_by_hand_after_the_day_it_ended_as_meant(self, team: Team) -> None:
        request = self.in_force(team)
        path = request.paths[0]
        team.until(datetime(2026, 12, 18, 9, 0, tzinfo=UTC))
        removal = team.app.forge.find(team.app.requests()[1].key)
        assert removal
        team.moves(path, team.text(path, removal.head))
        team.app.reconcile()
        assert [each.state for each in team.app.requests()] == ["removed", "superseded"]

    def test_a_clock_that_jumps_takes_nothing_away(self, team: Team) -> None:
        request = self.in_force(team)
        before = team.text(request.paths[0])
        team.now += 400 * DAY
        team.look()
        team.now -= 400 * DAY
        team.look()
        assert team.text(request.paths[0]) == before
        assert [each.state for each in team.app.requests()] == ["expiring", "waiting"]
        assert sum("Its removal is drawn" in words for _, words in team.posts(request)) == 1


def _merge_by_hand(team: Team, request: Request) -> None:
    found = team.app.forge.find(request.key)
    assert found and team.app.repo.path
    git(team.app.repo.path, "update-ref", "refs/heads/main", found.head)


def _two_needed(team: Team) -> str:
    text = team.text("egress-policy.yaml")
    return text.replace("    groups: [platform-security]\n", "    groups: [platform-security]\n    needed: 2\n", 1)


NETPOL = """apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny, namespace: shop}
spec: {podSelector: {}, policyTypes: [Egress]}
"""
DEPLOYMENT = """apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  template:
    metadata: {labels: {app: web}}
"""


class TestLastDayInTheFile:
    """NetworkPolicies note the last day in the comment above the rule: there it moves by a merge request."""

    @pytest.fixture
    def team(self, tmp_path: Path) -> Team:
        team = Team.__new__(Team)
        team.now = MONDAY
        policy = files()["egress-policy.yaml"]
        given = {"k8s/shop/deny.yaml": NETPOL.encode(), "k8s/shop/web.yaml": DEPLOYMENT.encode()}
        given |= {"egress-policy.yaml": policy}
        team.replicas = [app_on(given, tmp_path, clock=lambda: team.now) for _ in range(2)]
        return team

    def test_the_day_alone_changes_and_counts_once_it_is_merged(self, team: Team) -> None:
        request = team.asks("shop/web must reach 192.0.2.7:443 until 2026-12-31")
        team.says(f"approve {request.key}", SAM)
        team.says("works now")
        path = request.paths[0]
        before = team.text(path)
        assert "until 2026-12-31" in before
        assert "is open" in team.says(f"renew {request.key} until 2027-06-30 because the contract runs on")
        assert "nothing was opened twice" in team.says(
            f"renew {request.key} until 2027-06-30 because the contract runs on"
        )
        first, renewal = sorted(team.app.requests(), key=lambda each: each.renews or "")
        assert (first.until, renewal.renews, renewal.state) == ("2026-12-31", request.key, "waiting")
        assert "somebody else must decide" in team.says(f"approve {renewal.key}", DANA)
        team.says(f"approve {renewal.key}", SAM)
        assert team.text(path) == before.replace("2026-12-31", "2027-06-30")
        assert [code for _, code in team.until(DAY)] == ["EGR091"]
        first, renewal = sorted(team.app.requests(), key=lambda each: each.renews or "")
        assert (first.until, first.state, renewal.state) == ("2027-06-30", "in_force", "in_force")
        assert [code for _, code in team.until(60 * DAY)] == []
