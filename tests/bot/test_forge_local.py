"""The local forge on real repositories: opened once, merged once, whatever is repeated, killed or raced."""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from bot.world import forge_local
from bot.world.config_repo import ConfigRepo
from bot.world.forge import Forge, MergeRequest
from bot.world.forge_local import LocalForge
from bot.world.forge_records import is_key
from skills.core.errors import AskUnclear, Mendable, Outdated, Unreachable
from skills.core.messages import say
from skills.core.model import Edit, OpenMergeRequest
from tests.fakes import git_repos

FILES = {"a.yaml": "a: 1\n", "deep/er/b.yaml": "b: 2\n", "README.md": "read me\n"}
KEY = "EG-7F2K"
BRANCH = f"egress/{KEY}"
OPENING = ("committed", "planned", "branch moved", "opened")
MERGING = ("merge committed", "target moved", "merged", "branch deleted")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return git_repos.bare(tmp_path / "allowlist.git", FILES)


def forge(at: Path | str, home: Path, step: Callable[[str], None] = lambda _: None) -> LocalForge:
    return LocalForge(
        ConfigRepo.open(str(at), home=home), home=home, now=lambda: "2026-03-01T10:00:00+00:00", step=step
    )


def effect(at: Path, *edits: Edit, target: str = "main", key: str = KEY, base: str | None = None) -> OpenMergeRequest:
    return OpenMergeRequest(
        request_key=key,
        base=base or git_repos.git(at, "rev-parse", target),
        branch=f"egress/{key}",
        target=target,
        edits=edits or (Edit("a.yaml", "a: 1\n", "a: 1\nb: 2\n"),),
        digest="d1",
        title="Let payments reach api.twilio.com:443",
        body="Because of **SMS**.",
        labels=("egress::needs-approval",),
        reviewers=("sam@fincorp.example",),
        author="dana@fincorp.example",
        created_at="2026-03-01T09:00:00Z",
    )


def refused(code: str, call: Callable[..., object], *args: object, **named: object) -> Mendable:
    with pytest.raises(Mendable) as caught:
        call(*args, **named)
    said = say(caught.value.finding)
    assert (caught.value.code, bool(said.says)) == (code, True)
    assert "{" not in said.says + (said.do or "")
    return caught.value


def branches(at: Path) -> dict[str, str]:
    listed = git_repos.git(at, "for-each-ref", "--format=%(refname:short) %(objectname)", "refs/heads")
    return dict(line.split() for line in listed.splitlines())


def dies_at(step: str, work: Callable[[Callable[[str], None]], object]) -> None:
    """Run `work` in a process that ends without a word at the named step."""

    def kill(at: str) -> None:
        if at == step:
            os._exit(9)

    assert git_repos.dies_in(lambda: work(kill)) == 9, f"never came to {step}"


