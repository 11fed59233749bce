"""Two projects on one GitLab and a help desk: what is opened beside a request is opened once, and ends with it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.forges import Forges
from bot.gather import Where
from bot.turns import ask_for
from bot.world.gitlab import Calls, Project
from skills.core.model import Person
from tests.fakes import git_repos
from tests.fakes.gitlab_guard import guarded
from tests.fakes.gitlab_issues import HelpDesk
from tests.fakes.gitlab_people import SAM
from tests.fakes.gitlab_server import TOKEN, Fault, GitLab, serving
from tests.shops import FILES, NEED, Shop, shop_on

pytestmark = pytest.mark.needs("openssl")
ARCHITECTURE, DESK, PAGE = "platform/architecture", "party-bus/help-desk", "docs/pay.md"
EVE = Person("eve@fincorp.example")
THERE = Where("slack", "slack:T1:C2:2.0")


def repository(folder: Path, files: dict[str, str]) -> Path:
    made = git_repos.bare(folder, files)
    subprocess.run(["git", "config", "http.receivepack", "true"], cwd=made, check=True)
    return made


@pytest.fixture
def shop(tmp_path: Path, chain: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """Nothing is asked yet; every call of either project goes past the judge of GitLab's own description."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "GIT_SSL_CAINFO"):
        monkeypatch.delenv(name, raising=False)
    with serving(repository(tmp_path / "server" / "allowlist.git", FILES), chain) as gitlab:
        other = gitlab.beside(repository(tmp_path / "server" / "other.git", {PAGE: "# Pay\n"}), ARCHITECTURE)
        gitlab.desks[DESK] = HelpDesk(f"{gitlab.url}/{DESK}")
        policy = FILES["egress-policy.yaml"] + (
            f"diagrams:\n  - {{workloads: [o/u/pay], repository: {other.clone}, path: {PAGE}}}\n"
            f"help_desk: {{project: {DESK}, platforms: [infrastream]}}\n"
        )
        git_repos.commit(gitlab.repository, {"egress-policy.yaml": policy})
        made = shop_on(gitlab, chain[0], tmp_path / "home")

        def calls(_repo: object, project: str) -> Calls:
            return Calls(Project(gitlab.url, project, TOKEN, str(chain[0])), guarded(), pause=lambda _: None)

        monkeypatch.setattr(Forges, "calls", lambda _forges, repo, project: calls(repo, project))
        yield made


@pytest.fixture
def asked(shop: Shop) -> Shop:
    assert shop.ask("propose", **NEED) == "waiting"
    return shop


def second(shop: Shop) -> GitLab:
    return shop.gitlab.others[ARCHITECTURE]


def states(shop: Shop) -> tuple[str, str]:
    """Of the diagram's merge request and of the ticket."""
    return second(shop).merge_requests[1]["state"], shop.gitlab.desks[DESK].issues[1]["state"]


def remarks(shop: Shop) -> tuple[list[str], list[str]]:
    """What stands at either, each by its first line."""
    notes = second(shop).notes[1], shop.gitlab.desks[DESK].notes.get(1, [])
    return tuple([note["body"].splitlines()[0] for note in each] for each in notes)  # type: ignore[return-value]


def test_three_pages_that_name_each_other(asked: Shop) -> None:
    first, other = asked.gitlab.merge_requests[1], second(asked).merge_requests[1]
    ticket = asked.gitlab.desks[DESK].issues[1]
    assert first["web_url"] in other["description"] and first["web_url"] in ticket["description"]
    said = "\n".join(note["body"] for note in asked.gitlab.notes[1])
    assert other["web_url"] in said and ticket["web_url"] in said
    assert "`b.example`" in second(asked).git("show", f"{other['source_branch']}:{PAGE}")
    assert (other["source_branch"], other["labels"]) == (f"egress/{asked.key}", ["diagram::update"])
    assert asked.follow() == []


def test_rejected_here(asked: Shop) -> None:
    assert asked.decide("reject") == "rejected"
    assert states(asked) == ("closed", "closed")
    assert [len(each) for each in remarks(asked)] == [1, 1]
    assert "closed without being merged" in remarks(asked)[0][0]
    asked.later()
    assert [len(each) for each in remarks(asked)] == [1, 1]