class TestOpening:
    def test_a_bare_repository(self, repo: Path, home: Path) -> None:
        main = branches(repo)["main"]
        receipt = forge(repo, home).open_or_update(effect(repo))
        found = receipt.merge_request
        assert receipt.created is True
        assert (found.number, found.key, found.state) == (1, KEY, "opened")
        assert (found.source_branch, found.target_branch, found.base) == (BRANCH, "main", main)
        assert branches(repo) == {"main": main, BRANCH: found.head}
        assert git_repos.text_at(repo, BRANCH, "a.yaml") == b"a: 1\nb: 2\n"
        assert git_repos.git(repo, "log", "-1", "--format=%an|%s|%(trailers:key=Requested-by,valueonly)", BRANCH) == (
            "Postern|Let payments reach api.twilio.com:443|dana@fincorp.example"
        )
        assert (found.labels, found.reviewers) == (("egress::needs-approval",), ("sam@fincorp.example",))

    def test_its_url_opens_something_to_read(self, repo: Path, home: Path) -> None:
        url = forge(repo, home).open_or_update(effect(repo)).merge_request.url
        page = Path(unquote(urlsplit(url).path)).read_text()
        assert page.startswith("# !1 Let payments reach api.twilio.com:443\n")
        assert "Because of **SMS**." in page

    def test_twice_is_once(self, repo: Path, home: Path) -> None:
        first = forge(repo, home).open_or_update(effect(repo))
        second = forge(repo, home).open_or_update(effect(repo))
        assert (second.merge_request, second.created) == (first.merge_request, False)

    def test_found_by_key_and_by_number(self, repo: Path, home: Path) -> None:
        opened = forge(repo, home).open_or_update(effect(repo)).merge_request
        assert forge(repo, home).find(KEY) == opened == forge(repo, home).get(1)
        assert forge(repo, home).find("EG-OTHER") is None
        assert forge(repo, home).find("../../etc/passwd") is None
        refused("EGR449", forge(repo, home).get, 2)

    def test_what_is_open_is_known_without_any_row(self, repo: Path, home: Path) -> None:
        kept, merged = (forge(repo, home).open_or_update(effect(repo, key=key)).merge_request for key in (KEY, "EG-2"))
        forge(repo, home).merge(merged.number, merged.head, "sam@fincorp.example")
        assert [(each.key, each.number) for each in forge(repo, home).ours()] == [(KEY, kept.number)]

    def test_two_requests_have_two_numbers(self, repo: Path, home: Path) -> None:
        forge(repo, home).open_or_update(effect(repo))
        other = forge(repo, home).open_or_update(effect(repo, key="EG-2"))
        assert (other.merge_request.number, sorted(branches(repo))) == (2, ["egress/EG-2", BRANCH, "main"])

    def test_a_follow_up_moves_the_same_merge_request(self, repo: Path, home: Path) -> None:
        local = forge(repo, home)
        first = local.open_or_update(effect(repo)).merge_request
        local.approve(1, first.head, "sam@fincorp.example")
        local.label(1, add=["egress::approved"])
        second = local.open_or_update(effect(repo, Edit("a.yaml", "a: 1\n", "a: 9\n"))).merge_request
        assert (second.number, branches(repo)[BRANCH]) == (1, second.head)
        assert second.head != first.head
        assert (second.approvals, second.labels) == ((), ("egress::needs-approval",))

    def test_new_words_for_the_same_change(self, repo: Path, home: Path) -> None:
        local = forge(repo, home)
        first = local.open_or_update(effect(repo)).merge_request
        local.label(1, add=["by-hand"])
        receipt = local.open_or_update(replace(effect(repo), body="Other words", reviewers=("kim@fincorp.example",)))
        found = receipt.merge_request
        assert (receipt.created, found.head, found.body) == (False, first.head, "Other words")
        assert found.labels == ("egress::needs-approval", "by-hand")
        assert found.reviewers == ("kim@fincorp.example", "sam@fincorp.example")

    def test_a_deleted_branch_is_made_again(self, repo: Path, home: Path) -> None:
        first = forge(repo, home).open_or_update(effect(repo)).merge_request
        git_repos.git(repo, "branch", "-D", BRANCH)
        assert forge(repo, home).open_or_update(effect(repo)).merge_request == first
        assert branches(repo)[BRANCH] == first.head

    @pytest.mark.parametrize("before", [True, False])
    def test_a_branch_that_somebody_else_made_or_moved(self, repo: Path, home: Path, before: bool) -> None:
        if not before:
            forge(repo, home).open_or_update(effect(repo))
        theirs = git_repos.commit(repo, {"z.yaml": "z: 1\n"}, branch=BRANCH)
        kept = forge(repo, home).find(KEY)
        failure = refused("EGR443", forge(repo, home).open_or_update, effect(repo))
        assert isinstance(failure, Outdated)
        assert branches(repo)[BRANCH] == theirs
        assert forge(repo, home).find(KEY) == kept

    def test_a_target_that_moved_elsewhere_is_fine(self, repo: Path, home: Path) -> None:
        asked = effect(repo)
        git_repos.commit(repo, {"other.yaml": "o: 1\n"})
        opened = forge(repo, home).open_or_update(asked).merge_request
        assert git_repos.git(repo, "rev-parse", f"{opened.head}^") == asked.base

    @pytest.mark.parametrize("text", ["a: 7\n", None])
    def test_a_target_whose_file_moved_is_not(self, repo: Path, home: Path, text: str | None) -> None:
        asked = effect(repo)
        git_repos.commit(repo, {"a.yaml": text})
        refused("EGR445", forge(repo, home).open_or_update, asked)
        assert BRANCH not in branches(repo)
        assert forge(repo, home).find(KEY) is None

    def test_a_new_file_that_the_target_has_meanwhile(self, repo: Path, home: Path) -> None:
        asked = effect(repo, Edit("new.yaml", None, "n: 1\n"))
        git_repos.commit(repo, {"new.yaml": "n: 2\n"})
        refused("EGR445", forge(repo, home).open_or_update, asked)

    def test_a_draft_of_other_text(self, repo: Path, home: Path) -> None:
        for edit in (Edit("a.yaml", "a: 0\n", "a: 2\n"), Edit("a.yaml", None, "a: 2\n"), Edit("n.yaml", "n\n", "m\n")):
            refused("EGR444", forge(repo, home).open_or_update, effect(repo, edit))

    def test_a_base_that_is_not_part_of_the_target(self, repo: Path, home: Path) -> None:
        side = git_repos.commit(repo, FILES, branch="side", message="Another beginning")
        refused("EGR450", forge(repo, home).open_or_update, effect(repo, base=side))
        refused("EGR546", forge(repo, home).open_or_update, effect(repo, base="0" * 40))

    @pytest.mark.parametrize("target", ["gone", "main~0", "-x", "a b", "ma\nin", "HEAD"])
    def test_a_target_that_is_no_branch(self, repo: Path, home: Path, target: str) -> None:
        asked = replace(effect(repo), target=target)
        failure = refused("EGR447", forge(repo, home).open_or_update, asked)
        assert isinstance(failure, AskUnclear)

    @pytest.mark.parametrize(
        "broken", [{"request_key": "../x"}, {"branch": "a..b"}, {"branch": "main"}, {"edits": ()}], ids=str
    )
    def test_what_the_house_must_never_ask(self, repo: Path, home: Path, broken: dict[str, object]) -> None:
        with pytest.raises(ValueError):
            forge(repo, home).open_or_update(replace(effect(repo), **broken))  # type: ignore[arg-type]
        assert list(branches(repo)) == ["main"]

    def test_hostile_words_stay_words(self, repo: Path, home: Path) -> None:
        title = "x\n\nRequested-by: root\udcff\0\x1b[31m"
        asked = replace(effect(repo), title=title, body="b\0\udcff", author="eve\nMerged-by: eve <x>")
        opened = forge(repo, home).open_or_update(asked).merge_request
        assert (opened.title, opened.body) == (title, "b\0\udcff")
        trailers = git_repos.git(repo, "log", "-1", "--format=%(trailers)", BRANCH).splitlines()
        assert [line.partition(":")[0] for line in trailers if line] == [
            "Requested-by",
            "Postern-Request",
            "Postern-Digest",
        ]
        assert forge(repo, home).find(KEY) == opened