def test_merged_here_and_the_second_is_ready(asked: Shop) -> None:
    assert asked.decide("approve") == "merged"
    assert states(asked) == ("opened", "opened")
    diagram, ticket = remarks(asked)
    assert len(diagram) == len(ticket) == 1
    assert "is merged" in diagram[0] and "Merge this as well" in diagram[0] and "Merge this" not in ticket[0]
    asked.later()
    assert remarks(asked) == (diagram, ticket)


@pytest.mark.parametrize(("merged", "after"), [(False, "closed"), (True, "opened")])
def test_ended_in_gitlab(asked: Shop, merged: bool, after: str) -> None:
    if merged:
        asked.gitlab.merge_by(1, SAM)
    else:
        asked.gitlab.close_by(1, SAM)
    asked.later()
    assert states(asked) == (after, after)
    assert [len(each) for each in remarks(asked)] == [1, 1]


def test_what_is_allowed_meanwhile_needs_neither(asked: Shop) -> None:
    path = "organization/p.yaml"
    git_repos.commit(asked.gitlab.repository, {path: FILES[path] + "    - b.example\n"})
    asked.later()
    assert asked.row.state == "superseded"
    assert states(asked) == ("closed", "closed")


def test_a_second_that_could_not_be_opened_is_opened_by_the_next_round(shop: Shop) -> None:
    shop.gitlab.faults.append(Fault("POST", "architecture/merge_requests$", 503, times=9))
    assert shop.ask("propose", **NEED) == "waiting"
    assert second(shop).merge_requests == {}
    shop.gitlab.faults.clear()
    shop.later()
    assert second(shop).merge_requests[1]["state"] == "opened"
    assert {link.what for link in shop.row.links} == {"ticket", "diagram"}


def kept_here(shop: Shop) -> None:
    """From now on the policy keeps the diagram in the allowlist's own repository."""
    policy = FILES["egress-policy.yaml"] + f"diagrams:\n  - {{workloads: [o/u/pay], path: {PAGE}}}\n"
    git_repos.commit(shop.gitlab.repository, {"egress-policy.yaml": policy})


def test_a_second_that_a_new_drawing_leaves_behind_is_closed_once(asked: Shop) -> None:
    kept_here(asked)
    assert asked.ask("propose", redraw=asked.key) == "waiting"
    assert second(asked).merge_requests[1]["state"] == "closed"
    assert "kept elsewhere" in remarks(asked)[0][0]
    assert PAGE in asked.gitlab.git("show", "--name-only", f"egress/{asked.key}")
    assert asked.decide("approve") == "merged"
    asked.later()
    assert len(remarks(asked)[0]) == 1


def test_a_second_that_was_not_opened_yet_is_not_opened_after_that(shop: Shop) -> None:
    shop.gitlab.faults.append(Fault("POST", "architecture/merge_requests$", 503, times=9))
    assert shop.ask("propose", **NEED) == "waiting"
    kept_here(shop)
    assert shop.ask("propose", redraw=shop.key) == "waiting"
    shop.gitlab.faults.clear()
    shop.later()
    assert second(shop).merge_requests == {}


def test_a_second_that_was_never_opened_stays_so_once_the_first_is_over(shop: Shop) -> None:
    shop.gitlab.faults.append(Fault("POST", "architecture/merge_requests$", 503, times=9))
    assert shop.ask("propose", **NEED) == "waiting"
    assert shop.decide("reject") == "rejected"
    shop.gitlab.faults.clear()
    shop.later()
    assert second(shop).merge_requests == {}
    assert shop.gitlab.desks[DESK].issues[1]["state"] == "closed"


@pytest.mark.parametrize("path", ["architecture/merge_requests/1$", "issues/1$", "issues/1/notes$"])
def test_an_end_that_fails_is_tried_again_and_holds_nobody_up(asked: Shop, path: str) -> None:
    asked.gitlab.faults.append(Fault("PUT|POST", path, 503, times=9))
    assert asked.decide("reject") == "rejected"
    assert "opened" in states(asked)
    asked.gitlab.faults.clear()
    asked.later()
    assert states(asked) == ("closed", "closed")
    assert [len(each) for each in remarks(asked)] == [1, 1]