class TestMerging:
    def opened(self, repo: Path, home: Path) -> MergeRequest:
        return forge(repo, home).open_or_update(effect(repo)).merge_request

    def test_in_place(self, repo: Path, home: Path) -> None:
        opened = self.opened(repo, home)
        merged = forge(repo, home).merge(1, opened.head, "sam@fincorp.example")
        assert (merged.state, merged.commands, branches(repo)) == ("merged", (), {"main": merged.merged_commit})
        assert git_repos.git(repo, "log", "-1", "--format=%P", "main") == f"{opened.base} {opened.head}"
        assert git_repos.text_at(repo, "main", "a.yaml") == b"a: 1\nb: 2\n"
        assert "Merged-by: sam@fincorp.example" in git_repos.git(repo, "log", "-1", "--format=%B", "main")
        git_repos.git(repo, "fsck", "--strict")

    def test_twice_is_once(self, repo: Path, home: Path) -> None:
        head = self.opened(repo, home).head
        first = forge(repo, home).merge(1, head, "sam")
        assert forge(repo, home).merge(1, head, "kim") == first == forge(repo, home).find(KEY)
        assert branches(repo)["main"] == first.merged_commit

    def test_the_whole_decision_can_be_repeated(self, repo: Path, home: Path) -> None:
        head = self.opened(repo, home).head
        for _ in range(2):
            forge(repo, home).note(1, "sam", "approve", "approve:sam:d1")
            forge(repo, home).approve(1, head, "sam")
            merged = forge(repo, home).merge(1, head, "sam")
        assert (merged.approvals, len(merged.notes), merged.state) == (("sam",), 1, "merged")

    def test_another_head_of_what_is_merged(self, repo: Path, home: Path) -> None:
        head = self.opened(repo, home).head
        merged = forge(repo, home).merge(1, head, "sam")
        refused("EGR446", forge(repo, home).merge, 1, merged.merged_commit, "sam")
        refused("EGR446", forge(repo, home).approve, 1, merged.merged_commit, "sam")

    def test_opening_again_what_is_merged_changes_nothing(self, repo: Path, home: Path) -> None:
        asked = effect(repo)
        head = forge(repo, home).open_or_update(asked).merge_request.head
        merged = forge(repo, home).merge(1, head, "sam")
        receipt = forge(repo, home).open_or_update(asked)
        assert (receipt.merge_request, receipt.created) == (merged, False)
        assert list(branches(repo)) == ["main"]

    def test_another_change_of_a_merged_request_starts_anew(self, repo: Path, home: Path) -> None:
        head = self.opened(repo, home).head
        forge(repo, home).merge(1, head, "sam")
        again = forge(repo, home).open_or_update(effect(repo, Edit("a.yaml", "a: 1\nb: 2\n", "a: 1\n")))
        assert (again.created, again.merge_request.number, again.merge_request.state) == (True, 2, "opened")
        assert forge(repo, home).find(KEY) == again.merge_request
        assert forge(repo, home).get(1).state == "merged"

    def test_what_else_moved_on_the_target_stays(self, repo: Path, home: Path) -> None:
        head = self.opened(repo, home).head
        git_repos.commit(repo, {"other.yaml": "o: 1\n", "README.md": None})
        forge(repo, home).merge(1, head, "sam")
        names = git_repos.git(repo, "ls-tree", "-r", "--name-only", "main").split()
        assert names == ["a.yaml", "deep/er/b.yaml", "other.yaml"]
        assert git_repos.text_at(repo, "main", "a.yaml") == b"a: 1\nb: 2\n"

    def test_a_touched_file_that_moved(self, repo: Path, home: Path) -> None:
        head = self.opened(repo, home).head
        moved = git_repos.commit(repo, {"a.yaml": "a: 7\n"})
        refused("EGR445", forge(repo, home).merge, 1, head, "sam")
        assert branches(repo) == {"main": moved, BRANCH: head}
        assert forge(repo, home).get(1).state == "opened"

    def test_a_head_that_moved(self, repo: Path, home: Path) -> None:
        head = self.opened(repo, home).head
        theirs = git_repos.commit(repo, {"a.yaml": "a: 7\n"}, branch=BRANCH)
        assert forge(repo, home).get(1).head == theirs
        for seen in (head, theirs, "f" * 40):
            assert isinstance(refused("EGR446", forge(repo, home).merge, 1, seen, "sam"), Outdated)
            refused("EGR446", forge(repo, home).approve, 1, seen, "sam")

    def test_a_target_that_was_rewritten(self, repo: Path, home: Path) -> None:
        head = self.opened(repo, home).head
        side = git_repos.commit(repo, FILES, branch="side", message="Another beginning")
        git_repos.git(repo, "update-ref", "refs/heads/main", side)
        refused("EGR450", forge(repo, home).merge, 1, head, "sam")

    def test_a_target_that_moves_while_it_is_merged(self, repo: Path, home: Path) -> None:
        head = self.opened(repo, home).head
        races: list[str] = []

        def race(step: str) -> None:
            if step == "merge committed" and len(races) < 3:
                races.append(git_repos.commit(repo, {f"race{len(races)}.yaml": "r: 1\n"}))

        merged = forge(repo, home, race).merge(1, head, "sam")
        assert git_repos.git(repo, "rev-parse", f"{merged.merged_commit}^1") == races[-1]
        names = git_repos.git(repo, "ls-tree", "--name-only", "main").split()
        assert {"race0.yaml", "race1.yaml", "race2.yaml"} < set(names)

    def test_a_race_for_the_same_file_is_lost(self, repo: Path, home: Path) -> None:
        head = self.opened(repo, home).head

        def race(step: str) -> None:
            if step == "merge committed":
                git_repos.commit(repo, {"a.yaml": "r\n"})

        refused("EGR445", forge(repo, home, race).merge, 1, head, "sam")
        assert git_repos.text_at(repo, "main", "a.yaml") == b"r\n"

    def test_a_target_that_never_stands_still(self, repo: Path, home: Path) -> None:
        head = self.opened(repo, home).head

        def race(step: str) -> None:
            if step == "merge committed":
                git_repos.commit(repo, {"race.yaml": f"{time.monotonic_ns()}\n"})

        assert isinstance(refused("EGR453", forge(repo, home, race).merge, 1, head, "sam"), Unreachable)

    def test_a_branch_that_was_merged_by_hand(self, tmp_path: Path, repo: Path, home: Path) -> None:
        head = self.opened(repo, home).head
        git_repos.git(tmp_path, "clone", "--quiet", str(repo), "clone")
        git_repos.git(tmp_path / "clone", "merge", "--quiet", "--no-ff", "--no-edit", f"origin/{BRANCH}")
        git_repos.git(tmp_path / "clone", "push", "--quiet", "origin", "main")
        seen = forge(repo, home).get(1)
        assert (seen.state, seen.merged_commit) == ("merged", branches(repo)["main"])
        assert forge(repo, home).merge(1, head, "sam").state == "merged"
        assert list(branches(repo)) == ["main"]

    def test_a_closed_one(self, repo: Path, home: Path) -> None:
        head = self.opened(repo, home).head
        closed = forge(repo, home).close(1, "sam", "not needed")
        assert (closed.state, closed.notes[-1].text, closed.notes[-1].by) == ("closed", "not needed", "sam")
        assert forge(repo, home).close(1, "sam", "not needed") == closed
        refused("EGR448", forge(repo, home).merge, 1, head, "sam")
        refused("EGR448", forge(repo, home).approve, 1, head, "sam")
        assert forge(repo, home).open_or_update(effect(repo)).merge_request == closed
        assert branches(repo)["main"] != head

    def test_a_merged_one_is_not_closed(self, repo: Path, home: Path) -> None:
        forge(repo, home).merge(1, self.opened(repo, home).head, "sam")
        refused("EGR448", forge(repo, home).close, 1, "sam", "too late")

    def test_line_ends_and_modes_reach_the_target(self, tmp_path: Path, home: Path) -> None:
        folder = git_repos.work_tree(tmp_path / "f", {"dos.yaml": b"a: 1\r\n", "x.yaml": "x\n"})
        (folder / "dos.yaml").chmod(0o755)
        git_repos.commit_in(folder, {})
        git_repos.git(tmp_path, "clone", "--quiet", "--bare", str(folder), "b.git")
        asked = effect(tmp_path / "b.git", Edit("dos.yaml", "a: 1\r\n", "a: 1\r\nb: 2\r\n"))
        opened = forge(tmp_path / "b.git", home).open_or_update(asked).merge_request
        forge(tmp_path / "b.git", home).merge(1, opened.head, "sam")
        assert git_repos.text_at(tmp_path / "b.git", "main", "dos.yaml") == b"a: 1\r\nb: 2\r\n"
        assert git_repos.git(tmp_path / "b.git", "ls-tree", "main", "dos.yaml").startswith("100755 ")

    def test_a_shallow_repository(self, tmp_path: Path, repo: Path, home: Path) -> None:
        git_repos.commit(repo, {"other.yaml": "o: 1\n"})
        git_repos.git(tmp_path, "clone", "--quiet", "--bare", "--depth=1", f"file://{repo}", "s.git")
        shallow = tmp_path / "s.git"
        opened = forge(shallow, home).open_or_update(effect(shallow)).merge_request
        assert forge(shallow, home).merge(1, opened.head, "sam").state == "merged"