def test_labels_follow_the_decision_and_are_no_news(asked: Shop) -> None:
    there = asked.gitlab.merge_requests[1]
    assert there["labels"] == [
        *("egress::needs-approval", "dialect::infrastream"),
        *("environment::production", "risk::low"),
    ]
    there["labels"].append("team::theirs")
    asked.follow()
    asked.gitlab.statuses = ["conflict"] * 9
    assert asked.decide("approve") == "EGR496"
    assert asked.row.state == "waiting"
    assert {"egress::needs-approval", "team::theirs"} <= set(there["labels"]) and "egress::approved" not in there[
        "labels"
    ]
    assert asked.follow() == []
    asked.gitlab.statuses = []
    assert asked.decide("approve") == "merged"
    assert {"egress::approved", "team::theirs"} <= set(there["labels"])
    assert "egress::needs-approval" not in there["labels"]


def test_a_label_that_can_not_be_put_on_holds_no_decision_up(asked: Shop) -> None:
    asked.gitlab.faults.append(Fault("PUT", "merge_requests/1$", 403))
    assert asked.decide("approve") == "merged"


def test_a_rejected_one_says_so(asked: Shop) -> None:
    asked.decide("reject")
    assert asked.gitlab.merge_requests[1]["labels"][-1] == "egress::rejected"
    assert "egress::needs-approval" not in asked.gitlab.merge_requests[1]["labels"]


class TestSecondAsker:
    @staticmethod
    def asks(shop: Shop, where: Where = THERE) -> str:
        handled = shop.app.desk.handle("propose", ask_for("propose", NEED), EVE, where)
        assert handled.answer, handled.problem
        return handled.answer.findings[0].code

    def test_finds_the_first_and_says_so_at_the_merge_request_once(self, asked: Shop) -> None:
        assert [self.asks(asked), self.asks(asked)] == ["EGR411", "EGR411"]
        assert asked.row.watchers == (EVE.id,)
        said = [note["body"] for note in asked.gitlab.notes[1] if "asked for the same" in note["body"]]
        assert len(said) == 1 and "eve" in said[0]
        assert len(asked.gitlab.merge_requests) == 1
        assert asked.follow() == []

    def test_hears_the_news_in_the_thread_of_their_own(self, asked: Shop) -> None:
        self.asks(asked)
        asked.gitlab.close_by(1, SAM)
        assert asked.follow() == ["EGR004"]
        assert [post.channel for post in asked.app.memory.posts_todo()] == ["slack:T1:C1:1.0", THERE.thread]
        assert len(asked.news) == 1
        assert asked.follow() == []
        assert len(asked.app.memory.posts_todo()) == 2

    def test_hears_it_once_where_both_asked_in_one_thread(self, asked: Shop) -> None:
        self.asks(asked, Where("slack", "slack:T1:C1:1.0"))
        asked.gitlab.close_by(1, SAM)
        asked.follow()
        assert len(asked.app.memory.posts_todo()) == 1

    def test_stands_in_the_text_when_it_is_drawn_anew(self, asked: Shop) -> None:
        self.asks(asked)
        path = "organization/p.yaml"
        git_repos.commit(asked.gitlab.repository, {path: f"# ours\n{FILES[path]}"})
        assert asked.ask("propose", redraw=asked.key) == "waiting"
        assert "**watched by** eve" in asked.gitlab.merge_requests[1]["description"]

    def test_a_note_that_fails_is_left_by_the_next_round(self, asked: Shop) -> None:
        asked.gitlab.faults.append(Fault("POST", "notes$", 503))
        assert self.asks(asked) == "EGR411"
        asked.later()
        assert sum("asked for the same" in note["body"] for note in asked.gitlab.notes[1]) == 1


def test_a_reason_is_no_quick_action(asked: Shop) -> None:
    shown = {"key": asked.key, "digest": asked.row.digest}
    assert asked.ask("decide", Person("sam@fincorp.example"), verb="reject", reason="/reopen", **shown) == "rejected"
    written = [note["body"] for note in asked.gitlab.notes[1]]
    assert any("\\/reopen" in body for body in written)
    assert not any(line.startswith("/") for body in written for line in body.splitlines())