class TestNotesAndLabels:
    def test_a_note_stands_once_for_its_key(self, repo: Path, home: Path) -> None:
        local = forge(repo, home)
        local.open_or_update(effect(repo))
        for text in ("first", "again"):
            local.note(1, "sam", text, "approve:sam:d1")
        local.note(1, "kim", "second", "hold:kim:d1")
        notes = local.get(1).notes
        assert [(note.by, note.text, note.at) for note in notes] == [
            ("sam", "first", "2026-03-01T10:00:00+00:00"),
            ("kim", "second", "2026-03-01T10:00:00+00:00"),
        ]

    def test_labels_and_approvals(self, repo: Path, home: Path) -> None:
        local = forge(repo, home)
        head = local.open_or_update(effect(repo)).merge_request.head
        found = local.label(1, add=["x", "y"], remove=["egress::needs-approval"])
        assert found.labels == ("x", "y") == local.label(1, add=["x"]).labels
        assert local.approve(1, head, "sam").approvals == ("sam",) == local.approve(1, head, "sam").approvals

    def test_a_record_that_is_damaged(self, repo: Path, home: Path) -> None:
        forge(repo, home).open_or_update(effect(repo))
        (kept,) = (home / "forge").glob("*/requests/*.json")
        kept.write_text("{")
        assert isinstance(refused("EGR452", forge(repo, home).find, KEY), Unreachable)

    @pytest.mark.parametrize("key", ["", ".x", "a/b", "a b", "a..b", "a.lock", "a\n", "x" * 81, "-a", "ä"])
    def test_what_is_no_key(self, key: str) -> None:
        assert not is_key(key)
        assert is_key(KEY)


class TestKilled:
    """kill -9 after every step that lasts, then the same again: one merge request, one commit, one merge."""

    @pytest.mark.parametrize("step", OPENING)
    def test_while_opening(self, repo: Path, home: Path, tmp_path: Path, step: str) -> None:
        asked = effect(repo)
        dies_at(step, lambda kill: forge(repo, home, kill).open_or_update(asked))
        assert (forge(repo, home).find(KEY) is not None) is (step == "opened")
        receipt = forge(repo, home).open_or_update(asked)
        assert receipt.created is (step != "opened")
        self.one_of_everything(repo, home, tmp_path, asked)

    @pytest.mark.parametrize("step", OPENING)
    def test_while_updating(self, repo: Path, home: Path, tmp_path: Path, step: str) -> None:
        forge(repo, home).open_or_update(effect(repo))
        asked = effect(repo, Edit("a.yaml", "a: 1\n", "a: 2\n"))
        dies_at(step, lambda kill: forge(repo, home, kill).open_or_update(asked))
        assert forge(repo, home).open_or_update(asked).created is False
        self.one_of_everything(repo, home, tmp_path, asked)

    @pytest.mark.parametrize("step", OPENING)
    def test_and_then_another_draft(self, repo: Path, home: Path, tmp_path: Path, step: str) -> None:
        dies_at(step, lambda kill: forge(repo, home, kill).open_or_update(effect(repo)))
        asked = effect(repo, Edit("a.yaml", "a: 1\n", "a: 2\n"))
        forge(repo, home).open_or_update(asked)
        self.one_of_everything(repo, home, tmp_path, asked)

    def one_of_everything(self, repo: Path, home: Path, tmp_path: Path, asked: OpenMergeRequest) -> None:
        found = forge(repo, home).get(1)
        undisturbed = git_repos.git(tmp_path, "clone", "--quiet", "--bare", "--single-branch", str(repo), "twin.git")
        assert undisturbed == ""
        twin = forge(tmp_path / "twin.git", tmp_path / "home2").open_or_update(asked).merge_request
        assert (found.head, found.base, found.title) == (twin.head, twin.base, twin.title)
        assert branches(repo) == {"main": asked.base, BRANCH: found.head}
        assert git_repos.git(repo, "rev-list", "--count", f"main..{BRANCH}") == "1"
        assert len(list((home / "forge").glob("*/requests/*.json"))) == 1
        refused("EGR449", forge(repo, home).get, 2)

    @pytest.mark.parametrize("step", MERGING)
    def test_while_merging(self, repo: Path, home: Path, step: str) -> None:
        opened = forge(repo, home).open_or_update(effect(repo)).merge_request
        dies_at(step, lambda kill: forge(repo, home, kill).merge(1, opened.head, "sam"))
        merged = forge(repo, home).merge(1, opened.head, "sam")
        assert (merged.state, merged.head) == ("merged", opened.head)
        assert branches(repo) == {"main": merged.merged_commit}
        assert git_repos.git(repo, "rev-list", "--count", "main") == "3"

    def test_a_killed_writer_leaves_nothing_behind(self, repo: Path, home: Path) -> None:
        forge(repo, home).open_or_update(effect(repo))
        (requests,) = (home / "forge").glob("*/requests")
        (requests / ".writing-1-x.json").write_text("{")
        forge(repo, home).note(1, "sam", "x", "k")
        assert not list(requests.glob(".writing*"))


class TestAtOnce:
    def test_two_processes_open_one(self, repo: Path, home: Path) -> None:
        asked = effect(repo)
        self.race(lambda: forge(repo, home).open_or_update(asked))
        assert forge(repo, home).get(1).head == branches(repo)[BRANCH]
        assert len(list((home / "forge").glob("*/requests/*.json"))) == 1

    def test_two_processes_merge_once(self, repo: Path, home: Path) -> None:
        head = forge(repo, home).open_or_update(effect(repo)).merge_request.head
        self.race(lambda: forge(repo, home).merge(1, head, "sam"))
        assert git_repos.git(repo, "rev-list", "--count", "--merges", "main") == "1"

    def test_one_writer_at_a_time(self, repo: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(forge_local, "_WAIT_SECONDS", 0.05)
        seen: list[str] = []

        def meanwhile(step: str) -> None:
            refused("EGR451", forge(repo, home).open_or_update, effect(repo, key="EG-2"))
            seen.append(step)

        forge(repo, home, meanwhile).open_or_update(effect(repo))
        assert tuple(seen) == OPENING
        assert forge(repo, home).open_or_update(effect(repo, key="EG-2")).merge_request.number == 2

    def test_two_homes_share_a_repository(self, repo: Path, tmp_path: Path) -> None:
        asked = effect(repo)
        first = forge(repo, tmp_path / "one").open_or_update(asked).merge_request
        second = forge(repo, tmp_path / "two").open_or_update(asked).merge_request
        assert first.head == second.head
        refused("EGR443", forge(repo, tmp_path / "three").open_or_update, effect(repo, Edit("a.yaml", "a: 1\n", "x\n")))
        assert forge(repo, tmp_path / "one").merge(1, first.head, "sam").state == "merged"
        assert forge(repo, tmp_path / "two").get(1).state == "merged"

    def race(self, work: Callable[[], object]) -> None:
        """Both start at the same instant, as near as two processes can."""
        start = time.monotonic() + 0.1
        child = os.fork()
        status = 1
        try:
            while time.monotonic() < start:
                pass
            work()
            status = 0
        finally:
            if child == 0:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


class TestFolder:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        return git_repos.work_tree(tmp_path / "my allowlist", FILES)

    def run(self, command: str) -> None:
        env = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@b.example"}
        env |= {"GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@b.example"}
        done = subprocess.run([*shlex.split(command)], capture_output=True, env=env)
        assert done.returncode == 0, done.stderr.decode()

    def merged(self, folder: Path, home: Path, *edits: Edit, key: str = KEY) -> MergeRequest:
        opened = forge(folder, home).open_or_update(effect(folder, *edits, key=key)).merge_request
        return forge(folder, home).merge(opened.number, opened.head, "sam")

    def test_only_a_hidden_copy_is_written_until_the_pull(self, folder: Path, home: Path) -> None:
        git_repos.write(folder, {"README.md": "not committed\n"})
        before = (branches(folder), git_repos.git(folder, "status", "--porcelain"))
        merged = self.merged(folder, home)
        assert (branches(folder), git_repos.git(folder, "status", "--porcelain")) == before
        (command,) = merged.commands
        assert command.startswith(f"git -C {shlex.quote(str(folder))} pull ")
        self.run(command)
        assert (folder / "a.yaml").read_text() == "a: 1\nb: 2\n"
        assert git_repos.git(folder, "rev-parse", "HEAD") == merged.merged_commit

    def test_the_next_request_stands_on_the_merge(self, folder: Path, home: Path) -> None:
        first = self.merged(folder, home)
        source = forge(folder, home).source(lambda path: path.endswith(".yaml"), None)()
        assert (source.commit, source.branch, source.files["a.yaml"]) == (first.merged_commit, "main", b"a: 1\nb: 2\n")
        edit = Edit("a.yaml", "a: 1\nb: 2\n", "a: 1\nb: 2\nc: 3\n")
        asked = effect(folder, edit, key="EG-2", base=source.commit)
        opened = forge(folder, home).open_or_update(asked).merge_request
        second = forge(folder, home).merge(opened.number, opened.head, "sam")
        self.run(second.commands[0])
        assert (folder / "a.yaml").read_text() == "a: 1\nb: 2\nc: 3\n"

    def test_a_draft_on_the_folder_before_the_pull(self, folder: Path, home: Path) -> None:
        self.merged(folder, home)
        refused("EGR445", forge(folder, home).open_or_update, effect(folder, key="EG-2"))
        other = effect(folder, Edit("deep/er/b.yaml", "b: 2\n", "b: 3\n"), key="EG-3")
        assert forge(folder, home).open_or_update(other).created is True

    def test_new_commits_of_the_folder_are_followed(self, folder: Path, home: Path) -> None:
        forge(folder, home).open_or_update(effect(folder))
        git_repos.commit_in(folder, {"c.yaml": "c: 1\n"})
        edit = Edit("c.yaml", "c: 1\n", "c: 2\n")
        assert self.merged(folder, home, edit, key="EG-2").state == "merged"

    def test_a_rewritten_folder_is_followed_while_nothing_is_merged(self, folder: Path, home: Path) -> None:
        forge(folder, home).open_or_update(effect(folder))
        git_repos.git(folder, "commit", "--quiet", "--amend", "--allow-empty", "-m", "Other words")
        assert self.merged(folder, home, key="EG-2").state == "merged"

    def test_a_folder_that_went_its_own_way_must_pull_first(self, folder: Path, home: Path) -> None:
        self.merged(folder, home)
        git_repos.commit_in(folder, {"c.yaml": "c: 1\n"})
        edit = Edit("c.yaml", "c: 1\n", "c: 2\n")
        failure = refused("EGR454", forge(folder, home).open_or_update, effect(folder, edit, key="EG-2"))
        self.run(str(failure.facts["command"]).replace(" pull ", " pull --no-rebase --no-edit "))
        assert self.merged(folder, home, edit, key="EG-2").state == "merged"
        assert (folder / "a.yaml").read_text() == "a: 1\nb: 2\n"

    def test_another_branch_than_the_one_checked_out(self, folder: Path, home: Path) -> None:
        git_repos.git(folder, "checkout", "--quiet", "-b", "feature")
        opened = forge(folder, home).open_or_update(effect(folder)).merge_request
        merged = forge(folder, home).merge(1, opened.head, "sam")
        self.run(merged.commands[0])
        assert branches(folder)["main"] == merged.merged_commit

    def test_changes_that_are_not_committed_are_not_drafted_on(self, folder: Path, home: Path) -> None:
        git_repos.write(folder, {"a.yaml": "a: 5\n"})
        refused("EGR444", forge(folder, home).open_or_update, effect(folder, Edit("a.yaml", "a: 5\n", "a: 6\n")))

    def test_a_shallow_work_tree(self, tmp_path: Path, repo: Path, home: Path) -> None:
        git_repos.commit(repo, {"other.yaml": "o: 1\n"})
        git_repos.git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{repo}", "s")
        assert self.merged(tmp_path / "s", home).state == "merged"

    @pytest.mark.parametrize("step", (*OPENING, *MERGING))
    def test_killed_anywhere(self, folder: Path, home: Path, step: str) -> None:
        def both(kill: Callable[[str], None]) -> object:
            local = forge(folder, home, kill)
            opened = local.open_or_update(asked).merge_request
            return local.merge(opened.number, opened.head, "sam")

        asked = effect(folder)
        dies_at(step, both)
        merged = both(lambda _: None)
        assert isinstance(merged, MergeRequest)
        self.run(merged.commands[0])
        assert git_repos.git(folder, "rev-list", "--count", "main") == "3"

    def test_a_folder_outside_git(self, tmp_path: Path, home: Path) -> None:
        failure = refused("EGR441", forge, git_repos.write(tmp_path / "f", FILES), home)
        assert failure.exit_status == 2
        outer = git_repos.work_tree(tmp_path / "outer", {"sub/a.yaml": "a: 1\n"})
        refused("EGR441", forge, outer / "sub", home)

    def test_a_folder_without_commits_or_branch(self, tmp_path: Path, home: Path, folder: Path) -> None:
        empty = git_repos.work_tree(tmp_path / "empty")
        refused("EGR544", forge(empty, home).source(lambda _: True, None))
        git_repos.git(folder, "checkout", "--quiet", "--detach")
        refused("EGR455", forge(folder, home).source(lambda _: True, None))
        assert forge(folder, home).source(lambda _: True, "main")().branch == "main"

    def test_urls(self, repo: Path, home: Path) -> None:
        assert refused("EGR442", forge, "https://git.example/g/r", home).exit_status == 2
        opened = forge(f"file://{repo}", home).open_or_update(effect(repo)).merge_request
        assert forge(repo, home).find(KEY) == opened


def test_it_is_a_forge(repo: Path, home: Path) -> None:
    interface: Forge = forge(repo, home)
    assert interface.where == str(repo)
